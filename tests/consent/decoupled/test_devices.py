"""The device flow on the consent floor: codes, polling, one exchange, and what the data base holds."""

import re

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError

from consent.approving.approve import Approved, Showing, approve, refuse
from consent.asking.ask import Via
from consent.decoupled import devices
from consent.decoupled.polling import Poll, Waiting, poll
from consent.denials import DenialCode, Denied
from consent.redemption.disclose import Disclosure, disclose_many
from consent.refusals import Refusal, RefusalCode
from consent.schema.decoupled_tables import device_request, request_outcome, request_poll
from consent.schema.tables import auth_code, consent_request, use
from consent.tokens.minting import Issued
from tests.consent.world import JKT
from vault.ids import new_id, new_secret, secret_hash


def start(world, app, jkt=None, **changes):
    with world.vault.data.write() as conn:
        return devices.start(conn, world.vault, app.client, app.details(world.now, **changes), jkt, world.now)


def ask_for_token(world, app, secret, **changes):
    wanted = {"via": Via.DEVICE, "client_id": app.client.client_id, "secret": secret, "jkt": JKT, **changes}
    with world.vault.data.write() as conn:
        return poll(conn, world.vault, Poll(**wanted), world.now)


def entered(world, person, started):
    shown = devices.enter(world.vault, person, started.user_code, world.now)
    assert isinstance(shown, Showing), shown
    return shown


@pytest.fixture
def waiting(world):
    app = world.app()
    return app, world.person(), start(world, app)


def test_a_code_has_eight_letters_without_vowels_and_only_digests_are_kept(world, waiting):
    _, _, started = waiting
    with world.vault.data.read() as conn:
        (kept,) = conn.execute(select(device_request)).all()
        (request,) = conn.execute(select(consent_request)).all()

    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", started.user_code)
    assert (started.expires_in, started.interval) == (300, 5)
    assert started.device_code.startswith("dvc_")
    assert request.secret_hash == secret_hash(started.device_code)
    assert started.user_code not in str(kept)
    assert (request.via, request.redirect_uri, request.code_challenge) == ("device", "", "")


def test_a_request_that_does_not_hold_hands_out_no_code(world):
    refused = start(world, world.app(), notice={"id": "ntc_x", "hash": "sha-256:x"})

    assert refused == Refusal(code=RefusalCode.DETAILS_UNKNOWN_NOTICE, at="/0/notice")


def test_polling_hears_pending_then_the_token_once(world, waiting):
    app, person, started = waiting
    assert ask_for_token(world, app, started.device_code) is Waiting.PENDING
    shown = entered(world, person, started)
    world.tick(5_000)
    assert ask_for_token(world, app, started.device_code) is Waiting.PENDING
    answer = approve(world.vault, person, shown.id, None, world.now)
    assert isinstance(answer, Approved)
    assert (answer.redirect_uri, answer.code) == ("", "")

    issued = ask_for_token(world, app, started.device_code)
    again = ask_for_token(world, app, started.device_code)

    assert isinstance(issued, Issued)
    assert issued.grant_id == answer.grant_id
    assert again == Denied(code=DenialCode.CODE_REUSED)
    (read,) = disclose_many(world.vault, [world.request(issued)], world.now)
    assert isinstance(read, Disclosure)


def test_polling_too_fast_is_told_to_slow_down_by_five_seconds_more_each_time(world, waiting):
    app, _, started = waiting
    heard = [ask_for_token(world, app, started.device_code)]
    for wait in (4_999, 9_999, 15_000, 14_999, 20_000):
        world.tick(wait)
        heard.append(ask_for_token(world, app, started.device_code))

    pending, slow = Waiting.PENDING, Waiting.SLOW_DOWN
    assert heard == [pending, slow, slow, pending, slow, pending]


def test_a_refusal_is_told_and_a_code_lapses_after_five_minutes(world, waiting):
    app, person, started = waiting
    other = start(world, app)
    refuse(world.vault, person, entered(world, person, started).id, world.now)
    world.tick(300_000)

    assert ask_for_token(world, app, started.device_code) is Waiting.REFUSED
    assert ask_for_token(world, app, other.device_code) is Waiting.EXPIRED
    late = devices.enter(world.vault, world.person(), other.user_code, world.now)
    assert late == Refusal(code=RefusalCode.REQUEST_URI_UNKNOWN, at="request_uri")


def test_nobody_approves_once_the_polling_is_over(world, waiting):
    _, person, started = waiting
    world.tick(299_000)
    shown = entered(world, person, started)
    world.tick(1_000)

    answer = approve(world.vault, person, shown.id, None, world.now)

    assert answer == Refusal(code=RefusalCode.SHOWING_EXPIRED)


