"""Carriers: the harmless variations of a value that can carry one bit each, written when it is served, read
where it turns up.

A carrier has two forms, and both differ from the form a value is stored and usually cleaned in, wherever that
can be: so a cleaned value is unreadable for it rather than a 0. Whatever is served is checked before it leaves:
its canonical form is the value's own, so that it still means the same and its blind tag still finds it, and
every form can be read back. A value that fails is served as it is stored.

There are no carriers of names, identity numbers, bank cards and notes: their characters are nobody's to change.
What the canonical form of an installation does not yet see through is none either (`address_forms`,
`plain_forms`). Carriers of measured values are of what they measure, whatever an operator calls the field; theirs
are digits and have several bits each (`low_digits`).

* `carriers_of(field, catalogue) -> tuple[str, ...]`; `bits_of(carrier) -> tuple[str, ...]`: codes of bits.
* `serve(field, value, bits) -> str`: `bits` by the codes of bits; such of the field only.
* `spellings(field, cells) -> Iterable[str]`: what of a row to read.
* `read(field, cell) -> dict[str, int]`: bits by code, of a raw cell; absent where it is unreadable or ambiguous.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final, NamedTuple

from consent.marks import address_forms, low_digits, phone_forms, plain_forms
from vault.fields import BUILTIN, Catalogue, InvalidValue


class Family(NamedTuple):
    """The carriers of one field: they compose, each bit independent of the others."""

    field: str
    codes: tuple[str, ...]
    write: Callable[[str, Mapping[str, int]], str]
    read: Callable[[str], dict[str, int]]


_FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        family.field: family
        for family in (
            Family("phone", phone_forms.CODES, phone_forms.write, phone_forms.read),
            Family("address", address_forms.CODES, address_forms.write, address_forms.read),
            Family(
                "email",
                (plain_forms.DOMAIN, plain_forms.ENDING),
                plain_forms.write_email,
                plain_forms.read_email,
            ),
            Family(
                "birth_date",
                (plain_forms.DATE_SEPARATOR, plain_forms.DATE_ZEROS),
                plain_forms.write_date,
                plain_forms.read_date,
            ),
            Family("plate", (plain_forms.DOT,), plain_forms.write_plate, plain_forms.read_plate),
        )
    }
)
CARRIERS: Final[Mapping[str, str]] = MappingProxyType(
    {code: family.field for family in _FAMILIES.values() for code in family.codes}
    | {code: of.value for code, of in low_digits.CODES.items()}
)
"""The field of each carrier, by its code; of low digits what they are of, `moment` or `coordinates`."""


def carriers_of(field: str, catalogue: Catalogue) -> tuple[str, ...]:
    """The carriers that values of a field can have."""
    family = _family(field, catalogue)
    return () if family is None else family.codes


def bits_of(carrier: str) -> tuple[str, ...]:
    """The codes of a carrier's bits: its own where it has one."""
    return low_digits.BITS.get(carrier, (carrier,))


def serve(field: str, value: str, bits: Mapping[str, int], catalogue: Catalogue = BUILTIN) -> str:
    """The value in the forms that `bits` ask for, as far as it has them; as stored when anything is amiss."""
    family = _family(field, catalogue)
    if not bits or family is None:
        return value
    text = family.write(value, bits)
    seen = family.read(text)
    faithful = all(seen.get(code, bit) == bit for code, bit in bits.items())
    same = _canonical(field, text, catalogue) == _canonical(field, value, catalogue)
    return text if faithful and same else value


def spellings(field: str, cells: Sequence[str], catalogue: Catalogue = BUILTIN) -> Iterable[str]:
    """The texts that may say a value of the field in a row of a file: its cells, and what only they can be read as."""
    measure = catalogue.field(field).measure if field in catalogue else None
    return cells if measure is None else low_digits.spellings(measure, cells)


def read(field: str, cell: str, catalogue: Catalogue = BUILTIN) -> dict[str, int]:
    """The bits a raw cell shows of its field; none where the field has no carriers."""
    family = _family(field, catalogue)
    return {} if family is None else family.read(cell)


def _family(field: str, catalogue: Catalogue) -> Family | None:
    measure = catalogue.field(field).measure if field in catalogue else None
    if measure is None:
        return _FAMILIES.get(field)
    codes, write, seen = low_digits.carriers_of(measure), low_digits.write, low_digits.read
    return Family(field, codes, partial(write, measure), partial(seen, measure))


def _canonical(field: str, text: str, catalogue: Catalogue) -> str | None:
    try:
        return catalogue.field(field).canonical(text)
    except InvalidValue:
        return None
