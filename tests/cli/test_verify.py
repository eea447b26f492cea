"""An outsider checks bundles off-line; an operator checks, signs and vouches for the ledger."""

from __future__ import annotations

import dataclasses
import io
import json

import pytest

from api.cli.failures import Exit
from api.cli.installation import settings_mapping
from api.sealing.opening import opened_vault
from api.settings import Settings
from consent.ledger import published
from consent.ledger.bundles.bundle import build
from consent.ledger.bundles.fraud import FraudProof, Lie
from consent.ledger.formats import cosignature
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.publishing.signer import Signer
from consent.people.enrolment import enrolment
from consent.signing.keys import receipt_keys
from vault.ids import Bucket, decode_subject, encode_id
from vault.storage.database import open_database


@pytest.fixture
def signed(perusal, home):
    """The installation with one signed checkpoint over its 30 entries."""
    said = perusal("ledger", "publish", "--dir", home, "--json")
    assert [log["size"] for log in said.json["checkpoints"]] == [30]
    return home


@pytest.fixture
def bundle(signed, site_template, tmp_path):
    """A bundle that proves one person's enrolment."""
    first, *_ = (site_template / "keys.jsonl").read_text().splitlines()
    subject = decode_subject(json.loads(first)["subject"])
    with opened_vault(Settings.from_mapping(settings_mapping(signed))) as vault:
        evidence = [found for found in [enrolment(vault, Bucket(0), subject)] if found is not None]
        data = build(vault.data, Signer.of(vault), evidence, receipt_keys=receipt_keys(vault))
    (tmp_path / "bundle.zip").write_bytes(data)
    return tmp_path / "bundle.zip"


@pytest.fixture
def policy(perusal, signed, tmp_path):
    assert perusal("ledger", "policy", "--dir", signed, "--out", tmp_path / "trust", "--json").code == 0
    return tmp_path / "trust" / "policy.txt"


def test_a_sound_bundle_is_found_sound_against_the_operators_keys(perusal, bundle, policy):
    said = perusal("verify", bundle, "--policy", policy, "--json")

    assert said.code == 0
    assert said.json["ok"]
    assert said.json["anchored"]
    assert said.json["entries"][0]["kind"] == "enrol"
    assert all(check["ok"] for check in said.json["checks"])


def test_without_a_policy_the_answer_says_that_the_keys_are_the_bundles_own(perusal, bundle):
    said = perusal("verify", bundle)

    assert said.code == 0
    assert "sound: " in said.out
    assert "compare them with the operator's" in said.out


def test_a_bundle_can_come_from_standard_input(perusal, bundle, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(bundle.read_bytes())))

    assert perusal("verify", "-", "--json").json["ok"]


def test_another_operators_keys_refuse_the_bundle(perusal, bundle, tmp_path):
    perusal("init", "--dir", tmp_path / "other", "--json")
    trust = tmp_path / "other-trust"
    perusal("ledger", "policy", "--dir", tmp_path / "other", "--out", trust, "--json")

    said = perusal("verify", bundle, "--policy", trust / "policy.txt", "--json")

    assert said.code == Exit.WRONG
    assert said.json["checks"][-1]["name"] == "trust"


def test_a_changed_byte_is_refused_and_located(perusal, bundle):
    raw = bytearray(bundle.read_bytes())
    raw[len(raw) // 2] ^= 1
    bundle.write_bytes(raw)

    said = perusal("verify", bundle)

    assert said.code == Exit.WRONG
    assert said.out.startswith("WRONG: ")
    assert "nothing in this bundle may be relied on" in said.out


def test_a_proof_of_a_lie_is_checked_against_the_verifiers_own_key(perusal, signed, policy, tmp_path):
    with opened_vault(Settings.from_mapping(settings_mapping(signed))) as vault:
        with vault.data.read() as conn:
            log = published.logs(conn)[0]
            newest = published.newest(conn, log)
        other = Checkpoint(
            f"{vault.installation.ledger_host}/{log.year}/{log.bucket}", newest.size, bytes(32)
        )
        proof = FraudProof(kind=Lie.SPLIT_VIEW, checkpoint=newest.note, other=Signer.of(vault).sign(other))
    (tmp_path / "lie").write_bytes(bytes(proof))
    (tmp_path / "none").write_bytes(bytes(dataclasses.replace(proof, other=newest.note)))

    proven = perusal("verify", tmp_path / "lie", "--policy", policy)
    none = perusal("verify", tmp_path / "none", "--policy", policy, "--json")

    assert proven.code == 0
    assert proven.out.startswith("PROVEN: ")
    assert (none.code, none.json["proven"]) == (Exit.WRONG, False)
    assert perusal("verify", tmp_path / "lie").code == Exit.USAGE


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip at all", b"\x00" * 5000])
def test_what_is_no_bundle_is_refused_without_a_traceback(perusal, tmp_path, content):
    (tmp_path / "x.zip").write_bytes(content)

    said = perusal("verify", tmp_path / "x.zip", "--json")

    assert said.code == Exit.WRONG
    assert said.json["ok"] is False


def test_a_policy_without_its_keys_file_is_a_mistake_of_the_caller(perusal, bundle, policy):
    policy.with_name("keys.json").unlink()

    said = perusal("verify", bundle, "--policy", policy)

    assert said.code == Exit.USAGE
    assert "[no_keys]" in said.err


def test_a_malformed_policy_is_refused(perusal, bundle, policy):
    policy.write_text("log nonsense\nquorum none\n")

    said = perusal("verify", bundle, "--policy", policy)

    assert said.code == Exit.WRONG
    assert "[ledger.malformed]" in said.err


def test_a_sound_ledger_agrees_with_itself(perusal, signed):
    said = perusal("ledger", "fsck", "--dir", signed, "--json")

    assert said.code == 0
    assert said.json["logs"][0]["entries"] == 30
    assert said.json["findings"] == []


def test_a_ledger_changed_behind_the_triggers_is_found_out(perusal, signed):
    database = open_database(f"sqlite:///{signed}/data.db")
    with database.write() as conn:
        for (name,) in conn.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger_entry'"
        ).all():
            conn.exec_driver_sql(f'DROP TRIGGER "{name}"')
        conn.exec_driver_sql(
            "UPDATE ledger_entry SET body = CAST(replace(CAST(body AS TEXT), 'enrol', 'erase') AS BLOB) WHERE idx = 7"
        )
    database.close()

    said = perusal("ledger", "fsck", "--dir", signed)

    assert said.code == Exit.WRONG
    assert "finding(s)" in said.out
    assert perusal("ledger", "fsck", "--dir", signed, "--json").json["findings"][0]["at"] == 7


