"""Stamps of exported checkpoints by `openssl ts` behind HTTP, checked by us and by `openssl ts -verify`."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime

import pytest

from api.cli.failures import Exit
from api.cli.installation import settings_mapping
from api.sealing.opening import opened_vault
from api.settings import Settings
from consent.ledger import published
from consent.ledger.append import append
from consent.ledger.origin import LogId
from consent.ledger.publishing import log_keys
from consent.ledger.publishing.signer import Signer
from tests.authority import Authority
from tests.consent.ledger.kit import an_item


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def tree(perusal, home, tmp_path):
    """An exported folder, with its policy beside it."""
    assert perusal("ledger", "publish", "--dir", home).code == 0
    assert perusal("ledger", "policy", "--dir", home, "--out", tmp_path / "trust").code == 0
    assert perusal("ledger", "export", tmp_path / "out", "--dir", home).code == 0
    return tmp_path / "out"


@pytest.fixture
def stamped(perusal, tree, authority):
    """The same with a stamp."""
    with authority.serving() as url:
        said = perusal(
            "ledger", "stamp", tree, "--tsa", url, "--authorities", authority.folder / "root.pem", "--json"
        )
    assert [one["size"] for one in said.json["stamps"]] == [30]
    return tree


@pytest.fixture
def checked(perusal, tree, authority, tmp_path):
    """Checks the stamps by the operator's policy."""
    roots, policy = authority.folder / "root.pem", tmp_path / "trust/policy.txt"
    return lambda: perusal("ledger", "stamp", tree, "--authorities", roots, "--policy", policy, "--json")


def test_a_stamp_says_by_when_a_log_had_its_entries(stamped, checked):
    said = checked()

    (one,) = said.json["stamps"]
    assert (said.code, one["size"]) == (Exit.OK, 30)
    assert abs((datetime.fromisoformat(one["at"]) - datetime.now(UTC)).total_seconds()) < 600


def test_a_stamp_stays_good_when_another_key_signs_the_log(perusal, home, stamped, authority, tmp_path):
    with opened_vault(Settings.from_mapping(settings_mapping(home))) as vault:
        now_ms = time.time_ns() // 1_000_000
        log = LogId(0, datetime.now(UTC).year)
        log_keys.rotate(vault.data, Signer.of(vault), log, now_ms, overlap_ms=0)
    assert perusal("ledger", "publish", "--dir", home).code == Exit.OK
    assert perusal("ledger", "export", stamped, "--dir", home).code == Exit.OK
    assert perusal("ledger", "policy", "--dir", home, "--out", tmp_path / "new").code == Exit.OK
    check = ("ledger", "stamp", stamped, "--authorities", authority.folder / "root.pem", "--json")

    alone, by_policy = perusal(*check), perusal(*check, "--policy", tmp_path / "new/policy.txt")

    for said in (alone, by_policy):
        assert (said.code, [one["size"] for one in said.json["stamps"]]) == (Exit.OK, [30])
    (head,) = stamped.glob("log/*/*/checkpoint")
    assert "\n31\n" in head.read_text()
    assert "retired" in (tmp_path / "new/keys.json").read_text()


def test_openssl_verifies_what_is_kept(stamped, authority):
    (kept,) = stamped.glob("log/*/*/stamps/30.tsr")
    data = kept.with_suffix(".checkpoint").read_bytes()

    assert data == (kept.parents[1] / "checkpoint").read_bytes()
    assert authority.verifies(kept.read_bytes(), data)
    assert not authority.verifies(kept.read_bytes(), data.replace(b"\n30\n", b"\n29\n"))


def test_a_checkpoint_is_stamped_once(perusal, stamped, authority):
    said = perusal(
        "ledger",
        "stamp",
        stamped,
        "--tsa",
        "http://127.0.0.1:9/",
        "--authorities",
        authority.folder / "root.pem",
    )

    assert (said.code, said.out) == (Exit.OK, "no new stamp\n")


def test_an_older_stamp_holds_for_the_beginning_of_a_log_that_has_grown(perusal, home, stamped, checked):
    with opened_vault(Settings.from_mapping(settings_mapping(home))) as vault:
        with vault.data.read() as conn:
            (log, *_) = published.logs(conn)
        grow(vault, log, 300)
    assert perusal("ledger", "publish", "--dir", home).code == 0
    assert perusal("ledger", "export", stamped, "--dir", home, "--json").json["logs"][0]["size"] == 330

    assert [one["size"] for one in checked().json["stamps"]] == [30]


def grow(vault, log: LogId, count: int) -> None:
    dice = random.Random(1)
    items = [an_item(dice, bucket=log.bucket, tag=at) for at in range(count)]
    with vault.data.write() as conn:
        append(conn, items, time.time_ns() // 1_000_000, vault.installation.ledger_host)


def test_a_stamp_of_another_history_is_wrong(stamped, checked):
    (tile,) = stamped.glob("log/*/*/tile/0/000.p/30")
    tile.write_bytes(tile.read_bytes()[::-1])

    said = checked()

    assert said.code == Exit.WRONG
    assert said.json["findings"][0]["what"] == "stamps/30.tsr: not a beginning of the log as it is here"


@pytest.mark.parametrize(
    ("suffix", "reason"),
    [(".checkpoint", "a known key's signature does not hold"), (".tsr", "no authority you trust says so")],
)
def test_a_changed_stamp_is_wrong_and_named(stamped, checked, suffix, reason):
    (path,) = stamped.glob(f"log/*/*/stamps/30{suffix}")
    data = bytearray(path.read_bytes())
    # Six from the end a note has a letter of its signature's base64, which stays base64 as another letter.
    data[-6] = ord("B") if data[-6] == ord("A") else ord("A")
    path.write_bytes(bytes(data))

    said = checked()

    assert said.code == Exit.WRONG
    assert said.json["findings"][0]["what"] == f"stamps/30.tsr: {reason}"


def test_a_stamp_without_what_was_stamped_is_wrong(stamped, checked):
    (path,) = stamped.glob("log/*/*/stamps/30.checkpoint")
    path.unlink()

    assert checked().json["findings"][0]["what"] == "stamps/30.tsr: what was stamped is missing"


def test_the_stamp_of_an_authority_nobody_trusts_is_not_kept(perusal, tree, authority, tmp_path):
    other = Authority.made(tmp_path)
    with other.serving() as url:
        said = perusal(
            "ledger", "stamp", tree, "--tsa", url, "--authorities", authority.folder / "root.pem", "--json"
        )

    assert (said.code, said.json["error"]["code"]) == (Exit.WRONG, "not_stamped")
    assert not list(tree.glob("log/*/*/stamps/*"))


def test_an_authority_that_is_away_is_said_so(perusal, tree, authority):
    said = perusal(
        "ledger",
        "stamp",
        tree,
        "--tsa",
        "http://127.0.0.1:9/",
        "--authorities",
        authority.folder / "root.pem",
        "--json",
    )

    assert (said.code, said.json["error"]["code"]) == (Exit.ENVIRONMENT, "no_answer")
