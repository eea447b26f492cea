r"""Patterns of an operator's own fields: what a value looks like, matched in time that cannot run away.

A pattern is one or more alternatives parted by `|`; each is a row of characters or classes, every one with an
optional count. There are no groups and no unbounded counts, so matching is a walk over positions, never a
search that backtracks.

| written     | means                                                          |
|-------------|----------------------------------------------------------------|
| `A`         | this character; `\` takes the meaning from `\ [ ] { } ? | -`   |
| `\d`        | a digit, 0 to 9                                                |
| `[A-HJ-Z0]` | one of these; ranges by code point                             |
| `{4}` `{2,6}` `?` | so many of the thing before; from two to six; none or one |
"""

import math
import re
from dataclasses import dataclass

from vault.errors import VaultError

MAX_PATTERN = 200
MAX_COUNT = 200
_TOKEN = re.compile(
    r"(?:\\(?P<escaped>[\\\[\]{}?|-])|(?P<digit>\\d)|\[(?P<members>(?!\^)(?:\\[\\\[\]{}?|-]|[^\\\[\]])+)\]|(?P<plain>[^\\\[\]{}?|*+().^$]))"
    r"(?:\{(?P<least>\d{1,3})(?:,(?P<most>\d{1,3}))?\}|(?P<maybe>\?))?"
)
_MEMBER = re.compile(r"(\\.|[^\\-])(?:-(\\.|[^\\-]))?")


class BadPattern(VaultError):
    """Not written by the rules above, or allowing more than 200 characters."""

    code = "field.pattern"


@dataclass(frozen=True, slots=True)
class _Item:
    ranges: tuple[tuple[str, str], ...]
    least: int
    most: int

    def takes(self, character: str) -> bool:
        return any(low <= character <= high for low, high in self.ranges)

    @property
    def choices(self) -> int:
        return sum(ord(high) - ord(low) + 1 for low, high in self.ranges)

    @property
    def bits(self) -> float:
        choices = self.choices + (self.least != self.most)  # "no more" is a choice too
        return math.log2(choices) * self.most


@dataclass(frozen=True, slots=True)
class Pattern:
    """A parsed pattern. `bits`: no value of this shape is harder to guess than so many bits."""

    text: str
    alternatives: tuple[tuple[_Item, ...], ...]

    def matches(self, text: str) -> bool:
        """Whether the whole of `text` has this shape."""
        return any(_ends_at(items, text) for items in self.alternatives)

    @property
    def bits(self) -> float:
        sizes = [sum(item.bits for item in items) for items in self.alternatives]
        return max(sizes) + math.log2(len(sizes))

    def end_bits(self, first: int, last: int) -> float:
        """About how hard the first and the last characters are to guess: of the hardest alternative, at its longest."""
        sizes: list[float] = []
        for items in self.alternatives:
            each = [math.log2(item.choices) for item in items for _ in range(item.most)]
            shown = each if first + last >= len(each) else each[:first] + each[len(each) - last :]
            sizes.append(sum(shown))
        return max(sizes) + math.log2(len(sizes))


def parse(text: str) -> Pattern:
    """The pattern written as `text`; raises BadPattern."""
    if not 0 < len(text) <= MAX_PATTERN:
        raise BadPattern("a pattern has 1 to 200 characters")
    alternatives: list[tuple[_Item, ...]] = []
    items: list[_Item] = []
    at = 0
    while at < len(text):
        if text[at] == "|":
            alternatives.append(_alternative(items))
            items, at = [], at + 1
            continue
        token = _TOKEN.match(text, at)
        if token is None:
            raise BadPattern("a pattern has no such sign here")
        items.append(_item(token))
        at = token.end()
    return Pattern(text, (*alternatives, _alternative(items)))


def _alternative(items: list[_Item]) -> tuple[_Item, ...]:
    if not 0 < sum(item.most for item in items) <= MAX_COUNT:
        raise BadPattern("an alternative allows 1 to 200 characters")
    return tuple(items)


def _item(token: re.Match[str]) -> _Item:
    if token["digit"]:
        ranges: tuple[tuple[str, str], ...] = (("0", "9"),)
    elif token["members"]:
        ranges = _ranges(token["members"])
    else:
        character = token["escaped"] or token["plain"]
        ranges = ((character, character),)
    if token["maybe"]:
        return _Item(ranges, 0, 1)
    least = int(token["least"] or 1)
    most = int(token["most"] or least)
    if most < max(least, 1):
        raise BadPattern("a count goes from fewer to more")
    return _Item(ranges, least, most)


def _ranges(members: str) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(members):
        member = _MEMBER.match(members, at)
        if member is None:
            raise BadPattern("a class holds characters and ranges; escape its hyphens")
        low, high = member[1][-1], (member[2] or member[1])[-1]
        if high < low:
            raise BadPattern("a range goes from a lower character to a higher one")
        found.append((low, high))
        at = member.end()
    return tuple(found)


def _ends_at(items: tuple[_Item, ...], text: str) -> bool:
    """Walks item by item with every position that can have been reached: at most length x 200 steps."""
    places = {0}
    for item in items:
        reached: set[int] = set()
        for place in places:
            taken = 0
            while taken <= item.most:
                if taken >= item.least:
                    reached.add(place + taken)
                if place + taken >= len(text) or not item.takes(text[place + taken]):
                    break
                taken += 1
        places = reached
    return len(text) in places
