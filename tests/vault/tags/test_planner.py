"""The leakage rule, at its edges."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.fields.catalogue import BUILTIN, Catalogue, Ends, field_of
from vault.fields.custom import parse
from vault.tags.planner import PART_BITS, Reason, check, check_field, exempt, told
from vault.tags.registry import kinds_of


def custom(bits, *, identifying=False, ends=(), searchable=True, end_bits=()):
    return dataclasses.replace(
        field_of("plate"),
        code="x_blood",
        number=40,
        bits=bits,
        identifying=identifying,
        searchable=searchable,
        ends=ends,
        end_bits=end_bits,
    )


@pytest.mark.parametrize(
    ("bits", "people", "reason"),
    [
        (10, 1_000_000, None),
        (9.9, 1_000_000, Reason.TOO_COARSE),
        (18.9, 1_000_000, None),
        (19, 1_000_000, Reason.TOO_FINE),
        (9, 100_000, None),
        (8, 100_000, Reason.TOO_COARSE),
        (16, 100_000, Reason.TOO_FINE),
        (3, 16, None),
        (2, 16, Reason.TOO_COARSE),
        (3, 15, Reason.TOO_FEW_PEOPLE),
    ],
)
def test_a_heap_holds_at_least_two_people_and_fewer_than_the_root_of_all(bits, people, reason):
    found = check_field(custom(bits), people)
    assert (found and found.reason) == reason


def test_the_bits_of_all_tags_of_a_field_add_up():
    field = custom(12, ends=(Ends(1, 0), Ends(0, 2)))
    assert told(field) == pytest.approx(12 + 5.17 + 10.34, abs=0.01)
    assert told(custom(80)) == 64


def test_what_identifies_or_is_not_searchable_is_exempt():
    assert exempt(custom(40, identifying=True))
    assert exempt(custom(1, searchable=False))
    assert check_field(custom(40, identifying=True), 1_000_000) is None
    assert not exempt(custom(40))


@pytest.mark.parametrize(
    ("end_bits", "reason"),
    [((4.7,), Reason.PART_TOO_COARSE), ((30.0, 12.9), Reason.PART_TOO_COARSE), ((13.3, 18.0), None)],
)
@pytest.mark.parametrize("people", [16, 1_000_000, 10**9])
def test_parts_of_what_identifies_keep_as_many_bits_as_the_built_in_ones(end_bits, reason, people):
    field = custom(40, identifying=True, ends=(Ends(1, 0), Ends(0, 4))[: len(end_bits)], end_bits=end_bits)

    found = check_field(field, people)

    assert (found and found.reason) == reason
    if found:
        assert (found.bits, found.fewest_people, found.most_people) == (min(end_bits), None, None)
        assert found.candidates == people / 2 ** min(end_bits)


def test_a_part_is_never_harder_to_guess_than_the_whole():
    field = custom(12, identifying=True, ends=(Ends(4, 4),), end_bits=(38.0,))
    assert check_field(field, 1_000_000).bits == 12


@pytest.mark.parametrize(
    ("tags", "refused"),
    [
        ("{ first = 1 }", True),
        ("{ last = 3 }", True),
        ("{ last = 4 }", False),
        ("{ first = 2, last = 4 }", False),
        ("{ first = 2, last = 4 }, { first = 1 }", True),
        ("{ first = 1, last = 2 }", True),
    ],
)
def test_the_parts_of_a_defined_field_are_judged_by_what_its_pattern_allows_there(tags, refused):
    (definition,) = parse(
        f"""
        [x_member]
        number = 40
        labels = {{ en = "Member", zh-CN = "会员" }}
        searchable = true
        identifying = true
        pattern = '[A-Z]{{2}}\\d{{6,10}}'
        longest = 12
        bits = 30
        tags = [{tags}]
        """
    )
    found = check(Catalogue([*BUILTIN, definition.field()]), 1_000_000)
    assert [(one.field, one.reason) for one in found] == [("x_member", Reason.PART_TOO_COARSE)] * refused


def test_the_weakest_ends_of_a_built_in_field_set_the_measure():
    ends = [made.bits for code in ("phone", "bank_card") for made in kinds_of(field_of(code))]
    assert PART_BITS <= min(ends) < PART_BITS + 1


def test_built_in_fields_keep_the_rule_from_a_hundred_thousand_to_a_hundred_million_people():
    for people in (100_000, 1_000_000, 10_000_000, 100_000_000):
        assert check(BUILTIN, people) == []
    (found,) = check(BUILTIN, 10_000)
    assert (found.field, found.reason) == ("address", Reason.TOO_FINE)
    assert found.fewest_people == 65_536


def test_an_operators_field_outside_the_bound_is_found_in_its_catalogue():
    found = check(Catalogue([*BUILTIN, custom(3)]), 1_000_000)
    assert [(one.field, one.reason) for one in found] == [("x_blood", Reason.TOO_COARSE)]


@given(st.floats(0.5, 40), st.integers(16, 10**10))
def test_a_finding_says_for_how_many_people_the_tags_would_do(bits, people):
    found = check_field(custom(bits), people)
    if found is not None and found.fewest_people <= found.most_people:
        assert not found.fewest_people <= people <= found.most_people
        assert check_field(custom(bits), found.fewest_people) is None
        assert check_field(custom(bits), found.most_people) is None
