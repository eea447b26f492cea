"""Consents and uses told again from the ledger alone: in step with what is stored, and whoever moved a row is found."""

import pytest
from sqlalchemy import select, text

from consent.accounts.keys import Consumer
from consent.approving import approve as deciding
from consent.grants.annulling import Ruling, annul
from consent.grants.management import terminate
from consent.ids import GrantId, UseId
from consent.ledger.entries.entry import Kind
from consent.rebuild import Divergence, Event, Flaw, Life, What, check, retold
from consent.redemption.disclose import disclose_many
from consent.schema.grant_states import GrantState
from consent.schema.tables import consent_grant
from consent.tokens.exchange import exchange
from consent.tokens.refreshing import Refresh, refresh
from consent.withdrawal.withdraw import withdraw
from tests.consent.erasure.test_erase import ask, carry_out
from tests.consent.world import JKT

GIVEN = Event(What.DECISION, Kind.GRANT)
REFUSED = Event(What.DECISION, Kind.REFUSE)
WITHDRAWN = Event(What.WITHDRAWAL, Kind.WITHDRAW)
TERMINATED = Event(What.TERMINATION, Kind.WITHDRAW)
SUSPENDED = Event(What.SUSPENSION, Kind.GRANT)
CONFIRMED = Event(What.CONFIRMATION, Kind.GRANT)
ONE, TWO = UseId(b"1"), UseId(b"2")


def used(use=ONE, kind=Kind.ACCESS):
    return Event(What.USE, kind, use)


@pytest.mark.parametrize(
    ("happened", "life"),
    [
        ([GIVEN], Life(GrantState.ACTIVE)),
        ([REFUSED], Life(GrantState.REFUSED)),
        ([GIVEN, used()], Life(GrantState.ACTIVE, 1, {ONE: 1})),
        ([GIVEN, used(), used(TWO)], Life(GrantState.EXHAUSTED, 2, {ONE: 1, TWO: 1})),
        ([GIVEN, used(), WITHDRAWN], Life(GrantState.WITHDRAWN, 1, {ONE: 1})),
        ([GIVEN, used(), used(), WITHDRAWN], Life(GrantState.WITHDRAWN, 2, {ONE: 2})),
        ([GIVEN, TERMINATED, WITHDRAWN], Life(GrantState.WITHDRAWN)),
        ([GIVEN, used(), SUSPENDED], Life(GrantState.SUSPENDED, 1, {ONE: 1})),
        ([GIVEN, SUSPENDED, CONFIRMED, used()], Life(GrantState.ACTIVE, 1, {ONE: 1})),
        ([GIVEN, SUSPENDED, WITHDRAWN], Life(GrantState.WITHDRAWN)),
    ],
)
def test_entries_in_their_order_give_state_and_counters(happened, life):
    assert retold(2, happened) == life


@pytest.mark.parametrize(
    "happened",
    [
        [],
        [used()],
        [GIVEN, GIVEN],
        [REFUSED, used()],
        [REFUSED, WITHDRAWN],
        [GIVEN, WITHDRAWN, used()],
        [GIVEN, TERMINATED, used()],
        [GIVEN, WITHDRAWN, WITHDRAWN],
        [GIVEN, SUSPENDED, used()],
        [GIVEN, CONFIRMED],
        [GIVEN, WITHDRAWN, CONFIRMED],
        [GIVEN, WITHDRAWN, TERMINATED],
        [GIVEN, used(), used(), used()],
        [GIVEN, used(kind=Kind.GRANT)],
        [Event(What.DECISION, Kind.ACCESS)],
        [GIVEN, Event(What.WITHDRAWAL, Kind.ACCESS)],
    ],
)
def test_entries_that_the_rules_do_not_allow_are_no_life(happened):
    assert retold(2, happened) is None


def divergences(world):
    return [step for step in check(world.vault) if isinstance(step, Divergence)]


@pytest.fixture
def lived(world):
    """Consents in every state they can come to, with uses spent, refreshed, open and voided; two of them by name."""
    app, person, other = world.app(), world.person(), world.person()
    spent = world.token(app, person)
    counted = world.token(app, person, uses=3)
    ended, left, given_up = world.token(app, person), world.token(app, other, uses=2), world.token(app, other)
    disclose_many(world.vault, [world.request(spent), *(world.request(counted) for _ in range(2))], world.now)
    disclose_many(world.vault, [world.request(left)], world.now)
    withdraw(world.vault, person.subject, person.bucket, ended.grant_id, world.now)
    withdraw(world.vault, person.subject, person.bucket, spent.grant_id, world.now)
    terminate(world.vault, app.client.client_id, given_up.grant_id, world.now)
    annul(world.vault, world.token(app, other).grant_id, Ruling(reason="a false name"), world.now)
    many = world.approve(app, other, uses={"max": 4, "ask": "counted"})
    first = exchange(world.vault, world.exchanging(app, many.code), world.now)
    asked = Refresh(client_id=app.client.client_id, secret=first.refresh, jkt=JKT)
    second = refresh(world.vault, asked, world.now)
    disclose_many(world.vault, [world.request(first), world.request(second)], world.now)
    passing = world.app(name="Passing By Ltd")
    deciding.refuse(world.vault, person, world.show(passing, person).id, world.now)
    return counted, ended


