"""`perusal ledger give-up` and `relog`: shown first, done once, and everybody can go on."""

from __future__ import annotations

import json

import pytest

from api.cli.failures import Exit
from consent.ledger.formats import note

REASON = "A copy of the data base from last night was put back."


@pytest.fixture
def origin(perusal, home, tmp_path) -> str:
    perusal("ledger", "publish", "--dir", home)
    assert perusal("ledger", "policy", "--out", tmp_path / "before", "--dir", home).code == Exit.OK
    (line,) = (tmp_path / "before/policy.txt").read_text().splitlines()[:1]
    return line.removeprefix("log ").split("+")[0]


@pytest.fixture
def rolled_back(home, origin) -> str:
    """The copy beside the data base remembers ten entries more."""
    file = home / "checkpoints"
    kept = json.loads(file.read_text())
    heads = kept["heads"]
    heads[origin] = [heads[origin][0] + 10, note.b64(bytes(range(32)))]
    file.write_text(json.dumps(kept))
    return origin


def successor(origin: str) -> str:
    host, year_, bucket = origin.rsplit("/", 2)
    return f"{host}/{year_}.2/{bucket}"


def test_a_log_that_no_alarm_holds_is_carried_on(perusal, home, origin):
    said = perusal("ledger", "give-up", origin, "--reason", REASON, "--yes", "--dir", home)

    assert said.code == Exit.USAGE
    assert "it can be carried on" in said.err
    assert perusal("ledger", "fsck", "--dir", home).code == Exit.OK


def test_what_would_be_done_is_shown_first_and_nothing_is_done(perusal, home, rolled_back):
    said = perusal("ledger", "give-up", rolled_back, "--reason", REASON, "--dir", home, "--json")

    assert said.code == Exit.WRONG
    shown = said.json
    assert shown["log"] == rolled_back
    assert shown["next"] == successor(rolled_back)
    assert shown["end"]["size"] == shown["stored"] + 10
    assert shown["end"]["known_to"] == ["the copy beside the data base"]
    assert (shown["behind"], shown["done"]) == (0, False)
    assert any("rolled back" in alarm for alarm in shown["alarms"])
    assert perusal("ledger", "publish", "--dir", home).code != Exit.OK


def test_the_successor_is_signed_and_told_to_outsiders(perusal, home, rolled_back, tmp_path):
    said = perusal("ledger", "give-up", rolled_back, "--reason", REASON, "--yes", "--dir", home, "--json")
    assert said.code == Exit.OK, said.err
    assert said.json["next"] == successor(rolled_back)

    assert perusal("ledger", "publish", "--dir", home).code == Exit.OK
    assert perusal("ledger", "fsck", "--dir", home).code == Exit.OK
    assert perusal("ledger", "policy", "--out", tmp_path / "after", "--dir", home).code == Exit.OK

    policy = (tmp_path / "after/policy.txt").read_text()
    (ended,) = json.loads((tmp_path / "after/keys.json").read_text())["ended"]
    assert f"log {rolled_back}+" in policy
    assert f"log {successor(rolled_back)}+" in policy
    assert (ended["origin"], ended["size"]) == (rolled_back, said.json["size"])
    again = perusal("ledger", "give-up", rolled_back, "--reason", REASON, "--yes", "--dir", home)
    assert again.code != Exit.OK


def test_a_stolen_key_needs_no_alarm_and_is_handed_out_no_more(perusal, home, origin, tmp_path):
    said = perusal(
        "ledger",
        "give-up",
        origin,
        "--reason",
        "It got out.",
        "--stolen-key",
        "--yes",
        "--dir",
        home,
        "--json",
    )
    assert said.code == Exit.OK, said.err

    assert perusal("ledger", "publish", "--dir", home).code == Exit.OK
    assert perusal("ledger", "policy", "--out", tmp_path / "after", "--dir", home).code == Exit.OK
    policy = (tmp_path / "after/policy.txt").read_text()
    assert f"log {origin}+" not in policy
    assert f"log {successor(origin)}+" in policy


def test_an_exported_tree_has_the_incident_and_agrees(perusal, home, rolled_back, tmp_path):
    perusal("ledger", "give-up", rolled_back, "--reason", REASON, "--yes", "--dir", home)
    perusal("ledger", "publish", "--dir", home)

    assert perusal("ledger", "export", tmp_path / "tree", "--dir", home).code == Exit.OK

    (text,) = (tmp_path / "tree").rglob("incident")
    assert REASON in text.read_text()
    assert perusal("ledger", "fsck", "--tree", tmp_path / "tree").code == Exit.OK
    perusal("ledger", "policy", "--out", tmp_path / "own", "--dir", home)
    by_policy = perusal(
        "ledger", "fsck", "--tree", tmp_path / "tree", "--policy", tmp_path / "own/policy.txt"
    )
    assert by_policy.code == Exit.OK


def test_logging_again_is_for_logs_that_were_given_up(perusal, home, origin):
    assert perusal("ledger", "relog", origin, "--dir", home).code == Exit.USAGE

    perusal("ledger", "give-up", origin, "--reason", REASON, "--stolen-key", "--yes", "--dir", home)

    said = perusal("ledger", "relog", origin, "--dir", home, "--json")
    assert said.code == Exit.OK
    assert said.json["logged"] == 0


@pytest.mark.parametrize(
    "name", ["x.example/2026/0", "log.example/cli/2026/9", "2026", "log.example/cli/26/0"]
)
def test_a_log_that_nobody_has_is_not_given_up(perusal, home, name):
    said = perusal("ledger", "give-up", name, "--reason", REASON, "--stolen-key", "--yes", "--dir", home)

    assert said.code in {Exit.USAGE, Exit.WRONG}
    assert perusal("ledger", "fsck", "--dir", home).code == Exit.OK


def test_what_is_no_receipt_is_counted_and_brings_nothing_back(perusal, home, origin, tmp_path):
    perusal("ledger", "give-up", origin, "--reason", REASON, "--stolen-key", "--yes", "--dir", home)
    lines, answer = tmp_path / "receipts", tmp_path / "receipts.json"
    lines.write_text("a.b.c\nanother\n")
    answer.write_text('{"receipts": [], "head": null}')

    said = perusal("ledger", "relog", origin, "--receipts", lines, "--dir", home, "--json")
    empty = perusal("ledger", "relog", origin, "--receipts", answer, "--dir", home)

    assert (said.code, said.json["receipts"]["foreign"]) == (Exit.WRONG, 2)
    assert empty.code == Exit.OK, empty.err
