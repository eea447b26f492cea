"""Pushing a request: what is compared with what is stored, and a `request_uri` that works once."""

from dataclasses import replace

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError

from consent.asking import ask
from consent.asking.ask import Pushed
from consent.asking.showings import Showing, claim
from consent.instants import instant
from consent.recipients import register as recipients
from consent.recipients import suspensions
from consent.recipients.retiring import retire
from consent.refusals import Refusal, RefusalCode
from consent.schema.tables import consent_request, retired_text
from tests.consent.world import DAY, PARAMS
from vault.base64url import b64url


def test_a_good_request_gets_a_request_uri_for_ninety_seconds(world):
    app = world.app()
    pushed = world.push(app)

    assert isinstance(pushed, Pushed)
    assert pushed.expires_in == 90
    assert pushed.request_uri.startswith("urn:ietf:params:oauth:request_uri:req_")
    with world.vault.data.read() as conn:
        waiting = ask.pending(conn, pushed.request_uri, app.client.client_id, world.now)
        assert waiting is not None
        assert (waiting.details, waiting.params) == (app.details(world.now), PARAMS)
        assert ask.pending(conn, pushed.request_uri, app.client.client_id, world.now + 90_000) is None
        assert ask.pending(conn, pushed.request_uri, "app_other", world.now) is None
        for mangled in ("", pushed.request_uri[:-1], pushed.request_uri.upper(), "x" + pushed.request_uri):
            assert ask.pending(conn, mangled, app.client.client_id, world.now) is None


def test_the_secret_of_a_request_uri_is_not_stored(world):
    pushed = world.push(world.app())
    with world.vault.data.read() as conn:
        row = conn.execute(select(consent_request)).mappings().one()
    secret = pushed.request_uri.rpartition(":")[2]

    assert all(secret not in str(value) for value in row.values())


def test_requests_that_do_not_fit_what_is_stored_are_refused_and_not_kept(world):
    app, other = world.app(), world.app(purpose="marketing", name="Other Ltd")
    good, code = app.raw(world.now), RefusalCode
    cases = [
        ({"recipient": other.client.recipient.id}, code.DETAILS_OTHER_RECIPIENT),
        ({"notice": {**good["notice"], "hash": "sha-256:x"}}, code.DETAILS_UNKNOWN_NOTICE),
        ({"notice": {**good["notice"], "version": 2}}, code.DETAILS_UNKNOWN_NOTICE),
        ({"notice": {**good["notice"], "lang": "zh-CN"}}, code.DETAILS_UNKNOWN_NOTICE),
        ({"notice": {"id": other.notice.id, "hash": other.notice.hash}}, code.DETAILS_UNKNOWN_NOTICE),
        ({"notice": {"id": "ntc_none", "hash": "x"}}, code.DETAILS_UNKNOWN_NOTICE),
        ({"purpose": "payment"}, code.DETAILS_UNKNOWN_NOTICE),
        ({"liability": {**good["liability"], "hash": "sha-256:x"}}, code.DETAILS_UNKNOWN_TERMS),
        ({"liability": {**good["liability"], "per_record": "5.00"}}, code.DETAILS_UNKNOWN_TERMS),
        ({"liability": {**good["liability"], "currency": "EUR"}}, code.DETAILS_UNKNOWN_TERMS),
        ({"liability": {"terms": other.terms.id, "hash": other.terms.hash}}, code.DETAILS_UNKNOWN_TERMS),
        ({"window": {"to": "2020-01-01T00:00:00Z"}}, code.DETAILS_BAD_WINDOW),
        ({"window": {"to": "2030-01-01T00:00:00Z"}}, code.DETAILS_BAD_WINDOW),
    ]
    for changes, expected in cases:
        refused = world.push(app, **changes)
        assert isinstance(refused, Refusal), changes
        assert refused.code is expected, changes
        assert refused.error == "invalid_authorization_details"

    with world.vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(consent_request)).scalar_one() == 0


def test_oauth_parameters_are_checked_against_the_registration(world):
    app = world.app()
    cases = {
        RefusalCode.REQUEST_REDIRECT: {"redirect_uri": "https://app.example/callback/"},
        RefusalCode.REQUEST_CHALLENGE: {"code_challenge": "short"},
        RefusalCode.REQUEST_STATE: {"state": "s" * 513},
        RefusalCode.REQUEST_KEY: {"dpop_jkt": "short"},
    }
    for code, changes in cases.items():
        refused = world.push(app, params=replace(PARAMS, **changes))
        assert isinstance(refused, Refusal)
        assert (refused.code, refused.error) == (code, "invalid_request")


