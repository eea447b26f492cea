"""Phone numbers. Canonical: 11 digits for a mainland mobile, E.164 with its plus sign for every other number.

Files write one number in many ways (`+86 138-1234-5678`, `0086138...`, `13812345678.0` from a spreadsheet);
all of them meet in one form. A number without a country is read as Chinese.
"""

import re

import phonenumbers

from vault.fields.text import InvalidValue, ascii_digits, clean

_MOBILE = re.compile(r"'?\(?(?:\+?86|0086)?(1[3-9][0-9]{9})(?:\.0)?")
_SEPARATORS = str.maketrans("", "", " -().·/‐‑‒–—_")
_DIGITS = re.compile(r"\+?[0-9]{5,17}")


class InvalidPhone(InvalidValue):
    """Not a phone number that can exist."""

    code = "phone.invalid"


def canonical(text: str) -> str:
    """The canonical form; raises InvalidPhone."""
    plain = _MOBILE.fullmatch(text)
    if plain:
        return plain[1]
    text = ascii_digits(clean(text)).removeprefix("'")
    spread = _MOBILE.fullmatch(text) or _MOBILE.fullmatch(text.translate(_SEPARATORS))
    return spread[1] if spread else _international(text)


def mask(value: str) -> str:
    """First three and last four digits of a mobile; of other numbers the country and the last four."""
    if not value.startswith("+"):
        return f"{value[:3]}{'*' * (len(value) - 7)}{value[-4:]}"
    return f"{value[:3]}{'*' * max(len(value) - 7, 4)}{value[-4:]}"


def _international(text: str) -> str:
    digits = text.translate(_SEPARATORS)
    if not _DIGITS.fullmatch(digits):
        raise InvalidPhone("not a phone number")
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    try:
        number = phonenumbers.parse(digits, "CN")
    except phonenumbers.NumberParseException:
        raise InvalidPhone("not a phone number") from None
    if not phonenumbers.is_valid_number(number):
        raise InvalidPhone("not a phone number")
    written: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    mobile = _MOBILE.fullmatch(written)
    return mobile[1] if mobile else written
