"""The checkpoint of C2SP tlog-checkpoint: three lines naming a log, its size and its root.

Line 1 origin, line 2 size in decimal, line 3 the root in padded base64. The signer's key bears the origin's
name. This log never writes extension lines, because later cosignature kinds do not cover them, and refuses its
own with any; only a witness of other people's logs looks over them (`parse_head`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from consent.ledger.errors import Malformed, Unproven
from consent.ledger.formats import note
from consent.ledger.tree import EMPTY_ROOT, HASH_BYTES

MAX_SIZE = 2**63 - 1
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself: `size` entries under `root` (32 bytes)."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{note.b64(self.root)}\n"


def parse_text(text: str) -> Checkpoint:
    """From a note's text; raises Malformed unless it is exactly the three lines."""
    found = parse_head(text)
    if found.text != text or (found.size == 0 and found.root != EMPTY_ROOT):
        raise Malformed("not a checkpoint")
    return found


def parse_head(text: str) -> Checkpoint:
    """The three lines of anybody's checkpoint, with extension lines behind them or not; raises Malformed.

    Whether an empty tree has its own root is left to the caller.
    """
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() or not all(lines) or not note.good_name(lines[0]):
        raise Malformed("not a checkpoint")
    root = note.unb64(lines[2])
    if len(root) != HASH_BYTES:
        raise Malformed("not a checkpoint")
    return Checkpoint(lines[0], number(lines[1]), root)


def number(text: str) -> int:
    """A decimal without leading zeros up to 2^63 - 1; raises Malformed."""
    if not _NUMBER.fullmatch(text) or int(text) > MAX_SIZE:
        raise Malformed("not a number")
    return int(text)


def sign(checkpoint: Checkpoint, seed: bytes) -> bytes:
    """The signed note of a checkpoint, by the log key whose name is the origin."""
    return bytes(note.sign(checkpoint.text, checkpoint.origin, seed))


def verify(data: bytes, keys: Iterable[note.VerifierKey]) -> Checkpoint:
    """The checkpoint inside a note that one of `keys` signed as the log itself.

    Raises Malformed, or Unproven when no key that bears the origin's name signed it.
    """
    parsed = note.parse(data)
    found = parse_text(parsed.text)
    if all(key.name != found.origin for key in note.verify(parsed, keys)):
        raise Unproven("the log itself did not sign its checkpoint")
    return found
