"""`perusal keys`: status, rotation of each layer, new shares, backups; people stay readable through all of it."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select, update

from api.cli.failures import Exit
from api.cli.installation import change_settings, settings_mapping
from api.cli.root_change import one_at_a_time
from api.sealing.opening import opened_vault, provider_of
from api.sealing.shares import share_files
from api.settings import Settings
from tests.sites import copied, new_site, server_of
from tests.vault.people.made_up import enrol
from tests.vault.providers.transit_server import Engine, transit_server
from vault.backups.keys import DAY_MS
from vault.keys.tables import tenant_kek
from vault.keys.tenant import add_kek
from vault.providers.local import LocalProvider, is_pending, new_root
from vault.reading.records import masked
from vault.rotation import Kind, rewrap_root, start, step
from vault.tables import person

NOW = 1_795_300_000_000
PEOPLE = 3
RIGHTS = {"encrypt", "decrypt", "keys", "keys/rotate"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def template(request, tmp_path_factory):
    """An installation under a passphrase with a few people in it."""
    home = tmp_path_factory.mktemp("site") / "home"
    with new_site(home, server_of(request, request.param)) as made:
        with opened_vault(_settings(home)) as vault:
            enrol(vault, range(PEOPLE), NOW)
        yield made


@pytest.fixture
def site(template, tmp_path):
    with copied(template, tmp_path / "home") as copy:
        yield copy


@pytest.fixture
def home(site):
    return site.home


@pytest.fixture
def engine(tmp_path):
    """A transit engine and the file that names it."""
    (tmp_path / "token").touch(mode=0o600)
    (tmp_path / "token").write_text("token\n")
    with transit_server(Engine(tokens={"token": RIGHTS})) as running:
        (tmp_path / "transit.toml").write_text(
            f'type = "transit"\naddress = "http://127.0.0.1:{running.port}"\nkey = "perusal"\ntoken_file = "token"\n'
        )
        yield tmp_path / "transit.toml"


def _settings(home, **more):
    return Settings.from_mapping(settings_mapping(home) | more)


def _readable(home, **more):
    """How many people's phone numbers open."""
    with opened_vault(_settings(home, **more)) as vault:
        with vault.data.read() as conn:
            subjects = conn.execute(select(person.c.subject)).scalars().all()
        return sum("phone" in masked(vault, subject, ["phone"]) for subject in subjects)


def _secret(path, text):
    path.touch(mode=0o600)
    path.write_text(f"{text}\n")
    return path


def _status(perusal, home):
    said = perusal("keys", "status", "--dir", home, "--json")
    assert said.code == 0, said.err
    return said.json


def test_status_tells_every_layer_and_opens_nothing_that_people_hold(perusal, home):
    found = _status(perusal, home)

    (key,) = found["tenant_keys"]
    assert (key["version"], key["state"], key["rotation_due"]) == (1, "active", False)
    assert key["root"] == found["root"]["root"]
    assert 0 < key["wraps"] < key["wraps_limit"]
    assert found["people_by_key_epoch"] == {"1": PEOPLE}
    assert [one["state"] for one in found["index_epochs"]] == ["active"]
    assert (found["rotations"], found["backup_epochs"], found["horizon_days"]) == ([], [], 395)

    (home / "passphrase").unlink()
    without = _status(perusal, home)
    assert "not_open" in without["root"]
    assert without["tenant_keys"][0]["root"] == key["root"]
    said = perusal("keys", "status", "--dir", home)
    assert "erasure horizon: 395 days" in said.out
    assert "tenant keys" in said.out


