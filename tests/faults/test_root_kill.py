"""kill -9 in the middle of a change of the root key: everything opens, and the same command finishes it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from api.cli.installation import settings_mapping
from api.cli.main import run
from api.sealing.opening import opened_vault, provider_of
from api.sealing.shares import collected, share_files
from api.settings import Settings
from tests.sites import copied, new_site, server_of
from tests.vault.people.made_up import enrol
from vault.backups.keys import BackupKeys
from vault.providers.local import Roots, is_pending
from vault.providers.shamir import StaleShare
from vault.reading.records import masked

ROOT = Path(__file__).parents[2]
NOW = 1_795_300_000_000
DEATHS = {
    "with a root, without its shares": ("api.cli.root_change:hand_out", "before", 1),
    "in the middle of the shares": ("api.cli.roots:write_private", "after", 2),
    "with the shares, before anything is wrapped": ("api.cli.root_change:hand_out", "after", 1),
    "when the tenant keys are wrapped": ("api.cli.root_change:rewrap_root", "after", 1),
    "between two keys of backups": ("vault.backups.keys:replace", "after", 1),
    "before the new file takes the old one's place": ("api.cli.root_change:adopt_root", "before", 1),
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def templates(request, tmp_path_factory):
    """Two installations with a person and two backup epochs: one root under shares, one under a passphrase."""
    folder, server = tmp_path_factory.mktemp("roots"), server_of(request, request.param)
    split = ("--shares", "2", "--of", "3", "--shares-out", str(folder / "split-shares"))
    with new_site(folder / "split", server, *split) as shared, new_site(folder / "whole", server) as whole:
        for site in (shared, whole):
            with opened_vault(_settings(site.home, folder / "split-shares")) as vault:
                enrol(vault, range(1), NOW)
                store = BackupKeys(site.home / "backup-keys", vault.keyring.provider, vault.keyring.tenant)
                store.begin(NOW)
                store.begin(NOW + 1)
        yield {site.home.name: site for site in (shared, whole)}


@pytest.fixture
def split(templates, tmp_path):
    """A copy of the installation under shares: its folder, and that of its shares."""
    with copied(templates["split"], tmp_path / "home") as site:
        yield site.home, templates["split"].home.with_name("split-shares")


@pytest.fixture
def home(templates, tmp_path):
    """A copy of the installation under a passphrase: its folder."""
    with copied(templates["whole"], tmp_path / "home") as site:
        yield site.home


def _settings(home, shares=None):
    given = {"PERUSAL_SHARES": str(shares)} if shares and shares.exists() else {}
    return Settings.from_mapping(settings_mapping(home) | given)


def _dies(place, *arguments):
    command = [sys.executable, "-m", "tests.faults.die", *map(str, (*place, *arguments))]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ}, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


def _everything_opens(home, shares=None):
    """The person is readable, and so is every backup epoch's key."""
    settings = _settings(home, shares)
    with opened_vault(settings) as vault:
        assert vault.keyring.provider.name == "local"
        (person,) = _people(vault)
        assert masked(vault, person, ["phone"])["phone"].endswith("0000")
        store = BackupKeys(settings.backup_keys, vault.keyring.provider, vault.keyring.tenant)
        assert [store.opens(epoch) for epoch in store.epochs()] == [True, True]


def _people(vault):
    from sqlalchemy import select

    from vault.tables import person

    with vault.data.read() as conn:
        return conn.execute(select(person.c.subject)).scalars().all()


@pytest.mark.parametrize("death", DEATHS)
def test_new_shares_are_finished_by_the_same_command(split, tmp_path, death):
    (home, old), new = split, tmp_path / "new"
    given = [part for file in share_files(old)[1:] for part in ("--share-file", file)]
    command = ["keys", "shares", "--dir", home, *given, "--shares", 2, "--of", 4, "--shares-out", new]
    root = home / "root.sealed"

    _dies(DEATHS[death], *command)
    assert is_pending(root)
    _opens_by_what_is_there(home, root, old, new)

    assert run([*map(str, command), "--json"]) == 0
    assert not is_pending(root)
    assert len(share_files(new)) == 4
    _everything_opens(home, new)
    with pytest.raises(StaleShare):
        collected(root, share_files(old))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "new"], "no share is left elsewhere"


def _opens_by_what_is_there(home, root, old, new):
    """Between the death and the next command: the shares of both sets together open everything."""
    files = [*share_files(old), *(share_files(new) if new.exists() else [])]
    both: Roots = collected(root, files).roots()
    settings = _settings(home)
    with opened_vault(settings, both.provider()) as vault:
        assert len(_people(vault)) == 1
        store = BackupKeys(settings.backup_keys, vault.keyring.provider, vault.keyring.tenant)
        assert all(store.opens(epoch) for epoch in store.epochs())


def test_a_change_that_was_finished_says_so_to_who_repeats_it(split, tmp_path, capfd):
    (home, old), new = split, tmp_path / "new"
    given = [part for file in share_files(old)[:2] for part in ("--share-file", file)]
    command = ["keys", "shares", "--dir", home, *given, "--shares-out", new]

    _dies(("api.cli.root_change:adopt_root", "after", 1), *command)
    assert run([*map(str, command)]) == 1
    assert "[stale_share]" in capfd.readouterr().err
    _everything_opens(home, new)


@pytest.mark.parametrize(
    "death",
    [
        ("api.cli.root_change:new_root", "after", 1),
        ("api.cli.root_change:rewrap_root", "after", 1),
        ("vault.backups.keys:replace", "after", 1),
        ("api.cli.root_change:adopt_root", "before", 1),
        ("api.cli.root_change:adopt_root", "after", 1),
    ],
    ids=lambda death: f"{death[1]} {death[0].partition(':')[2]}",
)
def test_a_new_root_under_the_same_passphrase_is_finished_by_the_same_command(home, death):
    before = provider_of(_settings(home)).describe()["root"]

    _dies(death, "keys", "rotate", "root", "--dir", home)
    _everything_opens(home)

    assert run(["keys", "rotate", "root", "--dir", str(home), "--json"]) == 0
    assert not is_pending(home / "root.sealed")
    _everything_opens(home)
    assert provider_of(_settings(home)).describe()["root"] != before
