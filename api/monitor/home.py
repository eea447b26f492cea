"""A monitor's folder: who it is, and what it has seen.

| file         | content                                              |
|--------------|------------------------------------------------------|
| `key`        | name and Ed25519 seed in base64, one line            |
| `monitor.db` | what it has seen (`consent.ledger.monitor.store`)     |
| `alerts`     | every alert it ever raised, one JWS a line           |
| `evidence/`  | the proofs of lies among them, each a file for `perusal verify` |
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from api.secret_file import first_line
from consent.ledger import note
from consent.ledger.errors import Malformed
from consent.ledger.monitor import store
from consent.ledger.monitor.alerts import Alert
from consent.ledger.monitor.store import MonitorStore
from vault.durable import replace, write_new
from vault.storage import open_database


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
        name, _, text = first_line(file).partition(" ")
        try:
            seed = note.unb64(text)
        except Malformed:
            seed = b""
        if len(seed) != 32 or not note.good_name(name):
            raise NoMonitor("a key file that holds no key of a monitor")
        return Monitor(name, seed)

    @contextmanager
    def opened(self) -> Iterator[MonitorStore]:
        """What it has seen; raises NoMonitor where that is gone."""
        if not self._record.is_file():
            raise NoMonitor(f"{self._record.name} is gone: nothing says what was seen")
        with closing(open_database(f"sqlite:///{self._record}")) as data:
            yield MonitorStore(data)

    def create(self, name: str) -> Monitor:
        """A new monitor called `name`; raises NoMonitor where one is, and for what is no name."""
        if not note.good_name(name):
            raise NoMonitor("a name has no blanks, no plus and no control characters")
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (self.path / "key").exists() or self._record.exists():
            raise NoMonitor("the folder holds a monitor already")
        made = Monitor(name, secrets.token_bytes(32))
        store.create(self._record)
        # Last: without it there is no monitor.
        write_new(self.path / "key", f"{name} {note.b64(made.seed)}\n".encode())
        return made

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
