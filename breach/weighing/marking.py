"""From readings to what the decoder weighs: which bit stands where, who holds the position, and what its own bit is.

A position that shows both bits is left out, and so is a carrier of which everything shows the same: somebody
has put all of it into one form. Both go by what was read alone, never by anybody's bits (`trace.codes`). The
same position under two epochs' keys is two positions, each held by whoever was served under that epoch.

* `marks_of(vault, trace_id, recipients, before_ms) -> Weighable | None`: None where nothing was read.
* `openings_of(vault, trace, recipients, read) -> Iterator[str]`: the file of what is opened of them (`breach.weighing.openings`).
* `named_by(vault, trace_id, recipients, before_ms, rows) -> dict[int, float] | None`: what recipients' own names for people say.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import batched
from typing import Final, NamedTuple

import numpy as np
from sqlalchemy import Connection, func, select, tuple_

from breach.matching.rows import Item
from breach.tables import trace_identity, trace_reading
from breach.trace.codes import Marks
from breach.weighing.openings import written
from consent.exposure import recipient_totals
from consent.ids import RecipientId
from consent.marks import epochs
from consent.marks.served import served_before
from consent.marks.symbols import Position, Symbols, encode
from vault.ids import Bucket, RecordId, SubjectId
from vault.opening import Vault

_PAGE: Final = 5_000
_UNIFORM: Final = 12
"""So many readings of a carrier, all alike, are no chance: with the biases of `symbols` less than 1 in 1,000 carriers."""
_LN_NAMES: Final = 256 * math.log(2)
_LN_MOST: Final = 100.0
"""Of 10^9 rows and 10^6 names this is still more than chance by a factor of 10^18: the mean of an innocent stays 1."""


class _Read(NamedTuple):
    """A position that shows one bit, and the number of the person it is of: a dump's rows about somebody are one."""

    item: Item
    carrier: str
    bit: int
    person: int


class _Held(NamedTuple):
    """That a recipient was served the position number `read` under an epoch."""

    recipient: int
    read: int
    epoch: int


class Weighable(NamedTuple):
    """The marks of a trace, and of every position the epoch and its part of the keyed function's message."""

    marks: Marks
    places: tuple[tuple[int, bytes], ...]


def marks_of(vault: Vault, trace_id: bytes, recipients: Sequence[str], before_ms: int) -> Weighable | None:
    """What was read of marks, and who holds it, recipients by their place in the list."""
    with vault.data.read() as conn:
        read = _usable(list(_read(conn, trace_id, vault)))
        held = list(_holders(conn, read, {one: at for at, one in enumerate(recipients)}, before_ms))
    if not held:
        return None
    return _marks(vault, read, held, recipients)


def openings_of(vault: Vault, trace: str, recipients: Sequence[str], read: Weighable) -> Iterator[str]:
    """The lines of the file of opened marks; `trace` is the trace's name."""
    commitments = {one.number: one.commitment for one in epochs.epochs(vault)}
    return written(trace, recipients, read.marks, read.places, commitments)


def named_by(
    vault: Vault, trace_id: bytes, recipients: Sequence[str], before_ms: int, rows: int
) -> dict[int, float] | None:
    """Ln e-values of the recipients whose own name for somebody stands in one of the dump's `rows`; None for none.

    A name is a keyed digest of 256 bits that only we and one recipient know. That one of `issued` is in a file
    by chance has P <= rows * issued / 2^256. Whoever is not hit keeps a factor of 1; what that adds to the mean
    is capped to nothing.
    """
    c = trace_identity.c
    with vault.data.read() as conn:
        found = conn.execute(select(c.recipient_id).where(c.trace == trace_id).distinct()).scalars().all()
        issued = recipient_totals(conn, before_ms) if found else {}
    ln_rows = math.log(max(rows, 1))
    return {
        recipients.index(one): min(_LN_MOST, _LN_NAMES - ln_rows - math.log(issued[RecipientId(one)]))
        for one in found
    } or None


def both(one: Mapping[int, float] | None, other: Mapping[int, float] | None) -> dict[int, float] | None:
    """Two independent figures by recipient, multiplied; None where there is neither."""
    if one is None and other is None:
        return None
    first, second = one or {}, other or {}
    return {k: first.get(k, 0.0) + second.get(k, 0.0) for k in sorted({*first, *second})}


