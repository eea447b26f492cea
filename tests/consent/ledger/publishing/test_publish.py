"""Publishing: what is signed was computed twice, and nothing inconsistent is ever signed."""

import random
from pathlib import Path

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import DBAPIError

from consent.ledger import published
from consent.ledger.append import append
from consent.ledger.errors import LedgerAlarm, NotYetPublished
from consent.ledger.formats import checkpoint
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.tiles import Tile
from consent.ledger.origin import LogId, origin_of
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.ledger.tables import head
from consent.ledger.tree import EMPTY
from tests.backends import Backend
from tests.consent.ledger.kit import HOST, LOG, NOW, YEAR, an_item, grow, insider
from tests.races.crowd import at_once

SIGNER = Signer(HOST, bytes(32))
ORIGIN = origin_of(HOST, LOG)


def test_a_checkpoint_names_the_log_its_size_and_its_root(backend: Backend):
    leaves = [at.leaf for at in grow(backend, 300)]

    (new,) = publish(backend.data, SIGNER, NOW)

    expected = Checkpoint(ORIGIN, 300, EMPTY.extend(leaves).root())
    assert checkpoint.verify(new.note, [SIGNER.key(ORIGIN)]) == expected
    assert (new.log, new.size, new.root) == (LOG, 300, expected.root)


def test_a_log_that_has_not_grown_is_not_signed_again(backend: Backend):
    grow(backend, 3)

    assert len(publish(backend.data, SIGNER, NOW)) == 1
    assert publish(backend.data, SIGNER, NOW + 1) == []
    grow(backend, 3, seed=1)
    assert [at.size for at in publish(backend.data, SIGNER, NOW + 2)] == [6]


def test_an_empty_installation_has_nothing_to_sign(backend: Backend):
    assert publish(backend.data, SIGNER, NOW) == []


def test_only_the_logs_asked_for_are_signed(backend: Backend):
    dice = random.Random(0)
    with backend.data.write() as conn:
        append(conn, [an_item(dice, bucket=bucket) for bucket in range(3)], NOW, HOST)

    wanted = LogId(1, YEAR)

    assert [at.log for at in publish(backend.data, SIGNER, NOW, only={wanted})] == [wanted]
    assert [at.log.bucket for at in publish(backend.data, SIGNER, NOW)] == [0, 2]


def test_the_newest_checkpoint_covers_what_stood_before_it(backend: Backend):
    with backend.data.read() as conn, pytest.raises(NotYetPublished):
        published.covering(conn, LOG, 0)
    grow(backend, 2)
    publish(backend.data, SIGNER, NOW)
    grow(backend, 2, seed=1)

    with backend.data.read() as conn:
        assert published.covering(conn, LOG, 1).size == 2
        with pytest.raises(NotYetPublished):
            published.covering(conn, LOG, 2)


def test_outsiders_get_tiles_of_published_sizes_only(backend: Backend):
    grow(backend, 260)
    publish(backend.data, SIGNER, NOW)
    grow(backend, 260, seed=1)

    with backend.data.read() as conn:
        served = [
            tile
            for tile in (Tile(0, 0), Tile(0, 1, 4), Tile(1, 0, 1), Tile(0, 1, 3), Tile(0, 1, 5), Tile(0, 1))
            if published.public_tile(conn, LOG, tile)
        ]
        bundle = published.public_tile(conn, LOG, Tile(0, 1, 4), as_entries=True)
    assert served == [Tile(0, 0), Tile(0, 1, 4), Tile(1, 0, 1)]
    assert bundle is not None


DAMAGE = {
    "one bit of an entry": "UPDATE ledger_entry SET body = {flip} WHERE idx = 4",
    "one bit of a leaf": "UPDATE ledger_entry SET leaf = {leaf} WHERE idx = 4",
    "an entry is gone": "DELETE FROM ledger_entry WHERE idx = 4",
    "the last entry is gone": "DELETE FROM ledger_entry WHERE idx = 299",
    "the frontier": "UPDATE ledger_head SET frontier = {frontier}",
    "the root": "UPDATE ledger_head SET root = {leaf}",
    "the size": "UPDATE ledger_head SET size = 299",
}


def _value(backend: Backend, column: str, table: str, where: str) -> bytes:
    with backend.data.read() as conn:
        return bytes(conn.execute(text(f"SELECT {column} FROM {table} {where}")).scalar_one())


def _flip(data: bytes) -> bytes:
    return data[:9] + bytes([data[9] ^ 4]) + data[10:]


def _damage(backend: Backend, statement: str) -> None:
    values = {
        "flip": _flip(_value(backend, "body", "ledger_entry", "WHERE idx = 4")),
        "leaf": _flip(_value(backend, "leaf", "ledger_entry", "WHERE idx = 4")),
        "frontier": _flip(_value(backend, "frontier", "ledger_head", "")),
    }
    used = {name: value for name, value in values.items() if "{" + name + "}" in statement}
    with insider(backend) as conn:
        conn.execute(text("DELETE FROM ledger_opening"))
        conn.execute(text(statement.format(**{name: f":{name}" for name in values})), used)


