"""The watch over honey persons: whoever opens one raises an alarm and notices nothing.

Every place that opens people's values tells the watch whom it opened; ordinary and honey persons cost the same
here, one MAC and one look into a set that is at most 60 seconds old. The alarm's row is written by a thread of
its own, so that no answer waits for it. Should the process die first, the committed use is still in the ledger,
and `consent.people.honey.sweep` finds it there: an alarm's id follows from the use, so it is never written twice.
"""

import hmac
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from vault.honey.tables import honey
from vault.ids import Bucket, SubjectId, encode_id, mint_id
from vault.storage.database import Database
from vault.storage.rowset import RowSet

TTL_SECONDS = 60.0
_log = logging.getLogger("perusal.vault")


class Source(StrEnum):
    """By which door a honey person was opened; or that an alias or planted persons were seen,
    which speaks of whom they were given to.
    """

    READ = "read"
    EXPORT = "export"
    FIND = "find"
    SCAN = "scan"
    DUMP = "dump"
    ALIAS = "alias"
    PLANTED = "planted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Somebody was opened: by which door, by whom, where the record of it stands; `at_ms` is Unix milliseconds.

    `who` is the id of a recipient or the name of a staff key, `place` names a ledger entry or another record.
    """

    bucket: Bucket
    subject: SubjectId
    source: Source
    who: str
    place: str
    at_ms: int


class ServiceKeys(Protocol):
    """Whatever can give the vault's service keys by name."""

    def service_key(self, name: str) -> bytes: ...


def mac_of(keys: ServiceKeys, subject: SubjectId) -> bytes:
    """What the data base knows a honey person by, 32 bytes."""
    return hmac.digest(keys.service_key("honey"), b"pv1/honey" + subject, "sha256")


_RAISE = RowSet(
    "WITH {rows} INSERT INTO alarm (bucket, id, mac, source, who, place, at) "
    "SELECT bucket, id, mac, source, who, place, at FROM rows WHERE true "
    "ON CONFLICT (bucket, id) DO NOTHING RETURNING bucket, id",
    bucket="int",
    id="bytes",
    mac="bytes",
    source="text",
    who="text",
    place="text",
    at="int",
)


class HoneyWatch:
    """One process's watch. Thread-safe."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._macs: frozenset[bytes] = frozenset()
        self._loaded_at = float("-inf")
        self._writer: ThreadPoolExecutor | None = None
        self._pending: list[Future[None]] = []
        self._listener: Callable[[str], None] = _say

    def on_alarm(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the name of every new alarm."""
        self._listener = listener

    def refresh(self) -> None:
        """Read again who is watched, at the next look: somebody was planted here."""
        self._loaded_at = float("-inf")

    def note(self, data: Database, keys: ServiceKeys, seen: Iterable[Sighting]) -> None:
        """Somebody was opened; raises nothing, changes no answer and does not wait."""
        macs = self._known(data)
        if not macs:
            return
        key = keys.service_key("honey")
        made = [(hmac.digest(key, b"pv1/honey" + one.subject, "sha256"), one) for one in seen]
        rows = [_row(key, mac, one) for mac, one in made if mac in macs]
        if rows:
            self._queue(data, rows)

    def settle(self) -> None:
        """Wait until every alarm that was raised so far is written."""
        with self._lock:
            waiting, self._pending = self._pending, []
        for future in waiting:
            future.result()

    def raise_now(self, data: Database, keys: ServiceKeys, seen: Iterable[Sighting]) -> int:
        """Write the alarms of sightings that are known to be honey persons'; how many were new."""
        key = keys.service_key("honey")
        return self._write(data, [_row(key, mac_of(keys, one.subject), one) for one in seen])

    def _known(self, data: Database) -> frozenset[bytes]:
        if self._clock() - self._loaded_at >= TTL_SECONDS:
            try:
                with data.read() as conn:
                    self._macs = frozenset(conn.execute(select(honey.c.mac)).scalars())
                self._loaded_at = self._clock()
            except SQLAlchemyError as error:
                _log.error("who is watched could not be read: %s", type(error).__name__)
        return self._macs

    def _queue(self, data: Database, rows: Sequence[tuple[object, ...]]) -> None:
        with self._lock:
            if self._writer is None:
                self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="alarms")
            self._pending = [future for future in self._pending if not future.done()]
            self._pending.append(self._writer.submit(self._write_or_say, data, rows))

    def _write_or_say(self, data: Database, rows: Sequence[tuple[object, ...]]) -> None:
        try:
            self._write(data, rows)
        except SQLAlchemyError as error:
            _log.critical("%d alarms could not be written: %s", len(rows), type(error).__name__)

    def _write(self, data: Database, rows: Sequence[tuple[object, ...]]) -> int:
        with data.write() as conn:
            new = _RAISE(conn, rows)
        for _, alarm in new:
            self._listener(encode_id("alm", alarm))
        return len(new)


def _row(key: bytes, mac: bytes, seen: Sighting) -> tuple[object, ...]:
    about = f"{seen.source.value}\0{seen.who}\0{seen.place}".encode()
    entropy = hmac.digest(key, b"pv1/alarm" + mac + about, "sha256")[:8]
    name = mint_id(seen.bucket, seen.at_ms, entropy)
    return (seen.bucket, name, mac, seen.source.value, seen.who, seen.place, seen.at_ms)


def _say(alarm: str) -> None:
    _log.critical("alarm raised: %s", alarm)
