"""`perusal init` makes a complete installation, keeps its secrets to its owner, and never overwrites one."""

from __future__ import annotations

import stat

import pytest
from sqlalchemy import select

from api.cli.failures import Exit
from api.cli.installation import settings_mapping
from api.sealing.opening import opened_vault
from api.settings import Settings
from tests.vault.providers.transit_server import Engine, transit_server
from vault.sealing.sealed import Suite
from vault.tables import value


def test_a_new_installation_passes_the_doctor(perusal, tmp_path):
    made = perusal("init", "--dir", tmp_path / "home", "--json")

    assert made.code == 0
    assert made.json["buckets"] == 1
    examined = perusal("doctor", "--dir", tmp_path / "home", "--json")
    assert examined.code == 0, examined.out
    assert {"packages", "sqlite", "clock", "permissions", "root key", "data base schema"} <= {
        check["name"] for check in examined.json["checks"]
    }


def test_everything_in_the_folder_is_for_its_owner_only(home):
    for path in [home, *home.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path.name


def test_a_folder_with_anything_in_it_is_refused_and_left_as_it_was(perusal, home):
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}

    said = perusal("init", "--dir", home)

    assert said.code == Exit.WRONG
    assert "[already_there]" in said.err
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_a_failure_half_way_leaves_nothing_behind(perusal, tmp_path, monkeypatch):
    def fail(*_arguments, **_more):
        raise OSError(28, "No space left on device", "data.db")

    monkeypatch.setattr("api.cli.init.create_vault", fail)

    said = perusal("init", "--dir", tmp_path / "home")

    assert said.code == Exit.ENVIRONMENT
    assert list(tmp_path.iterdir()) == []


def test_a_passphrase_file_is_used_where_it_is_and_not_copied(perusal, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("correct horse battery staple\n")
    secret.chmod(0o600)

    assert perusal("init", "--dir", tmp_path / "home", "--passphrase-file", secret).code == 0

    settings = Settings.from_mapping(settings_mapping(tmp_path / "home"))
    assert settings.passphrase_file == secret
    for path in (tmp_path / "home").rglob("*"):
        assert path.is_dir() or b"correct horse" not in path.read_bytes()


def test_a_passphrase_file_others_can_read_is_refused(perusal, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("correct horse battery staple\n")
    secret.chmod(0o644)

    said = perusal("init", "--dir", tmp_path / "home", "--passphrase-file", secret)

    assert said.code == Exit.ENVIRONMENT
    assert "[secret_is_readable]" in said.err
    assert "horse" not in said.err


def test_the_wrong_passphrase_is_told_as_such(perusal, home):
    (home / "passphrase").write_text("something else\n")

    said = perusal("ledger", "fsck", "--dir", home)

    assert said.code == Exit.ENVIRONMENT
    assert "[wrong_passphrase]" in said.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (
            ["--database-url", "postgresql+psycopg://u:hunter2@h/d", "--key-database-url", "x"],
            "secret_on_command_line",
        ),
        (["--database-url", "postgresql+psycopg:///d"], "one_database_only"),
    ],
)
def test_data_base_addresses_are_refused_when_they_carry_a_password_or_come_alone(
    perusal, tmp_path, arguments, code
):
    said = perusal("init", "--dir", tmp_path / "home", *arguments)

    assert said.code == Exit.USAGE
    assert f"[{code}]" in said.err
    assert "hunter2" not in said.err
    assert not (tmp_path / "home").exists()


def test_the_environment_wins_over_the_settings_file_and_options_over_both(tmp_path, monkeypatch):
    (tmp_path / "settings.env").write_text("# a comment\nPERUSAL_PORT=81\nPERUSAL_HOST = 127.0.0.2\n")
    monkeypatch.setenv("PERUSAL_PORT", "82")

    settings = Settings.from_mapping(settings_mapping(tmp_path))

    assert (settings.port, settings.host) == (82, "127.0.0.2")


