"""Rows out of SQL dumps: `INSERT INTO … VALUES (…),(…);` of any length, and `COPY … FROM stdin` blocks.

A streaming reader in states: seeking a head, inside values or at their end, inside a COPY block, past damage. It
holds the statement at hand and never more than two windows. Statements that give no rows are set aside as such;
a broken tuple is counted as damaged and reading begins again at the next tuple or statement; what it still shows is
saved as running text is read. Names of tables tell layouts apart; names of columns are not looked at.
"""

from collections.abc import Iterable, Iterator
from enum import Enum, auto

from breach.intake.free_text import saved
from breach.intake.parts import Block, Gathered
from breach.intake.sql_text import AFTER, AGAIN, HEAD, KEYWORD, Flavour, Grammar, copied_cells
from breach.intake.tally import Reason, Tally, size

MAX_TUPLE = 1 << 20
"""Characters; a tuple that has not ended by then is broken."""

_MAX_HEAD = 1 << 17
_BLOCK_ROWS = 10_000
_END_OF_COPY = "\\.\n"


class _State(Enum):
    SEEKING = auto()
    VALUES = auto()
    ENDING = auto()
    COPYING = auto()
    BROKEN = auto()


def blocks(texts: Iterable[str], flavour: Flavour, tally: Tally, *, between: bool = True) -> Iterator[Block]:
    """Blocks of rows from windows of text whose lines `tally` has counted; `between`: also what text between rows shows."""
    reader = _Reader(Grammar(flavour), tally, between=between)
    for text in texts:
        yield from reader.read(text, last=False)
    yield from reader.read("", last=True)


