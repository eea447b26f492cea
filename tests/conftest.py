"""Fixtures every floor shares: real data bases with the whole schema, and an open vault on them."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from api.migrations.schema import METADATA
from tests.backends import Backend, NoPostgres, Server, memory_folder, open_backend, postgres_server
from tests.kept import Shelf
from vault.opening import Vault, create_vault, open_vault
from vault.providers.local import create_root, open_root
from vault.providers.passphrase import DEFAULT_COST
from vault.storage.database import Database, open_database

NOW = 1_795_300_000_000
"""A fixed instant for tests, Unix milliseconds (November 2026)."""

TEMPLATES = ("perusal_data", "perusal_keys")
"""The data bases on PostgreSQL that hold the whole schema and nothing else."""

# Every run tries the same examples, however slow the machine: a change alone decides whether it passes. The heavy
# runs look for new ones.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", _PATIENT, derandomize=True, database=None)
settings.register_profile("new", _PATIENT)


def pytest_configure(config: pytest.Config) -> None:
    if not _is_small(config):
        settings.load_profile("new")
        return
    settings.load_profile("same")
    # It would try the constants of whatever modules are loaded too, and the order of the tests decides which are.
    providers._get_local_constants = lambda: providers._local_constants
    _live_in_memory()
    _stretch_little()


def _live_in_memory() -> None:
    """Everything temporary is there: only the heavy tests judge a disk, and each other waits for hundreds of syncs."""
    folder = memory_folder()
    if folder:
        os.environ["TMPDIR"] = str(folder)
        tempfile.tempdir = None


def _stretch_little() -> None:
    """Nobody guesses a test's passphrase: what is made in this process costs the least that may be, not 0.25 s."""
    for name, least in (("memory_kib", 19_456), ("iterations", 1), ("lanes", 1)):
        object.__setattr__(DEFAULT_COST, name, least)


def _is_small(config: pytest.Config) -> bool:
    return "not heavy" in config.getoption("markexpr")


def _create(data: Database, keys: Database) -> None:
    with data.write() as conn:
        METADATA["data"].create_all(conn)
    with keys.write() as conn:
        METADATA["keys"].create_all(conn)
    data.close()
    keys.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    _create(
        open_database(f"sqlite:///{folder}/data.sqlite"), open_database(f"sqlite:///{folder}/keys.sqlite")
    )
    return folder


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[Server | NoPostgres]:
    # In memory a clone takes a quarter of the time.
    try:
        with postgres_server(small=_is_small(request.config)) as server:
            for name in TEMPLATES:
                server.drop(name)
                server.run(f"CREATE DATABASE {name}")
            _create(*(open_database(server.url(name)) for name in TEMPLATES))
            yield server
    except NoPostgres as reason:
        yield reason


@pytest.fixture(scope="session")
def shelves(postgres: Server) -> Iterator[tuple[Shelf, Shelf]]:
    """Copies of the templates for single tests."""
    data, keys = (Shelf(postgres, name) for name in TEMPLATES)
    yield data, keys
    data.close()
    keys.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """A fresh, empty installation schema, once on each data base."""
    yield from lent_backend(request, request.param, tmp_path)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def lasting_backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    """The same for all tests of a module: for those that disturb each other in nothing."""
    yield from lent_backend(request, request.param, tmp_path_factory.mktemp("lasting"))


def lent_backend(request: pytest.FixtureRequest, name: str, folder: Path) -> Iterator[Backend]:
    """What `backend` yields: on PostgreSQL others had it before and will have it."""
    if name == "sqlite" or isinstance(request.getfixturevalue("postgres"), NoPostgres):
        yield from fresh_backend(request, name, folder)
        return
    data, keys = request.getfixturevalue("shelves")
    with data.lent() as (data_base, data_url), keys.lent() as (key_base, keys_url):
        yield Backend(name, data_base, key_base, data_url, keys_url)


def fresh_backend(
    request: pytest.FixtureRequest, name: str, folder: Path, template: Backend | None = None
) -> Iterator[Backend]:
    """Data bases that nobody else has, so that copies of them can be made; or a copy of others, which are closed."""
    if name == "sqlite":
        place = template and Path(str(template.data.engine.url.database)).parent
        yield from _sqlite_backend(place or request.getfixturevalue("sqlite_template"), folder)
        return
    server = request.getfixturevalue("postgres")
    if isinstance(server, NoPostgres):
        pytest.skip(str(server))
    databases = (template.data, template.keys) if template else ()
    yield from _cloned(server, [str(one.engine.url.database) for one in databases] or TEMPLATES)


def _sqlite_backend(template: Path, folder: Path) -> Iterator[Backend]:
    for name in ("data.sqlite", "keys.sqlite"):
        shutil.copy(template / name, folder / name)
    backend = open_backend("sqlite", f"sqlite:///{folder}/data.sqlite", f"sqlite:///{folder}/keys.sqlite")
    yield backend
    backend.close()


def _cloned(server: Server, templates: Sequence[str]) -> Iterator[Backend]:
    names = [server.clone(template) for template in templates]
    backend = open_backend("postgresql", server.url(names[0]), server.url(names[1]))
    yield backend
    backend.close()
    for name in names:
        server.drop(name)


@pytest.fixture
def bare_backend(backend: Backend, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """The same kind of data bases as `backend`, but empty: what `perusal init` starts from."""
    if backend.name == "sqlite":
        bare = open_backend(
            "sqlite", f"sqlite:///{tmp_path}/bare.sqlite", f"sqlite:///{tmp_path}/bare-keys.sqlite"
        )
        yield bare
        bare.close()
        return
    yield from _cloned(request.getfixturevalue("postgres"), ("template0", "template0"))


@pytest.fixture(scope="session")
def sealed_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("root") / "root.key"
    create_root(path, "correct horse battery staple")
    return path


@pytest.fixture(scope="session")
def provider(sealed_root: Path):
    return open_root(sealed_root, "correct horse battery staple")


@pytest.fixture
def vault(backend: Backend, provider, now: int) -> Vault:
    """A created and opened vault."""
    return created_vault(backend, provider, now)


@pytest.fixture(scope="module")
def lasting_vault(lasting_backend: Backend, provider) -> Vault:
    """The same for all tests of a module."""
    return created_vault(lasting_backend, provider, NOW)


def created_vault(backend: Backend, provider, now_ms: int) -> Vault:
    """1 bucket on SQLite, 4 on PostgreSQL so that routing is exercised."""
    buckets = 1 if backend.name == "sqlite" else 4
    return create_vault(
        backend.data,
        backend.keys,
        provider,
        buckets=buckets,
        ledger_host="ledger.example/perusal",
        now_ms=now_ms,
    )


@pytest.fixture
def others(backend: Backend, vault: Vault, provider) -> Iterator[Callable[[int], list[Vault]]]:
    """Opens the installation of `vault` again, as many times as asked, each as another process would."""
    opened: list[Backend] = []

    def reopen(count: int) -> list[Vault]:
        fresh = [backend.reopen() for _ in range(count)]
        opened.extend(fresh)
        return [open_vault(one.data, one.keys, provider) for one in fresh]

    yield reopen
    for one in opened:
        one.close()


@pytest.fixture(scope="module")
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Tells whoever waits for a long run, at once; on standard error, which the workers of pytest-xdist have too."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def tell(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"{request.node.name}: {text}", file=sys.stderr, flush=True)

    return tell


@pytest.fixture
def now() -> int:
    return NOW
