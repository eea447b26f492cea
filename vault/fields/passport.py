"""Passport numbers. Canonical: letters upper case, digits, nothing between them.

Numbers have no check character of their own and every state writes them differently, so only shape is judged:
5 to 20 letters and digits, at least one of them a digit. Two states can issue one number: it is no key.
Chinese numbers never hold the letters I and O, which are read as the digits they are mistaken for.
"""

import re

from vault.fields.text import InvalidValue, ascii_digits, clean
from vault.fields.veil import keep_ends

_SEPARATORS = str.maketrans("", "", " -./<·")
_SHAPE = re.compile(r"[A-Z0-9]{5,20}")
_CHINESE = re.compile(r"(?:G|E[A-HJ-NP-Z]?|D[E]?|S[E]?|P[E]?|H|K[J]?|M[AB]?)[0-9]{7,8}|1[45][0-9]{7}")
_MISREAD = str.maketrans("IO", "10")


class InvalidPassport(InvalidValue):
    """Holds something that no passport number holds."""

    code = "passport.invalid"


class PassportLength(InvalidPassport):
    """Shorter than 5 or longer than 20 characters."""

    code = "passport.length"


class PassportDigits(InvalidPassport):
    """Without a single digit."""

    code = "passport.digits"


REASONS = tuple(reason.code for reason in (InvalidPassport, PassportLength, PassportDigits))


def canonical(text: str) -> str:
    """The canonical form; raises InvalidPassport."""
    number = ascii_digits(clean(text)).removeprefix("'").upper().translate(_SEPARATORS)
    if not number.isascii() or not number.isalnum():
        raise InvalidPassport("not a passport number")
    if not _SHAPE.fullmatch(number):
        raise PassportLength("not a passport number")
    if not any(c.isdecimal() for c in number):
        raise PassportDigits("not a passport number")
    read = number[:1] + number[1:].translate(_MISREAD)
    return read if _CHINESE.fullmatch(read) else number


def is_chinese(value: str) -> bool:
    """Whether a canonical form has the shape of a passport or travel permit that China issues."""
    return _CHINESE.fullmatch(value) is not None


def mask(value: str) -> str:
    """The first character and the last three."""
    return keep_ends(value, 1, 3)
