"""Reading a dump in a process of its own, which has no keys, no network and little memory (`parser`, `confined`).

The dump is hostile until shown otherwise. Its bytes go to the parser as plain bytes, as far as it asks for
them; rows come back as plain texts. A parser that crashes, exceeds its limits, says nothing for a while or says
nonsense is ended, the dump is refused as `parser_stopped`, and nothing else has changed.
"""

import fcntl
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Full, Queue
from threading import Event, Thread
from types import TracebackType
from typing import IO, Any, Self

from breach.errors import DumpRefused, Unreadable
from breach.intake import frames
from breach.intake.dialect import Dialect
from breach.intake.parts import Block
from breach.intake.sheets import Sheet, unpack
from breach.intake.source import PIECE, Source

QUIET_SECONDS = 30.0
"""How long a parser may say nothing while nothing is asked of us."""

type Endings = Mapping[str, Sequence[str]]

_PROGRAM = Path(__file__).with_name("parser.py")
_AHEAD = 2


def look(source: Source) -> Dialect:
    """What a dump is; raises DumpRefused."""
    with Reading(source, rows=False) as reading:
        return reading.dialect


class Reading:
    """One dump being read: `dialect` first, then `blocks` once, then `tally`, the account. A context manager.

    While it is open a thread gives the parser its bytes and takes up to two blocks ahead of those asked for.
    Whatever `source` raises is raised here.
    """

    def __init__(
        self,
        source: Source,
        *,
        rows: bool = True,
        sheets: Endings | None = None,
        mark: Mapping[str, Any] | None = None,
    ) -> None:
        """`sheets`: in columns where the dump is of that kind, but for rows with values of a field that end so.

        `mark`: behind an earlier block or sheet.
        """
        self.read = 0
        self.tally: dict[str, Any] = {}
        self._source = source
        self._told: Queue[tuple[bytes, bytes] | BaseException] = Queue(_AHEAD)
        self._over = Event()
        self._process = subprocess.Popen(  # noqa: S603 - our own program, and nothing of the dump in its arguments
            [sys.executable, "-I", "-X", "utf8", str(_PROGRAM)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/", bufsize=0,
        )  # fmt: skip
        self._pipe = _Pipe(self._process)
        self._thread = Thread(
            target=self._attend,
            kwargs={"rows": rows, "sheets": sheets, "mark": mark},
            name="parser",
            daemon=True,
        )

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.dialect = self._dialect()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def blocks(self) -> Iterator[Block]:
        """The blocks in order; raises DumpRefused when the parser is stopped on the way."""
        for block in self.sheets():
            if isinstance(block, Sheet):
                raise DumpRefused(Unreadable.PARSER_STOPPED)
            yield block

    def sheets(self) -> Iterator[Block | Sheet]:
        """The same in columns, when the dump is read so."""
        while (block := self._block()) is not None:
            yield block

    def _block(self) -> Block | Sheet | None:
        kind, payload = self._next()
        try:
            if kind == frames.BLOCK:
                return frames.block_from_json(payload)
            if kind == frames.SHEET:
                return unpack(payload)
            self.tally = dict(frames.from_json(payload))
        except (frames.BadFrame, TypeError, ValueError, KeyError):
            raise DumpRefused(Unreadable.PARSER_STOPPED) from None
        return None

    def _dialect(self) -> Dialect:
        kind, payload = self._next()
        try:
            if kind == frames.DIALECT:
                return Dialect.from_wire(frames.from_json(payload))
        except (frames.BadFrame, TypeError, KeyError, ValueError):
            pass
        raise DumpRefused(Unreadable.PARSER_STOPPED)

    def _next(self) -> tuple[bytes, bytes]:
        told = self._told.get()
        if isinstance(told, frames.BadFrame | OSError | ValueError):
            raise DumpRefused(Unreadable.PARSER_STOPPED)
        if isinstance(told, BaseException):
            raise told
        kind, payload = told
        if kind == frames.REFUSED:
            raise DumpRefused(_code(payload))
        return told

    def _attend(self, *, rows: bool, sheets: Endings | None, mark: Mapping[str, Any] | None) -> None:
        """The thread: answers what is wanted and hands on what is told, until the last word."""
        pipe = self._pipe
        try:
            task = {"size": self._source.size, "read": rows, "sheets": sheets, "mark": mark}
            frames.send(pipe, frames.TASK, frames.as_json(task))
            last = {frames.REFUSED, frames.END if rows else frames.DIALECT}
            while True:
                kind, payload = frames.receive(pipe)
                if kind == frames.WANTED:
                    frames.send(pipe, frames.BYTES, self._wanted(payload))
                    continue
                self._tell((kind, payload))
                if kind in last or self._over.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - handed to the thread that asked
            self._tell(error)

    def _wanted(self, payload: bytes) -> bytes:
        offset, length = int.from_bytes(payload[:8]), int.from_bytes(payload[8:])
        if length > PIECE or offset > self._source.size:
            raise frames.BadFrame
        self.read = max(self.read, min(offset + length, self._source.size))
        return self._source.read(offset, length)

    def _tell(self, told: tuple[bytes, bytes] | BaseException) -> None:
        while not self._over.is_set():
            try:
                self._told.put(told, timeout=0.2)
            except Full:
                continue
            return

    def _end(self) -> None:
        self._over.set()
        self._process.kill()
        self._thread.join()
        self._process.wait()
        self._pipe.close()


def _widened(file: IO[bytes]) -> None:
    """Let a pipe hold as much as is asked for at a time: fewer turns of both processes."""
    with suppress(AttributeError, OSError):  # not everywhere, and not for everybody
        fcntl.fcntl(file.fileno(), fcntl.F_SETPIPE_SZ, PIECE)


class _Pipe:
    """Both directions to a process, neither of them waited for longer than `QUIET_SECONDS` at a time."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout
        os.set_blocking(self._in.fileno(), False)
        for file in (self._in, self._out):
            _widened(file)

    def read(self, length: int) -> bytes:
        parts = []
        while length and select.select([self._out], [], [], QUIET_SECONDS)[0]:
            part = os.read(self._out.fileno(), min(length, PIECE))
            if not part:
                break
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            if not select.select([], [self._in], [], QUIET_SECONDS)[1]:
                raise frames.BadFrame
            rest = rest[os.write(self._in.fileno(), rest) :]

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self._in.close()
        self._out.close()


def _code(payload: bytes) -> Unreadable:
    try:
        return Unreadable(payload.decode())
    except ValueError:
        return Unreadable.PARSER_STOPPED
