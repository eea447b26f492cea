"""Our notes, tiles and proofs at the sizes where trees change their shape, held against a slow reference and strangers."""

from __future__ import annotations

import hashlib
from pathlib import Path

import aics_tlog
import pytest
from sqlalchemy import Connection

from consent.ledger import prove, published
from consent.ledger.exports.export import export
from consent.ledger.fill import Growth, write_full_tiles
from consent.ledger.formats import checkpoint, cosignature, note
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.note import COSIGNER
from consent.ledger.formats.policy import NO_WITNESSES
from consent.ledger.formats.tiles import WIDTH, tiles_of
from consent.ledger.origin import origin_of
from consent.ledger.published import Published
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.ledger.tables import entry
from consent.ledger.tree import EMPTY_ROOT, leaf_hash
from tests.backends import Backend
from tests.consent.ledger.kit import HOST, LOG, NOW, YEAR, grow
from tests.property.slow_root import slow_root
from tests.strangers.judges import Go, Npm, aics_audits, aics_opens, sigstore_includes

SIGNER = Signer(HOST, bytes(32))
ORIGIN = origin_of(HOST, LOG)
KEY = SIGNER.key(ORIGIN)
WITNESS_SEED = bytes([9]) * 32
WITNESS = cosignature.key_of("witness.example/w1", WITNESS_SEED, COSIGNER)
SIZES = (1, 255, 256, 257, 65_535, 65_536, 65_537)


def test_strangers_read_the_checkpoint_of_an_empty_log(go: Go):
    signed = cosigned(SIGNER.sign(Checkpoint(ORIGIN, 0, EMPTY_ROOT)))

    assert go.opens(signed, [KEY, WITNESS]) == aics_opens(signed, [KEY, WITNESS]) == 2
    assert aics_tlog.tree_root_from_tiles(aics_tlog.MemoryTileReader(), 0) == EMPTY_ROOT


