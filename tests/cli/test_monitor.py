"""An outsider watches a live installation: silence while all is well, one signed alert for each thing that is not."""

from __future__ import annotations

import dataclasses
import json

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey

from api.cli.failures import Exit
from api.edge.access import Access
from api.monitor.home import MonitorHome
from api.staff.keys import issue_staff_key
from consent.ledger.formats import cosignature, policy
from consent.ledger.formats.policy import Policy, Witness
from consent.ledger.monitor import heads
from consent.ledger.monitor.alerts import signed
from consent.ledger.origin import origin_of
from consent.ledger.published import logs
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from tests.backends import Backend
from tests.bench.site import now_ms
from tests.faults.live import installation
from tests.races.town import found
from vault.opening import Vault

WITNESS = cosignature.key_of("w.example/1", bytes(32))


@pytest.fixture
def site(bare_backend: Backend, tmp_path):
    """A running service with a few people in its ledger, signed."""
    with installation(tmp_path / "home", bare_backend) as (live, vault):
        found(vault, now_ms(), people=3)
        publish(vault.data, Signer.of(vault), now_ms())
        live.start()
        yield live, vault
        live.stop()


@pytest.fixture
def watching(site, tmp_path):
    """What the monitor is given: policy, address, auditor's key."""
    live, vault = site
    with vault.data.write() as conn:
        text = issue_staff_key(conn, actor="auditor", role=Access.AUDITOR, now_ms=now_ms())
    (tmp_path / "auditor").write_text(text)
    (tmp_path / "auditor").chmod(0o600)
    (tmp_path / "policy.txt").write_text(policy_of(vault).text)
    return ("--policy", tmp_path / "policy.txt", "--at", live.url, "--auditor-key-file", tmp_path / "auditor")


def policy_of(vault: Vault, *witnesses: Witness) -> Policy:
    with vault.data.read() as conn:
        known = logs(conn)
    keys = [Signer.of(vault).key(origin_of(vault.installation.ledger_host, log)) for log in known]
    return Policy(tuple(keys), (), witnesses, quorum=witnesses[0].name if witnesses else policy.NOBODY)


def test_a_sound_service_is_watched_in_silence_once_it_can_be_read(perusal, watching, tmp_path):
    assert perusal("monitor", "init", "--dir", tmp_path / "m", "--name", "m.example").code == 0
    away = [*watching[:3], "http://127.0.0.1:9", *watching[4:]]

    def told(*options):
        return perusal("monitor", "run", "--dir", tmp_path / "m", *options, "--once", "--json")

    gone, locked, sound, again = told(*away), told(*watching[:4]), told(*watching), told(*watching)

    assert {one["alarm"] for said in (gone, locked) for one in said.json["alerts"]} == {"unreadable"}
    assert (gone.code, locked.code, sound.code, again.code) == (Exit.WRONG, Exit.WRONG, 0, 0)
    assert all(one["size"] > 0 for one in sound.json["logs"])
    assert sound.json["alerts"] == again.json["alerts"] == []
    # One line a log: being away and being locked is one condition, which lasted.
    assert len((tmp_path / "m" / "alerts").read_text().splitlines()) == len(sound.json["logs"])


def test_what_is_wrong_is_signed_and_written_once(perusal, site, watching, tmp_path):
    _, vault = site
    (tmp_path / "policy.txt").write_text(policy_of(vault, Witness("w", WITNESS)).text)
    perusal("monitor", "init", "--dir", tmp_path / "m", "--name", "m.example")

    said = [
        perusal("monitor", "run", "--dir", tmp_path / "m", *watching, "--once", "--json") for _ in range(2)
    ]

    key = OKPKey.import_key(perusal("monitor", "key", "--dir", tmp_path / "m", "--json").json["key"])
    lines = (tmp_path / "m" / "alerts").read_text().splitlines()
    claims = [
        json.loads(jws.deserialize_compact(line, key, algorithms=["Ed25519"]).payload) for line in lines
    ]
    assert [one.code for one in said] == [Exit.WRONG, Exit.WRONG]
    assert {one["alarm"] for one in claims} == {"unwitnessed"}
    assert len(claims) == len(said[0].json["logs"])
    assert {one["iss"] for one in claims} == {"m.example"}


