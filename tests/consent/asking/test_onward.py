"""Consents under consents: who may ask for one, what it may hold, and what the data base refuses by itself."""

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError

from consent.approving.approve import Approved, Deferred, approve, refuse
from consent.asking import onward
from consent.asking.details import Details
from consent.asking.onward import Parent, weigh
from consent.asking.showings import claim
from consent.denials import DenialCode, Denied
from consent.export.whole_chain import receipts_of
from consent.grants.history import grants
from consent.ids import GrantId, RecipientId, grant_text
from consent.instants import instant
from consent.protection import deferral
from consent.protection import mode as protection
from consent.protection.deferral import Decision
from consent.redemption.disclose import Disclosure, disclose_many
from consent.refusals import Refusal, RefusalCode
from consent.schema.grant_chains import MOST_HOPS
from consent.schema.grant_states import GrantState
from consent.schema.tables import consent_grant, use
from consent.tokens.exchange import exchange
from consent.tokens.introspection import Question, introspect_many
from consent.tokens.refreshing import Refresh, refresh
from consent.withdrawal.withdraw import withdraw
from tests.consent.acts import agree_to_all
from tests.consent.world import DAY, JKT
from tests.flow.installation import payload_of
from vault.ids import Bucket, SubjectId, new_id, secret_bucket, secret_hash

NOW = 1_795_300_000_000
ABOVE = Parent(
    id=GrantId(b"g" * 16),
    bucket=Bucket(0),
    subject=SubjectId(b"s" * 16),
    recipient_id=RecipientId("org_bank"),
    recipient="Bank",
    fields=("name", "phone"),
    window=(NOW, NOW + DAY),
    onward=("org_bureau",),
    hops=0,
    stands=True,
)
WANTED = Details(
    purpose="delivery",
    fields=("phone",),
    optional_fields=("name",),
    max_uses=1,
    ask="each",
    window_from=NOW,
    window_to=NOW + DAY,
    retention="P1D",
    notice_id="ntc",
    notice_hash="h",
    terms_id="lt",
    terms_hash="h",
)


def test_what_lies_inside_the_grant_above_may_be_asked_for():
    assert weigh(ABOVE, RecipientId("org_bureau"), WANTED) is None


@pytest.mark.parametrize(
    ("above", "wanted", "code", "at"),
    [
        (None, {}, RefusalCode.DETAILS_UNKNOWN_PARENT, "/0/parent_grant"),
        ({"stands": False}, {}, RefusalCode.DETAILS_UNKNOWN_PARENT, "/0/parent_grant"),
        ({"onward": ("org_x",)}, {}, RefusalCode.DETAILS_UNKNOWN_PARENT, "/0/parent_grant"),
        ({"hops": MOST_HOPS}, {}, RefusalCode.DETAILS_CHAIN_TOO_LONG, "/0/parent_grant"),
        ({}, {"fields": ("email", "phone")}, RefusalCode.DETAILS_BEYOND_PARENT, "/0/datatypes"),
        ({}, {"optional_fields": ("address",)}, RefusalCode.DETAILS_BEYOND_PARENT, "/0/optional_datatypes"),
        ({}, {"window_from": NOW - 1}, RefusalCode.DETAILS_BEYOND_PARENT, "/0/window"),
        ({}, {"window_to": NOW + DAY + 1}, RefusalCode.DETAILS_BEYOND_PARENT, "/0/window"),
    ],
)
def test_what_lies_outside_the_grant_above_is_refused_with_its_place(above, wanted, code, at):
    parent = None if above is None else replace(ABOVE, **above)

    assert weigh(parent, RecipientId("org_bureau"), replace(WANTED, **wanted)) == Refusal(code=code, at=at)


@pytest.fixture
def chain(world):
    """A person, a bank that may pass on to a bureau, and the bank's counted grant."""
    person, bank, bureau = world.person(), world.app(name="Bank"), world.app(name="Bureau")
    top = world.token(bank, person, uses=2, onward=[bureau.client.recipient.id])
    return person, bank, bureau, top


def under(top, **changes):
    return {"parent_grant": grant_text(top.grant_id), **changes}


def rows(world, what):
    with world.vault.data.read() as conn:
        return conn.execute(select(what)).all()


def test_nobody_can_be_named_who_is_not_registered_or_asks_itself(world):
    app = world.app()

    for name in ("org_nobody", "all partners", "*", app.client.recipient.id):
        refused = world.push(app, onward=[name])
        assert refused == Refusal(code=RefusalCode.DETAILS_UNKNOWN_ONWARD, at="/0/onward/0")


