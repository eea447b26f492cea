"""`perusal trace FILE` works on anybody's file, refuses what is no dump, and names nobody but recipients."""

from __future__ import annotations

import json

import pytest

from api.cli.failures import Exit
from api.demo.city import citizens, strangers
from api.demo.leak import write_leak
from tests.cli.conftest import SEED

FIELDS = ("name", "phone", "email")


@pytest.fixture
def dump(tmp_path):
    """A file with ten people of the installation and ninety strangers."""
    ours = [person.values() for person in citizens(SEED, 10)]
    others = [person.values() for person in strangers(SEED, 90)]
    return write_leak(tmp_path / "dump.csv", ours, others, FIELDS, seed=1).path


def test_a_file_that_cannot_go_in_columns_is_said_to_have_gone_row_by_row(perusal, home, dump, tmp_path):
    wide = tmp_path / "wide.csv"
    wide.write_text(dump.read_text("gb18030"), encoding="utf-16")

    said = perusal("trace", wide, "--dir", home, "--engine", "duckdb", "--no-claims")
    told = perusal("trace", dump, "--dir", home, "--engine", "duckdb", "--no-claims", "--json").json[
        "matched"
    ]

    assert "row by row and not in columns: the file is in an encoding" in said.out
    assert told == {"engine": "duckdb", "not_in_columns": None}


def test_the_people_of_the_installation_are_found_among_strangers(perusal, home, dump):
    said = perusal("trace", dump, "--dir", home, "--json")

    assert said.code == 0, said.err
    people = said.json["report"]["people"]
    assert (people["found"], people["in_vault"]) == (10, 30)
    assert said.json["report"]["lines"]["lines"] == 101


def test_the_words_for_people_show_counts_but_nobodys_values(perusal, home, dump):
    said = perusal("trace", dump, "--dir", home)

    assert "10 of 30 people found" in said.out
    for person in [*citizens(SEED, 10), *strangers(SEED, 90)]:
        for value in person.values().values():
            assert value not in said.out + said.err


def test_a_second_run_on_the_same_file_answers_from_the_first(perusal, home, dump):
    first = perusal("trace", dump, "--dir", home, "--json").json["report"]
    again = perusal("trace", dump, "--dir", home, "--json").json["report"]

    assert again == first
    assert len(list((home / "quarantine").iterdir())) == 1


def test_what_was_taken_in_is_gone_on_with_and_nothing_is_taken_in_for_it(perusal, home, dump, tmp_path):
    first = perusal("trace", dump, "--dir", home, "--json").json["report"]
    other = tmp_path / "other.csv"
    other.write_bytes(dump.read_bytes() + b"13900000000\n")

    again = perusal("trace", dump, "--dir", home, "--resume", "--json")
    refused = perusal("trace", other, "--dir", home, "--resume")

    assert again.json["report"] == first
    assert refused.code == Exit.WRONG
    assert "[nothing_to_resume]" in refused.err
    assert len(list((home / "quarantine").iterdir())) == 1


def test_the_quarantined_file_is_sealed(perusal, home, dump):
    perusal("trace", dump, "--dir", home, "--json")

    [sealed] = (home / "quarantine").iterdir()
    assert b"example" not in sealed.read_bytes()
    assert sealed.stat().st_mode & 0o077 == 0


def test_the_report_is_written_where_it_is_wanted(perusal, home, dump, tmp_path):
    said = perusal("trace", dump, "--dir", home, "--out", tmp_path / "out", "--json")

    assert json.loads((tmp_path / "out" / "trace.json").read_text()) == said.json["report"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (bytes(range(256)) * 40, "binary_file"),
        (b"colour\nred\ngreen\n" * 50, "no_identifier_column"),
    ],
)
def test_what_is_no_dump_is_refused_with_its_code_and_nothing_is_kept(perusal, home, tmp_path, content, code):
    (tmp_path / "file").write_bytes(content)

    said = perusal("trace", tmp_path / "file", "--dir", home)

    assert said.code == Exit.WRONG
    assert f"[{code}]" in said.err
    assert list((home / "quarantine").iterdir()) == []


def test_a_file_that_is_not_there_is_a_mistake_of_the_caller(perusal, home, tmp_path):
    said = perusal("trace", tmp_path / "gone.csv", "--dir", home)

    assert said.code == Exit.USAGE


def test_a_replay_computes_the_same_report_and_points_at_a_figure_that_was_changed(
    perusal, home, dump, tmp_path
):
    perusal("trace", dump, "--dir", home, "--no-claims", "--out", tmp_path / "out")
    report = tmp_path / "out" / "trace.json"
    same = perusal("trace", "--replay", report, "--dir", home, "--json")
    body = json.loads(report.read_text())
    body["people"]["found"] = 9
    report.write_text(json.dumps(body))

    other = perusal("trace", "--replay", report, "--dir", home, "--json")

    assert (same.code, same.json["same"], same.json["differences"]) == (0, True, [])
    assert other.code == Exit.WRONG
    assert other.json["differences"] == [{"at": "/people/found", "reported": 9, "computed": 10}]
