"""What a kind of value is: its number, its canonical form, its mask, how it is kept, and how sensitive it is.

Sensitivity follows PIPL art. 28: some kinds are sensitive whoever they belong to, and everything about a
child under fourteen is. Whoever shows or asks for a value takes the answer from here, nowhere else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from vault.fields.measure import Measure
from vault.fields.text import MAX_INPUT

CHILD_BELOW: Final = 14
"""Whole years of age from which a person's data is no longer sensitive as such (PIPL art. 28)."""


class Sensitivity(StrEnum):
    """`sensitive`: its leak can hurt a person's dignity, safety or property; it needs consent of its own."""

    ORDINARY = "ordinary"
    SENSITIVE = "sensitive"


class Ends(NamedTuple):
    """How many characters of the start and of the end of a canonical form something covers."""

    first: int
    last: int


def _always(_canonical: str) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One kind of value.

    `canonical(text)` raises InvalidValue with one of the codes in `reasons`; `stored(text)` is what is sealed
    and later answered; `mask(stored)` is what may be shown. `schema` numbers the stored form and goes into the
    seal. `unique`: two people never share a value. `searchable`: it has blind tags of its own; a kind without
    may still be part of a tag over two kinds. `identifying`: a value is practically one person's, so its tags
    tell nobody more than equality (vault.md §6.5). `bits`: how hard a canonical form is to guess, in bits.
    `ends`: partial tags that the operator asked for; `end_bits`: the same number for each of them. `passes`:
    whether the check digit is right, for kinds whose values are taken either way. `longest`: most characters a
    text may have before it is even looked at. `labels`: language and name of an operator's field; the names of
    built-in kinds are the pages' own. `measure`: what an operator's field measures, if anything.
    """

    code: str
    number: int
    sensitivity: Sensitivity = Sensitivity.ORDINARY
    unique: bool = False
    searchable: bool
    identifying: bool = False
    bits: float
    canonical: Callable[[str], str]
    stored: Callable[[str], str]
    mask: Callable[[str], str]
    reasons: tuple[str, ...]
    ends: tuple[Ends, ...] = ()
    end_bits: tuple[float, ...] = ()
    passes: Callable[[str], bool] = _always
    longest: int = MAX_INPUT
    labels: tuple[tuple[str, str], ...] = ()
    measure: Measure | None = None
    schema: int = 1

    @property
    def sensitive(self) -> bool:
        """Whether the kind is sensitive whoever it belongs to."""
        return self.sensitivity is Sensitivity.SENSITIVE

    @property
    def too_long(self) -> str:
        """The reason why a text beyond `longest` is refused: its length, where the kind has such a reason."""
        return next((reason for reason in self.reasons if reason.endswith(".length")), self.reasons[0])

    def label(self, language: str) -> str | None:
        """The name an operator gave the field in `language`; None of built-in kinds."""
        return dict(self.labels).get(language)


def sensitivity_of(field: Field, age: int | None) -> Sensitivity:
    """How sensitive a value of `field` is when it belongs to somebody of `age` whole years (None: not known)."""
    child = age is not None and age < CHILD_BELOW
    return Sensitivity.SENSITIVE if child else field.sensitivity
