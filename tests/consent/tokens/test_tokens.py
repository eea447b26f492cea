"""Exchanging codes: once, in time, by the right client with the right verifier and key."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from consent.denials import DenialCode, Denied
from consent.ids import use_text
from consent.instants import instant
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.tables import entry
from consent.redemption.disclose import Disclosure, disclose_many
from consent.schema.tables import denial, token, use
from consent.tokens.exchange import Issued, exchange
from consent.withdrawal.withdraw import withdraw
from tests.consent.world import DAY, PARAMS, REDIRECT
from vault.ids import MAX_BUCKETS, new_secret, secret_bucket, secret_hash


@pytest.fixture
def approved(world):
    app, person = world.app(), world.person()
    return app, person, world.approve(app, person, uses={"max": 3, "batch": 3})


def test_a_code_becomes_a_token_for_one_use_of_the_granted_size(world, approved):
    app, person, answer = approved
    issued = exchange(world.vault, world.exchanging(app, answer.code), world.now)

    assert isinstance(issued, Issued)
    assert issued.expires_in == 120
    assert secret_bucket("cut", issued.token) == person.bucket
    assert issued.details == [
        {
            "type": "pii_use",
            "actions": ["disclose"],
            "use_id": use_text(issued.use_id),
            "recipient": app.client.recipient.id,
            "purpose": "delivery",
            "datatypes": ["name", "phone"],
            "uses": {"max": 3, "ask": "counted", "batch": 3},
            "window": {"from": instant(world.now), "to": instant(world.now + DAY)},
            "retention": "P30D",
            "notice": {"id": app.notice.id, "hash": app.notice.hash},
            "liability": {"terms": app.terms.id, "hash": app.terms.hash},
        }
    ]
    with world.vault.data.read() as conn:
        row = conn.execute(select(token)).one()
        minted = conn.execute(select(use)).one()
    assert row.hash == secret_hash(issued.token)
    assert issued.token not in str(row)
    assert (minted.quota, minted.spent) == (3, 0)


def test_every_mismatch_is_denied_with_its_code_and_mints_nothing(world, approved):
    app, _, answer = approved
    cases = [
        ({"code": "cod_nonsense"}, DenialCode.UNKNOWN_CODE),
        ({"code": answer.code[:-1] + "_"}, DenialCode.UNKNOWN_CODE),
        ({"client_id": "app_other"}, DenialCode.WRONG_CLIENT),
        ({"redirect_uri": REDIRECT + "/"}, DenialCode.WRONG_REDIRECT),
        ({"code_verifier": "w" * 43}, DenialCode.WRONG_VERIFIER),
        ({"code_verifier": "short"}, DenialCode.WRONG_VERIFIER),
        ({"code_verifier": ""}, DenialCode.WRONG_VERIFIER),
    ]
    for changes, code in cases:
        denied = exchange(world.vault, world.exchanging(app, **{"code": answer.code, **changes}), world.now)
        assert denied == Denied(code=code), changes

    with world.vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(use)).scalar_one() == 0
    assert isinstance(exchange(world.vault, world.exchanging(app, answer.code), world.now), Issued)


def test_a_code_bound_to_a_key_needs_that_key(world):
    app, person = world.app(), world.person()
    bound = world.approve(app, person, params=replace(PARAMS, dpop_jkt="k" * 43))

    wrong = exchange(world.vault, world.exchanging(app, bound.code), world.now)
    right = exchange(world.vault, world.exchanging(app, bound.code, jkt="k" * 43), world.now)

    assert wrong == Denied(code=DenialCode.WRONG_KEY)
    assert isinstance(right, Issued)


def test_a_code_lives_sixty_seconds(world, approved):
    app, _, answer = approved
    late = exchange(world.vault, world.exchanging(app, answer.code), world.now + 60_000)
    in_time = exchange(world.vault, world.exchanging(app, answer.code), world.now + 59_999)

    assert late == Denied(code=DenialCode.EXPIRED)
    assert isinstance(in_time, Issued)


def test_a_code_used_twice_is_denied_and_voids_the_use_of_the_first(world, approved):
    app, _, answer = approved
    first = exchange(world.vault, world.exchanging(app, answer.code), world.now)
    second = exchange(world.vault, world.exchanging(app, answer.code), world.now)
    redeemed = disclose_many(world.vault, [world.request(first)], world.now)

    assert second == Denied(code=DenialCode.CODE_REUSED)
    assert redeemed == [Denied(code=DenialCode.VOIDED)]


def test_another_client_that_tries_a_used_code_cannot_void_it(world, approved):
    app, _, answer = approved
    first = exchange(world.vault, world.exchanging(app, answer.code), world.now)
    stolen = exchange(world.vault, world.exchanging(app, answer.code, client_id="app_thief"), world.now)

    assert stolen == Denied(code=DenialCode.WRONG_CLIENT)
    assert isinstance(disclose_many(world.vault, [world.request(first)], world.now)[0], Disclosure)


def _refused(world):
    """What was counted, by code, and how many refusals the ledger has."""
    with world.vault.data.read() as conn:
        counted = dict(
            conn.execute(select(denial.c.code, func.sum(denial.c.attempts)).group_by(denial.c.code)).all()
        )
        kinds = [parse(body).kind for body in conn.execute(select(entry.c.body)).scalars()]
    return counted, kinds.count(Kind.REFUSE)


def test_denied_exchanges_are_counted_and_the_first_of_each_kind_is_in_the_ledger(world):
    app, person = world.app(), world.person()
    bound = world.approve(app, person, params=replace(PARAMS, dpop_jkt="k" * 43))
    bad = [{"client_id": "app_thief"}, {"code_verifier": "w" * 43}, {"redirect_uri": "x:"}, {}]
    for changes in bad * 2:
        exchange(world.vault, world.exchanging(app, bound.code, **changes), world.now)
    late = world.exchanging(app, bound.code, jkt="k" * 43)
    exchange(world.vault, late, world.now + 60_000)
    assert isinstance(exchange(world.vault, late, world.now), Issued)
    exchange(world.vault, late, world.now)

    twice = ("wrong_client", "wrong_verifier", "wrong_redirect_uri", "wrong_key")
    assert _refused(world) == ({**dict.fromkeys(twice, 2), "expired": 1, "code_reused": 1}, 6)


def test_a_code_dead_for_a_day_is_still_counted_and_no_longer_ledgered(world, approved):
    app, _, answer = approved
    for days in range(1, 6):
        exchange(world.vault, world.exchanging(app, answer.code), world.now + 60_000 + days * DAY)

    assert _refused(world) == ({"expired": 5}, 0)


def test_made_up_codes_are_counted_in_buckets_that_exist(world):
    app = world.app()
    for bucket in (0, MAX_BUCKETS - 1):
        exchange(world.vault, world.exchanging(app, new_secret("cod", bucket)), world.now)

    with world.vault.data.read() as conn:
        assert conn.execute(select(denial.c.bucket, denial.c.code, denial.c.attempts)).all() == [
            (0, "unknown_code", 2)
        ]


def test_a_refused_exchange_of_an_erased_person_is_counted_only(world, approved):
    app, person, answer = approved
    world.vault.keyring.destroy_many([(person.bucket, person.subject)])
    exchange(world.vault, world.exchanging(app, answer.code, client_id="app_thief"), world.now)

    assert _refused(world) == ({"wrong_client": 1}, 0)


def test_a_withdrawn_consent_gives_no_token(world, approved):
    app, person, answer = approved
    withdraw(world.vault, person.subject, person.bucket, answer.grant_id, world.now)

    denied = exchange(world.vault, world.exchanging(app, answer.code), world.now)

    assert denied == Denied(code=DenialCode.WITHDRAWN)


def test_a_token_never_outlives_the_window(world):
    app, person = world.app(), world.person()
    answer = world.approve(app, person, window={"to": instant(world.now + 30_000)})
    issued = exchange(world.vault, world.exchanging(app, answer.code), world.now)
    closed = exchange(world.vault, world.exchanging(app, answer.code), world.now + 30_000)

    assert isinstance(issued, Issued)
    assert issued.expires_in == 30
    assert isinstance(closed, Denied)
