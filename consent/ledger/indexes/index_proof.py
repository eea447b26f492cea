"""The file `index.row` of a bundle: what an index says of one tag, or that it says nothing of it.

| line                    | meaning                                                                          |
|-------------------------|----------------------------------------------------------------------------------|
| `perusal/index-row@v1`  |                                                                                  |
| `tag <hexadecimal>`     | whose row was looked for, 16 bytes                                               |
| `row <i> <base64>`      | row number i, from 0, and its 64 bytes (`index`)                                 |
| `<base64>` ...          | its path under the index's root, leaf's sibling first; none where it is alone    |

A tag that has a row shows that one. Of a tag that has none, its neighbours show it: rows i and i + 1 on both sides of
it, or only the first or the last row, or no row where the index has none.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from consent.ledger.entries.log_entry import Index
from consent.ledger.errors import Malformed, Unproven
from consent.ledger.formats import checkpoint, note
from consent.ledger.indexes.index import TAG_BYTES, Row
from consent.ledger.tree import HASH_BYTES, leaf_hash, verify_inclusion

_HEADER: Final = "perusal/index-row@v1"
_TAG: Final = re.compile(r"tag ([0-9a-f]{32})")
_MAX_PATH: Final = 63


@dataclass(frozen=True, slots=True)
class Place:
    """A row, its number among the rows of its index, and its path to the root."""

    at: int
    row: Row
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class IndexProof:
    """The one place of `tag`, or the places of the rows around it."""

    tag: bytes
    places: tuple[Place, ...]

    def __bytes__(self) -> bytes:
        lines = [_HEADER, f"tag {self.tag.hex()}"]
        for place in self.places:
            lines += [f"row {place.at} {note.b64(bytes(place.row))}", *map(note.b64, place.path)]
        return ("\n".join(lines) + "\n").encode()


def parse(data: bytes) -> IndexProof:
    """From the file's bytes; raises Malformed. Re-encoding the result gives the same bytes."""
    try:
        first, *lines = data.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise Malformed("not a proof about an index") from None
    tag = _TAG.fullmatch(lines[0]) if lines else None
    if first != _HEADER or tag is None or lines[-1] or len(lines) > 4 + 2 * _MAX_PATH:
        raise Malformed("not a proof about an index")
    places: list[Place] = []
    for line in lines[1:-1]:
        _take(places, line)
    return IndexProof(bytes.fromhex(tag[1]), tuple(places))


def _take(places: list[Place], line: str) -> None:
    words = line.split(" ")
    if words[0] == "row" and len(words) == 3 and len(places) < 2:
        places.append(Place(checkpoint.number(words[1]), Row.parse(note.unb64(words[2])), ()))
        return
    item = note.unb64(line)
    if not places or len(item) != HASH_BYTES:
        raise Malformed("not a line of a proof about an index")
    last = places.pop()
    places.append(Place(last.at, last.row, (*last.path, item)))


def verify(proof: IndexProof, index: Index) -> Row | None:
    """The tag's row in this index, None when it has none; raises Unproven."""
    if any(not holds(place, index) for place in proof.places):
        raise Unproven("a row is not in the index")
    places = proof.places
    if len(places) == 1 and places[0].row.tag == proof.tag:
        return places[0].row
    if not _around(places, proof.tag, index.rows):
        raise Unproven("these rows do not say that the tag has none")
    return None


def holds(place: Place, index: Index) -> bool:
    """Whether the row stands at its place in the index, and could have been counted in it."""
    fits = place.row.idx < index.upto and len(place.row.tag) == TAG_BYTES
    leaf = leaf_hash(bytes(place.row))
    return fits and verify_inclusion(leaf, place.at, index.rows, place.path, index.root)


def _around(places: Sequence[Place], tag: bytes, count: int) -> bool:
    match places:
        case []:
            return count == 0
        case [one]:
            first = one.at == 0 and tag < one.row.tag
            return first or (one.at == count - 1 and one.row.tag < tag)
        case [low, high]:
            return high.at == low.at + 1 and low.row.tag < tag < high.row.tag
        case _:
            return False
