"""Low digits read off a dump: a time and a place name the copy they stand in, as far as the file still has them."""

import csv
import io
from datetime import datetime
from decimal import Decimal

import pytest

from breach.intake.quarantine import receive
from breach.matching.engines import Engine
from breach.pipeline.run import trace
from consent.marks import tolerance
from consent.marks.low_digits import DECIMALS, FRACTION, SECOND
from consent.redemption.disclose import disclose_many
from tests.breach.leaks import HOUR, town
from tests.measured import FIELDS, measured, values
from vault.people.changes import Change, update_many

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
HELD = range(12)
BITS = 4 + 8 + 10


def found_town(world):
    """Twelve people at three shops, which received exactly the same, with digits of their own."""
    world.vault = measured(world.vault, world.now)
    tolerance.allow(world.vault, "account", (SECOND, FRACTION, DECIMALS), world.now)
    made = town(world, len(HELD))
    changes = [
        Change(subject=made.people[n].subject, field=code, text=text)
        for n in HELD
        for code, text in values(n).items()
    ]
    update_many(world.vault, changes, world.now, clock=lambda: world.now)
    world.tick(1)
    for name in ("one", "two", "three"):
        made.apps[name] = world.app("account", f"{name} Ltd")
        issued = [world.token(made.apps[name], made.people[n], datatypes=["phone", *FIELDS]) for n in HELD]
        answers = disclose_many(world.vault, [world.request(token) for token in issued], world.now)
        made.served[name] = [answer.values for answer in answers]
    world.tick(HOUR)
    return made


def traced(town, tmp_path, rows, **how):
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    folder = tmp_path / "quarantine"
    dump = receive(
        town.vault, [text.getvalue().encode()], folder, now_ms=town.world.now, actor="t", limit=1 << 20
    )
    report = trace(town.vault, dump, now_ms=town.world.now, **how)
    found = {one["recipient"]: one for one in report.body["ranking"] if one["kind"] == "recipient"}
    return report, found[town.recipient("two")]


def leaked(town, name="two"):
    return [[one["phone"], one["x_visit"], one["x_door"]] for one in town.served[name]]


def mean(visits, doors):
    """What two leakers publish who put their copies together digit by digit."""
    times = [datetime.fromisoformat(one) for one in visits]
    places = zip(*([Decimal(number) for number in one.split(",")] for one in doors), strict=True)
    between = times[0] + (times[1] - times[0]) / 2
    return [between.isoformat().replace("+00:00", "Z"), ",".join(f"{sum(both) / 2:.6f}" for both in places)]


@pytest.mark.parametrize("engine", [Engine.PYTHON, Engine.DUCKDB])
def test_six_rows_name_the_one_of_three_recipients_whose_digits_they_show(founded, tmp_path, engine):
    """The leaker's program keeps times without an offset, and latitude and longitude in columns of their own."""
    rows = [
        [phone, visit.replace("T", " ").removesuffix("Z"), *door.split(",")]
        for phone, visit, door in leaked(founded)[:6]
    ]

    report, guilty = traced(founded, tmp_path, rows, engine=engine, index=tmp_path / "index")

    assert report.suspects == (founded.recipient("two"),)
    assert guilty["marks"]["held"] == guilty["marks"]["agreeing"] == 6 * BITS


def test_what_was_cut_off_is_unread_and_the_digits_before_it_still_agree(founded, tmp_path):
    rows = [[phone, f"{visit[:19]}Z", "-".join(door.split(","))] for phone, visit, door in leaked(founded)]

    _, guilty = traced(founded, tmp_path, rows)

    assert guilty["marks"]["held"] == guilty["marks"]["agreeing"] == len(HELD) * 4


def test_values_at_the_precision_they_state_name_nobody(founded, tmp_path):
    fields = [founded.vault.catalogue.field(code) for code in FIELDS]
    rows = [
        [phone, *(field.canonical(text) for field, text in zip(fields, texts, strict=True))]
        for phone, *texts in leaked(founded)
    ]

    report, _ = traced(founded, tmp_path, rows)

    assert report.body["marks"] is None
    assert report.suspects == ()


def test_two_who_average_their_copies_accuse_nobody_else(founded, tmp_path):
    rows = [
        [one[0], *mean((one[1], other[1]), (one[2], other[2]))]
        for one, other in zip(leaked(founded), leaked(founded, "one"), strict=True)
    ]

    report, _ = traced(founded, tmp_path, rows)

    assert report.body["marks"]["read"] > 100
    assert founded.recipient("three") not in report.suspects
