"""A whole dump: a text, a workbook, or a container whose members are opened the same way, four levels deep at most.

What a container holds is one dump. Every member is either read or refused with a reason, and is known by its
position (`3.1`: the first inside the third) and the hash of its bytes. A member that breaks off counts as
refused, and what was read of it stays; one refused for a limit ends the reading of everything behind it.
"""

import hashlib
from collections.abc import Generator, Iterator
from itertools import count

from breach.errors import DumpRefused, Unreadable
from breach.intake import workbook
from breach.intake.containers import Container, Stream, container_of, members
from breach.intake.dialect import Dialect, Shape
from breach.intake.parts import Block
from breach.intake.reading import read
from breach.intake.sniff import sniff
from breach.intake.source import Source, from_place
from breach.intake.tally import Tally
from breach.intake.unpack import Budget, MemberRefused, Refusal

MAX_DEPTH = 4

_CODES = {
    Refusal.ENCRYPTED: Unreadable.ENCRYPTED_FILE,
    Refusal.LIMIT: Unreadable.ARCHIVE_LIMIT,
    Refusal.TOO_LARGE: Unreadable.ARCHIVE_LIMIT,
    Refusal.TOO_DEEP: Unreadable.ARCHIVE_LIMIT,
    Refusal.DAMAGED: Unreadable.DAMAGED_FILE,
    Refusal.UNSUPPORTED: Unreadable.BINARY_FILE,
    Refusal.NOT_A_FILE: Unreadable.EMPTY_FILE,
}
"""What a whole file is refused as when none of its members can be read, the most telling first."""


def look(source: Source) -> Dialect:
    """What a dump is. Of a container as much is read as shows that there is something to read. Raises DumpRefused."""
    stream = Stream.of(source)
    try:
        kind = container_of(stream)
    except MemberRefused as refused:
        raise DumpRefused(_CODES[Refusal(refused.code)]) from None
    if kind is None:
        return sniff(stream.pieces())
    tally = Tally()
    if next((block for block in _contained(stream, kind, tally, source.size) if block.parts), None) is None:
        raise DumpRefused(_why(tally))
    shape = Shape.WORKBOOK if kind is Container.WORKBOOK else Shape.ARCHIVE
    return Dialect(shape=shape, flavour=None if shape is Shape.WORKBOOK else kind.value)


def blocks(source: Source, dialect: Dialect, tally: Tally, *, behind: int = 0) -> Iterator[Block]:
    """The blocks of a dump that `look` has looked at; `behind` a mark of one of them, those that follow."""
    if dialect.shape not in {Shape.WORKBOOK, Shape.ARCHIVE}:
        return read(from_place(source, behind), dialect, tally, behind=behind)
    stream = Stream.of(source)
    kind = container_of(stream)
    assert kind is not None
    return _contained(stream, kind, tally, source.size)


def _contained(stream: Stream, kind: Container, tally: Tally, size: int) -> Iterator[Block]:
    if kind is Container.WORKBOOK:
        return _Walk(tally, size).member("1", stream.pieces(), stream)
    return _Walk(tally, size).inside(stream, kind, "", 1)


def _why(tally: Tally) -> Unreadable:
    for refusal, code in _CODES.items():
        if tally.members_refused[refusal]:
            return code
    codes = [code for code in tally.members_refused if code in set(Unreadable)]
    return Unreadable(codes[0]) if codes else Unreadable.NO_IDENTIFIER_COLUMN


class _Walk:
    """Goes through the members of one dump."""

    def __init__(self, tally: Tally, size: int) -> None:
        self._tally = tally
        self._budget = Budget(size)

    def inside(self, stream: Stream, kind: Container, above: str, depth: int) -> Iterator[Block]:
        """The blocks of all members of a container."""
        every = members(stream, kind, self._budget)
        for at in count(1):
            place = f"{above}{at}"
            try:
                pieces = next(every, None)
            except MemberRefused as refused:
                self._tally.member(place, refused.code)
                return
            if pieces is None:
                return
            yield from self.member(place, pieces, None, depth)
            if self._budget.spent:
                return

    def member(
        self, place: str, pieces: Iterator[bytes], stream: Stream | None, depth: int = 1
    ) -> Iterator[Block]:
        """The blocks of one member, and its account."""
        seen = _Seen(pieces)
        before = self._tally.rows
        shape, code = None, None
        try:
            shape = yield from self._read(stream or Stream(iter(seen)), place, depth)
        except (MemberRefused, DumpRefused) as refused:
            code = refused.code
        for _ in seen:
            pass  # what nobody wanted to read, so that the hash is of all of it and the next member can be reached
        found = {"sha256": seen.hash.hexdigest(), "bytes": seen.size, "rows": self._tally.rows - before}
        if shape is not None:
            found["shape"] = shape
        self._tally.member(place, seen.refused or code, **found)

    def _read(self, stream: Stream, place: str, depth: int) -> Generator[Block, None, str]:
        kind = container_of(stream)
        if kind is Container.WORKBOOK:
            yield from workbook.blocks(stream.anywhere(), self._tally)
            return kind.value
        if kind is not None:
            if depth >= MAX_DEPTH:
                raise MemberRefused(Refusal.TOO_DEEP)
            yield from self.inside(stream, kind, f"{place}.", depth + 1)
            return kind.value
        dialect = sniff(iter([stream.head]) if len(stream.head) else iter(()))
        yield from read(stream.pieces(), dialect, self._tally)
        return dialect.shape.value


class _Seen:
    """Pieces that are hashed as they pass. What breaks off just ends, so that its reader gives all it has; `refused`: why."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.hash = hashlib.sha256()
        self.size = 0
        self.refused: str | None = None
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        try:
            for piece in self._pieces:
                self.hash.update(piece)
                self.size += len(piece)
                yield piece
        except MemberRefused as refused:
            self.refused = refused.code
