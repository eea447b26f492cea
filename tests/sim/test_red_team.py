"""Three recipients of eight that hold the same people publish what they have, in every way that is known: from
HTTP answers to the report of each file.

The ledger cannot tell the eight apart, so whoever is named is named by marks. Nobody innocent ever is; and
unless the marks were cleaned away, at least one who leaked is.
"""

import random

import pytest

from consent.marks import tolerance
from consent.marks.carriers import CARRIERS
from tests.bench.proofs import ProofKey
from tests.consent.world import World
from tests.flow.installation import START, open_world
from tests.sim import attacks
from tests.sim.published import received, traced

pytestmark = [pytest.mark.heavy, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]

RECIPIENTS, LEAKERS, PEOPLE, DARK = 8, 3, 130, 40
NAMING = (
    attacks.lone,
    attacks.union,
    attacks.heap,
    attacks.mixing,
    attacks.majority,
    attacks.minority,
    attacks.ones,
    attacks.column_drop,
    attacks.shuffling,
    attacks.padding,
)
MARKED = [code for code, field in CARRIERS.items() if field in {"phone", "email"}]


@pytest.fixture
def copies(vault, tmp_path):
    """What each recipient was answered over HTTP about the same people, and who they are; the world's clock."""
    site, world = open_world(vault, tmp_path), World(vault, START)
    tolerance.allow(vault, "account", MARKED, START)
    people, key = world.people(PEOPLE + DARK)[:PEOPLE], ProofKey.generate()
    held = {}
    with site.http:
        for number in range(RECIPIENTS):
            app = world.app("account", f"Recipient {number} Ltd")
            held[str(app.client.recipient.id)] = [_row(site, world, app, person, key) for person in people]
    return held, START + 3_600_000


def _row(site, world, app, person, key):
    approved = world.approve(app, person, datatypes=["name", "phone", "email"])
    return received(site, world, app, approved.code, key, attacks.FIELDS_OF)


def test_whatever_leakers_do_nobody_innocent_is_named_and_marks_that_are_left_name_one_of_them(
    vault, tmp_path, copies
):
    held, now_ms = copies
    leakers = sorted(held)[:LEAKERS]
    rng = random.Random(6)
    told = {}

    for at, attack in enumerate((*NAMING, attacks.half_scrubbed, attacks.scrubbing)):
        rows = attack([held[one] for one in leakers], rng)
        report = traced(vault, tmp_path, rows, now_ms + at)
        named = [one["recipient"] for one in report.body["ranking"] if _passes(one, report)]
        told[attack.__name__] = named
        assert set(named) <= set(leakers), attack.__name__
        if attack in NAMING:
            assert named, attack.__name__

    assert told["scrubbing"] == []
    assert set(told["heap"]) == set(told["union"]) == set(leakers)


def _passes(line, report):
    """Whether the figure passes the line: a repost names nobody, but its figures are the same."""
    return (line.get("ln_e_total") or 0.0) >= report.body["threshold"]
