"""A recipient looks at its own consents and ends them: for good, on the record, and never at the person's expense."""

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import DBAPIError

from consent.denials import DenialCode, Denied
from consent.export.document import Export, export
from consent.grants.history import grant as line_of
from consent.grants.management import Managed, Refused, Terminated, query, terminate
from consent.grants.management_tokens import LIFETIME_MS, Holder, Scope, give_back, holder, mint, scopes_of
from consent.grants.timeline import EventKind, timeline
from consent.instants import instant
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.publishing.signer import Signer
from consent.ledger.tables import entry
from consent.recipients import suspensions
from consent.redemption.disclose import Disclosure, disclose_many
from consent.schema.grant_states import GrantState
from consent.schema.tables import (
    consent_grant,
    event_outbox,
    management_token,
    refresh_token,
    termination,
    use,
)
from consent.tokens.refreshing import Refresh, refresh
from consent.withdrawal.withdraw import Withdrawn, withdraw
from tests.consent.withdrawal.test_withdraw_all import named, onward
from tests.consent.world import DAY, JKT
from vault.ids import new_id


def end(world, app, issued):
    return terminate(world.vault, app.client.client_id, issued.grant_id, world.now)


def look(world, app, grant_id):
    with world.vault.data.read() as conn:
        return query(conn, app.client.client_id, grant_id, world.now)


def state(world, person, issued):
    with world.vault.data.read() as conn:
        return line_of(conn, person.bucket, person.subject, issued.grant_id).state


def redeem(world, issued):
    return disclose_many(world.vault, [world.request(issued)], world.now)[0]


def test_a_client_sees_what_was_granted_and_what_is_left(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person, uses=3)
    redeem(world, issued)

    found = look(world, app, issued.grant_id)

    assert isinstance(found, Managed)
    assert (found.state, found.used, found.max_uses) == (GrantState.ACTIVE, 1, 3)
    granted = {name: value for name, value in issued.details[0].items() if name != "use_id"}
    assert found.details == granted


def test_a_consent_that_was_ended_by_its_recipient_mints_and_redeems_nothing_more(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person, uses=3)
    assert isinstance(redeem(world, issued), Disclosure)

    done = end(world, app, issued)

    assert done == Terminated(at=world.now, grants=(issued.grant_id,))
    assert redeem(world, issued) == Denied(code=DenialCode.GRANT_NOT_ACTIVE)
    again = refresh(
        world.vault, Refresh(client_id=app.client.client_id, secret=issued.refresh, jkt=JKT), world.now
    )
    assert isinstance(again, Denied)
    with world.vault.data.read() as conn:
        assert conn.execute(select(use.c.voided_at)).scalars().all() == [world.now]
        assert conn.execute(select(refresh_token.c.voided_at)).scalar_one() == world.now
        row = conn.execute(select(termination)).one()
    assert (row.channel, row.disclosures, row.client_id) == ("recipient", 1, app.client.client_id)
    assert state(world, person, issued) is GrantState.TERMINATED


def test_the_end_is_in_the_person_s_ledger_and_the_ledger_is_sound(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person)

    end(world, app, issued)

    with world.vault.data.read() as conn:
        written = conn.execute(select(termination)).one()
        body = conn.execute(select(entry.c.body).where(entry.c.id == written.id)).scalar_one()
    assert parse(body).kind is Kind.WITHDRAW
    assert [one for one in fsck(world.vault.data, Signer.of(world.vault)) if isinstance(one, Finding)] == []


def test_a_consent_whose_window_has_closed_is_told_as_expired_to_its_recipient_and_its_person(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person)
    assert look(world, app, issued.grant_id).state is GrantState.ACTIVE

    world.tick(DAY)

    assert look(world, app, issued.grant_id).state is GrantState.EXPIRED
    with world.vault.data.read() as conn:
        line = line_of(conn, person.bucket, person.subject, issued.grant_id)
    assert line.state_at(world.now) is GrantState.EXPIRED
    assert line.state_at(world.now - 1) is GrantState.ACTIVE


def test_a_consent_that_has_ended_is_not_there_any_more(world):
    app, person = world.app(), world.person()
    ended, taken_back = world.token(app, person), world.token(app, person)
    end(world, app, ended)
    withdraw(world.vault, person.subject, person.bucket, taken_back.grant_id, world.now)

    for one in (ended, taken_back):
        assert look(world, app, one.grant_id) is Refused.UNKNOWN
        assert end(world, app, one) is Refused.UNKNOWN
    with world.vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(termination)).scalar_one() == 1


def test_unknown_consents_and_other_clients_are_refused_and_nothing_changes(world):
    app, other, person = world.app(), world.app(name="Other Ltd"), world.person()
    issued = world.token(app, person)

    assert look(world, other, issued.grant_id) is Refused.FOREIGN
    assert end(world, other, issued) is Refused.FOREIGN
    assert look(world, app, new_id(person.bucket, world.now)) is Refused.UNKNOWN
    assert isinstance(redeem(world, issued), Disclosure)


def test_a_consent_that_is_used_up_can_be_looked_at_and_ended(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person)
    redeem(world, issued)

    assert look(world, app, issued.grant_id).state is GrantState.EXHAUSTED
    assert isinstance(end(world, app, issued), Terminated)


@pytest.mark.parametrize("used", [False, True])
def test_a_recipient_cannot_escape_a_withdrawal_by_ending_the_consent_first(world, used):
    app, person = world.app(), world.person()
    issued = world.token(app, person)
    if used:
        redeem(world, issued)
    end(world, app, issued)
    world.tick(1000)

    done = withdraw(world.vault, person.subject, person.bucket, issued.grant_id, world.now)

    assert isinstance(done, Withdrawn)
    assert (done.disclosures, state(world, person, issued)) == (int(used), GrantState.WITHDRAWN)
    with world.vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(event_outbox)).scalar_one() == 1


