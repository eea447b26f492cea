"""Raw lines out of a byte stream, block by block, in bounded memory: the ground truth every count is held against.

Lines are cut in bytes before decoding: in UTF-8, GB18030 and Big5 the byte 0x0A is always a line feed. UTF-16 is
first recoded. Every window (block) is decoded in the encoding that reads it, by default that of the file; one that no
encoding reads whole is decoded line by line, each line in the first encoding that reads it.
"""

import codecs
from collections.abc import Iterable, Iterator
from itertools import chain

from breach.intake.encoding import FALLBACKS, UTF8, WIDE, read_window
from breach.intake.numerals import restored
from breach.intake.tally import Reason, Tally, size

MAX_LINE = 1_000_000
"""Bytes; a longer line is set aside, and never held in memory whole."""

_BLOCK = 1 << 20


def blocks(
    chunks: Iterable[bytes], encoding: str, tally: Tally, *, newline: bytes = b"\n", behind: int | None = None
) -> Iterator[list[str]]:
    """Every physical line that decodes, without its line end, in order; the others are set aside in `tally`.

    `behind`: where in a dump `chunks` begin, at a line's start; `tally.place` is then where the lines given so
    far end.
    """
    if newline == b"\r":
        chunks = (chunk.replace(b"\r", b"\n") for chunk in chunks)
    mark, stream = (0, iter(chunks)) if behind else _unmarked(_narrow(chunks, encoding))
    for at, raw in cut(stream, tally):
        tally.place = None if behind is None or encoding in WIDE else behind + mark + at + len(raw)
        yield counted(raw, encoding, tally)


def counted(raw: bytes, encoding: str, tally: Tally) -> list[str]:
    """The lines of one window that decode."""
    first = tally.lines + 1
    tally.lines += raw.count(b"\n")
    return _texts(raw, encoding, first, tally)


def plain(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The stream without its byte order mark and in an encoding whose line feeds are bytes: wide ones as UTF-8."""
    return _unmarked(_narrow(chunks, encoding))[1]


def _narrow(chunks: Iterable[bytes], encoding: str) -> Iterable[bytes]:
    return _recoded(chunks, encoding) if encoding in WIDE else chunks


def _unmarked(chunks: Iterable[bytes]) -> tuple[int, Iterator[bytes]]:
    """How many bytes the UTF-8 byte order mark of a stream has, and the stream behind it."""
    held = b""
    stream = iter(chunks)
    for chunk in stream:
        held += chunk
        if len(held) >= len(codecs.BOM_UTF8):
            break
    mark = len(codecs.BOM_UTF8) if held.startswith(codecs.BOM_UTF8) else 0
    return mark, chain([held[mark:]], stream)


def _recoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    # What cannot mean anything becomes U+FFFD: the row stays, the cell it stands in matches nothing.
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode(UTF8, "replace")
    yield decoder.decode(b"", final=True).encode(UTF8, "replace")


def cut(chunks: Iterable[bytes], tally: Tally) -> Iterator[tuple[int, bytes]]:
    """Windows of about 1 MiB that end with a line feed (a missing last one is added), each with its place in the stream."""
    held = bytearray()
    dropping = False
    at = dropped = 0
    for chunk in chunks:
        held += chunk
        if len(held) < _BLOCK:
            continue
        end = held.rfind(b"\n") + 1
        if end and dropping:
            at += _drop_head(held, dropped, tally)
            dropping = False
            end = held.rfind(b"\n") + 1
        if end and not dropping:
            with memoryview(held) as view:
                raw = bytes(view[:end])
            yield at, raw
            del held[:end]
            at += end
        elif not end and len(held) > MAX_LINE:
            dropped = len(held) + (dropped if dropping else 0)
            dropping = True
            at += len(held)
            held.clear()
    if dropping:
        at += _drop_head(held, dropped, tally)
    if held:
        yield at, bytes(held) if held.endswith(b"\n") else bytes(held) + b"\n"


def _drop_head(held: bytearray, dropped: int, tally: Tally) -> int:
    """Forget the rest of an over-long line, `dropped` bytes of which are gone already, so that the stream is back
    at a line's start; how many bytes that were.
    """
    end = held.find(b"\n") + 1 or len(held)
    del held[:end]
    tally.lines += 1
    tally.bytes += dropped + end
    tally.set_aside(Reason.TOO_LONG, tally.lines, bytes_=dropped + end)
    return end


def _texts(raw: bytes, encoding: str, first: int, tally: Tally) -> list[str]:
    text, found = read_window(raw, UTF8 if encoding in WIDE else encoding)
    tally.windows[encoding if encoding in WIDE else found] += 1
    if text is None or has_long_line(raw):
        return _line_by_line(raw, found, first, tally)
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    text = restored(text, tally)
    tally.bytes += size(text)
    texts = text.split("\n")
    texts.pop()
    return texts


def has_long_line(raw: bytes) -> bool:
    """Whether any line of a window is longer than a line may be."""
    if len(raw) <= MAX_LINE:
        return False
    middle = len(raw) // 2
    # Of a window shorter than two such lines, the middle would be in it.
    if len(raw) < 2 * MAX_LINE and raw.find(b"\n", middle) - raw.rfind(b"\n", 0, middle) <= MAX_LINE:
        return False
    return max(map(len, raw.split(b"\n"))) > MAX_LINE


def _line_by_line(raw: bytes, encoding: str, first: int, tally: Tally) -> list[str]:
    texts = []
    for number, line in enumerate(raw.split(b"\n")[:-1], first):
        text = _text(line.removesuffix(b"\r"), encoding, tally)
        if len(line) > MAX_LINE or text is None:
            tally.bytes += len(line) + 1
            reason = Reason.UNDECODABLE if len(line) <= MAX_LINE else Reason.TOO_LONG
            tally.set_aside(reason, number, bytes_=len(line) + 1)
        else:
            tally.bytes += size(text) + 1
            texts.append(text)
    return texts


def _text(line: bytes, encoding: str, tally: Tally) -> str | None:
    for candidate in (encoding, *(other for other in FALLBACKS if other != encoding)):
        try:
            text = line.decode(candidate)
        except UnicodeDecodeError:
            continue
        if candidate != encoding:
            tally.reencoded[candidate] += 1
        return text
    return None
