"""Texts of an operator's own field: the pattern they follow and how they are brought into it."""

import string
from dataclasses import dataclass
from typing import Final, Literal

from vault.fields.field import Ends
from vault.fields.pattern import Pattern
from vault.fields.text import InvalidValue, ascii_digits, clean
from vault.fields.veil import keep_ends

type Case = Literal["keep", "upper", "lower"]

_DROPPABLE = frozenset(string.punctuation + " ·")
_UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_NOTHING: Final = Ends(0, 0)


class CustomLength(InvalidValue):
    """Longer than the operator's field allows."""

    code = "custom.length"


class CustomPattern(InvalidValue):
    """Not of the shape the operator's field asks for."""

    code = "custom.pattern"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """`longest`: most characters. `case`: what becomes of the letters A to Z. `drop`: punctuation that is left out.
    `shown`: the ends that a mask shows.
    """

    pattern: Pattern
    longest: int
    case: Case = "keep"
    drop: str = ""
    shown: Ends = _NOTHING

    @property
    def faults(self) -> tuple[tuple[bool, str], ...]:
        """What may be wrong, and how that is said."""
        return (
            (not 1 <= self.longest <= 200, "longest is between 1 and 200"),
            (
                not _DROPPABLE.issuperset(self.drop),
                "drop holds ASCII punctuation, the blank and the middle dot",
            ),
            (min(self.shown) < 0 or sum(self.shown) > self.longest, "mask shows ends"),
        )

    @property
    def bits(self) -> float:
        """No value is harder to guess than so many bits."""
        return self.pattern.bits

    @property
    def reasons(self) -> tuple[str, ...]:
        """The codes with which texts are refused."""
        return CustomPattern.code, CustomLength.code

    def canonical(self, text: str) -> str:
        """The canonical form; raises InvalidValue."""
        kept = clean(text).translate(dict.fromkeys(map(ord, self.drop)))
        value = ascii_digits(clean(kept))
        if self.case != "keep":
            value = value.translate(_UPPER if self.case == "upper" else _LOWER)
        if len(value) > self.longest:
            raise CustomLength("not a value of this field")
        if not self.pattern.matches(value):
            raise CustomPattern("not a value of this field")
        return value

    def mask(self, value: str) -> str:
        """What may be shown."""
        return keep_ends(value, *self.shown)

    def moved(self, before: "Written") -> list[str]:
        """The members that cannot follow these: values stored by them would no longer be found."""
        names = [name for name in ("case", "drop", "pattern") if getattr(self, name) != getattr(before, name)]
        return names or (["longest"] if self.longest < before.longest else [])
