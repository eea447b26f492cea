"""The turn of a year: the old log ends, the new one says what it carries on, and nobody's entry is lost in between."""

import hashlib
import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from consent.ledger import prove, published
from consent.ledger.append import Item, Position, append
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.ending.closing import GRACE_MS, carry_over, close_due
from consent.ledger.entries import log_entry
from consent.ledger.entries.log_entry import Closing, Index, Opening, Why
from consent.ledger.errors import WrongLog
from consent.ledger.formats import checkpoint
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.indexes.index import Row
from consent.ledger.indexes.indexing import EVERY_MS, make_due, newest, proof_of
from consent.ledger.origin import LogId, origin_of
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.ledger.tables import entry, head
from consent.ledger.tree import EMPTY_ROOT, verify_consistency
from tests.backends import Backend
from tests.consent.ledger.kit import HOST, LOG, NOW, YEAR, an_item, grow
from tests.races.crowd import at_once

SIGNER = Signer(HOST, bytes(32))
MIDNIGHT = int(datetime(YEAR + 1, 1, 1, tzinfo=UTC).timestamp() * 1000)
DUE = MIDNIGHT + GRACE_MS
NEXT = LogId(0, YEAR + 1)
DICE = random.Random(8)


def of_next_year(*, tag: int = 1) -> Item:
    return replace(an_item(DICE, tag=tag), year=NEXT.year)


def written(backend: Backend, item: Item, now_ms: int) -> Position:
    with backend.data.write() as conn:
        return append(conn, [item], now_ms, HOST)[0]


def bodies(backend: Backend, log: LogId) -> list[bytes]:
    with backend.data.read() as conn:
        mine = (entry.c.bucket == log.bucket, entry.c.year == log.year)
        return list(conn.execute(select(entry.c.body).where(*mine).order_by(entry.c.idx)).scalars())


def about(backend: Backend, log: LogId) -> list[log_entry.LogEntry]:
    return [log_entry.parse(body) for body in bodies(backend, log) if log_entry.is_about_log(body)]


def ended(backend: Backend, *, seed: int = 0) -> Checkpoint:
    """Grown, closed, signed; the last checkpoint of the year."""
    grow(backend, 5, seed=seed)
    assert close_due(backend.data, HOST, DUE) == [LOG]
    at = publish(backend.data, SIGNER, DUE)[0]
    return Checkpoint(origin_of(HOST, at.log), at.size, at.root)


def findings(backend: Backend) -> list[Finding]:
    return [step for step in fsck(backend.data, SIGNER) if isinstance(step, Finding)]


def test_a_log_ends_with_everybodys_count_and_names_the_log_that_carries_on(backend: Backend):
    grow(backend, 5, people=2)

    assert close_due(backend.data, HOST, DUE - 1) == []
    assert close_due(backend.data, HOST, DUE) == [LOG]

    index, closing = (log_entry.parse(body) for body in bodies(backend, LOG)[5:])
    assert isinstance(index, Index)
    assert (index.upto, index.rows) == (5, 2)
    assert isinstance(closing, Closing)
    assert (closing.after, closing.why) == (origin_of(HOST, NEXT), Why.YEAR)
    assert findings(backend) == []


def test_the_last_count_of_a_year_can_be_proven_in_its_last_tree(backend: Backend):
    last = grow(backend, 5, people=1)[-1]
    close_due(backend.data, HOST, DUE)
    (at,) = publish(backend.data, SIGNER, DUE)

    with backend.data.read() as conn:
        made = newest(conn, LOG, at.size)
        assert made is not None
        (place,) = proof_of(conn, made, bytes(16)).places
    assert place.row == Row(bytes(16), 5, last.leaf, last.idx)


