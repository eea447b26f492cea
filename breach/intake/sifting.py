"""Delimited text in columns: the rows about which nothing has to be asked but their identifiers, and all the others.

A window goes this way when it is UTF-8 (or can be written so), has no quotes that mean anything, no stray line
ends and no numbers a spreadsheet has written; any other is read line by line as ever, in its turn. Of the
windows that go this way a row stays apart when it has another width, is blank, or has a cell that only reading
by itself can judge: a masked value, a digest, another spelling of a mailbox, an identifier in a column that has
hardly any.

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
from breach.intake.encoding import UTF8, read_window
from breach.intake.lines import counted, cut, has_long_line, plain
from breach.intake.mentions import MAY_MENTION
from breach.intake.numerals import touched
from breach.intake.parts import Block, Part, parts_of
from breach.intake.sheets import Sheet, Window
from breach.intake.tally import Tally
from vault.fields.email import RESPELT

TOGETHER: Final = 16
"""Windows (of about 1 MiB) of a sheet."""

_SEPARATOR: Final = "\x1e"
_EMPTY: Final = "\x1d"
"""Stand in no window that is read in columns. The second is set into cells that are there and empty, so that they can be
told from those that a short row lacks; to whatever reads a cell it is a blank.
"""

_SHOWN = rf"^[\s\x1c-\x1f]*\+?[0-9][0-9 ()-]{{9,22}}[0-9Xx][\s\x1c-\x1f]*$|{MAY_MENTION}"
_BLANK = r"^[\s\x1c-\x1f]*$"


def blocks(
    chunks: Iterable[bytes],
    dialect: Dialect,
    tally: Tally,
    *,
    behind: int = 0,
    endings: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Iterator[Block | Sheet]:
    """The rows of a dump whose dialect has no hurdle, in order.

    `behind`: where in it `chunks` begin, at a line's start. `endings`: by field, how values end whose rows stay
    apart.
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
        self._signs = tuple(map(str.encode, (_SEPARATOR, _EMPTY, *([QUOTE] if self._lines.quotes else []))))
        self._held: list[tuple[Window, bytes]] = []
        self._behind = behind

    def run(self, chunks: Iterable[bytes]) -> Iterator[Block | Sheet]:
        for at, raw in cut(self._unmarked(chunks), self._tally):
            taken = None if self._lines.waiting else self._taken(at + self._behind, raw)
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
        self._tally.bytes += len(written)
        self._tally.windows[found] += 1
        return Window(at, len(raw), found, count, ()), written

    def _block(self, batch: list[list[str]]) -> Iterator[Block]:
        if batch:
            yield Block(parts=self._parts(batch), rows=self._tally.rows)

    def _parts(self, batch: list[list[str]]) -> tuple[Part, ...]:
        """The parts that these rows make; the first row of all may be the heading."""
        body = batch[1:] if self._heading else batch
        self._heading = False
        return parts_of(self._columns, body, self._tally)

    def _sheet(self, *, marked: bool = False) -> Iterator[Sheet]:
        if not self._held:
            return
        windows = [window for window, _ in self._held]
        texts = [text for _, text in self._held]
        self._held = []
        frame = _cells_of(texts, self._dialect.delimiter, self._dialect.width)
        read = {at: plain_cells.read(frame[f"c{at}"], kinds) for at, kinds in self._columns.identifiers}
        apart = self._apart(frame)
        for verdicts in read.values():
            apart |= verdicts["verdict"] == plain_cells.APART
            if plain_cells.VERDICTS[Kind.EMAIL] in verdicts["verdict"]:
                apart |= verdicts["value"].str.contains(RESPELT).fill_null(value=False)
            for kind, ends in self._endings.items():
                apart |= verdicts.select(_ends(Kind(kind), ends)).to_series()
        sheet = self._written(windows, texts, apart, read)
        self._tally.parsed_bytes += _bytes_of(frame.filter(~apart) if apart.any() else frame, self._dialect)
        # Only here has nothing been counted yet of what lies behind the sheet.
        end = windows[-1].at + windows[-1].size
        yield replace(sheet, mark={"at": end, "tally": self._tally.as_dict()}) if marked else sheet

    def _apart(self, cells: pl.DataFrame) -> pl.Series:
        """The rows of another width, the blank ones, the heading, and those with what may be an identifier out of its
        column, alone or in a text.
        """
        delimiter, width = self._dialect.delimiter, self._dialect.width
        known = {at for at, _ in self._columns.identifiers}
        odd = [pl.col(f"c{at}").str.contains(_SHOWN) for at in range(width) if at not in known]
        apart = cells.select(pl.any_horizontal("odd", *odd).fill_null(value=True).alias("apart"))["apart"]
        if self._heading or delimiter is None or delimiter.isspace():
            blank = _blank(cells, width)
            apart |= blank
            if self._heading:
                apart = apart.scatter((~blank).arg_true().head(1), True)
        return apart

    def _written(
        self, windows: list[Window], texts: list[bytes], apart: pl.Series, read: dict[int, pl.DataFrame]
    ) -> Sheet:
        numbers = apart.arg_true()
        placed, parts = self._set_apart(windows, texts, numbers.to_list())
        if len(numbers):
            read = {at: one.filter(~apart) for at, one in read.items()}
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
        self, windows: list[Window], texts: list[bytes], numbers: list[int]
    ) -> tuple[tuple[Window, ...], tuple[tuple[Part, ...], ...]]:
        """The windows with the numbers of their lines that stay apart, and the parts that these lines make."""
        placed, parts = [], []
        start = at = 0
        for window, text in zip(windows, texts, strict=True):
            stop = at
            while stop < len(numbers) and numbers[stop] < start + window.lines:
                stop += 1
            mine = [number - start for number in numbers[at:stop]]
            placed.append(replace(window, apart=tuple(mine)))
            batch = self._lines.read(_lines_of(text).gather(mine).to_list()) if mine else []
            if batch:
                parts.append(self._parts(batch))
            start, at = start + window.lines, stop
        return tuple(placed), tuple(parts)


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


