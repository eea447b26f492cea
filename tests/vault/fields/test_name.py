"""Names: what is folded away, and what the mask shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.fields.folding import _PAIRS, simplified
from vault.fields.name import COMPOUND, InvalidName, canonical, mask, surname


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("张三丰", "張三豐"),
        ("张 三丰", "张三丰"),
        ("买买提·艾力", "买买提艾力"),
        ("买买提・艾力", "买买提•艾力"),
        ("John Smith", "JOHN  SMITH"),
        ("J. R. Smith", "j r smith"),
        ("José", "Jose\u0301"),
        ("Ｊｏｈｎ", "John"),
        ("STRASSE", "Straße"),
        ("劉德華", "刘德华"),
        ("歐陽鋒", "欧阳锋"),
        ("张三\u200b丰", "张三丰"),
    ],
)
def test_two_spellings_of_one_name_meet(one, other):
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(("one", "other"), [("张三丰", "张三风"), ("Li Na", "Li Ya"), ("O'Neil", "Oneil")])
def test_two_names_stay_two(one, other):
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize("text", ["", " ", "···", "123", "\u200b", "张" * 101, "x" * 1_000])
def test_what_is_no_name_is_refused_without_repeating_it(text):
    with pytest.raises(InvalidName) as refusal:
        canonical(text)
    assert refusal.value.code in {"name.invalid", "name.letters", "name.length"}
    assert str(refusal.value) == "not a name"


@pytest.mark.parametrize(
    ("text", "reason"), [("\u200b", "name.invalid"), ("123", "name.letters"), ("张" * 101, "name.length")]
)
def test_a_refusal_says_what_is_wrong_with_the_name(text, reason):
    with pytest.raises(InvalidName) as refusal:
        canonical(text)
    assert refusal.value.code == reason


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("张三丰", "张"),
        ("歐陽鋒", "欧阳"),
        ("欧阳", "欧"),
        ("司马懿", "司马"),
        ("买买提·艾力", "买"),
        ("张", None),
        ("John Smith", None),
    ],
)
def test_the_family_name_is_told_of_chinese_names_only(name, family):
    assert surname(canonical(name)) == family


def test_compound_family_names_are_in_canonical_form():
    assert all(len(family) == 2 and simplified(family) == family for family in COMPOUND)


@given(st.text(max_size=30))
def test_the_canonical_form_of_a_canonical_form_is_itself(text):
    try:
        once = canonical(text)
    except InvalidName:
        return
    assert canonical(once) == once


@given(st.text(max_size=50))
def test_folding_twice_changes_nothing(text):
    assert simplified(simplified(text)) == simplified(text)


def test_the_folding_table_is_a_table_of_single_pairs():
    words = _PAIRS.split()
    assert all(len(word) == 2 and word[0] != word[1] for word in words)
    assert len({word[0] for word in words}) == len(words)
    assert not {word[0] for word in words} & {word[1] for word in words}


def test_simplified_characters_of_the_table_exist_in_the_national_standard():
    """GB 18030's older core holds what a simplified name is written with; a slip of the pen would not be in it."""
    for word in _PAIRS.split():
        word[1].encode("gbk")
        word[0].encode("gbk")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("张三丰", "张*丰"),
        ("李四", "李*"),
        ("王", "王*"),
        ("欧阳修远", "欧**远"),
        ("买买提·艾力", "买****力"),
        ("John Smith", "J*** S***"),
        ("Cher", "C***"),
        ("José Ortega", "J*** O***"),
    ],
)
def test_the_mask_shows_the_outer_characters_or_the_initials(value, shown):
    assert mask(value) == shown
