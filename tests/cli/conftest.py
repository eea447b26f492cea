"""The command line as a user has it: run in this process, with what it printed and the code it left with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.cli.main import run
from api.demo.city import citizens
from tests.sites import server_of

SEED = 11


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def perusal(capfd, monkeypatch):
    """Runs one command; the environment holds no settings of another installation."""
    monkeypatch.delenv("PERUSAL_HOME", raising=False)

    def call(*arguments) -> Said:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Said(code, out, err)

    return call


@pytest.fixture(params=["sqlite", "postgresql"])
def database_options(request) -> Iterator[tuple[str, ...]]:
    """What `init` is told of the data bases: nothing, and then two empty ones on the PostgreSQL server."""
    server = server_of(request, request.param)
    if server is None:
        yield ()
        return
    data, keys = (server.clone("template0") for _ in range(2))
    yield "--database-url", server.url(data), "--key-database-url", server.url(keys)
    for name in (data, keys):
        server.drop(name)


@pytest.fixture(scope="session")
def site_template(tmp_path_factory) -> Path:
    """An installation with 30 people, made once by the commands themselves."""
    folder = tmp_path_factory.mktemp("site")
    assert run(["init", "--dir", str(folder / "home"), "--ledger-host", "log.example/cli", "--json"]) == 0
    lines = [json.dumps({**person.values(), "lang": person.lang}) for person in citizens(SEED, 30)]
    (folder / "people.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    enrol = ["enrol", folder / "people.jsonl", "--keys-out", folder / "keys.jsonl", "--dir", folder / "home"]
    assert run([*map(str, enrol), "--json"]) == 0
    return folder


@pytest.fixture
def home(site_template, tmp_path) -> Path:
    """A copy of the installation for one test."""
    shutil.copytree(site_template / "home", tmp_path / "home")
    return tmp_path / "home"
