"""Addresses that are shown in part: how they are read, whom they fit, and that nobody who fits is overlooked."""

import itertools
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.fields.address import InvalidAddress, canonical
from vault.fields.catalogue import field_of
from vault.finding.find import TooBroad, find
from vault.people.enrol import NewPerson, create_many
from vault.tags.agreement import agreeing
from vault.tags.masked import Masked, read
from vault.tags.registry import kinds_of
from vault.tags.solver import Exact, plans, read_cell

REGIONS = (
    "广东省深圳市南山区",
    "深圳南山区",
    "北京市朝阳区",
    "上海市浦东新区，",
    "518000 广东省深圳市南山区",
    "浙江省杭州市",
)
ROADS = ("科技园路", "人民南路四段", "建国路甲", "中山大道", "文三路", "粤海街道科技园路", "长安街")
NUMBERS = ("1号", "八十八号", "第5号", "90-2号", "12弄3号", "十号")
BUILDINGS = ("", "3栋", "三幢", "3号楼", "B座", "3#", "十二号楼", "5楼")
UNITS = ("", "2单元", "二门")
ROOMS = ("", "501室", "五〇一房", "0501", "501号", "1203A", "3-501")
ABROAD = (
    "221B Baker Street, London",
    "221 Borough Road, London",
    "10 Downing St., London",
    "1600 Pennsylvania Ave NW, Washington, DC 20500",
    "12 Rue de la Paix, 75002 Paris",
    "Hauptstraße 5, 10115 Berlin",
)


def address(rng):
    return "".join(map(rng.choice, (REGIONS, ROADS, NUMBERS, BUILDINGS, UNITS, ROOMS)))


def hidden(rng, text):
    """`text` with stars in place of one to three runs of it."""
    shown = list(text)
    for _ in range(rng.randrange(1, 4)):
        start = rng.randrange(len(text))
        for at in range(start, min(len(text), start + rng.randrange(1, 6))):
            shown[at] = "*"
    return "".join(shown)


def glob(mask):
    """What anybody would hold against the written address: the shown parts, in order, with anything between."""
    return re.compile(".*".join(map(re.escape, re.split(r"\*+", mask))), re.DOTALL)


def whom_plans_suggest(reading, forms):
    """By plan, which of the canonical forms it suggests."""
    kinds = {kind.shape: kind for kind in kinds_of(field_of("address"))}
    return {
        plan.how: {
            form for form in forms for probe in plan.probes if kinds[probe.shape].cut(form) == probe.text
        }
        for plan in plans({"address": reading})
    }


@pytest.mark.parametrize(
    ("text", "expected", "how"),
    [
        ("北京市朝阳区***路**号", "110105/*路*", {"region"}),
        ("北京市朝阳区XX路XX号", "110105/*路*", {"region"}),
        ("北京市朝阳区××路●●号", "110105/*路*", {"region"}),
        ("北京市朝阳区建国路88号***", "110105/建国路88号*", {"region", "road"}),
        ("北京市朝阳区建国路八十八号＊栋＊＊室", "110105/建国路88号*室", {"region", "road"}),
        ("北京市朝阳区**路**号3号楼二单元五〇一房", "110105/*路*号3栋2单元501室", {"region", "building"}),
        ("518000 广东省深圳市南山区科技园路**", "440305/科技园路*", {"region"}),
        ("440305/科技园路1号*", "440305/科技园路1号*", {"region", "road"}),
        ("科技园路1号****", "科技园路1号*", {"road"}),
        ("广东省东莞市****", "441900/*", {"region"}),
        ("浙江省杭州市****", "3301*", set()),
        ("浙江省杭*市科技园路1号", "33*科技园路1号*", set()),
        ("***朝阳区建国路88号", "*建国路88号*", set()),
        ("**5号楼3单元", "*3单元", set()),
        ("221B B**** Street, London", "221bb*streetlondon", {"region", "road"}),
        ("*** Baker Street, London", "*bakerstreetlondon", {"region"}),
        ("1600 Penn*** Ave, Washington, DC 20500", "1600penn*avewashingtondc20500", {"region", "road"}),
        ("Haupt*** 5, 10115 Berlin", "haupt*510115berlin", {"region"}),
        ("Flat 22*, London", "flat22*london", {"region"}),
    ],
)
def test_what_is_shown_of_an_address_is_read_as_canonical_forms_are_written(text, expected, how):
    reading = read_cell("address", text)

    assert reading == Masked(expected, sized=False)
    assert {plan.how for plan in plans({"address": reading})} == how


@pytest.mark.parametrize("text", ["***", "深圳*", "北京**", "中国广*", "51****", "*幢*", "*" * 1_200 + "路"])
def test_an_address_of_which_nothing_is_certain_says_nothing(text):
    assert read_cell("address", text) is None


def test_a_number_sign_hides_nothing():
    assert read_cell("address", "科技园路1号3#501") == Exact("科技园路1号3栋501室")


def test_a_road_with_its_number_fits_whoever_lives_on_the_premises():
    reading = read("address", "浙江省****科技园路1号")
    assert reading is not None
    assert reading.fits(canonical("浙江省杭州市西湖区科技园路1号3栋501室"))
    assert not reading.fits(canonical("浙江省杭州市西湖区科技园路11号"))


VOCABULARY = """
广东省 深圳市 南山区 深圳 北京市 朝阳区 科技园路 三 十 百 〇 第 1 05 12 - / # 号 号楼 栋 幢 座 单元 门 室 房 户
层 楼 b 街道 镇 路 440305/ 110105 , 甲 段 baker st. 5
"""
WORDS = st.lists(st.sampled_from(VOCABULARY.split()), max_size=14).map("".join)