def test_strangers_and_a_slow_reference_agree_with_us_at_every_size(
    backend: Backend, tmp_path: Path, go: Go, npm: Npm
):
    """One log that grows, as it does in life: signed, exported, proven and rebuilt by others at each size."""
    place, leaves, entries, before = tmp_path / f"log/{YEAR}/0", [], [], None
    for size in SIZES:
        grown = grow(backend, size - len(leaves), seed=size, batch=3_000)
        leaves += [at.leaf for at in grown]
        entries += [at.body for at in grown]
        (at,) = publish(backend.data, SIGNER, NOW)
        for _ in export(backend.data, SIGNER, tmp_path, NO_WITNESSES, NOW, entries=True):
            pass
        head = checkpoint.verify((place / "checkpoint").read_bytes(), [KEY])

        assert head == Checkpoint(ORIGIN, size, slow_root(leaves))
        assert_slow_tiles(place, leaves)
        assert go.rebuilds(place, head)
        assert aics_audits(place, head)
        assert_believed(cosigned(at.note), go)
        for index in sorted({0, size // 2, size - 1}):
            assert_included(backend, at, entries[index], index, (place, go, npm))
        if before is not None:
            assert_continued(backend, before, at, place, go)
        before = at


@pytest.mark.heavy
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_around_sixteen_million_leaves_a_stranger_rebuilds_the_same_tiles(backend: Backend, go: Go):
    """Leaf hashes only: entries are stored of the last tile alone, which is all that is read of them."""
    around_a_power(backend, go, 1 << 24)


def around_a_power(backend: Backend, go: Go, size: int) -> None:
    """One less, as many and one more than `size`, which fills tiles on every level at once."""
    sizes = (size - 1, size, size + 1)
    with backend.data.write() as conn:
        for start in range(0, size, 65_536):
            end = min(start + 65_536, size - WIDTH)
            write_full_tiles(conn, [Growth(LOG, start, [numbered(i) for i in range(start, end)])])
        store(conn, range(size - WIDTH, size - 1))
        told = [summed(conn, size - 1, go)]
        write_full_tiles(conn, [Growth(LOG, size - 1, [numbered(size - 1)])])
        store(conn, range(size - 1, size))
        told.append(summed(conn, size, go))
        store(conn, range(size, size + 1))
        told.append(summed(conn, size + 1, go))

    assert told == go.sums(sizes)


def numbered(index: int) -> bytes:
    return leaf_hash(str(index).encode())


def store(conn: Connection, indices: range) -> None:
    mine = {"bucket": LOG.bucket, "year": LOG.year}
    rows = [
        {**mine, "idx": i, "id": i.to_bytes(16), "leaf": numbered(i), "body": str(i).encode()}
        for i in indices
    ]
    conn.execute(entry.insert(), rows)


def summed(conn: Connection, size: int, go: Go) -> bytes:
    """Root and digest of the tiles as they are served; proofs of the ends and the middle are believed."""
    root, digest, indices = prove.root(conn, LOG, size), hashlib.sha256(), [0, size // 2, size - 1]
    for tile in tiles_of(size):
        digest.update(prove.tile(conn, LOG, tile) or b"")
    for index, path in zip(indices, prove.inclusion(conn, LOG, indices, size), strict=True):
        assert go.includes(str(index).encode(), index, size, path, root)
    return root + digest.digest()


def cosigned(signed: bytes) -> bytes:
    line = cosignature.sign(note.parse(signed).text, WITNESS, WITNESS_SEED, NOW // 1000)
    return signed + str(line).encode()


def assert_believed(signed: bytes, go: Go) -> None:
    other = cosignature.key_of("other.example/w1", bytes([8]) * 32, COSIGNER)

    for keys, lines in (([KEY, WITNESS], 2), ([KEY], 1), ([KEY, other], 1)):
        assert go.opens(signed, keys) == aics_opens(signed, keys) == lines
    damaged = signed.replace(b"\n\n", b"\nx\n\n", 1)
    assert go.opens(damaged, [KEY, WITNESS]) == aics_opens(damaged, [KEY, WITNESS]) == 0


def assert_included(
    backend: Backend, at: Published, entry: bytes, index: int, strangers: tuple[Path, Go, Npm]
) -> None:
    place, go, npm = strangers
    with backend.data.read() as conn:
        (path,) = prove.inclusion(conn, LOG, [index], at.size)
    reader = aics_tlog.FileSystemTileReader(place)
    assert aics_tlog.inclusion_proof_from_tiles(reader, index, at.size) == path
    assert aics_tlog.read_entry(reader, index, at.size) == entry

    for body, expected in ((entry, True), (entry + b" ", False)):
        told = [
            aics_tlog.verify_leaf_inclusion(body, index, at.size, path, at.root),
            sigstore_includes(body, index, at.size, path, at.root),
            go.includes(body, index, at.size, path, at.root),
            npm.includes(cosigned(at.note), KEY, body, index, path, at.root),
        ]
        assert told == [expected] * 4


def assert_continued(backend: Backend, old: Published, new: Published, place: Path, go: Go) -> None:
    with backend.data.read() as conn:
        path = prove.consistency(conn, LOG, old.size, new.size)
        assert published.at_size(conn, LOG, old.size) == old
    reader = aics_tlog.FileSystemTileReader(place)
    assert aics_tlog.consistency_proof_from_tiles(reader, old.size, new.size) == path

    for root, expected in ((old.root, True), (bytes(32), False)):
        assert aics_tlog.verify_consistency(old.size, new.size, root, new.root, path) is expected
        assert go.continues(old.size, new.size, root, new.root, path) is expected


def assert_slow_tiles(place: Path, leaves: list[bytes]) -> None:
    """Every hash of every tile, by what tlog-tiles says it is: MTH(D[(256 n + i) 256^l : (256 n + i + 1) 256^l])."""
    for tile in tiles_of(len(leaves)):
        span = 256**tile.level
        first = 256 * tile.n
        hashes = [slow_root(leaves[at * span : (at + 1) * span]) for at in range(first, first + tile.width)]
        assert (place / tile.path).read_bytes() == b"".join(hashes)


@pytest.mark.parametrize(
    ("size", "paths"),
    [
        (256, ["tile/0/000", "tile/1/000.p/1"]),
        (70_000, ["tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]),
    ],
)
def test_the_right_edge_has_the_tiles_that_the_specification_names(size: int, paths: list[str]):
    named = [tile.path for tile in tiles_of(size)]

    assert [path for path in named if path in paths] == paths
    assert len(named) == sum(-(-(size >> 8 * level) // 256) for level in range(3))
    assert all(aics_tlog.tiles.parse_tile_path(path) for path in named)
