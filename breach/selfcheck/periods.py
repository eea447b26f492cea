"""The periods of the self-check's key: labels somebody has learnt by guessing are worth nothing in the next one.

A new period takes every point's label anew from the multiple that is kept, in batches, beside the one that is
asked; then one commit changes over. No dump is read again. While a leak is being read there is no change, and
during one no reading.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, and_, delete, func, insert, select, tuple_, update

from breach.errors import LeaksBusy, UnknownLeak
from breach.selfcheck.shape import bits_for, size_for, width
from breach.selfcheck.tables import leak, leak_period, leak_point
from vault.ids import encode_id
from vault.oblivious import DUTY, Evaluator, label_of
from vault.opening import Vault
from vault.storage.rowset import RowSet

PREFIX: Final = "lk"
_BATCH: Final = 2_000

ADD = RowSet(
    "WITH {rows} INSERT INTO leak_point (bucket, slot, leak, name, period, based, label) "
    "SELECT bucket, slot, leak, name, period, based, label FROM rows WHERE true ON CONFLICT DO NOTHING",
    bucket="int",
    slot="int",
    leak="bytes",
    name="bytes",
    period="int",
    based="bytes",
    label="bytes",
)

_KEY: Final = ("bucket", "slot", "leak", "name")
_KEY_COLUMNS: Final = tuple(leak_point.c[name] for name in _KEY)

type Key = tuple[Any, ...]
"""(bucket, slot, leak, name) of a point."""

type Report = Callable[[str, int, int], None]


class Period(NamedTuple):
    """The current period: its number, the bits it is asked by, and how many labels each answer has."""

    number: int
    bits: int
    size: int


def evaluator(vault: Vault, number: int) -> Evaluator:
    """The key of a period."""
    return Evaluator(vault.keyring.service_key(DUTY), number)


def current(conn: Connection) -> Period | None:
    """The period that is asked; None before the first leak was read."""
    return _current(conn, lock=False)


def held(conn: Connection, now_ms: int) -> Period:
    """The current period, made if there is none, and held until the commit; raises LeaksBusy while the next is made."""
    if _current(conn, lock=True) is None:
        first = {"period": 1, "bits": 0, "size": size_for(0), "begun_at": now_ms, "current_since": now_ms}
        conn.execute(insert(leak_period).values(**first))
    if _next(conn) is not None:
        raise LeaksBusy("the labels are being made anew")
    found = _current(conn, lock=True)
    assert found is not None
    return found


def reshape(conn: Connection, number: int) -> None:
    """Fit a period's bits and size to the points of published leaks it has now."""
    told = leak_point.c.leak.in_(select(leak.c.id).where(leak.c.published_at.is_not(None)))
    mine = select(leak_point.c.slot).where(told, leak_point.c.period == number).subquery()
    count: int = conn.execute(select(func.count()).select_from(mine)).scalar_one()
    bits = bits_for(count)
    sizes = select(func.count().label("n")).select_from(mine).group_by(mine.c.slot // width(bits)).subquery()
    largest = conn.execute(select(func.max(sizes.c.n))).scalar_one() or 0
    fitted = {"bits": bits, "size": size_for(largest)}
    conn.execute(update(leak_period).where(leak_period.c.period == number).values(**fitted))


def renew(vault: Vault, now_ms: int, report: Report) -> int:
    """Begin a period, or go on beginning it, and change over; answers its number. Raises LeaksBusy,
    and UnknownLeak while there is nothing to make anew.

    `report` is called with ("renewing", points done, points there are).
    """
    old, new = _begin(vault, now_ms)
    maker = evaluator(vault, new)
    total, done, after = _standing(vault, old, new)
    report("renewing", done, total)
    while rows := _page(vault, old, after):
        made = [(*row[:4], new, row.based, label_in(maker, row.based, row.leak)) for row in rows]
        with vault.data.write() as conn:
            ADD(conn, made)
        after, done = tuple(rows[-1][:4]), done + len(rows)
        report("renewing", done, max(total, done))
    _change_over(vault, old, new, now_ms)
    return new


def label_in(maker: Evaluator, based: bytes, leak_id: bytes) -> bytes:
    """The label of a point in a leak, in the maker's period."""
    return label_of(maker.result(based), encode_id(PREFIX, leak_id))


def _begin(vault: Vault, now_ms: int) -> tuple[int, int]:
    """The numbers of the current period and of the one being made."""
    with vault.data.write() as conn:
        now = _current(conn, lock=True)
        reading = conn.execute(select(leak.c.id).where(leak.c.published_at.is_(None)).limit(1)).first()
        if now is None:
            raise UnknownLeak("there is no leak yet")
        if reading is not None:
            raise LeaksBusy("a leak is still being read")
        begun = _next(conn)
        if begun is None:
            begun = now.number + 1
            # What a change-over that was cut short left behind.
            conn.execute(delete(leak_point).where(leak_point.c.period != now.number))
            row = {"period": begun, "bits": now.bits, "size": now.size, "begun_at": now_ms}
            conn.execute(insert(leak_period).values(**row))
    return now.number, begun


def _change_over(vault: Vault, old: int, new: int, now_ms: int) -> None:
    before, made = leak_point.alias("before"), leak_point
    same = and_(*(before.c[name] == made.c[name] for name in _KEY), before.c.period == old)
    with vault.data.write() as conn:
        # Whoever was erased while their label was being made stays away.
        gone = ~select(before.c.slot).where(same).exists()
        conn.execute(delete(made).where(made.c.period == new, gone))
        conn.execute(update(leak_period).where(leak_period.c.period == new).values(current_since=now_ms))
        conn.execute(delete(leak_period).where(leak_period.c.period == old))
        reshape(conn, new)
    with vault.data.write() as conn:
        conn.execute(delete(made).where(made.c.period != new))


def _standing(vault: Vault, old: int, new: int) -> tuple[int, int, Key | None]:
    """How many points there are, how many are made, and the last one that is."""
    at = leak_point.c.period
    last = select(*_KEY_COLUMNS).where(at == new).order_by(*(one.desc() for one in _KEY_COLUMNS)).limit(1)
    with vault.data.read() as conn:
        total, done = (
            conn.execute(select(func.count()).select_from(leak_point).where(at == one)).scalar_one()
            for one in (old, new)
        )
        found = conn.execute(last).one_or_none()
    return total, done, None if found is None else tuple(found)


def _page(vault: Vault, old: int, after: Key | None) -> Sequence[Any]:
    wanted = select(*_KEY_COLUMNS, leak_point.c.based).where(leak_point.c.period == old)
    if after is not None:
        wanted = wanted.where(tuple_(*_KEY_COLUMNS) > after)
    with vault.data.read() as conn:
        return conn.execute(wanted.order_by(*_KEY_COLUMNS).limit(_BATCH)).all()


def _current(conn: Connection, *, lock: bool) -> Period | None:
    at = leak_period.c
    wanted = select(at.period, at.bits, at.size).where(at.current_since.is_not(None))
    row = conn.execute(wanted.with_for_update() if lock else wanted).one_or_none()
    return None if row is None else Period(*row)


def _next(conn: Connection) -> int | None:
    return conn.execute(
        select(leak_period.c.period).where(leak_period.c.current_since.is_(None))
    ).scalar_one_or_none()
