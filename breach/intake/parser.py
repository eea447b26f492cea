"""The parser's own program: bytes of a dump in by pipe, rows out by pipe, and nothing else in the world.

Started by path and not as part of the package, because the faces of `breach` and `vault` load the data base,
cryptography and all that stands on them: this process has no use for any of it and no key to use it with. It
tells nobody what went wrong inside: an unexpected error may quote a cell.
"""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

if __name__ == "__main__":
    for _name in ("breach", "vault"):
        _package = ModuleType(_name)
        _package.__path__ = [str(Path(__file__).parents[2] / _name)]
        sys.modules[_name] = _package

from breach.errors import DumpRefused, Unreadable
from breach.intake import frames, opened
from breach.intake.confined import confine
from breach.intake.parts import Block
from breach.intake.sheets import Sheet, pack
from breach.intake.source import PIECE, from_place
from breach.intake.tally import Tally


class Asked:
    """A source whose bytes are on the other side of a pipe; keeps the pieces asked for last."""

    def __init__(self, into: BinaryIO, out: BinaryIO, size: int) -> None:
        self.size = size
        self._into = into
        self._out = out
        self._kept: dict[int, bytes] = {}

    def read(self, offset: int, length: int) -> bytes:
        stop = min(offset + length, self.size)
        pieces = list(self._pieces(offset, stop))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _pieces(self, offset: int, stop: int) -> Iterator[bytes]:
        for at in range(offset // PIECE * PIECE, stop, PIECE):
            piece = self._piece(at)
            yield piece if at >= offset and at + PIECE <= stop else piece[max(offset - at, 0) : stop - at]

    def _piece(self, at: int) -> bytes:
        piece = self._kept.pop(at, None)
        if piece is None:
            frames.send(self._out, frames.WANTED, at.to_bytes(8) + PIECE.to_bytes(8))
            kind, piece = frames.receive(self._into)
            if kind != frames.BYTES or len(piece) != min(PIECE, self.size - at):
                raise frames.BadFrame
        self._kept[at] = piece
        if len(self._kept) > 2:
            del self._kept[next(iter(self._kept))]
        return piece


def serve(into: BinaryIO, out: BinaryIO) -> None:
    """Do the one task that comes in: look at a dump, and read it if that is wanted."""
    _, payload = frames.receive(into)
    task = frames.from_json(payload)
    sifting = _sifting() if task["sheets"] is not None else None
    confine(task["size"])
    source = Asked(into, out, task["size"])
    try:
        dialect = opened.look(source)
        frames.send(out, frames.DIALECT, frames.as_json(dialect.as_wire()))
        if task["read"]:
            mark = task["mark"]
            tally, behind = (Tally.from_dict(mark["tally"]), mark["at"]) if mark else (Tally(), 0)
            if sifting and dialect.hurdle is None:
                pieces, endings = from_place(source, behind), task["sheets"]
                for found in sifting.blocks(pieces, dialect, tally, behind=behind, endings=endings):
                    _tell(out, found)
            else:
                for block in opened.blocks(source, dialect, tally, behind=behind):
                    _tell(out, block)
            frames.send(out, frames.END, frames.as_json(tally.as_dict()))
    except DumpRefused as refused:
        frames.send(out, frames.REFUSED, refused.code.encode())
    except MemoryError:
        frames.send(out, frames.REFUSED, Unreadable.PARSER_STOPPED.encode())


def _tell(out: BinaryIO, found: Block | Sheet) -> None:
    if isinstance(found, Sheet):
        frames.send(out, frames.SHEET, pack(found))
    else:
        frames.send(out, frames.BLOCK, frames.block_as_json(found))


def _sifting() -> ModuleType:
    """What reads in columns, loaded and warmed up while files can still be opened and threads begun."""
    sifting = import_module("breach.intake.sifting")
    sifting.warm_up()
    return sifting


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
