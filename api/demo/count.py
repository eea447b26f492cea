"""What the outcomes of the day add up to: per app, per kind of attempt, and what the leaking app had in its hands.

Every number of the report comes from here, from a program's answer, or from a stop watch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from api.demo.traffic import Traffic
from api.demo.visits import Attempt, Outcome, Registered

_ATTEMPTS = {
    Attempt.AFTER_WITHDRAWAL: ("a token whose consent was withdrawn", "同意撤回后仍持有的令牌"),
    Attempt.SPENT: ("a use that is spent", "已用完的使用权"),
    Attempt.STOLEN: ("another app's token, with the thief's own key", "盗用其他应用的令牌"),
    Attempt.RETRY: (
        "a lost answer asked for again: must be the same answer",
        "丢失答复后重试：必须得到同一答复",
    ),
    Attempt.RACE: (
        "one use presented many times at once: exactly one may win",
        "同一使用权并发提交：只许一次成功",
    ),
}


def app_rows(apps: Sequence[Registered], outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Per app: how often it asked, and what came of it."""
    counts: dict[int, Counter[str]] = {number: Counter() for number in range(len(apps))}
    for outcome in outcomes:
        counts[outcome.app].update(
            asked=1,
            approved=int(outcome.approved),
            refused=int(not outcome.approved),
            withdrawn=int(outcome.withdrawn),
            disclosures=len(outcome.received),
        )
    names = ("asked", "approved", "refused", "withdrawn", "disclosures")
    return [
        {
            "name": who.app.name,
            "purpose": who.app.purpose,
            "fields": list(who.app.fields),
            "recipient_id": who.recipient_id,
            **{name: counts[number][name] for name in names},
        }
        for number, who in enumerate(apps)
    ]


def traffic_row(traffic: Traffic, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The day in one row."""
    listed = list(rows)
    return {
        "requests": traffic.requests,
        "seconds": round(traffic.seconds, 2),
        "per_second": round(traffic.requests / traffic.seconds),
        **{
            name: sum(row[name] for row in listed)
            for name in ("asked", "approved", "refused", "withdrawn", "disclosures")
        },
    }


def attempt_rows(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """What must not succeed: tried, let through, allowed. One win is allowed in each race, none elsewhere."""
    tried: Counter[Attempt] = Counter()
    through: Counter[Attempt] = Counter()
    races = 0
    for outcome in outcomes:
        races += any(attempt is Attempt.RACE for attempt, _ in outcome.attempts)
        for attempt, passed in outcome.attempts:
            tried[attempt] += 1
            through[attempt] += passed
    rows = []
    for attempt, (what, zh) in _ATTEMPTS.items():
        allowed = races if attempt is Attempt.RACE else 0
        ok = tried[attempt] > 0 and through[attempt] == allowed
        row = {"what": what, "zh": zh, "kind": attempt.value, "allowed": allowed, "ok": ok}
        rows.append({**row, "tried": tried[attempt], "through": through[attempt]})
    return rows


def in_hand(outcomes: Iterable[Outcome], app: int) -> list[dict[str, str]]:
    """The values an app holds after the day, one row a person, whatever was withdrawn later."""
    people: dict[int, dict[str, str]] = {}
    for outcome in outcomes:
        if outcome.app == app and outcome.received:
            people.setdefault(outcome.person, dict(outcome.received[0].values))
    return [people[number] for number in sorted(people)]