@pytest.mark.parametrize(
    ("layer", "kind", "after"),
    [
        ("tenant", Kind.TENANT, lambda found: found["tenant_keys"][-1]["version"] == 2),
        ("people", Kind.PERSON, lambda found: found["people_by_key_epoch"] == {"2": PEOPLE}),
        ("index", Kind.INDEX, lambda found: found["index_epochs"][-1]["epoch"] == 2),
    ],
)
def test_a_layer_is_rotated_and_one_that_was_broken_off_is_gone_on_with(perusal, home, layer, kind, after):
    none = perusal("keys", "rotate", layer, "--resume", "--dir", home)
    assert (none.code, "[rotation_none]" in none.err) == (Exit.WRONG, True)

    with opened_vault(_settings(home)) as vault:
        begun = step(vault, start(vault, kind, NOW), NOW) if kind is Kind.TENANT else start(vault, kind, NOW)
    assert [one["state"] for one in _status(perusal, home)["rotations"]] == ["running"]

    said = perusal("keys", "rotate", layer, "--dir", home, "--json")
    assert (said.code, said.json["left_over"]) == (0, 0), said.err
    found = _status(perusal, home)
    assert after(found), found
    assert [(one["kind"], one["state"]) for one in found["rotations"]] == [(begun.kind.value, "done")]
    assert _readable(home) == PEOPLE


def test_rotating_the_tenant_key_destroys_the_one_before(perusal, home):
    said = perusal("keys", "rotate", "tenant", "--dir", home)
    assert said.code == 0
    assert "1 old tenant key(s) destroyed" in said.out
    assert [one["state"] for one in _status(perusal, home)["tenant_keys"]] == ["destroyed", "active"]


def test_a_root_goes_from_a_passphrase_to_shares_to_other_shares_and_back(
    perusal, home, tmp_path, monkeypatch
):
    first, second = tmp_path / "first", tmp_path / "second"
    split = perusal("keys", "shares", "--dir", home, "--shares", 2, "--of", 3, "--shares-out", first)
    assert split.code == 0, split.err
    assert "[needs_shares]" in perusal("keys", "rotate", "tenant", "--dir", home).err
    assert _readable(home, PERUSAL_SHARES=str(first)) == PEOPLE

    few = perusal(
        "keys", "shares", "--dir", home, "--share-file", share_files(first)[0], "--shares-out", second
    )
    assert "[not_enough_shares]" in few.err
    assert not is_pending(home / "root.sealed")
    assert not second.exists()

    given = [part for file in share_files(first)[1:] for part in ("--share-file", file)]
    again = perusal("keys", "rotate", "root", "--dir", home, *given, "--shares-out", second)
    assert again.code == 0, again.err
    assert len(share_files(second)) == 3, "as many as before"
    stale = perusal("keys", "shares", "--dir", home, *given, "--shares-out", tmp_path / "third")
    assert "[stale_share]" in stale.err

    monkeypatch.setenv("PERUSAL_SHARES", str(second))
    assert perusal("keys", "rotate", "people", "--dir", home).code == 0
    new = _secret(tmp_path / "new-passphrase", "another passphrase")
    back = perusal("keys", "shares", "--dir", home, "--new-passphrase-file", new)
    assert back.code == 0, back.err
    monkeypatch.delenv("PERUSAL_SHARES")
    assert _settings(home).passphrase_file == new
    assert _readable(home) == PEOPLE


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--shares", 4, "--of", 3, "--shares-out", "x"),
        ("--shares", 2),
        ("--shares-out", "x", "--new-passphrase-file", "-"),
    ],
)
def test_shares_that_cannot_be_made_change_nothing(perusal, home, arguments):
    before = (home / "root.sealed").read_bytes()
    assert perusal("keys", "shares", "--dir", home, *arguments).code == Exit.USAGE
    assert (home / "root.sealed").read_bytes() == before


def test_a_folder_with_anything_in_it_takes_no_shares(perusal, home, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "something").touch()
    said = perusal("keys", "shares", "--dir", home, "--shares-out", tmp_path / "out")
    assert "[already_there]" in said.err
    assert not is_pending(home / "root.sealed")
    assert _readable(home) == PEOPLE


