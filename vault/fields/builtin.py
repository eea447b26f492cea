"""The kinds of value every vault knows, with their numbers, which are for ever: tags are derived from them.

Built-in kinds have numbers below 32; an operator's own have 32 to 255. Names and dates of birth have no tags
of their own, because tags of so low an entropy would hand whoever steals the data base their histogram
(vault.md §6.5). Kinds that PIPL art. 28 or its standards call sensitive are marked; a note is too, because
nobody knows what is in it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from vault.fields import (
    address,
    bank_card,
    birth_date,
    email,
    name,
    note,
    passport,
    phone,
    plate,
    resident_id,
)
from vault.fields.field import Field, Sensitivity
from vault.fields.text import clean

FIRST_CUSTOM: Final = 32
"""The lowest number of an operator's own field."""

_ALL = (
    Field(
        code="phone",
        number=1,
        unique=True,
        searchable=True,
        identifying=True,
        bits=32,
        canonical=phone.canonical,
        stored=phone.canonical,
        mask=phone.mask,
        reasons=phone.REASONS,
    ),
    Field(
        code="email",
        number=2,
        unique=True,
        searchable=True,
        identifying=True,
        bits=30,
        canonical=email.canonical,
        stored=email.canonical,
        mask=email.mask,
        reasons=email.REASONS,
    ),
    Field(
        code="resident_id",
        number=3,
        sensitivity=Sensitivity.SENSITIVE,
        unique=True,
        searchable=True,
        identifying=True,
        bits=37,
        canonical=resident_id.canonical,
        stored=resident_id.canonical,
        mask=resident_id.mask,
        reasons=resident_id.REASONS,
    ),
    Field(
        code="name",
        number=4,
        searchable=False,
        bits=13,
        canonical=name.canonical,
        stored=clean,  # a person keeps the spelling they gave
        mask=name.mask,
        reasons=name.REASONS,
    ),
    Field(
        code="passport",
        number=5,
        sensitivity=Sensitivity.SENSITIVE,
        searchable=True,
        identifying=True,
        bits=27,
        canonical=passport.canonical,
        stored=passport.canonical,
        mask=passport.mask,
        reasons=passport.REASONS,
    ),
    Field(
        code="bank_card",
        number=6,
        sensitivity=Sensitivity.SENSITIVE,
        searchable=True,
        identifying=True,
        bits=36,
        canonical=bank_card.canonical,
        stored=bank_card.canonical,
        mask=bank_card.mask,
        reasons=bank_card.REASONS,
        passes=bank_card.passes,
    ),
    Field(
        code="address",
        number=7,
        searchable=True,
        identifying=True,  # a household's, not a street's
        bits=28,
        canonical=address.canonical,
        stored=clean,  # as it is to be written on a parcel
        mask=address.mask,
        reasons=address.REASONS,
    ),
    Field(
        code="birth_date",
        number=8,
        searchable=False,
        bits=15,
        canonical=birth_date.canonical,
        stored=birth_date.canonical,
        mask=birth_date.mask,
        reasons=birth_date.REASONS,
    ),
    Field(
        code="plate",
        number=9,
        searchable=True,
        identifying=True,
        bits=29,
        canonical=plate.canonical,
        stored=plate.canonical,
        mask=plate.mask,
        reasons=plate.REASONS,
    ),
    Field(
        code="note",
        number=10,
        sensitivity=Sensitivity.SENSITIVE,
        searchable=False,
        bits=0,
        canonical=note.canonical,
        stored=note.canonical,
        mask=note.mask,
        reasons=note.REASONS,
        longest=note.MAX_NOTE,
    ),
)

FIELDS: Mapping[str, Field] = MappingProxyType({field.code: field for field in _ALL})
"""Built-in kinds by code."""
