"""What a member of a ledger entry may hold besides words, whatever the entry is about: a number, or hexadecimal bytes."""

import re
from typing import Final

from consent.ledger.errors import Malformed

MAX_INTEGER: Final = 2**53 - 1
"""The largest number that every reader of JSON reads as it is written (RFC 8259 §6)."""
_HEX: Final = re.compile(r"[0-9a-f]*")


def integer(value: object) -> int:
    """A number from 0 to MAX_INTEGER; raises Malformed."""
    if type(value) is int and 0 <= value <= MAX_INTEGER:
        return value
    raise Malformed("not a number of an entry")


def octets(value: object, length: int) -> bytes:
    """So many bytes from lower-case hexadecimal; raises Malformed."""
    if isinstance(value, str) and len(value) == 2 * length and _HEX.fullmatch(value):
        return bytes.fromhex(value)
    raise Malformed("not hexadecimal of the right length")
