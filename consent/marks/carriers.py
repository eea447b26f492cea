"""Carriers: the harmless variations of a value that can carry one bit each, written when it is served, read
where it turns up.

A carrier has two forms, and both differ from the form a value is stored and usually cleaned in, wherever that
can be: so a cleaned value is unreadable for it rather than a 0. Whatever is served is checked before it leaves:
its canonical form is the value's own, so that it still means the same and its blind tag still finds it, and
every form can be read back. A value that fails is served as it is stored.

There are no carriers of names, identity numbers, bank cards and notes: their characters are nobody's to change.
What the canonical form of an installation does not yet see through is none either (`address_forms`,
`plain_forms`).

* `serve(field, value, bits) -> str`: `bits` by carrier code; carriers of the field only.
* `read(field, cell) -> dict[str, int]`: bits by carrier, of a raw cell; absent where it is unreadable or ambiguous.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from consent.marks import address_forms, phone_forms, plain_forms
from vault.fields import FIELDS, InvalidValue


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
)
"""The field of each carrier, by its code."""


def serve(field: str, value: str, bits: Mapping[str, int]) -> str:
    """The value in the forms that `bits` ask for, as far as it has them; as stored when anything is amiss."""
    if not bits:
        return value
    family = _FAMILIES[field]
    text = family.write(value, bits)
    seen = family.read(text)
    faithful = all(seen.get(code, bit) == bit for code, bit in bits.items())
    return text if faithful and _canonical(field, text) == _canonical(field, value) else value


def read(field: str, cell: str) -> dict[str, int]:
    """The bits a raw cell shows of its field; none where the field has no carriers."""
    family = _FAMILIES.get(field)
    return {} if family is None else family.read(cell)


def _canonical(field: str, text: str) -> str | None:
    try:
        return FIELDS[field].canonical(text)
    except InvalidValue:
        return None
