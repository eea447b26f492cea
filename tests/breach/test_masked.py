"""Masked values: candidates alone, a person together, and how a report shows how weak that is."""

import pytest

from breach.intake.columns import Kind, kind_of, recognise
from breach.matching.cells import Cells
from breach.matching.masked import MILLION
from breach.matching.masked_cells import independent, masked_reading
from breach.matching.rows import MASKED, Matcher
from breach.pipeline.run import trace
from tests.breach.leaks import row
from tests.breach.test_pipeline import take
from tests.vault.people import made_up as people
from tests.vault.people.made_up import change
from vault.tags import Exact


def phone(n):
    return f"{people.phone(n)[:3]}****{people.phone(n)[-4:]}"


def resident_id(n):
    return f"{people.resident_id(n)[:6]}********{people.resident_id(n)[-4:]}"


COLUMNS = recognise([["张三丰", phone(1), resident_id(1)], ["Li Si", phone(2), resident_id(2)]] * 3, 3)


@pytest.fixture
def enrolled(vault, now):
    return people.enrol(vault, range(12), now)


@pytest.fixture
def matching(vault, enrolled):
    matcher = Matcher(vault.keyring, COLUMNS, Cells())

    def run(rows):
        with vault.data.read() as conn:
            found = matcher.match(conn, rows)
        numbers = {person.subject: at for at, person in enumerate(enrolled)}
        items = {(numbers.get(item[1]), item[2], item[4]): how for item, how in found.items.items()}
        return (
            items,
            {(numbers.get(who), code): both for (_, who, code), both in found.weights.items()},
            matcher.cells,
        )

    return run


def test_two_masked_values_that_leave_one_person_agree(matching):
    found, weights, cells = matching([["", phone(3), resident_id(3)], ["-", phone(4), resident_id(4)]])

    assert found == {(n, code, 1): MASKED for n in (3, 4) for code in ("phone", "resident_id")}
    assert weights == {}
    assert (cells.rows_masked, cells.rows_agreed_masked) == (2, 2)
    assert cells.agreed_by == {"2": 2}
    assert (cells.rows_controlled, cells.controls_agreed) == (2, 0)


def test_an_end_that_many_share_is_looked_up_with_the_name_beside_it(matching):
    rows = [[people.values(n)["name"], "", "*" * 14 + people.resident_id(n)[-4:]] for n in (3, 4)]

    found, _, cells = matching([*rows, ["", "", rows[0][2]]])

    assert found == {(n, "resident_id", 1): MASKED for n in (3, 4)}
    assert cells.candidates == {"too_many": 1}
    assert (cells.rows_agreed_masked, cells.rows_controlled, cells.controls_agreed) == (2, 2, 0)


