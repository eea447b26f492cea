"""A claim pack is only believed when its members, its claim and the proven ledger entries say the same."""

from __future__ import annotations

import hashlib
import json

import pytest

from api.cli.failures import Exit
from api.cli.packs import members_of, verify_pack
from consent.ledger.bundles import container


def _json(document):
    return (json.dumps(document, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()


def _sha(data):
    return hashlib.sha256(data).hexdigest()


def _members(report=None, **claim):
    """A pack of a person against whom nothing is proven: no ledger bundle inside."""
    report = _json(report or {"trace": "trc_1", "dump": {"sha256": "ab"}})
    base = {"claim": "clm_1", "trace": "trc_1", "dump_sha256": "ab", "fields_found": ["phone"]}
    claim = {"respondent": None, "agreed": None, "rests_on": {"report.json": _sha(report)}, **base, **claim}
    members = {"README.txt": b"read me", "report.json": report, "claim.json": _json(claim)}
    return {**members, "manifest.json": _json({name: _sha(data) for name, data in sorted(members.items())})}


def test_a_sound_pack_without_disclosures_is_sound(perusal, tmp_path):
    (tmp_path / "pack.zip").write_bytes(container.write(_members()))

    said = perusal("verify", tmp_path / "pack.zip", "--json")

    assert said.code == 0
    assert said.json["claim"]["claim"] == "clm_1"
    assert [check["name"] for check in said.json["checks"]] == ["container", "manifest", "basis"]
    assert "draft claim clm_1" in perusal("verify", tmp_path / "pack.zip").out


@pytest.mark.parametrize("name", ["README.txt", "report.json", "claim.json", "manifest.json"])
def test_a_member_that_was_changed_is_refused(name):
    members = _members()
    members[name] += b" "

    verdict = verify_pack(members)

    assert not verdict.ok
    assert verdict.checks[-1].name == "manifest"
    assert verdict.claim is None


def test_a_member_the_manifest_does_not_know_is_refused():
    assert not verify_pack({**_members(), "extra.txt": b"x"}).ok


@pytest.mark.parametrize(
    ("claim", "report"),
    [
        ({"rests_on": {}}, None),
        ({"rests_on": {"report.json": "00"}}, None),
        ({"dump_sha256": "cd"}, None),
        ({"trace": "trc_2"}, None),
        ({}, {"trace": "trc_1"}),
        ({}, {"trace": "trc_1", "dump": []}),
    ],
)
def test_a_claim_that_rests_on_something_else_is_refused(claim, report):
    verdict = verify_pack(_members(report, **claim))

    assert verdict.checks[-1].name == "basis"
    assert not verdict.ok


@pytest.mark.parametrize("name", ["claim.json", "report.json"])
def test_a_member_that_is_no_json_is_refused(name):
    members = {**_members(), name: b"\xff not json"}
    hashes = {other: _sha(data) for other, data in sorted(members.items()) if other != "manifest.json"}
    members["manifest.json"] = _json(hashes)

    assert not verify_pack(members).ok


def test_a_bundle_inside_that_does_not_verify_is_refused():
    members = _members()
    bundle = container.write({"policy.txt": b"quorum none\n"})
    claim = json.loads(members["claim.json"])
    claim["rests_on"]["disclosures.zip"] = _sha(bundle)
    members |= {"claim.json": _json(claim), "disclosures.zip": bundle}
    hashes = {name: _sha(data) for name, data in sorted(members.items()) if name != "manifest.json"}
    members["manifest.json"] = _json(hashes)

    verdict = verify_pack(members)

    assert not verdict.ok
    assert verdict.checks[-1].where.startswith("disclosures.zip: ")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", container.write({"claim.json": b"{}"})])
def test_what_is_no_pack_is_left_to_the_bundle_verifier(data):
    assert members_of(data) is None


def test_a_pack_refused_ends_with_1_and_says_where(perusal, tmp_path):
    members = _members()
    members["claim.json"] += b" "
    (tmp_path / "pack.zip").write_bytes(container.write(members))

    said = perusal("verify", tmp_path / "pack.zip")

    assert said.code == Exit.WRONG
    assert said.out.startswith("WRONG: manifest at manifest.json")
