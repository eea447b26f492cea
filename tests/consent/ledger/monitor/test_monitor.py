"""The monitor: silent over an honest log, and one alarm for each lie, with its proof where there can be one."""

import dataclasses
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import select, text

from consent.ledger import prove, published
from consent.ledger.append import append
from consent.ledger.bundles import fraud
from consent.ledger.ending.closing import close_due
from consent.ledger.entries import log_entry
from consent.ledger.entries.entry import body, parse
from consent.ledger.entries.log_entry import Closing, Index, Opening, Why
from consent.ledger.formats import checkpoint, cosignature
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.policy import Policy, Witness
from consent.ledger.formats.tiles import Tile
from consent.ledger.indexes import index_tiles, indexing
from consent.ledger.indexes.index import chunks_of, root_of
from consent.ledger.monitor import store as stores
from consent.ledger.monitor.alerts import Alarm
from consent.ledger.monitor.follow import UNCOUNTED_MS, follow
from consent.ledger.monitor.heads import STALE_MS, UNMOVED_MS
from consent.ledger.monitor.reading import OutOfTime
from consent.ledger.monitor.round import MOST_ALERTS, Round
from consent.ledger.monitor.store import MonitorStore
from consent.ledger.origin import LogId
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.ledger.tables import entry
from consent.ledger.tree import EMPTY, leaf_hash
from tests.backends import Backend
from tests.consent.ledger.kit import HOST, LOG, NOW, an_item, grow
from vault.storage.database import open_database

SIGNER = Signer(HOST, bytes(32))
ORIGIN = f"{HOST}/{LOG.year}/0"
ALONE = Policy((SIGNER.key(ORIGIN),), ())
SEED = bytes(range(32))
WITNESS = cosignature.key_of("w.example/1", SEED)
WATCHED = Policy((SIGNER.key(ORIGIN),), (), (Witness("w", WITNESS),), quorum="w")


@dataclasses.dataclass
class Shown:
    """A log as a data base has it, but for what the test says otherwise; heads that witnesses show; when cosigned."""

    backend: Backend
    at_s: int | None = None
    note: bytes | None = None
    bodies: dict[int, bytes] = dataclasses.field(default_factory=dict)
    tiles: dict[tuple[int, int], bytes] = dataclasses.field(default_factory=dict)
    heads: tuple[bytes, ...] = ()
    log: LogId = LOG

    def head(self) -> bytes:
        if self.note is not None:
            return self.note
        with self.backend.data.read() as conn:
            at = published.newest(conn, self.log)
        assert at is not None
        return at.note if self.at_s is None else cosigned(at.note, self.at_s)

    def tile(self, wanted: Tile) -> bytes:
        with self.backend.data.read() as conn:
            found = published.public_tile(conn, self.log, wanted)
        assert found is not None, f"only what is published is asked for, not {wanted.path}"
        return self.tiles.get((wanted.level, wanted.n), found)

    def entries(self, n: int, width: int) -> bytes:
        with self.backend.data.read() as conn:
            found = prove.entries(conn, self.log, range(256 * n, 256 * n + width))
        bodies = [self.bodies.get(256 * n + at, body) for at, (_, body) in enumerate(found)]
        return b"".join(len(body).to_bytes(2) + body for body in bodies)

    def rows(self, upto: int, n: int, width: int) -> bytes:
        with self.backend.data.read() as conn:
            found = index_tiles.served(conn, LOG, upto, Tile(0, n, width), as_rows=True)
        if found is None:
            raise OSError("they are gone")
        return found

    def witnessed(self) -> Sequence[bytes]:
        return self.heads


def cosigned(note: bytes, at_s: int) -> bytes:
    text = note.partition(b"\n\n")[0].decode() + "\n"
    return note + str(cosignature.sign(text, WITNESS, SEED, at_s)).encode()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MonitorStore]:
    stores.create(tmp_path / "monitor.db")
    data = open_database(f"sqlite:///{tmp_path / 'monitor.db'}")
    yield MonitorStore(data)
    data.close()


