"""Whose values the dump shows, and who had received exactly those: from found items to the evidence of a ranking.

Test fields: every identifier field shown by at least four in five of the found people, or the one shown most. What a
recipient received is what was the current version when a disclosure to it was committed, before the dump came in.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched

from sqlalchemy import Connection

from breach.intake.columns import IDENTIFIERS
from breach.matching.items import candidates, people
from breach.matching.linkable import LINKED
from breach.matching.masked import MILLION
from breach.matching.rows import Item
from breach.trace.evidence import Evidence, Pattern
from breach.weighing.deliveries import Deliveries, Shown
from breach.weighing.deliveries import deliveries as deliveries_to
from breach.weighing.deliveries import windows as windows_of
from breach.weighing.planted import NOBODY, Met
from breach.weighing.stock import Stock
from breach.weighing.unreceived import Nobodys, unreceived
from consent import exposure as received
from consent.recipients.register import recipients
from consent.staff import insiders
from vault.ids import Buckets, Person
from vault.reading import records

FIELD_SETS = 2 ** len(IDENTIFIERS) - 1
"""Between how many sets of test fields a dump chooses."""

_USUAL = 0.8
_CHUNK = 2_000


@dataclass(slots=True)
class Ways:
    """How one recipient came by the people found: how many by which program of its own, and how many under whose consent
    the data was passed on to it.
    """

    programs: Counter[str] = field(default_factory=Counter)
    under: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True, kw_only=True)
class Exposure:
    """The evidence, and the counts that explain it. Staff keys that read anything stand behind the recipients.

    `unexplained[i]`: found cells of people recipient i holds something of, which it never received; `shown`:
    the fields of which the dump shows any value of anybody; `fields`: those of them that are test fields;
    `cells`: found cells by field; `ways[i]`: how recipient i came by them; `nobodys`: cells found that nobody
    had received; `stock`: what our own store held of them, when.
    """

    recipient_ids: tuple[str, ...]
    recipient_names: tuple[str, ...]
    shown: tuple[str, ...]
    fields: tuple[str, ...]
    cells: Counter[str] = field(default_factory=Counter)
    people_found: int = 0
    people_disclosed: int = 0
    unexplained: list[int] = field(default_factory=list)
    ways: dict[int, Ways] = field(default_factory=dict)
    found: Counter[Pattern] = field(default_factory=Counter)
    dark_found: int = 0
    nobodys: Nobodys = field(default_factory=Nobodys)
    stock: Stock = field(default_factory=Stock)


def weigh(
    conn: Connection,
    trace_id: bytes,
    buckets: Buckets,
    before_ms: int,
    *,
    masked: bool = False,
    met: Met = NOBODY,
) -> tuple[Evidence, Exposure]:
    """The evidence of one trace from disclosures committed before `before_ms`; reads one snapshot.

    `masked`: rows that show only parts of values, and leave one person, count as well. `met`: planted persons,
    who are left out: they are no people, and their own e-value must not hang on the same rows.
    """
    cells = _cells(conn, trace_id, buckets, met, masked=masked)
    known = sorted(recipients(conn, before_ms), key=lambda one: one.id)
    suspects = [(str(one.id), one.legal_name) for one in known]
    suspects += [(one, one.removeprefix(insiders.PREFIX)) for one in insiders.insiders(conn, before_ms)]
    numbers = {one: at for at, (one, _) in enumerate(suspects)}
    names = tuple(name for _, name in suspects)
    exposure = Exposure(
        recipient_ids=tuple(numbers),
        recipient_names=names,
        shown=tuple(sorted(frozenset().union(*cells))),
        fields=_test_fields(cells),
    )
    exposure.unexplained = [0] * len(numbers)
    for part in batched(_real(conn, trace_id, buckets, met, masked=masked), _CHUNK):
        _add_people(conn, part, numbers, before_ms, exposure)
    exposure.people_disclosed = received.count_disclosed(conn, before_ms)
    return _evidence(conn, exposure, numbers, before_ms, met), exposure


def candidate_weights(
    conn: Connection, trace_id: bytes, buckets: Buckets, before_ms: int, *, linked: bool
) -> tuple[float, dict[str, float]]:
    """What the candidate sets of masked rows weigh (`linked`: of rows compared by blind codes), in people.

    All together, and those of whom each recipient had received the value looked up by, or the name. The sum of 1/m
    over sets of m: a figure to read, no part of an e-value.
    """
    total = 0
    held: Counter[str] = Counter()
    every = (one for one in candidates(conn, trace_id, buckets) if (one[2] == LINKED) is linked)
    for part in batched(every, _CHUNK):
        total += sum(weight for *_, weight in part)
        rows = received.received_before(conn, [one[:3] for one in part], before_ms)
        for at, recipient in {(at, str(recipient)) for at, recipient, *_ in rows}:
            held[recipient] += part[at][3]
    return total / MILLION, {recipient: weight / MILLION for recipient, weight in held.items()}


def _real(
    conn: Connection, trace_id: bytes, buckets: Buckets, met: Met, *, masked: bool
) -> Iterator[tuple[Person, list[Item]]]:
    """The found people who are not planted."""
    nobody = met.people
    return (one for one in people(conn, trace_id, buckets, masked=masked) if one[0] not in nobody)


def _cells(
    conn: Connection, trace_id: bytes, buckets: Buckets, met: Met, *, masked: bool
) -> Counter[frozenset[str]]:
    """How many found people show which set of fields."""
    found = _real(conn, trace_id, buckets, met, masked=masked)
    return Counter(frozenset(item[2] for item in items) for _, items in found)


def _test_fields(shown: Counter[frozenset[str]]) -> tuple[str, ...]:
    totals: Counter[str] = Counter()
    for fields, count in shown.items():
        totals.update(dict.fromkeys(fields, count))
    usual = sorted(name for name, count in totals.items() if count >= _USUAL * shown.total())
    return tuple(usual or [name for name, _ in totals.most_common(1)])


def _add_people(
    conn: Connection,
    part: Sequence[tuple[Person, list[Item]]],
    numbers: Mapping[str, int],
    before_ms: int,
    exposure: Exposure,
) -> None:
    exposure.dark_found += len(received.undisclosed(conn, [person for person, _ in part], before_ms))
    served_by = _add_ways(conn, [person for person, _ in part], numbers, before_ms, exposure)
    windows = windows_of(conn, [item for _, items in part for item in items])
    exposure.stock.add(windows.values())
    given = deliveries_to(conn, part, exposure.shown, numbers, before_ms)
    for (_, items), deliveries, serving in zip(part, given, served_by, strict=True):
        exposure.people_found += 1
        exposure.cells.update(item[2] for item in items)
        exposure.found[_pattern(items, windows, deliveries, exposure.fields)] += 1
        touched = {k for times in deliveries.values() for k in times}
        exposure.nobodys.add(items, windows, deliveries, serving | touched)
        for item in items:
            inside = windows[item]
            for k in touched:
                exposure.unexplained[k] += not any(map(inside.shows, deliveries[item[2]].get(k, ())))


def _add_ways(
    conn: Connection, people: Sequence[Person], numbers: Mapping[str, int], before_ms: int, exposure: Exposure
) -> list[set[int]]:
    """Count how recipients came by these people; answers for each who received anything of them."""
    served_by: list[set[int]] = [set() for _ in people]
    rows = received.ways_to(conn, people, before_ms)
    for at, recipient, program in {row[:3] for row in rows}:
        k = numbers[recipient]
        served_by[at].add(k)
        exposure.ways.setdefault(k, Ways()).programs[program] += 1
    for _, recipient, above in {
        (at, recipient, above) for at, recipient, _, above in rows if above is not None
    }:
        exposure.ways[numbers[recipient]].under[above] += 1
    return served_by


def _pattern(
    items: Sequence[Item], windows: Mapping[Item, Shown], deliveries: Deliveries, fields: Sequence[str]
) -> Pattern:
    shown = {code: [item for item in items if item[2] == code] for code in fields}
    holders = set.intersection(*(set(deliveries[code]) for code in fields))
    if any(len(versions) != 1 for versions in shown.values()):
        touched = {k for times in deliveries.values() for k in times}
        return Pattern(partly=True, others=tuple(sorted(holders)), touched=tuple(sorted(touched)))
    able = {k: _other_versions(k, shown, windows, deliveries) for k in holders}
    return Pattern(
        able=tuple(sorted((k, m) for k, m in able.items() if m)),
        others=tuple(sorted(k for k, m in able.items() if not m)),
        age=sum(versions[0][4] - 1 for versions in shown.values()),
    )


def _other_versions(
    k: int, shown: Mapping[str, Sequence[Item]], windows: Mapping[Item, Shown], deliveries: Deliveries
) -> int:
    """1 and more when recipient k received every version shown (more: it was also sent others), else 0."""
    product = 1
    for code, (item,) in shown.items():
        times = deliveries[code][k]
        matching = sum(map(windows[item].shows, times))
        product *= 1 + len(times) - matching if matching else 0
    return product


def _evidence(
    conn: Connection, exposure: Exposure, numbers: Mapping[str, int], before_ms: int, met: Met
) -> Evidence:
    most, least = [0] * len(numbers), [0] * len(numbers)
    totals: dict[str, int] = insiders.insider_totals(conn, before_ms)
    totals.update(received.recipient_totals(conn, before_ms).items())
    by_field: dict[tuple[str, str], int] = insiders.insider_field_totals(conn, before_ms)
    by_field.update(received.recipient_field_totals(conn, before_ms).items())
    for recipient, total in totals.items():
        counts = [by_field.get((recipient, code), 0) for code in exposure.fields]
        if counts:
            most[numbers[recipient]] = min(counts)
            # How many of the planted it really was given is not counted: the defence assumes all of them.
            spare = (len(counts) - 1) * total + met.planted_with(recipient)
            least[numbers[recipient]] = max(0, sum(counts) - spare)
    population = max(
        records.count_people(conn, before_ms) - met.total, exposure.people_disclosed, exposure.people_found
    )
    return Evidence(
        held=tuple(most),
        held_least=tuple(least),
        people=population,
        dark=max(population - exposure.people_disclosed, exposure.dark_found),
        dark_found=exposure.dark_found,
        found=exposure.found,
        fields=max(len(exposure.fields), 1),
        unreceived=unreceived(conn, exposure.nobodys, before_ms),
    )
