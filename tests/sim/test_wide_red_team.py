"""Recipients with different shares of the people publish what they have: some customers are of two or three of them, some
gave aliases, some are planted; from HTTP answers to the report of each file.

Whoever is named has leaked, whatever the leakers merge, add, or leave out to point at somebody else.
"""

import random
from dataclasses import dataclass

import pytest

from consent.accounts.keys import Consumer
from consent.approving.approve import Approved, approve
from consent.marks import tolerance
from consent.marks.alias_pool import add_domain, add_numbers
from consent.marks.carriers import CARRIERS
from consent.planted.planting import Kind, Order, plant
from tests.bench.proofs import ProofKey
from tests.consent.world import World
from tests.flow.installation import START, open_world
from tests.sim.published import received, traced
from vault.fields import FIELDS

pytestmark = [pytest.mark.heavy, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]

PEOPLE, DARK, PLANTED = 110, 40, 20
SHARES = (0.7, 0.55, 0.5, 0.4, 0.35)
ORDER = ("name", "phone", "email")


@dataclass
class City:
    """`held[recipient]`: its rows by person's number; `planted[recipient]`: its rows of those planted with it; leakers
    come first among the recipients.
    """

    vault: object
    held: dict[str, dict[int, list[str]]]
    planted: dict[str, list[list[str]]]
    dark: list[list[str]]

    @property
    def recipients(self):
        return list(self.held)

    def rows(self, at, numbers=None):
        rows = self.held[self.recipients[at]]
        return [rows[n] for n in rows if numbers is None or n in numbers]


@pytest.fixture
def city(vault, tmp_path):
    site, world, rng = open_world(vault, tmp_path), World(vault, START), random.Random(7)
    marked = [code for code, field in CARRIERS.items() if field in {"phone", "email"}]
    tolerance.allow(vault, "account", marked, START)
    with vault.data.write() as conn:
        add_domain(conn, "relay.example", START)
        add_numbers(conn, [f"1703333{n:04d}" for n in range(300)], START)
    people, key = world.people(PEOPLE + DARK)[:PEOPLE], ProofKey.generate()
    dark = _plant(vault, Order(kind=Kind.DARK, people=PLANTED, domains=("mail.example",)))
    made = City(vault, {}, {}, [row for _, row in dark])
    with site.http:
        for number, share in enumerate(SHARES):
            app = world.app("account", f"Recipient {number} Ltd")
            whom = str(app.client.recipient.id)
            made.held[whom] = {
                n: _row(site, world, app, people[n], key, alias=n % 3 == 0)
                for n in sorted(rng.sample(range(PEOPLE), round(share * PEOPLE)))
            }
            order = Order(
                kind=Kind.UNIQUE, people=10, domains=("mail.example",), recipient_id=app.client.recipient.id
            )
            made.planted[whom] = [
                _row(site, world, app, one, key, alias=False) for one, _ in _plant(vault, order)
            ]
    return made


def _plant(vault, order):
    done = plant(vault, order, random.Random(repr(order)), START).made
    return [
        (
            Consumer(bucket=one.bucket, subject=one.subject, lang="en"),
            [drawn.values[field] for field in ORDER],
        )
        for one, drawn in done
    ]


def _row(site, world, app, person, key, *, alias):
    shown = world.show(app, person, datatypes=list(ORDER))
    wanted = {"name", "phone", "alias_email" if alias else "email"}
    approved = approve(world.vault, person, shown.id, wanted, world.now)
    assert isinstance(approved, Approved), approved
    return received(site, world, app, approved.code, key, ORDER)


def lone_share(city, rng):
    """Half of what one recipient has, its planted persons among it."""
    return rng.sample(city.rows(0), len(city.rows(0)) // 2) + city.planted[city.recipients[0]][:5]


def merged(city, rng):
    """What two recipients have, in one file; customers of both stand in it twice."""
    return rng.sample(rows := city.rows(0) + city.rows(1), len(rows))


def merged_once(city, rng):
    """The same with one row for each customer, whose it is being left to a coin."""
    first, second = (city.held[whom] for whom in city.recipients[:2])
    both = {
        n: rng.choice([rows[n] for rows in (first, second) if n in rows]) for n in sorted({*first, *second})
    }
    return list(both.values())


def padded(city, rng):
    """Three strangers for each row."""
    rows = merged_once(city, rng)
    return rows + [[f"Stranger {n}", f"188{n:08d}", f"stranger{n}@example.net"] for n in range(3 * len(rows))]


def pointing(city, rng):
    """One leaks only those customers whom a third, innocent recipient has as well."""
    return city.rows(0, city.held[city.recipients[2]].keys())


def pointing_scrubbed(city, rng):
    """The same with marks cleaned away and without the rows of aliases: nothing but the ledger is left."""
    return [
        [FIELDS[field].stored(cell) for field, cell in zip(ORDER, row, strict=True)]
        for row in pointing(city, rng)
        if not row[2].endswith("relay.example")
    ]


def other_rows(city, rng):
    """One leaks, and writes rows of strangers and its own customers' names in the form of another's aliases."""
    forged = [[row[0], row[1], f"{rng.randbytes(8).hex()}@relay.example"] for row in pointing(city, rng)[:20]]
    return city.rows(0) + forged


NAMING = (lone_share, merged, merged_once, padded, pointing, other_rows)


def test_whatever_leakers_merge_pad_or_point_at_nobody_innocent_is_named(city, tmp_path):
    leakers, told = set(city.recipients[:2]), {}
    for at, attack in enumerate((*NAMING, pointing_scrubbed)):
        rows = attack(city, random.Random(at))
        report = traced(city.vault, tmp_path, rows, START + 3_600_000 + at)
        # A repost names nobody, but its figures are the same.
        named = {
            one["recipient"]
            for one in report.body["ranking"]
            if (one.get("ln_e_total") or 0.0) >= report.body["threshold"]
        }
        told[attack.__name__] = named
        assert named <= leakers, attack.__name__
        assert report.outcome != "own_store", attack.__name__
    assert [name for name in (attack.__name__ for attack in NAMING) if not told[name]] == []
    assert told["merged"] == told["merged_once"] == leakers
    assert told["pointing_scrubbed"] == set()