def test_who_was_not_named_hears_the_same_of_every_grant(world, chain):
    person, _, bureau, top = chain
    stranger = world.app(name="Stranger")
    withdrawn = world.token(world.app(name="Shop"), person, onward=[bureau.client.recipient.id])
    withdraw(world.vault, person.subject, person.bucket, withdrawn.grant_id, world.now)
    unknown = grant_text(GrantId(new_id(person.bucket, world.now)))

    answers = [
        world.push(stranger, **under(top)),
        world.push(stranger, parent_grant=unknown),
        world.push(stranger, parent_grant="gr_x"),
        world.push(bureau, **under(withdrawn)),
    ]

    assert answers == [Refusal(code=RefusalCode.DETAILS_UNKNOWN_PARENT, at="/0/parent_grant")] * 4


def test_naming_somebody_grants_them_nothing(world, chain):
    person, _, bureau, _ = chain

    with world.vault.data.read() as conn:
        assert [line.recipient for line in grants(conn, person.bucket, person.subject)] == ["Bank"]
    assert bureau.client.recipient.id in rows(world, consent_grant.c.onward)[0][0]


def test_only_the_person_of_the_grant_above_is_shown_the_request_and_nobody_else_uses_it_up(world, chain):
    person, _, bureau, top = chain
    other = world.person()
    pushed = world.push(bureau, **under(top))
    how = (pushed.request_uri, bureau.client.client_id, world.now)

    refused = claim(world.vault, other, *how)

    assert refused.code is RefusalCode.REQUEST_URI_UNKNOWN
    assert not isinstance(claim(world.vault, person, *how), Refusal)


def test_a_grant_above_that_ends_while_the_page_is_open_takes_the_answer_with_it(world, chain):
    person, _, bureau, top = chain
    shown = world.show(bureau, person, **under(top))
    agree_to_all(world.vault, person, shown, world.now)
    withdraw(world.vault, person.subject, person.bucket, top.grant_id, world.now)

    answer = approve(world.vault, person, shown.id, None, world.now)

    assert answer == Refusal(code=RefusalCode.PARENT_ENDED)
    assert len(rows(world, consent_grant)) == 1
    assert not isinstance(refuse(world.vault, person, shown.id, world.now), Refusal)


def test_a_chain_is_as_long_as_it_may_be_and_ends_from_the_top(world):
    person = world.person()
    apps = [world.app(name=f"House {n}") for n in range(MOST_HOPS + 2)]
    named = [{"onward": [app.client.recipient.id]} for app in apps[1:]]
    made = [world.token(apps[0], person, uses=2, **named[0])]
    for app, name in zip(apps[1:-1], named[1:], strict=True):
        made.append(world.token(app, person, uses=2, **under(made[-1]), **name))

    assert world.push(apps[-1], **under(made[-1])).code is RefusalCode.DETAILS_CHAIN_TOO_LONG
    assert sorted(row.hops for row in rows(world, consent_grant)) == list(range(MOST_HOPS + 1))
    assert isinstance(disclose_many(world.vault, [world.request(made[-1])], world.now)[0], Disclosure)
    withdraw(world.vault, person.subject, person.bucket, made[0].grant_id, world.now)
    assert {row.state for row in rows(world, consent_grant)} == {"withdrawn"}


def test_what_waits_far_below_a_grant_that_is_used_up_is_not_agreed_to(world, chain):
    person, _, bureau, top = chain
    trusted, third = world.person(), world.app(name="Third")
    middle = world.token(bureau, person, onward=[third.client.recipient.id], **under(top))
    ask = protection.ask(
        world.vault, *((one.bucket, one.subject) for one in (person, trusted)), Decimal(0), "CNY", world.now
    )
    protection.accept(world.vault, (trusted.bucket, trusted.subject), ask.id, world.now)
    shown = world.show(third, person, **under(middle))
    agree_to_all(world.vault, person, shown, world.now)
    given = approve(world.vault, person, shown.id, None, world.now)
    assert isinstance(given, Deferred)
    disclose_many(world.vault, [world.request(top), world.request(top)], world.now)

    how = (world.vault, (trusted.bucket, trusted.subject), given.grant_id)
    answer = deferral.answer(*how, Decision.YES, world.now)

    assert answer == Refusal(code=RefusalCode.PARENT_ENDED)
    assert deferral.answer(*how, Decision.NO, world.now) is GrantState.REFUSED


def spent_up(world, chain):
    """The bank's grant is used up; what stands under it was active until then."""
    person, _, bureau, top = chain
    below = world.token(bureau, person, uses=2, **under(top))
    disclose_many(world.vault, [world.request(top), world.request(top)], world.now)
    return below


