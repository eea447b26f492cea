from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from breach.cells import Cells
from breach.match import Matcher
from tests.backends import Backend
from tests.breach.leaks import HOUR, Town, row, town, write
from tests.conftest import NOW, created_vault, fresh_backend
from tests.consent.world import World
from tests.vault import people
from vault.opening import Vault, open_vault


@pytest.fixture
def world(vault, now) -> World:
    return World(vault, now)


@pytest.fixture(scope="session")
def towns(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, provider
) -> Iterator[Callable[[str], tuple[Backend, Town]]]:
    """The small town on either kind of data base, closed, for copies: founding it takes longer than most traces."""
    founded: dict[str, tuple[Backend, Town]] = {}
    with ExitStack() as kept:

        def found(name: str) -> tuple[Backend, Town]:
            if name not in founded:
                place = contextmanager(fresh_backend)(request, name, tmp_path_factory.mktemp("town"))
                backend = kept.enter_context(place)
                founded[name] = backend, _found(World(created_vault(backend, provider, NOW), NOW))
                backend.close()
            return founded[name]

        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request, tmp_path, towns) -> Iterator[Backend]:
    """As everywhere; a copy of the small town's for its tests."""
    template = towns(request.param)[0] if "small_town" in request.fixturenames else None
    yield from fresh_backend(request, request.param, tmp_path, template)


@pytest.fixture
def vault(request, backend, provider, now) -> Vault:
    """As everywhere; the small town has its own already."""
    if "small_town" in request.fixturenames:
        return open_vault(backend.data, backend.keys, provider)
    return created_vault(backend, provider, now)


@pytest.fixture
def small_town(world, backend, towns) -> Town:
    """90 people: 40 never disclosed, 30 only at the shop, 20 at shop and parcel service, who lost nothing."""
    _, kept = towns(backend.name)
    world.now, world.made = kept.world.now, kept.world.made
    return replace(kept, world=world, apps=dict(kept.apps), held=dict(kept.held), people=list(kept.people))


def _found(world: World) -> Town:
    made = town(world, 90)
    made.apps["shop"] = world.app("account", "Shop Ltd")
    made.apps["parcel"] = world.app("delivery", "Parcel Ltd")
    made.apps["idle"] = world.app("marketing", "Idle Ltd")
    made.give("shop", list(range(40, 90)), ["name", "phone", "email"])
    made.give("parcel", list(range(70, 90)), ["name", "phone"])
    world.tick(HOUR)
    return made


@pytest.fixture
def lost(small_town, tmp_path) -> bytes:
    """What the shop lost: 45 of its 50 people, some values written differently, strangers and damage mixed in."""
    rows = [row(n) for n in range(40, 85)]
    rows[0][1] = f"+86 {rows[0][1][:3]}-{rows[0][1][3:7]}-{rows[0][1][7:]}"
    rows[1][2] = rows[1][2].upper()
    rows[2] = rows[2][:2]
    rows[3].append("extra")
    strangers = [["陌生人", f"188{n:08d}", f"stranger{n}@example.net"] for n in range(30)]
    masked = [["张*丰", "138****1234", "z***@qq.com"]]
    mixed_up = [["谁", row(86)[1], row(87)[2]]]
    return write(tmp_path / "lost.csv", rows + strangers + masked + mixed_up)


@pytest.fixture
def enrolled(vault, now):
    """Twelve people; the number of each is the place in the list."""
    return people.enrol(vault, range(12), now)


@pytest.fixture
def matching(vault, enrolled, columns):
    """Matches rows of the module's `columns`: (number of the person, field, version) with its flags, and the counts."""
    matcher = Matcher(vault.keyring, columns, Cells())

    def run(rows):
        with vault.data.read() as conn:
            found = matcher.match(conn, rows).items
        numbers = {person.subject: at for at, person in enumerate(enrolled)}
        return {(numbers[item[1]], item[2], item[4]): how for item, how in found.items()}, matcher.cells

    return run