def test_a_folder_is_a_monitor_once(perusal, tmp_path):
    perusal("monitor", "init", "--dir", tmp_path / "m", "--name", "m.example")

    assert perusal("monitor", "init", "--dir", tmp_path / "m", "--name", "m.example", "--json").json["error"][
        "code"
    ]
    assert perusal("monitor", "key", "--dir", tmp_path / "empty").code != 0
    assert perusal("monitor", "init", "--dir", tmp_path / "n", "--name", "two words").code != 0


def test_a_key_is_told_to_nobody_whose_it_is_not(perusal, watching, tmp_path):
    text = (tmp_path / "policy.txt").read_text()
    mixed = tmp_path / "mixed.txt"
    other = Signer("other.example/log", bytes(32)).key("other.example/log/2026/0")
    mixed.write_text(text.replace("\nquorum", f"\nlog {other} http://other.example/log\nquorum", 1))
    perusal("monitor", "init", "--dir", tmp_path / "m", "--name", "m.example")
    key = tmp_path / "auditor"

    def told(*keys):
        how = ("--policy", mixed, *watching[2:4], *keys, "--once", "--json")
        return perusal("monitor", "run", "--dir", tmp_path / "m", *how)

    whose = told("--auditor-key-file", key)
    in_the_clear = told("--auditor-key-of", "http://other.example", key)

    assert (whose.code, whose.json["error"]["code"]) == (Exit.USAGE, "whose_key")
    assert (in_the_clear.code, in_the_clear.json["error"]["code"]) == (Exit.USAGE, "insecure_address")


def test_alerts_are_checked_by_whoever_has_the_monitors_key_and_a_lie_is_a_file(
    perusal, site, watching, tmp_path
):
    _, vault = site
    home = tmp_path / "m"
    perusal("monitor", "init", "--dir", home, "--name", "m.example")
    assert perusal("monitor", "run", "--dir", home, *watching, "--once").code == 0
    with MonitorHome(home).opened() as store:
        (seen,) = [store.newest(log.name) for log in policy_of(vault).logs][:1]
    other = Signer.of(vault).sign(dataclasses.replace(seen.head, root=bytes(32)))
    lie = heads.split(seen.note, other, seen.head)

    MonitorHome(home).write_evidence(lie)
    MonitorHome(home).write_alert(signed(lie, "m.example", MonitorHome(home).monitor().seed, now_ms()))
    (file,) = (home / "evidence").iterdir()
    key = perusal("monitor", "key", "--dir", home).out.split()[-1]
    own = perusal("monitor", "alerts", "--dir", home, "--json")
    theirs = perusal("monitor", "alerts", "--file", home / "alerts", "--key", key)
    strange = perusal("monitor", "alerts", "--file", home / "alerts", "--key", "A" * 43)

    assert (
        perusal("verify", file, "--policy", tmp_path / "policy.txt", "--json").json["error"]["code"]
        == "no_keys"
    )
    (tmp_path / "keys.json").write_text(policy_of(vault).keys_json)
    assert "PROVEN" in perusal("verify", file, "--policy", tmp_path / "policy.txt").out
    assert (own.code, theirs.code, strange.code) == (0, 0, Exit.WRONG)
    assert own.json["alerts"][0]["notes"] == [seen.note.decode(), other.decode()]
    assert perusal("monitor", "alerts").code == Exit.USAGE


def test_the_monitor_is_found_under_the_ledger_too(perusal, tmp_path):
    said = perusal("ledger", "monitor", "key", "--dir", tmp_path / "empty")

    assert said.code == perusal("monitor", "key", "--dir", tmp_path / "empty").code != 0
    assert perusal("ledger", "monitor", "--help").code == 0
