"""Delimited text in columns: the rows about which nothing has to be asked but their identifiers, and all the others.

A window goes this way when it is UTF-8 (or can be written so), has no quotes that mean anything, no stray line ends and no
numbers a spreadsheet has written; any other is read line by line as ever, in its turn. Of the windows that go this way a
row stays apart when it has another width, is blank, or has a cell that only reading by itself can judge: a masked value, a
digest, an identifier in a column that has hardly any.

All counts are those of reading line by line, and so are the rows that stay apart, block by block.
"""

import codecs
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import polars as pl

from breach.intake import plain_cells
from breach.intake.columns import HELPERS, IDENTIFIERS, Columns, Kind
from breach.intake.delimited import QUOTE, LineReader
from breach.intake.dialect import Dialect
from breach.intake.encoding import UTF8, WIDE, read_window
from breach.intake.lines import counted, cut, has_long_line, plain
from breach.intake.numerals import touched
from breach.intake.parts import Block, Part, with_strays
from breach.intake.sheets import Sheet, Window
from breach.intake.tally import Tally

TOGETHER: Final = 16
"""Windows (of about 1 MiB) of a sheet."""

_SEPARATOR: Final = "\x1e"
"""Stands in no window that is read in columns, so that nothing but line ends cuts it."""

_NUMBER = r"^[\s\x1c-\x1f]*\+?[0-9][0-9 ()-]{9,22}[0-9Xx][\s\x1c-\x1f]*$"
_BLANK = r"^[\s\x1c-\x1f]*$"


def serves(dialect: Dialect) -> bool:
    """Whether a dump of this dialect can be read in columns."""
    return bool(dialect.width) and dialect.encoding not in WIDE and dialect.newline == b"\n"


