"""Telling people of a dump: its identifiers are read again from the sealed quarantine and kept as blinded points only.

It is an act of an investigator's own, because it also tells whoever lost the dump that it was found. The dump
is read in the parser's confined process. Every block commits its points together with how far it came; killed
and run again it goes on there. Nobody is told anything before all of it has been read.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from breach.errors import LeaksBusy, UnknownLeak
from breach.intake import isolated, quarantine
from breach.intake.quarantine import Quarantined
from breach.selfcheck.identifiers import Identifier, identifiers_of
from breach.selfcheck.periods import (
    ADD,
    PREFIX,
    Period,
    current,
    evaluator,
    held,
    label_in,
    reshape,
)
from breach.selfcheck.shape import home_of
from breach.selfcheck.tables import leak, leak_owner, leak_point
from breach.tables import dump
from vault.ids import Bucket, Person, encode_id, new_id
from vault.oblivious import Evaluator, identifier, point_of, slot_of
from vault.opening import Vault
from vault.people.holds import lock_people
from vault.storage.rowset import RowSet
from vault.tags import Probe, match

_KNOWN = RowSet(
    "WITH {rows} SELECT p.name FROM rows CROSS JOIN leak_point p WHERE p.bucket = rows.bucket "
    "AND p.slot = rows.slot AND p.leak = :leak AND p.name = rows.name AND p.period = :period",
    bucket="int",
    slot="int",
    name="bytes",
)
_OWN = RowSet(
    "WITH {rows} INSERT INTO leak_owner (bucket, subject, leak, name, home, slot) "
    "SELECT bucket, subject, leak, name, home, slot FROM rows WHERE true ON CONFLICT DO NOTHING",
    bucket="int",
    subject="bytes",
    leak="bytes",
    name="bytes",
    home="int",
    slot="int",
)
_ERASED = "erased"

type Report = Callable[[str, int, int], None]
"""Called with ("reading", bytes of the dump done, bytes there are)."""


class Leak(NamedTuple):
    """A dump people are told of: its id, when it came in, since when they are told (None: still being read)."""

    id: bytes
    received_at: int
    published_at: int | None

    @property
    def name(self) -> str:
        """The leak's id as text, which says nothing about the dump."""
        return encode_id(PREFIX, self.id)


def publish(vault: Vault, quarantined: Quarantined, *, now_ms: int, actor: str, report: Report) -> Leak:
    """Read a dump's identifiers and tell people from now on; a dump they are told of already changes nothing.

    `actor` stands in the chain of custody. Raises DumpRefused, DumpDamaged, LeaksBusy.
    """
    begun, done = _begin(vault, quarantined, now_ms)
    if begun.published_at is not None:
        return begun
    with quarantine.opened(vault, quarantined) as source, isolated.Reading(source) as reading:
        quarantine.note_reading(vault, quarantined, now_ms, actor)
        for block in reading.blocks():
            if block.rows > done:
                _keep(vault, begun.id, identifiers_of(block), done, block.rows, now_ms)
                done = block.rows
            report("reading", reading.read, quarantined.size)
    with vault.data.write() as conn:
        period = held(conn, now_ms)
        conn.execute(update(leak).where(leak.c.id == begun.id).values(published_at=now_ms))
        reshape(conn, period.number)
    return begun._replace(published_at=now_ms)


def leaks(conn: Connection) -> list[Leak]:
    """Every dump people are told of, or soon will be, oldest first."""
    wanted = select(leak.c.id, dump.c.received_at, leak.c.published_at).join(dump, dump.c.id == leak.c.dump)
    return [Leak(*row) for row in conn.execute(wanted.order_by(dump.c.received_at, leak.c.id))]


