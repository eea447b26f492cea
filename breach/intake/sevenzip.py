"""The members of a 7z archive, read from its directory and decompressed folder by folder with the standard library.

| offset | length | meaning                                                            |
|--------|--------|--------------------------------------------------------------------|
| 0      | 6      | 37 7A BC AF 27 1C                                                  |
| 6      | 2      | version                                                            |
| 8      | 4      | CRC-32 of the next 20 bytes                                        |
| 12     | 8 + 8  | place (after these 32 bytes) and length of the directory           |
| 28     | 4      | CRC-32 of the directory                                            |

Copied, LZMA, LZMA2, bzip2 and deflated folders are read; encrypted ones are refused as that, chains of filters
(which are for programs, not for text) as unsupported. Names are never looked at: what a member is called may be
somebody's name. A library for this exists under the LGPL, but brings eight others with it, a second
cryptography among them.
"""

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from breach.intake.source import PIECE, Source
from breach.intake.unpack import (
    MAX_DICTIONARY,
    MAX_MEMBERS,
    Decompressor,
    Inflater,
    MemberRefused,
    Refusal,
    unpacked,
)

MAGIC = b"7z\xbc\xaf\x27\x1c"

_START = struct.Struct("<6s2sIQQI")
_MAX_DIRECTORY = 64 << 20
_HEADER, _STREAMS, _ENCODED, _END = 0x01, 0x04, 0x17, 0x00
_PACK, _UNPACK, _SUBSTREAMS, _FOLDER = 0x06, 0x07, 0x08, 0x0B
_SIZES, _DIGESTS, _UNPACK_SIZES, _COUNTS = 0x09, 0x0A, 0x0C, 0x0D
_COPY, _LZMA, _LZMA2, _DEFLATE, _BZIP2, _AES = (
    bytes.fromhex(code) for code in ("00", "030101", "21", "040108", "040202", "06f10701")
)


@dataclass(slots=True)
class _Folder:
    """One compressed stream: `methods` with their properties, `sizes` and CRCs of the members inside."""

    methods: list[tuple[bytes, bytes]]
    packed: int
    unpacked: int = 0
    digest: int | None = None
    sizes: list[int] = field(default_factory=list)
    digests: list[int | None] = field(default_factory=list)


def members(source: Source) -> Iterator[Iterator[bytes]]:
    """The members in order, each to be read to its end before the next; raises MemberRefused.

    An empty file has no stream and is none of them.
    """
    try:
        folders, at = _directory(source)
    except (ValueError, IndexError, struct.error):
        raise MemberRefused(Refusal.DAMAGED) from None
    for folder, place, length in _placed(folders, at):
        try:
            out = _Cut(_opened(source, folder, place, length))
        except MemberRefused as refused:
            yield from (map(_refuse, [refused.code]) for _ in folder.sizes)
            continue
        for size, digest in zip(folder.sizes, folder.digests, strict=True):
            yield out.take(size, digest)


def _refuse(code: str) -> bytes:
    raise MemberRefused(code)


