"""Withdrawing by recipient, by purpose, everything; and what was passed on falls with what it was passed on from."""

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

from consent.asking import onward as onward_provision
from consent.denials import DenialCode, Denied
from consent.grants.history import grants
from consent.ids import event_text, fields_json, grant_text
from consent.instants import instant
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.publishing.signer import Signer
from consent.redemption.disclose import Disclosure, disclose_many
from consent.schema.tables import consent_grant, event_outbox, refresh_token, use, withdrawal
from consent.tokens.exchange import exchange
from consent.withdrawal.withdraw import Scope, withdraw, withdraw_all


@pytest.fixture
def three(world):
    """A person with three consents: two of one recipient (one of them used), one of another for another purpose."""
    person, parcel, shop = world.person(), world.app(), world.app("marketing", "Corner Shop")
    given = [world.token(parcel, person, uses=3), world.token(parcel, person), world.token(shop, person)]
    assert isinstance(disclose_many(world.vault, [world.request(given[0])], world.now)[0], Disclosure)
    return person, parcel, shop, given


def named(*apps):
    """What a request says that may be passed on to these."""
    return {"onward": [app.client.recipient.id for app in apps]}


def onward(world, parent, app, person, **changes):
    """A token under a consent to pass data on that was given under `parent`."""
    return world.token(app, person, parent_grant=grant_text(parent), **changes)


def take_back(world, person, **scope):
    return withdraw_all(world.vault, person.subject, person.bucket, Scope(**scope), world.now)


def states(world, person):
    with world.vault.data.read() as conn:
        return {line.id: line.state.value for line in grants(conn, person.bucket, person.subject)}


def rows(world, table):
    with world.vault.data.read() as conn:
        return conn.execute(select(table)).all()


def test_withdrawing_by_recipient_ends_all_of_its_consents_and_nobody_elses(world, three):
    person, parcel, _, given = three

    ended = take_back(world, person, recipient_id=parcel.client.recipient.id)

    assert {one.grant_id for one in ended} == {given[0].grant_id, given[1].grant_id}
    assert sorted(one.disclosures for one in ended) == [0, 1]
    assert [one.repeated for one in ended] == [False, False]
    now = states(world, person)
    assert [now[one.grant_id] for one in given] == ["withdrawn", "withdrawn", "active"]
    answers = disclose_many(world.vault, [world.request(one) for one in given], world.now)
    assert answers[:2] == [Denied(code=DenialCode.WITHDRAWN)] * 2
    assert isinstance(answers[2], Disclosure)


def test_withdrawing_by_purpose_ends_that_purpose_only(world, three):
    person, _, _, given = three

    ended = take_back(world, person, purpose="marketing")

    assert [one.grant_id for one in ended] == [given[2].grant_id]
    assert sorted(states(world, person).values()) == ["active", "active", "withdrawn"]


def test_withdrawing_everything_tells_every_recipient_and_leaves_nothing_open(world, three):
    person, parcel, shop, given = three

    ended = take_back(world, person)

    assert len(ended) == 3
    assert set(states(world, person).values()) == {"withdrawn"}
    assert all(one.voided_at is not None for one in rows(world, use))
    told = {event.id: event for event in rows(world, event_outbox)}
    assert sorted(event.recipient_id for event in told.values()) == sorted(
        [parcel.client.recipient.id] * 2 + [shop.client.recipient.id]
    )
    for row in rows(world, withdrawal):
        assert told[row.event_id].grant_id == row.grant_id
        assert event_text(row.event_id).startswith("ev_")
    assert len({row.event_id for row in rows(world, withdrawal)}) == len(given)
    assert not [one for one in fsck(world.vault.data, Signer.of(world.vault)) if isinstance(one, Finding)]


def test_a_second_request_gives_the_first_receipts_and_writes_nothing(world, three):
    person, parcel, _, given = three
    first = take_back(world, person, recipient_id=parcel.client.recipient.id)
    world.tick(5000)

    again = take_back(world, person)

    assert len(again) == 3
    known = {one.grant_id: one for one in again if one.repeated}
    assert {one.grant_id: one.receipt for one in first} == {k: v.receipt for k, v in known.items()}
    assert [one.grant_id for one in again if not one.repeated] == [given[2].grant_id]
    world.tick(5000)
    assert [one.receipt for one in take_back(world, person)] == [one.receipt for one in again]
    assert len(rows(world, event_outbox)) == len(rows(world, withdrawal)) == 3


def test_nothing_of_somebody_elses_is_ever_in_scope(world, three):
    person, *_ = three
    other = world.person()

    assert take_back(world, other) == []
    assert set(states(world, person).values()) == {"active"}


def test_a_code_that_was_not_exchanged_is_worth_nothing_afterwards(world):
    app, person = world.app(), world.person()
    approved = world.approve(app, person)

    take_back(world, person)

    refused = exchange(world.vault, world.exchanging(app, approved.code), world.now)
    assert refused == Denied(code=DenialCode.WITHDRAWN)


def test_a_refresh_token_is_voided_with_its_consent_and_mints_nothing_more(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person, uses=3)
    assert issued.refresh

    take_back(world, person)

    (row,) = rows(world, refresh_token)
    assert row.voided_at == world.now


def test_a_scope_of_which_one_consent_cannot_be_ended_ends_none(world, three, monkeypatch):
    person, *_ = three
    monkeypatch.setattr("consent.withdrawal.withdraw.append", _broken)

    with pytest.raises(RuntimeError):
        take_back(world, person)

    assert set(states(world, person).values()) == {"active"}
    assert rows(world, event_outbox) == rows(world, withdrawal) == []


