"""`perusal person`: one person's data at the desk."""

import json
import stat

import pytest

from api.cli.failures import Exit
from api.demo.city import citizens
from tests.cli.conftest import SEED


@pytest.fixture
def people(site_template):
    """Line number to subject, of the enrolled city."""
    rows = [json.loads(line) for line in (site_template / "keys.jsonl").read_text().splitlines()]
    return {row["line"]: row["subject"] for row in rows}


def test_a_copy_is_written_as_data_and_as_a_page_for_its_owner_only(perusal, home, people, tmp_path):
    said = perusal(
        "person", "export", "--subject", people[1], "--out", tmp_path / "copy", "--dir", home, "--json"
    )

    assert said.code == Exit.OK
    assert said.json["values"] == 4
    files = [tmp_path / "copy" / name for name in said.json["files"]]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    first = next(citizens(SEED, 1))
    document = json.loads(files[0].read_text("utf-8"))
    assert {one["value"] for one in document["values"]} >= {first.phone, first.email}
    page = files[1].read_text("utf-8")
    assert first.phone in page
    assert not any(word in page for word in ("<script", "<link", "src=", "http:", "https:"))


def test_a_copy_never_replaces_another_and_strangers_are_refused(perusal, home, people, tmp_path):
    ask = ["person", "export", "--out", tmp_path / "copy", "--dir", home, "--subject"]
    assert perusal(*ask, people[1]).code == Exit.OK
    assert perusal(*ask, people[1]).code != Exit.OK
    assert perusal(*ask, "sub_" + "a" * 26).code == Exit.WRONG
    assert perusal(*ask, "13812341234").code == Exit.USAGE


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_the_page_speaks_the_language_that_was_asked_for(perusal, home, people, tmp_path, lang):
    perusal("person", "export", "--subject", people[2], "--out", tmp_path, "--dir", home, "--lang", lang)

    assert f'<html lang="{lang}">' in (tmp_path / "copy.html").read_text("utf-8")


def test_duplicates_are_merged_once_and_only_on_a_clear_word(perusal, home, people):
    merge = ["person", "merge", "--keep", people[1], "--drop", people[2], "--dir", home, "--json"]

    said = perusal(*merge, "--yes")

    assert said.json["apart"] == ["email", "name", "phone", "resident_id"]
    refused = perusal(*merge, "--yes").json["error"]
    assert (refused["code"], "name the one who stays" in refused["message"]) == ("person_merged", True)
    assert perusal("ledger", "fsck", "--dir", home, "--json").json["findings"] == []


def test_a_guardian_is_linked_on_evidence_and_let_go(perusal, home, people, tmp_path):
    (tmp_path / "paper.pdf").write_bytes(b"court order")
    pair = ["--ward", people[1], "--guardian", people[2], "--dir", home, "--json"]

    linked = perusal("person", "guard", *pair, "--as", "appointed", "--evidence", tmp_path / "paper.pdf")

    assert linked.json["until"] is None
    assert len(linked.json["evidence_sha256"]) == 64
    assert perusal("person", "unguard", *pair).code == Exit.OK
    assert perusal("person", "unguard", *pair).json["error"]["code"] == "not_found"


def test_what_is_kept_until_yesterday_is_destroyed_and_shown_as_such(perusal, home, people):
    who = ["--subject", people[3], "--dir", home, "--json"]
    kept = perusal("person", "keep", *who, "--field", "phone", "--until", "2020-01-31")
    assert kept.json["expires_at"] == "2020-02-01T00:00:00.000Z"

    assert perusal("person", "expire", "--dir", home, "--json").json == {"ended": 0, "erased": 0, "struck": 1}

    (line,) = perusal("person", "history", *who, "--field", "phone").json["versions"]
    assert (line["version"], line["masked"]) == (1, None)
    assert line["destroyed_at"] is not None
    assert perusal("person", "keep", *who, "--field", "shoe", "--until", "2020-01-31").code == Exit.WRONG


def test_values_are_changed_line_by_line_and_a_refused_line_spoils_no_other(perusal, home, people, tmp_path):
    lines = [
        {"subject": people[1], "field": "phone", "text": "13900001111"},
        {"subject": people[1], "field": "phone", "text": "nonsense"},
        {"subject": "13812341234", "field": "phone", "text": "13900002222"},
        {"subject": people[2], "field": "bank_card", "text": "4111 1111 1111 1112"},
    ]
    file = tmp_path / "changes.jsonl"
    file.write_text("\n\n".join(map(json.dumps, lines)) + "\nbroken\n", "utf-8")

    said = perusal("person", "change", file, "--dir", home, "--json")

    assert said.code == Exit.WRONG
    assert (said.json["changed"], said.json["refused_count"]) == (2, 3)
    first, bad, nobody, card, broken = said.json["results"]
    assert first == {"line": 1, "field": "phone", "version": 2}
    assert (bad["line"], bad["field"]) == (3, "phone")
    assert [nobody["code"], broken["code"]] == ["malformed_id", "malformed_json"]
    assert card == {"line": 7, "field": "bank_card", "version": 1, "checked": False}
    assert not any(text in said.out + said.err for text in ("13900001111", "nonsense", "13812341234"))
    assert perusal("ledger", "fsck", "--dir", home, "--json").json["findings"] == []
    file.write_text(json.dumps(lines[0]), "utf-8")
    again = perusal("person", "change", file, "--dir", home)
    assert (again.code, again.out.strip()) == (Exit.OK, "1 values changed")


def test_somebody_is_shown_masked_as_they_are_and_as_they_were(perusal, home, people, tmp_path):
    (before,) = perusal(
        "person", "history", "--subject", people[1], "--field", "phone", "--dir", home, "--json"
    ).json["versions"]
    line = {"subject": people[1], "field": "phone", "text": "13900001111"}
    (tmp_path / "changes.jsonl").write_text(json.dumps(line), "utf-8")
    assert perusal("person", "change", tmp_path / "changes.jsonl", "--dir", home).code == Exit.OK
    show = ["person", "show", people[1], "--dir", home, "--json"]

    def phone(*how):
        (found,) = [one for one in perusal(*show, *how).json["values"] if one["field"] == "phone"]
        return found["version"], found["masked"]

    assert phone() == (2, "139****1111")
    assert phone("--at", before["from"]) == (1, before["masked"])
    first = next(citizens(SEED, 1))
    said = perusal(*show)
    assert [one["field"] for one in said.json["values"]] == ["email", "name", "phone", "resident_id"]
    assert first.email not in said.out
    assert "139****1111" in perusal(*show[:-1]).out
    assert perusal(*show, "--at", "2001-01-01").json["error"]["code"] == "not_found"
    assert perusal(*show, "--at", "yesterday").code == Exit.USAGE
    assert perusal("person", "show", "sub_" + "a" * 26, "--dir", home).code == Exit.WRONG
    assert perusal("person", "show", "13812341234", "--dir", home).code == Exit.USAGE
