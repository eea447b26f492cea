"""Values in a dump that nobody was given: counted person by person as they are met, and how many of them there
are at all.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from breach.intake.columns import IDENTIFIERS
from breach.matching.rows import Item
from breach.trace.evidence import Unreceived
from breach.weighing.deliveries import Deliveries, Shown
from consent.exposure import count_received
from vault.reading import records


@dataclass(slots=True)
class Nobodys:
    """Found people by field. `never`: shown with a value of which nobody received any version; `later`: with a version
    after the first that nobody received, though somebody received another. `never_served`, `later_served`: the same by
    field and suspect, for whoever received anything of them.
    """

    never: Counter[str] = field(default_factory=Counter)
    later: Counter[str] = field(default_factory=Counter)
    never_served: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    later_served: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))

    def add(
        self,
        items: Sequence[Item],
        windows: Mapping[Item, Shown],
        deliveries: Deliveries,
        served_by: Collection[int],
    ) -> None:
        """Count one person, of whom those in `served_by` (suspects by number) received anything."""
        given = {item[2]: [at for times in deliveries[item[2]].values() for at in times] for item in items}
        never = {code for code, times in given.items() if not times}
        later = {
            item[2]
            for item in items
            if item[4] > 1 and given[item[2]] and not any(map(windows[item].shows, given[item[2]]))
        }
        self.never.update(never)
        self.later.update(later)
        for codes, served in ((never, self.never_served), (later, self.later_served)):
            for code in codes:
                served[code].update(served_by)


def unreceived(conn: Connection, found: Nobodys, before_ms: int) -> tuple[Unreceived, ...]:
    """For each identifier field what was found, and at most how many such people there are.

    Whoever received a field need not have received a value: it may have been allowed one of somebody who has
    none, or who is gone. So those who have a value, less those of whom one was received, can be too few; those
    there ever were, less the latter, cannot.
    """
    if not found.never and not found.later:
        return ()
    held = records.count_holding(conn, before_ms)
    received = count_received(conn, [code for code in IDENTIFIERS if found.never[code]], before_ms)
    ever = records.count_ever(conn, before_ms)
    lines = []
    for code in map(str, IDENTIFIERS):
        people, changed = held.get(code, (0, 0))
        lines.append(
            Unreceived(
                field=code,
                never=max(min(people, ever - received.get(code, 0)), found.never[code]),
                never_found=found.never[code],
                later=max(changed, found.later[code]),
                later_found=found.later[code],
                never_served=_most_first(found.never_served, code),
                later_served=_most_first(found.later_served, code),
            )
        )
    return tuple(lines)


def _most_first(served: Mapping[str, Counter[int]], code: str) -> tuple[int, ...]:
    return tuple(sorted(served.get(code, Counter()).values(), reverse=True))
