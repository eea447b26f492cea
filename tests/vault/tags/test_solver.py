"""The mask solver against looking at everybody, and the readings of single cells."""

import random
import re

from hypothesis import given
from hypothesis import strategies as st

from tests.vault.tags.population import people
from vault.fields.catalogue import BUILTIN, field_of
from vault.tags.agreement import agreeing
from vault.tags.masked import Masked, read
from vault.tags.registry import kinds_of
from vault.tags.shapes import Shape
from vault.tags.solver import Exact, plans, read_cell

CROWD = people(400, seed=3)
FIELDS = ("phone", "resident_id", "bank_card", "passport", "plate", "email", "address")
CANONICAL = {code: [field_of(code).canonical(one[code]) for one in CROWD] for code in FIELDS}


def index(code):
    """What the tag table would hold of one field: whose parts are what."""
    made = {}
    for who, canonical in enumerate(CANONICAL[code]):
        for found in kinds_of(field_of(code)):
            text = found.cut(canonical)
            if text is not None:
                made.setdefault((found.shape, text), set()).add(who)
    return made


INDEX = {code: index(code) for code in FIELDS}


def hide(text, keep):
    return "".join(c if shown else "*" for c, shown in zip(text, keep, strict=True))


@given(st.data())
def test_every_plan_for_a_mask_suggests_everybody_whom_the_mask_fits(data):
    code = data.draw(st.sampled_from(FIELDS))
    canonical = data.draw(st.sampled_from(CANONICAL[code]))
    keep = data.draw(st.lists(st.booleans(), min_size=len(canonical), max_size=len(canonical)))
    if code == "email":
        keep = [shown or c == "@" for c, shown in zip(canonical, keep, strict=True)]
    text = hide(canonical, keep)
    reading = read(code, text)
    if reading is None:
        assert all(keep) or not any(keep) or set(text) <= {"*", "@"} or "@" not in canonical
        return
    pattern = re.compile("".join("." if c == "*" else re.escape(c) for c in text))
    fitting = {who for who, one in enumerate(CANONICAL[code]) if pattern.fullmatch(one)}
    assert fitting <= {who for who, one in enumerate(CANONICAL[code]) if reading.fits(one)}
    for plan in plans({code: reading}):
        suggested = set().union(*(INDEX[code].get((p.shape, p.text), set()) for p in plan.probes))
        assert fitting <= suggested, plan.how


@given(st.sampled_from(FIELDS), st.integers(0, len(CROWD) - 1), st.data())
def test_a_fixed_run_of_stars_fits_as_well_as_a_counted_one(code, who, data):
    canonical = CANONICAL[code][who]
    at = canonical.index("@") if code == "email" else len(canonical)
    first, last = sorted(data.draw(st.tuples(st.integers(1, at - 1), st.integers(1, at - 1))))
    if first == last:
        last = min(last + 1, at)
    stars = data.draw(st.integers(2, 6))
    reading = read(code, canonical[:first] + "*" * stars + canonical[last:])
    if reading is None:  # the beginning of an address may be nothing to know it by
        assert code == "address"
        return
    assert reading.sized or reading.fits(canonical)


def test_the_plan_with_the_fewest_suggestions_comes_first():
    chosen = {
        "138****5678": "p3s4",
        "1381234****": "p7",
        "*******5678": "s4",
        "13812345*78": "exact",
        "13*****5678": "p3s4",  # ten prefixes are tried out
    }
    for text, how in chosen.items():
        assert plans({"phone": read_cell("phone", text)})[0].how == how, text
    chosen = {
        "110105********002X": "p6s4",
        "1101**********002X": "p4s4",
        "110***********002X": "p3s4",
        "******19491231002X": "birth8s4",
    }
    for text, how in chosen.items():
        assert plans({"resident_id": read_cell("resident_id", text)})[0].how == how, text


def test_expected_suggestions_are_those_of_the_table():
    expected = {
        ("phone", "13812345678"): 1,
        ("phone", "138****5678"): 2,
        ("phone", "1381234****"): 2,
        ("phone", "*******5678"): 100,
        ("resident_id", "110105********002X"): 1,
        ("resident_id", "110***********002X"): 1,
    }
    for (code, text), most in expected.items():
        assert plans({code: read_cell(code, text)})[0].expected(10**6) <= most, text
    pair = {"name": read_cell("name", "张*丰"), "phone": read_cell("phone", "138****5678")}
    assert plans(pair)[0].how == "surname_phone"
    assert plans(pair)[0].expected(10**7) <= 1


def test_stars_and_letters_are_read_for_what_they_are():
    assert read("phone", "138xxxx5678") == Masked("138****5678", sized=True)
    assert read("phone", "+86 138●●●●5678") == Masked("138****5678", sized=True)
    assert read("phone", "138＊＊＊＊5678") == Masked("138****5678", sized=True)
    assert read("phone", "138-****-5678") == Masked("138****5678", sized=True)
    assert read("phone", "138__5678") == Masked("138**5678", sized=False)
    assert read("resident_id", "110105xxxxxxxx002x") == Masked("110105********002X", sized=True)
    assert read("resident_id", "110105491231***") == Masked("11010519491231****", sized=True)
    assert isinstance(read_cell("email", "zhaxxx@qq.com"), Exact)
    assert isinstance(read_cell("email", "zha***@qq.com"), Masked)
    assert read("phone", "***********") is None
    assert read("phone", "13812345678") is None
    assert read("phone", "*" * 2_000 + "1") is None


def test_one_star_more_than_a_number_has_is_a_run_of_any_length():
    reading = read("phone", "138*****5678")
    assert reading is not None
    assert not reading.sized
    assert reading.fits("13812345678")


def test_double_family_names_are_tried_where_a_mask_may_hide_their_second_character():
    readings = {"name": read_cell("name", "欧**"), "phone": read_cell("phone", "138****5678")}
    plan = plans(readings)[0]
    assert {"欧|1385678", "欧阳|1385678"} <= {probe.text for probe in plan.probes}


def test_unknown_digits_are_tried_out_only_while_they_are_few():
    two = plans({"phone": read_cell("phone", "138****56**")})
    assert {plan.how for plan in two} == {"p3s4", "s4"}
    assert len(two[0].probes) == 100
    assert plans({"phone": read_cell("phone", "138****5***")}) == []


def test_the_check_character_is_tried_out_with_its_x():
    (plan, *_) = plans({"resident_id": read_cell("resident_id", "110105********002*")})
    assert [probe.text for probe in plan.probes][-1] == "110105002X"
    assert len(plan.probes) == 11


def test_agreement_is_with_any_version_and_the_newest_counts():
    versions = [(1, "13812345678"), (2, "13912345678"), (3, "13812345678")]
    assert agreeing("phone", Exact("13812345678"), versions) == 3
    assert agreeing("phone", Masked("139****5678", sized=True), versions) == 2
    assert agreeing("phone", Exact("13700000000"), versions) is None


def test_random_rows_never_make_a_plan_fail():
    rng = random.Random(2)
    alphabet = "0123456789*xX#?_●@.张三省市路号室-=/{} abcdef"
    for _ in range(2_000):
        row = {f.code: "".join(rng.choices(alphabet, k=rng.randrange(1, 30))) for f in BUILTIN}
        readings = {code: found for code, text in row.items() if (found := read_cell(code, text))}
        for plan in plans(readings):
            assert plan.probes
            assert all(Shape(probe.shape) for probe in plan.probes)