@pytest.mark.parametrize("what", DAMAGE)
def test_nothing_is_signed_over_new_rows_that_disagree(backend: Backend, what: str):
    grow(backend, 300)
    _damage(backend, DAMAGE[what])

    with pytest.raises(LedgerAlarm) as alarm:
        publish(backend.data, SIGNER, NOW)

    assert alarm.value.origin == ORIGIN
    with backend.data.read() as conn:
        assert published.newest(conn, LOG) is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_checkpoint SET size = 200",
        "UPDATE ledger_checkpoint SET root = {leaf}",
        "UPDATE ledger_checkpoint SET frontier = {frontier}",
        "UPDATE ledger_checkpoint SET note = {flip}",
        "UPDATE ledger_tile SET root = {leaf}",
    ],
)
def test_a_signed_past_that_was_altered_stops_the_signing(backend: Backend, statement: str):
    grow(backend, 290)
    publish(backend.data, SIGNER, NOW)
    _damage(backend, statement)
    grow(backend, 1, seed=1)

    with pytest.raises(LedgerAlarm):
        publish(backend.data, SIGNER, NOW + 1)


def test_a_rewritten_and_rehashed_past_does_not_follow_from_the_signed_one(backend: Backend):
    """An insider replaces the whole log by another, consistent in itself; the old checkpoint stays."""
    grow(backend, 40)
    publish(backend.data, SIGNER, NOW)
    with insider(backend) as conn:
        for table in ("ledger_opening", "ledger_entry", "ledger_subject_head", "ledger_head"):
            conn.execute(text(f"DELETE FROM {table}"))
    grow(backend, 50, seed=99)

    with pytest.raises(LedgerAlarm, match="not consistent"):
        publish(backend.data, SIGNER, NOW + 1)


def test_one_logs_alarm_does_not_keep_the_others_from_publishing(backend: Backend):
    dice = random.Random(0)
    with backend.data.write() as conn:
        append(conn, [an_item(dice, bucket=bucket) for bucket in (0, 1)], NOW, HOST)
        conn.execute(text("UPDATE ledger_head SET size = 2 WHERE bucket = 0"))

    with pytest.raises(LedgerAlarm) as alarm:
        publish(backend.data, SIGNER, NOW)

    assert alarm.value.origin == origin_of(HOST, LogId(0, YEAR))
    with backend.data.read() as conn:
        assert published.newest(conn, LogId(1, YEAR)) is not None


def test_every_log_found_wrong_is_told_and_none_hides_another(backend: Backend):
    dice = random.Random(0)
    with backend.data.write() as conn:
        append(conn, [an_item(dice, bucket=bucket) for bucket in (0, 1, 2)], NOW, HOST)
        conn.execute(text("UPDATE ledger_head SET size = 2 WHERE bucket <> 1"))

    with pytest.raises(LedgerAlarm) as alarm:
        publish(backend.data, SIGNER, NOW)

    assert [one.origin for one in alarm.value.every] == [
        origin_of(HOST, LogId(bucket, YEAR)) for bucket in (0, 2)
    ]


def test_of_many_publishers_each_step_is_taken_once(backend: Backend):
    grow(backend, 20)

    signed = at_once([lambda: publish(backend.data, SIGNER, NOW)] * 4)

    assert sum(map(len, signed)) == 1


def test_checkpoints_cannot_be_changed_or_removed(backend: Backend):
    grow(backend, 2)
    publish(backend.data, SIGNER, NOW)

    for statement in ("UPDATE ledger_checkpoint SET size = 1", "DELETE FROM ledger_checkpoint"):
        with pytest.raises(DBAPIError, match="append-only"), backend.data.write() as conn:
            conn.execute(text(statement))


def test_publishing_resumes_from_the_remembered_heads(backend: Backend, tmp_path: Path):
    memory = Memory(tmp_path / "heads.json")
    for seed in range(3):
        grow(backend, 5, seed=seed)
        publish(backend.data, SIGNER, NOW, memory=memory)

    assert [(name, at.size) for name, at in memory.load().items()] == [(ORIGIN, 15)]


def test_a_data_base_restored_to_an_older_state_is_not_signed(backend: Backend, tmp_path: Path):
    memory = Memory(tmp_path / "heads.json")
    grow(backend, 5)
    publish(backend.data, SIGNER, NOW, memory=memory)
    with backend.data.read() as conn:
        backup = conn.execute(select(head)).one()
    grow(backend, 5, seed=1)
    publish(backend.data, SIGNER, NOW, memory=memory)

    with insider(backend) as conn:
        for table in ("ledger_opening", "ledger_entry"):
            conn.execute(text(f"DELETE FROM {table} WHERE idx >= 5"))
        conn.execute(text("DELETE FROM ledger_checkpoint WHERE size > 5"))
        conn.execute(head.update().values(**backup._mapping))

    with pytest.raises(LedgerAlarm, match="rolled back"):
        publish(backend.data, SIGNER, NOW, memory=memory)


