"""Appending: order, numbers, idempotence, tiles, and a constant number of statements."""

import dataclasses
import random

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import DBAPIError

from consent.ledger.append import append
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.errors import LedgerAlarm, LedgerConflict, WrongLog
from consent.ledger.origin import LogId, origin_of
from consent.ledger.tables import entry, head, opening, subject_head, tile
from consent.ledger.tree import leaf_hash
from tests.backends import Backend
from tests.consent.ledger.kit import HOST, LOG, NOW, YEAR, an_item, assert_whole, grow, insider

DICE = random.Random(7)


def test_the_first_entry_of_a_log_has_index_0_number_1_and_no_previous(backend: Backend):
    item = an_item(DICE)

    with backend.data.write() as conn:
        (position,) = append(conn, [item], NOW, HOST)

    found = parse(position.body)
    assert (position.idx, position.n, position.origin) == (0, 1, f"{HOST}/{YEAR}/0")
    assert position.leaf == leaf_hash(position.body)
    assert (found.previous, found.ts, found.tag, found.id) == (bytes(32), NOW, item.tag, item.id)
    assert (found.kind, found.commitment) == (item.kind, item.commitment)


def test_an_empty_list_touches_nothing(backend: Backend):
    with backend.data.write() as conn:
        assert append(conn, [], NOW, HOST) == []
    with backend.data.read() as conn:
        assert conn.execute(select(head)).all() == []


def test_a_mixed_batch_keeps_order_and_chains_inside_itself_and_across_calls(backend: Backend):
    for _ in range(4):
        items = [an_item(DICE, bucket=DICE.randrange(3), tag=DICE.randrange(4)) for _ in range(40)]
        with backend.data.write() as conn:
            positions = append(conn, items, NOW, HOST)
        assert [parse(at.body).id for at in positions] == [item.id for item in items]
        assert [at.bucket for at in positions] == [item.bucket for item in items]

    assert sum(len(assert_whole(backend, LogId(bucket, YEAR))) for bucket in range(3)) == 160


def test_the_number_of_statements_does_not_grow_with_the_list(backend: Backend):
    grow(backend, 3)
    counts: list[int] = []
    for size in (1, 10, 100):
        seen: list[str] = []

        def watch(_conn, _cursor, statement, *_rest, seen=seen):
            seen.append(statement)

        items = [an_item(DICE, tag=DICE.randrange(9)) for _ in range(size)]
        with backend.data.write() as conn:
            event.listen(conn, "before_cursor_execute", watch)
            append(conn, items, NOW, HOST)
        counts.append(len(seen))

    assert counts[0] == counts[1] == counts[2] <= 6


def test_the_same_id_with_the_same_entry_gives_the_old_position(backend: Backend):
    item = an_item(DICE)
    with backend.data.write() as conn:
        first = append(conn, [item, item, an_item(DICE)], NOW, HOST)

    with backend.data.write() as conn:
        again = append(conn, [an_item(DICE), item], NOW + 5, HOST)

    assert first[0] == first[1] == again[1]
    assert len(assert_whole(backend)) == 3


@pytest.mark.parametrize(
    "change", [{"commitment": bytes(32)}, {"kind": Kind.GRANT}, {"tag": bytes([9]) * 16}]
)
@pytest.mark.parametrize("within_one_batch", [True, False])
def test_the_same_id_with_another_entry_is_a_conflict(backend: Backend, change, within_one_batch: bool):
    item = an_item(DICE)
    other = dataclasses.replace(item, **change)
    if not within_one_batch:
        with backend.data.write() as conn:
            append(conn, [item], NOW, HOST)

    with pytest.raises(LedgerConflict), backend.data.write() as conn:
        append(conn, [item, other], NOW, HOST)


def test_time_never_runs_backwards_within_a_log(backend: Backend):
    for now_ms in (NOW, NOW - 60_000, NOW + 1):
        with backend.data.write() as conn:
            append(conn, [an_item(DICE)], now_ms, HOST)

    assert [one.ts for one in assert_whole(backend)] == [NOW, NOW, NOW + 1]


def test_an_item_prepared_for_another_year_is_refused(backend: Backend):
    item = dataclasses.replace(an_item(DICE), year=YEAR + 1)

    with pytest.raises(WrongLog), backend.data.write() as conn:
        append(conn, [item], NOW, HOST)


def test_an_entry_about_the_log_itself_is_refused(backend: Backend):
    with pytest.raises(WrongLog), backend.data.write() as conn:
        append(conn, [an_item(DICE, kind=Kind.SHARD)], NOW, HOST)


def test_a_rolled_back_append_leaves_no_gap(backend: Backend):
    grow(backend, 10)

    with backend.data.engine.connect() as conn:
        append(conn, [an_item(DICE) for _ in range(300)], NOW, HOST)
        conn.rollback()
    grow(backend, 10, seed=1)

    assert len(assert_whole(backend)) == 20


@pytest.mark.parametrize("steps", [[255, 1, 1], [256], [700], [1, 511, 1, 600]])
def test_a_tile_is_written_when_its_256th_leaf_is(backend: Backend, steps: list[int]):
    for seed, step in enumerate(steps):
        grow(backend, step, seed=seed, batch=step)

    with backend.data.read() as conn:
        leaves = list(conn.execute(select(entry.c.leaf).order_by(entry.c.idx)).scalars())
        tiles = conn.execute(select(tile.c.level, tile.c.n, tile.c.data).order_by(tile.c.n)).all()
    full = sum(steps) // 256
    assert [(row.level, row.n) for row in tiles] == [(0, n) for n in range(full)]
    assert b"".join(row.data for row in tiles) == b"".join(leaves[: 256 * full])


def test_each_persons_head_and_opening_are_kept(backend: Backend):
    positions = grow(backend, 50)

    with backend.data.read() as conn:
        heads = {row.tag: row for row in conn.execute(select(subject_head))}
        openings = {row.idx: row for row in conn.execute(select(opening))}
    last = {parse(at.body).tag: at for at in positions}
    assert {tag: (row.n, row.leaf, row.idx) for tag, row in heads.items()} == {
        tag: (at.n, at.leaf, at.idx) for tag, at in last.items()
    }
    assert {idx: row.subject for idx, row in openings.items()} == {
        at.idx: parse(at.body).tag for at in positions
    }


@pytest.mark.parametrize("column", ["root", "frontier"])
def test_nothing_is_built_on_a_damaged_head(backend: Backend, column: str):
    grow(backend, 5)
    with backend.data.write() as conn:
        conn.execute(text(f"UPDATE ledger_head SET {column} = :wrong"), {"wrong": bytes(32)})

    with pytest.raises(LedgerAlarm) as alarm, backend.data.write() as conn:
        append(conn, [an_item(DICE)], NOW, HOST)

    assert alarm.value.origin == origin_of(HOST, LOG)


def test_a_tile_is_not_made_from_fewer_leaves_than_there_were(backend: Backend):
    grow(backend, 200)
    with insider(backend) as conn:
        conn.execute(text("DELETE FROM ledger_opening"))
        conn.execute(text("DELETE FROM ledger_entry WHERE idx = 7"))

    with pytest.raises(LedgerAlarm):
        grow(backend, 100, seed=1)


@pytest.mark.parametrize("table", ["ledger_entry", "ledger_tile"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET year = year", "DELETE FROM {}"])
def test_entries_and_tiles_cannot_be_changed_or_removed(backend: Backend, table: str, verb: str):
    grow(backend, 256)

    with pytest.raises(DBAPIError, match="append-only"), backend.data.write() as conn:
        conn.execute(text(verb.format(table)))
