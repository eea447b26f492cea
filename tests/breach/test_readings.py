"""Marks read off a dump: two recipients with the same people are told apart, and nothing is read that is not there."""

import csv
import io

import pytest
from sqlalchemy import func, select

from breach.intake.quarantine import receive
from breach.matching.engines import Engine
from breach.pipeline.replay import replay
from breach.pipeline.run import openings, trace
from breach.tables import trace_identity, trace_reading
from breach.weighing.marking import marks_of
from breach.weighing.openings import differences, digest
from consent.marks import tolerance
from consent.marks.carriers import CARRIERS
from consent.recipients.pairwise import pairwise
from consent.redemption.disclose import disclose_many
from tests.breach.leaks import HOUR, row, town

PHONE = tuple(code for code, field in CARRIERS.items() if field == "phone")
HELD = range(20, 60)


def found_town(world):
    """Sixty people; forty of them at two shops, which received exactly the same, marked."""
    tolerance.allow(world.vault, "account", (*PHONE, "email.domain", "email.ending"), world.now)
    made = town(world, 60)
    for name in ("one", "two"):
        made.apps[name] = world.app("account", f"{name} Ltd")
        issued = [
            world.token(made.apps[name], made.people[n], datatypes=["name", "phone", "email"]) for n in HELD
        ]
        answers = disclose_many(world.vault, [world.request(token) for token in issued], world.now)
        made.served[name] = [answer.values for answer in answers]
    world.tick(HOUR)
    return made


@pytest.fixture
def twins(founded):
    return founded


def received(town, tmp_path, rows):
    text = io.StringIO()
    csv.writer(text).writerows([["name", "phone", "email"], *rows])
    folder = tmp_path / "quarantine"
    return receive(
        town.vault, [text.getvalue().encode()], folder, now_ms=town.world.now, actor="t", limit=1 << 20
    )


def traced(town, tmp_path, rows, **how):
    return trace(town.vault, received(town, tmp_path, rows), now_ms=town.world.now, **how)


def leaked(town, name):
    return [[one["name"], one["phone"], one["email"]] for one in town.served[name]]


def lines(town, report):
    return {one["recipient"]: one for one in report.body["ranking"] if one["kind"] == "recipient"}


def count(town, table):
    with town.vault.data.read() as conn:
        return conn.execute(select(func.count()).select_from(table)).scalar_one()


def test_of_two_recipients_of_the_same_people_the_one_whose_copy_it_is_is_named(twins, tmp_path):
    report = traced(twins, tmp_path, leaked(twins, "two"))

    assert report.suspects == (twins.recipient("two"),)
    found = lines(twins, report)
    guilty, innocent = (found[twins.recipient(name)] for name in ("two", "one"))
    assert guilty["marks"]["held"] == guilty["marks"]["agreeing"] == report.body["marks"]["read"] == 40 * 6
    # An innocent's e-value is 1 on average, so above e^10 once in twenty thousand runs.
    assert innocent["ln_e_marks"] < 10
    assert guilty["ln_e_marks"] > 20
    assert guilty["people_found"] == innocent["people_found"] == 40
    assert any("240" in sentence for sentence in report.body["statement"]["en"])
    opened = openings(twins.vault, report)
    assert digest(opened) == report.body["marks"]["openings_sha256"]
    assert differences(opened, report.body) == []


def test_a_report_with_marks_is_computed_again_byte_for_byte_and_so_is_what_it_opened(twins, tmp_path):
    rows = leaked(twins, "one")
    dump, report = received(twins, tmp_path, rows), traced(twins, tmp_path, rows)
    before = openings(twins.vault, report)

    twins.world.app("account", "late Ltd")
    again = replay(twins.vault, dump, report, now_ms=twins.world.now + HOUR)

    assert before
    assert openings(twins.vault, report) == before
    assert again.differences == ()


def test_a_large_file_matched_in_columns_shows_the_same_marks(twins, tmp_path):
    how = {"engine": Engine.DUCKDB, "index": tmp_path / "index"}

    report = traced(twins, tmp_path, leaked(twins, "two"), **how)

    assert report.body["marks"]["read"] == 40 * 6
    assert report.suspects == (twins.recipient("two"),)


def test_a_cleaned_copy_shows_no_marks_and_names_neither_of_them(twins, tmp_path):
    report = traced(twins, tmp_path, [row(n) for n in HELD])

    assert count(twins, trace_reading) == 0
    assert report.body["marks"] is None
    assert report.suspects == ()
    assert set(report.suspect_sets[0]) == {twins.recipient("one"), twins.recipient("two")}


def test_what_was_put_into_one_form_throughout_is_not_weighed(twins, tmp_path):
    rows = [[name, f"+86 {phone[-11:]}", email] for name, phone, email in (row(n) for n in HELD)]

    report = traced(twins, tmp_path, rows)

    assert count(twins, trace_reading) == 2 * 40
    assert report.body["marks"] is None
    recipients = [twins.recipient(name) for name in ("one", "two")]
    assert marks_of(twins.vault, report.id, recipients, twins.world.now) is None


def test_of_two_copies_in_one_file_only_what_both_show_alike_is_weighed_and_both_are_named(twins, tmp_path):
    report = traced(twins, tmp_path, leaked(twins, "two") + leaked(twins, "one"))

    recipients = [twins.recipient(name) for name in ("one", "two")]
    marks = marks_of(twins.vault, report.id, recipients, twins.world.now).marks
    assert 0 < len(marks.bits) < 40 * 6
    assert set(marks.symbols[marks.holders == 0] == marks.bits[marks.positions[marks.holders == 0]]) == {True}
    assert set(report.suspects) == set(recipients)


def test_forms_that_nobody_was_served_are_not_read(twins, tmp_path):
    strangers = [["x", f"+86 188-{n:04d}-{n:04d}", f"a{n}@Example.COM"] for n in range(30)]
    unmarked = [["x", f"+86 {row(n)[1]}", row(n)[2]] for n in range(10)]

    traced(twins, tmp_path, strangers + unmarked)

    assert count(twins, trace_reading) == 0


def test_the_name_only_one_recipient_has_for_a_person_names_it(twins, tmp_path):
    person = twins.people[25].subject
    own = pairwise(twins.vault, twins.recipient("one"), person)
    foreign = pairwise(twins.vault, twins.recipient("one"), twins.people[26].subject)
    rows = [[own, *row(25)[1:]], [foreign, *row(27)[1:]]]

    report = traced(twins, tmp_path, rows)

    with twins.vault.data.read() as conn:
        found = conn.execute(select(trace_identity.c.subject, trace_identity.c.recipient_id)).all()
    assert list(map(tuple, found)) == [(person, twins.recipient("one"))]
    assert report.suspects == (twins.recipient("one"),)