def test_the_new_log_begins_with_the_last_checkpoint_of_the_old_one(backend: Backend):
    final = ended(backend)

    assert carry_over(backend.data, HOST, DUE) == [LOG]
    assert written(backend, of_next_year(), DUE).idx == 1

    first = log_entry.parse(bodies(backend, NEXT)[0])
    assert isinstance(first, Opening)
    with backend.data.read() as conn:
        at = published.newest(conn, LOG)
    assert at is not None
    assert checkpoint.verify(at.note, [SIGNER.key(final.origin)]) == final
    assert (first.before, first.size, first.root) == (final.origin, final.size, final.root)
    assert first.checkpoint_sha256 == hashlib.sha256(at.note).digest()
    assert findings(backend) == []


def test_at_midnight_both_logs_take_what_is_theirs(backend: Backend):
    """What was begun before midnight goes into the old log even after the new one has entries."""
    old = grow(backend, 2)
    (at,) = publish(backend.data, SIGNER, NOW)

    new = written(backend, of_next_year(), MIDNIGHT)
    late = grow(backend, 1, seed=1)[0]

    assert [one.idx for one in (*old, late)] == [0, 1, 2]
    assert (new.year, new.idx, new.n) == (NEXT.year, 1, 1)
    (opening,) = about(backend, NEXT)
    assert isinstance(opening, Opening)
    assert (opening.size, opening.root) == (2, at.root)
    assert opening.checkpoint_sha256 == hashlib.sha256(at.note).digest()


def test_a_new_log_that_began_early_is_told_the_end_of_the_old_one_and_the_two_are_one_history(
    backend: Backend,
):
    grow(backend, 2)
    publish(backend.data, SIGNER, NOW)
    written(backend, of_next_year(), MIDNIGHT)
    final = ended(backend, seed=1)

    assert carry_over(backend.data, HOST, DUE) == [LOG]

    first, last = about(backend, NEXT)
    assert isinstance(first, Opening)
    assert isinstance(last, Opening)
    assert (last.size, last.root) == (final.size, final.root)
    with backend.data.read() as conn:
        proof = prove.consistency(conn, LOG, first.size, last.size)
    assert verify_consistency(first.size, last.size, first.root, last.root, proof)


def test_a_log_never_signed_before_the_new_one_began_is_named_as_empty(backend: Backend):
    grow(backend, 2)

    written(backend, of_next_year(), MIDNIGHT)

    (opening,) = about(backend, NEXT)
    assert isinstance(opening, Opening)
    assert (opening.size, opening.root) == (0, EMPTY_ROOT)


def test_the_first_log_of_a_bucket_carries_on_none(backend: Backend):
    assert grow(backend, 1)[0].idx == 0


def test_nothing_follows_the_closing_entry(backend: Backend):
    ended(backend)
    before = bodies(backend, LOG)

    with pytest.raises(WrongLog, match="closed"):
        grow(backend, 1, seed=9)
    assert make_due(backend.data, HOST, DUE + EVERY_MS) == []
    assert close_due(backend.data, HOST, DUE + 1) == []

    assert bodies(backend, LOG) == before


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger_entry (bucket, year, idx, id, leaf, body) SELECT bucket, year, 99 + idx, leaf, leaf, body FROM ledger_entry",
        "UPDATE ledger_head SET size = size + 1",
        "UPDATE ledger_head SET closed_at = NULL",
    ],
)
def test_the_data_base_itself_keeps_a_closed_log_closed(backend: Backend, statement: str):
    ended(backend)

    with pytest.raises(DBAPIError, match="closed log"), backend.data.write() as conn:
        conn.execute(text(statement))


def test_an_end_is_not_carried_over_before_it_is_signed_and_never_twice(backend: Backend):
    grow(backend, 5)
    close_due(backend.data, HOST, DUE)

    assert carry_over(backend.data, HOST, DUE) == []
    publish(backend.data, SIGNER, DUE)
    assert carry_over(backend.data, HOST, DUE) == [LOG]
    assert carry_over(backend.data, HOST, DUE) == []


