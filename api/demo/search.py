"""Is anybody's data readable in the files of an installation? Looks for every value of the city in every byte.

Decides: candidates of the right shape are cut out of the raw bytes (runs of digits, addresses, Chinese
characters) at every offset and looked up in one set, which costs the same for ten values and for ten thousand.
UTF-8, the only encoding the project writes text in. A hit is counted, never shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from api.demo.city import DOMAINS, Citizen

_PHONE = re.compile(rb"(?=(1[3-9]\d{9}))")
_RESIDENT = re.compile(rb"(?=([1-6]\d{16}[\dXx]))")
_MAIL = re.compile(rb"(?=([a-z.]+\d+@(?:" + b"|".join(re.escape(name.encode()) for name in DOMAINS) + rb")))")
_CHINESE = re.compile(rb"(?:[\xe3-\xe9][\x80-\xbf]{2}){2,}")
_ENGLISH = re.compile(rb"(?=([A-Z][A-Za-z']+ [A-Z][A-Za-z']+))")
_CHINESE_LENGTHS = (6, 9, 12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How much was searched for, in how much, and how often something was found."""

    needles: int
    files: int
    bytes: int
    found: int


def search(paths: Iterable[Path], people: Iterable[Citizen]) -> Search:
    """Search every file, byte by byte, for every value of every person."""
    needles = {value.encode() for person in people for value in person.values().values()}
    size = found = count = 0
    for path in paths:
        raw = path.read_bytes()
        count, size = count + 1, size + len(raw)
        found += sum(candidate in needles for candidate in _candidates(raw))
    return Search(needles=len(needles), files=count, bytes=size, found=found)


def _candidates(raw: bytes) -> Iterator[bytes]:
    for pattern in (_PHONE, _RESIDENT, _MAIL):
        yield from (match[1] for match in pattern.finditer(raw))
    for match in _ENGLISH.finditer(raw):
        # Fields of a stored row touch each other, so the name may end before the letters do.
        yield from (match[1][:end] for end in range(4, len(match[1]) + 1))
    for match in _CHINESE.finditer(raw):
        for length in _CHINESE_LENGTHS:
            yield from (match[0][begin : begin + length] for begin in range(0, len(match[0]) - length + 1, 3))
