"""Phone numbers. Canonical: 11 digits for a mainland mobile, E.164 with its plus sign for every other number.

Files write one number in many ways (`+86 138-1234-5678`, `0086138...`, `13812345678.0` from a spreadsheet);
all of them meet in one form. A number without a country is read as Chinese.
"""

import re
from collections.abc import Mapping

import phonenumbers
from phonenumbers import NumberParseException, ValidationResult

from vault.fields.text import InvalidValue, ascii_digits, clean

_MOBILE = re.compile(r"'?\(?(?:\+?86|0086)?(1[3-9][0-9]{9})(?:\.0)?")
_SEPARATORS = str.maketrans("", "", " -().·/‐‑‒–—_")
_NO_DIGITS = re.compile(r"[^0-9+]+")
_DIGITS = re.compile(r"\+?[0-9]{5,17}")


class InvalidPhone(InvalidValue):
    """Not a phone number that can exist."""

    code = "phone.invalid"


class PhoneLength(InvalidPhone):
    """Too few or too many digits for its country."""

    code = "phone.length"


class PhoneCountry(InvalidPhone):
    """No country has this calling code."""

    code = "phone.country"


class PhoneRange(InvalidPhone):
    """As long as it should be, but in no range its country has given out."""

    code = "phone.range"


REASONS = tuple(reason.code for reason in (InvalidPhone, PhoneLength, PhoneCountry, PhoneRange))
_NOT_PARSED: Mapping[int, type[InvalidPhone]] = {
    NumberParseException.INVALID_COUNTRY_CODE: PhoneCountry,
    NumberParseException.TOO_SHORT_AFTER_IDD: PhoneLength,
    NumberParseException.TOO_SHORT_NSN: PhoneLength,
    NumberParseException.TOO_LONG: PhoneLength,
}
_IMPOSSIBLE: Mapping[int, type[InvalidPhone]] = {
    ValidationResult.IS_POSSIBLE: PhoneRange,
    ValidationResult.INVALID_COUNTRY_CODE: PhoneCountry,
}


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


def spaced(value: str) -> str:
    """A canonical form with its plus sign, parted by blanks as its country parts numbers: `+44 20 7946 0958`."""
    number = phonenumbers.parse(value)
    written: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return _NO_DIGITS.sub(" ", written)


def _international(text: str) -> str:
    digits = text.translate(_SEPARATORS)
    if not _DIGITS.fullmatch(digits):
        raise InvalidPhone("not a phone number")
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    try:
        number = phonenumbers.parse(digits, "CN")
    except NumberParseException as error:
        raise _NOT_PARSED.get(error.error_type, InvalidPhone)("not a phone number") from None
    if not phonenumbers.is_valid_number(number):
        possible = phonenumbers.is_possible_number_with_reason(number)
        raise _IMPOSSIBLE.get(possible, PhoneLength)("not a phone number")
    written: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    mobile = _MOBILE.fullmatch(written)
    return mobile[1] if mobile else written