def test_of_many_publishers_one_closes_a_log_and_one_carries_it_over(backend: Backend):
    grow(backend, 20)

    closed = at_once([lambda: close_due(backend.data, HOST, DUE)] * 4)
    publish(backend.data, SIGNER, DUE)
    carried = at_once([lambda: carry_over(backend.data, HOST, DUE)] * 4)

    assert sorted(map(len, closed)) == sorted(map(len, carried)) == [0, 0, 0, 1]
    assert [type(one) for one in (*about(backend, LOG), *about(backend, NEXT))] == [Index, Closing, Opening]
    assert findings(backend) == []


def test_appends_go_on_while_a_year_is_turned(backend: Backend):
    """Nobody is refused: neither the new year's entries, nor the old year's until the log is closed."""
    grow(backend, 20)

    def writes() -> list[int]:
        return [written(backend, of_next_year(tag=2), DUE).n for _ in range(10)]

    def turns() -> list[int]:
        close_due(backend.data, HOST, DUE)
        publish(backend.data, SIGNER, DUE)
        return [len(carry_over(backend.data, HOST, DUE))]

    numbers = at_once([writes, writes, turns])

    assert sorted(numbers[0] + numbers[1]) == list(range(1, 21))
    assert len(publish(backend.data, SIGNER, DUE)) == 1
    assert findings(backend) == []


def test_many_at_once_begin_a_year_once(backend: Backend):
    grow(backend, 2)

    indices = at_once([lambda: written(backend, of_next_year(), MIDNIGHT).idx] * 6)

    assert sorted(indices) == list(range(1, 7))
    assert len(about(backend, NEXT)) == 1


def test_a_clock_that_was_a_day_fast_closes_nothing(backend: Backend):
    grow(backend, 2)
    day_fast = MIDNIGHT + 86_400_000 - 1

    assert close_due(backend.data, HOST, day_fast) == []
    written(backend, of_next_year(), day_fast)

    assert grow(backend, 1, seed=1)[0].idx == 2


def test_a_log_that_must_not_be_signed_is_not_closed(backend: Backend):
    grow(backend, 2)

    assert close_due(backend.data, HOST, DUE, held={origin_of(HOST, LOG)}) == []
    assert close_due(backend.data, HOST, DUE, held={origin_of(HOST, NEXT)}) == [LOG]


def test_after_years_without_a_publisher_one_log_ends_after_another(backend: Backend):
    grow(backend, 2)
    written(backend, of_next_year(), MIDNIGHT)
    much_later = int(datetime(YEAR + 4, 6, 1, tzinfo=UTC).timestamp() * 1000)

    closed = []
    for _ in range(3):
        closed.append(close_due(backend.data, HOST, much_later))
        publish(backend.data, SIGNER, much_later)
        assert carry_over(backend.data, HOST, much_later) == closed[-1]

    assert closed == [[LOG], [NEXT], []]
    assert findings(backend) == []


def test_a_log_that_rested_for_years_names_the_log_of_today(backend: Backend):
    grow(backend, 2)
    much_later = int(datetime(YEAR + 4, 6, 1, tzinfo=UTC).timestamp() * 1000)

    close_due(backend.data, HOST, much_later)
    publish(backend.data, SIGNER, much_later)
    carry_over(backend.data, HOST, much_later)

    closing = about(backend, LOG)[-1]
    assert isinstance(closing, Closing)
    assert closing.after == origin_of(HOST, LogId(0, YEAR + 4))
    assert len(about(backend, LogId(0, YEAR + 4))) == 1


def test_an_entry_smuggled_in_after_the_closing_one_is_found(backend: Backend):
    ended(backend)
    with backend.data.write() as conn:
        on = " ON ledger_head" if backend.name == "postgresql" else ""
        conn.execute(text(f"DROP TRIGGER ledger_head_closed{on}"))
        conn.execute(head.update().values(closed_at=None))
    grow(backend, 1, seed=9)

    said = {one.what for one in findings(backend)}

    assert said == {"an entry after the one that closed the log", "the head and the closing entry disagree"}
