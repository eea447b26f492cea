"""What part of a value a tag covers: the shapes, and how each is cut out of a canonical form or a masked one.

A shape's number is for ever, because tag keys are derived from it. One number means the same cut in every field
that has it; the numbers from 48 on are the partial tags an operator asked for in a field of their own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from vault.tags.masked import Masked


class Shape(IntEnum):
    """P: so many first characters, S: so many last ones."""

    EXACT = 1
    P7 = 2
    P3S4 = 3
    S4 = 4
    P6S4 = 5
    P4S4 = 6
    BIRTH8S4 = 7
    OLD15 = 8
    PLAIN = 9
    LOCAL = 10
    FIRST1 = 11
    FIRST3 = 12
    P1S4 = 13
    P2S2 = 14
    P2S3 = 15
    NAME_PHONE = 16
    NAME_BIRTH = 17
    NAME_ID = 18
    SURNAME_PHONE = 19
    MD5 = 32
    SHA1 = 33
    SHA256 = 34
    REGION = 40
    ROAD = 41
    BUILDING = 42


FIRST_CUSTOM_SHAPE: Final = 48
LAST_SHAPE: Final = 63

type Cut = Callable[[str], str | None]
"""The part of a canonical form that is tagged; None when this form has no such part."""

type Reach = Callable[[Masked], str | None]
"""The same part of a form that is only partly known, with `*` for unknown characters; None when it is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagKind:
    """One kind of tag: its registry number, what is tagged and how hard that is to guess (`bits`).

    `kept`: how many bits of the tag are kept; fewer than 64 for low-entropy parts, so that many people share one.
    """

    number: int
    field: str
    shape: int
    bits: float
    cut: Cut
    reach: Reach
    kept: int = 64


def whole(text: str) -> str:
    """The canonical form itself."""
    return text


def of_whole(masked: Masked) -> str | None:
    """A whole form that is partly known, when it is known how many characters are missing."""
    return masked.text if masked.sized else None


def ends(first: int, last: int, lengths: range) -> Cut:
    """The first and the last characters of forms of these lengths."""

    def cut(text: str) -> str | None:
        return text[:first] + text[len(text) - last :] if len(text) in lengths else None

    return cut


def of_ends(first: int, last: int, lengths: range) -> Reach:
    """The same from a masked form."""

    def reach(masked: Masked) -> str | None:
        if masked.sized and len(masked.text) not in lengths:
            return None
        return masked.ends(first, last)

    return reach
