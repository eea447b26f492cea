"""`perusal ledger keys rotate`: every open log gets its next key, and outsiders are told of both."""

from __future__ import annotations

from api.cli.failures import Exit


def _logs(folder):
    lines = (folder / "policy.txt").read_text().splitlines()
    return [line.removeprefix("log ") for line in lines if line.startswith("log ")]


def test_both_keys_are_handed_out_and_everything_still_agrees(perusal, home, tmp_path):
    assert perusal("ledger", "policy", "--out", tmp_path / "old", "--dir", home).code == Exit.OK

    said = perusal("ledger", "keys", "rotate", "--dir", home, "--json")

    assert said.code == Exit.OK
    assert perusal("ledger", "publish", "--dir", home).code == Exit.OK
    assert perusal("ledger", "fsck", "--dir", home).code == Exit.OK
    assert perusal("ledger", "policy", "--out", tmp_path / "new", "--dir", home).code == Exit.OK
    old, new = _logs(tmp_path / "old"), _logs(tmp_path / "new")
    assert len(said.json["keys"]) == len(old) > 0
    assert sorted(new) == sorted([*old, *said.json["keys"]])


def test_one_log_alone_may_get_another_key(perusal, home, tmp_path):
    assert perusal("ledger", "policy", "--out", tmp_path / "old", "--dir", home).code == Exit.OK
    origin = _logs(tmp_path / "old")[0].split("+")[0]

    said = perusal("ledger", "keys", "rotate", "--log", origin, "--dir", home, "--json")

    assert [key.split("+")[0] for key in said.json["keys"]] == [origin]


def test_a_log_that_nobody_has_gets_none(perusal, home):
    assert perusal("ledger", "keys", "rotate", "--log", "x.example/2026/0", "--dir", home).code == Exit.USAGE
