"""Planted persons from enrolment to the report: who let them out, or whose copy it is; and they count as nobody."""

from random import Random

import pytest

from breach.cases.incidents import affected, open_incident
from breach.intake.quarantine import receive
from breach.pipeline.run import trace
from consent.accounts.keys import Consumer
from consent.marks.alias_pool import add_numbers
from consent.planted.planting import Kind, Order, plant
from consent.redemption.disclose import Disclosure, disclose_many
from tests.breach.leaks import HOUR, row, write
from vault.people.honey import alarms


@pytest.fixture
def planted(small_town):
    """The small town, with twelve persons planted at the shop, which has read them, and sixty dark ones; as rows."""
    made, world = small_town, small_town.world
    with made.vault.data.write() as conn:
        add_numbers(conn, [f"1703333{n:04d}" for n in range(72)], world.now)
    shop = made.apps["shop"]
    orders = {
        "shop": Order(
            kind=Kind.UNIQUE, people=12, domains=("mail.example",), recipient_id=shop.client.recipient.id
        ),
        "dark": Order(kind=Kind.DARK, people=60, domains=("mail.example",)),
    }
    rows = {}
    for name, order in orders.items():
        done = plant(made.vault, order, Random(name), world.now).made
        rows[name] = [[one.values["name"], one.values["phone"], one.values["email"]] for _, one in done]
        if name == "shop":
            people = [Consumer(bucket=one.bucket, subject=one.subject, lang="en") for one, _ in done]
    issued = [world.token(shop, one, datatypes=["name", "phone", "email"]) for one in people]
    answers = disclose_many(made.vault, [world.request(one) for one in issued], world.now)
    assert all(isinstance(answer, Disclosure) for answer in answers)
    assert [answer.values["email"] for answer in answers] == [one[2] for one in rows["shop"]]
    world.tick(HOUR)
    return made, rows


def _trace(made, folder, rows):
    raw = write(folder / "leak.csv", rows)
    taken = receive(made.vault, [raw], folder / "q", now_ms=made.world.now)
    return trace(made.vault, taken, now_ms=made.world.now)


def _alarms(made):
    made.vault.watch.settle()
    with made.vault.data.read() as conn:
        return {(one.source, one.who) for one in alarms(conn)}


def test_a_leak_of_the_shop_shows_its_planted_persons(planted, tmp_path):
    """They add their own figure, and are no people: neither found nor held by anybody, neither affected nor dark."""
    made, rows = planted

    report = _trace(made, tmp_path, [row(n) for n in range(40, 65)] + rows["shop"][:9])

    line = next(one for one in report.body["ranking"] if one.get("recipient") == made.recipient("shop"))
    opened = open_incident(made.vault, report.id, now_ms=made.world.now)
    with made.vault.data.read() as conn:
        concerned = list(affected(conn, opened.id, made.vault.installation.buckets))
    assert report.suspects == (made.recipient("shop"),)
    assert line["ln_e_contacts"] > 19
    assert report.body["planted"] == {
        "dark": 60,
        "dark_found": 0,
        "shared": 0,
        "shared_found": 0,
        "recipients": [{"recipient": made.recipient("shop"), "planted": 12, "found": 9}],
    }
    assert (report.people_found, len(concerned)) == (25, 25)
    assert (report.body["people"]["in_vault"], report.body["people"]["never_disclosed"]) == (90, 28)
    assert "9 of the 12 persons who do not exist" in " ".join(report.body["statement"]["en"])
    assert "12 个虚构人员中，有 9 人" in " ".join(report.body["statement"]["zh-CN"])
    assert _alarms(made) == {("planted", made.recipient("shop"))}


def test_a_copy_of_the_store_names_nobody(planted, tmp_path):
    """Everybody is in it: the shop's planted persons say nothing against the shop, and the dark ones speak of our store."""
    made, rows = planted

    report = _trace(made, tmp_path, [row(n) for n in range(90)] + rows["shop"] + rows["dark"])

    line = next(one for one in report.body["ranking"] if one.get("recipient") == made.recipient("shop"))
    store = next(one for one in report.body["ranking"] if one["kind"] == "own_store")
    assert report.suspects == ()
    assert report.outcome == "own_store"
    assert line["ln_e_contacts"] < 0
    assert store["ln_e"] > 100
    assert _alarms(made) == {("planted", "own_store")}
