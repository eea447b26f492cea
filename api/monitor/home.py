"""A monitor's folder: who it is, and what it has seen.

| file         | content                                              |
|--------------|------------------------------------------------------|
| `key`        | the Ed25519 key, one line (`consent.ledger.formats.secret_line`) |
| `monitor.db` | what it has seen (`consent.ledger.monitor.store`)     |
| `alerts`     | every alert it ever raised, one JWS a line           |
| `evidence/`  | the proofs of lies among them, each a file for `perusal verify` |
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from api.sealing.secret_file import first_line
from consent.ledger.errors import Malformed
from consent.ledger.formats import secret_line
from consent.ledger.monitor import store
from consent.ledger.monitor.alerts import Alert
from consent.ledger.monitor.store import MonitorStore
from vault.storage.durable import replace, write_new


class NoMonitor(Exception):
    """The folder holds no monitor, holds one already, or its key is not one."""

    code = "no_monitor"


@dataclass(frozen=True, slots=True)
class Monitor:
    """Who signs the alerts."""

    name: str
    seed: bytes

    def __repr__(self) -> str:
        return f"Monitor({self.name})"


@dataclass(frozen=True, slots=True)
class MonitorHome:
    """The folder at `path`."""

    path: Path

    def monitor(self) -> Monitor:
        """Name and key; raises NoMonitor or ExposedSecret."""
        file = self.path / "key"
        if not file.is_file():
            raise NoMonitor("the folder holds no monitor; make one with: perusal monitor init")
        try:
            key, seed = secret_line.read(first_line(file))
        except Malformed:
            raise NoMonitor("a key file that holds no key of a monitor") from None
        return Monitor(key.name, seed)

    @contextmanager
    def opened(self) -> Iterator[MonitorStore]:
        """What it has seen; raises NoMonitor where that is gone."""
        if not self._record.is_file():
            raise NoMonitor(f"{self._record.name} is gone: nothing says what was seen")
        with store.opened(self._record) as memory:
            yield memory

    def create(self, name: str) -> Monitor:
        """A new monitor called `name`; raises NoMonitor where one is, and for what is no name."""
        try:
            key, seed = secret_line.of(name, secrets.token_bytes(32))
        except Malformed as error:
            raise NoMonitor(str(error)) from None
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (self.path / "key").exists() or self._record.exists():
            raise NoMonitor("the folder holds a monitor already")
        store.create(self._record)
        # Last: without it there is no monitor.
        write_new(self.path / "key", secret_line.line_of(key, seed).encode())
        return Monitor(name, seed)

    def write_alert(self, text: str) -> None:
        """Add an alert to the file of all of them."""
        path = self.path / "alerts"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())

    def write_evidence(self, alert: Alert) -> None:
        """Keep the proof that an alert carries as a file of its own, named by alarm, place and log; once."""
        log = hashlib.sha256(alert.origin.encode()).hexdigest()[:8]
        path = self.path / "evidence" / f"{alert.alarm.value}-{alert.at}-{log}.json"
        if alert.evidence and not path.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            replace(path, alert.evidence)

    def alerts(self) -> list[str]:
        """Every alert that was written, oldest first."""
        path = self.path / "alerts"
        return path.read_text(encoding="ascii").splitlines() if path.is_file() else []

    @property
    def _record(self) -> Path:
        return self.path / "monitor.db"
