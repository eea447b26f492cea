"""`perusal scan`: only what two others approved, by whoever asked, under their own key."""

from __future__ import annotations

import hashlib
import json
import stat
import time

import pytest

from api.cli.failures import Exit
from api.cli.installation import settings_of
from api.cli.scan import _staffer
from api.demo.city import citizens
from api.sealing.opening import opened_vault
from consent.dual.control import vote
from consent.ids import dual_text
from consent.permits.scan_runs import ScanScope
from consent.staff.scanning import ask_scan
from consent.staff_members import DualReason, Verdict
from tests.cli.conftest import SEED

SALT = b"pepper"


@pytest.fixture
def staff(perusal, home, tmp_path):
    """Three members of staff: the files of their keys."""
    files = {name: tmp_path / f"{name}.key" for name in ("lin", "wu", "he")}
    for name, file in files.items():
        add = ("staff", "add", "--actor", name, "--role", "investigator", "--key-out", file)
        assert perusal(*add, "--dir", home).code == 0
    return files


@pytest.fixture
def asked(home, staff, tmp_path):
    """The file of two salted digests, one of them a citizen's, and the request for it."""
    phone = next(citizens(SEED, 1)).values()["phone"]
    wanted = [hashlib.md5(SALT + text.encode()).digest() for text in (phone, "13900000000")]
    file = tmp_path / "digests.txt"
    file.write_text("".join(one.hex().upper() + "\n" for one in wanted), encoding="utf-8")
    (tmp_path / "salts.txt").write_text(SALT.hex() + "\n", encoding="utf-8")
    now_ms = time.time_ns() // 1_000_000
    with opened_vault(settings_of(home)) as vault:
        lin = _staffer(vault, staff["lin"])
        scope = ScanScope.of(vault, "phone", ("md5(salt+value)",), wanted, [SALT])
        request = ask_scan(vault, lin, scope, DualReason.LEAK_INVESTIGATION, "File 7.", now_ms)
    return file, request


def approve(home, staff, request):
    with opened_vault(settings_of(home)) as vault:
        for name in ("wu", "he"):
            vote(vault, _staffer(vault, staff[name]), request.id, Verdict.YES, time.time_ns() // 1_000_000)


def scan(perusal, home, tmp_path, asked, key, out="found.jsonl"):
    file, request = asked
    return perusal(
        *("scan", "run", dual_text(request.id), "--digests", file, "--salts", tmp_path / "salts.txt"),
        *("--staff-key-file", key, "--out", tmp_path / out, "--dir", home, "--json"),
    )


def test_an_approved_scan_finds_whose_digest_it_is_and_names_nobody_by_value(
    perusal, home, staff, asked, tmp_path
):
    approve(home, staff, asked[1])

    said = scan(perusal, home, tmp_path, asked, staff["lin"])

    assert (said.code, said.json) == (Exit.OK, {"opened": 30, "found": 1, "file": "found.jsonl"})
    (row,) = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
    assert row["digest"] == asked[0].read_text().splitlines()[0].lower()
    assert row["scheme"] == "md5(salt+value)"
    assert stat.S_IMODE((tmp_path / "found.jsonl").stat().st_mode) == 0o600


def test_nothing_is_opened_without_two_approvals_or_by_another(perusal, home, staff, asked, tmp_path):
    early = scan(perusal, home, tmp_path, asked, staff["lin"])
    approve(home, staff, asked[1])
    other = scan(perusal, home, tmp_path, asked, staff["wu"], "other.jsonl")

    assert (early.json["error"]["code"], other.json["error"]["code"]) == (
        "staff.not_approved",
        "staff.not_requester",
    )
    assert (tmp_path / "found.jsonl").read_text() + (tmp_path / "other.jsonl").read_text() == ""


def test_other_digests_than_the_approved_ones_are_refused(perusal, home, staff, asked, tmp_path):
    approve(home, staff, asked[1])
    with asked[0].open("a", encoding="utf-8") as file:
        file.write(hashlib.md5(b"more").hexdigest() + "\n")

    said = scan(perusal, home, tmp_path, asked, staff["lin"])
    assert said.json["error"]["code"] == "staff.field_not_requested"


def test_what_a_request_names_digests_and_salts_by_is_printed_with_how_many_there_are(
    perusal, home, asked, tmp_path
):
    file, request = asked
    named = ("scan", "digests", file, "--salts", tmp_path / "salts.txt", "--json")

    said = perusal(*named, "--dir", home).json

    assert (said["wanted_count"], said["salt_count"]) == (2, 1)
    assert said.items() <= json.loads(request.scope).items()


def test_digests_are_named_for_an_installation_only(perusal, asked):
    said = perusal("scan", "digests", asked[0], "--json")
    assert (said.code, said.json["error"]["code"]) == (Exit.ENVIRONMENT, "no_installation")


def test_a_line_that_is_no_digest_is_named_by_its_number(perusal, tmp_path):
    file = tmp_path / "wrong.txt"
    file.write_text(hashlib.md5(b"x").hexdigest() + "\n\n13800000000\n")

    said = perusal("scan", "digests", file)

    assert said.code == Exit.USAGE
    assert "line 3 is no digest" in said.err
    assert "13800000000" not in said.err
