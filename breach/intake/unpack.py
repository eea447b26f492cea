"""Decompression as streams, within one budget: the bytes that ever come out of a dump, at all its levels together.

A budget of a hundred bytes for each byte of the dump stops every bomb, however its layers are folded, because
it is the sum that counts. A stream that ends before its own end, or is not what it says, raises after what
could be read.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Protocol

RATIO = 100
"""Bytes that may come out for each byte of the dump."""

MAX_DICTIONARY = 512 << 20
"""Bytes of memory that a decompressor may ask for."""

_FREE = 16 << 20
_PIECE = 1 << 20
MAX_MEMBERS = 10_000


class Refusal(StrEnum):
    """Why a member of an archive was not read to its end."""

    ENCRYPTED = "encrypted"
    UNSUPPORTED = "unsupported"
    DAMAGED = "damaged"
    NOT_A_FILE = "not_a_file"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    LIMIT = "limit"


class MemberRefused(Exception):
    """A member cannot be read, or not any further."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Budget:
    """What may still come out of a dump of `size` bytes: bytes and members; owned by the one thread that reads."""

    def __init__(self, size: int) -> None:
        self._bytes = size * RATIO + _FREE
        self._members = MAX_MEMBERS

    @property
    def spent(self) -> bool:
        """Whether nothing more may be read from any member."""
        return self._bytes < 0 or self._members < 0

    def member(self) -> None:
        """Count one member; raises MemberRefused beyond the most."""
        self._members -= 1
        if self.spent:
            raise MemberRefused(Refusal.LIMIT)

    def counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The pieces, as long as there is budget for them; raises MemberRefused when there is none."""
        for piece in pieces:
            self._bytes -= len(piece)
            if self.spent:
                raise MemberRefused(Refusal.LIMIT)
            yield piece


class Decompressor(Protocol):
    """What bz2 and lzma offer."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class Inflater:
    """zlib in the form of the others; `bits` as in `zlib.decompressobj`."""

    def __init__(self, bits: int) -> None:
        self._inner = zlib.decompressobj(bits)
        self._more = False

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._more and not self._inner.unconsumed_tail and not self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        out = self._inner.decompress(self._inner.unconsumed_tail + data, max(max_length, 0))
        # What filled the room may have left more inside, although all input is taken.
        self._more = len(out) == max_length
        return out


COMPRESSIONS: dict[str, Callable[[], Decompressor]] = {
    "gzip": lambda: Inflater(31),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_DICTIONARY),
}
"""Formats of one compressed stream, by name."""


def unpacked(pieces: Iterable[bytes], new: Callable[[], Decompressor], *, joined: bool) -> Iterator[bytes]:
    """What comes out of a compressed stream; `joined`: several may follow each other."""
    try:
        yield from _unpacked(iter(pieces), new, joined=joined)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
        raise MemberRefused(Refusal.DAMAGED) from None


def _unpacked(pieces: Iterator[bytes], new: Callable[[], Decompressor], *, joined: bool) -> Iterator[bytes]:
    one, held = new(), b""
    while True:
        if one.eof:
            held = (one.unused_data or next(pieces, b"")).lstrip(b"\0")
            if not joined or not held:
                return
            one = new()
        elif one.needs_input and not held:
            held = next(pieces, b"")
            if not held:
                raise EOFError
        out = one.decompress(held, _PIECE)
        held = b""
        if out:
            yield out
