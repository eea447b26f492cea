"""Carriers: whatever is served means what is stored, shows every bit it was given, and loses them all when cleaned."""

import re
import unicodedata

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.marks.carriers import CARRIERS, read, serve
from vault.fields import FIELDS, address
from vault.fields.text import clean

WHOLE = {
    "phone": ["13812345678", "+442079460958", "+16502530000", "+861082345678", "+6591234567"],
    "email": ["wang.li@qq.com", "a.b+c@mail.example.co.uk", "li@163.com", "x@xn--fsqu00a.xn--0zwm56d"],
    "birth_date": ["1990-01-31", "1988-11-12", "2001-02-03"],
    "plate": ["粤B12345", "京AD12345", "粤Z1234港"],
    "address": [
        "广东省深圳市南山区科技园路1号3栋501室",
        "北京市朝阳区建国路88号A座1203室",
        "深圳市福田区益田路6001号太平金融大厦3号楼12层",
        "内蒙古自治区呼和浩特市新城区中山路1号",
        "上海市浦东新区世纪大道100号",
        "科技园路1号3幢2单元501房",
        "221B Baker Street, London NW1 6XE",
        "Apt 4, 12 Long Acre St., Springfield",
        "1600 Amphitheatre Parkway, Mountain View, CA 94043",
        "Rua Áugusta 12, São Paulo",
        "Flat 3",
    ],
}


@st.composite
def stored(draw: st.DrawFn) -> tuple[str, str]:
    """A field and a value as it is stored: one of the typical ones, or one made up."""
    field = draw(st.sampled_from(sorted(WHOLE)))
    made = {
        "phone": st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
        "email": st.from_regex(r"[a-z][a-z0-9.]{0,8}@[a-z0-9]{1,8}(\.[a-z]{2,6}){1,2}", fullmatch=True),
        "birth_date": st.dates().map(str).filter(lambda day: "1800" <= day[:4] < "2200"),
        "plate": st.from_regex("[粤京]B[A-H0-9]{5}", fullmatch=True),
        "address": st.lists(st.sampled_from(PIECES), min_size=1, max_size=9).map("".join),
    }
    text = draw(st.one_of(st.sampled_from(WHOLE[field]), made[field]))
    if field == "address":
        text = clean(text)
        if not any(c.isalpha() for c in re.sub("[0-9]", "", text)):
            text = WHOLE["address"][0]
    else:
        text = FIELDS[field].stored(text)
    return field, text


PIECES = [
    *("广东省", "广东", "深圳市", "深圳", "南山区", "北京市", "朝阳区", "吉林省", "吉林市", "518057"),
    *(
        "科技园路",
        "南京路",
        "1号",
        "12号",
        "第3",
        "３",
        "栋",
        "幢",
        "座",
        "号楼",
        "A",
        "b",
        "-",
        "室",
        "房",
        "501",
    ),
    *(
        " ",
        ",",
        ", ",
        "Baker",
        "street",
        "St",
        "St.",
        "LONDON",
        "NW1",
        "6XE",
        "é",
        "户",
        "号房",
        "号室",
        "省",
        "市",
        "区",
    ),
]
BITS = st.dictionaries(st.sampled_from(sorted(CARRIERS)), st.integers(0, 1), min_size=1)


@given(stored(), BITS)
@settings(max_examples=600, deadline=None)
def test_a_served_value_means_the_same_and_shows_the_bits_it_was_given(one, wanted):
    field, value = one
    bits = {code: bit for code, bit in wanted.items() if CARRIERS[code] == field}

    served = serve(field, value, bits)

    assert FIELDS[field].canonical(served) == FIELDS[field].canonical(value)
    seen = read(field, served)
    if served != value:
        assert {code: seen[code] for code in bits.keys() & seen.keys()}.items() <= bits.items()


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, vs in WHOLE.items() for v in vs])
def test_carriers_compose_in_every_combination(field, value):
    own = sorted(code for code, of in CARRIERS.items() if of == field)
    carried = {
        code
        for code in own
        if {read(field, serve(field, value, {code: bit})).get(code) for bit in (0, 1)} == {0, 1}
        and serve(field, value, {code: 0}) != serve(field, value, {code: 1})
    }

    forms = set()
    for number in range(2 ** len(carried)):
        bits = {code: number >> at & 1 for at, code in enumerate(sorted(carried))}
        served = serve(field, value, bits)
        assert bits.items() <= read(field, served).items()
        forms.add(served)

    assert len(forms) == 2 ** len(carried)


def test_typical_values_carry_as_many_bits_as_their_tables_say():
    def carried(field, value):
        own = [code for code, of in CARRIERS.items() if of == field]
        return {code for code in own if serve(field, value, {code: 0}) != serve(field, value, {code: 1})}

    assert len(carried("phone", "13812345678")) == 4
    assert carried("phone", "+442079460958") == {"phone.joint", "phone.separator"}
    assert len(carried("address", "广东省深圳市南山区科技园路1号3栋501室")) == 6
    assert carried("address", "221B Baker Street, London NW1 6XE") == {
        "address.comma",
        "address.capitals",
        "address.postcode",
    }
    assert carried("email", "li@163.com") == {"email.ending"}
    assert carried("email", "x@xn--fsqu00a.xn--0zwm56d") == set()


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), BITS)
@settings(max_examples=100, deadline=None)
def test_every_telephone_number_still_parses_as_the_same(number, wanted):
    bits = {code: bit for code, bit in wanted.items() if CARRIERS[code] == "phone"}

    parsed = phonenumbers.parse(serve("phone", number, bits), "CN")

    assert (parsed.country_code, str(parsed.national_number)) == (86, number)


@pytest.mark.parametrize(("field", "value"), [(f, vs[0]) for f, vs in WHOLE.items()])
def test_a_cleaned_value_is_unreadable_and_never_guessed(field, value):
    own = {code: 1 for code, of in CARRIERS.items() if of == field}
    served = serve(field, value, own)

    assert read(field, FIELDS[field].canonical(served)) == {}
    assert read(field, value).keys() <= {"address.city", "address.province"}
    assert read(field, "not a value of it") == {}


def test_a_chinese_address_stripped_of_blanks_and_width_keeps_the_words():
    bits = {code: 1 for code, field in CARRIERS.items() if field == "address"}
    served = serve("address", "广东省深圳市南山区科技园路1号3栋501室", bits)
    assert served == "广东 深圳 南山区 科技园路1号3号楼５０１号房"

    stripped = unicodedata.normalize("NFKC", served).replace(" ", "").lower()

    assert read("address", stripped) == {
        "address.building": 1,
        "address.city": 1,
        "address.province": 1,
        "address.room": 1,
    }
    assert address.canonical(stripped) == address.canonical("广东省深圳市南山区科技园路1号3栋501室")


def test_names_and_numbers_of_identity_have_no_carriers():
    assert {"name", "resident_id", "passport", "bank_card", "note"}.isdisjoint(CARRIERS.values())