def look(shown: Shown, store: MonitorStore, policy: Policy = ALONE, now: int = NOW) -> Round:
    return follow(shown, store, policy, ORIGIN, now)


def alarms(found: Round) -> list[tuple[Alarm, int | None]]:
    return [(one.alarm, one.at) for one in found.alerts]


def signed(backend: Backend, count: int, **how: int) -> None:
    grow(backend, count, **how)
    publish(backend.data, SIGNER, NOW)


def test_over_an_honest_log_it_is_silent_however_it_grows(backend: Backend, store: MonitorStore):
    shown, size = Shown(backend), 0
    for turn, count in enumerate((1, 254, 1, 1, 600, 40)):
        signed(backend, count, seed=turn, people=40)
        if turn % 2:
            indexing.make(backend.data, HOST, LOG, NOW)
            publish(backend.data, SIGNER, NOW)
        found = look(shown, store)
        assert found.alerts == []
        assert found.accepted is not None
        assert found.accepted.head.size > size
        size = found.accepted.head.size


@pytest.mark.heavy
def test_over_65_536_entries_the_tiles_of_three_levels_agree(backend: Backend, store: MonitorStore):
    shown = Shown(backend)
    signed(backend, 65_000, batch=5_000)
    assert look(shown, store).alerts == []
    signed(backend, 800, seed=2)

    assert look(shown, store).alerts == []


def test_a_round_without_news_accepts_the_same_head_again(backend: Backend, store: MonitorStore):
    signed(backend, 5)

    assert [look(Shown(backend), store).alerts for _ in range(2)] == [[], []]


def test_over_a_log_that_ends_it_is_silent_and_whatever_follows_the_end_is_told(
    backend: Backend, store: MonitorStore
):
    later = NOW + 500 * 86_400_000
    signed(backend, 5)
    assert look(Shown(backend), store).alerts == []
    close_due(backend.data, HOST, later)
    publish(backend.data, SIGNER, later)
    assert look(Shown(backend), store).alerts == []
    with backend.data.write() as conn:
        on = " ON ledger_head" if backend.name == "postgresql" else ""
        conn.execute(text(f"DROP TRIGGER ledger_head_closed{on}"))
        conn.execute(text("UPDATE ledger_head SET closed_at = NULL"))
    signed(backend, 2, seed=1)

    assert alarms(look(Shown(backend), store)) == [(Alarm.AFTER_CLOSING, 7), (Alarm.AFTER_CLOSING, 8)]


def forged(bodies: Sequence[bytes], size: int | None = None, origin: str = ORIGIN) -> bytes:
    """A head over other entries, signed by the log itself."""
    root = EMPTY.extend(map(leaf_hash, bodies)).root()
    return checkpoint.sign(Checkpoint(origin, size or len(bodies), root), SIGNER.seed(origin))


def bodies_of(backend: Backend) -> list[bytes]:
    with backend.data.read() as conn:
        return list(conn.execute(select(entry.c.body).order_by(entry.c.idx)).scalars())


def test_a_head_nobody_signed_is_not_looked_at(backend: Backend, store: MonitorStore):
    signed(backend, 5)
    stranger = Signer(HOST, bytes([1]) * 32)
    note = checkpoint.sign(Checkpoint(ORIGIN, 5, bytes(32)), stranger.seed(ORIGIN))

    assert alarms(look(Shown(backend, note=note), store)) == [(Alarm.UNSIGNED, None)]
    assert alarms(look(Shown(backend, note=b"<html>"), store)) == [(Alarm.UNREADABLE, None)]


def test_a_smaller_head_is_a_roll_back(backend: Backend, store: MonitorStore):
    signed(backend, 5)
    look(Shown(backend), store)

    found = look(Shown(backend, note=forged(bodies_of(backend)[:3])), store)

    assert alarms(found) == [(Alarm.ROLLED_BACK, 3)]
    assert [checkpoint.verify(one, ALONE.logs).size for one in found.alerts[0].notes] == [3, 5]


