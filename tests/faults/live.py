"""A real server of a real installation, in a process of its own that a test may kill.

The installation is made by `perusal init`; the test opens its vault a second time to make tokens and to
count, exactly as another process would. Only processes started here are ended, by their own id.
"""

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from api.cli.installation import settings_mapping
from api.demo.programs import environment, perusal
from api.sealing.opening import opened_vault
from api.settings import Settings
from tests.backends import Backend
from tests.bench.load import Outcome, drive
from vault.opening import Vault

PATIENCE = 180.0


@dataclass(slots=True)
class Live:
    """One installation and its server, which may be down."""

    home: Path
    starts: int = 0
    url: str = ""
    options: Sequence[str] = ()
    program: Sequence[str] = ("-m", "api")
    """What this Python runs in place of `perusal`."""
    _process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def settings(self) -> Settings:
        """The settings the server runs with."""
        return Settings.from_mapping(settings_mapping(self.home))

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.starts += 1
        ready = self.home / f"ready-{id(self)}-{self.starts}.json"
        command = [sys.executable, *self.program, "serve", "--dir", str(self.home), "--port", "0"]
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*command, "--ready-file", str(ready), *self.options],
                stdout=output,
                stderr=output,
                env=environment(),
            )
        try:
            self._wait_for(self._process, ready)
        except BaseException:
            self.kill()  # whoever could not start it has nothing to stop it with
            raise
        self.url = json.loads(ready.read_text())["url"]

    def _wait_for(self, process: subprocess.Popen[bytes], ready: Path) -> None:
        deadline = time.monotonic() + PATIENCE
        while not ready.exists():
            assert process.poll() is None, self.log.read_text(errors="replace")[-2000:]
            assert time.monotonic() < deadline, "the server did not become ready"
            time.sleep(0.01)

    def kill(self) -> None:
        """kill -9, now."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(PATIENCE)

    def stop(self) -> int:
        """SIGTERM, and the exit code; a server that is down already is left alone."""
        if self._process is None or self._process.poll() is not None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def send(
        self, requests: Sequence[bytes], *, connections: int = 16, outcome: Outcome | None = None
    ) -> Outcome:
        """Send prepared requests over many connections and wait for the end of it."""
        where = urlsplit(self.url)
        assert where.hostname is not None
        assert where.port is not None
        return asyncio.run(
            drive(where.hostname, where.port, min(connections, len(requests)), requests, outcome)
        )

    def send_and_kill(self, requests: Sequence[bytes], after: int, *, connections: int = 16) -> Outcome:
        """Send, and kill the server when `after` answers have arrived; what arrived in full is in the outcome."""
        where = urlsplit(self.url)
        outcome = Outcome()
        sender = threading.Thread(
            target=lambda: asyncio.run(
                drive(where.hostname or "", where.port or 0, connections, requests, outcome)
            )
        )
        sender.start()
        deadline = time.monotonic() + PATIENCE
        while len(outcome.latencies) < after and sender.is_alive() and time.monotonic() < deadline:
            time.sleep(0.0002)
        self.kill()
        sender.join(PATIENCE)
        return outcome


@contextmanager
def installation(home: Path, backend: Backend) -> Iterator[tuple[Live, Vault]]:
    """`perusal init` on empty data bases of the given kind; the server is stopped when the block ends."""
    given: list[str] = []
    if backend.name == "postgresql":
        given = ["--database-url", backend.data_url, "--key-database-url", backend.keys_url, "--buckets", "4"]
    perusal("init", "--dir", home, *given)
    live = Live(home)
    try:
        with opened_vault(live.settings()) as vault:
            yield live, vault
    finally:
        live.stop()
