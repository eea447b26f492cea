"""Proving that an index lies, from the rows that it was signed over: the log serves them as a tile tree (`index_tiles`).

The rows must lead to the root that the index names; then one of them is out of order, or is not what its entry
says, or one that the entries give is missing or counts too few. Rows that nobody serves any more prove nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from consent.ledger.bundles.fraud import FraudProof, Included, Lie
from consent.ledger.entries.log_entry import Index
from consent.ledger.errors import Unproven
from consent.ledger.formats.tiles import WIDTH, split_bundle
from consent.ledger.indexes.index import ROW_BYTES, Row
from consent.ledger.indexes.index_proof import Place
from consent.ledger.monitor.reading import Reader
from consent.ledger.tree import EMPTY, inclusion_path, leaf_hash

type Rows = Mapping[bytes, tuple[bytes, int, bytes, int]]
"""Tag, n, leaf and index of everybody's last entry, by tag: what the entries give."""


@dataclass(frozen=True, slots=True)
class Lied:
    """What an index says that the entries do not: the rows that show it, and the entry they are held against."""

    kind: Lie
    places: tuple[Place, ...]
    idx: int | None


def found(reader: Reader, index: Index, expected: Rows) -> Lied | None:
    """The first lie of an index, None where its rows are what the entries give; raises OSError, Malformed or Unproven."""
    given = list(_rows(reader, index))
    leaves = [leaf_hash(row) for row in given]
    if EMPTY.extend(leaves).root() != index.root:
        raise Unproven("the rows do not lead to the root of the index")
    rows = [Row.parse(row) for row in given]

    def places(*wanted: int) -> tuple[Place, ...]:
        return tuple(Place(at, rows[at], tuple(_path(leaves, at))) for at in wanted)

    for at in range(1, len(rows)):
        if rows[at - 1].tag >= rows[at].tag:
            return Lied(Lie.UNSORTED_ROWS, places(at - 1, at), None)
    for at, row in enumerate(rows):
        known = expected.get(row.tag)
        if known is not None and row.n < known[1]:
            return Lied(Lie.HIDDEN_ACCESS, places(at), known[3])
        if known != (row.tag, row.n, row.leaf, row.idx) and row.idx < index.upto:
            return Lied(Lie.WRONG_ROW, places(at), row.idx)
    return _missing(rows, expected, places)


def _missing(rows: Sequence[Row], expected: Rows, places: Callable[..., tuple[Place, ...]]) -> Lied | None:
    """A tag that the index leaves out, with the rows on both sides of where it would stand."""
    tags = {row.tag for row in rows}
    for tag in sorted(expected.keys() - tags):
        after = next((at for at, row in enumerate(rows) if row.tag > tag), len(rows))
        around = [at for at in (after - 1, after) if 0 <= at < len(rows)]
        return Lied(Lie.HIDDEN_ACCESS, places(*around), expected[tag][3])
    return None


def proof(lied: Lied, note: bytes, index: Included, entry: Included | None) -> FraudProof:
    """The file: the index entry, the entry it is held against, and the rows."""
    entries = (index,) if entry is None else (index, entry)
    return FraudProof(kind=lied.kind, checkpoint=note, entries=entries, rows=lied.places)


def _rows(reader: Reader, index: Index) -> Iterator[bytes]:
    for n in range(-(-index.rows // WIDTH)):
        width = min(WIDTH, index.rows - n * WIDTH)
        for row in split_bundle(reader.rows(index.upto, n, width), width):
            if len(row) != ROW_BYTES:
                raise Unproven("what is served as a row is none")
            yield row


def _path(leaves: Sequence[bytes], at: int) -> list[bytes]:
    def hash_at(level: int, index: int) -> bytes:
        return EMPTY.extend(leaves[index << level : (index + 1) << level]).root()

    return inclusion_path(hash_at, at, len(leaves))