def test_what_was_passed_on_under_a_consent_ends_with_it_and_its_recipient_is_told(world):
    app, other, person = world.app(), world.app("marketing", "Corner Shop"), world.person()
    above = world.token(app, person, uses=3, **named(other))
    below = onward(world, above.grant_id, other, person)

    done = end(world, app, above)

    assert done.grants == (below.grant_id, above.grant_id)
    assert isinstance(redeem(world, below), Denied)
    with world.vault.data.read() as conn:
        told = conn.execute(select(event_outbox.c.recipient_id, event_outbox.c.grant_id)).all()
        channels = dict(conn.execute(select(termination.c.grant_id, termination.c.channel)).all())
    assert told == [(other.client.recipient.id, below.grant_id)]
    assert channels == {below.grant_id: "parent", above.grant_id: "recipient"}


def test_ending_what_was_passed_on_leaves_the_consent_above_it(world):
    app, other, person = world.app(), world.app("marketing", "Corner Shop"), world.person()
    above = world.token(app, person, uses=3, **named(other))
    below = onward(world, above.grant_id, other, person)

    assert end(world, other, below).grants == (below.grant_id,)

    assert isinstance(redeem(world, above), Disclosure)


@pytest.mark.parametrize(
    "raw",
    [
        update(consent_grant).values(state="terminated"),
        update(termination).values(disclosures=9),
        termination.delete(),
        update(consent_grant).values(state="active"),
    ],
    ids=["no termination", "changed", "deleted", "back to life"],
)
def test_the_data_base_refuses_an_end_without_its_row_and_any_change_of_one(world, raw):
    app, person = world.app(), world.person()
    end(world, app, world.token(app, person))
    world.token(app, person)

    with pytest.raises(DBAPIError), world.vault.data.write() as conn:
        conn.execute(raw)


def test_a_termination_by_another_client_cannot_be_written(world):
    app, other, person = world.app(), world.app(name="Other Ltd"), world.person()
    ended, live = world.token(app, person), world.token(app, person)
    end(world, app, ended)
    with world.vault.data.read() as conn:
        row = conn.execute(select(termination)).mappings().one()
    forged = {
        **row,
        "grant_id": live.grant_id,
        "client_id": other.client.client_id,
        "recipient_id": other.client.recipient.id,
    }
    with pytest.raises(DBAPIError), world.vault.data.write() as conn:
        conn.execute(insert(termination).values(forged))


# ---- the tokens it is done with


def token_of(world, app, *scopes):
    with world.vault.data.write() as conn:
        buckets = world.vault.installation.buckets
        return mint(conn, buckets, app.client, scopes or tuple(Scope), JKT, world.now)


def held(world, text, jkt=JKT):
    with world.vault.data.read() as conn:
        return holder(conn, text, jkt, world.now)


def test_a_token_is_its_client_s_under_its_key_for_five_minutes(world):
    app = world.app()
    text = token_of(world, app, Scope.QUERY)

    assert held(world, text) == Holder(client_id=app.client.client_id, scopes=frozenset({Scope.QUERY}))
    assert held(world, text, "k" * 43) is None
    assert held(world, "gmt_x") is None
    world.tick(LIFETIME_MS - 1)
    assert held(world, text)
    world.tick(1)
    assert held(world, text) is None


def test_a_suspended_client_or_recipient_holds_nothing(world):
    app = world.app()
    text = token_of(world, app)
    for name in (app.client.client_id, app.client.recipient.id):
        with world.vault.data.write() as conn:
            suspensions.suspend(conn, name, "a test", world.now)
        assert held(world, text) is None
        with world.vault.data.write() as conn:
            suspensions.resume(conn, name, "a test", world.now)
        assert held(world, text)


def test_only_a_digest_is_kept_and_what_is_over_goes(world):
    app = world.app()
    text = token_of(world, app)
    world.tick(LIFETIME_MS)
    token_of(world, app)

    with world.vault.data.read() as conn:
        rows = conn.execute(select(management_token)).all()
    assert len(rows) == 1
    assert text not in repr(rows)


def test_a_token_is_given_back_by_its_own_client_only(world):
    app, other = world.app(), world.app(name="Other Ltd")
    text = token_of(world, app)
    with world.vault.data.write() as conn:
        assert not give_back(conn, other.client.client_id, text)
    assert held(world, text)
    with world.vault.data.write() as conn:
        assert give_back(conn, app.client.client_id, text)
    assert held(world, text) is None


@pytest.mark.parametrize(
    ("text", "scopes"),
    [
        ("", frozenset(Scope)),
        ("grant_management_query", {Scope.QUERY}),
        ("grant_management_revoke grant_management_query", set(Scope)),
        ("openid", None),
        ("grant_management_query  grant_management_revoke", None),
    ],
)
def test_scopes_are_words_of_a_closed_list(text, scopes):
    assert scopes_of(text) == scopes


# ---- what the person sees


def test_the_person_s_history_and_copy_say_who_ended_the_consent_and_when(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person)
    world.tick(1000)
    end(world, app, issued)

    with world.vault.data.read() as conn:
        line = line_of(conn, person.bucket, person.subject, issued.grant_id)
        kinds = [event.kind for event in timeline(conn, person.bucket, person.subject)]
    assert (line.state, line.terminated_at, line.withdrawn_at) == (GrantState.TERMINATED, world.now, None)
    assert kinds == [EventKind.TERMINATED, EventKind.APPROVED]
    copy = export(world.vault, person.subject, world.now)
    assert isinstance(copy, Export)
    (permission,) = copy.document["permissions"]
    assert (permission["state"], permission["terminated_at"]) == ("terminated", instant(world.now))