class _Cut:
    """One stream cut into members of known sizes."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""

    def take(self, size: int, digest: int | None) -> Iterator[bytes]:
        found, left = 0, size
        while left:
            self._held = self._held or next(self._pieces, b"")
            if not self._held:
                raise MemberRefused(Refusal.DAMAGED)
            piece, self._held = self._held[:left], self._held[left:]
            found, left = zlib.crc32(piece, found), left - len(piece)
            yield piece
        if digest is not None and digest != found:
            raise MemberRefused(Refusal.DAMAGED)


def _placed(folders: list[tuple[_Folder, int]], at: int) -> Iterator[tuple[_Folder, int, int]]:
    for folder, length in folders:
        yield folder, at, length
        at += length


def _opened(source: Source, folder: _Folder, at: int, length: int) -> Iterator[bytes]:
    codes = [code for code, _ in folder.methods]
    if _AES in codes:
        raise MemberRefused(Refusal.ENCRYPTED)
    if len(codes) != 1 or folder.packed != 1:
        raise MemberRefused(Refusal.UNSUPPORTED)
    stop = min(at + length, source.size)
    packed = (source.read(place, min(PIECE, stop - place)) for place in range(at, stop, PIECE))
    new = _decompressor(*folder.methods[0])
    return packed if new is None else unpacked(packed, new, joined=False)


def _decompressor(code: bytes, properties: bytes) -> Callable[[], Decompressor] | None:
    """None: the bytes are copied as they are."""
    if code == _COPY:
        return None
    if code == _BZIP2:
        return bz2.BZ2Decompressor
    if code == _DEFLATE:
        return lambda: Inflater(-15)
    if code not in {_LZMA, _LZMA2}:
        raise MemberRefused(Refusal.UNSUPPORTED)
    chain = _lzma(properties) if code == _LZMA else _lzma2(properties)
    if chain["dict_size"] > MAX_DICTIONARY:
        raise MemberRefused(Refusal.TOO_LARGE)
    return lambda: lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[chain])


def _lzma(properties: bytes) -> dict[str, int]:
    if len(properties) != 5 or properties[0] >= 9 * 5 * 5:
        raise MemberRefused(Refusal.DAMAGED)
    rest, lc = divmod(properties[0], 9)
    pb, lp = divmod(rest, 5)
    size = max(int.from_bytes(properties[1:], "little"), 4096)
    return {"id": lzma.FILTER_LZMA1, "dict_size": size, "lc": lc, "lp": lp, "pb": pb}


def _lzma2(properties: bytes) -> dict[str, int]:
    if len(properties) != 1 or properties[0] > 40:
        raise MemberRefused(Refusal.DAMAGED)
    size = (2 | (properties[0] & 1)) << (properties[0] // 2 + 11)
    return {"id": lzma.FILTER_LZMA2, "dict_size": size}


def _directory(source: Source) -> tuple[list[tuple[_Folder, int]], int]:
    """The folders with their packed lengths, and where the first begins."""
    magic, _, check, place, length, digest = _START.unpack(source.read(0, _START.size))
    start = source.read(12, 20)
    if magic != MAGIC or zlib.crc32(start) != check or length > _MAX_DIRECTORY:
        raise ValueError
    raw = source.read(_START.size + place, length)
    if len(raw) != length or zlib.crc32(raw) != digest:
        raise ValueError
    for _ in range(4):
        reader = _Bytes(raw)
        kind = reader.byte() if raw else _END
        if kind == _END:
            return [], 0
        if kind == _HEADER:
            return reader.streams() if reader.byte() == _STREAMS else ([], 0)
        if kind != _ENCODED:
            break
        raw = _decoded(source, *reader.streams())
    raise ValueError


def _decoded(source: Source, folders: list[tuple[_Folder, int]], at: int) -> bytes:
    [(folder, length)] = folders
    if folder.unpacked > _MAX_DIRECTORY:
        raise MemberRefused(Refusal.TOO_LARGE)
    return b"".join(_Cut(_opened(source, folder, at, length)).take(folder.unpacked, folder.digest))


class _Bytes:
    """The directory as it is read; running past its end raises IndexError."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def byte(self) -> int:
        self._at += 1
        return self._raw[self._at - 1]

    def take(self, count: int) -> bytes:
        if count > len(self._raw) - self._at:
            raise IndexError
        self._at += count
        return self._raw[self._at - count : self._at]

    def number(self) -> int:
        """As many leading ones in the first byte as bytes follow, the lowest first; the rest of it is highest."""
        first = self.byte()
        value = 0
        for place in range(8):
            mask = 0x80 >> place
            if not first & mask:
                return value + ((first & (mask - 1)) << (8 * place))
            value |= self.byte() << (8 * place)
        return value

    def count(self) -> int:
        found = self.number()
        if found > MAX_MEMBERS:
            raise MemberRefused(Refusal.LIMIT)
        return found

    def expect(self, kind: int) -> None:
        if self.byte() != kind:
            raise ValueError

    def digests(self, count: int) -> list[int | None]:
        known = [True] * count if self.byte() else self._bits(count)
        return [int.from_bytes(self.take(4), "little") if one else None for one in known]

    def _bits(self, count: int) -> list[bool]:
        raw = self.take((count + 7) // 8)
        return [bool(raw[at // 8] & (0x80 >> at % 8)) for at in range(count)]

    def streams(self) -> tuple[list[tuple[_Folder, int]], int]:
        """The folders with their packed lengths, and where the first begins in the file."""
        at, lengths, folders = 0, list[int](), list[_Folder]()
        kind = self.byte()
        if kind == _PACK:
            at, lengths = self._packed()
            kind = self.byte()
        if kind == _UNPACK:
            folders = self._folders()
            kind = self.byte()
        for one in folders:
            one.sizes, one.digests = [one.unpacked], [one.digest]
        if kind == _SUBSTREAMS:
            self._substreams(folders)
            kind = self.byte()
        if kind != _END or sum(one.packed for one in folders) != len(lengths):
            raise ValueError
        parts = iter(lengths)
        return [(one, sum(next(parts) for _ in range(one.packed))) for one in folders], at + _START.size

    def _packed(self) -> tuple[int, list[int]]:
        at, count = self.number(), self.count()
        lengths: list[int] = []
        while (kind := self.byte()) != _END:
            if kind == _SIZES:
                lengths = [self.number() for _ in range(count)]
            elif kind == _DIGESTS:
                self.digests(count)
            else:
                raise ValueError
        return at, lengths

    def _folders(self) -> list[_Folder]:
        self.expect(_FOLDER)
        count = self.count()
        self.expect(0)  # the folders follow here and are in no stream of their own
        found = [self._folder() for _ in range(count)]
        self.expect(_UNPACK_SIZES)
        for folder, (outputs, last) in found:
            sizes = [self.number() for _ in range(outputs)]
            folder.unpacked = sizes[last]
        folders = [folder for folder, _ in found]
        while (kind := self.byte()) != _END:
            if kind != _DIGESTS:
                raise ValueError
            for folder, digest in zip(folders, self.digests(count), strict=True):
                folder.digest = digest
        return folders

    def _folder(self) -> tuple[_Folder, tuple[int, int]]:
        """A folder, and of its outputs the number and which is the last: the one that feeds no other."""
        methods, inputs, outputs = [], 0, 0
        for _ in range(self.count()):
            flags = self.byte()
            code = self.take(flags & 0x0F)
            ins, outs = (self.count(), self.count()) if flags & 0x10 else (1, 1)
            methods.append((code, self.take(self.number()) if flags & 0x20 else b""))
            inputs, outputs = inputs + ins, outputs + outs
        bound = [(self.number(), self.number())[1] for _ in range(outputs - 1)]
        packed = inputs - len(bound)
        if packed > 1:
            self.take_numbers(packed)
        last = next((at for at in range(outputs) if at not in bound), 0)
        return _Folder(methods, packed), (outputs, last)

    def take_numbers(self, count: int) -> None:
        for _ in range(count):
            self.number()

    def _substreams(self, folders: list[_Folder]) -> None:
        counts = [1] * len(folders)
        kind = self.byte()
        if kind == _COUNTS:
            counts = [self.count() for _ in folders]
            kind = self.byte()
        for folder, count in zip(folders, counts, strict=True):
            sizes = [self.number() for _ in range(count - 1)] if kind == _SIZES else []
            folder.sizes = [*sizes, folder.unpacked - sum(sizes)] if count else []
            folder.digests = [folder.digest] if count == 1 else [None] * count
            if any(size < 0 for size in folder.sizes):
                raise ValueError
        if kind == _SIZES:
            kind = self.byte()
        if kind == _DIGESTS:
            open_ones = [
                (one, at) for one in folders for at, known in enumerate(one.digests) if known is None
            ]
            for (one, at), digest in zip(open_ones, self.digests(len(open_ones)), strict=True):
                one.digests[at] = digest
            kind = self.byte()
        if kind != _END:
            raise ValueError
