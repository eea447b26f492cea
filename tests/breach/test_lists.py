"""Combo lists and running text: the login wherever it stands, identifiers inside lines, and nothing made up."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breach.intake import combo, free_text
from breach.intake.mentions import identifiers
from breach.intake.tally import Reason, Tally


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("a@example.com:secret", ["", "a@example.com", "secret"]),
        ("a@example.com;se:cr;et", ["", "a@example.com", "se:cr;et"]),
        ("a@example.com secret", ["", "a@example.com", "secret"]),
        ("secret|a@example.com", ["secret", "a@example.com", ""]),
        ("13812345678:secret", ["", "13812345678", "secret"]),
        (
            "https://x.com:8443/in?u=1:a@example.com:p:w",
            ["https://x.com:8443/in?u=1", "a@example.com", "p:w"],
        ),
        ("https://b@x.com/:a@example.com:pw", ["https://b@x.com/", "a@example.com", "pw"]),
        ("x.com/login 13812345678:pw", ["x.com/login", "13812345678", "pw"]),
        ("somebody:secret", ["somebody:secret"]),
        ("13812345678901:secret", ["13812345678901:secret"]),
    ],
)
def test_the_login_is_found_wherever_it_stands(line, cells):
    assert combo.cells(line) == cells


@settings(max_examples=100, deadline=None)
@given(
    st.text(st.sampled_from("ab:;|/?=& 0"), max_size=12), st.text(st.sampled_from("xy:;|@.9 "), max_size=12)
)
def test_nothing_of_a_line_is_lost_but_separators(url, password):
    line = f"{url}:a@example.com:{password}"

    before, login, behind = combo.cells(line)

    assert login == "a@example.com"
    assert behind == password
    assert url.startswith(before)
    assert set(url[len(before) :]) <= set(":;|, ")


def test_lines_of_a_list_are_all_accounted_for():
    tally = Tally(lines=5, bytes=43)
    lines = ["a@example.com:x", "13812345678:y", "nobody:z", "", "  "]

    [block] = combo.blocks([lines], tally)

    assert sorted(len(row) for part in block.parts for row in part.rows) == [1, 3, 3]
    assert (tally.parsed, tally.ragged, tally.quarantined) == (3, 1, {Reason.BLANK: 2})
    assert tally.reconciled


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("<td>13812345678</td><a href='mailto:a.b@example.com'>x</a>", ["13812345678", "a.b@example.com"]),
        ("call +86 138-1234-5678, or 139 1234 5678.", ["+86 138-1234-5678", "139 1234 5678"]),
        ("身份证110101199003070011，手机：13812345678。", ["110101199003070011", "13812345678"]),
        ("tel:+44 20 7946 0958", ["+44 20 7946 0958"]),
        ("a&#64;example.com &amp; b@example.com", ["a@example.com", "b@example.com"]),
        ("order 2013812345678 of 138123456789", []),
        ("id x13812345678y, v1.13812345678", []),
        ("110101199003070012", []),
        ("price 13812345678.50", []),
        ("no identifier at all", []),
    ],
)
def test_identifiers_inside_lines_are_found_and_pieces_of_numbers_are_not(line, found):
    assert identifiers(line) == found


def test_lines_of_text_without_identifiers_are_set_aside_as_that():
    tally = Tally(lines=4, bytes=57)

    [block] = free_text.blocks([["a@example.com wrote", "words", "", "b@example.com and 13812345678"]], tally)

    assert [row for part in block.parts for row in part.rows] == [
        ["a@example.com"],
        ["b@example.com", "13812345678"],
    ]
    assert tally.quarantined == {Reason.BLANK: 1, Reason.NO_IDENTIFIER: 1}
    assert tally.reconciled