def _read(conn: Connection, trace_id: bytes, vault: Vault) -> Iterator[_Read]:
    """Every position of which one bit was read, along the primary key."""
    people: dict[SubjectId, int] = {}
    for item, carrier, bits in _positions(conn, trace_id, vault):
        person = people.setdefault(item[1], len(people))
        if len(bits) == 1:
            yield _Read(item, carrier, bits[0], person)


def _positions(
    conn: Connection, trace_id: bytes, vault: Vault
) -> Iterator[tuple[Item, str, tuple[int, ...]]]:
    c = trace_reading.c
    key = (c.subject, c.field, c.record, c.version, c.carrier)
    for bucket in map(Bucket, vault.installation.buckets.every()):
        mine = (c.bucket == bucket) & (c.trace == trace_id)
        query = select(*key, func.min(c.bit), func.max(c.bit)).where(mine).group_by(*key).order_by(*key)
        page = conn.execute(query.limit(_PAGE)).all()
        while page:
            for subject, field, record, version, carrier, least, most in page:
                item = (bucket, SubjectId(subject), field, RecordId(record), version)
                yield item, carrier, tuple({least, most})
            after = tuple(page[-1])[:5]
            page = conn.execute(query.where(tuple_(*key) > after).limit(_PAGE)).all()


def _usable(read: Sequence[_Read]) -> list[_Read]:
    """Without the carriers that somebody has put into one form throughout."""
    counts: Mapping[str, Counter[int]] = defaultdict(Counter)
    for one in read:
        counts[one.carrier][one.bit] += 1
    uniform = {code for code, bits in counts.items() if len(bits) == 1 and bits.total() >= _UNIFORM}
    return [one for one in read if one.carrier not in uniform]


def _holders(
    conn: Connection, read: Sequence[_Read], numbers: Mapping[str, int], before_ms: int
) -> Iterator[_Held]:
    by_item: dict[Item, dict[str, int]] = {}
    for at, one in enumerate(read):
        by_item.setdefault(one.item, {})[one.carrier] = at
    for part in batched(by_item, _PAGE):
        held = {
            _Held(numbers[one.recipient], by_item[part[one.at]][code], one.epoch)
            for one in served_before(conn, part, before_ms)
            for code in one.bits
            if code in by_item[part[one.at]]
        }
        yield from sorted(held)


def _marks(
    vault: Vault, read: Sequence[_Read], held: Sequence[_Held], recipients: Sequence[str]
) -> Weighable:
    """Every epoch's positions with their biases, and every holder's own bits."""
    places = {place: at for at, place in enumerate(sorted({(one.epoch, one.read) for one in held}))}
    symbols = {epoch: Symbols(epochs.key(vault, epoch)) for epoch, _ in places}
    encoded = {at: encode(Position(*_place(read[at]))) for at in {one.read for one in held}}
    biases = [symbols[epoch].biases([encoded[at]])[0] for epoch, at in places]
    own: dict[tuple[int, int], list[int]] = defaultdict(list)
    for one in held:
        own[one.recipient, one.epoch].append(one.read)
    holders: list[int] = []
    positions: list[int] = []
    bits = bytearray()
    for (recipient, epoch), reads in sorted(own.items()):
        mine = [places[epoch, at] for at in reads]
        holders += [recipient] * len(mine)
        positions += mine
        texts = [encoded[at] for at in reads]
        bits += symbols[epoch].of(recipients[recipient], texts, [biases[place] for place in mine])
    marks = Marks(
        suspects=len(recipients),
        biases=np.array(biases, dtype=np.float64),
        bits=np.array([read[at].bit for _, at in places], dtype=np.uint8),
        rows=np.array([read[at].person for _, at in places], dtype=np.int64),
        holders=np.array(holders, dtype=np.int64),
        positions=np.array(positions, dtype=np.int64),
        symbols=np.frombuffer(bytes(bits), dtype=np.uint8),
    )
    return Weighable(marks, tuple((epoch, encoded[at]) for epoch, at in places))


def _place(one: _Read) -> tuple[SubjectId, RecordId, str, int, str]:
    _, subject, field, record, version = one.item
    return subject, record, field, version, one.carrier
