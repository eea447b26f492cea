"""Planted persons: plausible, nobody, sealed before they are known, and answering for whom they are meant for."""

import math
from datetime import date
from random import Random

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DatabaseError

from consent.accounts.keys import Consumer
from consent.asking.ask import Via
from consent.decoupled import backchannel, handles
from consent.decoupled.backchannel import Started, Wanted
from consent.decoupled.polling import Poll, poll
from consent.ledger.entries.entry import Kind as EntryKind
from consent.ledger.entries.entry import parse
from consent.ledger.tables import entry
from consent.marks.alias_pool import add_numbers
from consent.planted.answering import answer_due
from consent.planted.making import LN_ADDRESSES, make
from consent.planted.planting import (
    Kind,
    Order,
    PoolEmpty,
    hash_of,
    holds,
    known,
    lists,
    mac_of,
    plant,
    retire,
)
from consent.planted.tables import planted_list
from consent.redemption.disclose import Disclosure, disclose_many
from consent.tokens.minting import Issued
from tests.consent.world import JKT
from vault.fields import canonical
from vault.ids import SubjectId

DOMAINS = ("mail.example",)


@pytest.fixture
def stocked(world):
    """A world whose operator has forty numbers."""
    with world.vault.data.write() as conn:
        add_numbers(conn, [f"1701111{n:04d}" for n in range(40)], world.now)
    return world


def test_they_are_consistent_and_valid_in_every_field():
    dice = Random(7)
    made = [make(dice, "17011110000", DOMAINS) for _ in range(300)]

    for one in made:
        for code, value in one.values.items():
            assert canonical(code, value)
        assert one.values["resident_id"][6:14] == date.fromisoformat(one.values["birth_date"]).strftime(
            "%Y%m%d"
        )
        assert one.values["resident_id"][4:6] in {"97", "98", "99"}
        assert one.values["name"].isascii() == (one.lang == "en")
    assert len({one.values["email"] for one in made}) == 300
    assert 64 * math.log(2) <= LN_ADDRESSES
    assert {one.lang for one in made} == {"en", "zh-CN"}


def test_the_list_is_in_the_ledger_and_its_people_are_known_by_nothing_else(stocked):
    """The file's nonce and names open the hash; the rows hold neither; an ordinary person is on no list."""
    world, app = stocked, stocked.app()
    ordinary = world.person()
    order = Order(kind=Kind.UNIQUE, people=20, domains=DOMAINS, recipient_id=app.client.recipient.id)

    done = plant(world.vault, order, Random(1), world.now)

    people = [(one.bucket, one.subject) for one, _ in done.made]
    with world.vault.data.read() as conn:
        (one,) = lists(conn)
        on_it = known(conn, world.vault, [*people, (ordinary.bucket, ordinary.subject)])
        bodies = conn.execute(select(entry.c.body).where(entry.c.id == done.entry)).scalars().all()
    assert done.hash == one.hash == hash_of(done.nonce, [subject for _, subject in people])
    assert (one.kind, one.people, one.sealed, one.retired_at) == (Kind.UNIQUE, 20, True, None)
    assert on_it == dict.fromkeys(range(20), done.list_id)
    assert [parse(body).kind for body in bodies] == [EntryKind.BREACH]


def test_nothing_is_planted_without_numbers(stocked):
    world = stocked

    with pytest.raises(PoolEmpty):
        plant(world.vault, Order(kind=Kind.DARK, people=41, domains=DOMAINS), Random(1), world.now)

    with world.vault.data.read() as conn:
        assert lists(conn) == []


def test_a_list_is_retired_once_and_never_changed(stocked):
    world = stocked
    done = plant(world.vault, Order(kind=Kind.DARK, people=3, domains=DOMAINS), Random(1), world.now)

    with world.vault.data.write() as conn:
        first, again = (retire(conn, done.list_id, world.now) for _ in range(2))

    assert (first, again) == (True, False)
    with pytest.raises(DatabaseError, match="never change"), world.vault.data.write() as conn:
        conn.execute(update(planted_list).values(people=2))


def test_half_of_the_recipients_are_given_a_shared_person(vault):
    """The same half whenever it is asked."""
    macs = [mac_of(vault, SubjectId(bytes([n] * 16))) for n in range(40)]
    coins = [holds(vault, mac, f"org_{k}") for mac in macs for k in range(25)]

    assert coins == [holds(vault, mac, f"org_{k}") for mac in macs for k in range(25)]
    assert 400 < sum(coins) < 600


def _asked(world, app, person):
    """The app asks by the handle it was given."""
    with world.vault.data.write() as conn:
        handle = handles.allow(conn, world.vault, person, app.client.recipient.id, world.now)
        wanted = Wanted(hint=handle, number="42")
        started = backchannel.start(conn, world.vault, app.client, app.details(world.now), wanted, world.now)
    assert isinstance(started, Started)
    return started


def _planted(world, kind, app=None):
    order = Order(
        kind=kind,
        people=1,
        domains=DOMAINS,
        recipient_id=None if app is None else app.client.recipient.id,
    )
    ((one, _),) = plant(world.vault, order, Random(kind.value), world.now).made
    return Consumer(bucket=one.bucket, subject=one.subject, lang="en")


def test_they_answer_whom_they_were_planted_with_and_nobody_else(stocked):
    """After a while, and like everybody: the app polls, gets a token, redeems. Others, and real people, wait in vain."""
    world = stocked
    app, other = world.app(), world.app(name="Other Ltd")
    mine, dark, real = _planted(world, Kind.UNIQUE, app), _planted(world, Kind.DARK), world.person()
    started = _asked(world, app, mine)
    _asked(world, other, mine)
    _asked(world, app, dark)
    _asked(world, app, real)

    at_once = answer_due(world.vault, world.now)
    world.tick(121_000)
    later, again = (answer_due(world.vault, world.now) for _ in range(2))
    names = {"client_id": app.client.client_id, "secret": started.auth_req_id, "jkt": JKT}
    with world.vault.data.write() as conn:
        issued = poll(conn, world.vault, Poll(via=Via.BACKCHANNEL, **names), world.now)

    assert (at_once, later, again) == (0, 1, 0)
    assert isinstance(issued, Issued)
    assert isinstance(disclose_many(world.vault, [world.request(issued)], world.now)[0], Disclosure)


def test_a_retired_list_answers_nobody(stocked):
    world, app = stocked, stocked.app()
    mine = _planted(world, Kind.UNIQUE, app)
    _asked(world, app, mine)
    with world.vault.data.write() as conn:
        retire(conn, lists(conn)[0].id, world.now)

    world.tick(121_000)

    assert answer_due(world.vault, world.now) == 0
