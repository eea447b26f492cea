"""Rows out of JSON: one object a line, one huge array, exports of document stores and search engines, broken tails.

Whole records of up to 1 MiB are decoded at once. What is larger (an array of everything, a response that wraps
its hits) or does not decode is entered: its parts are read one by one, and single values found on the way make
a loose row. So a file cut in the middle of a record loses the value it was cut in and no other, and a damaged
record is counted. Numbers are never parsed: a cell is the digits that stood there.
"""

import json
import re
from collections.abc import Iterable, Iterator

from breach.intake.leaves import Pairs, rows_of
from breach.intake.mentions import identifiers
from breach.intake.parts import Block, Gathered
from breach.intake.tally import Reason, Tally, size

MAX_RECORD = 1 << 20
"""Characters; a longer value is never decoded whole."""

SHELL = re.compile(
    r"\b(?:ObjectId|ISODate|Date|NumberLong|NumberInt|NumberDecimal|UUID|Timestamp|BinData)\("
    r"(?:\d{1,3},\s*)?(\"[^\"\n]*\"|-?\d+)?(?:,\s*\d+)?\)"
)
"""What the shell of a document store writes in place of a plain value: group 1."""

_BLOCK_ROWS = 5_000
_BETWEEN = re.compile(r"[\s,:\x1e\ufeff]*")
_SCALAR = re.compile(r"-?[0-9][0-9.eE+-]*+|true\b|false\b|null\b|-?Infinity\b|NaN\b")
_UNREADABLE = re.compile(r"[^\n,{}\[\]\"]*+")
_OPENING = re.compile(r"[{\[]")
_BRACKET = re.compile(r'[{}\[\]]|"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_LEVELS = 200
_WORDS = {"null", "true", "false"}
_IDENTIFYING = re.compile(r"@|[0-9]{7}")
_DECODE = json.JSONDecoder(
    object_pairs_hook=Pairs, parse_float=str, parse_int=str, parse_constant=str
).raw_decode


def blocks(texts: Iterable[str], tally: Tally, *, shell: bool = False) -> Iterator[Block]:
    """Blocks of rows from windows of text whose lines `tally` has counted; `shell`: values as `SHELL` says."""
    reader = _Reader(tally)
    for text in texts:
        yield from reader.read(SHELL.sub(lambda m: m[1] or "null", text) if shell else text, last=False)
    yield from reader.read("", last=True)


class _Reader:
    """Owns the text from `_at` on: what has not been accounted for yet."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._gathered = Gathered()
        self._text = ""
        self._at = 0
        self._line = 1
        self._last = False
        self._scalars: list[str] = []
        self._hopeless: set[int] = set()
        """Where what does not decode begins, as positions in the text: tried once, however deep it lies in itself."""

    def read(self, text: str, *, last: bool) -> Iterator[Block]:
        """The blocks that are complete with this text."""
        self._tally.bytes += size(text)
        self._text = self._text[self._at :] + text
        self._at, self._last = 0, last
        self._hopeless.clear()
        while self._step():
            if self._gathered.count >= _BLOCK_ROWS:
                yield self._block()
        if last:
            self._end_row()
            yield self._block()

    def _block(self) -> Block:
        return Block(parts=self._gathered.parts(self._tally), rows=self._tally.rows)

    def _step(self) -> bool:
        """Read one thing; False when more text is needed for it, or everything is read."""
        between = _BETWEEN.match(self._text, self._at)
        assert between is not None
        self._between(between.end())
        if self._at >= len(self._text):
            return False
        sign = self._text[self._at]
        if sign == "{":
            return self._value()
        if sign == "[":
            return self._array()
        if sign in "}]":
            self._end_row()
            self._between(self._at + 1)
            return True
        return self._string() if sign == '"' else self._scalar()

    def _value(self) -> bool:
        """Decode the object or the row here, or enter it."""
        if self._at in self._hopeless:
            self._enter(self._at + 1)
            return True
        try:
            value, end = _DECODE(self._text, self._at)
        except json.JSONDecodeError as error:
            if self._may_end_later():
                return False
            self._give_up(error.pos)
            self._enter(self._at + 1)
            return True
        except RecursionError:
            self._enter_deep()
            return True
        self._end_row()
        for layout, cells in rows_of(value, self._tally):
            self._gathered.add(layout, [cells])
            self._tally.rows += 1
        self._tally.continuation += (ends := self._text.count("\n", self._at, end))
        self._tally.parsed_bytes += size(self._text[self._at : end])
        self._line += ends
        self._at = end
        return True

    def _array(self) -> bool:
        """An array of single values is a row; any other is a list of records, whose own brackets say nothing."""
        inside = _BETWEEN.match(self._text, self._at + 1)
        assert inside is not None
        if inside.end() >= len(self._text) and not self._last:
            return False
        if self._text[inside.end() : inside.end() + 1] in {"{", "[", "]", ""}:
            self._between(self._at + 1)
            return True
        return self._value()

    def _string(self) -> bool:
        try:
            value, end = _DECODE(self._text, self._at)
        except ValueError:
            if self._may_end_later():
                return False
            self._skip_unreadable(self._at + 1)
            return True
        rest = _BETWEEN.match(self._text, end)
        assert rest is not None
        if rest.end() >= len(self._text) and not self._last:
            return False  # whether it is a name is said by what follows
        if ":" not in self._text[end : rest.end()] or _IDENTIFYING.search(value):
            self._scalars.append(value)
        self._between(end)
        return True

    def _scalar(self) -> bool:
        found = _SCALAR.match(self._text, self._at)
        if found is None:
            self._skip_unreadable(self._at)
            return True
        if found.end() >= len(self._text) and not self._last:
            return False
        if found[0] not in _WORDS:
            self._scalars.append(found[0])
        self._between(found.end())
        return True

    def _may_end_later(self) -> bool:
        return not self._last and len(self._text) - self._at <= MAX_RECORD

    def _enter(self, to: int) -> None:
        self._end_row()
        self._between(to)

    def _give_up(self, broken: int) -> None:
        """Nothing that is open where decoding ended decodes either."""
        held: list[int] = []
        for found in _BRACKET.finditer(self._text, self._at, broken):
            if found[0] in {"{", "["}:
                held.append(found.start())
            elif found[0] in {"}", "]"} and held:
                held.pop()
        if len(held) > _LEVELS:
            self._tally.damaged[Reason.TOO_DEEP] += 1
        self._hopeless.update(held)

    def _enter_deep(self) -> None:
        """Nesting nobody means: counted once, and entered by many levels, or each level would be tried again."""
        self._tally.damaged[Reason.TOO_DEEP] += 1
        levels = _OPENING.finditer(self._text, self._at)
        to = self._at + 1
        for _, level in zip(range(_LEVELS), levels, strict=False):
            to = level.end()
        self._save(to)

    def _skip_unreadable(self, start: int) -> None:
        """Go on at the next line, bracket, comma or quote, saving what is skipped."""
        found = _UNREADABLE.match(self._text, start)
        assert found is not None
        to = max(found.end(), self._at + 1)
        cut = self._last and to >= len(self._text.rstrip())
        self._tally.damaged[Reason.CUT_SHORT if cut else Reason.BROKEN] += 1
        self._save(to)

    def _save(self, to: int) -> None:
        self._scalars += identifiers(self._text[self._at : to])
        self._between(to, Reason.BROKEN)

    def _end_row(self) -> None:
        """The single values met so far are a row of what was entered."""
        if self._scalars:
            self._gathered.add_loose([self._scalars])
            self._tally.rows += 1
            self._tally.mended += 1
            self._scalars = []

    def _between(self, to: int, reason: Reason | None = None) -> None:
        ends, bytes_ = self._text.count("\n", self._at, to), size(self._text[self._at : to])
        if reason is None:
            self._tally.parsed += ends
            self._tally.parsed_bytes += bytes_
        else:
            self._tally.set_aside(reason, self._line, ends, bytes_=bytes_)
        self._line += ends
        self._at = to
