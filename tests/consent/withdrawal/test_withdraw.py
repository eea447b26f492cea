"""Withdrawing: at once, once, provable, with an event to the recipient; and who may not."""

import pytest
from joserfc import jwt as jose
from joserfc.jwk import ECKey
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError

from consent.approving.approve import refuse
from consent.denials import DenialCode, Denied
from consent.errors import BadRegistration
from consent.grants.history import grant
from consent.ids import grant_text
from consent.instants import instant
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.formats import jws
from consent.ledger.tables import entry
from consent.receipts import issue as receipts
from consent.recipients import register as recipients
from consent.redemption.disclose import Disclosure, disclose_many
from consent.schema.tables import event_outbox, recipient, token, use, withdrawal
from consent.signing.keys import Purpose, key
from consent.withdrawal.withdraw import withdraw
from vault.storage.database import Dialect

NO_TRIGGER = "ALTER TABLE token DISABLE TRIGGER token_append_only"


def on_sqlite(world):
    return world.vault.data.dialect is Dialect.SQLITE


@pytest.fixture
def used_once(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person, uses=3)
    assert isinstance(disclose_many(world.vault, [world.request(issued)], world.now)[0], Disclosure)
    return app, person, issued


def take_back(world, person, issued):
    return withdraw(world.vault, person.subject, person.bucket, issued.grant_id, world.now)


def events(world):
    with world.vault.data.read() as conn:
        return conn.execute(select(event_outbox)).all()


def event_of(world, queued):
    """The claims of a queued event, its signature and type checked by a JOSE library."""
    with world.vault.data.read() as conn:
        public = key(world.vault, conn, Purpose.EVENT).public()
    token = jose.decode(queued.body, ECKey.import_key(public), algorithms=["ES256"])
    assert token.header["typ"] == "secevent+jwt"
    assert token.header["kid"] == public["kid"]
    return token.claims


def test_a_withdrawal_stops_tokens_in_flight_at_once(world, used_once):
    _, person, issued = used_once
    done = take_back(world, person, issued)

    assert (done.at, done.disclosures, done.repeated) == (world.now, 1, False)
    assert disclose_many(world.vault, [world.request(issued)], world.now) == [
        Denied(code=DenialCode.WITHDRAWN)
    ]
    with world.vault.data.read() as conn:
        assert conn.execute(select(use.c.voided_at)).scalar_one() == world.now
        assert grant(conn, person.bucket, person.subject, issued.grant_id).state == "withdrawn"


def test_asking_twice_gives_the_first_answer_and_leaves_one_of_everything(world, used_once):
    _, person, issued = used_once
    first = take_back(world, person, issued)
    world.tick(5000)
    second = take_back(world, person, issued)

    assert (second.at, second.receipt, second.position) == (first.at, first.receipt, first.position)
    assert second.repeated
    assert len(events(world)) == 1
    with world.vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(withdrawal)).scalar_one() == 1
        kinds = [parse(body).kind for body in conn.execute(select(entry.c.body)).scalars()]
    assert kinds.count(Kind.WITHDRAW) == 1


def test_the_receipt_is_signed_and_names_the_ledger_entry(world, used_once):
    app, person, issued = used_once
    done = take_back(world, person, issued)

    payload, _ = jws.verify(done.receipt, [receipts.public_key(world.vault).key])

    assert payload["grant"] == grant_text(issued.grant_id)
    assert payload["recipient"] == app.client.recipient.id
    assert (payload["log"], payload["index"]) == (done.position.origin, done.position.idx)
    assert payload["leaf"] == done.position.leaf.hex()


def test_the_recipients_event_says_what_it_must_do(world, used_once):
    app, person, issued = used_once
    take_back(world, person, issued)
    (queued,) = events(world)

    payload = event_of(world, queued)

    assert (queued.recipient_id, queued.attempts, queued.delivered_at) == (app.client.recipient.id, 0, None)
    assert payload["aud"] == app.client.recipient.id
    (said,) = payload["events"].values()
    assert said["duties"] == ["stop", "erase_by:2026-12-06"]
    assert said["unredeemed_uses_voided"] == 1
    assert said["grant_id"] == grant_text(issued.grant_id)


def test_a_recipient_has_as_many_days_to_erase_as_the_operator_gave_it(world):
    app, person = world.app(erase_days=30), world.person()
    with world.vault.data.write() as conn:
        recipients.change(conn, app.client.recipient.id, erase_days=20)
    issued = world.token(app, person, uses=3)
    disclose_many(world.vault, [world.request(issued)], world.now)
    take_back(world, person, issued)
    (queued,) = events(world)

    (said,) = event_of(world, queued)["events"].values()

    assert said["duties"] == ["stop", "erase_by:2026-12-11"]


@pytest.mark.parametrize("change", [{"erase_days": 0}, {"erase_days": 3661}, {"jurisdiction": "China"}])
def test_a_recipient_with_impossible_days_or_no_country_is_not_registered(world, change):
    with pytest.raises(BadRegistration):
        world.app(**change)


def test_the_law_of_a_recipient_never_changes_and_its_days_stay_above_nothing(world):
    world.app()

    for column, value in (("jurisdiction", "SG"), ("erase_days", 0)):
        with pytest.raises(IntegrityError), world.vault.data.write() as conn:
            conn.execute(update(recipient).values({column: value}))


def test_a_consent_never_used_asks_for_no_erasure(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person)
    take_back(world, person, issued)

    payload = event_of(world, events(world)[0])

    assert next(iter(payload["events"].values()))["duties"] == ["stop"]


def test_a_used_up_consent_can_still_be_withdrawn(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person)
    disclose_many(world.vault, [world.request(issued)], world.now)

    assert take_back(world, person, issued).disclosures == 1


def test_nobody_withdraws_what_is_not_theirs_or_was_never_given(world, used_once):
    app, person, issued = used_once
    other = world.person()
    shown = world.show(app, person)
    refuse(world.vault, person, shown.id, world.now)
    with world.vault.data.read() as conn:
        from consent.grants.history import grants

        refused = next(g for g in grants(conn, person.bucket, person.subject) if g.state == "refused")

    assert withdraw(world.vault, other.subject, other.bucket, issued.grant_id, world.now) is None
    assert withdraw(world.vault, other.subject, person.bucket, issued.grant_id, world.now) is None
    assert withdraw(world.vault, person.subject, person.bucket, b"g" * 16, world.now) is None
    assert withdraw(world.vault, person.subject, person.bucket, refused.id, world.now) is None
    assert not refused.withdrawable


@pytest.mark.parametrize("ahead", [40, 45 * 86_400_000], ids=["milliseconds", "into the next year"])
def test_a_withdrawal_is_never_dated_before_a_use_that_another_servers_clock_dated(world, ahead):
    app, person = world.app(), world.person()
    issued = world.token(app, person, uses=3, window={"to": instant(world.now + 60 * 86_400_000)})
    with world.vault.data.write() as conn:  # a token that outlives the difference of the clocks
        conn.execute(text("DROP TRIGGER token_no_update" if on_sqlite(world) else NO_TRIGGER))
        conn.execute(token.update().values(expires_at=world.now + ahead + 1))
    use_ = disclose_many(world.vault, [world.request(issued)], world.now + ahead)[0]
    assert isinstance(use_, Disclosure)

    done = take_back(world, person, issued)

    assert done.at == use_.disclosed.committed_at == world.now + ahead
    assert (done.position.year, done.disclosures) == (use_.disclosed.position.year, 1)
    assert parse(done.position.body).ts >= parse(use_.disclosed.position.body).ts
