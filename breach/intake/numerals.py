"""Numbers that a spreadsheet has touched: what can be known of them, and what cannot.

`1.3812345678E+10` is a telephone number in full and is written as its digits. `1.38E+10` has lost all but three
of them, a resident number typed as a number all but fifteen: nothing can be known of the rest, so they stay as
they are, are counted as rounded, and are offered to nobody as an identifier.
"""

import re

from breach.intake.tally import Tally

_SCIENTIFIC = re.compile(r"(?<![\w.])([1-9])\.([0-9]{1,17})[Ee]\+?(1[0-7])(?![\w.])")
_CERTAIN = 10**15


def touched(raw: bytes) -> bool:
    """Whether there is any such number in a text in UTF-8."""
    return (b"+" in raw or b"E" in raw) and _SCIENTIFIC.search(raw.decode()) is not None


def _may_be_touched(text: str) -> bool:
    # A single character is found several times as fast as two.
    return ("+" in text and ("E+1" in text or "e+1" in text)) or ("E" in text and "E1" in text)


def restored(text: str, tally: Tally) -> str:
    """A text with the numbers in it written out that can be; counts those that cannot."""
    if not _may_be_touched(text):
        return text

    def digits(found: re.Match[str]) -> str:
        if len(found[2]) == int(found[3]):
            return found[1] + found[2]
        tally.rounded += 1
        return found[0]

    return _SCIENTIFIC.sub(digits, text)


def written(number: float, tally: Tally) -> str:
    """The text of a number cell: its digits, as far as the cell could hold them."""
    if number.is_integer():
        if abs(number) < _CERTAIN:
            return str(int(number))
        tally.rounded += 1
        return f"{number:.14E}"
    return repr(number)
