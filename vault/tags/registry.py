"""Every kind of tag there is: its number, which field it belongs to, and what of a value it covers (vault.md §6.5).

A kind is (field number << 6) | shape and never reused, because tag keys are derived from it; the numbers of the
built-in kinds are checked when this module is loaded. `bits` is how hard the tagged text is to guess, which the
solver and the planner reckon with. Poor keys have no tags of their own: names and dates of birth stand only in
compounds (`compounds`), and parts of addresses keep so few bits that many people share each tag.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from vault.fields.builtin import FIRST_CUSTOM
from vault.fields.catalogue import BUILTIN, Catalogue, Field
from vault.tags import cuts
from vault.tags.compounds import COMPOUNDS
from vault.tags.shapes import (
    FIRST_CUSTOM_SHAPE,
    LAST_SHAPE,
    Cut,
    Reach,
    Shape,
    TagKind,
    ends,
    of_ends,
    of_whole,
    whole,
)

_ANY: Final = range(1_000_000)
_MOBILE = range(11, 12)
_RESIDENT = range(18, 19)
_CARD = range(12, 20)
_PASSPORT = range(5, 21)
_PLATE = range(7, 9)
ADDRESS_BITS: Final = 5
"""Bits kept of each of the three address tags: together 15, which suits 100,000 to 100 million people.

An address abroad has the first two only, of how it ends and of its first number: never more than a Chinese one.
"""

type _Row = tuple[Shape, float, Cut, Reach, int]


def _ends(shape: Shape, bits: float, first: int, last: int, lengths: range) -> _Row:
    return shape, bits, ends(first, last, lengths), of_ends(first, last, lengths), 64


def _exact(bits: float) -> _Row:
    return Shape.EXACT, bits, whole, of_whole, 64


_BUILT_IN: Mapping[str, tuple[_Row, ...]] = {
    "phone": (
        _exact(32),
        _ends(Shape.P7, 19, 7, 0, _MOBILE),
        _ends(Shape.P3S4, 19, 3, 4, _MOBILE),
        (Shape.S4, 13.3, cuts.last_four, of_ends(0, 4, _ANY), 64),
    ),
    "email": (
        _exact(30),
        (Shape.PLAIN, 30, cuts.plain_email, cuts.nothing, 64),
        (Shape.LOCAL, 24, cuts.local_part, cuts.local_of_masked, 64),
        (Shape.FIRST1, 8, cuts.first1, cuts.first1_of_masked, 64),
        (Shape.FIRST3, 16, cuts.first3, cuts.first3_of_masked, 64),
    ),
    "resident_id": (
        _exact(37),
        _ends(Shape.P6S4, 25, 6, 4, _RESIDENT),
        _ends(Shape.P4S4, 21, 4, 4, _RESIDENT),
        _ends(Shape.P3S4, 20, 3, 4, _RESIDENT),
        _ends(Shape.BIRTH8S4, 28, 0, 12, _RESIDENT),
        (Shape.OLD15, 37, cuts.old_id, cuts.nothing, 64),
    ),
    "bank_card": (
        _exact(36),
        _ends(Shape.P6S4, 22, 6, 4, _CARD),
        _ends(Shape.P4S4, 19, 4, 4, _CARD),
        _ends(Shape.S4, 13.3, 0, 4, _CARD),
    ),
    "passport": (_exact(27), _ends(Shape.P1S4, 15, 1, 4, _PASSPORT)),
    "address": (
        (Shape.REGION, 12, cuts.region, cuts.region_of_masked, ADDRESS_BITS),
        (Shape.ROAD, 17, cuts.road, cuts.road_of_masked, ADDRESS_BITS),
        (Shape.BUILDING, 13, cuts.building, cuts.building_of_masked, ADDRESS_BITS),
    ),
    "plate": (
        _exact(29),
        _ends(Shape.P2S2, 18, 2, 2, _PLATE),
        _ends(Shape.P2S3, 23, 2, 3, _PLATE),
    ),
}
_DIGESTED: Mapping[str, cuts.Forms] = {
    "phone": cuts.phone_forms,
    "email": cuts.email_forms,
    "resident_id": cuts.resident_id_forms,
}
DIGESTED: Final = tuple(_DIGESTED)
"""Codes of the fields of whose values digests are tagged."""

DIGESTS: Final = ((Shape.MD5, "md5"), (Shape.SHA1, "sha1"), (Shape.SHA256, "sha256"))
"""The digests that are tagged, by shape; a digest's length tells which it is."""


def kind(field: str, shape: int = Shape.EXACT, *, catalogue: Catalogue = BUILTIN) -> int:
    """The registry number of a (field, shape) pair, fitting 15 bits; raises UnknownField."""
    return catalogue.field(field).number << 6 | shape


def forms_of(code: str) -> cuts.Forms | None:
    """The spellings of a field's values whose digests are tagged; None for a field without such tags."""
    return _DIGESTED.get(code)


@lru_cache(maxsize=512)
def kinds_of(field: Field) -> tuple[TagKind, ...]:
    """The kinds of tag over the text of one field, in the order of their shapes; digests and compounds apart."""
    rows = _BUILT_IN.get(field.code) if field.number < FIRST_CUSTOM else None
    if rows is None:
        return tuple(_custom(field)) if field.searchable else ()
    return tuple(
        TagKind(
            number=field.number << 6 | shape,
            field=field.code,
            shape=shape,
            bits=bits,
            cut=cut,
            reach=reach,
            kept=kept,
        )
        for shape, bits, cut, reach, kept in rows
    )


def kinds_about(field: Field) -> tuple[int, ...]:
    """The number of every kind that tells something of a field's values: its own, of their digests, of two fields."""
    own = [found.number for found in kinds_of(field)]
    if forms_of(field.code):
        own += [field.number << 6 | shape for shape, _ in DIGESTS]
    return (*own, *(kind(one.field, one.shape) for one in COMPOUNDS if field.code in {one.field, one.other}))


def _custom(field: Field) -> list[TagKind]:
    """An operator's own field: the whole form, and the ends it asked for."""
    if len(field.ends) > LAST_SHAPE - FIRST_CUSTOM_SHAPE + 1:
        raise ValueError("a field has at most 16 partial tags")
    rows: list[tuple[int, float, Cut, Reach]] = [(Shape.EXACT, field.bits, whole, of_whole)]
    for at, (first, last) in enumerate(field.ends):
        # Forms no longer than the two ends are left to the exact tag: a part must hide something.
        lengths = range(first + last + 1, _ANY.stop)
        rows.append(
            (FIRST_CUSTOM_SHAPE + at, field.bits, ends(first, last, lengths), of_ends(first, last, lengths))
        )
    return [
        TagKind(
            number=field.number << 6 | shape, field=field.code, shape=shape, bits=bits, cut=cut, reach=reach
        )
        for shape, bits, cut, reach in rows
    ]


def _check() -> None:
    """Every built-in number is used once and fits; raises ValueError."""
    numbers = [found.number for field in BUILTIN for found in kinds_of(field)]
    numbers += [kind(code, shape) for code in _DIGESTED for shape, _ in DIGESTS]
    numbers += [kind(made.field, made.shape) for made in COMPOUNDS]
    if len(set(numbers)) != len(numbers) or not all(0 < number < 1 << 15 for number in numbers):
        raise ValueError("two kinds of tag share a number, or one is out of range")


_check()