def test_a_larger_head_over_another_tree_proves_a_fork(backend: Backend, store: MonitorStore):
    signed(backend, 300)
    assert look(Shown(backend), store).alerts == []
    bodies = bodies_of(backend)
    other = Forger([*bodies[:77], grow_elsewhere(backend, 77), *bodies[78:], bodies[0]])

    found = follow(other, store, ALONE, ORIGIN, NOW)

    (alert,) = [one for one in found.alerts if one.alarm is Alarm.INCONSISTENT]
    proof = fraud.parse(alert.evidence)
    assert fraud.verify(proof, ALONE.logs).kind is fraud.Lie.FORKED
    assert {one.index for one in proof.entries} == {77}
    assert [checkpoint.verify(one, ALONE.logs).size for one in alert.notes] == [300, 301]


def test_two_heads_of_one_size_prove_a_split_view(backend: Backend, store: MonitorStore):
    signed(backend, 5)
    look(Shown(backend), store)

    (alert,) = look(Shown(backend, note=forged(bodies_of(backend)[::-1])), store).alerts

    assert alert.alarm is Alarm.SPLIT_VIEW
    assert fraud.verify(fraud.parse(alert.evidence), ALONE.logs).kind is fraud.Lie.SPLIT_VIEW


def test_a_witness_that_was_shown_another_tree_proves_it_too(backend: Backend, store: MonitorStore):
    signed(backend, 5)

    (alert,) = look(Shown(backend, heads=(forged(bodies_of(backend)[::-1]),)), store).alerts

    assert alert.alarm is Alarm.SPLIT_VIEW
    assert fraud.verify(fraud.parse(alert.evidence), ALONE.logs).kind is fraud.Lie.SPLIT_VIEW


def test_a_witness_that_saw_an_older_head_agrees_or_does_not(backend: Backend, store: MonitorStore):
    signed(backend, 5)
    older = bodies_of(backend)[:3]

    honest = look(Shown(backend, heads=(forged(older),)), store)
    lying = look(Shown(backend, heads=(forged(older[::-1]),)), store)

    assert (alarms(honest), alarms(lying)) == ([], [(Alarm.SPLIT_VIEW, 3)])
    assert [checkpoint.verify(one, ALONE.logs).size for one in lying.alerts[0].notes] == [3, 5]


def test_a_log_that_shows_less_than_its_witness_has_seen_has_gone_back(backend: Backend, store: MonitorStore):
    signed(backend, 5)
    more = [*bodies_of(backend), b"hidden"]

    assert alarms(look(Shown(backend, heads=(forged(more),)), store)) == [(Alarm.ROLLED_BACK, 6)]


@pytest.mark.parametrize("at", [0, 3, 299])
def test_entries_that_do_not_lead_to_the_root_are_not_accepted(
    backend: Backend, store: MonitorStore, at: int
):
    signed(backend, 300)
    other = grow_elsewhere(backend, at)

    found = look(Shown(backend, bodies={at: other}), store)

    assert found.accepted is None
    assert (Alarm.INCONSISTENT, 300) in alarms(found)
    assert look(Shown(backend), store).alerts == []


def grow_elsewhere(backend: Backend, at: int) -> bytes:
    """The entry with another commitment."""
    body = bodies_of(backend)[at]
    return body.replace(b'{"c":"' + body[6:8], b'{"c":"' + (b"00" if body[6:8] != b"00" else b"11"))


@pytest.mark.parametrize(("level", "n"), [(0, 0), (0, 1), (1, 0)])
def test_a_public_tile_that_is_not_made_of_the_entries_is_named(
    backend: Backend, store: MonitorStore, level: int, n: int
):
    signed(backend, 600)
    width = {(0, 0): 256, (0, 1): 256, (1, 0): 2}[level, n]

    found = look(Shown(backend, tiles={(level, n): bytes(32 * width)}), store)

    assert alarms(found) == [(Alarm.WRONG_TILE, n)]


