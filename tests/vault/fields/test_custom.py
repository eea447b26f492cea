"""Operators' own fields: what a definition may say, and the field it becomes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.fields.custom import BadDefinition, check_successor, from_json, parse
from vault.fields.field import Ends, Sensitivity
from vault.fields.text import InvalidValue

GOOD = """
[x_member]
number = 32
labels = { en = "Member number", zh-CN = "会员号" }
sensitivity = "ordinary"
unique = true
searchable = true
identifying = true
pattern = "[A-Z]{2}\\\\d{6,10}"
longest = 12
case = "upper"
drop = " -."
bits = 30
mask = { first = 2, last = 2 }
tags = [{ first = 2, last = 4 }, { last = 6 }]
"""


def good(**changes: str):
    lines = [line for line in GOOD.strip().splitlines() if line.split(" = ")[0] not in changes]
    return parse("\n".join([*lines, *(f"{name} = {text}" for name, text in changes.items() if text)]))[0]


def test_a_definition_becomes_a_field():
    field = good().field()

    assert (field.code, field.number, field.unique, field.searchable) == ("x_member", 32, True, True)
    assert field.sensitivity is Sensitivity.ORDINARY
    assert field.ends == (Ends(2, 4), Ends(0, 6))
    assert field.label("en") == "Member number"
    assert field.label("zh-CN") == "会员号"
    assert field.label("fr") is None
    assert field.canonical(" ab 12-34.56 ") == field.stored("ＡＢ１２３４５６") == "AB123456"
    assert field.mask("AB123456") == "AB****56"
    assert hash(field) == hash(field)


def test_what_an_operator_does_not_say_is_the_careful_answer():
    definition = good(
        sensitivity="", unique="", searchable="", identifying="", mask="", tags="", case="", drop=""
    )

    assert definition.sensitivity is Sensitivity.SENSITIVE
    assert not definition.unique
    assert not definition.searchable
    assert definition.field().mask("AB123456") == "********"


@pytest.mark.parametrize(
    ("text", "reason"),
    [("AB12345", "custom.pattern"), ("", "custom.pattern"), ("AB" + "1" * 11, "custom.length")],
)
def test_a_value_of_another_shape_is_refused_with_its_reason_and_not_repeated(text, reason):
    with pytest.raises(InvalidValue) as refusal:
        good().field().canonical(text)
    assert refusal.value.code == reason
    assert reason in good().field().reasons
    assert str(refusal.value) == "not a value of this field"


@pytest.mark.parametrize(
    "changes",
    [
        {"number": "31"},
        {"number": "256"},
        {"number": '"32"'},
        {"number": "true"},
        {"number": ""},
        {"labels": '{ en = "x" }'},
        {"labels": '{ en = "x", zh-CN = "" }'},
        {"labels": '{ en = " x", zh-CN = "会" }'},
        {"sensitivity": '"secret"'},
        {"searchable": "false"},
        {"identifying": "false"},
        {"pattern": '"[A-Z]+"'},
        {"pattern": ""},
        {"longest": "0"},
        {"longest": "201"},
        {"case": '"title"'},
        {"drop": '"A"'},
        {"bits": "0"},
        {"bits": "60"},
        {"mask": "{ first = -1 }"},
        {"mask": "{ first = 7, last = 6 }"},
        {"mask": "{ middle = 1 }"},
        {"mask": "{ first = true }"},
        {"tags": "[{ first = 0 }]"},
        {"tags": "[{ first = 2 }, { first = 2, last = 0 }]"},
        {"tags": "[{ first = 13 }]"},
        {"tags": "[3]"},
        {"colour": '"red"'},
    ],
)
def test_a_definition_that_cannot_hold_is_refused(changes):
    with pytest.raises(BadDefinition):
        good(**changes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "number = 3",
        "[x_",
        GOOD.replace("x_member", "member"),
        GOOD.replace("x_member", "x_M"),
        "[x_member]",
    ],
)
def test_what_is_no_document_of_definitions_is_refused(text):
    with pytest.raises(BadDefinition):
        parse(text)


def test_a_definition_survives_being_kept():
    assert from_json(good().as_json()) == good()


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({"labels": '{ en = "Club number", zh-CN = "会员号" }'}, True),
        ({"sensitivity": '"sensitive"'}, True),
        ({"mask": "{ last = 2 }"}, True),
        ({"longest": "14"}, True),
        ({"bits": "28"}, True),
        ({"longest": "11"}, False),
        ({"number": "33"}, False),
        ({"case": '"lower"'}, False),
        ({"drop": '" "'}, False),
        ({"unique": "false"}, False),
        ({"pattern": '"[A-Z]{2}[0-9]{6,11}"'}, False),
        ({"tags": "[{ first = 2, last = 4 }]"}, False),
    ],
)
def test_a_later_version_changes_nothing_that_stored_values_are_found_by(changes, allowed):
    if allowed:
        check_successor(good(), good(**changes))
        return
    with pytest.raises(BadDefinition):
        check_successor(good(), good(**changes))


@given(st.text(max_size=20) | st.from_regex(r"[a-zA-Z]{2}[0-9 .\-]{4,14}", fullmatch=True))
def test_the_canonical_form_of_a_canonical_form_is_itself(text):
    canonical = good().field().canonical
    try:
        once = canonical(text)
    except InvalidValue:
        return
    assert canonical(once) == once


@given(st.from_regex(r"[A-Z]{2}[0-9]{6,10}", fullmatch=True), st.integers(0, 6), st.integers(0, 6))
def test_the_mask_shows_no_more_than_the_ends_it_promises_and_never_half(value, first, last):
    shown = good(mask=f"{{ first = {first}, last = {last} }}").field().mask(value)
    assert sum(c != "*" for c in shown) <= min(first + last, len(value) // 2)
    assert all(a in {b, "*"} for a, b in zip(shown, value, strict=True))


VISIT = """
[x_visit]
number = 40
labels = { en = "Last visit", zh-CN = "最近一次到访" }
kind = "moment"
precision = "minute"
bits = 20
"""
SPOT = VISIT.replace("x_visit", "x_spot").replace('"moment"', '"coordinates"').replace('"minute"', "4")


@pytest.mark.parametrize(
    ("text", "given_text", "stored", "shown"),
    [
        (VISIT, "2026-11-22 22:05:37+08:00", "2026-11-22T14:05:00Z", "2026-**-**T**:**:**Z"),
        (SPOT, "31.23041, 121.47374", "31.2304,121.4737", "31.****,121.****"),
    ],
)
def test_a_measured_field_keeps_its_values_to_the_precision_it_states(text, given_text, stored, shown):
    (definition,) = parse(text)
    field = definition.field()

    assert from_json(definition.as_json()) == definition
    assert field.canonical(given_text) == field.stored(given_text) == stored
    assert field.mask(stored) == shown
    with pytest.raises(InvalidValue) as refusal:
        field.canonical("x")
    assert refusal.value.code in field.reasons


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"minute"', '"day"'),
        ('"minute"', "4"),
        ('precision = "minute"', ""),
        ('kind = "moment"', 'kind = "weight"'),
        ('kind = "moment"', ""),
        ('kind = "moment"', 'pattern = "A"\nlongest = 1'),
        ("bits = 20", "bits = 28"),
        ("bits = 20", 'bits = 20\npattern = "A"'),
        ("bits = 20", "bits = 20\nsearchable = true\ntags = [{ first = 4 }]"),
    ],
)
def test_a_measured_field_says_its_precision_and_nothing_that_belongs_to_texts(old, new):
    with pytest.raises(BadDefinition):
        parse(VISIT.replace(old, new))


def test_what_a_field_measures_and_how_precisely_stays():
    (minute,), (hour,) = parse(VISIT), parse(VISIT.replace('"minute"', '"hour"'))
    check_successor(minute, parse(VISIT.replace("Last visit", "Visit"))[0])
    for other in (hour, parse(SPOT.replace("x_spot", "x_visit"))[0]):
        with pytest.raises(BadDefinition, match="precision"):
            check_successor(minute, other)
