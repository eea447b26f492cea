"""Installations that the commands themselves made, on either data base, and copies of them for single tests."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.cli.installation import change_settings
from api.cli.main import run
from tests.backends import Backend, NoPostgres, Server, open_backend


@dataclass(frozen=True)
class Site:
    """An installation in `home`; on PostgreSQL `names` are its data bases (data, keys) on `server`."""

    home: Path
    server: Server | None = None
    names: tuple[str, ...] = ()

    def options(self) -> tuple[str, ...]:
        """What `init` is told of the data bases."""
        if self.server is None:
            return ()
        data, keys = map(self.server.url, self.names)
        return "--database-url", data, "--key-database-url", keys

    def lose_keys(self) -> None:
        """Leave nothing of the key data base."""
        if self.server is None:
            for part in self.home.glob("keys.db*"):
                part.unlink()
        else:
            self.server.drop(self.names[1])
            self.server.run(f'CREATE DATABASE "{self.names[1]}"')


def server_of(request: pytest.FixtureRequest, name: str) -> Server | None:
    """The server for data bases of this name ("sqlite": none); skips where there is none to be had."""
    if name == "sqlite":
        return None
    server = request.getfixturevalue("postgres")
    if isinstance(server, NoPostgres):
        pytest.skip(str(server))
    return server


@contextmanager
def lasting_bare_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Empty data bases of the parameter's kind for all tests of a module, as `bare_backend` has them for one."""
    server = server_of(request, request.param)
    urls = ["sqlite://"] * 2 if server is None else [server.url(server.clone("template0")) for _ in range(2)]
    backend = open_backend(request.param, *urls)
    yield backend
    backend.close()


@contextmanager
def new_site(home: Path, server: Server | None, *options: str) -> Iterator[Site]:
    """A new installation on data bases of its own, which go at the end."""
    with _databases(home, server, ("template0", "template0")) as site:
        assert run(["init", "--dir", str(home), *options, *site.options(), "--json"]) == 0
        yield site


@contextmanager
def copied(site: Site, home: Path) -> Iterator[Site]:
    """The same installation once more, for somebody who changes it."""
    shutil.copytree(site.home, home)
    with _databases(home, site.server, site.names) as copy:
        if copy.server is not None:
            data, keys = map(copy.server.url, copy.names)
            change_settings(home, {"DATABASE": data, "KEYS": keys})
        yield copy


@contextmanager
def _databases(home: Path, server: Server | None, templates: tuple[str, ...]) -> Iterator[Site]:
    if server is None:
        yield Site(home)
        return
    names = tuple(map(server.clone, templates))
    try:
        yield Site(home, server, names)
    finally:
        for name in names:
            server.drop(name)
