"""Matching rows: every spelling is found, agreement is judged per row, and nothing recognised is dropped in silence."""

import pytest

from breach.intake.columns import Kind, recognise
from breach.matching.cells import Cells
from breach.matching.rows import AGREED, CONFLICTING
from consent.families.ties import merge
from tests.vault.people import made_up as people
from tests.vault.people.made_up import change
from vault.families.merge import Merged

COLUMNS = recognise([["13812345678", "a@example.com"], ["13812345679", "b@example.com"]] * 3, 2)


@pytest.fixture
def columns():
    return COLUMNS


def phone(n, written="{}{}{}"):
    digits = people.phone(n)
    return written.format(digits[:3], digits[3:7], digits[7:])


SPELLINGS = ["{}{}{}", "+86{}{}{}", "0086 {} {} {}", "+86 {}-{}-{}", "'{}{}{}", "{} {} {}", "({}){}{}"]


def test_every_usual_spelling_of_a_value_is_found(matching):
    wide = phone(7).translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789"})
    rows = [[phone(n, written), "-"] for n, written in enumerate(SPELLINGS)]
    rows += [[wide, ""], ["-", " USER8@Example.COM "], ["", "user9@example.com\u200b"]]

    found, cells = matching(rows)

    assert found == {(n, "phone", 1): AGREED for n in range(8)} | {(n, "email", 1): AGREED for n in (8, 9)}
    assert cells.rows_agreed == 10


def test_identifiers_that_lead_to_different_people_are_a_conflict_and_no_match(matching):
    found, cells = matching([[phone(1), "user2@example.com"], [phone(3), "user3@example.com"]])

    assert found == {
        (1, "phone", 1): CONFLICTING,
        (2, "email", 1): CONFLICTING,
        (3, "phone", 1): AGREED,
        (3, "email", 1): AGREED,
    }
    assert (cells.rows_agreed, cells.rows_conflicting) == (1, 1)


def test_a_number_that_two_people_had_in_turn_needs_a_second_identifier(matching, vault, enrolled, now):
    change(vault, enrolled[1].subject, "phone", "17700000001", now + 1)
    change(vault, enrolled[2].subject, "phone", phone(1), now + 2)

    alone, _ = matching([[phone(1), "-"]])
    with_mail, _ = matching([[phone(1), "user2@example.com"]])

    assert set(alone.values()) == {CONFLICTING}
    assert with_mail == {(2, "phone", 2): AGREED, (2, "email", 1): AGREED}


def test_masked_values_digests_and_damage_are_counted_and_never_dropped(matching):
    digest = "5d41402abc4b2a76b9719d911017c592"
    rows = [["138****1234", "z***@qq.com"], [digest, "-"], ["broken!", "@@"], ["", "  "]]

    found, cells = matching(rows)

    assert found == {}
    assert cells.masked == {"phone": 1, "email": 1}
    assert cells.candidates == {"none": 1}
    assert cells.looked_up == {Kind.DIGEST: 1}
    assert cells.unreadable == 3


def test_a_cell_of_identifiers_with_more_in_it_is_read_as_text(matching):
    found, cells = matching([[f"{phone(1)}/{phone(1)}", "-"], [f"{phone(2)} 张三", "13800000000 or so"]])

    assert found == {(1, "phone", 1): AGREED, (2, "phone", 1): AGREED}
    assert (cells.unreadable, cells.looked_up["phone"]) == (1, 4)


def test_a_ragged_row_is_searched_cell_by_cell(matching):
    found, _ = matching([["x", "y", phone(4), "user4@example.com"], ["user5@example.com"]])

    assert found == {(4, "phone", 1): AGREED, (4, "email", 1): AGREED, (5, "email", 1): AGREED}


def test_what_is_invisible_in_a_cell_neither_hides_an_identifier_nor_ends_the_matching(matching):
    ragged = [["x", "y", "user4@e\0xample.com"], [phone(5) + "\xad" * 400, "-", "-"], ["x" * 2_000, "", ""]]

    found, _ = matching([*ragged, ["user6@e\u200bxample\0.com", "-"]])

    assert found == {(4, "email", 1): AGREED, (5, "phone", 1): AGREED, (6, "email", 1): AGREED}


def test_what_was_answered_once_is_not_answered_again(matching):
    first, _ = matching([[phone(6), "-"]])
    second, cells = matching([[phone(6), "-"], [phone(6), "user7@example.com"]])

    assert first == {(6, "phone", 1): AGREED}
    assert second == {(6, "phone", 1): AGREED | CONFLICTING, (7, "email", 1): CONFLICTING}
    assert cells.rows_agreed == 2


def test_counts_survive_being_stored():
    cells = Cells(rows=3, rows_agreed=2, unreadable=1)
    cells.looked_up["phone"] = 3
    cells.unmatchable["salted"] = 1
    cells.candidates["3-9"] = 2

    assert Cells.from_dict(cells.as_dict()) == cells


def test_a_row_about_two_accounts_that_became_one_person_agrees(vault, enrolled, matching, now):
    assert isinstance(merge(vault, enrolled[1].subject, enrolled[2].subject, now + 10), Merged)

    found, cells = matching([[phone(1), "user2@example.com"], [phone(1), "user3@example.com"]])

    assert found[1, "phone", 1] & AGREED
    assert found[2, "email", 1] == AGREED
    assert (cells.rows_agreed, cells.rows_conflicting) == (1, 1)
