"""Refreshing: the next use of a counted grant, bound to client and key, checked against the grant every time."""

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError

from consent.denials import DenialCode, Denied
from consent.instants import instant
from consent.redemption.disclose import Disclosure, disclose_many
from consent.refusals import Refusal, RefusalCode
from consent.schema.tables import denial, refresh_token, use
from consent.tokens.exchange import Issued, exchange
from consent.tokens.refreshing import Refresh, refresh
from consent.withdrawal.withdraw import withdraw
from tests.consent.world import JKT
from vault.ids import new_id, new_secret, secret_bucket, secret_hash

TYPE = "pii_use"


@pytest.fixture
def counted(world):
    """A grant of three uses whose code was exchanged: the app, the person, the code and what was issued."""
    app, person = world.app(), world.person()
    approved = world.approve(app, person, uses={"max": 3, "ask": "counted"})
    issued = exchange(world.vault, world.exchanging(app, approved.code), world.now)
    assert isinstance(issued, Issued)
    return app, person, approved.code, issued


def again(world, counted, **changes):
    app, _, _, issued = counted
    wanted = {"client_id": app.client.client_id, "secret": issued.refresh, "jkt": JKT, **changes}
    return refresh(world.vault, Refresh(**wanted), world.now)


def disclosed(world, issued):
    (answer,) = disclose_many(world.vault, [world.request(issued)], world.now)
    return answer


def test_each_token_of_a_counted_grant_is_for_one_use_and_refreshing_mints_the_next(world, counted):
    first = counted[3]
    assert isinstance(disclosed(world, first), Disclosure)
    assert disclosed(world, first) == Denied(code=DenialCode.SPENT)

    world.tick(3_600_000)
    second = again(world, counted)
    assert isinstance(disclosed(world, second), Disclosure)
    third = again(world, counted)
    assert isinstance(disclosed(world, third), Disclosure)

    assert (second.expires_in, second.refresh) == (120, None)
    assert len({first.use_id, second.use_id, third.use_id}) == 3
    assert second.details[0]["uses"] == {"max": 3, "ask": "counted"}
    assert again(world, counted) == Denied(code=DenialCode.SPENT)


def test_a_grant_of_one_use_is_never_refreshed(world):
    issued = world.token(world.app(), world.person())

    assert issued.refresh is None
    with world.vault.data.read() as conn:
        assert conn.execute(select(refresh_token)).all() == []


def test_only_the_digest_of_a_refresh_token_is_kept(world, counted):
    _, person, _, issued = counted
    with world.vault.data.read() as conn:
        row = conn.execute(select(refresh_token)).one()

    assert issued.refresh.startswith("ref_")
    assert secret_bucket("ref", issued.refresh) == person.bucket
    assert row.hash == secret_hash(issued.refresh)
    assert issued.refresh not in str(row)


def test_a_lost_reply_costs_no_use(world, counted):
    lost = [again(world, counted) for _ in range(5)]

    answers = [disclosed(world, issued) for issued in lost]

    assert sum(isinstance(answer, Disclosure) for answer in answers) == 3
    assert sum(answer == Denied(code=DenialCode.VOIDED) for answer in answers) == 2


def test_no_more_tokens_are_out_than_uses_are_left_and_the_oldest_gives_way(world, counted):
    tokens = [counted[3]]
    for _ in range(5):
        world.tick(1)
        tokens.append(again(world, counted))

    answers = [disclosed(world, token) for token in tokens]

    assert answers[:3] == [Denied(code=DenialCode.VOIDED)] * 3
    assert all(isinstance(answer, Disclosure) for answer in answers[3:])


def test_a_token_of_several_uses_keeps_what_the_next_one_leaves_room_for(world):
    app, person = world.app(), world.person()
    approved = world.approve(app, person, uses={"max": 4, "batch": 2})
    issued = exchange(world.vault, world.exchanging(app, approved.code), world.now)
    assert isinstance(disclosed(world, issued), Disclosure)
    world.tick(1)
    second = again(world, (app, person, approved.code, issued))

    assert isinstance(disclosed(world, issued), Disclosure)
    assert [isinstance(disclosed(world, second), Disclosure) for _ in range(3)] == [True, True, False]


def test_another_client_or_key_and_a_made_up_secret_mint_nothing(world, counted):
    bucket = counted[1].bucket
    cases = [
        ({"client_id": "app_other"}, DenialCode.WRONG_CLIENT),
        ({"jkt": "o" * 43}, DenialCode.WRONG_KEY),
        ({"secret": "ref_x"}, DenialCode.UNKNOWN_TOKEN),
        ({"secret": ""}, DenialCode.UNKNOWN_TOKEN),
        ({"secret": new_secret("ref", bucket)}, DenialCode.UNKNOWN_TOKEN),
        ({"secret": counted[3].token}, DenialCode.UNKNOWN_TOKEN),
    ]
    for changes, code in cases:
        assert again(world, counted, **changes) == Denied(code=code), changes

    with world.vault.data.read() as conn:
        assert len(conn.execute(select(use)).all()) == 1
        counts = dict(conn.execute(select(denial.c.code, denial.c.attempts)).all())
    assert counts == {"wrong_client": 1, "wrong_key": 1, "unknown_token": 1}