def test_a_change_that_leads_elsewhere_is_finished_first(perusal, home, tmp_path):
    passphrase = (home / "passphrase").read_text().strip()
    new_root(home / "root.sealed", passphrase)

    said = perusal("keys", "shares", "--dir", home, "--shares-out", tmp_path / "out")

    assert said.code == 0, said.err
    assert not is_pending(home / "root.sealed")
    assert _readable(home, PERUSAL_SHARES=str(tmp_path / "out")) == PEOPLE


def test_no_new_tenant_key_is_made_while_the_root_is_being_changed(perusal, home):
    new_root(home / "root.sealed", (home / "passphrase").read_text().strip())
    said = perusal("keys", "rotate", "tenant", "--dir", home)
    assert "[root_change_pending]" in said.err
    assert _status(perusal, home)["rotations"] == []
    assert _status(perusal, home)["root"]["change"] == "begun and not finished"


def test_two_changes_of_one_root_never_run_at_once(perusal, home):
    with one_at_a_time(home / "root.sealed"):
        said = perusal("keys", "rotate", "root", "--dir", home)
    assert "[root_change_running]" in said.err
    assert not is_pending(home / "root.sealed")


def test_a_tenant_key_that_came_under_the_old_root_at_the_last_moment_goes_over_too(
    perusal, home, monkeypatch
):
    old = provider_of(_settings(home)).roots[0]
    rounds = []

    def raced(keys, *given):
        job = rewrap_root(keys, *given)
        if not rounds:
            with keys.write() as conn:
                tenant = conn.execute(select(tenant_kek.c.tenant)).scalar_one()
                conn.execute(update(tenant_kek).values(state="retired"))
                add_kek(conn, LocalProvider(old), tenant, 2, NOW)
        rounds.append(job)
        return job

    monkeypatch.setattr("api.cli.root_change.rewrap_root", raced)
    assert perusal("keys", "rotate", "root", "--dir", home).code == 0
    assert [job.done for job in rounds] == [1, 2]
    assert _readable(home) == PEOPLE


def test_shares_others_can_read_are_refused(perusal, home, tmp_path):
    shares = tmp_path / "shares"
    assert perusal("keys", "shares", "--dir", home, "--shares-out", shares).code == 0
    (shares / "share-1.txt").chmod(0o644)
    given = [part for file in share_files(shares) for part in ("--share-file", file)]
    said = perusal("keys", "shares", "--dir", home, *given, "--shares-out", tmp_path / "more")
    assert "[secret_is_readable]" in said.err


def test_a_root_moves_to_a_provider_is_renewed_there_and_moves_back(perusal, home, tmp_path, engine):
    moved = perusal("keys", "rotate", "root", "--dir", home, "--to", engine)
    assert moved.code == 0, moved.err
    found = _status(perusal, home)
    assert (found["root"]["provider"], found["tenant_keys"][0]["root"]) == ("transit", "v1")
    (home / "root.sealed").unlink()
    (home / "passphrase").unlink()
    assert _readable(home) == PEOPLE

    assert perusal("keys", "backup", "--out", tmp_path / "keys.backup", "--dir", home).code == 0
    renewed = perusal("keys", "rotate", "root", "--dir", home, "--json")
    assert renewed.json == {"rewrapped": 2}, "the tenant key, and the key of the backup epoch"
    assert _status(perusal, home)["tenant_keys"][0]["root"] == "v2"
    assert perusal("keys", "rotate", "root", "--resume", "--dir", home).code == 0
    assert _status(perusal, home)["root"]["root"] == "v2"

    secret = _secret(tmp_path / "secret", "correct horse battery staple")
    made = perusal("keys", "init", "--root-file", tmp_path / "root", "--passphrase-file", secret)
    assert made.code == 0, made.err
    given = ("--to-root-file", tmp_path / "root", "--passphrase-file", secret)
    back = perusal("keys", "rotate", "root", "--dir", home, *given)
    assert back.code == 0, back.err
    assert _status(perusal, home)["root"]["provider"] == "local"
    assert _readable(home) == PEOPLE