def withdraw(vault: Vault, leak_id: bytes) -> int:
    """Tell nobody of a leak any more and forget its points; answers how many. Raises UnknownLeak."""
    with vault.data.write() as conn:
        if conn.execute(delete(leak).where(leak.c.id == leak_id)).rowcount == 0:
            raise UnknownLeak("no such leak")
        conn.execute(delete(leak_owner).where(leak_owner.c.leak == leak_id))
        return conn.execute(delete(leak_point).where(leak_point.c.leak == leak_id)).rowcount


def _begin(vault: Vault, quarantined: Quarantined, now_ms: int) -> tuple[Leak, int]:
    with vault.data.write() as conn:
        held(conn, now_ms)
        row = conn.execute(select(leak).where(leak.c.dump == quarantined.id)).one_or_none()
        if row is not None:
            return Leak(row.id, quarantined.received_at, row.published_at), row.done
        made = new_id(Bucket(0), now_ms)
        conn.execute(insert(leak).values(id=made, dump=quarantined.id, done=0, begun_at=now_ms))
    return Leak(made, quarantined.received_at, None), 0


class _Point(NamedTuple):
    """An identifier on its way into the list."""

    identifier: Identifier
    known: bytes
    slot: int
    home: Bucket
    name: bytes


def _keep(
    vault: Vault, leak_id: bytes, found: Sequence[Identifier], before: int, after: int, now_ms: int
) -> None:
    """Commit the points of one block; raises LeaksBusy when somebody else has kept it."""
    with vault.data.read() as conn:
        period = current(conn)
        assert period is not None
        maker = evaluator(vault, period.number)
        fresh = _fresh(conn, vault, maker, leak_id, found, period)
        owners = _owners(conn, vault, fresh)
    rows = {one.name: _row(maker, leak_id, one, period) for one in fresh}
    with vault.data.write() as conn:
        if held(conn, now_ms).number != period.number:
            raise LeaksBusy("the labels have been made anew meanwhile")
        moved = update(leak).where(leak.c.id == leak_id, leak.c.done == before).values(done=after)
        if conn.execute(moved).rowcount != 1:
            raise LeaksBusy("somebody else is reading this dump")
        states = lock_people(conn, [who for who, _ in owners])
        # Erased since they were looked up: nothing of theirs comes in.
        for (_, subject), one in owners:
            if states.get(subject) == _ERASED:
                rows.pop(one.name, None)
        ADD(conn, list(rows.values()))
        kept = [(who, one) for who, one in owners if one.name in rows]
        _OWN(conn, [(*who, leak_id, one.name, one.home, one.slot) for who, one in kept])


def _fresh(
    conn: Connection,
    vault: Vault,
    maker: Evaluator,
    leak_id: bytes,
    found: Sequence[Identifier],
    period: Period,
) -> list[_Point]:
    """Those of the identifiers that are not in the list yet."""
    points = [_point(vault, maker, leak_id, one) for one in found]
    wanted = [(one.home, one.slot, one.name) for one in points]
    known = {name for (name,) in _KNOWN(conn, wanted, leak=leak_id, period=period.number)}
    return [one for one in points if one.name not in known]


def _point(vault: Vault, maker: Evaluator, leak_id: bytes, one: Identifier) -> _Point:
    known = identifier(*one)
    slot = slot_of(known)
    return _Point(one, known, slot, home_of(slot, vault.installation.buckets), maker.name(leak_id, known))


def _owners(conn: Connection, vault: Vault, points: Sequence[_Point]) -> list[tuple[Person, _Point]]:
    """Whose the identifiers may be, by their tags: a tag too many only lets a point go with somebody else's erasure."""
    probes = [Probe(kind.value, value) for (kind, value), *_ in points]
    hits = match(conn, vault.keyring.tag_keys, probes)
    return list(dict.fromkeys(((hit.bucket, hit.subject), points[hit.probe]) for hit in hits))


def _row(maker: Evaluator, leak_id: bytes, one: _Point, period: Period) -> tuple[object, ...]:
    based = maker.based(point_of(one.known))
    label = label_in(maker, based, leak_id)
    return (one.home, one.slot, leak_id, one.name, period.number, based, label)
