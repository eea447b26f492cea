"""Honey persons and requests on the command line."""

from __future__ import annotations

import json
import stat
import time

import pytest

from api.cli.failures import Exit
from api.cli.installation import settings_of
from api.demo.city import citizens
from api.sealing.opening import opened_vault
from consent.staff.emergency import ask_emergency
from consent.staff.lookup import find_people
from consent.staff_members import DualReason, Staffer
from tests.cli.conftest import SEED
from vault.ids import decode_subject

LIN = Staffer(name="operator/aaaaaaaaaaaa", actor="Lin")


@pytest.fixture
def planted(perusal, home, tmp_path):
    """Two honey persons; the file of their keys."""
    file, keys = tmp_path / "honey.jsonl", tmp_path / "honey-keys.jsonl"
    lines = [json.dumps({**one.values(), "lang": one.lang}) for one in citizens(SEED + 9, 2)]
    file.write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    said = perusal("alarms", "plant", file, "--keys-out", keys, "--dir", home, "--json")
    assert (said.code, said.json) == (Exit.OK, {"planted": 2, "refused": 0})
    return keys


def test_planting_says_who_they_are_in_a_private_file_only(perusal, home, planted):
    assert stat.S_IMODE(planted.stat().st_mode) == 0o600
    assert len(planted.read_text().splitlines()) == 2
    assert perusal("alarms", "list", "--dir", home).out == "no alarm\n"


def test_an_opened_honey_person_is_listed_until_somebody_looks(perusal, home, planted):
    phone = next(citizens(SEED + 9, 1)).values()["phone"]
    with opened_vault(settings_of(home)) as vault:
        find_people(vault, LIN, [{"phone": phone}], DualReason.FAULT_REPAIR, time.time_ns() // 1_000_000)
        vault.watch.settle()

    said = perusal("alarms", "list", "--dir", home, "--json")
    table = perusal("alarms", "list", "--dir", home)

    assert (said.code, table.code) == (Exit.WRONG, Exit.WRONG)
    (alarm,) = said.json["alarms"]
    assert (alarm["source"], alarm["who"], alarm["seen_by"]) == ("find", f"staff:{LIN.name}", None)
    assert "nobody yet" in table.out
    assert phone not in said.out + table.out


def test_a_sweep_of_what_has_its_alarm_finds_nothing_new(perusal, home, planted):
    said = perusal("alarms", "sweep", "--dir", home, "--json")

    assert (said.code, said.json) == (Exit.OK, {"new": 0})


def test_a_broken_line_plants_nobody(perusal, home, tmp_path):
    file = tmp_path / "honey.jsonl"
    file.write_text('{"phone": "13900000001"}\nnot json\n')

    said = perusal("alarms", "plant", file, "--keys-out", tmp_path / "keys", "--dir", home)

    assert said.code == Exit.WRONG
    assert "line 2" in said.err
    assert not (tmp_path / "keys").exists()


def test_requests_that_wait_are_listed_without_their_note(perusal, home, site_template):
    row = json.loads((site_template / "keys.jsonl").read_text().splitlines()[0])
    assert perusal("emergency", "list", "--dir", home).out == "nothing is waiting\n"
    with opened_vault(settings_of(home)) as vault:
        now_ms = time.time_ns() // 1_000_000
        subject = decode_subject(row["subject"])
        ask_emergency(vault, LIN, subject, ("phone",), DualReason.COURT_ORDER, "a secret reason", now_ms)

    listed = perusal("emergency", "list", "--dir", home)
    said = perusal("emergency", "list", "--dir", home, "--json")

    (request,) = said.json["requests"]
    assert (request["state"], request["approved_by"], request["fields"]) == ("asked", [], ["phone"])
    assert request["id"][:10] in listed.out
    assert "a secret reason" not in said.out + listed.out
