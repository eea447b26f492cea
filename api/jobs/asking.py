"""Asking one witness to cosign the newest checkpoint of a log (C2SP tlog-witness, the client's side).

The witness is told which size it is thought to have cosigned last, and says which it was when that is wrong.
What comes back is stored only after it was verified (`consent.ledger.witnesses.collecting`). A witness that has seen more
of the log than stands here, or something else, keeps the log from being signed: a restored data base looks like
that, and so does a witness that lies. Where it can show a head that the log itself signed, that head is
remembered beside the data base for ever; where it cannot, its word holds the log only while it stands by it.
"""

from contextlib import suppress
from enum import StrEnum
from typing import Final

from api.clock import Clock
from api.jobs.holds import Holds
from api.outward.fetching import Answer, FetchFailed, guarded_get, guarded_post
from api.witnesses import Station
from consent.ledger import published
from consent.ledger.errors import LedgerAlarm, Malformed, Unproven
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.origin import LogId, origin_of
from consent.ledger.published import Published
from consent.ledger.publishing import log_keys
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.signer import Signer
from consent.ledger.witnesses import collecting
from consent.ledger.witnesses.submission import ADD, SIZE_TYPE, reading_path
from vault.storage.database import Database

_TRIES: Final = 3
"""One to learn the size, one to submit, and one because another process may have submitted in between."""


class Outcome(StrEnum):
    """What came of asking."""

    COSIGNED = "cosigned"
    NOTHING_NEW = "nothing_new"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    NOT_ITS_WORD = "not_its_word"
    AHEAD = "ahead"
    INCONSISTENT = "inconsistent"


SOUND: Final = frozenset({Outcome.COSIGNED, Outcome.NOTHING_NEW})


class Asking:
    """Asks one witness; one thread at a time."""

    def __init__(
        self, data: Database, signer: Signer, station: Station, clock: Clock, memory: Memory, holds: Holds
    ) -> None:
        self._data, self._signer, self._station = data, signer, station
        self._clock, self._memory, self._holds = clock, memory, holds
        self._known: dict[LogId, int] = {}  # the size it cosigned last, as far as we know

    def ask(self, log: LogId) -> Outcome:
        """Have the newest checkpoint of `log` cosigned, if this witness has not done so in the last ten minutes."""
        at = self._newest(log)
        if at is None or not self._wants(at):
            return Outcome.NOTHING_NEW
        try:
            return self._asked(at)
        except FetchFailed:
            return Outcome.UNREACHABLE
        except (Malformed, Unproven):
            return Outcome.NOT_ITS_WORD

    def _asked(self, at: Published) -> Outcome:
        old = min(self._known.get(at.log, 0), at.size)
        for _ in range(_TRIES):
            answer = self._submit(at, old)
            if answer.status == 200:
                return self._keep(at, answer.body)
            if answer.status == 422:
                return self._differs(at)
            if answer.status != 409 or answer.content_type != SIZE_TYPE:
                return Outcome.REFUSED
            size = collecting.size_in(answer.body)
            if size > at.size:
                # Another process may have signed and submitted a newer one in the meantime.
                at = self._newest(at.log) or at
            if size > at.size:
                return self._ahead(at, size)
            old = size
        return Outcome.REFUSED

    def _keep(self, at: Published, answer: bytes) -> Outcome:
        now_ms = self._clock()
        lines = collecting.lines_in(answer, at, self._station.keys, now_ms // 1000)
        collecting.keep(self._data, at, lines, now_ms)
        self._known[at.log] = at.size
        self._holds.release(at.log, self._station.name)
        return Outcome.COSIGNED

    def _ahead(self, at: Published, size: int) -> Outcome:
        """It says that it cosigned more than there is here: nothing more is signed while it says so."""
        reason = f"witness {self._station.name} has cosigned size {size}, beyond ours"
        self._holds.hold(at.log, self._station.name, reason)
        head = self._shown(at)
        if head is not None and head.size > at.size:
            self._remember(head)
        return Outcome.AHEAD

    def _differs(self, at: Published) -> Outcome:
        """It says that ours does not continue what it cosigned; that counts when it can show what that was."""
        head = self._shown(at)
        if head is None:
            return Outcome.INCONSISTENT
        with self._data.read() as conn:
            reason = collecting.contradiction(conn, at, head)
        if reason is not None:
            self._holds.hold(at.log, self._station.name, reason)
            self._remember(head)
        return Outcome.INCONSISTENT

    def _remember(self, head: Checkpoint) -> None:
        # Where another head of that size is remembered the log is held already, and the publisher finds the same.
        with suppress(LedgerAlarm):
            self._memory.save({head.origin: head})

    def _shown(self, at: Published) -> Checkpoint | None:
        """The head the witness shows, if the log itself signed it."""
        origin = origin_of(self._signer.ledger_host, at.log)
        with self._data.read() as conn:
            keys = log_keys.every(conn, self._signer, at.log)
        try:
            answer = guarded_get(
                self._station.url + reading_path(origin), "text/plain", guard=self._station.guard
            )
            head = collecting.shown_by(answer.body, keys)
        except (FetchFailed, Malformed, Unproven):
            return None
        return head if answer.status == 200 else None

    def _submit(self, at: Published, old: int) -> Answer:
        with self._data.read() as conn:
            body = bytes(collecting.submission(conn, at, old))
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        return guarded_post(self._station.url + ADD, body, headers, guard=self._station.guard)

    def _newest(self, log: LogId) -> Published | None:
        with self._data.read() as conn:
            return published.newest(conn, log)

    def _wants(self, at: Published) -> bool:
        with self._data.read() as conn:
            return collecting.wants(conn, at, self._station.keys, self._clock() // 1000)
