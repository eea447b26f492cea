"""A real server on this machine, a recipient and a person of it, and programs that nobody here wrote."""

import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.cli.installation import change_settings
from tests.faults.live import installation
from tests.flow.installation import App, Person, World
from tests.sites import lasting_bare_backend
from tests.vault.people import made_up as people

HERE = Path(__file__).parent
PACKAGES = HERE / "node_modules" / "openid-client"
OLDEST_NODE = 20


@pytest.fixture(scope="module")
def configured() -> dict[str, str]:
    """Settings of the server beyond the usual ones; a module that wants some overrides this."""
    return {}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, configured: dict[str, str]
) -> Iterator[World]:
    """A world whose server is a process of its own, spoken to over a socket; one for all tests of a module."""
    home = tmp_path_factory.mktemp("live") / "home"
    with lasting_bare_backend(request) as backend, installation(home, backend) as (live, vault):
        change_settings(live.home, {"INTERNAL_HOSTS": "127.0.0.1"})  # where the tests' recipients are called
        change_settings(live.home, configured)
        live.start()
        with httpx.Client(base_url=live.url, timeout=60) as http:
            yield World(vault, lambda: time.time_ns() // 1_000_000, http, live.settings(), live.url)


_numbers = itertools.count()


@pytest.fixture
def app(world: World) -> App:
    """A recipient of its own for each test."""
    return world.app(name=f"Harbour Bank {next(_numbers)}")


@pytest.fixture
def person(world: World) -> Person:
    """A person of its own for each test."""
    return world.person(people.values(1_000 + next(_numbers)))


class Refused(Exception):
    """What the program was told."""

    def __init__(self, error: str, description: str, status: int | None) -> None:
        super().__init__(f"{error}: {description}")
        self.error, self.status = error, status


@dataclass
class Program:
    """A running program that takes commands by the line."""

    process: subprocess.Popen[str]

    def __call__(self, name: str, **given: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": name, **given}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise Refused(answer["error"], answer["description"], answer["status"])
        return answer["ok"]


def node_of_today() -> str:
    """The Node.js to run programs with; skips the test where there is none with our packages."""
    node = shutil.which("node")
    if node is None or not PACKAGES.exists():
        pytest.skip("no Node.js with the packages of tests/clients/package-lock.json")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.removeprefix("v").partition(".")[0]) < OLDEST_NODE:
        pytest.skip(f"Node.js {version.strip()} is older than what the clients need")
    return node


@pytest.fixture
def javascript() -> Iterator[Callable[[], Program]]:
    """Starts programs on `openid-client`."""
    node = node_of_today()
    started: list[subprocess.Popen[str]] = []

    def start() -> Program:
        command = [node, "--no-warnings", str(HERE / "openid_client.mjs")]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return Program(process)

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
