"""Text out of a byte stream, window by window, for shapes whose records do not end with lines.

A window is cut after a line feed, or, in a line without end, after a byte that is never part of a longer character
(below 0x30: blanks, quotes, brackets, commas), so that nothing is ever cut in two. What no encoding reads is
replaced by U+FFFD and counted: the record stays, the cell it stands in matches nothing.
"""

from collections.abc import Iterable, Iterator

from breach.intake.encoding import FALLBACKS, UTF8, WIDE, read_window
from breach.intake.lines import plain
from breach.intake.numerals import restored
from breach.intake.tally import Tally

WINDOW = 1 << 20
REPLACED = "replaced"
_SAFE = b",\"') ("


def texts(chunks: Iterable[bytes], encoding: str, tally: Tally) -> Iterator[str]:
    """The text in pieces of about a window each, line ends as line feeds, the last line ended; counts lines."""
    usual = UTF8 if encoding in WIDE else encoding
    ended = True
    for raw in _windows(plain(chunks, encoding)):
        text, found = read_window(raw, usual)
        tally.windows[encoding if encoding in WIDE else found] += 1
        text = _piecewise(raw, found, tally) if text is None else text
        text = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
        text = restored(text, tally)
        tally.lines += text.count("\n")
        ended = text.endswith("\n")
        yield text
    if not ended:
        tally.lines += 1
        yield "\n"


def _windows(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for chunk in chunks:
        held += chunk
        if len(held) < WINDOW:
            continue
        cut = safe_cut(held)
        yield bytes(held[:cut])
        del held[:cut]
    if held:
        yield bytes(held)


def safe_cut(held: bytes | bytearray) -> int:
    """Where bytes can be cut: after the last line end, else where no character is cut in two, else at their end."""
    line = held.rfind(b"\n") + 1 or held.rfind(b"\r") + 1
    return line or max(held.rfind(byte) for byte in _SAFE) + 1 or len(held)


def _piecewise(raw: bytes, encoding: str, tally: Tally) -> str:
    """Line by line, each in the first encoding that reads it."""
    order = (encoding, *(other for other in FALLBACKS if other != encoding))
    return "".join(_piece(line, order, tally) for line in raw.splitlines(keepends=True))


def _piece(line: bytes, order: tuple[str, ...], tally: Tally) -> str:
    for encoding in order:
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding != order[0]:
            tally.reencoded[encoding] += 1
        return text
    tally.reencoded[REPLACED] += 1
    return line.decode(order[0], "replace")