def test_what_happened_the_proper_way_agrees_with_the_ledger(world, lived):
    steps = list(check(world.vault))

    assert divergences(world) == []
    (last,) = [step for step in steps if step.origin == "consents"]
    assert (last.done, last.size) == (8, 8)


def test_the_consents_of_whoever_was_erased_agree_too(world, lived):
    with world.vault.data.read() as conn:
        people = [
            Consumer(bucket=bucket, subject=subject, lang="en")
            for bucket, subject in conn.execute(
                select(consent_grant.c.bucket, consent_grant.c.subject).distinct()
            )
        ]
    assert len(people) == 2
    ask(world, *people)
    assert carry_out(world) == 2

    assert divergences(world) == []


def test_an_installation_without_consents_agrees(world):
    world.people(2)

    assert divergences(world) == []


def insider(world, statement, **values):
    """Run a statement as somebody who owns the data base: no trigger and no foreign key holds them back."""
    if world.vault.data.engine.dialect.name == "postgresql":
        with world.vault.data.write() as conn:
            conn.execute(text("SET LOCAL session_replication_role = replica"))
            conn.execute(text(statement), values)
        return
    with world.vault.data.engine.connect() as conn:
        raw = conn.connection.driver_connection
        raw.execute("PRAGMA foreign_keys = OFF")
        for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {name}")
        raw.execute("PRAGMA ignore_check_constraints = ON")
        raw.execute(statement, values)
        raw.execute("PRAGMA ignore_check_constraints = OFF")
        raw.execute("PRAGMA foreign_keys = ON")
        raw.commit()


MOVED = [
    ("UPDATE consent_grant SET state = 'active' WHERE id = :ended", "ended", {Flaw.STATE}),
    ("UPDATE consent_grant SET used = 1 WHERE id = :counted", "counted", {Flaw.USED}),
    ("UPDATE use SET spent = 1 WHERE grant_id = :counted", "counted", {Flaw.SPENT}),
    ("UPDATE use SET voided_at = NULL WHERE grant_id = :ended", "ended", {Flaw.OPEN}),
    ("DELETE FROM use WHERE grant_id = :counted", "counted", {Flaw.SPENT}),
]


@pytest.mark.parametrize(("statement", "which", "flaws"), MOVED)
def test_whatever_somebody_moved_by_hand_is_found_and_named(world, lived, statement, which, flaws):
    named = dict(zip(("counted", "ended"), (one.grant_id for one in lived), strict=True))

    insider(world, statement, **{which: named[which]})

    assert divergences(world) == [
        Divergence(flaw=flaw, grant_id=GrantId(named[which])) for flaw in sorted(flaws)
    ]


def test_uses_pointed_at_another_consent_make_its_life_unlawful_and_are_missed_at_their_own(world, lived):
    counted, ended = (GrantId(one.grant_id) for one in lived)

    insider(
        world,
        "UPDATE disclosure SET grant_id = :ended WHERE grant_id = :counted",
        counted=counted,
        ended=ended,
    )

    found = {(one.grant_id, one.flaw) for one in divergences(world)}
    assert found == {(ended, Flaw.UNLAWFUL), (counted, Flaw.USED), (counted, Flaw.SPENT)}


GONE = [
    (
        "DELETE FROM disclosure WHERE grant_id = :counted AND number = 2",
        "counted",
        1,
        {Flaw.USED, Flaw.SPENT},
    ),
    ("DELETE FROM withdrawal WHERE grant_id = :ended", "ended", 1, {Flaw.STATE}),
    ("DELETE FROM consent_grant WHERE id = :ended", "ended", 1, set()),
]


@pytest.mark.parametrize(("statement", "which", "entries", "flaws"), GONE)
def test_an_event_whose_row_is_gone_is_found_at_its_entry(world, lived, statement, which, entries, flaws):
    named = dict(zip(("counted", "ended"), (one.grant_id for one in lived), strict=True))

    insider(world, statement, **{which: named[which]})

    found = divergences(world)
    assert [one.flaw for one in found if one.idx is not None] == [Flaw.NO_ROW] * entries
    assert {one.flaw for one in found if one.grant_id == named[which]} == flaws
    assert {one.grant_id for one in found} <= {None, named[which]}
