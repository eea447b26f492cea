"""Threads that have new checkpoints cosigned: one for each witness, so that none waits for another, and a watch.

They run beside the publisher and hold nothing: appending and signing go on at their own pace, whatever
witnesses do. A witness that fails is named in the event log once, and again when it is well. A log that no
quorum has covered for fifteen minutes raises an alarm, and the log says when that is over.
"""

import threading
from collections.abc import Callable
from typing import Final

from api.clock import Clock
from api.events import Event, log_event, log_unexpected
from api.jobs.asking import SOUND, Asking, Outcome
from api.jobs.holds import Holds
from api.witnesses import Station, stations
from consent.ledger.formats.policy import Policy
from consent.ledger.origin import LogId, origin_of
from consent.ledger.publishing import given_up
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.signer import Signer
from consent.ledger.witnesses import witnessed
from vault.opening import Vault

ALARM_AFTER_MS: Final = 15 * 60_000
_LOOK_EVERY_S: Final = 15.0


class Cosigning:
    """Has the logs of one installation cosigned by the witnesses of `policy`, every `every_s` seconds at most."""

    def __init__(
        self, vault: Vault, clock: Clock, memory: Memory, policy: Policy, holds: Holds, every_s: float
    ) -> None:
        self._vault, self._clock, self._policy = vault, clock, policy
        signer = Signer.of(vault)
        self._host = signer.ledger_host
        self._asked = [
            (station, Asking(vault.data, signer, station, clock, memory, holds))
            for station in stations(policy)
        ]
        self._failing: dict[str, Outcome] = {}  # each entry is its own thread's
        self._alarmed: set[LogId] = set()  # the watch's own
        self._stopping = threading.Event()
        rounds: list[tuple[Callable[[], None], float]] = [
            (self._round_of(station, asking), every_s) for station, asking in self._asked
        ]
        self._threads = [
            threading.Thread(target=self._repeat, args=job, name="cosigning", daemon=True)
            for job in (*rounds, (self.look, _LOOK_EVERY_S))
        ]

    def start(self) -> None:
        """Begin, where there is anybody to ask."""
        if self._asked:
            for thread in self._threads:
                thread.start()

    def stop(self) -> None:
        """End; a call under way is waited for, which takes seconds at most."""
        self._stopping.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout=30)

    def ask_all(self) -> None:
        """One round of every witness, one after another."""
        for station, asking in self._asked:
            self._round(station, asking)

    def look(self) -> None:
        """Raise or clear the alarm of each log."""
        now_ms = self._clock()
        with self._vault.data.read() as conn:
            since = {
                log: witnessed.unwitnessed_since(conn, log, self._policy) for log in given_up.others(conn)
            }
        for log, at in since.items():
            late = at is not None and now_ms - at >= ALARM_AFTER_MS
            if late and log not in self._alarmed:
                self._alarmed.add(log)
                log_event(Event.UNWITNESSED, where=origin_of(self._host, log))
            elif at is None and log in self._alarmed:
                self._alarmed.remove(log)
                log_event(Event.WITNESSED, where=origin_of(self._host, log))

    def _round_of(self, station: Station, asking: Asking) -> Callable[[], None]:
        return lambda: self._round(station, asking)

    def _round(self, station: Station, asking: Asking) -> None:
        with self._vault.data.read() as conn:
            logs = given_up.others(conn)
        worst = Outcome.NOTHING_NEW
        for log in logs:
            if self._stopping.is_set():
                return
            outcome = asking.ask(log)
            worst = worst if outcome in SOUND else outcome
            if outcome is Outcome.UNREACHABLE:
                break  # it will not answer for the others either
        self._tell(station, worst)

    def _tell(self, station: Station, worst: Outcome) -> None:
        before = self._failing.get(station.name)
        if worst in SOUND:
            if before is not None:
                del self._failing[station.name]
                log_event(Event.WITNESS_RECOVERED, where=station.name)
        elif worst is not before:
            self._failing[station.name] = worst
            log_event(Event.WITNESS_FAILED, where=station.name, reason=worst.value)

    def _repeat(self, work: Callable[[], None], every_s: float) -> None:
        while not self._stopping.is_set():
            try:
                work()
            except Exception as error:  # noqa: BLE001 - a data base that is away for a moment must not end the thread
                log_unexpected(error)
            self._stopping.wait(every_s)
