"""What was signed, remembered outside the data base, so that a restored older data base is noticed.

One JSON file, {"version": 1, "heads": {origin: [size, root as base64]}}, replaced whole and durably (write, fsync,
rename, fsync of the folder). It is written after the commit of the checkpoints it names: it may lag behind, it never
runs ahead.
Several processes may share it: each adds what it signed under a lock, and the larger size of a log stays. A
file that cannot be read is an alarm, because "nothing remembered" would let a rolled-back log be signed again.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consent.ledger.errors import LedgerAlarm, Malformed
from consent.ledger.formats import note
from consent.ledger.formats.checkpoint import Checkpoint
from vault.storage import durable

VERSION = 1
PLACE = "remembered heads"
"""What an alarm about the file itself names in place of a log's origin."""


@dataclass(frozen=True, slots=True)
class Memory:
    """The second copy of the newest signed heads, at `path`."""

    path: Path

    def load(self) -> dict[str, Checkpoint]:
        """The remembered heads by origin; no file yet remembers nothing. Raises LedgerAlarm for a damaged one."""
        try:
            text = self.path.read_text(encoding="ascii")
        except FileNotFoundError:
            return {}
        except UnicodeDecodeError as error:
            raise LedgerAlarm(PLACE, "the file is damaged") from error
        try:
            return _heads(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, Malformed) as error:
            raise LedgerAlarm(PLACE, "the file is damaged") from error

    def save(self, heads: Mapping[str, Checkpoint]) -> None:
        """Add these heads durably, keeping the larger of two sizes; raises LedgerAlarm for two roots of one size."""
        with self._locked():
            kept = self.load()
            merged = _merged(kept, heads)
            if merged != kept:
                self._replace(merged)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # The lock has a file of its own: the other is replaced, and a lock on a replaced file locks nobody out.
        lock = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _replace(self, heads: Mapping[str, Checkpoint]) -> None:
        kept = {name: [at.size, note.b64(at.root)] for name, at in sorted(heads.items())}
        text = json.dumps({"version": VERSION, "heads": kept}, indent=1)
        durable.replace(self.path, f"{text}\n".encode())


def _heads(found: dict[str, Any]) -> dict[str, Checkpoint]:
    if found["version"] != VERSION:
        raise ValueError("a file of another version")
    return {origin: _head(origin, *kept) for origin, kept in found["heads"].items()}


def _head(origin: str, size: object, root: str) -> Checkpoint:
    if type(size) is not int or size < 0:
        raise ValueError("a size is a whole number")
    return Checkpoint(origin, size, note.unb64(root))


def _merged(kept: Mapping[str, Checkpoint], fresh: Mapping[str, Checkpoint]) -> dict[str, Checkpoint]:
    merged = dict(kept)
    for origin, head in fresh.items():
        known = merged.get(origin)
        if known and known.size == head.size and known.root != head.root:
            raise LedgerAlarm(origin, f"two different heads of size {head.size} were signed")
        if known is None or head.size > known.size:
            merged[origin] = head
    return merged
