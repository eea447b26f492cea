"""JSON of every wrapping: the leaves of each record as they stood there, and damage that costs only itself."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breach.intake import json_text
from breach.intake.tally import Reason, Tally

PEOPLE = [
    {"_id": {"$oid": f"a{n}"}, "name": f"王{n}", "phone": 13800000000 + n, "at": {"city": "x", "zip": None}}
    for n in range(3)
]
ROWS = [[f"a{n}", f"王{n}", str(13800000000 + n), "x", ""] for n in range(3)]
VALUE = st.recursive(
    st.none() | st.booleans() | st.text(max_size=4) | st.integers() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def read(text: str, step=10_000, **options):
    tally = Tally(lines=text.count("\n"))
    pieces = [text[at : at + step] for at in range(0, len(text), step)]
    blocks = json_text.blocks(pieces, tally, **options)
    return [row for block in blocks for part in block.parts for row in part.rows], tally


def leaves(value):
    if isinstance(value, dict):
        named = [name for name in value if "@" in name]
        return named + [leaf for one in value.values() for leaf in leaves(one)]
    if isinstance(value, list):
        return [leaf for one in value for leaf in leaves(one)]
    return [value if isinstance(value, str) else "" if value is None else json.dumps(value)]


@pytest.mark.parametrize("step", [1, 10, 10_000])
@pytest.mark.parametrize(
    "text",
    [
        "".join(json.dumps(one) + "\n" for one in PEOPLE),
        json.dumps(PEOPLE, ensure_ascii=False) + "\n",
        json.dumps(PEOPLE, indent=2) + "\n",
        json.dumps({"hits": {"hits": [{"_source": one} for one in PEOPLE]}}) + "\n",
        json.dumps([[{"x": PEOPLE}]]) + "\n",
        "".join(json.dumps(one, indent=1) + "\n" for one in PEOPLE),
        "".join(json.dumps(one) + "," for one in PEOPLE) + "\n",
        "\x1e".join(json.dumps(one) + "\n" for one in PEOPLE),
    ],
)
def test_however_records_are_wrapped_each_is_one_row_of_its_leaves(text, step):
    got, tally = read(text, step)

    assert got == ROWS
    assert tally.reconciled
    assert not tally.damaged


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.dictionaries(st.text(max_size=3), VALUE, max_size=3), max_size=4),
    st.integers(1, 50),
    st.booleans(),
)
def test_every_leaf_comes_out_as_it_was_written(records, step, ascii_only):
    text = "".join(json.dumps(one, ensure_ascii=ascii_only) + "\n" for one in records)

    got, tally = read(text, step)

    assert sorted(cell for row in got for cell in row) == sorted(
        leaf for one in records for leaf in leaves(one)
    )
    assert tally.reconciled


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "{",
                "}",
                "[",
                "]",
                ":",
                ",",
                '"',
                '"a"',
                '"b@c.com"',
                "1.50",
                "null",
                "\n",
                " ",
                "x",
                "\\",
                "张",
            ]
        ),
        max_size=40,
    ),
    st.integers(1, 20),
)
def test_any_text_at_all_is_accounted_for_line_by_line(pieces, step):
    got, tally = read("".join(pieces) + "\n", step)

    assert tally.reconciled
    assert tally.rows == len(got)


def test_numbers_are_the_digits_that_stood_there():
    got, _ = read('{"a": 1.10, "b": 110101199003070011, "c": 1E400, "d": NaN, "e": true}\n')

    assert got == [["1.10", "110101199003070011", "1E400", "NaN", "true"]]


def test_doubled_names_and_names_that_are_identifiers_lose_nothing():
    got, _ = read('{"a": "1", "a": "2"}\n{"13812345678": {"pass": "x"}}\n')

    assert sorted(got) == [["1", "2"], ["13812345678", "x"]]


def test_people_in_a_list_inside_a_record_are_rows_of_their_own():
    got, _ = read('{"team": "a", "members": [{"phone": "1"}, {"phone": "2"}], "tags": ["x", "y"]}\n')

    assert sorted(got) == [["1"], ["2"], ["a", "x", "y"]]


def test_lists_of_lists_are_rows():
    got, _ = read('{"data": [["a@example.com", "1"], ["b@example.com", "2"]]}\n')

    assert got == [["a@example.com", "1"], ["b@example.com", "2"]]


def test_what_the_shell_of_a_document_store_writes_is_read():
    text = '{ "_id" : ObjectId("5f"), "n" : NumberLong(138), "m" : NumberLong("139"), "at" : ISODate("2019"), "x" : 1 }\n'

    got, tally = read(text, shell=True)

    assert got == [["5f", "138", "139", "2019", "1"]]
    assert not tally.damaged


def test_a_broken_tail_loses_only_the_value_it_was_cut_in():
    got, tally = read(json.dumps(PEOPLE)[:-33] + "\n")

    assert got[:2] == ROWS[:2]
    assert "13800000002" in [cell for row in got[2:] for cell in row]
    assert tally.damaged == {Reason.CUT_SHORT: 1}


def test_a_broken_line_costs_its_neighbours_nothing():
    got, tally = read('{"a": "1"}\n{"a": "x@example.com", "b": bad}\n{"a": "open\n{"a": "2"}\n')

    assert sorted(got) == [["1"], ["2"], ["x@example.com"]]
    assert tally.damaged == {Reason.BROKEN: 2}


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 100_000, '{"a":[' * 50_000])
def test_nesting_without_end_is_entered_and_not_followed(text):
    got, tally = read(text + '"x@example.com"\n', step=1 << 20)

    assert [row for row in got if "x@example.com" in row]
    assert tally.reconciled


def test_branches_too_deep_for_a_record_are_counted():
    got, tally = read('{"a": "1", "b": ' + '{"c":' * 40 + '"2"' + "}" * 41 + "\n")

    assert got == [["1", "2"]] or tally.damaged == {Reason.TOO_DEEP: 1}


def test_half_characters_are_replaced():
    got, _ = read('{"a": "\\ud800x"}\n')

    assert got == [["\ufffdx"]]


def test_a_value_beyond_a_megabyte_is_entered_for_its_parts():
    text = '{"took": 1, "people": [' + ",".join(['{"m": "u@example.com"}'] * 60_000) + "]}\n"

    got, tally = read(text, step=1 << 18)

    assert got.count(["u@example.com"]) == 60_000
    assert tally.reconciled