class Forger:
    """A log whose operator writes any bytes and signs them."""

    def __init__(self, bodies: Sequence[bytes], origin: str = ORIGIN) -> None:
        self.bodies, self.origin = list(bodies), origin

    def head(self) -> bytes:
        return forged(self.bodies, origin=self.origin)

    def tile(self, wanted: Tile) -> bytes:
        under = 256**wanted.level
        start = 256 * wanted.n * under
        leaves = list(map(leaf_hash, self.bodies[start : start + wanted.width * under]))
        return b"".join(EMPTY.extend(leaves[at : at + under]).root() for at in range(0, len(leaves), under))

    def entries(self, n: int, width: int) -> bytes:
        return b"".join(len(body).to_bytes(2) + body for body in self.bodies[256 * n : 256 * n + width])

    def rows(self, upto: int, n: int, width: int) -> bytes:
        raise OSError(f"no rows of {upto}: {n}, {width}")

    def witnessed(self) -> Sequence[bytes]:
        return ()


def told(backend: Backend, store: MonitorStore, *more: bytes, policy: Policy = ALONE) -> list[Alarm]:
    found = follow(Forger([*bodies_of(backend), *more]), store, policy, ORIGIN, NOW)
    for one in found.alerts:
        if one.evidence:
            fraud.verify(fraud.parse(one.evidence), policy.logs)
    return [one.alarm for one in found.alerts]


def body_of(backend: Backend, **changes: object) -> bytes:
    """The entry that would come next, of the person number 1, with these members changed."""
    mine = [(parse(one), leaf_hash(one)) for one in bodies_of(backend)]
    tag = (1).to_bytes(16)
    last = [(one, leaf) for one, leaf in mine if one.tag == tag][-1]
    members: dict[str, object] = {
        "kind": "access",
        "ts": NOW,
        "tag": tag,
        "n": last[0].n + 1,
        "previous": last[1],
        "commitment": bytes(32),
        "entry_id": bytes([9]) * 16,
    }
    return body(**(members | changes))  # type: ignore[arg-type]


def test_what_would_come_next_is_no_lie(backend: Backend, store: MonitorStore):
    grow(backend, 20)

    assert told(backend, store, body_of(backend)) == []


def test_a_number_given_twice_is_a_parallel_chain_and_proves_it(backend: Backend, store: MonitorStore):
    grow(backend, 20)
    n = parse(body_of(backend)).n

    assert told(backend, store, body_of(backend, n=n - 1)) == [Alarm.PARALLEL_CHAIN]
    (alert,) = follow(
        Forger([*bodies_of(backend), body_of(backend, n=n - 1)]), fresh(store), ALONE, ORIGIN, NOW
    ).alerts
    assert alert.evidence


def fresh(store: MonitorStore) -> MonitorStore:
    with store.data.write() as conn:
        conn.exec_driver_sql("DROP TRIGGER IF EXISTS monitor_head_no_delete")
        for table in ("head", "entry", "tail", "standing"):
            conn.exec_driver_sql(f"DELETE FROM monitor_{table}")
    return store


def test_a_number_left_out_breaks_a_chain(backend: Backend, store: MonitorStore):
    grow(backend, 20)
    n = parse(body_of(backend)).n

    assert told(backend, store, body_of(backend, n=n + 1)) == [Alarm.BROKEN_CHAIN]


def test_an_entry_that_does_not_name_the_one_before_breaks_a_chain(backend: Backend, store: MonitorStore):
    grow(backend, 20)

    (alert,) = follow(
        Forger([*bodies_of(backend), body_of(backend, previous=bytes([7]) * 32)]), store, ALONE, ORIGIN, NOW
    ).alerts

    assert alert.alarm is Alarm.BROKEN_CHAIN
    assert fraud.verify(fraud.parse(alert.evidence), ALONE.logs).kind is fraud.Lie.BROKEN_CHAIN


