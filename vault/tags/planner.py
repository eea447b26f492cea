"""The leakage rule: what tags of a field may tell whoever has stolen the data base (vault.md §6.5).

A field whose values many people share is told apart by its tags into about 2^bits heaps, bits being the sum over
its tags of what each tells: the smaller of its kept bits and of how hard the tagged part is to guess. With R people
a heap has C = R / 2^bits of them, and 2 <= C < sqrt(R) must hold: fewer, and tags single people out; more, and a
look-up suggests too many to open. Fields that are practically one person's are exempt: their whole tags tell
nothing but that two values are equal. Partial tags an operator asked for in such a field must be worth looking up:
each keeps at least as many bits as the weakest ends of the built-in ones, four digits.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from vault.fields.catalogue import Catalogue, Field
from vault.tags.registry import kinds_of

FEWEST_PEOPLE: Final = 16
PART_BITS: Final = 13
"""Fewest bits a partial tag of an identifying field tells: the last four digits of a phone number have 13.3."""
_BITS_PER_CHARACTER: Final = math.log2(36)
_WHOLE_TAG: Final = 64


class Reason(StrEnum):
    TOO_FINE = "tags.too_fine"
    TOO_COARSE = "tags.too_coarse"
    TOO_FEW_PEOPLE = "tags.too_few_people"
    PART_TOO_COARSE = "tags.part_too_coarse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A field whose tags break the rule at this number of people.

    `bits` is what all its tags tell, or the part that is too coarse; `candidates` how many people then share a
    heap; `fewest_people` and `most_people` between which numbers of people the same tags would do (None: none).
    """

    reason: Reason
    field: str
    people: int
    bits: float
    candidates: float
    fewest_people: int | None
    most_people: int | None


def check(catalogue: Catalogue, people: int) -> list[Finding]:
    """Every field of a catalogue that breaks the rule in a vault of so many people; [] when none does."""
    return [found for field in catalogue if (found := check_field(field, people)) is not None]


def check_field(field: Field, people: int) -> Finding | None:
    """What is wrong with one field's tags in a vault of so many people; None when nothing is."""
    if field.identifying:
        weak = min(_parts(field), default=math.inf)
        if weak < PART_BITS:
            return Finding(
                reason=Reason.PART_TOO_COARSE,
                field=field.code,
                people=people,
                bits=weak,
                candidates=people / 2.0**weak,
                fewest_people=None,
                most_people=None,
            )
    if exempt(field):
        return None
    bits = told(field)
    heaps = 2.0**bits
    if people < FEWEST_PEOPLE:
        reason = Reason.TOO_FEW_PEOPLE
    elif people < 2 * heaps:
        reason = Reason.TOO_FINE
    elif people >= heaps * heaps:
        reason = Reason.TOO_COARSE
    else:
        return None
    return Finding(
        reason=reason,
        field=field.code,
        people=people,
        bits=bits,
        candidates=people / heaps,
        fewest_people=max(FEWEST_PEOPLE, math.ceil(2 * heaps)),
        most_people=math.ceil(heaps * heaps) - 1,
    )


def exempt(field: Field) -> bool:
    """Whether the rule does not ask about a field: it has no tags of its own, or whole ones of one person's values."""
    kinds = kinds_of(field)
    return not kinds or (field.identifying and all(found.kept == _WHOLE_TAG for found in kinds))


def told(field: Field) -> float:
    """The bits that all tags of a field tell together."""
    parts = dict(enumerate(_parts(field), 1))
    return sum(min(found.kept, parts.get(at, found.bits)) for at, found in enumerate(kinds_of(field)))


def _parts(field: Field) -> list[float]:
    """The bits of each partial tag an operator asked for: no part is harder to guess than the whole."""
    if not field.searchable:
        return []
    known = field.end_bits or tuple(sum(each) * _BITS_PER_CHARACTER for each in field.ends)
    return [min(field.bits, bits) for bits in known]
