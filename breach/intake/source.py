"""Where the bytes of a dump come from: anything with a size that can be read at any place.

Containers keep their directories at the end; so a dump is not a stream but a `Source`, and whoever only wants to go
through it takes `chunks`. `SourceFile` is a source for libraries that want a file; nothing of it is ever on disk.
"""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

PIECE = 1 << 20


class Source(Protocol):
    """Bytes by place."""

    @property
    def size(self) -> int:
        """Bytes in all."""

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`; fewer only at the end."""


class Held:
    """A source in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        return len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]


class OnDisk:
    """A source that is a file of the caller's own, in clear."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.size = os.fstat(self._file.fileno()).st_size

    def read(self, offset: int, length: int) -> bytes:
        parts = []
        while length > 0 and (part := os.pread(self._file.fileno(), length, offset)):
            parts.append(part)
            offset, length = offset + len(part), length - len(part)
        return b"".join(parts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def chunks(source: Source) -> Iterator[bytes]:
    """All bytes of a source in pieces of 1 MiB."""
    for offset in range(0, source.size, PIECE):
        yield source.read(offset, PIECE)


def from_place(source: Source, offset: int) -> Iterator[bytes]:
    """The bytes from a place on, in the same pieces in which they come when all are read."""
    end = offset // PIECE * PIECE + PIECE
    if offset < source.size:
        yield source.read(offset, end - offset)
    for at in range(end, source.size, PIECE):
        yield source.read(at, PIECE)


class SourceFile(io.RawIOBase):
    """A source as a file to read and seek in."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = (0, self._at, self._source.size)[whence]
        self._at = max(base + offset, 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._source.read(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


class StreamFile(io.RawIOBase):
    """A stream of pieces as a file to read once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._held:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._held = piece
        count = min(len(buffer), len(self._held))
        buffer[:count] = self._held[:count]
        self._held = self._held[count:]
        return count
