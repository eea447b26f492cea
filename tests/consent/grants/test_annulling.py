"""Operator and authority end a consent: for good, told to everybody it concerns, with all that hangs below it."""

import base64
import json

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError

from consent.accounts.notify import notices_of
from consent.denials import DenialCode, Denied
from consent.errors import BadRegistration
from consent.export.document import Export, export
from consent.grants.annulling import Annulled, Ruling, annul
from consent.grants.history import AnnulledLine
from consent.grants.history import grant as line_of
from consent.grants.management import Refused, query
from consent.grants.timeline import EventKind, timeline
from consent.ids import grant_text
from consent.instants import instant
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.publishing.signer import Signer
from consent.ledger.tables import entry
from consent.rebuild import Divergence, check
from consent.redemption.disclose import Disclosure, disclose_many
from consent.schema.grant_states import GrantState
from consent.schema.tables import annulment, consent_grant, event_outbox, use
from consent.tokens.refreshing import Refresh, refresh
from consent.withdrawal.deletions import proofs
from consent.withdrawal.withdraw import withdraw
from tests.consent.withdrawal.test_withdraw_all import named, onward
from tests.consent.world import JKT
from vault.ids import new_id

REVOKED = Ruling(reason="false registration")
VOID = Ruling(reason="decision 2026-17", authority="Court of Yuhang")


def state(world, person, issued):
    with world.vault.data.read() as conn:
        return line_of(conn, person.bucket, person.subject, issued.grant_id).state


def redeem(world, issued):
    return disclose_many(world.vault, [world.request(issued)], world.now)[0]


def events(world):
    """By recipient, what it is told."""
    with world.vault.data.read() as conn:
        rows = conn.execute(select(event_outbox.c.recipient_id, event_outbox.c.body)).all()
    parts = [(who, body.split(".")[1]) for who, body in rows]
    return {who: json.loads(base64.urlsafe_b64decode(part + "=="))["events"] for who, part in parts}


@pytest.mark.parametrize(("ruling", "after"), [(REVOKED, "revoked"), (VOID, "invalidated")])
def test_a_consent_that_was_annulled_gives_nothing_more_and_everybody_is_told(world, ruling, after):
    app, person = world.app(), world.person()
    issued = world.token(app, person, uses=3)
    assert isinstance(redeem(world, issued), Disclosure)
    world.tick(1000)

    done = annul(world.vault, issued.grant_id, ruling, world.now)

    assert done == Annulled(at=world.now, grants=(issued.grant_id,))
    assert redeem(world, issued) == Denied(code=DenialCode.GRANT_NOT_ACTIVE)
    asked = Refresh(client_id=app.client.client_id, secret=issued.refresh, jkt=JKT)
    assert isinstance(refresh(world.vault, asked, world.now), Denied)
    (told,) = events(world).values()
    said = told[f"urn:perusal:event:{after}"]
    assert said.get("authority") == ruling.authority
    assert said["duties"][0] == "stop"
    assert said["duties"][1].startswith("erase_by:")
    assert (said["grant_id"], said["reason"], said[f"{after}_at"], said["unredeemed_uses_voided"]) == (
        grant_text(issued.grant_id),
        ruling.reason,
        instant(world.now),
        1,
    )
    with world.vault.data.read() as conn:
        assert conn.execute(select(use.c.voided_at)).scalars().all() == [world.now]
        line = line_of(conn, person.bucket, person.subject, issued.grant_id)
        kinds = [event.kind for event in timeline(conn, person.bucket, person.subject)]
        (notice,) = notices_of(conn, person.bucket, person.subject, unseen=True)
        assert query(conn, app.client.client_id, issued.grant_id, world.now) is Refused.UNKNOWN
        assert proofs(conn, person.bucket, [issued.grant_id]) == {}
    assert line.state is GrantState(after)
    assert line.annulled == AnnulledLine(at=world.now, reason=ruling.reason, authority=ruling.authority)
    assert EventKind(after) in kinds
    assert (notice.kind, notice.about) == (
        f"consent_{after}",
        {"permissions": [grant_text(issued.grant_id)]},
    )
    copy = export(world.vault, person.subject, world.now)
    assert isinstance(copy, Export)
    (permission,) = copy.document["permissions"]
    assert permission["annulled"]["reason"] == ruling.reason


def test_it_is_in_the_person_s_ledger_and_ledger_and_rows_agree(world):
    person = world.person()
    issued = world.token(world.app(), person)

    annul(world.vault, issued.grant_id, VOID, world.now)

    with world.vault.data.read() as conn:
        row = conn.execute(select(annulment)).one()
        body = conn.execute(select(entry.c.body).where(entry.c.id == row.id)).scalar_one()
    assert parse(body).kind is Kind.WITHDRAW
    assert [one for one in fsck(world.vault.data, Signer.of(world.vault)) if isinstance(one, Finding)] == []
    assert [one for one in check(world.vault) if isinstance(one, Divergence)] == []


def test_what_was_passed_on_ends_the_same_way_and_its_recipient_is_told_too(world):
    app, other, person = world.app(), world.app("marketing", "Corner Shop"), world.person()
    above = world.token(app, person, uses=3, **named(other))
    below = onward(world, above.grant_id, other, person)

    done = annul(world.vault, above.grant_id, REVOKED, world.now)

    assert done.grants == (below.grant_id, above.grant_id)
    assert isinstance(redeem(world, below), Denied)
    assert set(events(world)) == {app.client.recipient.id, other.client.recipient.id}
    with world.vault.data.read() as conn:
        channels = dict(conn.execute(select(annulment.c.grant_id, annulment.c.channel)).all())
    assert channels == {below.grant_id: "parent", above.grant_id: "operator"}


def test_what_is_used_up_can_be_annulled_and_what_has_ended_or_never_was_cannot(world):
    app, person = world.app(), world.person()
    spent, taken_back = world.token(app, person), world.token(app, person)
    redeem(world, spent)
    withdraw(world.vault, person.subject, person.bucket, taken_back.grant_id, world.now)

    assert annul(world.vault, spent.grant_id, REVOKED, world.now)
    assert annul(world.vault, spent.grant_id, VOID, world.now) is None
    assert annul(world.vault, taken_back.grant_id, VOID, world.now) is None
    assert annul(world.vault, new_id(person.bucket, world.now), REVOKED, world.now) is None
    assert state(world, person, spent) is GrantState.REVOKED
    assert withdraw(world.vault, person.subject, person.bucket, spent.grant_id, world.now) is None


def test_a_ruling_says_why(world):
    for reason, authority in (("", None), ("x" * 501, None), ("a decision", " ")):
        with pytest.raises(BadRegistration):
            Ruling(reason=reason, authority=authority)


def test_the_data_base_refuses_such_an_end_without_its_row_and_any_change_of_one(world):
    app, person = world.app(), world.person()
    annul(world.vault, world.token(app, person).grant_id, REVOKED, world.now)
    live = world.token(app, person)
    with world.vault.data.read() as conn:
        row = dict(conn.execute(select(annulment)).mappings().one())
    own = consent_grant.c.id == live.grant_id

    for raw in (
        update(consent_grant).where(own).values(state="revoked"),
        update(annulment).values(reason="another"),
        annulment.delete(),
        insert(annulment).values({**row, "grant_id": live.grant_id}),  # with another consent's event
        insert(annulment).values({**row, "grant_id": live.grant_id, "kind": "invalidated"}),
    ):
        with pytest.raises(DBAPIError), world.vault.data.write() as conn:
            conn.execute(raw)
