"""Identifiers inside texts: what a line, a note or a remark mentions, wherever in it that stands.

E-mail addresses, telephone numbers, resident numbers and bank cards in their order, numbers only with their
checks and never as a piece of a longer one. Signs written for a page (`&#64;`) or for an address bar (`%40`) are
read as what they mean.
"""

import html
import re
from typing import Final
from urllib.parse import unquote

from breach.intake.columns import IDENTIFIERS, LOOKED_UP, kind_of

_NUMBER = (
    r"[1-9][0-9]{16}[0-9Xx]"
    r"|(?:(?:\+|00)86[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}"
    r"|\+[1-9][0-9 ()-]{7,20}[0-9]"
    r"|[3-6][0-9]{3}(?:[ -]?[0-9]{4}){3}(?:[ -]?[0-9]{3})?"
)
_ALONE = rf"(?<![A-Za-z0-9_.+*-])(?:{_NUMBER})(?![A-Za-z0-9_*-]|\.[0-9])"
_CANDIDATE = re.compile(
    r"[A-Za-z0-9_][A-Za-z0-9_.+*-]{0,63}+@(?:[A-Za-z0-9\u00a1-\uffff-]{1,63}+\.){1,8}+[A-Za-z]{2,24}+|"
    + _ALONE
)
_MAY = re.compile(_ALONE)
_DIGITS = re.compile(r"[0-9][0-9 -]{8}")
_WRITTEN = re.compile(r"%(?:40|2[Bb])")

_SIGN = r"@|%40|%2[Bb]|&#64;"
_MAY_SIGN = re.compile(_SIGN)
_SIGNS = ("@", "%", "&")

MAY_MENTION: Final = rf"(?:^|[^A-Za-z0-9_.+*-])(?:{_NUMBER})(?:$|[^A-Za-z0-9_*-])|{_SIGN}"
"""Matches whatever `may_mention` anybody, in a language of patterns that cannot look around."""


def may_mention(text: str) -> bool:
    """Whether it is worth looking for `identifiers` in a text, or in many, one in a line."""
    if any(sign in text for sign in _SIGNS) and _MAY_SIGN.search(text):
        return True
    # Most columns are done with here, for a quarter of what the whole pattern costs.
    return bool("+" in text or _DIGITS.search(text)) and _MAY.search(text) is not None


def identifiers(text: str) -> list[str]:
    """The identifiers in a text, as they stand there."""
    if "&" in text:
        text = html.unescape(text)
    if "%" in text and _WRITTEN.search(text):
        text = unquote(text)
    return [found for found in _CANDIDATE.findall(text) if kind_of(found) in IDENTIFIERS]


def mentioned(cell: str) -> list[str]:
    """The identifiers inside a cell that is not itself what is looked up."""
    if not may_mention(cell) or kind_of(cell) in LOOKED_UP:
        return []
    return identifiers(cell)