def test_a_fork_since_the_restored_state_is_not_signed_either(backend: Backend, tmp_path: Path):
    memory = Memory(tmp_path / "heads.json")
    grow(backend, 10)
    publish(backend.data, SIGNER, NOW, memory=memory)
    with insider(backend) as conn:
        tables = ("ledger_opening", "ledger_entry", "ledger_subject_head", "ledger_head", "ledger_checkpoint")
        for table in tables:
            conn.execute(text(f"DELETE FROM {table}"))
    grow(backend, 12, seed=5)

    with pytest.raises(LedgerAlarm, match="not consistent"):
        publish(backend.data, SIGNER, NOW, memory=memory)


def test_a_log_that_vanished_is_missed(backend: Backend, tmp_path: Path):
    memory = Memory(tmp_path / "heads.json")
    memory.save({"elsewhere/2026/0": Checkpoint("elsewhere/2026/0", 1, bytes(32))})

    with pytest.raises(LedgerAlarm, match="gone"):
        publish(backend.data, SIGNER, NOW, memory=memory)


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "[]",
        "{",
        '{"version": 1}',
        '{"version": 2, "heads": {}}',
        '{"log/2026/0": [1, "AAAA"]}',
        *(
            f'{{"version": 1, "heads": {heads}}}'
            for heads in ('{"a": [1]}', '{"a": ["x", "y"]}', '{"a": [1, "*"]}')
        ),
        "é",
    ],
)
def test_a_damaged_memory_is_not_taken_for_an_empty_one(tmp_path: Path, damaged: str):
    path = tmp_path / "heads.json"
    path.write_text(damaged)

    with pytest.raises(LedgerAlarm, match="damaged"):
        Memory(path).load()
    with pytest.raises(LedgerAlarm, match="damaged"):
        Memory(path).save({ORIGIN: Checkpoint(ORIGIN, 1, bytes(32))})
    assert path.read_text() == damaged


def test_writers_of_one_memory_never_lose_each_others_heads(tmp_path: Path):
    memory = Memory(tmp_path / "heads.json")

    def signs(log: int) -> None:
        for size in (1, 3, 2):
            memory.save({f"log/{log}": Checkpoint(f"log/{log}", size, bytes(32))})

    at_once([lambda log=log: signs(log) for log in range(8)])

    assert {name: at.size for name, at in memory.load().items()} == {f"log/{log}": 3 for log in range(8)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["heads.json", "heads.json.lock"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_two_heads_of_one_size_are_an_alarm(tmp_path: Path):
    memory = Memory(tmp_path / "heads.json")
    memory.save({ORIGIN: Checkpoint(ORIGIN, 4, bytes(32))})

    with pytest.raises(LedgerAlarm, match="two different heads"):
        memory.save({ORIGIN: Checkpoint(ORIGIN, 4, bytes([1]) * 32)})


def test_a_missing_memory_remembers_nothing(tmp_path: Path):
    assert Memory(tmp_path / "heads.json").load() == {}


def test_a_signer_does_not_print_its_key():
    assert bytes(32).hex() not in repr(SIGNER)
    assert "\\x00" not in repr(SIGNER)


def test_a_quick_look_costs_the_same_however_many_logs_rest(backend: Backend, tmp_path: Path):
    memory, dice = Memory(tmp_path / "heads"), random.Random(4)
    counts = [0]

    def note_statement(*_):
        counts[-1] += 1

    event.listen(backend.data.engine, "before_cursor_execute", note_statement)
    try:
        for buckets in (range(1), range(1, 6)):
            with backend.data.write() as conn:
                append(conn, [an_item(dice, bucket=bucket) for bucket in buckets], NOW, HOST)
            publish(backend.data, SIGNER, NOW, memory=memory)
            counts.append(0)
            assert publish(backend.data, SIGNER, NOW, memory=memory, thorough=False) == []
            counts.append(0)
    finally:
        event.remove(backend.data.engine, "before_cursor_execute", note_statement)

    assert counts[1] == counts[3] > 0


def test_a_quick_look_signs_what_has_grown_and_sees_every_step_back(backend: Backend, tmp_path: Path):
    memory = Memory(tmp_path / "heads")
    grow(backend, 3)

    assert [at.size for at in publish(backend.data, SIGNER, NOW, memory=memory, thorough=False)] == [3]

    memory.save({ORIGIN: Checkpoint(ORIGIN, 4, bytes(32))})
    with pytest.raises(LedgerAlarm, match="rolled back"):
        publish(backend.data, SIGNER, NOW, memory=memory, thorough=False)


def test_a_log_that_rests_is_looked_over_by_the_thorough_look(backend: Backend):
    grow(backend, 3)
    publish(backend.data, SIGNER, NOW)
    with insider(backend) as conn:
        conn.execute(text("UPDATE ledger_head SET root = :wrong"), {"wrong": bytes(32)})

    assert publish(backend.data, SIGNER, NOW, thorough=False) == []
    with pytest.raises(LedgerAlarm):
        publish(backend.data, SIGNER, NOW)
