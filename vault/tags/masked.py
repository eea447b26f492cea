"""Values of which a file shows only a part: `138****1234`, `z***@qq.com`, `110105********001X`, `张*丰`.

Runs of `* x X # ? _ ● •`, full-width ones too, become unknown characters, each written `*` here. Some files
write one star for each hidden character, others always three: where the length is one the field can have, every
star stands for one character (`sized`), otherwise a run stands for any number of them. `fits` is the exact test
of a candidate.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from vault.fields.folding import simplified
from vault.fields.text import MAX_INPUT, ascii_digits, clean
from vault.tags import masked_address

UNKNOWN: Final = "*"
_HARD = str.maketrans(dict.fromkeys("*#?●•○\u00d7\u2217\u204e", UNKNOWN))
_SOFT = re.compile(r"[xX_]{2,}")
_SOFT_LETTERS = re.compile(r"[xX_]{3,}")
_RUN = re.compile(r"\*+")
_SEPARATORS = str.maketrans("", "", " -().·/\u2010\u2011\u2012\u2013\u2014")
_PREFIX = re.compile(r"(?:\+?86|0086)(?=1[3-9*][0-9*]{2,})")
_OLD_ID = 15


@dataclass(frozen=True, slots=True)
class Masked:
    """A canonical form with `*` where nothing is known; `sized`: each star hides exactly one character."""

    text: str
    sized: bool

    def __repr__(self) -> str:
        return f"Masked(sized={self.sized})"

    @property
    def head(self) -> str:
        """What is known from the front up to the first star."""
        return self.text.partition(UNKNOWN)[0]

    @property
    def tail(self) -> str:
        """What is known behind the last star."""
        return self.text.rpartition(UNKNOWN)[2]

    def ends(self, first: int, last: int) -> str | None:
        """The first and last characters, `*` where unknown; None when nobody can tell where they are."""
        if self.sized:
            return self.text[:first] + self.text[len(self.text) - last :]
        if len(self.head) < first or len(self.tail) < last:
            return None
        return self.head[:first] + self.tail[len(self.tail) - last :]

    def fits(self, canonical: str) -> bool:
        """Whether the masked value may be this one."""
        if self.sized:
            pairs = zip(self.text, canonical, strict=False)
            return len(self.text) == len(canonical) and all(mine in (UNKNOWN, c) for mine, c in pairs)
        if UNKNOWN not in self.text:
            return self.text == canonical
        head, *between, tail = _RUN.split(self.text)
        at, end = len(head), len(canonical) - len(tail)
        if at > end or not (canonical.startswith(head) and canonical.endswith(tail)):
            return False
        # Each part where it first stands: if any places will do, these do, and the time is that of reading once.
        for part in between:
            found = canonical.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return True


def read(field: str, text: str) -> Masked | None:
    """What a masked text says as a value of `field`; None when nothing is masked or nothing is known."""
    if len(text) > MAX_INPUT:
        return None
    reader = _READERS.get(field, _other)
    found = reader(ascii_digits(clean(text)).removeprefix("'"))
    if found is None or UNKNOWN not in found.text or not found.text.strip(UNKNOWN):
        return None
    return found


def _number(text: str) -> str:
    return _SOFT.sub(_stars, text.translate(_HARD)).translate(_SEPARATORS)


def _stars(run: re.Match[str]) -> str:
    return UNKNOWN * len(run[0])


def _phone(text: str) -> Masked | None:
    digits = _PREFIX.sub("", _number(text))
    if not re.fullmatch(r"\+?[0-9*]+", digits):
        return None
    return Masked(digits, sized=len(digits) == 11 and digits[0] in "1*")


def _resident_id(text: str) -> Masked | None:
    upper = text.upper()
    # A single X behind a digit is the check character, not a star.
    check = "X" if re.search(r"[0-9]X$", upper) else ""
    number = _number(upper.removesuffix(check)) + check
    if not re.fullmatch(r"[0-9*]+X?", number):
        return None
    if len(number) == _OLD_ID:
        return Masked(f"{number[:6]}19{number[6:]}{UNKNOWN}", sized=True)
    return Masked(number, sized=len(number) == 18)


def _bank_card(text: str) -> Masked | None:
    number = _number(text)
    return Masked(number, sized=False) if re.fullmatch(r"[0-9*]+", number) else None


def _code(text: str) -> Masked | None:
    number = _SOFT_LETTERS.sub(_stars, text.translate(_HARD)).upper().translate(_SEPARATORS)
    return Masked(number, sized=False) if re.fullmatch(r"[A-Z0-9*]+", number) else None


def _plate(text: str) -> Masked | None:
    plate = simplified(_SOFT_LETTERS.sub(_stars, text.translate(_HARD)).upper().translate(_SEPARATORS))
    return Masked(plate, sized=len(plate) in {7, 8})


def _email(text: str) -> Masked | None:
    masked = _SOFT_LETTERS.sub(_stars, text.lower().translate(_HARD)).replace(" ", "")
    local, at, domain = masked.rpartition("@")
    if not at or not local or not domain:
        return None
    return Masked(masked, sized=False)


def _name(text: str) -> Masked | None:
    folded = simplified(text.translate(_HARD).casefold()).translate(_SEPARATORS)
    return Masked(folded, sized=False)


def _other(text: str) -> Masked | None:
    masked = _SOFT_LETTERS.sub(_stars, text.translate(_HARD))
    return Masked(masked, sized=False)


def _address(text: str) -> Masked | None:
    shown = masked_address.read(text)
    return None if shown is None else Masked(shown, sized=False)


_READERS: Mapping[str, Callable[[str], Masked | None]] = {
    "phone": _phone,
    "resident_id": _resident_id,
    "bank_card": _bank_card,
    "passport": _code,
    "plate": _plate,
    "email": _email,
    "name": _name,
    "address": _address,
}


def is_starred(text: str) -> bool:
    """Whether a text has characters that stand for hidden ones and for nothing else."""
    return UNKNOWN in clean(text).translate(_HARD)
