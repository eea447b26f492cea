"""Erasing from the command line, and the certificate in an outsider's hands."""

from __future__ import annotations

import json
import time

import pytest

from api.cli.failures import Exit
from api.demo.city import citizens
from consent.accounts.keys import sign_in
from tests.cli.conftest import SEED
from vault.erasure.erased_list import ErasedList
from vault.ids import decode_subject
from vault.storage.database import open_database


@pytest.fixture
def named(site_template) -> list[str]:
    rows = [json.loads(line) for line in (site_template / "keys.jsonl").read_text().splitlines()]
    return [row["subject"] for row in rows]


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Waiting for caches takes a minute in the world and none here: sleeping moves the clock on."""
    slept = 0.0
    clock = time.time_ns

    def sleep(seconds: float) -> None:
        nonlocal slept
        slept += 20 * seconds

    monkeypatch.setattr("api.staff.erasing.time.sleep", sleep)
    monkeypatch.setattr("api.cli.erase.system_clock", lambda: clock() // 1_000_000 + int(slept * 1000))


def test_an_erased_persons_certificate_verifies_and_tells_no_personal_data(perusal, home, named, tmp_path):
    said = perusal(
        "erase", "--subject", named[3], "--yes", "--out", tmp_path / "out", "--dir", home, "--json"
    )

    assert said.code == Exit.OK, said
    (document,) = said.json["erased"]
    assert (document["subject"], document["keys"], document["reason"]) == (named[3], "2", "requested")
    proof = tmp_path / "out" / f"erasure-{named[3]}.zip"
    assert perusal("ledger", "policy", "--out", tmp_path / "policy", "--dir", home).code == Exit.OK
    policy = tmp_path / "policy" / "policy.txt"
    verdict = perusal("verify", "--policy", policy, proof, "--json")
    assert (verdict.code, verdict.json["ok"], verdict.json["anchored"]) == (Exit.OK, True, True)
    (entry,) = verdict.json["entries"]
    assert (entry["kind"], entry["fields"]["subject"]) == ("erase", named[3])
    values = list(citizens(SEED, 30))[3].values().values()
    assert not [value for value in values if value in said.out + proof.read_bytes().decode("latin-1")]


def test_the_list_of_the_erased_and_the_account_follow(perusal, home, named, site_template):
    rows = [json.loads(line) for line in (site_template / "keys.jsonl").read_text().splitlines()]

    perusal("erase", "--subject", named[0], "--yes", "--dir", home)

    assert ErasedList(home / "erased").load() == {decode_subject(named[0])}
    database = open_database(f"sqlite:///{home}/data.db")
    with database.read() as conn:
        assert sign_in(conn, rows[0]["key"]) is None
        assert sign_in(conn, rows[1]["key"]) is not None
    database.close()


def test_whoever_came_back_with_an_older_data_base_is_erased_again(perusal, home, named, tmp_path):
    older = (home / "data.db").read_bytes()
    perusal("erase", "--subject", named[0], "--yes", "--dir", home)
    for file in home.glob("data.db*"):
        file.unlink()
    (home / "data.db").write_bytes(older)
    phone = next(iter(citizens(SEED, 30))).values()["phone"]
    (tmp_path / "new.jsonl").write_text(json.dumps({"phone": phone}) + "\n")

    said = [perusal("erase", "--dir", home, "--json").json for _ in range(2)]

    assert [(one["again"], one["finished"]) for one in said] == [(1, 1), (0, 0)]
    assert perusal("person", "show", named[0], "--dir", home).code == Exit.WRONG
    enrolled = perusal("enrol", tmp_path / "new.jsonl", "--keys-out", tmp_path / "keys", "--dir", home)
    assert enrolled.code == Exit.OK, "the number is free again"


def test_many_people_come_from_a_file_and_strangers_among_them_are_refused(perusal, home, named, tmp_path):
    stranger = "sub_" + "a" * 26
    (tmp_path / "who").write_text("\n".join([*named[:5], "", stranger]))

    said = perusal(
        "erase", "--file", tmp_path / "who", "--reason", "retention", "--yes", "--dir", home, "--json"
    )

    assert (said.code, said.json["finished"]) == (Exit.WRONG, 5)
    assert said.json["refused"] == [{"subject": stranger, "code": "person_unknown"}]
    assert {one["reason"] for one in said.json["erased"]} == {"retention"}


def test_nobody_is_erased_without_being_asked_for_by_name_and_meant(perusal, home, named):
    assert (
        perusal("erase", "--subject", named[0], "--dir", home, "--json").json["error"]["code"]
        == "not_confirmed"
    )
    assert perusal("erase", "--subject", "sub_x", "--yes", "--dir", home).code == Exit.USAGE
    assert perusal("erase", "--dir", home, "--json").json["finished"] == 0
    assert perusal("erase", "--subject", named[0], "--yes", "--dir", home, "--json").json["finished"] == 1
    again = perusal("erase", "--subject", named[0], "--yes", "--dir", home, "--json")
    assert (again.code, again.json["finished"], len(again.json["erased"])) == (Exit.OK, 0, 1)
