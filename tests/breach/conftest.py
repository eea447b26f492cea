from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import replace

import pytest

from breach.matching.cells import Cells
from breach.matching.rows import Matcher
from tests.backends import Backend
from tests.breach.leaks import HOUR, Town, row, town, write
from tests.conftest import NOW, created_vault, fresh_backend, lent_backend
from tests.consent.world import World
from tests.vault.people import made_up as people
from vault.opening import Vault, open_vault

type Founder = Callable[[World], Town]


@pytest.fixture
def world(vault, now) -> World:
    return World(vault, now)


@pytest.fixture(scope="session")
def towns(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, provider, postgres
) -> Iterator[Callable[[str, Founder], tuple[Backend, Town]]]:
    """Towns on either kind of data base, closed, for copies: founding one takes longer than most traces.

    The server is asked for beforehand, so that it is there until the towns on it are gone.
    """
    founded: dict[tuple[str, Founder], tuple[Backend, Town]] = {}
    with ExitStack() as kept:

        def found(name: str, founder: Founder) -> tuple[Backend, Town]:
            if (name, founder) not in founded:
                place = contextmanager(fresh_backend)(request, name, tmp_path_factory.mktemp("town"))
                backend = kept.enter_context(place)
                made = founder(World(created_vault(backend, provider, NOW), NOW))
                founded[name, founder] = backend, made
                backend.close()
            return founded[name, founder]

        yield found


def founder_of(request: pytest.FixtureRequest) -> Founder:
    """The module's own `found_town`, or that of the small town."""
    return getattr(request.module, "found_town", found_small_town)


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request, tmp_path, towns) -> Iterator[Backend]:
    """As everywhere; a copy of the town's for tests of one that was founded."""
    if "founded" in request.fixturenames:
        template, _ = towns(request.param, founder_of(request))
        yield from fresh_backend(request, request.param, tmp_path, template)
        return
    yield from lent_backend(request, request.param, tmp_path)


@pytest.fixture
def vault(request, backend, provider, now) -> Vault:
    """As everywhere; a town that was founded has its own already."""
    if "founded" in request.fixturenames:
        return open_vault(backend.data, backend.keys, provider)
    return created_vault(backend, provider, now)


@pytest.fixture
def founded(request, world, backend, towns) -> Town:
    """A copy of the town that `founder_of` names, for one test to change."""
    _, kept = towns(backend.name, founder_of(request))
    world.now, world.made = kept.world.now, kept.world.made
    held, served = deepcopy(kept.held), deepcopy(kept.served)
    return replace(
        kept, world=world, apps=dict(kept.apps), held=held, people=list(kept.people), served=served
    )


@pytest.fixture
def small_town(founded) -> Town:
    """90 people: 40 never disclosed, 30 only at the shop, 20 at shop and parcel service, who lost nothing."""
    return founded


def found_small_town(world: World) -> Town:
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
