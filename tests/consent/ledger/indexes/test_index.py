"""The index of a log: everybody's row, provable, and nobody's hidden."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, event, func, select

from consent.ledger import prove
from consent.ledger.append import append
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.entries import log_entry
from consent.ledger.entries.entry import parse
from consent.ledger.entries.log_entry import Index
from consent.ledger.errors import Malformed, Unproven
from consent.ledger.formats.tiles import Tile, perfect_root, split_bundle, split_hashes, tiles_of
from consent.ledger.indexes import index_proof, index_tiles, indexing
from consent.ledger.indexes.index import Chunk, Row, chunks_of, path_in, root_of
from consent.ledger.indexes.index_proof import IndexProof, Place
from consent.ledger.indexes.indexing import EVERY_MS
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.ledger.tables import entry, index_chunk
from consent.ledger.tree import EMPTY, leaf_hash, verify_inclusion
from tests.backends import Backend
from tests.consent.ledger.kit import HOST, LOG, NOW, an_item, grow, insider

SIGNER = Signer(HOST, bytes(32))


def some_rows(count: int, seed: int = 1) -> list[tuple[bytes, int, bytes, int]]:
    dice = random.Random(seed)
    return sorted((dice.randbytes(16), 1 + at % 9, dice.randbytes(32), 9 + at) for at in range(count))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 1000])
def test_every_row_has_a_path_to_the_root_of_a_plain_tree(count: int):
    rows, chunks = some_rows(count), chunks_of(some_rows(count))
    leaves = [leaf_hash(bytes(Row(*row))) for row in rows]
    full = [chunk.roots[0] for chunk in chunks if len(chunk.rows) == 256 * 64]
    last = chunks[-1].rows if count % 256 else b""

    root = root_of(chunks)

    assert root == EMPTY.extend(leaves).root()
    for at in range(0, count, 17):
        path = path_in(chunks[at // 256].rows, full, last, at, count)
        assert verify_inclusion(leaves[at], at, count, path, root)


@pytest.mark.parametrize("data", [b"", bytes(63), bytes(64), b"\xff" * 64, bytes(24) + b"\x01" + bytes(39)])
def test_bytes_that_no_log_can_have_are_no_row(data: bytes):
    with pytest.raises(Malformed):
        Row.parse(data)


def _found(backend: Backend, tag: bytes) -> tuple[IndexProof, Index, Row | None]:
    with backend.data.read() as conn:
        made = indexing.newest(conn, LOG, 1 << 40)
        assert made is not None
        about = indexing.proof_of(conn, made, tag)
        ((_, body),) = prove.entries(conn, LOG, [made.idx])
    index = log_entry.parse(body)
    assert isinstance(index, Index)
    return about, index, index_proof.verify(index_proof.parse(bytes(about)), index)


def test_everybody_is_found_with_exactly_their_entries(backend: Backend):
    positions = grow(backend, 700, people=300)
    indexing.make(backend.data, HOST, LOG, NOW)
    last = {parse(position.body).tag: position for position in positions}

    for tag, position in list(last.items())[::29]:
        about, index, row = _found(backend, tag)
        assert row == Row(tag, position.n, position.leaf, position.idx)
        assert (index.upto, index.rows, len(about.places)) == (700, len(last), 1)


@pytest.mark.parametrize(
    "tag", [bytes(15) + b"\x07", b"\xff" * 16, bytes(14) + b"\x01\x00", b"\x80" + bytes(15)]
)
def test_of_somebody_without_entries_the_neighbours_say_so(backend: Backend, tag: bytes):
    # The people of `grow` are numbers below 7: between none of them, and after all of them.
    grow(backend, 60, people=7)
    indexing.make(backend.data, HOST, LOG, NOW)

    assert _found(backend, tag)[2] is None


def test_between_two_rows_there_is_nobody(backend: Backend):
    dice = random.Random(5)
    tags = sorted(dice.sample(range(1, 10_000), 600))
    grow_tags(backend, tags)
    indexing.make(backend.data, HOST, LOG, NOW)

    for tag in [0, *(tags[at] + 1 for at in (0, 254, 255, 256, 511, 599) if tags[at] + 1 not in tags)]:
        assert _found(backend, tag.to_bytes(16))[2] is None


def grow_tags(backend: Backend, tags: list[int]) -> None:
    dice = random.Random(9)
    with backend.data.write() as conn:
        append(conn, [an_item(dice, tag=tag) for tag in tags], NOW, HOST)


def test_a_log_is_indexed_when_it_has_grown_and_an_hour_is_over(backend: Backend):
    grow(backend, 10)

    first = indexing.make_due(backend.data, HOST, NOW)
    again = indexing.make_due(backend.data, HOST, NOW + EVERY_MS)
    grow(backend, 1, seed=2)
    early = indexing.make_due(backend.data, HOST, NOW + EVERY_MS - 1)
    late = indexing.make_due(backend.data, HOST, NOW + EVERY_MS)

    assert [(one.upto, one.idx) for one in first] == [(10, 10)]
    assert (again, early) == ([], [])
    assert [(one.upto, one.idx) for one in late] == [(12, 12)]


def test_the_rows_of_two_indexes_are_kept(backend: Backend):
    for turn in range(4):
        grow(backend, 3, seed=turn)
        indexing.make(backend.data, HOST, LOG, NOW)

    with backend.data.read() as conn:
        kept = (
            conn.execute(select(index_chunk.c.upto).distinct().order_by(index_chunk.c.upto)).scalars().all()
        )
        older = indexing.newest(conn, LOG, 15)
    assert kept == [11, 15]
    assert older is not None
    assert older.upto == 11


def test_an_empty_log_has_no_index(backend: Backend):
    assert indexing.make(backend.data, HOST, LOG, NOW) is None
    assert indexing.make_due(backend.data, HOST, NOW) == []


def test_the_same_index_is_made_once(backend: Backend, monkeypatch: pytest.MonkeyPatch):
    grow(backend, 5)
    honest = indexing.chunks_of

    def overtaken(rows: Iterator[tuple[bytes, int, bytes, int]]) -> list[Chunk]:
        """Somebody else makes the index between our reading and our writing."""
        chunks = honest(rows)
        monkeypatch.undo()
        indexing.make(backend.data, HOST, LOG, NOW)
        return chunks

    monkeypatch.setattr(indexing, "chunks_of", overtaken)

    assert indexing.make(backend.data, HOST, LOG, NOW) is None
    with backend.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(entry)).scalar_one() == 6


def test_the_rows_are_written_before_the_head_is_taken(backend: Backend):
    grow(backend, 300, people=290)
    steps: list[str] = []

    def note_statement(_conn, _cursor, statement, *_):
        if statement.startswith("INSERT INTO ledger_index_chunk"):
            steps.append("rows")
        elif "ledger_entry (" in statement:
            steps.append("entry")

    def note_commit(_conn):
        steps.append("commit")

    event.listen(backend.data.engine, "before_cursor_execute", note_statement)
    event.listen(backend.data.engine, "commit", note_commit)
    try:
        indexing.make(backend.data, HOST, LOG, NOW)
    finally:
        event.remove(backend.data.engine, "before_cursor_execute", note_statement)
        event.remove(backend.data.engine, "commit", note_commit)

    assert steps.index("rows") < steps.index("commit") < steps.index("entry")
    assert "rows" not in steps[steps.index("entry") :]


def test_an_index_that_was_broken_off_harms_nobody_and_is_made_later(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
):
    grow(backend, 300, people=290)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(indexing, "_append", dies)
    with pytest.raises(KeyboardInterrupt):
        indexing.make(backend.data, HOST, LOG, NOW)
    monkeypatch.undo()
    with insider(backend) as conn:
        conn.execute(index_chunk.delete().where(index_chunk.c.n == 0))
        conn.execute(index_chunk.update().values(data=b"of another time"))

    assert _findings(backend) == []
    made = indexing.make(backend.data, HOST, LOG, NOW)
    assert made is not None
    assert _findings(backend) == []


def test_rows_that_went_while_the_head_was_waited_for_are_written_again(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
):
    grow(backend, 20)
    honest = indexing._append

    def after_a_while(conn: Connection, *rest: Any) -> Any:
        conn.execute(index_chunk.delete())
        return honest(conn, *rest)

    monkeypatch.setattr(indexing, "_append", after_a_while)
    indexing.make(backend.data, HOST, LOG, NOW)

    assert _findings(backend) == []
    with backend.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(index_chunk)).scalar_one() == 1


def _index(rows: list[tuple[bytes, int, bytes, int]]) -> tuple[Index, list[Place]]:
    chunks, count = chunks_of(rows), len(rows)
    last = chunks[-1].rows if count % 256 else b""
    full = [chunk.roots[0] for chunk in chunks if len(chunk.rows) == 256 * 64]
    places = [
        Place(at, Row(*row), tuple(path_in(chunks[at // 256].rows, full, last, at, count)))
        for at, row in enumerate(rows)
    ]
    return Index(id=bytes(16), ts=NOW, upto=10_000, rows=count, root=root_of(chunks)), places


@given(data=st.data())
def test_no_choice_of_rows_hides_somebody_or_invents_an_absence(data: st.DataObject):
    index, places = _index(some_rows(9))
    chosen = tuple(data.draw(st.lists(st.sampled_from(places), max_size=2)))
    tag = data.draw(st.sampled_from([place.row.tag for place in places]))

    try:
        found = index_proof.verify(IndexProof(tag, chosen), index)
    except Unproven:
        return
    assert found is not None
    assert found.tag == tag


@given(data=st.data())
def test_a_changed_byte_of_a_proof_is_refused_or_says_the_same(data: st.DataObject):
    index, places = _index(some_rows(9))
    good = bytes(IndexProof(places[4].row.tag, (places[4],)))
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]

    with pytest.raises((Malformed, Unproven)):
        index_proof.verify(index_proof.parse(bad), index)


def test_a_row_from_beyond_the_index_is_no_row_of_it():
    index, places = _index([(bytes(16), 1, bytes(32), 10_000)])

    with pytest.raises(Unproven):
        index_proof.verify(IndexProof(bytes(16), (places[0],)), index)


def _findings(backend: Backend) -> list[str]:
    return [one.what for one in fsck(backend.data, SIGNER) if isinstance(one, Finding)]


def test_a_log_with_indexes_is_signed_and_checked_like_any_other(backend: Backend):
    for turn in range(3):
        grow(backend, 200, seed=turn)
        indexing.make(backend.data, HOST, LOG, NOW)
        publish(backend.data, SIGNER, NOW)

    assert _findings(backend) == []


def test_a_changed_row_of_an_index_is_found(backend: Backend):
    grow(backend, 20)
    indexing.make(backend.data, HOST, LOG, NOW)
    with insider(backend) as conn:
        data = conn.execute(select(index_chunk.c.data)).scalar_one()
        conn.execute(index_chunk.update().values(data=data[:-1] + bytes([data[-1] ^ 1])))

    assert _findings(backend) == ["rows of an index are not what the entries give"]


def test_an_index_that_counts_too_few_is_found(backend: Backend):
    grow(backend, 20)
    with backend.data.read() as conn:
        honest = list(indexing._tails(conn, LOG))
    lie = [
        (tag, n - 1, leaf, idx) if at == 1 else (tag, n, leaf, idx)
        for at, (tag, n, leaf, idx) in enumerate(honest)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexing, "_tails", lambda _conn, _log: iter(lie))
        indexing.make(backend.data, HOST, LOG, NOW)

    assert _findings(backend) == [
        "rows of an index are not what the entries give",
        "an index that is not what the entries before it give",
    ]


@pytest.mark.parametrize("people", [3, 256, 600])
def test_the_rows_of_a_signed_index_are_a_tile_tree_that_leads_to_its_root(backend: Backend, people: int):
    grow(backend, 5 * people, people=people)
    made = indexing.make(backend.data, HOST, LOG, NOW)
    assert made is not None

    def served(tile: Tile, *, as_rows: bool = False) -> bytes | None:
        with backend.data.read() as conn:
            return index_tiles.served(conn, LOG, made.upto, tile, as_rows=as_rows)

    first = Tile(0, 0, min(256, made.rows))
    assert served(first) is None  # nobody has signed it
    publish(backend.data, SIGNER, NOW)
    tiles = {tile: split_hashes(served(tile) or b"") for tile in tiles_of(made.rows)}
    leaves = [leaf for tile, hashes in tiles.items() if tile.level == 0 for leaf in hashes]
    rows = [
        row
        for tile in tiles
        if tile.level == 0
        for row in split_bundle(served(tile, as_rows=True) or b"", tile.width)
    ]

    assert EMPTY.extend(leaves).root() == made.root
    assert [leaf_hash(row) for row in rows] == leaves
    for tile, hashes in tiles.items():
        assert len(hashes) == tile.width
        if tile.level == 1:
            assert hashes == [perfect_root(leaves[at : at + 256]) for at in range(0, 256 * tile.width, 256)]
    for wrong in (Tile(0, 0, 1), Tile(1, 0), Tile(0, 9), Tile(3, 0)):
        assert served(wrong) is None


def test_an_index_whose_rows_are_gone_or_that_never_was_has_no_tiles(backend: Backend):
    grow(backend, 10)
    first = indexing.make(backend.data, HOST, LOG, NOW)
    for seed in (1, 2):
        grow(backend, 3, seed=seed)
        indexing.make(backend.data, HOST, LOG, NOW)
    publish(backend.data, SIGNER, NOW)
    assert first is not None

    with backend.data.read() as conn:
        for upto in (first.upto, first.upto + 1):
            assert index_tiles.served(conn, LOG, upto, Tile(0, 0, first.rows), as_rows=True) is None