def test_a_root_key_made_at_a_ceremony_is_used_where_it_is(perusal, tmp_path):
    root, shares = tmp_path / "ceremony.root", tmp_path / "shares"
    made = perusal("keys", "init", "--root-file", root, "--shares", 2, "--of", 3, "--shares-out", shares)
    assert made.code == 0, made.err
    assert "pss_" not in made.out
    assert stat.S_IMODE(root.stat().st_mode) == 0o600

    given = [part for number in (1, 3) for part in ("--share-file", shares / f"share-{number}.txt")]
    used = perusal("init", "--dir", tmp_path / "home", "--root-file", root, *given)

    assert used.code == 0, used.err
    assert Settings.from_mapping(settings_mapping(tmp_path / "home")).root_file == root
    assert not (tmp_path / "home" / "root.sealed").exists()


def test_a_ceremony_with_a_passphrase_works_too_and_never_overwrites(perusal, tmp_path):
    root, secret = tmp_path / "root", tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("correct horse battery staple\n")
    given = ("--root-file", root, "--passphrase-file", secret)
    assert perusal("keys", "init", *given).code == 0
    assert "[root_exists]" in perusal("keys", "init", *given).err

    assert perusal("init", "--dir", tmp_path / "home", *given).code == 0
    assert perusal("doctor", "--dir", tmp_path / "home").code == 0


def test_a_root_whose_shares_cannot_be_written_is_not_left_behind(perusal, tmp_path):
    (tmp_path / "shares").mkdir()
    (tmp_path / "shares" / "something").touch()
    split = ("--shares", 2, "--shares-out", tmp_path / "shares")
    said = perusal("keys", "init", "--root-file", tmp_path / "root", *split)
    assert "[already_there]" in said.err
    assert not (tmp_path / "root").exists()


def test_a_root_key_can_live_at_a_provider_from_the_start(perusal, tmp_path):
    (tmp_path / "token").touch(mode=0o600)
    (tmp_path / "token").write_text("token\n")
    with transit_server(Engine(tokens={"token": {"encrypt", "decrypt", "keys"}})) as engine:
        provider = tmp_path / "provider.toml"
        provider.write_text(
            f'type = "transit"\naddress = "http://127.0.0.1:{engine.port}"\nkey = "perusal"\ntoken_file = "token"\n'
        )
        made = perusal("init", "--dir", tmp_path / "home", "--provider-file", provider)
        assert made.code == 0, made.err
        assert perusal("doctor", "--dir", tmp_path / "home").code == 0
    assert Settings.from_mapping(settings_mapping(tmp_path / "home")).provider_file == provider
    assert sorted(path.name for path in (tmp_path / "home").iterdir() if "root" in path.name) == []


@pytest.mark.parametrize(
    "both",
    [
        ("--shares", 2, "--shares-out", "x", "--passphrase-file", "-"),
        ("--share-file", "-"),
        ("--provider-file", "{config}", "--shares", 2, "--shares-out", "x"),
    ],
)
def test_a_root_key_comes_from_one_place_only(perusal, tmp_path, both):
    (tmp_path / "config.toml").write_text('type = "local"\n')
    given = [str(part).replace("{config}", str(tmp_path / "config.toml")) for part in both]
    said = perusal("init", "--dir", tmp_path / "home", *given)
    assert said.code == Exit.USAGE
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(("given", "suite"), [((), Suite.GCM), (("--suite", "gcm-siv"), Suite.GCM_SIV)])
def test_how_values_are_sealed_is_chosen_once_and_kept_with_the_installation(perusal, tmp_path, given, suite):
    made = perusal("init", "--dir", tmp_path / "home", *given, "--json")
    (tmp_path / "people.jsonl").write_text('{"name": "Li Si"}\n')
    perusal("enrol", tmp_path / "people.jsonl", "--keys-out", tmp_path / "k", "--dir", tmp_path / "home")

    assert made.json["suite"] == (given[1] if given else "gcm")
    with opened_vault(Settings.from_mapping(settings_mapping(tmp_path / "home"))) as vault:
        assert vault.installation.suite is suite
        with vault.data.read() as conn:
            assert {blob[1] for blob in conn.execute(select(value.c.blob)).scalars()} == {suite}


def test_a_tenant_of_its_own_files_chooses_its_own_suite(perusal, home):
    made = perusal("tenant", "add", "south", "--dir", home, "--suite", "gcm-siv", "--json")

    assert made.json["suite"] == "gcm-siv"
