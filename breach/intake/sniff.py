"""What a text is, from its first mebibyte: encoding, shape, line ends, separator, columns. Refuses what is no dump.

Where the first mebibyte shows no identifier the next is looked at in its place, and so on to the end: what
begins with a long preamble is no less a dump.

Names of files say nothing here. Each shape that the text could be is tried on a piece of it, and what counts is
how many identifiers it sets free: SQL and JSON where their own signs stand and they find most of what running
text would; then the separator under which most cells are identifiers and, among equals, most rows have one
width; then combo lists; then running text. Refused, each with its own code: nothing but blanks, binary files,
bytes no encoding reads, identifiers in lines beyond measure, no identifier anywhere.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from breach.errors import DumpRefused, Unreadable
from breach.intake import combo, structured
from breach.intake import encoding as encodings
from breach.intake.columns import IDENTIFIERS, identifier_cells, recognise
from breach.intake.delimited import rows
from breach.intake.dialect import Dialect, Shape
from breach.intake.lines import blocks
from breach.intake.mentions import identifiers
from breach.intake.tally import Tally
from breach.intake.windows import safe_cut, texts

HEAD = 1 << 20
"""Bytes looked at before a file is accepted."""

DELIMITERS = ("----", "\x01", "\t", "|", ";", ",")
_SAMPLE_ROWS = 1_000
_TRIAL_ROWS = 200
_TRIAL_TEXT = 1 << 18
_STEADY = 0.5
_MOST = 0.8
_MAGIC = (
    b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"%PDF", b"SQLite format 3", b"\x89PNG", b"\xff\xd8\xff",
    b"\xd0\xcf\x11\xe0", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ", b"PAR1", b"\x7fELF", b"MZ\x90",
)  # fmt: skip
_CONTROL = b"\0" + bytes(range(2, 9)) + bytes(range(14, 27)) + b"\x7f"
_MAX_CONTROL = 0.01
_MAY_FOLLOW = {Unreadable.NO_IDENTIFIER_COLUMN, Unreadable.LINES_TOO_LONG}
"""What is said of a beginning that may be no more than a preamble."""


def sniff(chunks: Iterable[bytes]) -> Dialect:
    """The dialect of the text that starts with `chunks`; reads no more of them than it has to. Raises DumpRefused."""
    heads = _heads(chunks)
    head, whole = next(heads, (b"", True))
    if not head.strip():
        raise DumpRefused(Unreadable.EMPTY_FILE)
    encoding = _encoding(head)
    try:
        return _dialect(head, encoding, whole=whole)
    except DumpRefused as refused:
        if whole or refused.code not in _MAY_FOLLOW:
            raise
        first = refused
    mark = head[: encodings.MARKED.get(encoding, 0)]
    for head, _ in heads:
        # Looking for identifiers is many times as fast as trying shapes, and most of what is refused here is large.
        if identifiers(_text(mark + head, encoding)):
            return _dialect(mark + head, encoding, whole=False)
    raise first


def _dialect(head: bytes, encoding: str, *, whole: bool) -> Dialect:
    text = _text(head, encoding)
    found = structured.sniff(text[:_TRIAL_TEXT], encoding, whole=whole and len(text) <= _TRIAL_TEXT)
    return found or _lined(head, encoding)


def _text(head: bytes, encoding: str) -> str:
    return "".join(texts([head], encoding, Tally()))


def _lined(head: bytes, encoding: str) -> Dialect:
    """The dialect of a text whose records are lines."""
    newline = b"\r" if b"\r" in head and b"\n" not in head else b"\n"
    tally = Tally()
    lines = _lines(head, encoding, newline, tally)
    if not lines:
        # Nothing but blanks is no file; a line of a megabyte is no row.
        if not tally.quarantined:
            raise DumpRefused(Unreadable.EMPTY_FILE)
        shown = identifiers(_text(head, encoding))
        raise DumpRefused(Unreadable.LINES_TOO_LONG if shown else Unreadable.NO_IDENTIFIER_COLUMN)
    for sample in (lines[:_SAMPLE_ROWS], lines[_first_telling(lines) :][:_SAMPLE_ROWS]):
        dialect = _of_lines(sample, encoding, newline)
        if dialect is not None:
            return dialect
    raise DumpRefused(Unreadable.NO_IDENTIFIER_COLUMN)


def _first_telling(lines: Sequence[str]) -> int:
    """Where to look when the beginning shows nothing: at the line before the first identifier, which may be a heading."""
    return max(next((at for at, line in enumerate(lines) if identifiers(line)), 0) - 1, 0)


def _of_lines(lines: Sequence[str], encoding: str, newline: bytes) -> Dialect | None:
    """The dialect of these lines; None where no column of theirs holds identifiers."""
    delimiter = _delimiter(lines[:_TRIAL_ROWS])
    shape = _line_shape(lines[:_TRIAL_ROWS], delimiter)
    if shape is not Shape.DELIMITED:
        return Dialect(shape=shape, encoding=encoding, newline=newline)
    sample = _split(lines, delimiter)
    width = _usual_width(sample)
    columns = recognise(sample, width)
    if not columns.identifiers:
        return None
    return Dialect(encoding=encoding, newline=newline, delimiter=delimiter, width=width, columns=columns)


def _line_shape(lines: Sequence[str], delimiter: str | None) -> Shape:
    """Delimited unless logins or running text show clearly more; with nothing to see it is for columns to refuse."""
    in_cells = identifier_cells(_split(lines, delimiter))
    logins = sum(len(combo.cells(line)) > 1 for line in lines)
    anywhere = sum(len(identifiers(line)) for line in lines)
    if in_cells >= max(logins, anywhere) * _MOST:
        return Shape.DELIMITED
    if logins >= max(anywhere * _MOST, len(lines) * _STEADY):
        return Shape.COMBO
    return Shape.TEXT


def _heads(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """HEAD bytes and more at a time, without the last, perhaps broken, line; whether that is the whole file."""
    held = bytearray()
    whole = True
    for chunk in chunks:
        held += chunk
        if len(held) >= HEAD:
            cut = safe_cut(held)
            if 0 in held:
                cut -= cut % 4  # in a wide encoding the byte of a line feed is only a part of it
            yield bytes(held[:cut]), False
            del held[:cut]
            whole = False
    if held:
        yield bytes(held), whole


def _encoding(head: bytes) -> str:
    marked = encodings.by_mark(head)
    wide = marked if marked in encodings.WIDE else encodings.by_nuls(head)
    if wide is None and _binary(head):
        raise DumpRefused(Unreadable.BINARY_FILE)
    found = wide or marked or encodings.detect(head.splitlines())
    if found is None:
        raise DumpRefused(Unreadable.UNREADABLE_ENCODING)
    return found


def _binary(head: bytes) -> bool:
    controls = len(head) - len(head.translate(None, _CONTROL))
    return head.startswith(_MAGIC) or controls > len(head) * _MAX_CONTROL


def _lines(head: bytes, encoding: str, newline: bytes, tally: Tally) -> list[str]:
    texts = (text for batch in blocks([head], encoding, tally, newline=newline) for text in batch)
    return [text for text in texts if text.strip()]


def _split(lines: Sequence[str], delimiter: str | None) -> list[list[str]]:
    """The sample's rows; the width is not known yet, so the commonest of plain cutting stands in for it."""
    guess = Counter(1 if delimiter is None else len(line.split(delimiter)) for line in lines)
    width = guess.most_common(1)[0][0]
    return [row for batch in rows([lines], delimiter, width, Tally()) for row in batch]


def _delimiter(lines: Sequence[str]) -> str | None:
    trials = {delimiter: _split(lines, delimiter) for delimiter in (None, *DELIMITERS)}
    scores = {
        delimiter: (identifier_cells(sample), steadiness, width)
        for delimiter, sample in trials.items()
        for steadiness, width in [_steadiness(sample)]
        if delimiter is None or (width > 1 and steadiness >= _STEADY)
    }
    return max(scores, key=lambda delimiter: scores[delimiter])


def _steadiness(sample: Sequence[Sequence[str]]) -> tuple[float, int]:
    width, count = Counter(map(len, sample)).most_common(1)[0]
    return count / len(sample), width


def _usual_width(sample: Sequence[Sequence[str]]) -> int:
    return _steadiness(sample)[1]


__all__ = ["DELIMITERS", "HEAD", "IDENTIFIERS", "Dialect", "sniff"]