def test_a_stored_value_that_the_ledger_does_not_know_is_found_out(perusal, signed):
    database = open_database(f"sqlite:///{signed}/data.db")
    with database.write() as conn:
        conn.exec_driver_sql("DROP TRIGGER value_only_close")
        (subject,) = conn.exec_driver_sql("SELECT min(subject) FROM value").one()
        conn.exec_driver_sql(
            "UPDATE value SET valid_from = valid_from - 1 WHERE field = 'email' AND subject = ?", (subject,)
        )
    database.close()

    said = perusal("ledger", "fsck", "--dir", signed, "--json")

    assert said.code == Exit.WRONG
    found = {(finding["origin"], finding["at"]) for finding in said.json["findings"]}
    assert (f"{encode_id('sub', subject)} email", 1) in found
    assert len(found) == 3  # the moved version, the enrolment it was part of, and that enrolment's entry


def test_nothing_new_to_sign_signs_nothing(perusal, signed):
    assert perusal("ledger", "publish", "--dir", signed, "--json").json["checkpoints"] == []
    assert "nothing to sign" in perusal("ledger", "publish", "--dir", signed).out


def test_the_policy_names_every_log_and_no_secret(policy):
    lines = policy.read_text().splitlines()
    keys = json.loads(policy.with_name("keys.json").read_text())["keys"]

    assert lines[0].startswith("log log.example/cli/2")
    assert lines[-1] == "quorum none"
    assert [set(key) for key in keys] == [{"alg", "crv", "kid", "kty", "use", "x"}]


def test_the_operators_policy_names_its_witnesses_and_an_unwitnessed_bundle_does_not_pass_it(
    perusal, bundle, signed, tmp_path, monkeypatch
):
    witness = cosignature.key_of("regulator.example/w1", bytes(32))
    (tmp_path / "witnesses").write_text(f"witness regulator {witness} https://w.example\nquorum regulator\n")
    monkeypatch.setenv("PERUSAL_WITNESSES", str(tmp_path / "witnesses"))

    assert perusal("ledger", "policy", "--dir", signed, "--out", tmp_path / "strict", "--json").code == 0
    said = perusal("verify", bundle, "--policy", tmp_path / "strict" / "policy.txt", "--json")
    checks = {one["name"]: one for one in perusal("doctor", "--dir", signed, "--json").json["checks"]}

    assert (
        f"witness regulator {witness} https://w.example" in (tmp_path / "strict" / "policy.txt").read_text()
    )
    assert said.code == Exit.WRONG
    assert said.json["checks"][-1]["name"] == "witnesses"
    assert "cosigned by no witness" in perusal("verify", bundle).out
    assert checks["witnesses"]["ok"]
    assert "1 named, quorum regulator; 1 of 1 log(s) unwitnessed since " in checks["witnesses"]["seen"]


def test_a_newer_file_is_held_against_an_older_one(perusal, bundle, policy, tmp_path):
    (tmp_path / "broken.zip").write_bytes(b"PK")

    same = perusal("verify", bundle, "--against", bundle, "--policy", policy)
    broken = perusal("verify", bundle, "--against", tmp_path / "broken.zip", "--json")

    assert same.code == Exit.WRONG
    assert "counts nothing of its tag" in same.out
    assert (broken.code, broken.json["error"]["code"]) == (Exit.USAGE, "unsound")
