"""An installation to measure: made by `perusal init` on a real disk, with people, a shop and a server.

PostgreSQL runs with fsync on, in a server of its own; SQLite lives in the same folder as everything else.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.backends import NoPostgres, Server, open_backend, postgres_server
from tests.bench.load import Plan, as_json
from tests.bench.report import note
from tests.faults.live import Live, installation
from vault.opening import Vault

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One installation under measurement; `postgres` and its process id only where that is the data base."""

    folder: Path
    live: Live
    vault: Vault
    postgres: Server | None
    postgres_pid: int


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def measured(backend: str) -> Iterator[Measured]:
    """A new installation on `sqlite` or `postgresql`; raises tests.backends.NoPostgres."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        if backend == "sqlite":
            yield from _installed(folder, "sqlite", "", "", None)
            return
        with postgres_server(durable=True) as server:
            names = [server.clone("template0"), server.clone("template0")]
            data, keys = (server.url(one) for one in names)
            yield from _installed(folder, "postgresql", data, keys, server)
            for one in names:
                server.drop(one)


def _installed(folder: Path, name: str, data: str, keys: str, server: Server | None) -> Iterator[Measured]:
    nowhere = "sqlite://"
    backend = open_backend(name, data or nowhere, keys or nowhere)
    with installation(folder / "home", backend) as (live, vault):
        pid = postmaster(server) if server else 0
        yield Measured(folder=folder, live=live, vault=vault, postgres=server, postgres_pid=pid)
    backend.close()


def on_each_backend(
    name: str, options: argparse.Namespace, measure: Callable[[Measured, argparse.Namespace], dict[str, Any]]
) -> dict[str, Any]:
    """What `measure` finds on every data base that was asked for, or why one cannot be had here."""
    found: dict[str, Any] = {}
    for backend in options.backend or ["sqlite", "postgresql"]:
        note(f"{name}: {backend}")
        try:
            with measured(backend) as site:
                found[backend] = measure(site, options)
        except NoPostgres as reason:
            found[backend] = {"skipped": str(reason)}
    return found


def postmaster(server: Server) -> int:
    """The process id of our own server, from its socket folder; 0 for a server somebody else runs."""
    for part in server.dsn.split():
        path = Path(part.partition("=")[2]) / "data" / "postmaster.pid"
        if part.startswith("host=") and path.exists():
            return int(path.read_text().split()[0])
    return 0


def load(plan: Plan) -> dict[str, Any]:
    """Run one plan in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        input=as_json(plan),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=os.environ,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
