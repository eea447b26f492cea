"""Who is asked by which app, and how each visit ends: the script of the demo's traffic, made before anything runs.

Decides: a pure function of the seed. One app (the leaker) is asked to serve a good number of people, so that
the file it lets out later is large enough to say something; every kind of ending occurs.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from api.demo.apps import App
from api.demo.city import Citizen


class Ending(StrEnum):
    """How one visit of one app to one person goes."""

    USED = "used"
    RETRIED = "retried"
    SPENT_TWICE = "spent_twice"
    WITHDRAWN_LATER = "withdrawn_later"
    WITHDRAWN_IN_FLIGHT = "withdrawn_in_flight"
    REFUSED = "refused"


_SHARES = {
    Ending.USED: 66,
    Ending.RETRIED: 7,
    Ending.SPENT_TWICE: 5,
    Ending.WITHDRAWN_LATER: 5,
    Ending.WITHDRAWN_IN_FLIGHT: 7,
    Ending.REFUSED: 10,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One app asks one person; `app` is its place in the list of apps."""

    app: int
    ending: Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What one person does: the visits in their order, all in one browser."""

    citizen: Citizen
    visits: tuple[Visit, ...]


def plan_days(
    people: Sequence[Citizen], apps: Sequence[App], *, visits: int, leaker: int, leaker_visits: int, seed: int
) -> list[Day]:
    """Days of `visits` visits in total, `leaker_visits` of them to app number `leaker`.

    Nobody is asked twice by the same app, so there must be more people than visits to any one app.
    """
    dice = random.Random(seed)
    calls: dict[int, list[Visit]] = {}
    others = [number for number in range(len(apps)) if number != leaker]
    per_app = _spread(visits - leaker_visits, len(others), dice)
    for app, count in [(leaker, leaker_visits), *zip(others, per_app, strict=True)]:
        for place in dice.sample(range(len(people)), min(count, len(people))):
            calls.setdefault(place, []).append(Visit(app=app, ending=_ending(dice)))
    days = []
    for place in sorted(calls):
        dice.shuffle(calls[place])
        days.append(Day(citizen=people[place], visits=tuple(calls[place])))
    dice.shuffle(days)
    return days


def _ending(dice: random.Random) -> Ending:
    return dice.choices(list(_SHARES), weights=list(_SHARES.values()))[0]


def _spread(total: int, parts: int, dice: random.Random) -> list[int]:
    """`total` in `parts` uneven parts, as apps are unevenly popular."""
    weights = [dice.uniform(0.4, 1.6) for _ in range(parts)]
    shares = [int(total * weight / sum(weights)) for weight in weights]
    shares[0] += total - sum(shares)
    return shares
