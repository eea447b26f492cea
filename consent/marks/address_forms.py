"""Forms of an address: of a Chinese one as `chinese_address_forms` tells, of one in letters by the table below.

| carrier          | 0                         | 1                         | applies where the address      |
|------------------|---------------------------|---------------------------|--------------------------------|
| address.comma    | Baker Street, London      | Baker Street,London       | has a comma                    |
| address.capitals | Baker Street, LONDON      | BAKER STREET, London      | has two parts with small letters |
| address.stop     | Baker St., London         | Baker St, London          | abbreviates, and has a comma   |
| address.postcode | NW1 6XE                   | NW16XE                    | has a British postcode         |

Street is not shortened to St and no country is added: the canonical form would be another, and with it the blind tag.
"""

import re
from collections.abc import Mapping
from typing import Final

from consent.marks import chinese_address_forms as chinese
from vault.fields.address import is_chinese

COMMA: Final = "address.comma"
CAPITALS: Final = "address.capitals"
STOP: Final = "address.stop"
POSTCODE: Final = "address.postcode"
CODES: Final = tuple(sorted((*chinese.CODES, COMMA, CAPITALS, STOP, POSTCODE)))

_COMMA = re.compile(" ?, ?")
_WORD = re.compile("[A-Za-z]{4,}")
_SHORT = re.compile(r"\b(?:Apt|Ave|Blvd|Ct|Dr|Ln|Mt|Pl|Rd|Sq|St|Ste)\b(\.?)", re.IGNORECASE)
_POSTCODE = re.compile(r"\b([A-Z]{1,2}[0-9][A-Z0-9]?)( ?)([0-9][A-Z]{2})\b")


def write(value: str, bits: Mapping[str, int]) -> str:
    """The stored address in the forms that `bits` ask for."""
    return chinese.write(value, bits) if is_chinese(value) else _lettered(value, bits)


def read(cell: str) -> dict[str, int]:
    """Which forms an address is written in, as far as it shows them."""
    return chinese.read(cell) if is_chinese(cell) else _read_lettered(cell.strip())


def _lettered(text: str, bits: Mapping[str, int]) -> str:
    if "," in text:
        if STOP in bits:
            text = _SHORT.sub(lambda found: found[0].rstrip(".") + (".", "")[bits[STOP]], text, count=1)
        if CAPITALS in bits:
            text = _capitalised(text, bits[CAPITALS])
        if COMMA in bits:
            text = _COMMA.sub((", ", ",")[bits[COMMA]], text)
    if POSTCODE in bits:
        text = _POSTCODE.sub(("\\1 \\3", "\\1\\3")[bits[POSTCODE]], text, count=1)
    return text


def _capitalised(text: str, bit: int) -> str:
    pieces = text.split(",")
    worded = [at for at, piece in enumerate(pieces) if _WORD.search(piece)]
    if len(worded) < 2 or not text.isascii() or any(pieces[at].isupper() for at in (worded[0], worded[-1])):
        return text
    at = worded[bit - 1]
    pieces[at] = pieces[at].upper()
    return ",".join(pieces)


def _read_lettered(text: str) -> dict[str, int]:
    seen: dict[str, int] = {}
    if (postcode := _POSTCODE.search(text)) is not None:
        seen[POSTCODE] = int(not postcode[2])
    commas = set(_COMMA.findall(text))
    if not commas:
        return seen
    if commas in ({", "}, {","}):
        seen[COMMA] = int(commas == {","})
    if (short := _SHORT.search(text)) is not None:
        seen[STOP] = int(not short[1])
    worded = [piece for piece in text.split(",") if _WORD.search(piece)]
    if len(worded) >= 2 and worded[0].isupper() != worded[-1].isupper():
        seen[CAPITALS] = int(worded[0].isupper())
    return seen
