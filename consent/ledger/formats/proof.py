"""The C2SP tlog-proof file: an entry's index, its audit path and the signed checkpoint, in one text.

| line                     | meaning                                               |
|--------------------------|-------------------------------------------------------|
| `c2sp.org/tlog-proof@v1` |                                                       |
| `extra <base64>`         | optional, unauthenticated; never written by us        |
| `index <decimal>`        | of the entry, from 0                                  |
| `<base64>` ...           | the path, leaf's sibling first; none in a tree of one |
| empty line               |                                                       |
| the rest                 | the signed checkpoint, verbatim                       |
"""

from collections.abc import Iterable
from dataclasses import dataclass

from consent.ledger.errors import Malformed, Unproven
from consent.ledger.formats import checkpoint, note
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.tree import HASH_BYTES, verify_inclusion

_HEADER = "c2sp.org/tlog-proof@v1"
_MAX_PATH = 63


@dataclass(frozen=True, slots=True)
class Proof:
    """That a leaf stands at `index` in the tree of the signed `checkpoint` (a note's exact bytes)."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def __bytes__(self) -> bytes:
        lines = [_HEADER]
        if self.extra is not None:
            lines.append(f"extra {note.b64(self.extra)}")
        lines += [f"index {self.index}", *map(note.b64, self.path), "", ""]
        return "\n".join(lines).encode() + self.checkpoint


def parse(data: bytes) -> Proof:
    """From a proof file; raises Malformed. Re-encoding the result gives the same bytes."""
    head, separator, tail = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise Malformed("not a proof") from None
    if not separator or lines.pop(0) != _HEADER:
        raise Malformed("not a proof")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = note.unb64(lines.pop(0).removeprefix("extra "))
    if not lines or not lines[0].startswith("index ") or len(lines) > 1 + _MAX_PATH:
        raise Malformed("a proof names its index")
    path = tuple(map(note.unb64, lines[1:]))
    if any(len(item) != HASH_BYTES for item in path):
        raise Malformed("not a hash")
    return Proof(checkpoint.number(lines[0].removeprefix("index ")), path, tail, extra)


def verify(proof: Proof, leaf: bytes, keys: Iterable[note.VerifierKey]) -> Checkpoint:
    """The checkpoint, signed by one of `keys`, under which `leaf` is proven; raises Malformed or Unproven."""
    found = checkpoint.verify(proof.checkpoint, keys)
    if not verify_inclusion(leaf, proof.index, found.size, proof.path, found.root):
        raise Unproven("the path does not lead to the signed root")
    return found