class _Reader:
    """Owns the text from `_at` on: what has not been accounted for yet."""

    def __init__(self, grammar: Grammar, tally: Tally, *, between: bool) -> None:
        self._grammar = grammar
        self._searched = {Reason.BROKEN, Reason.NO_ROWS} if between else {Reason.BROKEN}
        self._tally = tally
        self._gathered = Gathered()
        self._text = ""
        self._at = 0
        self._line = 1
        self._state: _State | None = None
        self._table = ""
        self._last = False

    def read(self, text: str, *, last: bool) -> Iterator[Block]:
        """The blocks that are complete with this text."""
        self._tally.bytes += size(text)
        self._text = self._text[self._at :] + text
        self._at, self._last = 0, last
        if self._state is None:
            self._state = _first_state(self._text)
        while self._step():
            if self._gathered.count >= _BLOCK_ROWS:
                yield self._block()
        if self._gathered.count >= (1 if last else _BLOCK_ROWS):
            yield self._block()

    def _block(self) -> Block:
        return Block(parts=self._gathered.parts(self._tally), rows=self._tally.rows)

    def _step(self) -> bool:
        """Do one thing; False when more text is needed for the next, or everything is read."""
        if self._at >= len(self._text):
            return False
        if self._state is _State.VALUES:
            return self._values()
        if self._state is _State.COPYING:
            return self._copying()
        if self._state is _State.ENDING:
            return self._end_statement()
        return self._seek() if self._state is _State.SEEKING else self._after_damage()

    def _seek(self) -> bool:
        found = HEAD.search(self._text, self._at)
        if found is None:
            keep = len(self._text) if self._last else self._unfinished_head()
            self._save(keep, Reason.NO_ROWS)
            return False
        self._save(found.start(), Reason.NO_ROWS)
        self._enter(found.end(), found["table"], found["copied"])
        return True

    def _unfinished_head(self) -> int:
        """Where a head may have begun whose rest has not come yet, or the last line's beginning."""
        start = max(self._at, len(self._text) - _MAX_HEAD)
        words = [word.start() for word in KEYWORD.finditer(self._text, start)]
        return words[0] if words else max(self._text.rfind("\n", self._at) + 1, self._at)

    def _enter(self, at: int, table: str | None, copied: str | None) -> None:
        self._between(at)
        self._table = table or copied or ""
        self._state = _State.VALUES if table else _State.COPYING

    def _values(self) -> bool:
        """Read tuples for as long as they follow each other."""
        text, grammar, at = self._text, self._grammar, self._at
        match, cells, inside = grammar.tuple_.match, grammar.cells, 0
        rows: dict[int, list[list[str]]] = {}
        count, more = 0, True
        while count < _BLOCK_ROWS and (found := match(text, at)):
            if found.end() == len(text) and not self._last:
                break  # what follows decides whether the statement goes on
            row = cells(text, at + 1, found.end(1))
            rows.setdefault(len(row), []).append(row)
            inside += text.count("\n", at, found.end(1))
            at, count = found.end(), count + 1
            if not found[2]:
                more = False
                break
        for width, some in rows.items():
            self._gathered.add((self._table, width), some)
        self._tally.rows += count
        self._between(at, inside)
        if not more:
            self._state = _State.ENDING
            return True
        return bool(count) or self._is_broken()

    def _end_statement(self) -> bool:
        if not self._last and self._text.find("\n", self._at) < 0 and len(self._text) - self._at < _MAX_HEAD:
            return False
        found = AFTER.match(self._text, self._at)
        assert found is not None
        self._between(found.end())
        self._state = _State.SEEKING
        return True

    def _is_broken(self) -> bool:
        """No tuple stands here: wait for the rest of it, or go on behind it."""
        if self._text[self._at] == "(" and not self._last and len(self._text) - self._at <= MAX_TUPLE:
            return False
        if self._text[self._at] != "(":
            self._state = _State.SEEKING
            return True
        reason = Reason.CUT_SHORT if self._last and not AGAIN.search(self._text, self._at) else Reason.BROKEN
        self._tally.damaged[reason] += 1
        self._state = _State.BROKEN
        return True

    def _after_damage(self) -> bool:
        """Skip to where reading can begin again, saving what the skipped text shows."""
        again = AGAIN.search(self._text, self._at)
        head = HEAD.search(self._text, self._at, again.end() if again else len(self._text))
        if head is not None:
            self._save(head.start())
            self._state = _State.SEEKING
        elif again is not None:
            self._save(again.end())
            self._state = _State.SEEKING if again[0].startswith(";") else _State.VALUES
        else:
            end = len(self._text) if self._last else self._text.rfind("\n", self._at) + 1
            self._save(max(end, self._at))
            return False
        return True

    def _copying(self) -> bool:
        empty = self._text.startswith(_END_OF_COPY, self._at)
        end = self._at if empty else self._text.find("\n" + _END_OF_COPY, self._at) + 1
        ended = empty or end > 0
        stop = end if ended else self._text.rfind("\n", self._at) + 1
        lines = self._text[self._at : stop].split("\n")[:-1]
        for line in lines:
            row = copied_cells(line)
            self._gathered.add((self._table, len(row)), [row])
        self._tally.rows += len(lines)
        self._between(stop + len(_END_OF_COPY) if ended else max(stop, self._at))
        if ended:
            self._state = _State.SEEKING
        return ended

    def _between(self, to: int, inside: int = 0) -> None:
        """Everything up to `to` belongs to rows; of its line ends `inside` lie within a row."""
        ends = self._text.count("\n", self._at, to)
        self._tally.parsed_bytes += size(self._text[self._at : to])
        self._tally.continuation += inside
        self._tally.parsed += ends - inside
        self._line += ends
        self._at = to

    def _save(self, to: int, reason: Reason = Reason.BROKEN) -> None:
        """Set everything up to `to` aside, but for the identifiers it shows."""
        if reason in self._searched:
            self._gathered.add_loose(saved(self._text[self._at : to], self._tally))
        ends = self._text.count("\n", self._at, to)
        self._tally.set_aside(reason, self._line, ends, bytes_=size(self._text[self._at : to]))
        self._line += ends
        self._at = to


def _first_state(text: str) -> _State:
    """A file that begins in the middle of a statement begins like one whose first tuple is broken."""
    head = HEAD.search(text)
    begun = AGAIN.search(text, 0, head.start() if head else len(text))
    tuple_before = begun is not None and begun[0].startswith(")")
    return _State.BROKEN if tuple_before or text.lstrip()[:1] == "(" else _State.SEEKING
