"""Bank card numbers. Canonical: 12 to 19 digits (ISO/IEC 7812).

The check digit is a flag only: some issuers' numbers do not carry one, and a leaked file with a slip of the
pen in it is still about somebody. Shown masked, a card keeps its last four digits.
"""

import re

from vault.fields.text import InvalidValue, ascii_digits, clean

_SEPARATORS = str.maketrans("", "", " -.·")
_SHAPE = re.compile(r"[0-9]{12,19}")
_DIGITS = re.compile(r"[0-9]+")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


class InvalidBankCard(InvalidValue):
    """Holds something besides digits."""

    code = "bank_card.invalid"


class BankCardLength(InvalidBankCard):
    """Fewer than 12 or more than 19 digits."""

    code = "bank_card.length"


REASONS = (InvalidBankCard.code, BankCardLength.code)


def canonical(text: str) -> str:
    """The canonical form; raises InvalidBankCard."""
    number = ascii_digits(clean(text)).removeprefix("'").translate(_SEPARATORS)
    if not _DIGITS.fullmatch(number):
        raise InvalidBankCard("not a bank card number")
    if not _SHAPE.fullmatch(number):
        raise BankCardLength("not a bank card number")
    return number


def passes(value: str) -> bool:
    """Whether the last digit is the check digit of the others (Luhn, ISO/IEC 7812-1 annex B)."""
    digits = [ord(c) - 48 for c in reversed(value)]
    return (sum(digits[::2]) + sum(_DOUBLED[d] for d in digits[1::2])) % 10 == 0


def mask(value: str) -> str:
    """The last four digits."""
    return "*" * (len(value) - 4) + value[-4:]