def blocks(
    chunks: Iterable[bytes],
    dialect: Dialect,
    tally: Tally,
    *,
    behind: int = 0,
    endings: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Iterator[Block | Sheet]:
    """The rows of a dump whose dialect `serves`, in order.

    `behind`: where in it `chunks` begin, at a line's start. `endings`: by field, how values end whose rows stay apart.
    """
    return _Sifter(dialect, tally, behind, endings).run(chunks)


def warm_up() -> None:
    """Have the library start its threads and look up what it needs of the system."""
    dialect = Dialect(
        delimiter=",", width=2, columns=Columns(kinds=(frozenset({Kind.PHONE}), frozenset()), heading=False)
    )
    for _ in blocks(iter([b"13800000000,\n+8613800000000,\n"]), dialect, Tally()):
        pass


class _Sifter:
    def __init__(
        self, dialect: Dialect, tally: Tally, behind: int, endings: Mapping[str, Sequence[str]]
    ) -> None:
        self._endings = endings
        self._dialect = dialect
        self._columns = dialect.columns
        self._tally = tally
        self._lines = LineReader(dialect.delimiter, dialect.width, tally)
        self._heading = dialect.columns.heading and not behind
        self._signs = (_SEPARATOR.encode(), *([QUOTE.encode()] if self._lines.quotes else []))
        self._held: list[tuple[Window, bytes]] = []
        self._behind = behind

    def run(self, chunks: Iterable[bytes]) -> Iterator[Block | Sheet]:
        for at, raw in cut(self._unmarked(chunks), self._tally):
            taken = None if self._heading or self._lines.waiting else self._taken(at + self._behind, raw)
            if taken is None:
                yield from self._sheet()
                yield from self._block(self._lines.read(counted(raw, self._dialect.encoding, self._tally)))
                continue
            self._held.append(taken)
            if len(self._held) == TOGETHER:
                yield from self._sheet(marked=True)
        yield from self._sheet()
        yield from self._block(self._lines.rest())

    def _unmarked(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The stream without its byte order mark; from then on places are counted from behind it."""
        if self._behind:
            yield from chunks
            return
        stream = iter(chunks)
        first = next(stream, b"")
        if first.startswith(codecs.BOM_UTF8):
            self._behind = len(codecs.BOM_UTF8)
        yield from plain(iter([first]), UTF8)
        yield from stream

    def _taken(self, at: int, raw: bytes) -> tuple[Window, bytes] | None:
        """A window and its text in UTF-8, when it can be read in columns; None, and nothing counted, when not."""
        written, found = _in_utf8(raw, self._dialect.encoding)
        if written is None or has_long_line(raw) or any(sign in written for sign in self._signs):
            return None
        if b"\r" in written:
            written = written.replace(b"\r\n", b"\n")
            if b"\r" in written:
                return None
        if touched(written):
            return None
        count = written.count(b"\n")
        self._tally.lines += count
        self._tally.windows[found] += 1
        return Window(at, len(raw), found, count, ()), written

    def _block(self, batch: list[list[str]]) -> Iterator[Block]:
        body = batch[1:] if self._heading and batch else batch
        self._heading = self._heading and not batch
        if batch:
            yield Block(parts=tuple(with_strays(self._columns, body)), rows=self._tally.rows)

    def _sheet(self, *, marked: bool = False) -> Iterator[Sheet]:
        if not self._held:
            return
        windows = [window for window, _ in self._held]
        frame = _lines_of([text for _, text in self._held])
        self._held = []
        width, delimiter = self._dialect.width, self._dialect.delimiter
        rows = frame.with_columns(_cells(delimiter, width))
        read = {at: plain_cells.read(rows[f"c{at}"], kinds) for at, kinds in self._columns.identifiers}
        apart = rows.select(self._apart(delimiter, width))["apart"]
        for verdicts in read.values():
            apart |= verdicts["verdict"] == plain_cells.APART
            for kind, ends in self._endings.items():
                apart |= verdicts.select(_ends(Kind(kind), ends)).to_series()
        sheet = self._written(
            windows, frame["line"], apart, {at: one.filter(~apart) for at, one in read.items()}
        )
        # Only here has nothing been counted yet of what lies behind the sheet.
        end = windows[-1].at + windows[-1].size
        yield replace(sheet, mark={"at": end, "tally": self._tally.as_dict()}) if marked else sheet

    def _apart(self, delimiter: str | None, width: int) -> pl.Expr:
        """The rows of another width, the blank ones, and those with what may be an identifier out of its column."""
        known = {at for at, _ in self._columns.identifiers}
        apart = pl.lit(value=False) if delimiter is None else pl.col("cuts") != width - 1
        if delimiter is None or delimiter.isspace():
            apart |= pl.col("line").str.contains(_BLANK)
        for at in range(width):
            if at not in known:
                cell = pl.col(f"c{at}").str
                apart |= cell.contains("@", literal=True) | cell.contains(_NUMBER)
        return apart.fill_null(value=True).alias("apart")

    def _written(
        self, windows: list[Window], lines: pl.Series, apart: pl.Series, read: dict[int, pl.DataFrame]
    ) -> Sheet:
        numbers = apart.arg_true()
        texts = lines.gather(numbers).to_list()
        placed, parts = self._set_apart(windows, numbers.to_list(), texts)
        count = len(apart) - len(numbers)
        self._tally.parsed += count
        self._tally.rows += count
        counts = _counts(read.values())
        for _, kind in self._columns.helpers:
            counts[kind] += count
        return Sheet(
            columns=replace(self._columns, heading=False),
            delimiter=self._dialect.delimiter,
            windows=placed,
            texts=tuple(_texts(read.values())),
            plain=count,
            looked_up=Counter({kind.value: counts[kind] for kind in IDENTIFIERS if counts[kind]}),
            recognised_only=Counter({kind.value: counts[kind] for kind in HELPERS if counts[kind]}),
            unreadable=counts[None],
            apart=parts,
            rows=self._tally.rows,
        )

    def _set_apart(
        self, windows: list[Window], numbers: list[int], lines: list[str]
    ) -> tuple[tuple[Window, ...], tuple[tuple[Part, ...], ...]]:
        """The windows with the numbers of their lines that stay apart, and the parts that these lines make."""
        placed, parts = [], []
        start = at = 0
        for window in windows:
            stop = at
            while stop < len(numbers) and numbers[stop] < start + window.lines:
                stop += 1
            placed.append(window_with(window, (n - start for n in numbers[at:stop])))
            batch = self._lines.read(lines[at:stop]) if stop > at else []
            if batch:
                parts.append(tuple(with_strays(self._columns, batch)))
            start, at = start + window.lines, stop
        return tuple(placed), tuple(parts)


def window_with(window: Window, apart: Iterable[int]) -> Window:
    """A window whose lines of these numbers are apart."""
    return Window(window.at, window.size, window.encoding, window.lines, tuple(apart))


def _in_utf8(raw: bytes, usual: str) -> tuple[bytes | None, str]:
    """A window in UTF-8 and the encoding it was in; without it where only some of its lines read in that one."""
    if raw.isascii():
        return raw, usual
    if _is_utf8(raw):
        return raw, UTF8
    text, found = read_window(raw, usual)
    return (None if text is None else text.encode()), found


def _is_utf8(raw: bytes) -> bool:
    try:
        pl.Series([raw]).cast(pl.String)  # looks at the bytes several times as fast as decoding them
    except pl.exceptions.ComputeError:
        return False
    return True


def _lines_of(texts: list[bytes]) -> pl.DataFrame:
    """The lines of texts that end with a line feed: {line}."""
    return pl.read_csv(
        texts, has_header=False, separator=_SEPARATOR, quote_char=None, infer_schema=False, empty_string_is_null=False,
        new_columns=["line"],
    )  # fmt: skip


def _cells(delimiter: str | None, width: int) -> list[pl.Expr]:
    line = pl.col("line")
    if delimiter is None:
        return [line.alias("c0")]
    cut_up = line.str.split_exact(delimiter, width - 1).struct
    return [
        line.str.count_matches(delimiter, literal=True).alias("cuts"),
        *(cut_up.field(f"field_{at}").fill_null("").alias(f"c{at}") for at in range(width)),
    ]


def _ends(kind: Kind, endings: Sequence[str]) -> pl.Expr:
    """Whether the value is of this kind and ends in one of these ways."""
    value = pl.col("value")
    whole = value.is_in(list(endings))
    some = [value.str.ends_with(ending) for ending in endings if ending.startswith("@")]
    found = pl.any_horizontal(whole, *some).fill_null(value=False)
    return found & (pl.col("verdict") == plain_cells.VERDICTS[kind])


def _counts(read: Iterable[pl.DataFrame]) -> Counter[Kind | None]:
    """Cells by kind; None: unreadable ones."""
    names: dict[int, Kind | None] = {number: kind for kind, number in plain_cells.VERDICTS.items()}
    names[plain_cells.UNREADABLE] = None
    counts: Counter[Kind | None] = Counter()
    for frame in read:
        for verdict, count in frame["verdict"].value_counts().rows():
            if verdict in names:
                counts[names[verdict]] += count
    return counts


def _texts(read: Iterable[pl.DataFrame]) -> Iterator[tuple[Kind, bytes]]:
    for frame in read:
        present: set[Any] = set(frame["verdict"].unique().to_list())
        for kind in IDENTIFIERS:
            number = plain_cells.VERDICTS[kind]
            if number in present:
                value = pl.when(pl.col("verdict") == number).then("value").fill_null("")
                yield kind, frame.select(value.str.join("\n")).item().encode() + b"\n"
