"""Rounds over all logs of a policy: each alert is signed, written down and told once, as long as it lasts.

`round_over(...)` goes over every log once; `watch(...)` does so until it is told to stop.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from threading import Event

from api.clock import Clock
from api.monitor.home import Monitor, MonitorHome
from api.monitor.line import Lines
from api.monitor.reading import HttpReader, Pause
from consent.ledger.formats.policy import Policy
from consent.ledger.monitor.alerts import Alert, signed
from consent.ledger.monitor.follow import follow
from consent.ledger.monitor.store import MonitorStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is watched: the logs' addresses by origin, the policy they are held to, and the keys entries are read with.

    `auditors` are keys by origin: each log sees its own alone.
    """

    logs: Mapping[str, str]
    policy: Policy
    auditors: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One log after a round: the size that was accepted last (None before the first), and what is wrong now."""

    origin: str
    size: int | None
    alerts: tuple[Alert, ...]


def round_over(
    home: MonitorHome,
    watch: Watch,
    clock: Clock,
    tell: Callable[[str], None],
    pause: Pause = time.sleep,
) -> Iterator[Looked]:
    """Look at every log once; what is wrong for the first time is signed and told."""
    monitor = home.monitor()
    with home.opened() as store, closing(Lines()) as lines:
        for origin, address in sorted(watch.logs.items()):
            auditor = watch.auditors.get(origin, "")
            reader = HttpReader(lines, origin, address, watch.policy, auditor, pause)
            now_ms = clock()
            alerts = tuple(follow(reader, store, watch.policy, origin, now_ms).alerts)
            _raise(home, store, monitor, alerts, now_ms, tell)
            store.clear(origin, alerts)
            seen = store.newest(origin)
            yield Looked(origin=origin, size=None if seen is None else seen.head.size, alerts=alerts)


def _raise(
    home: MonitorHome,
    store: MonitorStore,
    monitor: Monitor,
    alerts: tuple[Alert, ...],
    now_ms: int,
    tell: Callable[[str], None],
) -> None:
    for alert in alerts:
        if not store.lasts(alert):
            text = signed(alert, monitor.name, monitor.seed, now_ms)
            home.write_evidence(alert)
            home.write_alert(text)
            tell(text)
            store.raised(alert, now_ms)


def watch(
    home: MonitorHome, what: Watch, clock: Clock, tell: Callable[[str], None], every_s: float, stop: Event
) -> None:
    """Round after round, until `stop` is set."""
    while True:
        for _ in round_over(home, what, clock, tell, stop.wait):
            if stop.is_set():
                return
        if stop.wait(every_s):
            return
