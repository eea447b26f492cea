"""When a recipient held what was found: its deliveries, reduced to how many rows it held as found at each time."""

from collections import Counter
from collections.abc import Sequence
from itertools import batched

from sqlalchemy import Connection

from breach.matching.items import people
from breach.trace.dating import Timeline
from breach.weighing.deliveries import Shown, deliveries, windows
from vault.ids import Buckets

_CHUNK = 2_000


def timelines(
    conn: Connection,
    trace_id: bytes,
    buckets: Buckets,
    before_ms: int,
    *,
    recipient_ids: Sequence[str],
    suspects: set[int],
) -> dict[int, Timeline]:
    """Per suspect (a number in `recipient_ids`) that held anything as found, what it held when; whole values only."""
    if not suspects:
        return {}
    numbers = {recipient: at for at, recipient in enumerate(recipient_ids)}
    drafts = {k: _Draft() for k in suspects}
    for part in batched(people(conn, trace_id, buckets), _CHUNK):
        codes = sorted({item[2] for _, items in part for item in items})
        current = windows(conn, [item for _, items in part for item in items])
        for (_, items), times in zip(part, deliveries(conn, part, codes, numbers, before_ms), strict=True):
            for item in items:
                for k in suspects & times[item[2]].keys():
                    drafts[k].add(current[item], times[item[2]][k])
    return {k: draft.timeline(before_ms) for k, draft in drafts.items() if draft.rows}


class _Draft:
    """One recipient's timeline while it is being read."""

    def __init__(self) -> None:
        self.changes: Counter[int] = Counter()
        self.rows = 0
        self.since: int | None = None

    def add(self, found: Shown, times: Sequence[int]) -> None:
        """One version found, and when the recipient received its field."""
        fits = [found.shows(at) for at in times]
        if not any(fits):
            return
        self.rows += 1
        self.since = min(times[0], self.since or times[0])
        for at, now, before in zip(times, fits, (False, *fits), strict=False):
            self.changes[at] += now - before

    def timeline(self, until: int) -> Timeline:
        return Timeline(changes=self.changes, rows=self.rows, since=self.since or until, until=until)
