"""Keys of staff on the command line: handed out, listed without the key, ended for good."""

from __future__ import annotations

import pytest

from api.cli.failures import Exit
from api.cli.installation import databases, settings_of
from api.staff.keys import find_staff


@pytest.fixture
def add(perusal, home, tmp_path):
    """Hands a key out and answers it."""

    def call(actor: str, role: str) -> str:
        file = tmp_path / f"{actor}-{role}.key"
        said = perusal("staff", "add", "--actor", actor, "--role", role, "--key-out", file, "--dir", home)
        assert said.code == Exit.OK
        return file.read_text().strip()

    return call


@pytest.fixture
def listed(perusal, home):
    return lambda: perusal("staff", "list", "--dir", home, "--json").json["keys"]


def works(home, key: str) -> bool:
    with databases(settings_of(home)) as (data, _keys), data.read() as conn:
        return find_staff(conn, f"Bearer {key}") is not None


def test_the_list_shows_who_holds_what_and_no_key(perusal, home, add, listed):
    key = add("Li Na", "auditor")

    (line,) = listed()

    assert (line["actor"], line["role"], line["ended_at"]) == ("Li Na", "auditor", None)
    assert key not in perusal("staff", "list", "--dir", home).out


def test_ending_a_holder_ends_every_key_of_theirs_and_nobody_elses(perusal, home, add, listed):
    two, other = [add("Li Na", "auditor"), add("Li Na", "operator")], add("Wu", "operator")

    said = perusal("staff", "end", "--actor", "Li Na", "--dir", home, "--json")

    assert said.json["ended"] == sorted(line["key_id"] for line in listed() if line["actor"] == "Li Na")
    assert [works(home, key) for key in (*two, other)] == [False, False, True]
    assert all(line["ended_at"] for line in listed() if line["actor"] == "Li Na")


def test_one_key_of_several_can_be_ended(perusal, home, add, listed):
    audit, operate = add("Li Na", "auditor"), add("Li Na", "operator")
    (one,) = [line["key_id"] for line in listed() if line["role"] == "auditor"]

    assert perusal("staff", "end", "--actor", "Li Na", "--key", one, "--dir", home).code == Exit.OK
    assert (works(home, audit), works(home, operate)) == (False, True)


@pytest.mark.parametrize("options", [("--actor", "Nobody"), ("--actor", "Li Na", "--key", "000000000000")])
def test_ending_what_is_not_in_use_is_an_error(perusal, home, add, options):
    add("Li Na", "auditor")

    said = perusal("staff", "end", *options, "--dir", home)

    assert (said.code, "[no_such_key]" in said.err) == (Exit.WRONG, True)
