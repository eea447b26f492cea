"""The plan of the city's day, and what its outcomes add up to."""

from __future__ import annotations

from collections import Counter

from api.demo.apps import APPS, LEAKER
from api.demo.city import citizens
from api.demo.count import app_rows, attempt_rows, in_hand
from api.demo.plan import Ending, plan_days
from api.demo.recipient_client import Received
from api.demo.suspects import rows, summary
from api.demo.visits import Attempt, Outcome, Registered
from consent.asking.details import Details, parse_details
from consent.wording.purposes import PURPOSES

PEOPLE = list(citizens(1, 260))


def _plan(seed=1):
    return plan_days(PEOPLE, APPS, visits=420, leaker=LEAKER, leaker_visits=100, seed=seed)


def test_the_same_seed_plans_the_same_day():
    assert _plan() == _plan()
    assert _plan() != _plan(2)


def test_every_visit_is_planned_and_nobody_is_asked_twice_by_one_app():
    days = _plan()
    pairs = [(day.citizen.number, visit.app) for day in days for visit in day.visits]

    assert len(pairs) == len(set(pairs)) == 420
    assert Counter(app for _, app in pairs)[LEAKER] == 100
    assert len({day.citizen.number for day in days}) == len(days)


def test_every_app_and_every_ending_occurs():
    visits = [visit for day in _plan() for visit in day.visits]

    assert {visit.app for visit in visits} == set(range(len(APPS)))
    assert {visit.ending for visit in visits} == set(Ending)


def test_there_are_at_least_twelve_apps_and_each_asks_only_what_its_purpose_allows():
    assert len(APPS) >= 12
    assert len({app.key for app in APPS}) == len({app.name for app in APPS}) == len(APPS)
    assert {app.uses for app in APPS} == {1, 3}
    for app in APPS:
        assert set(app.fields) <= set(PURPOSES[app.purpose].fields)


def test_what_an_app_asks_for_is_well_formed():
    from datetime import UTC, datetime

    texts = {"id": "ntc_1", "version": 1, "lang": "en", "hash": "sha-256:x"}
    terms = {"id": "lt_1", "hash": "sha-256:y", "per_record": "1.00", "currency": "CNY"}
    for app in APPS:
        who = Registered(app=app, client_id="a", recipient_id="org_1", notices={"en": texts}, terms=terms)

        parsed = parse_details([who.details("en", datetime.now(UTC))])

        assert isinstance(parsed, Details), parsed
        assert parsed.max_uses == app.uses


def _outcome(app, person, *attempts, received=1, **more):
    values = [
        Received(disclosure_id=f"ds{n}", values={"name": f"{n}"}, receipt="", body=b"")
        for n in range(received)
    ]
    return Outcome(
        app=app, person=person, ending=Ending.USED, received=values, attempts=list(attempts), **more
    )


def test_outcomes_are_counted_per_app():
    who = [Registered(app=app, client_id="c", recipient_id="r", notices={}, terms={}) for app in APPS]
    outcomes = [
        _outcome(0, 1, approved=True),
        _outcome(0, 2, received=0),
        _outcome(0, 3, approved=True, withdrawn=True),
    ]

    row = app_rows(who, outcomes)[0]

    assert [row[name] for name in ("asked", "approved", "refused", "withdrawn", "disclosures")] == [
        3,
        2,
        1,
        1,
        2,
    ]


def test_a_race_allows_one_winner_and_everything_else_none():
    race = [(Attempt.RACE, number == 0) for number in range(4)]
    counted = {
        row["kind"]: row
        for row in attempt_rows([_outcome(0, 1, *race), _outcome(0, 2, (Attempt.SPENT, True))])
    }

    assert (counted["race"]["tried"], counted["race"]["allowed"], counted["race"]["ok"]) == (4, 1, True)
    assert counted["spent"]["ok"] is False
    assert counted["stolen"]["ok"] is False  # never tried is no proof


def test_two_winners_of_one_race_are_wrong():
    race = [(Attempt.RACE, number < 2) for number in range(4)]

    assert not next(row for row in attempt_rows([_outcome(0, 1, *race)]) if row["kind"] == "race")["ok"]


def test_the_leaker_holds_each_person_once_whatever_was_withdrawn():
    outcomes = [
        _outcome(2, 5, received=3),
        _outcome(2, 4, withdrawn=True),
        _outcome(1, 9),
        _outcome(2, 6, received=0),
    ]

    assert len(in_hand(outcomes, 2)) == 2


REPORT = {
    "trace": "trc_1",
    "outcome": "named",
    "threshold": 16.5,
    "people": {"found": 5, "explained_by_no_recipient": 0, "never_disclosed": 90, "never_disclosed_found": 0},
    "parameters": {"eps": 1e-6},
    "lines": {},
    "format": {},
    "statement": {"en": [], "zh-CN": []},
    "assumptions": {"en": [], "zh-CN": []},
    "ranking": [
        {"kind": "elsewhere", "ln_e": 0.0},
        {"kind": "recipient", "name": "B", "people_held": 9, "people_found": 3, "ln_e": 20.0, "ln_e_strict": -3.0, "named": False},
        {"kind": "own_store", "ln_e": 1.0},
        {"kind": "recipient", "name": "A", "people_held": 9, "people_found": 5, "ln_e": 19.0, "ln_e_strict": 18.0, "named": True},
    ],
}  # fmt: skip


def test_suspects_are_listed_with_the_named_first_and_the_strict_figure_as_weight():
    listed = rows(REPORT)

    assert [row["name"].split()[0] for row in listed] == ["A", "B", "our", "somewhere"]
    assert [row["weight"] for row in listed] == [18.0, -3.0, 1.0, 0.0]
    assert [row["kind"] for row in listed] == ["leaker", "recipient", "control", "control"]


def test_those_whom_chance_alone_would_accuse_are_counted_as_cleared():
    assert summary(REPORT)["cleared"] == 1
