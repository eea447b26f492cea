"""`perusal fields`: what is known, and defining one's own."""

import json
import re
from pathlib import Path

import pytest

from api.cli.failures import Exit

MEMBER = """
[x_member]
number = 32
labels = { en = "Member number", zh-CN = "会员号" }
unique = true
searchable = true
identifying = true
pattern = "[A-Z]{2}\\\\d{6,10}"
longest = 12
bits = 30
"""
CLUB = MEMBER.replace("x_member", "x_club").replace("32", "33")


@pytest.fixture
def definitions(tmp_path):
    def write(text):
        path = tmp_path / "fields.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_the_list_names_every_field(perusal, home):
    said = perusal("fields", "list", "--dir", home)

    assert said.code == Exit.OK
    for word in ("resident_id", "Resident ID number", "sensitive", "bank_card", "plate"):
        assert word in said.out


def test_a_defined_field_is_listed_and_can_be_stored_at_the_next_opening(
    perusal, home, definitions, tmp_path
):
    added = perusal("fields", "add", definitions(MEMBER), "--people", 1_000_000, "--dir", home, "--json")
    listed = perusal("fields", "list", "--dir", home, "--json")
    (tmp_path / "people.jsonl").write_text(
        json.dumps({"name": "Li Si", "x_member": "AB123456"})
        + "\n"
        + json.dumps({"name": "Li San", "x_member": "AB-1"})
        + "\n"
    )
    taken = perusal("enrol", tmp_path / "people.jsonl", "--keys-out", tmp_path / "k", "--dir", home, "--json")

    assert added.json == {"fields": [{"code": "x_member", "version": 1}]}
    assert listed.json["fields"][-1]["name"] == "Member number"
    assert taken.json["enrolled"] == 1
    assert taken.json["refused"] == [{"line": 2, "code": "custom.pattern", "field": "x_member"}]


def test_of_several_definitions_all_are_taken_or_none(perusal, home, definitions):
    perusal("fields", "add", definitions(MEMBER), "--people", 1_000_000, "--dir", home)
    file = definitions(CLUB + MEMBER.replace("x_member", "x_other"))
    said = perusal("fields", "add", file, "--people", 1_000_000, "--dir", home)

    assert said.code == Exit.WRONG
    assert "[field.taken]" in said.err
    codes = [field["code"] for field in perusal("fields", "list", "--dir", home, "--json").json["fields"]]
    assert "x_club" not in codes


def test_a_bad_definition_says_what_is_wrong_with_it(perusal, home, definitions):
    said = perusal(
        "fields", "add", definitions(MEMBER.replace("bits = 30", "bits = 300")), "--people", 9, "--dir", home
    )

    assert said.code == Exit.WRONG
    assert "bits is above 0" in said.err
    assert "[field.definition]" in said.err


SHIRT = """
[x_shirt]
number = 40
labels = { en = "Shirt size", zh-CN = "衬衫尺码" }
searchable = true
pattern = "[0-9]{2,3}"
longest = 3
bits = 9
"""


def test_a_field_whose_tags_would_single_people_out_is_refused_and_one_that_suits_is_taken(
    perusal, home, definitions
):
    few = perusal("fields", "add", definitions(SHIRT), "--people", 500, "--dir", home)
    enough = perusal("fields", "add", definitions(SHIRT), "--people", 100_000, "--dir", home)

    assert few.code == Exit.WRONG
    assert "[tags.too_fine]" in few.err
    assert "1,024" in few.err
    assert enough.code == Exit.OK


def test_a_partial_tag_that_finds_everybody_is_refused_with_its_reason(perusal, home, definitions):
    coarse = definitions(MEMBER + "tags = [{ first = 1 }]\n")

    said = perusal("fields", "add", coarse, "--people", 1_000_000, "--dir", home)

    assert said.code == Exit.WRONG
    assert "[tags.part_too_coarse]" in said.err
    assert "4.7 bits" in said.err


def test_the_check_tells_every_field_that_does_not_suit_so_many_people(perusal, home, definitions):
    perusal("fields", "add", definitions(SHIRT), "--people", 100_000, "--dir", home)

    good = perusal("fields", "check", "--people", 200_000, "--dir", home)
    bad = perusal("fields", "check", "--people", 1_000_000, "--dir", home, "--json")

    assert good.code == Exit.OK
    assert "200,000 people" in good.out
    assert bad.code == Exit.WRONG
    assert [each["reason"] for each in bad.json["findings"]] == ["tags.too_coarse"]


def test_the_examples_in_the_guide_can_be_taken(perusal, home, definitions):
    guide = (Path(__file__).parents[2] / "docs" / "operators.md").read_text(encoding="utf-8")
    examples = re.findall(r"```toml\n(\[x_.*?)```", guide, re.DOTALL)

    said = perusal("fields", "add", definitions("".join(examples)), "--people", 1_000_000, "--dir", home)

    assert said.code == Exit.OK
    assert said.out.count("version 1") == 3
    told = {one["code"]: one for one in perusal("fields", "list", "--dir", home, "--json").json["fields"]}
    assert [told["x_door"][name] for name in ("measures", "precision")] == ["coordinates", "4"]
    assert told["phone"]["measures"] is None
    assert "4 decimals" in perusal("fields", "list", "--dir", home).out


def test_a_field_of_ones_own_is_offered_to_purposes_and_withheld_again(perusal, home, definitions):
    perusal("fields", "add", definitions(MEMBER), "--people", 1_000_000, "--dir", home)

    offered = perusal("fields", "offer", "x_member", "account", "payment", "--dir", home, "--json")
    listed = perusal("fields", "list", "--dir", home, "--json")
    withheld = perusal("fields", "withhold", "x_member", "payment", "--dir", home)
    again = perusal("fields", "withhold", "x_member", "payment", "--dir", home)
    wrong = [
        perusal("fields", "offer", *words, "--dir", home)
        for words in (("phone", "account"), ("x_member", "fun"))
    ]

    assert offered.json == {"field": "x_member", "offered": ["account", "payment"]}
    assert listed.json["fields"][-1]["offered"] == ["account", "payment"]
    assert withheld.code == Exit.OK
    assert "[field.unknown]" in again.err
    assert ["[field.unknown]" in wrong[0].err, "[unknown_purpose]" in wrong[1].err] == [True, True]
