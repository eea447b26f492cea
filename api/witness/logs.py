"""The logs a witness knows, read again whenever their file has changed, so that a new key needs no restart.

A log begins every year and changes its key now and then. A file that cannot be read leaves the keys as they were, and
says so once.
"""

from pathlib import Path

from api.events import Event, log_event
from consent.ledger.errors import Malformed
from consent.ledger.formats.note import VerifierKey
from consent.ledger.witnesses.witnessing import Logs, known_logs

type _Stamp = tuple[int, int, int]


class LogsFile:
    """The keys by origin of the file at `path`; what is held is replaced whole, so any thread may ask."""

    def __init__(self, path: Path) -> None:
        """Raises Malformed or OSError: a witness that begins must know its logs."""
        self._path = path
        self._held: tuple[_Stamp, Logs] = (self._stamp(), read_logs(path))

    def __call__(self) -> Logs:
        """The logs as the file says now."""
        try:
            stamp = self._stamp()
            if stamp != self._held[0]:
                self._held = (stamp, self._read_or_keep())
        except OSError:
            pass  # it is being replaced, or is gone: what was known stays known
        return self._held[1]

    def _read_or_keep(self) -> Logs:
        try:
            return read_logs(self._path)
        except (Malformed, UnicodeDecodeError):
            log_event(Event.LOGS_UNREADABLE)
            return self._held[1]

    def _stamp(self) -> _Stamp:
        found = self._path.stat()
        return (found.st_mtime_ns, found.st_size, found.st_ino)


def read_logs(path: Path) -> Logs:
    """The keys by origin in the file; raises Malformed, UnicodeDecodeError or OSError."""
    return known_logs(path.read_text(encoding="utf-8"))


def add_logs(path: Path, policy: Path) -> tuple[VerifierKey, ...]:
    """Add the keys of another policy file that are not there yet; returns those. Raises like `read_logs`."""
    known = {key for keys in read_logs(path).values() for key in keys}
    given = (key for keys in read_logs(policy).values() for key in keys)
    fresh = tuple(key for key in given if key not in known)
    if fresh:
        text = path.read_text(encoding="utf-8").rstrip("\n")
        lines = [text] if text else []
        changed = path.with_name(f"{path.name}.new")
        changed.write_text("\n".join([*lines, *(f"log {key}" for key in fresh), ""]), encoding="utf-8")
        changed.replace(path)
    return fresh
