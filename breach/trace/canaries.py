"""What planted persons and alias contact points say: e-values per recipient and for our own store (tracing.md
§2.3, §2.5).

Three kinds of evidence, all pure, all with a mean of at most 1 for a recipient that let nothing out:

* `of_tags`: somebody must have known a random tag (an alias address, a relay number, the address of a planted person)
  that only one recipient was given. Chance and guessing are paid for: with `issued` tags of that recipient in a space of
  `space` and `tried` tags of the kind in the file, k of them fit by chance with P <= (tried * issued / space)^k / k!.
* `against_store`: planted persons stand in our own store, so a copy of the store shows them too. It shows the dark ones,
  which nobody was ever given, as often: given how many of both were found, the share of a recipient's is hypergeometric
  under that story. A planted person counts only as far as both stories that clear the recipient fail (the smaller e-value).
* `of_shared`: persons planted with half of the recipients each, for the attack that drops every row only one source has.
  Which recipient got which is a coin of its own, so each factor has mean 1 whatever was found.

Alias tags stand in no store: they are made of a key when they are given out. Whoever holds that key can make
them; that it is kept is an assumption of the report.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from breach.trace.guilt import ln_mean_exp, ln_sum_exp

SHARED: Final = 1_024
"""How many persons are planted with half of the recipients each."""

HALF: Final = 0.5
"""How probable it is that a recipient is given one of them."""

_LEAST, _MOST, _SHARE = 20, 250, 200
_STAKE: Final = 1 / 16
"""What is staked on any tag being found: a file without one costs a recipient's e-value 1/16 of itself."""
_COUNTS: Final = 8
_STORE_STAKE: Final = 0.9
_NOISE: Final = 1e-3
_ATTACKS: Final = tuple(
    (c, f, dropped)
    for c in (1, 2, 3, 4, 5)
    for f in (0.05, 0.1, 0.3, 0.6, 0.99)
    for dropped in (False, True)
    if c > 1 or not dropped
)
"""(colluders, leaked fraction, whether rows of one source only are dropped)."""