@given(WORDS | st.text(max_size=40), st.data())
def test_whatever_is_hidden_of_a_canonical_form_still_fits_it(text, data):
    try:
        form = canonical(text)
    except InvalidAddress:
        return
    shown = data.draw(st.lists(st.booleans(), min_size=len(form), max_size=len(form)))
    reading = read("address", "".join(c if kept else "*" for c, kept in zip(form, shown, strict=True)))
    assert reading is None or reading.fits(form)


def test_whatever_is_hidden_of_an_address_however_it_is_spelt_agrees_with_it():
    rng, looked_at = random.Random(4), 0
    for _ in range(4_000):
        text = address(rng)
        mask = hidden(rng, text)
        reading = read("address", mask)
        if reading is not None:
            looked_at += 1
            assert agreeing("address", reading, [(1, canonical(text))]) == 1, (text, mask, reading.text)
    assert looked_at > 3_500


def test_every_plan_suggests_everybody_whom_a_masked_address_agrees_with():
    rng = random.Random(9)
    written = sorted({address(rng) for _ in range(400)} | set(ABROAD))
    forms = {text: canonical(text) for text in written}
    crowd = set(forms.values())
    planned = 0
    for text in rng.sample(written, 150):
        mask = hidden(rng, text)
        reading = read("address", mask)
        if reading is None:
            continue
        agree = {form for form in crowd if agreeing("address", reading, [(1, form)])}
        for how, suggested in whom_plans_suggest(reading, crowd).items():
            planned += 1
            assert agree <= suggested, (mask, how)
        # Whoever's address is spelt in the same way and shows the same is among them.
        assert {forms[one] for one in written if glob(mask).fullmatch(one)} <= agree, mask
    assert planned > 100


@pytest.fixture
def street(vault, now):
    """Sixty homes in three streets, and six abroad; (text, person) each."""
    homes = itertools.product(
        ("北京市朝阳区建国路", "北京市朝阳区光华路", "上海市浦东新区建国路"), range(1, 5), range(1, 6)
    )
    written = [f"{road}{number}号{number + 1}栋{room}01室" for road, number, room in homes] + list(ABROAD)
    made = create_many(vault, [NewPerson({"address": text, "name": "张三"}) for text in written], now)
    return list(zip(written, (one.subject for one in made), strict=True))


def who(answer):
    assert isinstance(answer, list), answer
    return {found.subject for found in answer}


@pytest.mark.parametrize(
    ("mask", "pattern"),
    [
        ("北京市朝阳区***路**号", "北京市朝阳区.*"),
        ("北京市朝阳区建*路**号****", "北京市朝阳区建国路.*"),
        ("北京市朝阳区建国路3号****", "北京市朝阳区建国路3号.*"),
        ("北京朝阳区**路**号3幢201", "北京市朝阳区.*路.*号3栋201室"),
        ("上海市浦东新区建国路一号二号楼***室", "上海市浦东新区建国路1号2栋.*室"),
        ("221B B**** Street, London", "221B.*Street, London"),
        ("221* B*****, London", "221.*, London"),
        ("*** Street, London", ".*Street, London"),
        ("1600 P*** Avenue NW, Washington, DC 20500", "nobody"),
        ("12 R** ** ** Paix, 75002 Paris", "12 Rue.*"),
        ("Haupt****** 5, 10115 BERLIN", "Haupt.*"),
        ("10 D*** St, London", "10 Downing.*"),
        ("***朝阳区光华路3号2栋101室", "no part of it is tagged"),
    ],
)
def test_a_masked_address_finds_exactly_whom_a_look_at_everybody_finds(vault, street, mask, pattern):
    everybody = {subject for text, subject in street if re.fullmatch(pattern, text)}
    assert who(find(vault, {"address": mask})) == everybody


def test_a_whole_address_abroad_finds_its_person_and_not_the_neighbour(vault, street):
    answer = find(vault, {"address": "221b baker street LONDON"})
    assert who(answer) == {subject for text, subject in street if text.startswith("221B Baker")}


def test_another_column_contradicts_a_masked_address(vault, street):
    assert find(vault, {"address": "221B B**** Street, London", "name": "李*"}) == []
    assert len(who(find(vault, {"address": "221B B**** Street, London", "name": "张*"}))) == 1


def test_the_parts_of_one_address_narrow_each_other_before_anybody_is_opened(vault, street, monkeypatch):
    monkeypatch.setattr("vault.finding.find.MOST_OPENED", 39)
    opened = set()

    found = find(vault, {"address": "北京市朝阳区建国路3号****"}, opened=opened.update)

    assert len(who(found)) == 5
    assert len(opened) <= 39
    broad = find(vault, {"address": "北京市朝阳区***"})
    assert isinstance(broad, TooBroad)
    assert broad.suggested >= 40


def test_a_whole_address_that_its_parts_narrow_to_nobody_is_too_broad_and_not_nobodys(
    vault, street, monkeypatch
):
    monkeypatch.setattr("vault.finding.find.MOST_OPENED", 39)

    answer = find(vault, {"address": "北京市朝阳区建国路3号99栋999室"})

    assert isinstance(answer, TooBroad), "somebody may have left out building and room"


def test_hits_that_are_more_than_are_read_at_once_decide_nothing(vault, street, monkeypatch):
    monkeypatch.setattr("vault.finding.find.MOST_OPENED", 7)
    monkeypatch.setattr("vault.finding.find._MOST_HITS", 10)

    answer = find(vault, {"address": "北京市朝阳区建国路3号****"})

    assert isinstance(answer, TooBroad)
