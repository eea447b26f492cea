"""A thread that signs what the ledger has grown by, every second, and every minute looks over the logs that
have not grown, sweeps what has run out, ends what was given for a time (guardianships, questions to somebody
trusted), indexes what has not been indexed for an hour, closes the logs of years that are over, and seals
hashes of the marked values that were served.

An alarm (stored data that disagree with what was signed, or with what a witness has seen) is logged once for
each log and reason, and nothing is signed for that log until a person has looked; the server goes on answering,
because spending uses is still recorded.
"""

import threading
from collections.abc import Callable
from functools import partial

from api.clock import Clock
from api.edge.attempts import sweep_attempts
from api.edge.kept import sweep_kept
from api.edge.sessions import Lifetime, sweep_sessions
from api.events import Event, log_event, log_unexpected
from api.jobs.holds import Holds
from api.jobs.retention import enqueue_daily
from consent.accounts.one_time_codes import sweep_codes
from consent.erasure.retention import end_over
from consent.ledger.ending.closing import carry_over, close_due
from consent.ledger.errors import LedgerAlarm
from consent.ledger.indexes.indexing import make_due
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.marks.seals import seal_due
from consent.signing.replay import forget_expired
from vault.opening import Vault

_SWEEP_MS = 60_000


class Publisher:
    """Publishes the logs of one installation."""

    def __init__(
        self,
        vault: Vault,
        clock: Clock,
        memory: Memory,
        lifetime: Lifetime,
        every_s: float,
        holds: Holds | None = None,
        before: Callable[[], None] | None = None,
    ) -> None:
        self._vault = vault
        self._clock = clock
        self._memory = memory
        self._lifetime = lifetime
        self._every_s = every_s
        self._holds = holds or Holds()
        self._before = before  # what is done once before anything is signed
        self._signer = Signer.of(vault)
        self._swept_at = 0
        self._alarmed: set[tuple[str, str]] = set()
        self._unsigned: frozenset[str] = (
            frozenset()
        )  # the origins that could not be signed since all were looked over
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Publish once more, so that everything answered before the stop is covered, and end."""
        self._stopping.set()
        self._thread.join(timeout=30)

    def publish_once(self, *, thorough: bool = True) -> None:
        """Sign every log that grew; look over those that rest too where it is to be `thorough`."""
        known = frozenset[str]() if thorough else self._unsigned
        self._unsigned = known
        try:
            published = publish(
                self._vault.data,
                self._signer,
                self._clock(),
                memory=self._memory,
                held=self._holds.reasons(),
                thorough=thorough,
            )
        except LedgerAlarm as alarm:
            self._unsigned = known | {one.origin for one in alarm.every}
            self._tell(alarm)
            return
        if published:
            log_event(Event.PUBLISHED, count=len(published))

    def _tell(self, found: LedgerAlarm) -> None:
        for alarm in found.every:
            if (alarm.origin, alarm.reason) not in self._alarmed:
                self._alarmed.add((alarm.origin, alarm.reason))
                log_event(Event.LEDGER_ALARM, code=alarm.code, where=alarm.origin, reason=alarm.reason)

    def _minute_is_over(self) -> bool:
        return self._clock() >= self._swept_at + _SWEEP_MS

    def _sweep(self) -> None:
        now_ms = self._clock()
        self._swept_at = now_ms
        with self._vault.data.write() as conn:
            sweep_sessions(conn, now_ms, self._lifetime)
            sweep_attempts(conn, now_ms)
            sweep_codes(conn, now_ms)
            sweep_kept(conn, now_ms)
            forget_expired(conn, now_ms)
            enqueue_daily(conn, now_ms)
        seal_due(self._vault, now_ms)
        self._index(now_ms)
        end_over(self._vault, now_ms)

    def _index(self, now_ms: int) -> None:
        """Put everybody's count into the logs that have grown, and end those of past years; the next round signs it."""
        data, host = self._vault.data, self._vault.installation.ledger_host
        for step in (make_due, partial(close_due, held=self._unsigned), carry_over):
            try:
                step(data, host, now_ms)
            except LedgerAlarm as alarm:
                self._tell(alarm)

    def _prepare(self) -> None:
        if self._before is not None:
            self._before()
            self._before = None

    def _run(self) -> None:
        while True:
            stopping = self._stopping.wait(self._every_s)
            try:
                self._prepare()
                minute = self._minute_is_over()
                self.publish_once(thorough=minute)
                if minute:
                    self._sweep()
            except Exception as error:  # noqa: BLE001 - a data base that is away for a moment must not end the thread
                log_unexpected(error)
            if stopping:
                return