def planned(held: int) -> int:
    """How many persons to plant with a recipient that holds `held` people: 0.5 %, at least 20, at most 250."""
    return min(max(-(-held // _SHARE), _LEAST), _MOST)


def detection(planted: int, people: int, leaked: int) -> float:
    """The probability that `leaked` rows, drawn from `people` of whom `planted` are ours, show one of ours; exact."""
    if not 0 <= planted <= people or not 0 <= leaked <= people:
        raise ValueError("0 <= planted, leaked <= people")
    if leaked > people - planted:
        return 1.0
    return -math.expm1(_ln_choose(people - planted, leaked) - _ln_choose(people, leaked)) if leaked else 0.0


def needed(people: int, fraction: float, chance: float) -> int | None:
    """The fewest planted among `people` that show in a leak of `fraction` with at least `chance`; None if none do."""
    leaked = round(fraction * people)
    low, high = 0, people
    if detection(high, people, leaked) < chance:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if detection(middle, people, leaked) >= chance else (middle + 1, high)
    return low


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """Random tags of one kind. `ln_space`: ln of how many there can be; `issued[i]`, `hits[i]`: of recipient i, and
    how many different ones of these the file shows; `tried`: how many different texts of the kind it shows,
    fitting or not.
    """

    ln_space: float
    issued: tuple[int, ...]
    hits: tuple[int, ...]
    tried: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """Planted persons: `delivered[i]` to recipient i, `found[i]` of these in the file; `dark` ones that only our store
    has, and `dark_found`. `tags`: their random tags, by kind; `dark_tags`: those of the dark ones, as one holder's.
    """

    delivered: tuple[int, ...]
    found: tuple[int, ...]
    dark: int
    dark_found: int
    tags: tuple[Tags, ...] = ()
    dark_tags: tuple[Tags, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Persons planted with half of the recipients: `present[x]`: the file shows x; `held[i][x]`: recipient i got x."""

    present: tuple[bool, ...]
    held: tuple[tuple[bool, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Ln e-values beside those of guilt and marks: by recipient (aliases, planted persons), and of our own store."""

    aliases: Mapping[int, float]
    planted: Mapping[int, float]
    own_store: float

    def total(self) -> dict[int, float]:
        """Both together, by recipient: independent of each other, so their e-values multiply."""
        return {
            i: self.aliases.get(i, 0.0) + self.planted.get(i, 0.0) for i in {*self.aliases, *self.planted}
        }


def weigh(aliases: Sequence[Tags], planted: Planted | None = None, shared: Shared | None = None) -> Beside:
    """Everything that tags and planted persons say; recipients of whom nothing was issued are left out."""
    of_aliases = _by_recipient(aliases)
    of_planted: dict[int, float] = {}
    own_store = 0.0
    if planted is not None:
        known = _by_recipient(planted.tags)
        for i, delivered in enumerate(planted.delivered):
            if delivered:
                store = against_store(planted.found[i], delivered, planted.dark_found, planted.dark)
                of_planted[i] = min(known.get(i, 0.0), store)
        own_store = _by_recipient(planted.dark_tags).get(0, 0.0)
    if shared is not None and shared.present:
        for i, held in enumerate(shared.held):
            of_planted[i] = of_planted.get(i, 0.0) + of_shared(shared.present, held)
    return Beside(aliases=of_aliases, planted=of_planted, own_store=own_store)


def of_tags(hits: int, issued: int, tried: int, ln_space: float) -> float:
    """Ln e-value of "its holder let tags out": of `issued`, `hits` are in a file that shows `tried` of the kind.

    A mean over the numbers of hits from 1 to 8, fixed beforehand, each against its bound by chance, and over
    "no tag is in the file at all", so that a file without any hardly clears anybody.
    """
    if not 0 <= hits <= min(issued, tried):
        raise ValueError("0 <= hits <= issued, tried")
    parts = [math.log1p(-_STAKE)]
    if hits:
        once = math.log(tried) + math.log(issued) - ln_space
        each = math.log(_STAKE / _COUNTS)
        parts += [each - min(0.0, k * once - math.lgamma(k + 1)) for k in range(1, min(hits, _COUNTS) + 1)]
    return ln_sum_exp(parts)


def against_store(found: int, delivered: int, dark_found: int, dark: int) -> float:
    """Ln e-value of "the recipient let its planted persons out" against "a copy of our store did".

    Given how many of both sorts were found, the second story draws them alike from both; the first shows none of the
    dark ones. With no dark ones planted nothing can be told apart: 0.
    """
    if not (0 <= found <= delivered and 0 <= dark_found <= dark):
        raise ValueError("0 <= found <= delivered and 0 <= dark_found <= dark")
    rest = math.log1p(-_STORE_STAKE)
    if dark_found:
        return rest
    return ln_sum_exp(
        (rest, math.log(_STORE_STAKE) + _ln_choose(delivered + dark, found) - _ln_choose(delivered, found))
    )


def of_shared(present: Sequence[bool], held: Sequence[bool]) -> float:
    """Ln e-value of one recipient from the shared persons it got or not: half of it a mean over fixed attacks, half of it
    1, so that a leak too small to show any of them takes no more than ln 2 from what else speaks against somebody.
    """
    counts = [0, 0, 0, 0]
    for shown, own in zip(present, held, strict=True):
        counts[2 * shown + own] += 1
    attacks = ln_mean_exp(
        math.fsum(count * factor for count, factor in zip(counts, factors, strict=True))
        for factors in _family()
    )
    return ln_mean_exp((0.0, attacks))


@cache
def _family() -> tuple[tuple[float, float, float, float], ...]:
    """Per attack, ln P(y | held) / P(y) for (absent, not held), (absent, held), (present, not held), (present, held)."""
    return tuple(_factors(c, f, dropped=dropped) for c, f, dropped in _ATTACKS)


def _factors(c: int, f: float, *, dropped: bool) -> tuple[float, float, float, float]:
    one = 1 - HALF ** (c - 1)  # somebody else among the colluders has it too
    two = one - (c - 1) * HALF ** (c - 1)
    own, other = (f * one, f * two) if dropped else (f, f * one)
    own, other = (_NOISE + (1 - 2 * _NOISE) * p for p in (own, other))
    mean = HALF * own + (1 - HALF) * other
    return (
        math.log((1 - other) / (1 - mean)),
        math.log((1 - own) / (1 - mean)),
        math.log(other / mean),
        math.log(own / mean),
    )


def _by_recipient(kinds: Sequence[Tags]) -> dict[int, float]:
    """Tags of different kinds are drawn independently: their e-values multiply."""
    found: dict[int, float] = {}
    for one in kinds:
        for i, (issued, hits) in enumerate(zip(one.issued, one.hits, strict=True)):
            if issued:
                found[i] = found.get(i, 0.0) + of_tags(hits, issued, one.tried, one.ln_space)
    return found


def _ln_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
