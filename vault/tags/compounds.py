"""Tags over two fields at once: how a name helps to find somebody without being looked up by itself.

A compound is written when a person has both fields and again when either changes, and carries the version of
the name. Its text is the part of the name, a vertical bar and the part of the other field. That part holds no
bar, so no two pairs read alike.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from vault.tags import cuts
from vault.tags.masked import Masked
from vault.tags.shapes import Cut, Reach, Shape, ends, of_ends, whole

OWNER: Final = "name"
"""The field whose version a compound's tag carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compound:
    """A tag over a part of the name and a part of `other`; `bits` is how hard the two are to guess together."""

    shape: Shape
    other: str
    bits: float
    of_name: Cut
    of_other: Cut
    of_masked_name: Callable[[Masked], tuple[str, ...]]
    of_masked_other: Reach

    @property
    def field(self) -> str:
        """The owning field."""
        return OWNER

    def text(self, values: Mapping[str, str]) -> str | None:
        """The tagged text for canonical values by field code; None when a part is missing."""
        name, other = values.get(OWNER), values.get(self.other)
        if name is None or other is None:
            return None
        return self.join(self.of_name(name), self.of_other(other))

    @staticmethod
    def join(name: str | None, other: str | None) -> str | None:
        """The tagged text of two parts."""
        return f"{name}|{other}" if name and other else None


_MOBILE = range(11, 12)
_RESIDENT = range(18, 19)
_mobile_ends, _mobile_reach = ends(3, 4, _MOBILE), of_ends(3, 4, _MOBILE)


def _no_name(_masked: Masked) -> tuple[str, ...]:
    return ()


COMPOUNDS: Final = (
    Compound(
        shape=Shape.NAME_PHONE,
        other="phone",
        bits=32,
        of_name=whole,
        of_other=_mobile_ends,
        of_masked_name=_no_name,
        of_masked_other=_mobile_reach,
    ),
    Compound(
        shape=Shape.NAME_BIRTH,
        other="birth_date",
        bits=28,
        of_name=whole,
        of_other=whole,
        of_masked_name=_no_name,
        of_masked_other=cuts.nothing,
    ),
    Compound(
        shape=Shape.NAME_ID,
        other="resident_id",
        bits=26,
        of_name=whole,
        of_other=ends(0, 4, _RESIDENT),
        of_masked_name=_no_name,
        of_masked_other=of_ends(0, 4, _RESIDENT),
    ),
    Compound(
        shape=Shape.SURNAME_PHONE,
        other="phone",
        bits=25,
        of_name=cuts.family_name,
        of_other=_mobile_ends,
        of_masked_name=cuts.families_of_masked,
        of_masked_other=_mobile_reach,
    ),
)
