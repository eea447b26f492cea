"""Addresses: spellings that meet, parts that are found, and a mask that stops at the county."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.fields.address import AddressParts, InvalidAddress, abroad, canonical, mask, parts
from vault.fields.catalogue import field_of

FULL = "440305/科技园路1号3栋2单元501室"


@pytest.mark.parametrize(
    "written",
    [
        "广东省深圳市南山区科技园路1号3栋2单元501室",
        "深圳市南山区科技园路1号3栋2单元501室",
        "深圳南山区科技园路一号三幢二单元五〇一房",
        "广东省 深圳市 南山区，科技园路１号，３号楼2单元501",
        "廣東省深圳市南山區科技園路1號3座2單元501室",
        "518000 广东省深圳市南山区科技园路1号3-2-501",
        "深圳市南山区科技园路1号(3#2单元0501室)",
        "深圳市南山区科技园路1号第3栋2门501户",
        FULL,
    ],
)
def test_every_spelling_is_one_address(written):
    assert canonical(written) == FULL


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("深圳市南山区科技园路1号", "深圳市南山区科技园路11号"),
        ("深圳市南山区科技园路1号", "深圳市福田区科技园路1号"),
        ("科技园路1号3栋501室", "科技园路1号5栋301室"),
        ("文三路90-2号", "文三路902号"),
    ],
)
def test_two_addresses_stay_two(one, other):
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "address.invalid"),
        ("  ,.; ", "address.invalid"),
        ("12345", "address.invalid"),
        ("路" * 201, "address.length"),
        ("路" * 801, "address.length"),
    ],
)
def test_what_is_no_address_is_refused_with_its_reason_and_not_repeated(text, reason):
    with pytest.raises(InvalidAddress) as refusal:
        canonical(text)
    assert refusal.value.code == reason
    assert str(refusal.value) == "not an address"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (FULL, AddressParts("440305", "科技园路1", "3-501")),
        ("北京市朝阳区建外街道建国路甲88号B座12层1203", AddressParts("110105", "建国路甲88", "b-1203")),
        ("四川省成都市武侯区人民南路四段27号", AddressParts("510107", "人民南路4段27", None)),
        ("江苏省昆山市古镇路88号", AddressParts("320583", "古镇路88", None)),
        ("南京路100号", AddressParts(None, "南京路100", None)),
        ("北京市海淀区中关村大街27号院3号楼二门301号", AddressParts("110108", "中关村大街27", "3-301")),
        ("上海市静安区", AddressParts("310106", None, None)),
        ("221B Baker Street, London", AddressParts(None, None, None)),
    ],
)
def test_an_address_has_the_parts_it_names(text, expected):
    assert parts(canonical(text)) == expected


def test_an_address_is_kept_as_it_is_written_on_a_parcel():
    assert field_of("address").stored(" 深圳市南山区　科技园路1号 ") == "深圳市南山区 科技园路1号"


def test_a_code_that_belongs_to_no_region_is_only_digits():
    assert parts(canonical("999999/科技园路1号")).region6 is None


VOCABULARY = """
广东省 深圳市 南山区 深圳 北京市 朝阳区 科技园路 三 十 百 〇 第 1 05 12 - / # 号 号楼 栋 幢 座 单元 门 室 房 户
层 楼 b 街道 镇 路 440305/ 110105 , 甲 段
"""
WORDS = st.sampled_from(VOCABULARY.split())


@given(st.lists(WORDS, max_size=14).map("".join) | st.text(max_size=40))
def test_the_canonical_form_of_a_canonical_form_is_itself(text):
    try:
        once = canonical(text)
    except InvalidAddress:
        return
    assert canonical(once) == once
    assert canonical(field_of("address").stored(text)) == once


@given(st.lists(WORDS, max_size=14).map("".join))
def test_the_mask_shows_nothing_but_the_region(text):
    shown = mask(text)
    assert shown.endswith("****")
    assert not set(shown.removesuffix("****")) & set("0123456789号栋室路")


def test_the_mask_names_the_region_in_full():
    assert mask("深圳南山区科技园路1号") == "广东省深圳市南山区****"
    assert mask("Baker Street") == "****"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("221B Baker Street, London", ("ndon", "221")),
        ("Hauptstraße 5, D-10115 Berlin", ("rlin", "5")),
        ("1234567 Long Number Road 12, Town", ("town", "12")),
        ("Rose Cottage, Nether Wallop", ("llop", None)),
        ("Rome", (None, None)),
        ("深圳市南山区SOHO", (None, None)),
        ("科技园路1号 SOHO", (None, None)),
    ],
)
def test_an_address_without_chinese_characters_is_told_by_its_number_and_its_end(text, expected):
    assert abroad(canonical(text)) == expected
