"""Simulated ledgers and leaks, as counts only: what the calibration of attribution runs on."""

import random
from collections import Counter
from dataclasses import dataclass

from breach.trace.evidence import Evidence, Pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """`sets[i]`: people (numbered) recipient i received; the first `dark` of `people` were never disclosed."""

    people: int
    dark: int
    sets: tuple[frozenset[int], ...]


def ledger(dice: random.Random, *, recipients: int, people: int, dark: int, least: int, most: int) -> Ledger:
    """Independent recipients that hold `least` to `most` people each, log-uniform."""
    disclosed = range(dark, people)
    sizes = [round(least * (most / least) ** dice.random()) for _ in range(recipients)]
    return Ledger(people=people, dark=dark, sets=tuple(frozenset(dice.sample(disclosed, s)) for s in sizes))


def with_sibling(dice: random.Random, of: Ledger, recipient: int, share: float) -> Ledger:
    """The same ledger and one more recipient, holding `share` of the people another one holds."""
    own = sorted(of.sets[recipient])
    kept = dice.sample(own, round(len(own) * share))
    fresh = dice.sample(sorted(set(range(of.dark, of.people)) - set(own)), len(own) - len(kept))
    return Ledger(people=of.people, dark=of.dark, sets=(*of.sets, frozenset(kept + fresh)))


def leak(dice: random.Random, of: Ledger, leaked: dict[int, float], outside: float) -> Evidence:
    """The evidence of a dump: fractions of some recipients' people, and an outside rate over everybody."""
    found = {person for person in range(of.people) if dice.random() < outside}
    for recipient, fraction in leaked.items():
        found |= {person for person in of.sets[recipient] if dice.random() < fraction}
    return seen(of, found)


def seen(of: Ledger, found: set[int]) -> Evidence:
    """The evidence of a dump that shows exactly these people."""
    patterns = Counter(
        Pattern(able=tuple((k, 1) for k, held in enumerate(of.sets) if person in held)) for person in found
    )
    return Evidence(
        held=tuple(len(held) for held in of.sets),
        people=of.people,
        dark=of.dark,
        dark_found=sum(person < of.dark for person in found),
        found=patterns,
    )
