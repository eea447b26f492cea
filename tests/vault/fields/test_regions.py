"""Regions at the head of an address: full names where they stand, short ones only with something inside them."""

import re
from importlib import resources

import pytest

from vault.fields.folding import simplified
from vault.fields.regions import Begun, Found, begun, name_of, recognise

LINES = resources.files("vault.fields").joinpath("regions.txt").read_text("utf-8").splitlines()


@pytest.mark.parametrize(
    ("text", "code", "rest"),
    [
        ("广东省深圳市南山区科技园路", "440305", "科技园路"),
        ("中国广东省深圳市南山区", "440305", ""),
        ("深圳市南山区科技园路", "440305", "科技园路"),
        ("深圳南山区科技园路", "440305", "科技园路"),
        ("广东深圳科技园", "440300", "科技园"),
        ("深圳市科技园", "440300", "科技园"),
        ("广东省科技园", "440000", "科技园"),
        ("北京市朝阳区建国路", "110105", "建国路"),
        ("北京市北京市朝阳区建国路", "110105", "建国路"),
        ("北京市市辖区朝阳区建国路", "110105", "建国路"),
        ("上海南京西路", "310000", "南京西路"),
        ("浦东新区世纪大道", "310115", "世纪大道"),
        ("重庆市城口县", "500229", ""),
        ("江苏省昆山市前进路", "320583", "前进路"),
        ("昆山市前进路", "320583", "前进路"),
        ("河南省济源市", "419001", ""),
        ("吉林市昌邑区", "220202", ""),
        ("海南藏族自治州", "632500", ""),
        ("湖北恩施", "422800", ""),
        ("内蒙古呼和浩特市", "150100", ""),
        ("香港特别行政区中环", "810000", "中环"),
    ],
)
def test_the_deepest_region_named_is_recognised(text, code, rest):
    found = recognise(text)
    assert found is not None
    assert (found.code, text[found.end :]) == (code, rest)


@pytest.mark.parametrize(
    "text", ["", "abc", "南京路100号", "上海路1号", "朝阳区建国路", "恩施", "中山东路3号"]
)
def test_streets_named_after_places_and_ambiguous_names_are_no_region(text):
    assert recognise(text) is None


def test_the_name_of_a_region_says_all_that_is_above_it():
    assert name_of("440305") == "广东省深圳市南山区"
    assert name_of("110105") == "北京市朝阳区"
    assert name_of("419001") == "河南省济源市"
    assert name_of("440000") == "广东省"
    assert name_of("123456") is None


def test_every_region_is_found_by_its_own_full_name():
    for line in LINES:
        code, own, *counties = line.split(" ")
        codes = ([] if own == "-" else [code.ljust(6, "0")]) + [code + item[:2] for item in counties]
        for each in codes:
            name = name_of(each)
            assert recognise(name) == Found(each, len(name))


def test_the_table_is_well_formed_and_in_simplified_writing():
    codes = [line.split(" ")[0] for line in LINES]
    assert codes == sorted(codes, key=lambda code: code.ljust(4, " "))
    assert len(set(codes)) == len(codes)
    assert sum(len(code) == 2 for code in codes) == 34
    for line in LINES:
        assert re.fullmatch(r"\d{2} \w+|\d{4} (?:\w+|-)(?: \d{2}[^\W\d]+)*", line)
        assert simplified(line) == line


def spellings():
    """Every county as addresses begin with it, and streets that are called like a place."""
    plain = [line.split(" ") for line in LINES]
    names = {row[0]: row[1] for row in plain}
    for code, name, *counties in plain:
        above = names[code[:2]]
        own = "" if name == "-" or len(code) == 2 else name
        short = re.sub("(?:省|市|自治区)$", "", above), re.sub("(?:市|地区)$", "", own)
        for county in ("", *(item[2:] for item in counties)):
            yield from {above + own + county, "".join(short) + county}
        yield from {own, f"中国{above}{own}"}
        for road in ("路1号", "东路2号", "大街3号"):
            yield from {own + road, short[1] + road, "".join(short) + road}


def test_what_a_text_that_breaks_off_says_of_its_region_holds_however_it_goes_on():
    looked_at = 0
    for text in spellings():
        whole = recognise(f"{text}科技园路1号")
        for cut in range(len(text) + 1):
            said = begun(text[:cut])
            looked_at += 1
            if not said.code and said.end < cut:
                assert whole is None, (text, cut)
            elif len(said.code) == 6:
                assert whole == Found(*said), (text, cut)
            else:
                assert said.end == cut
                assert whole is None or whole.code.startswith(said.code), (text, cut)
                assert not said.code or whole, (text, cut)
    assert looked_at > 30_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("北京市朝阳区", Begun("110105", 6)),
        ("北京市朝", Begun("11", 4)),
        ("深圳市科技", Begun("440300", 3)),
        ("广东省", Begun("44", 3)),
        ("北京", Begun("", 2)),
        ("中国广", Begun("", 3)),
        ("科技园路", Begun("", 0)),
    ],
)
def test_a_name_that_breaks_off_gives_the_digits_that_are_certain(text, expected):
    assert begun(text) == expected
