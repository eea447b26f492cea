"""A thread that takes jobs and does them, one at a time, until it is told to stop.

A job's function gets a `report(stage, done, total)` to call now and then: it shows progress and keeps the
lease. What the function raises becomes the job's code: a domain error's own, else `internal_error`, which is
logged by class and place.
"""

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from api.clock import Clock
from api.events import Event, log_event, log_unexpected
from api.jobs.lease import Job, LeaseLost, fail, finish, report, take
from breach.errors import BreachError
from consent.errors import ConsentError
from consent.ledger.errors import LedgerError
from vault.errors import VaultError
from vault.ids import encode_id
from vault.storage.database import Database

type Report = Callable[[str, int, int], None]
type Work = Callable[[Mapping[str, Any], Report], str | None]
"""Does a job with its payload and returns the name of what it made."""

POLL_S = 1.0
_REPORT_EVERY_MS = 500


@dataclass(frozen=True, slots=True)
class _Failed:
    code: str


class Worker:
    """Does the jobs whose kind it knows."""

    def __init__(self, database: Database, clock: Clock, work: Mapping[str, Work]) -> None:
        self._database = database
        self._clock = clock
        self._work = work
        self._owner = secrets.token_hex(8)
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is something to do: do not wait for the next look."""
        self._woken.set()

    def stop(self) -> None:
        """Finish nothing more; a job in hand is left to its lease and resumed by the next worker."""
        self._stopping.set()
        self._woken.set()
        self._thread.join(timeout=10)

    def do_one(self) -> bool:
        """Take and do one job; False when there was none."""
        taken = take(self._database, self._owner, self._clock())
        if taken is None:
            return False
        outcome = self._attempt(taken)
        kind, name = taken.kind, encode_id("job", taken.id)
        try:
            if isinstance(outcome, _Failed):
                fail(self._database, taken, outcome.code, self._clock())
                log_event(Event.JOB_FAILED, job=name, kind=kind, code=outcome.code)
            else:
                finish(self._database, taken, self._clock(), outcome)
                log_event(Event.JOB_FINISHED, job=name, kind=kind)
        except LeaseLost:
            pass  # whoever owns it now will say how it ended
        return True

    def _attempt(self, taken: Job) -> str | _Failed | None:
        work = self._work.get(taken.kind)
        if work is None:
            return _Failed("unknown_kind")
        try:
            return work(taken.payload, self._reporting(taken))
        except LeaseLost:
            raise
        except (VaultError, ConsentError, LedgerError, BreachError) as error:
            return _Failed(error.code)
        except Exception as error:  # noqa: BLE001 - the edge of the job runner
            log_unexpected(error)
            return _Failed("internal_error")

    def _reporting(self, taken: Job) -> Report:
        """Progress towards the data base, at most twice a second, and on every change of stage."""
        told_stage, told_at = "", 0

        def progress(stage: str, done: int, total: int) -> None:
            nonlocal told_stage, told_at
            if self._stopping.is_set():
                raise LeaseLost("the server is stopping")
            now_ms = self._clock()
            if stage != told_stage or now_ms >= told_at + _REPORT_EVERY_MS:
                report(self._database, taken, stage, done, total, now_ms)
                told_stage, told_at = stage, now_ms

        return progress

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                busy = self.do_one()
            except LeaseLost:
                continue
            except Exception as error:  # noqa: BLE001 - a data base that is away for a moment must not end the thread
                log_unexpected(error)
                busy = False
            if not busy:
                self._woken.wait(POLL_S)
                self._woken.clear()
