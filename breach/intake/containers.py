"""What holds other files: compressed streams, tar, zip and 7z, and how the members of each come out.

A container is told by its first bytes; a zip archive may stand behind a program that unpacks it, and is then told by
its last ones. Its members come out as streams, one after the other, in memory and
never on disk, so that a name like `../../etc` has nowhere to lead; names are not even looked at, for they may
be somebody's. What needs to be read at any place (zip, 7z, workbooks) and lies inside another container is held
in memory, up to a limit.
"""

import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from enum import StrEnum
from itertools import chain

from breach.intake import sevenzip
from breach.intake.source import PIECE, Held, Source, SourceFile, StreamFile, chunks
from breach.intake.unpack import COMPRESSIONS, Budget, MemberRefused, Refusal, unpacked

MAX_HELD = 256 << 20
"""Bytes of a member inside another container that are held to be read at any place."""

HEAD = 1 << 20
_SMALL = 1 << 14
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_END_OF_ZIP = b"PK\x05\x06"
_END_SIZE = 22
_LONGEST_END = _END_SIZE + 0xFFFF
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_WORKBOOK_PARTS = {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError,
    NotImplementedError, OverflowError,
)  # fmt: skip


class Container(StrEnum):
    """Files that hold files; a workbook holds sheets."""

    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"
    TAR = "tar"
    ZIP = "zip"
    SEVENZIP = "7z"
    WORKBOOK = "workbook"


_MAGIC = {
    b"\x1f\x8b\x08": Container.GZIP,
    b"BZh": Container.BZIP2,
    b"\xfd7zXZ\x00": Container.XZ,
    b"PK\x03\x04": Container.ZIP,
    b"PK\x05\x06": Container.ZIP,
    sevenzip.MAGIC: Container.SEVENZIP,
    _OLD_WORKBOOK: Container.WORKBOOK,
}


class Stream:
    """The bytes of one file on its way out: its beginning can be looked at, then it is read once."""

    def __init__(self, pieces: Iterator[bytes], source: Source | None = None) -> None:
        """`source`: the same bytes at any place, where that is possible without holding them."""
        self._pieces = pieces
        self._source = source
        self.head = b""
        while len(self.head) < HEAD and (piece := next(pieces, b"")):
            self.head += piece

    @classmethod
    def of(cls, source: Source) -> "Stream":
        """The stream of a source, which can still be read at any place."""
        return cls(chunks(source), source)

    def pieces(self) -> Iterator[bytes]:
        """All bytes, from the first."""
        return chain([self.head], self._pieces) if self.head else self._pieces

    def anywhere(self) -> Source:
        """The bytes at any place; raises MemberRefused when there are too many to hold."""
        if self._source is None:
            held = bytearray()
            for piece in self.pieces():
                held += piece
                if len(held) > MAX_HELD:
                    raise MemberRefused(Refusal.TOO_LARGE)
            self._source = Held(bytes(held))
        return self._source

    def ends_as_zip(self) -> bool:
        """Whether a zip archive ends where the file does; of what is inside another container that is not asked."""
        if self._source is None:
            return False
        start = max(self._source.size - _LONGEST_END, 0)
        tail = self._source.read(start, self._source.size - start)
        at = tail.rfind(_END_OF_ZIP)
        comment = int.from_bytes(tail[at + 20 : at + 22], "little")
        return 0 <= at == len(tail) - _END_SIZE - comment


def container_of(stream: Stream) -> Container | None:
    """What container a stream is, or None; raises MemberRefused."""
    found = next((kind for magic, kind in _MAGIC.items() if stream.head.startswith(magic)), None)
    if found is Container.ZIP:
        return Container.WORKBOOK if _is_workbook(stream.anywhere()) else found
    if found is None and _is_tar(stream.head[:512]):
        return Container.TAR
    return Container.ZIP if found is None and stream.ends_as_zip() else found


def members(stream: Stream, kind: Container, budget: Budget) -> Iterator[Iterator[bytes]]:
    """The members in order, each to be read before the next is asked for; raises MemberRefused.

    A member that cannot be read raises when it is; one that ends the reading of all others raises here.
    """
    for member in _members(stream, kind):
        budget.member()
        yield budget.counted(member)


def _members(stream: Stream, kind: Container) -> Iterator[Iterator[bytes]]:
    if kind is Container.TAR:
        return _of_tar(stream.pieces())
    if kind is Container.ZIP:
        return _of_zip(stream.anywhere())
    if kind is Container.SEVENZIP:
        return sevenzip.members(stream.anywhere())
    return iter([unpacked(stream.pieces(), COMPRESSIONS[kind], joined=True)])


def _is_tar(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _is_workbook(source: Source) -> bool:
    try:
        with zipfile.ZipFile(io.BufferedReader(SourceFile(source))) as archive:
            return not _WORKBOOK_PARTS.isdisjoint(archive.namelist())
    except _BROKEN:
        raise MemberRefused(Refusal.DAMAGED) from None


def _of_zip(source: Source) -> Iterator[Iterator[bytes]]:
    with zipfile.ZipFile(io.BufferedReader(SourceFile(source), PIECE)) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield _zipped(archive, info)


def _zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    if info.flag_bits & _ENCRYPTED:
        raise MemberRefused(Refusal.ENCRYPTED)
    if info.compress_type not in _METHODS:
        raise MemberRefused(Refusal.UNSUPPORTED)
    try:
        with archive.open(info) as file:
            while piece := file.read(PIECE):
                yield piece
    except _BROKEN:
        raise MemberRefused(Refusal.DAMAGED) from None


def _of_tar(pieces: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
    try:
        with tarfile.open(fileobj=io.BufferedReader(StreamFile(pieces), PIECE), mode="r|") as archive:
            for info in archive:
                if not info.isdir():
                    yield _tarred(archive, info)
    except _BROKEN:
        raise MemberRefused(Refusal.DAMAGED) from None


def _tarred(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[bytes]:
    file = archive.extractfile(info) if info.isreg() else None
    if file is None:
        raise MemberRefused(Refusal.NOT_A_FILE)
    left = info.size
    try:
        # In small pieces: of an archive cut short, the piece that is not whole is all that is lost.
        while piece := file.read(_SMALL):
            left -= len(piece)
            yield piece
    except _BROKEN:
        raise MemberRefused(Refusal.DAMAGED) from None
    if left:
        raise MemberRefused(Refusal.DAMAGED)