def _lines_of(text: bytes) -> pl.Series:
    """The lines of a text that ends with a line feed."""
    return _read([text], _SEPARATOR, ["line"])["line"]


def _bytes_of(cells: pl.DataFrame, dialect: Dialect) -> int:
    """How long these rows are as they stand: their cells, what separates them, and their line ends."""
    between = len((dialect.delimiter or "").encode()) * (dialect.width - 1)
    inside = sum(int(cells[f"c{at}"].str.len_bytes().sum()) for at in range(dialect.width))
    return inside + len(cells) * (between + 1)


def _cells_of(texts: list[bytes], delimiter: str | None, width: int) -> pl.DataFrame:
    """The cells of each line as c0, c1 and so on, and `odd`: whether it has more or fewer of them."""
    names = [f"c{at}" for at in range(width)]
    if delimiter is None:
        return _read(texts, _SEPARATOR, names).with_columns(odd=pl.lit(value=False))
    sign = delimiter.encode()
    if len(sign) > 1:
        sign, texts = _SEPARATOR.encode(), [text.replace(sign, _SEPARATOR.encode()) for text in texts]
    filled = _filled(texts, sign)
    odd = pl.col("more") != ""
    if width > 1:
        odd |= pl.col(names[-1]) == ""
    frame = _read(filled, sign.decode(), [*names, "more"]).select(*names, odd=odd.fill_null(value=True))
    if any(_EMPTY.encode() in text for text in filled):
        frame = frame.with_columns(pl.col(names).replace(_EMPTY, ""))
    return frame


def _blank(cells: pl.DataFrame, width: int) -> pl.Series:
    """The rows without any text."""
    blank = cells.select(pl.col("c0").str.contains(_BLANK))["c0"]
    if blank.any():
        blank &= cells.select(
            pl.all_horizontal(pl.col(f"c{at}").str.contains(_BLANK) for at in range(width))
        ).to_series()
    return blank


def _filled(texts: list[bytes], sign: bytes) -> list[bytes]:
    """Texts with a mark in every cell that is there and empty, but for the first of a row."""
    looked_at = pl.Series(texts, dtype=pl.Binary).bin  # which finds two bytes ten times as fast
    empty = looked_at.contains(sign * 2) | looked_at.contains(sign + b"\n")
    return [_marked(text, sign) if has else text for text, has in zip(texts, empty, strict=True)]


def _marked(text: bytes, sign: bytes) -> bytes:
    mark = sign + _EMPTY.encode()
    while sign * 2 in text:
        text = text.replace(sign * 2, mark + sign)
    return text.replace(sign + b"\n", mark + b"\n")


def _read(texts: list[bytes], separator: str, names: list[str]) -> pl.DataFrame:
    return pl.read_csv(
        texts, has_header=False, separator=separator, quote_char=None, empty_string_is_null=False,
        schema=dict.fromkeys(names, pl.String), missing_columns="insert", extra_columns="ignore", truncate_ragged_lines=True,
    )  # fmt: skip


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
        found = [kind for kind in IDENTIFIERS if plain_cells.VERDICTS[kind] in present]
        for kind in found:
            mine = pl.col("verdict") == plain_cells.VERDICTS[kind]
            value = pl.col("value") if len(found) == 1 else pl.when(mine).then("value")
            yield kind, frame.select(value.fill_null("").str.join("\n")).item().encode() + b"\n"
