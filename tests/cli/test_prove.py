"""An operator hands out the proof of one entry, or of everything about a person; anybody checks it with their own keys."""

from __future__ import annotations

import json
import re
import stat
import time

import pytest

from api.cli.failures import Exit
from api.cli.installation import settings_mapping
from api.sealing.opening import opened_vault
from api.settings import Settings
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.formats import proof
from consent.ledger.indexes import indexing
from vault.ids import encode_id


@pytest.fixture
def site(perusal, home, tmp_path):
    """An installation of 30 entries with a signed checkpoint, and what an outsider has of it."""
    assert perusal("ledger", "publish", "--dir", home, "--json").code == 0
    assert perusal("ledger", "policy", "--dir", home, "--out", tmp_path / "trust", "--json").code == 0
    return home


@pytest.fixture
def year(perusal, site):
    (log,) = perusal("ledger", "fsck", "--dir", site, "--json").json["logs"]
    return re.fullmatch(r"log\.example/cli/(\d+)/0", log["origin"])[1]


def test_the_proof_of_an_entry_is_sound_by_the_verifiers_own_keys(perusal, site, year, tmp_path):
    out = tmp_path / "one.tlog-proof"
    said = perusal("ledger", "prove", f"{year}/0/17", "--out", out, "--dir", site, "--json")
    checked = perusal("verify", out, "--policy", tmp_path / "trust" / "policy.txt", "--json")

    assert said.json == {
        "proof": str(out),
        "entry": str(tmp_path / "one.entry"),
        "origin": f"log.example/cli/{year}/0",
        "index": 17,
        "size": 30,
    }
    assert checked.code == Exit.OK
    assert (checked.json["index"], checked.json["size"], checked.json["cosigned"]) == (17, 30, [])
    assert parse((tmp_path / "one.entry").read_bytes()).kind is Kind.ENROL
    assert proof.parse(out.read_bytes()).index == 17
    assert {stat.S_IMODE(file.stat().st_mode) for file in (out, tmp_path / "one.entry")} == {0o600}


def test_a_changed_entry_or_another_s_key_is_refused(perusal, site, year, tmp_path):
    out, entry = tmp_path / "one.tlog-proof", tmp_path / "one.entry"
    perusal("ledger", "prove", f"{year}/0/3", "--out", out, "--dir", site, "--json")
    perusal("init", "--dir", tmp_path / "other", "--json")
    perusal("ledger", "policy", "--dir", tmp_path / "other", "--out", tmp_path / "other-trust", "--json")

    foreign = perusal("verify", out, "--policy", tmp_path / "other-trust" / "policy.txt")
    entry.write_bytes(entry.read_bytes().replace(b'"n":1', b'"n":2'))
    changed = perusal("verify", out, "--policy", tmp_path / "trust" / "policy.txt")

    assert (foreign.code, changed.code) == (Exit.WRONG, Exit.WRONG)
    assert "does not lead to the signed root" in changed.out


def test_a_proof_without_keys_or_without_its_entry_is_not_checked(perusal, site, year, tmp_path):
    out = tmp_path / "one.tlog-proof"
    perusal("ledger", "prove", f"{year}/0/3", "--out", out, "--dir", site, "--json")

    assert perusal("verify", out).code == Exit.USAGE
    (tmp_path / "one.entry").unlink()
    assert perusal("verify", out, "--policy", tmp_path / "trust" / "policy.txt").code == Exit.USAGE


def test_what_is_not_signed_yet_or_was_never_there_is_refused_without_a_file(perusal, site, year, tmp_path):
    out = tmp_path / "one.tlog-proof"

    for place in (f"{year}/0/30", "1999/0/0"):
        said = perusal("ledger", "prove", place, "--out", out, "--dir", site, "--json")
        assert (said.code, said.json["error"]["code"]) == (Exit.WRONG, "ledger.not_yet_published")
    nobody = encode_id("sub", bytes(16))
    assert perusal("ledger", "prove", "--subject", nobody, "--out", out, "--dir", site).code == Exit.WRONG
    nothing = encode_id("ds", bytes(16))
    assert perusal("ledger", "prove", "--disclosure", nothing, "--out", out, "--dir", site).code == Exit.WRONG
    assert not out.exists()


@pytest.mark.parametrize("asked", [(), ("17",), ("2026/0/017",), ("2026/0/1", "--disclosure", "ds_x")])
def test_it_is_told_what_to_prove_in_one_way(perusal, site, asked, tmp_path):
    assert perusal("ledger", "prove", *asked, "--out", tmp_path / "x", "--dir", site).code == Exit.USAGE


def test_everything_about_a_person_is_one_bundle_that_says_so(perusal, site, site_template, tmp_path):
    row = json.loads((site_template / "keys.jsonl").read_text().splitlines()[4])
    with opened_vault(Settings.from_mapping(settings_mapping(site))) as vault:
        indexing.make_due(vault.data, vault.installation.ledger_host, time.time_ns() // 1_000_000)
    perusal("ledger", "publish", "--dir", site, "--json")
    out = tmp_path / "all.zip"

    said = perusal("ledger", "prove", "--subject", row["subject"], "--out", out, "--dir", site, "--json")
    checked = perusal("verify", out, "--policy", tmp_path / "trust" / "policy.txt", "--json")

    assert (said.json["uses"], [one["count"] for one in said.json["complete"]]) == (0, [1])
    assert (checked.code, checked.json["complete"][0]["count"]) == (Exit.OK, 1)
    again = perusal("ledger", "prove", "--subject", row["subject"], "--out", out, "--dir", site)
    assert again.code == Exit.ENVIRONMENT