def test_a_backup_fills_an_empty_key_data_base_and_no_other(perusal, site, home, tmp_path):
    file = tmp_path / "keys.backup"
    made = perusal("keys", "backup", "--out", file, "--dir", home, "--json")
    assert made.code == 0, made.err
    assert "[keys_present]" in perusal("keys", "restore", file, "--dir", home).err
    assert perusal("keys", "backup", "--out", file, "--dir", home).code == Exit.ENVIRONMENT

    assert perusal("keys", "rotate", "root", "--dir", home).code == 0
    site.lose_keys()
    back = perusal("keys", "restore", file, "--dir", home, "--json")
    assert (back.code, back.json["rows"], back.json["without_keys"]) == (0, made.json["rows"], 0), back.err
    assert _readable(home) == PEOPLE


def test_people_who_came_after_the_backup_are_told(perusal, site, home, tmp_path):
    file = tmp_path / "keys.backup"
    assert perusal("keys", "backup", "--out", file, "--dir", home).code == 0
    with opened_vault(_settings(home)) as vault:
        enrol(vault, range(PEOPLE, PEOPLE + 2), NOW)
    site.lose_keys()
    back = perusal("keys", "restore", file, "--dir", home, "--json")
    assert (back.code, back.json["without_keys"]) == (Exit.WRONG, 2)


def test_an_expired_epoch_opens_no_backup_and_the_horizon_is_never_overstepped(perusal, home, tmp_path):
    file = tmp_path / "keys.backup"
    assert perusal("keys", "backup", "--out", file, "--dir", home).code == 0
    assert perusal("keys", "expire", "--dir", home, "--json").json == {"destroyed": 0}
    assert "[beyond_horizon]" in perusal("keys", "expire", "--days", 31, "--dir", home).err

    (epoch,) = (home / "backup-keys").iterdir()
    old = int(epoch.stem) - 31 * DAY_MS
    epoch.rename(epoch.with_name(f"{old}.key"))
    assert perusal("keys", "expire", "--dir", home, "--json").json == {"destroyed": 1}
    assert "[backup_expired]" in perusal("keys", "restore", file, "--dir", home).err


def test_changing_settings_keeps_the_other_lines(home):
    (home / "settings.env").write_text("# mine\nPERUSAL_PORT=81\nPERUSAL_PROVIDER_FILE = /old\n")
    change_settings(home, {"PROVIDER_FILE": None, "HOST": "127.0.0.2"})
    assert (home / "settings.env").read_text() == "# mine\nPERUSAL_PORT=81\nPERUSAL_HOST=127.0.0.2\n"


def test_a_rotation_of_the_signing_keys_begins_a_generation_of_each_and_the_policy_trusts_both(
    perusal, home, tmp_path
):
    def trusted(name):
        assert perusal("ledger", "policy", "--out", tmp_path / name, "--dir", home).code == 0
        return {key["kid"] for key in json.loads((tmp_path / name / "keys.json").read_text())["keys"]}

    before = trusted("before")

    said = perusal("keys", "rotate", "signing", "--dir", home, "--json")

    assert said.code == 0, said.err
    assert {name: one["generation"] for name, one in said.json.items()} == dict.fromkeys(
        ("receipt", "event", "introspection", "status"), 2
    )
    assert trusted("after") == before | {said.json["receipt"]["kid"]}
    assert "generation 3" in perusal("keys", "rotate", "signing", "--dir", home).out
    events = [one for one in _status(perusal, home)["signing_keys"] if one["purpose"] == "event"]
    assert [(one["generation"], bool(one["begun"]), bool(one["retired"])) for one in events] == [
        (1, False, True),
        (2, True, True),
        (3, True, False),
    ]
    assert "signing keys" in perusal("keys", "status", "--dir", home).out