def test_a_masked_value_alone_is_a_candidate_set_and_never_a_match(matching, vault, enrolled, now):
    change(vault, enrolled[5].subject, "phone", f"1990001{people.phone(6)[-4:]}", now + 1)

    found, weights, cells = matching([["", phone(3), ""], ["", phone(6), "x"]])

    assert found == {}
    assert weights == {
        (3, "phone"): (1, MILLION),
        (5, "phone"): (1, MILLION // 2),
        (6, "phone"): (1, MILLION // 2),
    }
    assert cells.candidates == {"1": 1, "2": 1}


def test_a_name_decides_between_those_whom_a_masked_number_fits(matching, vault, enrolled, now):
    change(vault, enrolled[5].subject, "phone", f"1990001{people.phone(6)[-4:]}", now + 1)
    change(vault, enrolled[5].subject, "name", "欧阳修", now + 2)

    found, _, cells = matching([["欧**", phone(6), ""], [people.values(6)["name"], phone(6), ""]])

    assert found == {(5, "phone", 2): MASKED, (6, "phone", 1): MASKED}
    assert cells.rows_agreed_masked == 2


def test_masked_values_of_different_people_fit_nobody(matching):
    found, weights, cells = matching([["", phone(3), resident_id(4)]])

    assert (found, weights) == ({}, {})
    assert cells.candidates == {"none": 1}


def test_whoever_has_nothing_on_file_to_contradict_a_row_stays_among_its_candidates(matching, vault, now):
    (twin,) = people.create_many(vault, [people.NewPerson({"phone": f"1990001{people.phone(6)[-4:]}"})], now)
    assert isinstance(twin, people.Created)

    found, weights, _ = matching([["x", "y", phone(6), "u***@example.com"]])

    assert found == {}
    assert weights == {(who, "phone"): (1, MILLION // 2) for who in (None, 6)}


def test_beside_a_whole_identifier_masked_values_are_only_counted(matching):
    found, _, cells = matching([["", "17712345678", resident_id(3)], ["", people.phone(4), resident_id(6)]])

    assert (cells.rows_masked, cells.recognised_only[Kind.MASKED]) == (0, 2)
    assert MASKED not in found.values()


def test_a_ragged_row_is_judged_with_whatever_name_it_holds(matching):
    found, _, _ = matching([["x", "y", "z", phone(7), people.values(7)["name"]]])

    assert found == {(7, "phone", 1): MASKED}


def test_more_people_than_may_be_opened_are_counted_as_too_many(matching, vault, now):
    many = [people.NewPerson({"phone": f"1881{n:03d}9999", "email": f"m{n}@example.com"}) for n in range(65)]
    people.create_many(vault, many, now)

    _, weights, cells = matching([["", "188****9999", ""]])

    assert weights == {}
    assert cells.candidates == {"too_many": 1}


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("138****1234", "phone"),
        ("+86 138-****-1234", "phone"),
        ("13xxxxx1234", "phone"),
        ("*******1234", "phone"),
        ("110105********001X", "resident_id"),
        ("110***********001X", "resident_id"),
        ("z***@qq.com", "email"),
        ("1990-**-**", "birth_date"),
        ("1990年01月**日", "birth_date"),
        ("199001**", "birth_date"),
        ("6222***********0128", "bank_card"),
        ("E1****678", "passport"),
        ("京A***45", "plate"),
    ],
)
def test_what_a_masked_cell_is_of_shows_in_its_shape(text, field):
    assert kind_of(text) is Kind.MASKED
    assert masked_reading(text)[0] == field


@pytest.mark.parametrize(
    ("cells", "parts"),
    [
        (["138****1234"], 1),
        (["138****1234", "110105********001X"], 2),
        (["138****1234", "13812***@139.com"], 1),
        (["138****1234", "z***@139.com"], 2),
        (["110105********001X", "1990-**-**"], 1),
        (["138****1234", "1990-**-**"], 2),
        (["1990-**-**"], 0),
    ],
)
def test_parts_that_tell_the_same_are_one(cells, parts):
    shown = dict(map(masked_reading, cells))

    assert independent(shown, shown) == parts


def test_a_name_and_a_county_add_what_they_tell():
    shown = dict([masked_reading("110105********001X"), ("name", Exact("张三"))])
    county = dict([masked_reading("110105********001X"), ("address", Exact("110105/"))])

    assert (independent(shown, shown), independent(county, county)) == (2, 1)


def dump(numbers, name=None):
    return "\n".join(f"{name or row(n)[0]},{phone(n)}" for n in numbers).encode()


def test_a_file_of_masked_rows_names_who_lost_it_and_shows_that_it_rests_on_masks(small_town, tmp_path):
    vault, now = small_town.vault, small_town.world.now

    report = trace(vault, take(vault, dump(range(40, 88)), tmp_path, now), now_ms=now)

    body = report.body
    assert report.suspects == (small_town.recipient("shop"),)
    assert report.people_found == 0
    assert body["masked"] == {
        "rows": 48,
        "rows_agreed": 48,
        "agreed_by_parts": {"2": 48},
        "controls": 48,
        "controls_agreed": 0,
        "counted": True,
        "people_only_masked": 48,
        "candidate_sets": {},
        "candidate_weight": 0.0,
    }
    shop = next(line for line in body["ranking"] if line.get("named"))
    assert (shop["people_found"], shop["people_found_masked"]) == (0, 48)
    assert shop["ln_e_whole_values"] < 0 < body["threshold"] < shop["ln_e_strict"]
    assert any("only parts of values" in sentence for sentence in body["statement"]["en"])
    assert any("只显示部分值" in sentence for sentence in body["statement"]["zh-CN"])


def test_masks_that_anybody_fits_count_for_nobody(small_town, tmp_path):
    """Everybody has one name here: a row's number with another row's name fits as well as its own."""
    vault, now = small_town.vault, small_town.world.now
    for n in range(40, 88):
        change(vault, small_town.people[n].subject, "name", "王伟", now + 1)

    body = trace(vault, take(vault, dump(range(40, 88), "王伟"), tmp_path, now), now_ms=now).body

    assert body["masked"]["controls_agreed"] == body["masked"]["rows_agreed"] == 48
    assert body["masked"]["counted"] is False
    assert body["outcome"] == "not_attributed"


def test_lone_masked_values_weigh_on_recipients_without_entering_the_figures(small_town, tmp_path):
    vault, now = small_town.vault, small_town.world.now
    raw = "\n".join(phone(n) for n in range(40, 90)).encode()

    body = trace(vault, take(vault, raw, tmp_path, now), now_ms=now).body

    weights = {line["name"]: line["candidate_weight"] for line in body["ranking"] if "name" in line}
    assert weights == {"Shop Ltd": 50.0, "Parcel Ltd": 20.0, "Idle Ltd": 0.0}
    assert body["masked"]["candidate_weight"] == 50.0
    assert all(line["ln_e"] <= 0 for line in body["ranking"])
    assert body["people"]["found"] == body["masked"]["people_only_masked"] == 0
