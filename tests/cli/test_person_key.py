"""A person tells by their own key that a proof of completeness is about them (ledger.md 4.1)."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from api.cli.failures import Exit
from api.cli.installation import settings_of
from api.clock import system_clock
from api.sealing.opening import opened_vault
from consent.ledger.bundles import person_key
from consent.ledger.bundles.verify import Verdict, verify_bundle
from consent.ledger.errors import Malformed
from consent.ledger.indexes import indexing


@pytest.fixture
def rows(site_template) -> list[dict[str, str]]:
    return [json.loads(line) for line in (site_template / "keys.jsonl").read_text().splitlines()]


@pytest.fixture
def bundle(perusal, home, rows, tmp_path):
    """What the first person is proven of, by an operator who has indexed and signed."""
    with opened_vault(settings_of(home)) as vault:
        indexing.make_due(vault.data, vault.installation.ledger_host, system_clock())
    assert perusal("ledger", "publish", "--dir", home).code == Exit.OK
    out = tmp_path / "all.zip"
    said = perusal("ledger", "prove", "--subject", rows[0]["subject"], "--out", out, "--dir", home, "--json")
    assert said.code == Exit.OK, said
    assert said.json["uses"] == 0
    return out


def _checked(perusal, bundle, key, tmp_path):
    (tmp_path / "key").write_text(key + "\n")
    return perusal("verify", bundle, "--person-key", tmp_path / "key", "--json")


def test_what_is_about_the_person_passes_by_their_key_in_every_form_it_is_handed_out(
    perusal, home, rows, bundle, tmp_path
):
    copy = ("person", "export", "--subject", rows[0]["subject"], "--out", tmp_path / "copy", "--dir", home)
    assert perusal(*copy).code == Exit.OK
    held = (tmp_path / "copy" / "copy.json").read_text()

    for key in (rows[0]["ledger_key"], json.dumps(rows[0]), held):
        said = _checked(perusal, bundle, key, tmp_path)
        assert said.code == Exit.OK, said
        assert said.json["checks"][-1] == {"name": "person", "where": "bundle", "ok": True, "detail": ""}
    assert rows[0]["ledger_key"] in (tmp_path / "copy" / "copy.html").read_text()


def test_a_proof_about_somebody_else_is_refused(perusal, rows, bundle, tmp_path):
    said = _checked(perusal, bundle, rows[1]["ledger_key"], tmp_path)

    assert said.code == Exit.WRONG
    assert (said.json["ok"], said.json["checks"][-1]["name"]) == (False, "person")
    assert said.json["entries"] == said.json["complete"] == []


def test_the_bundle_opens_the_enrolment_that_fixed_the_key(rows, bundle):
    verdict = verify_bundle(bundle.read_bytes())
    key = person_key.parse(rows[0]["ledger_key"])

    (enrolled,) = (one for one in verdict.entries if one.entry.kind.value == "enrol")
    assert dict(enrolled.fields)["ledger_key"] == person_key.digest_of(key)
    swapped = replace(enrolled, fields=(("ledger_key", person_key.digest_of(bytes(32))),))
    told = person_key.only_about(replace(verdict, entries=(swapped,)), key)
    assert (told.ok, told.checks[-1].detail) == (False, "the person was enrolled with another key")


def test_a_count_of_a_tag_that_is_nobodys_is_refused(rows, bundle):
    verdict = verify_bundle(bundle.read_bytes())
    (whole,) = verdict.complete
    decoy = Verdict(checks=verdict.checks, anchored=False, complete=(replace(whole, tag=bytes(16)),))

    told = person_key.only_about(decoy, person_key.parse(rows[0]["ledger_key"]))

    assert (told.ok, told.complete) == (False, ())
    assert told.checks[-1].where == whole.origin


@pytest.mark.parametrize(
    "text", ["", "x", "A" * 42, "{}", "{", '{"person": {}}', '{"ledger_key": 1}', "\x00"]
)
def test_a_file_without_a_key_is_a_mistake_of_use(perusal, bundle, tmp_path, text):
    said = _checked(perusal, bundle, text, tmp_path)

    assert (said.code, said.json["error"]["code"]) == (Exit.USAGE, "no_person_key")
    with pytest.raises(Malformed):
        person_key.parse(text)