def test_refreshing_ends_with_the_window(world, counted):
    world.tick(86_400_000 - 30_000)
    late = again(world, counted)
    world.tick(30_000)

    assert late.expires_in == 30
    assert again(world, counted) == Denied(code=DenialCode.WINDOW)


def test_a_withdrawn_consent_is_not_refreshed(world, counted):
    _, person, _, issued = counted
    withdraw(world.vault, person.subject, person.bucket, issued.grant_id, world.now)

    assert again(world, counted) == Denied(code=DenialCode.WITHDRAWN)


def test_a_code_tried_again_voids_the_refresh_token_and_every_use_it_minted(world, counted):
    app, _, code, first = counted
    second = again(world, counted)

    assert exchange(world.vault, world.exchanging(app, code), world.now) == Denied(
        code=DenialCode.CODE_REUSED
    )

    assert again(world, counted) == Denied(code=DenialCode.VOIDED)
    assert [disclosed(world, issued) for issued in (first, second)] == [Denied(code=DenialCode.VOIDED)] * 2


def test_a_token_may_carry_several_uses_when_the_request_asked_for_it(world):
    app, person = world.app(), world.person()
    approved = world.approve(app, person, uses={"max": 5, "ask": "counted", "batch": 3})
    first = exchange(world.vault, world.exchanging(app, approved.code), world.now)
    counted = (app, person, approved.code, first)

    took = [isinstance(disclosed(world, first), Disclosure) for _ in range(4)]
    rest = again(world, counted)
    took += [isinstance(disclosed(world, rest), Disclosure) for _ in range(3)]

    assert took == [True, True, True, False, True, True, False]
    assert rest.details[0]["uses"] == {"max": 5, "ask": "counted", "batch": 3}


def test_the_next_use_may_be_for_fewer_fields_and_discloses_no_others(world, counted):
    narrow = again(world, counted, details=[{"type": TYPE, "datatypes": ["phone"]}])

    assert narrow.details[0]["datatypes"] == ["phone"]
    beyond = disclose_many(world.vault, [world.request(narrow, fields=("name",))], world.now)
    assert beyond == [Denied(code=DenialCode.FIELD_NOT_GRANTED)]
    assert set(disclosed(world, narrow).values) == {"phone"}
    whole = again(world, counted)
    assert set(disclosed(world, whole).values) == {"name", "phone"}


def test_a_code_can_be_exchanged_for_fewer_fields_too_and_survives_a_request_for_more(world):
    app, person = world.app(), world.person()
    code = world.approve(app, person).code
    more = world.exchanging(app, code, details=[{"type": TYPE, "datatypes": ["name", "email"]}])
    fewer = world.exchanging(app, code, details=[{"type": TYPE, "datatypes": ["name"]}])

    refused = exchange(world.vault, more, world.now)
    issued = exchange(world.vault, fewer, world.now)

    assert refused == Refusal(code=RefusalCode.DETAILS_WIDENED, at="/0/datatypes/1")
    assert refused.error == "invalid_authorization_details"
    assert set(disclosed(world, issued).values) == {"name"}


def test_the_request_as_it_was_sent_or_as_it_was_granted_can_be_repeated(world, counted):
    app, _, _, issued = counted
    sent = app.raw(
        world.now, uses={"max": 3, "ask": "counted"}, window={"to": instant(world.now + 86_400_000)}
    )

    for repeated in (sent, issued.details[0], {**sent, "datatypes": ["name"]}):
        assert isinstance(again(world, counted, details=[repeated]), Issued)


def use_like(world, **changes):
    with world.vault.data.read() as conn:
        row = dict(conn.execute(select(use)).mappings().one())
    fresh = {"id": new_id(row["bucket"], world.now), "code_hash": None, "spent": 0, "quota": 1}
    return insert(use).values(**{**row, **fresh, **changes})


def refused_by_the_data_base(world, statement, says):
    with pytest.raises(DBAPIError) as error, world.vault.data.write() as conn:
        conn.execute(statement)
    assert says in str(error.value.orig)


def test_the_data_base_refuses_uses_that_no_refresh_could_mint(world, counted):
    app, _, code, issued = counted
    minting = {"refresh_hash": secret_hash(issued.refresh)}
    beyond = "fields beyond the grant"

    refused_by_the_data_base(world, use_like(world, **minting, fields='["email","name"]'), beyond)
    refused_by_the_data_base(world, use_like(world, **minting, fields="[]"), beyond)
    refused_by_the_data_base(world, use_like(world, refresh_hash=b"r" * 32), "mints nothing")
    refused_by_the_data_base(world, use_like(world, **minting, minted_at=world.now + 10**9), "")
    exchange(world.vault, world.exchanging(app, code), world.now)
    refused_by_the_data_base(world, use_like(world, **minting, voided_at=None), "mints nothing")


def test_the_data_base_keeps_one_refresh_token_per_counted_grant(world, counted):
    single = world.token(counted[0], world.person())
    with world.vault.data.read() as conn:
        row = dict(conn.execute(select(refresh_token)).mappings().one())
    for_single = {**row, "hash": b"s" * 32, "grant_id": single.grant_id, "bucket": single.grant_id[7]}

    refused_by_the_data_base(world, insert(refresh_token).values(for_single), "only a counted grant")
    refused_by_the_data_base(world, insert(refresh_token).values({**row, "hash": b"s" * 32}), "")