def test_an_id_given_twice_is_noticed_in_one_round_and_across_rounds(backend: Backend, store: MonitorStore):
    grow(backend, 20)
    old = parse(bodies_of(backend)[4]).id
    follow(Forger(bodies_of(backend)), store, ALONE, ORIGIN, NOW)

    assert told(backend, store, body_of(backend, entry_id=old)) == [Alarm.DUPLICATE_ID]


def test_an_id_given_twice_and_an_entry_behind_the_end_prove_themselves(
    backend: Backend, store: MonitorStore
):
    grow(backend, 20)
    last = log_entry.encode(Closing(id=bytes(16), ts=NOW, after=NEXT, why=Why.YEAR))
    twice = body_of(backend, entry_id=parse(bodies_of(backend)[4]).id)

    found = follow(Forger([*bodies_of(backend), last, twice]), store, ALONE, ORIGIN, NOW)

    proofs = {one.alarm: fraud.verify(fraud.parse(one.evidence), ALONE.logs).kind for one in found.alerts}
    assert proofs == {
        Alarm.DUPLICATE_ID: fraud.Lie.DUPLICATE_ID,
        Alarm.AFTER_CLOSING: fraud.Lie.AFTER_CLOSING,
    }


def test_bytes_that_are_no_entry_are_named(backend: Backend, store: MonitorStore):
    grow(backend, 20)

    assert told(backend, store, b'{"v":1}') == [Alarm.NOT_CANONICAL]
    assert told(backend, fresh(store), body_of(backend).replace(b":", b": ", 1)) == [Alarm.NOT_CANONICAL]


def test_an_entry_of_no_kind_at_all_is_named_and_what_follows_it_is_read(
    backend: Backend, store: MonitorStore
):
    grow(backend, 20)

    assert told(backend, store, b'{"t":[],"v":1}', body_of(backend)) == [Alarm.NOT_CANONICAL]


def test_an_entry_dated_before_the_one_it_follows_is_noticed(backend: Backend, store: MonitorStore):
    grow(backend, 20)

    assert told(backend, store, body_of(backend, ts=NOW - 1)) == [Alarm.OUT_OF_TIME]


