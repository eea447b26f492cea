"""What of a value a blind code is made of: short overlapping pieces, so that a slip of the pen spoils only a few.

Texts are folded more gently than canonical forms are: a name keeps its words, a date that no calendar has keeps its
digits. Letters of a word go in pairs, its ends marked by a blank; Chinese characters, each of which says more, also
one by one. Digits of dates and resident numbers go with their places.
"""

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from vault.fields import InvalidValue, address
from vault.fields.catalogue import FIELDS
from vault.fields.folding import simplified
from vault.fields.text import ascii_digits, clean, fold_case

MAX_TEXT: Final = 1_000
"""Characters of a value that are looked at."""

_WORD = re.compile(r"[^\W_]+")
_HAN = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]")
_NO_DIGIT = re.compile(r"[^0-9]+")
_NO_LETTER = re.compile(r"[^0-9a-z]+")
_UNIT = re.compile("[0-9a-z]+|[^0-9a-z]")

type Grams = frozenset[str]


def grams(field: str, text: str) -> Grams:
    """The pieces of one value as it was given; none for a field that has no part in blind codes, or nothing in it."""
    pieces = _PIECES.get(field)
    return frozenset(pieces(text[:MAX_TEXT])) if pieces else frozenset()


def _of_name(text: str) -> set[str]:
    return _of_words(simplified(fold_case(clean(text))))


def _of_address(text: str) -> set[str]:
    if not address.is_chinese(text):
        return _of_words(fold_case(ascii_digits(clean(text))))
    try:
        form = address.canonical(text)
    except InvalidValue:
        return _of_words(simplified(fold_case(ascii_digits(clean(text)))))
    region, slash, rest = form.rpartition("/")
    # A number says something by standing before its unit: 3栋 is not 3室.
    units = _UNIT.findall(rest)
    pairs = {a + b for a, b in pairwise(units)}
    return {region + slash, *pairs, *(unit for unit in units if _HAN.match(unit))} - {""}


def _of_birth_date(text: str) -> set[str]:
    try:
        digits = _NO_DIGIT.sub("", FIELDS["birth_date"].canonical(text))
    except InvalidValue:
        digits = _NO_DIGIT.sub("", ascii_digits(clean(text)))
    if len(digits) != 8:
        return set()
    # Hardly anybody's century differs, so it counts within the year only.
    spans = ((0, 4), (4, 6), (6, 8), (4, 8), *((at, at + 1) for at in range(2, 8)))
    return {f"{start}:{digits[start:end]}" for start, end in spans}


def _of_resident_id(text: str) -> set[str]:
    form = _NO_LETTER.sub("", fold_case(ascii_digits(clean(text))))
    return {f"{at}:{form[at : at + 2]}" for at in range(len(form) - 1)}


def _of_email(text: str) -> set[str]:
    local, at, _ = fold_case(clean(text)).rpartition("@")
    return _of_words(local.partition("+")[0]) if at else set()


def _of_words(text: str) -> set[str]:
    found: set[str] = set()
    for word in _WORD.findall(text):
        padded = f" {word} "
        found.update(padded[at : at + 2] for at in range(len(padded) - 1))
        found.update(_HAN.findall(word))
    return found


_PIECES: Mapping[str, Callable[[str], set[str]]] = MappingProxyType(
    {
        "name": _of_name,
        "birth_date": _of_birth_date,
        "address": _of_address,
        "resident_id": _of_resident_id,
        "email": _of_email,
    }
)