def test_nothing_is_disclosed_minted_or_called_active_under_a_grant_that_is_used_up(world, chain):
    _, _, bureau, _ = chain
    below = spent_up(world, chain)
    asked = Question(
        client_id=bureau.client.client_id,
        bucket=secret_bucket("cut", below.token),
        token_hash=secret_hash(below.token),
        shown=(),
    )

    (told,) = introspect_many(world.vault, [asked], world.now)
    again = Refresh(client_id=bureau.client.client_id, secret=below.refresh, jkt=JKT)

    assert (told.members, told.inactive["reason"]) == (None, "parent_not_active")
    assert disclose_many(world.vault, [world.request(below)], world.now) == [
        Denied(code=DenialCode.PARENT_NOT_ACTIVE)
    ]
    assert refresh(world.vault, again, world.now) == Denied(code=DenialCode.PARENT_NOT_ACTIVE)


def test_a_code_is_worth_nothing_under_a_grant_that_is_used_up(world, chain):
    person, _, bureau, top = chain
    approved = world.approve(bureau, person, **under(top))
    disclose_many(world.vault, [world.request(top), world.request(top)], world.now)

    denied = exchange(world.vault, world.exchanging(bureau, approved.code), world.now)

    assert denied == Denied(code=DenialCode.PARENT_NOT_ACTIVE)


def test_the_data_base_itself_refuses_a_use_and_a_disclosure_under_a_grant_that_is_used_up(
    world, chain, monkeypatch
):
    below = spent_up(world, chain)
    minted = next(row for row in rows(world, use) if row.id == below.use_id)
    values = {**minted._mapping, "id": new_id(minted.bucket, world.now), "code_hash": None, "quota": 1}

    with pytest.raises(DBAPIError, match="everything above its grant"), world.vault.data.write() as conn:
        conn.execute(insert(use).values(values))
    monkeypatch.setattr(
        "consent.redemption.rows.bool", lambda _: True, raising=False
    )  # a handler that forgets
    (answer,) = disclose_many(world.vault, [world.request(below)], world.now)
    assert answer == Denied(code=DenialCode.GRANT_NOT_ACTIVE)


def test_the_data_base_itself_refuses_a_recipient_that_was_not_named(world, chain, monkeypatch):
    person, _, _, top = chain
    stranger = world.app(name="Stranger")
    monkeypatch.setattr(onward, "weigh", lambda *_: None)

    with pytest.raises(DBAPIError, match="its parent names"):
        world.approve(stranger, person, **under(top))


@pytest.mark.parametrize(
    "change", [{"onward": "[]"}, {"hops": 2}, {"parent_grant": None}], ids=["named", "hops", "parent"]
)
def test_a_place_in_a_chain_never_changes(world, chain, change):
    person, _, bureau, top = chain
    below = world.token(bureau, person, **under(top))
    whose = top if "onward" in change else below

    with pytest.raises(DBAPIError), world.vault.data.write() as conn:
        conn.execute(update(consent_grant).where(consent_grant.c.id == whose.grant_id).values(change))


def test_the_person_and_the_receipts_and_the_ledger_say_where_a_consent_stands(world, chain):
    person, _, bureau, top = chain
    below = world.token(bureau, person, **under(top))
    disclose_many(world.vault, [world.request(below)], world.now)
    parent = grant_text(top.grant_id)

    with world.vault.data.read() as conn:
        lines = {line.id: line for line in grants(conn, person.bucket, person.subject)}
    first, used = (
        payload_of(text) for text in receipts_of(world.vault, person.subject, person.bucket, below.grant_id)
    )
    above = payload_of(receipts_of(world.vault, person.subject, person.bucket, top.grant_id)[0])
    purpose = first["record"]["pii_processing"]["purposes"][0]
    named = above["record"]["pii_processing"]["purposes"][0]["recipient_third_parties"]

    assert (lines[below.grant_id].parent, lines[top.grant_id].parent) == (top.grant_id, None)
    assert lines[top.grant_id].onward == (bureau.client.recipient.id,)
    assert first["parent_grant"] == used["parent_grant"] == purpose["parent_record_id"] == parent
    assert named == [bureau.client.recipient.id]
    assert below.details[0]["parent_grant"] == parent
    assert top.details[0]["onward"] == [bureau.client.recipient.id]


def test_the_approval_names_the_grant_above_and_those_it_may_be_passed_on_to(world, chain):
    person, bank, bureau, top = chain
    hashes = {row.id: row.approval_hash for row in rows(world, consent_grant)}
    plain = world.approve(bank, person, uses={"max": 2, "batch": 2}, window={"to": instant(world.now + DAY)})

    hashes |= {row.id: row.approval_hash for row in rows(world, consent_grant)}
    assert hashes[plain.grant_id] != hashes[top.grant_id]
    assert isinstance(world.approve(bureau, person, **under(top)), Approved)
    assert len({row.approval_hash for row in rows(world, consent_grant)}) == 3