def test_an_approval_in_the_last_second_can_still_be_fetched_for_a_minute(world, waiting):
    app, person, started = waiting
    shown = entered(world, person, started)
    world.tick(299_999)
    approve(world.vault, person, shown.id, None, world.now)

    world.tick(59_999)
    issued = ask_for_token(world, app, started.device_code)

    assert isinstance(issued, Issued)


def test_a_code_opens_for_the_first_who_types_it_however_they_type_it(world, waiting):
    app, person, started = waiting
    typed = started.user_code.lower().replace("-", " ")
    wide = "".join(chr(ord(c) + 0xFEE0) for c in start(world, app).user_code.replace("-", ""))

    assert isinstance(devices.enter(world.vault, person, typed, world.now), Showing)
    assert isinstance(devices.enter(world.vault, person, wide, world.now), Showing)
    again = devices.enter(world.vault, world.person(), started.user_code, world.now)
    assert again == Refusal(code=RefusalCode.REQUEST_URI_UNKNOWN, at="request_uri")
    for nonsense in ("", "x" * 5000, "\0", "WDJB-MJH", started.device_code):
        assert isinstance(devices.enter(world.vault, person, nonsense, world.now), Refusal)


def test_the_device_code_is_worth_nothing_to_another_client_or_key(world):
    app, person = world.app(), world.person()
    started = start(world, app, jkt=JKT)
    approve(world.vault, person, entered(world, person, started).id, None, world.now)
    cases = [
        ({"client_id": "app_other"}, DenialCode.UNKNOWN_CODE),
        ({"jkt": "o" * 43}, DenialCode.WRONG_KEY),
        ({"secret": new_secret("dvc", person.bucket)}, DenialCode.UNKNOWN_CODE),
        ({"secret": "dvc_x"}, DenialCode.UNKNOWN_CODE),
        ({"via": Via.BACKCHANNEL}, DenialCode.UNKNOWN_CODE),
    ]
    for changes, code in cases:
        got = ask_for_token(world, app, **{"secret": started.device_code, **changes})
        assert got == Denied(code=code), changes

    assert isinstance(ask_for_token(world, app, started.device_code), Issued)


def test_a_device_code_is_no_authorization_code(world, waiting):
    from consent.tokens.exchange import exchange

    app, person, started = waiting
    approve(world.vault, person, entered(world, person, started).id, None, world.now)

    stolen = exchange(
        world.vault, world.exchanging(app, started.device_code, redirect_uri="", code_verifier=""), world.now
    )

    assert stolen == Denied(code=DenialCode.UNKNOWN_CODE)
    with world.vault.data.read() as conn:
        assert conn.execute(select(use)).all() == []


def test_a_counted_grant_from_a_device_is_refreshed_like_any_other(world):
    app, person = world.app(), world.person()
    started = start(world, app, uses={"max": 2, "ask": "counted"})
    approve(world.vault, person, entered(world, person, started).id, None, world.now)

    assert ask_for_token(world, app, started.device_code).refresh.startswith("ref_")


def refused_by_the_data_base(world, statement):
    with pytest.raises(DBAPIError), world.vault.data.write() as conn:
        conn.execute(statement)


def test_the_data_base_knows_no_code_without_a_challenge_and_no_second_outcome(world, waiting):
    app, person, started = waiting
    answer = approve(world.vault, person, entered(world, person, started).id, None, world.now)
    plain = world.approve(app, person)
    assert answer.grant_id != plain.grant_id
    with world.vault.data.read() as conn:
        code = dict(conn.execute(select(auth_code).where(auth_code.c.via == "code")).mappings().one())
        outcome = dict(conn.execute(select(request_outcome)).mappings().one())
        request = dict(
            conn.execute(select(consent_request).where(consent_request.c.via == "code")).mappings().one()
        )
    fresh = {"id": new_id(request["bucket"], world.now), "secret_hash": b"h" * 32}

    refused_by_the_data_base(
        world, insert(auth_code).values({**code, "hash": b"h" * 32, "code_challenge": ""})
    )
    refused_by_the_data_base(
        world, insert(consent_request).values({**request, **fresh, "code_challenge": ""})
    )
    refused_by_the_data_base(world, insert(consent_request).values({**request, **fresh, "via": "device"}))
    refused_by_the_data_base(world, insert(request_outcome).values({**outcome, "outcome": "refused"}))
    refused_by_the_data_base(world, update(request_outcome).values(outcome="refused"))
    refused_by_the_data_base(world, update(request_poll).values(interval_s=1))
