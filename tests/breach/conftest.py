import pytest

from breach.cells import Cells
from breach.match import Matcher
from tests.breach.leaks import HOUR, Town, row, town, write
from tests.consent.world import World
from tests.vault import people


@pytest.fixture
def world(vault, now) -> World:
    return World(vault, now)


@pytest.fixture
def small_town(world) -> Town:
    """90 people: 40 never disclosed, 30 only at the shop, 20 at shop and parcel service, who lost nothing."""
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