@pytest.mark.parametrize("member", ["code_challenge", "dpop_jkt"])
def test_a_digest_is_written_in_one_way_only(world, member):
    app = world.app()
    digest = b64url(bytes(32))

    assert isinstance(world.push(app, params=replace(PARAMS, **{member: digest})), Pushed)
    for stray in ("B", "C", "D", "-"):
        assert isinstance(world.push(app, params=replace(PARAMS, **{member: digest[:-1] + stray})), Refusal)


def test_a_suspended_client_cannot_ask_and_what_it_asked_is_not_shown(world):
    app, person = world.app(), world.person()
    pushed = world.push(app)
    with world.vault.data.write() as conn:
        suspensions.suspend(conn, app.client.client_id, "unpaid claims", world.now)
        client = recipients.client(conn, app.client.client_id)

    refused = world.push(replace(app, client=client))
    claimed = claim(world.vault, person, pushed.request_uri, app.client.client_id, world.now)

    assert refused == Refusal(code=RefusalCode.CLIENT_SUSPENDED, at="client_id")
    assert refused.error == "unauthorized_client"
    assert isinstance(claimed, Refusal)


def test_a_window_that_opens_after_every_token_has_died_is_refused(world):
    app = world.app()
    closes = instant(world.now + DAY)

    soon = world.push(app, window={"from": instant(world.now + 60_000), "to": closes})
    late = world.push(app, window={"from": instant(world.now + 60_001), "to": closes})

    assert isinstance(soon, Pushed)
    assert late == Refusal(code=RefusalCode.DETAILS_WINDOW_TOO_LATE, at="/0/window/from")


@pytest.mark.parametrize("state", ["\x00", "a\nb", "\ud800", "\x9b"])
def test_a_state_no_data_base_could_hold_is_refused(world, state):
    pushed = world.push(world.app(), params=replace(PARAMS, state=state))

    assert pushed == Refusal(code=RefusalCode.REQUEST_STATE, at="state")


def test_a_window_without_a_beginning_opens_now(world):
    app = world.app()
    details = replace(app.details(world.now), window_from=None, window_to=world.now + DAY)
    pushed = world.push(app, details)

    with world.vault.data.read() as conn:
        waiting = ask.pending(conn, pushed.request_uri, app.client.client_id, world.now)

    assert waiting is not None
    assert waiting.details.window_from == world.now


@pytest.mark.parametrize("wait", [89_999, 90_000])
def test_a_request_uri_is_claimed_once_and_in_time(world, wait):
    app, first, second = world.app(), world.person(), world.person()
    pushed = world.push(app)
    world.tick(wait)

    claims = [
        claim(world.vault, person, pushed.request_uri, app.client.client_id, world.now)
        for person in (first, second)
    ]

    used = [not isinstance(answer, Refusal) for answer in claims]
    assert used == [wait < 90_000, False]
    assert claims[1] == Refusal(code=RefusalCode.REQUEST_URI_UNKNOWN, at="request_uri")


@pytest.mark.parametrize(
    ("text", "code", "at"),
    [
        ("notice", RefusalCode.DETAILS_UNKNOWN_NOTICE, "/0/notice"),
        ("terms", RefusalCode.DETAILS_UNKNOWN_TERMS, "/0/liability"),
    ],
)
def test_nobody_is_asked_under_a_text_that_was_retired_and_what_was_asked_before_is_answered(
    world, text, code, at
):
    app, other, person = world.app(), world.app(name="Other"), world.person()
    asked = world.push(app)
    with world.vault.data.write() as conn:
        assert retire(conn, getattr(app, text).id, "a new version", world.now)

    assert world.push(app) == Refusal(code=code, at=at)
    assert isinstance(world.push(other), Pushed)
    assert isinstance(claim(world.vault, person, asked.request_uri, app.client.client_id, world.now), Showing)


def test_the_data_base_keeps_what_was_retired(world):
    app = world.app()
    with world.vault.data.write() as conn:
        retire(conn, app.notice.id, "a new version", world.now)

    for statement in (delete(retired_text), update(retired_text).values(reason="none")):
        with pytest.raises(DBAPIError), world.vault.data.write() as conn:
            conn.execute(statement)