def _broken(*_args, **_kwargs):
    raise RuntimeError("the disk is full")


def test_withdrawing_a_consent_ends_everything_that_was_passed_on_under_it(world):
    person, bank, bureau, agent, shop = (
        world.person(),
        *(world.app("delivery", name) for name in ("Bank", "Bureau", "Agent", "Shop")),
    )
    top = world.token(bank, person, uses=5, **named(bureau))
    below = onward(world, top.grant_id, bureau, person, uses=2, **named(agent))
    deepest = onward(world, below.grant_id, agent, person, uses=2)
    apart = world.token(shop, person)
    disclose_many(world.vault, [world.request(deepest)], world.now)

    done = withdraw(world.vault, person.subject, person.bucket, top.grant_id, world.now)

    assert done.grant_id == top.grant_id
    now = states(world, person)
    assert [now[one.grant_id] for one in (top, below, deepest, apart)] == ["withdrawn"] * 3 + ["active"]
    channels = {row.grant_id: row.channel for row in rows(world, withdrawal)}
    assert channels == {
        top.grant_id: "portal",
        below.grant_id: "parent",
        deepest.grant_id: "parent",
    }
    told = {event.recipient_id for event in rows(world, event_outbox)}
    assert told == {app.client.recipient.id for app in (bank, bureau, agent)}
    answers = disclose_many(world.vault, [world.request(one) for one in (below, deepest)], world.now)
    assert answers == [Denied(code=DenialCode.WITHDRAWN)] * 2


def test_withdrawing_what_was_passed_on_leaves_what_it_came_from(world):
    person, bank, bureau = world.person(), world.app(), world.app(name="Bureau")
    top = world.token(bank, person, uses=5, **named(bureau))
    below = onward(world, top.grant_id, bureau, person)

    ended = take_back(world, person, recipient_id=bureau.client.recipient.id)

    assert [one.grant_id for one in ended] == [below.grant_id]
    assert states(world, person)[top.grant_id] == "active"
    # What had ended by itself is not counted, or told, a second time with what it came from.
    assert [one.grant_id for one in take_back(world, person, grant_id=top.grant_id)] == [top.grant_id]
    assert len(rows(world, event_outbox)) == 2


def _run(world, statements):
    with world.vault.data.write() as conn:
        for statement in statements:
            conn.execute(statement)


def refused(world, *statements, says=""):
    with pytest.raises(DBAPIError) as error:
        _run(world, statements)
    assert says in str(error.value.orig), error.value.orig


def test_the_data_base_refuses_a_parent_that_ends_before_what_is_below_it(world):
    person, bank, bureau = world.person(), world.app(), world.app(name="Bureau")
    top = world.token(bank, person, uses=5, **named(bureau))
    onward(world, top.grant_id, bureau, person)
    own = consent_grant.c.id == top.grant_id

    for state in ("terminated", "revoked", "invalidated", "suspended"):
        refused(world, consent_grant.update().where(own).values(state=state), says="still open")


OUTSIDE = [
    ({"datatypes": ["name", "phone"]}, {"datatypes": ["name"]}, "fields beyond its parent"),
    ({"window": {"to": instant(1_795_300_000_000 + 2 * 86_400_000)}}, {}, "active parent"),
]


@pytest.mark.parametrize(("below", "above", "says"), OUTSIDE, ids=["fields", "window"])
def test_the_data_base_refuses_what_is_passed_on_beyond_its_parent(world, monkeypatch, below, above, says):
    person, bank, bureau = world.person(), world.app(), world.app(name="Bureau")
    top = world.token(bank, person, uses=5, **named(bureau), **above)
    monkeypatch.setattr(onward_provision, "weigh", lambda *_: None)

    with pytest.raises(DBAPIError, match=says):
        onward(world, top.grant_id, bureau, person, **below)


def test_the_data_base_refuses_a_parent_that_has_ended_or_is_somebody_elses(world, monkeypatch):
    person, other, bank, bureau = world.person(), world.person(), world.app(), world.app(name="Bureau")
    theirs = world.token(bank, other, uses=5, **named(bureau))
    ended = world.token(bank, person, uses=5, **named(bureau))
    withdraw(world.vault, person.subject, person.bucket, ended.grant_id, world.now)

    monkeypatch.setattr(onward_provision, "weigh", lambda *_: None)
    monkeypatch.setattr(onward_provision, "lost", lambda *_: False)
    for parent in (theirs.grant_id, ended.grant_id):
        with pytest.raises(DBAPIError):
            onward(world, parent, bureau, person)


def test_the_data_base_refuses_a_withdrawal_without_its_event(world, three):
    person, _, shop, given = three
    take_back(world, person, recipient_id=shop.client.recipient.id)
    row = dict(rows(world, withdrawal)[0]._mapping)
    other = given[0].grant_id

    for event in (b"e" * 16, row["event_id"]):  # none at all, and another grant's
        refused(world, insert(withdrawal).values({**row, "grant_id": other, "event_id": event}))
    assert states(world, person)[other] == "active"


def test_fields_of_a_parent_are_compared_as_a_set(world):
    person, bank, bureau = world.person(), world.app(), world.app(name="Bureau")
    top = world.token(bank, person, uses=5, datatypes=["address", "name", "phone"], **named(bureau))

    onward(world, top.grant_id, bureau, person, datatypes=["phone"])

    with world.vault.data.read() as conn:
        stored = conn.execute(
            text("SELECT fields FROM consent_grant WHERE parent_grant IS NOT NULL")
        ).scalar_one()
    assert stored == fields_json(("phone",))
