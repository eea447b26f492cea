"""`perusal serve --demo` has all that the programs of the guide need."""

import json
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.backends import open_backend
from tests.clients.test_walkthrough import walk, written
from tests.faults.live import Live, installation
from tests.flow.installation import Person, World
from vault.opening import Vault


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, Vault]]:
    """A new installation, served with its sandbox."""
    backend = open_backend("sqlite", "sqlite://", "sqlite://")
    with installation(tmp_path_factory.mktemp("demo") / "home", backend) as (live, vault):
        live.options = ("--demo",)
        live.start()
        yield live, vault
    backend.close()


def test_the_program_of_the_guide_runs_against_the_sandbox(demo: tuple[Live, Vault], tmp_path: Path) -> None:
    live, vault = demo
    folder = live.home / "sandbox"
    key = json.loads((folder / "consumer.json").read_text("utf-8"))["sign_in_key"]
    program = tmp_path / "client.py"
    program.write_text(written("python"), encoding="utf-8")

    with httpx.Client(base_url=live.url, timeout=60) as http:
        world = World(vault, lambda: time.time_ns() // 1_000_000, http, live.settings(), live.url)
        command = [sys.executable, str(program), str(folder / "recipient.json")]
        received = walk(command, live.url, Person(world, key, None, "en"))

    assert received["data"]["name"] == "Sandbox Zhang"


def test_the_sandboxs_secrets_are_for_its_owner_only(demo: tuple[Live, Vault]) -> None:
    folder = demo[0].home / "sandbox"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_starting_again_keeps_the_sandbox_and_moves_its_address(demo: tuple[Live, Vault]) -> None:
    live, _ = demo
    file = live.home / "sandbox" / "recipient.json"
    before = json.loads(file.read_text("utf-8"))
    live.stop()
    live.start()
    after = json.loads(file.read_text("utf-8"))

    assert (before["client_id"], before["key"]) == (after["client_id"], after["key"])
    assert after["issuer"] == live.url