@pytest.mark.parametrize("day", [-86_400_000, 86_400_000])
def test_an_entry_dated_outside_of_what_witnesses_saw_is_noticed(
    backend: Backend, store: MonitorStore, day: int
):
    signed(backend, 5)
    assert look(Shown(backend, at_s=NOW // 1000), store, WATCHED).alerts == []
    with backend.data.write() as conn:
        (position,) = append(conn, [an_item(random.Random(3))], NOW, HOST)
    publish(backend.data, SIGNER, NOW)
    moved = position.body.replace(str(NOW).encode(), str(NOW + day).encode())
    note = cosigned(forged([*bodies_of(backend)[:-1], moved]), NOW // 1000 + 1)

    found = look(Shown(backend, note=note, bodies={5: moved}), store, WATCHED)

    assert Alarm.OUT_OF_TIME in [one.alarm for one in found.alerts]


def _counts_one_less(rows: list[tuple]) -> list[tuple]:
    at = next(at for at, row in enumerate(rows) if row[1] > 1)
    tag, n, leaf, idx = rows[at]
    return [*rows[:at], (tag, n - 1, leaf, idx), *rows[at + 1 :]]


def _of_another(rows: list[tuple]) -> list[tuple]:
    return [(*rows[0][:2], rows[1][2], rows[0][3]), *rows[1:]]


@pytest.mark.parametrize(
    ("change", "lie"),
    [
        (lambda rows: rows[1:], fraud.Lie.HIDDEN_ACCESS),
        (lambda rows: [*rows[:2], *rows[3:]], fraud.Lie.HIDDEN_ACCESS),
        (_counts_one_less, fraud.Lie.HIDDEN_ACCESS),
        (_of_another, fraud.Lie.WRONG_ROW),
        (lambda rows: [rows[1], rows[0], *rows[2:]], fraud.Lie.UNSORTED_ROWS),
    ],
    ids=["first left out", "one left out", "too few", "another entry", "out of order"],
)
def test_an_index_that_lies_proves_it_by_its_rows(backend: Backend, store: MonitorStore, change, lie):
    grow(backend, 700, people=300)
    with backend.data.read() as conn:
        rows = list(indexing._tails(conn, LOG))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexing, "_tails", lambda _conn, _log: iter(change(rows)))
        indexing.make(backend.data, HOST, LOG, NOW)
    publish(backend.data, SIGNER, NOW)

    (alert,) = look(Shown(backend), store).alerts

    assert alert.alarm is Alarm.WRONG_INDEX
    assert fraud.verify(fraud.parse(alert.evidence), ALONE.logs).kind is lie


def test_an_index_that_hides_somebody_is_noticed(backend: Backend, store: MonitorStore):
    grow(backend, 20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexing, "_tails", lambda _conn, _log: iter([]))
        indexing.make(backend.data, HOST, LOG, NOW)

    assert told(backend, store) == [Alarm.WRONG_INDEX]


def test_without_its_quorum_or_without_news_of_it_a_head_is_not_of_today(
    backend: Backend, store: MonitorStore
):
    signed(backend, 5)
    at_s = NOW // 1000

    assert alarms(look(Shown(backend), store, WATCHED)) == [(Alarm.UNWITNESSED, 5)]
    assert alarms(look(Shown(backend, at_s=at_s), store, WATCHED)) == []
    late = look(Shown(backend, at_s=at_s), store, WATCHED, now=NOW + STALE_MS + 2_000)
    assert alarms(late) == [(Alarm.STALE, 5)]


@dataclasses.dataclass
class Cut(Shown):
    """Answers for the first `answers` bundles alone, and remembers which were asked for."""

    answers: int = 1
    asked: list[int] = dataclasses.field(default_factory=list)

    def entries(self, n: int, width: int) -> bytes:
        self.asked.append(n)
        if n >= self.answers:
            raise OSError("gone")
        return super().entries(n, width)


def test_a_log_that_stops_answering_is_read_on_where_it_stopped(backend: Backend, store: MonitorStore):
    signed(backend, 700, people=3)
    indexing.make(backend.data, HOST, LOG, NOW)
    publish(backend.data, SIGNER, NOW)
    shown = [Cut(backend, answers=answers) for answers in (1, 1, 3)]

    first, second, third = (look(one, store) for one in shown)

    assert alarms(first) == alarms(second) == [(Alarm.UNREADABLE, None)]
    assert alarms(third) == []
    assert third.accepted is not None
    assert [one.asked for one in shown] == [[0, 1], [1], [1, 2]]


def test_what_was_found_before_the_log_stopped_answering_is_told(backend: Backend, store: MonitorStore):
    signed(backend, 300)

    found = look(Cut(backend, bodies={5: grow_elsewhere(backend, 5)}), store)

    assert alarms(found)[-1] == (Alarm.UNREADABLE, None)
    assert (Alarm.WRONG_TILE, 0) in alarms(found)


def test_what_was_read_and_does_not_lead_to_the_signed_root_is_read_again(
    backend: Backend, store: MonitorStore
):
    signed(backend, 300)
    look(Cut(backend, bodies={5: grow_elsewhere(backend, 5)}), store)

    lied, honest = (look(Shown(backend), store) for _ in range(2))

    assert alarms(lied)[-1] == (Alarm.INCONSISTENT, 300)
    assert alarms(honest) == []


def test_one_out_of_time_has_only_not_read_everything_yet(backend: Backend, store: MonitorStore):
    class Slow(Shown):
        def entries(self, n: int, width: int) -> bytes:
            if n:
                raise OutOfTime("no time is left")
            return super().entries(n, width)

    signed(backend, 300)

    assert alarms(look(Slow(backend), store)) == [(Alarm.BEHIND, 256)]
    assert alarms(look(Shown(backend), store)) == []


def test_after_an_idle_time_in_which_witnesses_looked_nothing_can_be_dated_back_into_it(
    backend: Backend, store: MonitorStore
):
    hours = 6 * 3_600
    grow(backend, 5)
    indexing.make(backend.data, HOST, LOG, NOW)
    publish(backend.data, SIGNER, NOW)
    for at_s in (NOW // 1000, NOW // 1000 + hours):
        assert look(Shown(backend, at_s=at_s), store, WATCHED, now=1000 * at_s).alerts == []
    with backend.data.write() as conn:
        append(conn, [an_item(random.Random(3))], NOW, HOST)
    publish(backend.data, SIGNER, NOW)

    found = look(Shown(backend, at_s=NOW // 1000 + hours + 1), store, WATCHED, now=NOW + 1000 * hours)

    assert (Alarm.OUT_OF_TIME, 6) in alarms(found)


def test_a_head_first_seen_without_its_quorum_bounds_what_follows_once_it_has_it(
    backend: Backend, store: MonitorStore
):
    signed(backend, 5)
    assert alarms(look(Shown(backend), store, WATCHED)) == [(Alarm.UNWITNESSED, 5)]
    look(Shown(backend, at_s=NOW // 1000 + 3_600), store, WATCHED)
    with backend.data.write() as conn:
        append(conn, [an_item(random.Random(3))], NOW, HOST)
    publish(backend.data, SIGNER, NOW)

    found = look(Shown(backend, at_s=NOW // 1000 + 3_601), store, WATCHED, now=NOW + 3_600_000)

    assert alarms(found) == [(Alarm.OUT_OF_TIME, 5)]


def test_an_index_that_counts_up_to_an_older_size_is_held_against_the_ends_of_that_time(
    backend: Backend, store: MonitorStore
):
    grow(backend, 200, people=9)
    mine = body_of(backend)
    before = bodies_of(backend)
    tails = {
        parse(one).tag: (parse(one).tag, parse(one).n, leaf_hash(one), at) for at, one in enumerate(before)
    }
    chunks = chunks_of(tails[tag] for tag in sorted(tails))
    index = Index(id=bytes(16), ts=NOW, upto=200, rows=len(tails), root=root_of(chunks))
    follow(Forger([*before, mine]), store, ALONE, ORIGIN, NOW)

    good = follow(Forger([*before, mine, log_entry.encode(index)]), store, ALONE, ORIGIN, NOW)
    late = dataclasses.replace(index, id=bytes([1]) * 16, upto=201)
    bad = follow(
        Forger([*before, mine, log_entry.encode(index), log_entry.encode(late)]), store, ALONE, ORIGIN, NOW
    )

    assert (alarms(good), alarms(bad)) == ([], [(Alarm.WRONG_INDEX, 202)])


def test_of_a_log_that_is_all_lies_a_hundred_are_told(backend: Backend, store: MonitorStore):
    lies = [b'{"v":%d}' % at for at in range(250)]

    found = follow(Forger(lies), store, ALONE, ORIGIN, NOW)

    assert len(found.alerts) == MOST_ALERTS


NEXT = f"{HOST}/{LOG.year + 1}/0"
OF_NEXT = Policy((SIGNER.key(NEXT),), ())


def opening(size: int, root: bytes, at: int = 0) -> bytes:
    return log_entry.encode(
        Opening(
            id=bytes([at]) * 16,
            ts=NOW + at,
            before=ORIGIN,
            size=size,
            root=root,
            checkpoint_sha256=bytes(32),
            why=Why.YEAR,
        )
    )


def opened(store: MonitorStore, *entries: bytes, now: int = NOW) -> list[tuple[Alarm, int | None]]:
    return alarms(follow(Forger(entries, NEXT), store, OF_NEXT, NEXT, now))


def roots(backend: Backend) -> list[bytes]:
    leaves = list(map(leaf_hash, bodies_of(backend)))
    return [EMPTY.extend(leaves[:size]).root() for size in range(len(leaves) + 1)]


def test_a_log_that_begins_with_heads_of_the_one_before_it_is_heard_in_silence(
    backend: Backend, store: MonitorStore
):
    signed(backend, 5)
    look(Shown(backend), store)
    root = roots(backend)

    assert opened(store, opening(3, root[3]), opening(5, root[5], at=1)) == []


def test_a_log_that_says_that_the_one_before_it_was_another_is_told(backend: Backend, store: MonitorStore):
    signed(backend, 5)
    look(Shown(backend), store)
    root = roots(backend)

    wrong = opened(store, opening(3, root[4]), opening(5, root[5], at=1))

    assert wrong == [(Alarm.WRONG_OPENING, 0)]


def test_an_opening_is_held_against_the_log_before_it_once_that_is_read(
    backend: Backend, store: MonitorStore
):
    signed(backend, 5)
    early = opened(store, opening(5, bytes(32)))
    look(Shown(backend), store)

    assert (early, opened(store, opening(5, bytes(32)))) == ([], [(Alarm.WRONG_OPENING, 0)])


def test_an_opening_that_names_more_than_the_log_before_it_ever_shows_is_told(
    backend: Backend, store: MonitorStore
):
    signed(backend, 5)
    look(Shown(backend), store)
    entry = opening(999, bytes(32))

    assert opened(store, entry) == []
    assert opened(store, entry, now=NOW + STALE_MS + 1) == [(Alarm.WRONG_OPENING, 0)]


def test_an_opening_that_names_more_than_a_log_ended_with_is_told_at_once(
    backend: Backend, store: MonitorStore
):
    grow(backend, 5)
    last = Closing(id=bytes(16), ts=NOW, after=NEXT, why=Why.YEAR)
    follow(Forger([*bodies_of(backend), log_entry.encode(last)]), store, ALONE, ORIGIN, NOW)

    assert opened(store, opening(999, bytes(32))) == [(Alarm.WRONG_OPENING, 0)]


def test_a_log_names_the_one_before_it_at_most_twice(backend: Backend, store: MonitorStore):
    signed(backend, 5)
    look(Shown(backend), store)
    root = roots(backend)
    entries = [opening(size, root[size], at=at) for at, size in enumerate((3, 5, 5))]

    assert opened(store, *entries) == [(Alarm.WRONG_OPENING, 2)]


def test_people_whom_no_index_counts_for_hours_are_missed(backend: Backend, store: MonitorStore):
    signed(backend, 5)
    later = NOW + UNCOUNTED_MS + 1
    assert alarms(look(Shown(backend), store)) == []

    assert alarms(look(Shown(backend), store, now=later)) == [(Alarm.STALE_INDEX, 5)]
    indexing.make(backend.data, HOST, LOG, NOW)
    publish(backend.data, SIGNER, NOW)
    assert alarms(look(Shown(backend), store, now=later)) == []


def test_a_log_without_witnesses_that_does_not_move_for_a_day_may_be_frozen(
    backend: Backend, store: MonitorStore
):
    signed(backend, 5)
    indexing.make(backend.data, HOST, LOG, NOW)
    publish(backend.data, SIGNER, NOW)
    look(Shown(backend), store)

    assert alarms(look(Shown(backend), store, now=NOW + UNMOVED_MS)) == []
    assert alarms(look(Shown(backend), store, now=NOW + UNMOVED_MS + 1)) == [(Alarm.STALE, 6)]


def test_a_log_that_has_ended_may_stand_still(backend: Backend, store: MonitorStore):
    later = NOW + 500 * 86_400_000
    signed(backend, 5)
    close_due(backend.data, HOST, later)
    publish(backend.data, SIGNER, later)
    look(Shown(backend), store, now=later)

    assert alarms(look(Shown(backend), store, now=later + UNMOVED_MS + 1)) == []
