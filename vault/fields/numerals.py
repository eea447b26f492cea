"""Whole numbers written in Chinese characters, by value (三十二) or digit by digit (三二, 一九九〇)."""

import re

DIGITS = "〇零一二三四五六七八九"
CLASS = "[〇零一二三四五六七八九十百千]"
"""A regular expression for one character of such a number."""

_VALUES = {c: max(at - 1, 0) for at, c in enumerate(DIGITS)}
_BY_DIGITS = re.compile(f"[{DIGITS}]+")
_BY_VALUE = re.compile(
    "(?:([一二三四五六七八九])千零?)?(?:([一二三四五六七八九])百零?)?"
    "(?:([一二三四五六七八九])?(十)零?)?([一二三四五六七八九])?"
)


def to_digits(text: str) -> str | None:
    """The number in ASCII digits; None when the characters are no number.

    Digit by digit every digit stays, leading zeros too; by value there are no leading zeros.
    """
    if _BY_DIGITS.fullmatch(text):
        return "".join(str(_VALUES[c]) for c in text)
    parts = _BY_VALUE.fullmatch(text)
    if not text or parts is None:
        return None
    thousands, hundreds, tens, ten, ones = parts.groups()
    tens = (tens or "一") if ten else "〇"
    weighted = zip((thousands, hundreds, tens, ones), (1000, 100, 10, 1), strict=True)
    return str(sum(_VALUES[digit or "〇"] * weight for digit, weight in weighted))
