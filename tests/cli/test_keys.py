"""`perusal keys`: a split root from the first share to a server that is open, and sealed again."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from api.cli.failures import Exit
from api.cli.installation import change_settings
from vault.storage.database import open_database

ROOT = Path(__file__).parents[2]


@pytest.fixture
def split(perusal, tmp_path, database_options):
    """An installation whose root key was split three ways, two of which open it."""
    shares = ("--shares", 2, "--of", 3, "--shares-out", tmp_path / "shares")
    made = perusal("init", "--dir", tmp_path / "home", *shares, *database_options)
    assert made.code == 0, made.err
    return tmp_path


def lose_keys(home: Path, options: tuple[str, ...]) -> None:
    """Leave an empty key data base."""
    if not options:
        (home / "keys.db").unlink()
        return
    keys = open_database(options[-1])
    with keys.write() as conn:
        conn.exec_driver_sql("DROP SCHEMA public CASCADE")
        conn.exec_driver_sql("CREATE SCHEMA public")
    keys.close()


@contextmanager
def served(home: Path, ready: Path):
    command = [sys.executable, "-m", "api", "serve", "--dir", home, "--port", "0", "--ready-file", ready]
    with subprocess.Popen(
        list(map(str, command)),
        cwd=ROOT,
        env={**os.environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield _address(ready, process)
        finally:
            process.terminate()


def _address(ready: Path, process: subprocess.Popen) -> str:
    """Where the server listens, as soon as it says so; bounded."""
    deadline = time.monotonic() + 60
    while not ready.exists():
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < deadline, "the server did not become ready"
        time.sleep(0.05)
    return json.loads(ready.read_text())["url"]


def test_every_share_is_in_a_file_of_its_own_for_its_owner_only(split):
    files = sorted((split / "shares").iterdir())

    assert [file.name for file in files] == ["share-1.txt", "share-2.txt", "share-3.txt"]
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    assert len({file.read_text() for file in files}) == 3
    assert not (split / "home" / "passphrase").exists()


def test_the_doctor_knows_that_people_open_a_split_root(perusal, split, monkeypatch):
    def root_key():
        examined = perusal("doctor", "--dir", split / "home", "--json").json
        return next(check for check in examined["checks"] if check["name"] == "root key")

    assert root_key() == {"name": "root key", "ok": True, "seen": "opened by people: perusal keys unseal"}
    monkeypatch.setenv("PERUSAL_SHARES", str(split / "shares"))
    assert root_key() == {"name": "root key", "ok": True, "seen": "opens, local"}
    for share in (split / "shares").iterdir():
        share.unlink()
    assert not root_key()["ok"]


def test_the_server_waits_for_people_even_where_commands_have_shares(perusal, split):
    change_settings(split / "home", {"SHARES": split / "shares"})
    assert perusal("ledger", "fsck", "--dir", split / "home").code == 0
    with served(split / "home", split / "ready") as url:
        assert httpx.get(f"{url}/healthz", timeout=60).json()["needs"] == "shares"


def test_a_server_that_cannot_open_its_installation_says_why_and_ends(perusal, tmp_path, database_options):
    assert perusal("init", "--dir", tmp_path / "home", *database_options).code == 0
    lose_keys(tmp_path / "home", database_options)
    command = [sys.executable, "-m", "api", "serve", "--dir", tmp_path / "home", "--port", "0"]
    ended = subprocess.run(
        list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == Exit.ENVIRONMENT
    assert "[schema_outdated]" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_server_with_a_split_root_waits_for_its_shares(perusal, split):
    key = split / "operator.key"
    with served(split / "home", split / "ready") as url:
        assert httpx.get(f"{url}/healthz", timeout=60).json()["needed"] == 2
        share = split / "shares" / "share-{}.txt"
        first = perusal("keys", "unseal", "--url", url, "--share-file", str(share).format(3))
        assert (first.code, first.out) == (Exit.WRONG, "1 of 2 shares are there\n")
        again = perusal("keys", "unseal", "--url", url, "--share-file", str(share).format(3))
        assert "[duplicate_share]" in again.err
        second = perusal("keys", "unseal", "--url", url, "--share-file", str(share).format(1), "--json")
        assert (second.code, second.json) == (0, {"status": "open"})
        assert httpx.get(f"{url}/healthz", timeout=60).json() == {"status": "ok"}
        assert httpx.get(f"{url}/en/sign-in", timeout=60).status_code == 200

        staff = ("staff", "add", "--actor", "Op", "--role", "operator", "--key-out", key)
        assert perusal(*staff, "--dir", split / "home").code == 0
        assert perusal("keys", "seal", "--url", url, "--staff-key-file", key).code == 0
        assert httpx.get(f"{url}/en/sign-in", timeout=60).status_code == 503


def test_a_secret_is_not_sent_over_a_plain_line_to_another_machine(perusal, split):
    said = perusal(
        "keys", "unseal", "--url", "http://vault.example", "--share-file", split / "shares" / "share-1.txt"
    )
    assert said.code == Exit.USAGE
    assert "[insecure_url]" in said.err


@pytest.mark.parametrize("wrong", [("--shares", 4, "--of", 3), ("--shares", 3)])
def test_impossible_splits_make_no_installation(perusal, tmp_path, wrong):
    said = perusal("init", "--dir", tmp_path / "home", *wrong)
    assert said.code == Exit.USAGE
    assert not (tmp_path / "home").exists()
