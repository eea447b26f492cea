"""`perusal doctor` looks at everything, changes nothing, and leaves with 3 when something is not ready."""

from __future__ import annotations

import socket
import sys
import types

import pytest

from api import migrations
from api.cli.doctor import FLOORS, machine, one_parent
from api.cli.failures import Exit
from api.cli.installation import change_settings
from vault.storage.database import open_database


def _checks(said):
    return {check["name"]: check for check in said.json["checks"]}


def test_without_an_installation_the_machine_alone_is_examined(perusal):
    said = perusal("doctor", "--json")

    assert said.code == 0
    assert list(_checks(said)) == ["python", "packages", "sqlite", "clock"]
    assert [check.name for check in machine()] == ["python", "packages", "sqlite", "clock"]


def test_a_strangers_package_in_place_of_a_floor_is_found_out(monkeypatch, tmp_path):
    stranger = types.ModuleType("breach")
    stranger.__file__ = str(tmp_path / "site" / "breach" / "__init__.py")
    monkeypatch.setitem(sys.modules, "breach", stranger)

    check = one_parent(FLOORS)

    assert not check.ok
    assert "another package shadows ours" in check.seen


def test_a_file_that_others_can_read_is_found_out(perusal, home):
    (home / "passphrase").chmod(0o644)

    said = perusal("doctor", "--dir", home, "--json")

    assert said.code == Exit.ENVIRONMENT
    assert _checks(said)["permissions"] == {
        "name": "permissions",
        "ok": False,
        "seen": "others can read: passphrase",
    }


def test_a_wrong_passphrase_is_one_finding_among_the_others(perusal, home):
    (home / "passphrase").write_text("something else\n")

    said = perusal("doctor", "--dir", home, "--json")

    assert said.code == Exit.ENVIRONMENT
    assert [name for name, check in _checks(said).items() if not check["ok"]] == ["root key"]


def test_an_older_schema_is_found_out_and_migrated_when_asked(perusal, home):
    database = open_database(f"sqlite:///{home}/keys.db")
    migrations.downgrade(database, "keys", "base")
    database.close()

    assert not _checks(perusal("doctor", "--dir", home, "--json"))["key data base schema"]["ok"]

    migrated = perusal("doctor", "--dir", home, "--migrate", "--json")
    assert _checks(migrated)["key data base schema"]["ok"]


def test_a_port_in_use_is_told_but_not_held_against_a_running_server(perusal, home, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("PERUSAL_PORT", str(taken.getsockname()[1]))

        check = _checks(perusal("doctor", "--dir", home, "--json"))["port"]

    assert check["ok"]
    assert "in use" in check["seen"]


def test_an_address_that_is_not_this_machines_is_found_out(perusal, home, monkeypatch):
    monkeypatch.setenv("PERUSAL_HOST", "203.0.113.7")

    check = _checks(perusal("doctor", "--dir", home, "--json"))["port"]

    assert not check["ok"]


@pytest.mark.parametrize("name", ["data.db", "keys.db"])
def test_a_file_that_is_no_data_base_is_found_out_without_a_traceback(perusal, home, name):
    (home / name).write_bytes(b"this is no data base" * 100)

    said = perusal("doctor", "--dir", home)

    assert said.code == Exit.ENVIRONMENT
    assert "WRONG" in said.out
    assert "Traceback" not in said.out + said.err


def test_a_misspelt_setting_is_refused_by_name(perusal, home):
    (home / "settings.env").write_text("PERUSAL_PROT=9\n")

    said = perusal("doctor", "--dir", home)

    assert said.code == Exit.ENVIRONMENT
    assert "unknown setting PERUSAL_PROT" in said.err


def test_a_second_copy_beside_the_data_base_is_told_until_it_is_moved(perusal, home, tmp_path):
    beside = _checks(perusal("doctor", "--dir", home, "--json"))["second copy"]
    change_settings(home, {"CHECKPOINT_STATE": tmp_path / "apart" / "checkpoints"})

    apart = _checks(perusal("doctor", "--dir", home, "--json"))["second copy"]

    assert (beside["ok"], apart["ok"]) == (True, True)
    assert "move it" in beside["seen"]
    assert apart["seen"] == "apart from the data base"
