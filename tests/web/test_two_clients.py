"""Two programs of one recipient: what one was given works for it alone; what the person granted is the recipient's."""

import dataclasses

import pytest
from joserfc.jwk import ECKey
from sqlalchemy import select

from consent.recipients import register as recipients
from consent.recipients import suspensions
from consent.recipients.register import Program
from consent.schema.tables import consent_grant, idempotency

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def sister_of(app, **changes):
    """Another client of the same recipient, with a key, a redirect address and proof keys of its own."""
    key = ECKey.generate_key("P-256")
    given = {"label": "staging", "redirect_uris": ["https://staging.example/back"], **changes}
    with app.world.vault.data.write() as conn:
        program = Program(jwks={"keys": [key.as_dict(private=False)]}, **given)
        made = recipients.add_client(conn, app.recipient_id, program, app.world.clock())
    return dataclasses.replace(
        app,
        client_id=made,
        key=key,
        redirect_uri=given["redirect_uris"][0],
        proof_key=ECKey.generate_key("P-256"),
    )


def test_each_asks_and_redeems_for_itself_under_the_recipients_notice_and_terms(world):
    app, person = world.app(), world.person()
    sister = sister_of(app)

    for one in (app, sister):
        token = one.token_for(person)
        assert one.disclose(token).status_code == 200
    with world.vault.data.read() as conn:
        grants = conn.execute(select(consent_grant.c.recipient_id, consent_grant.c.client_id)).all()
    assert {row.recipient_id for row in grants} == {app.recipient_id}
    assert {row.client_id for row in grants} == {app.client_id, sister.client_id}


def test_keys_and_redirect_addresses_are_each_ones_own(world):
    app = world.app()
    sister = sister_of(app)

    crossed = dataclasses.replace(app, key=sister.key)
    assert crossed.push().status_code == 401
    assert app.push(redirect_uri=sister.redirect_uri).json()["code"] == "request.redirect_uri"


@pytest.mark.parametrize("who", ["sister", "stranger"])
def test_a_code_is_exchanged_by_the_client_it_was_made_for(world, who):
    app = world.app()
    other = sister_of(app) if who == "sister" else world.app(name="Stranger Ltd")
    other.verifier, other.redirect_uri = app.verifier, app.redirect_uri
    code = world.person().approve(app.authorize_path())

    assert other.exchange(code).json()["error"] == "invalid_grant"
    assert app.exchange(code).status_code == 200


@pytest.mark.parametrize("who", ["sister", "stranger"])
def test_a_token_works_with_its_own_clients_key_only(world, who):
    app = world.app()
    other = sister_of(app) if who == "sister" else world.app(name="Stranger Ltd")
    token = app.token_for(world.person())

    answer = other.disclose(token)

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert app.disclose(token).status_code == 200


def test_one_idempotency_key_stands_for_one_disclosure_of_each(world):
    app, person = world.app(), world.person()
    sister = sister_of(app)
    tokens = [one.token_for(person) for one in (app, sister)]

    answers = [
        one.disclose(token, idempotency_key='"order-7"')
        for one, token in zip((app, sister), tokens, strict=True)
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["disclosure_id"] != answers[1].json()["disclosure_id"]
    with world.vault.data.read() as conn:
        assert set(conn.execute(select(idempotency.c.client_id)).scalars()) == {
            app.client_id,
            sister.client_id,
        }


def test_a_request_uri_is_opened_under_the_client_that_pushed_it(world):
    app = world.app()
    sister = sister_of(app)
    person = world.person()
    path = app.authorize_path()

    answer = person.get(path.replace(app.client_id, sister.client_id))
    if answer.status_code == 303:  # the sign-in page comes first
        person.sign_in()
        answer = person.get(path.replace(app.client_id, sister.client_id))

    assert answer.status_code == 400
    assert person.approve(path)


def test_a_suspended_recipients_token_looks_like_nobodys(world):
    app = world.app()
    token = app.token_for(world.person())
    with world.vault.data.write() as conn:
        suspensions.suspend(conn, app.recipient_id, "unpaid claims", world.clock())

    answer, unknown = app.disclose(token), app.disclose("cut_" + token[4:][::-1])

    assert answer.status_code == unknown.status_code == 401
    assert answer.json() == unknown.json()
    assert app.push().json()["error"] == "unauthorized_client"
    assert app.exchange("cod_x").json()["error"] == "unauthorized_client"
