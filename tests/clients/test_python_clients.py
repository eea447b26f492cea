"""Python's OAuth clients drive Perusal as they are: `requests-oauth2client` the whole of it, the others their parts."""

import json
from typing import Any

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from oauthlib.oauth2 import WebApplicationClient
from requests_oauth2client import (
    DPoPToken,
    InvalidGrant,
    MissingDPoPNonce,
    OAuth2Client,
    PrivateKeyJwt,
)

from tests.flow.installation import App, Person


def client_of(app: App) -> OAuth2Client:
    issuer = app.world.issuer
    return OAuth2Client.from_discovery_endpoint(
        issuer + "/.well-known/oauth-authorization-server",
        issuer=issuer,
        auth=PrivateKeyJwt(app.client_id, app.key.as_dict(private=True), aud=issuer),
        redirect_uri=app.redirect_uri,
        testing=True,
    )


def answered(address: str, app: App, person: Person, decision: str = "approve") -> str:
    """Where the browser is sent back to."""
    path, page = person.open_request(address.removeprefix(app.world.issuer))
    return person.post(path, {"csrf": person.csrf(page), "decision": decision}).headers["location"]


def token_for(client: OAuth2Client, app: App, person: Person, **changes: Any) -> DPoPToken:
    asked = client.authorization_request(
        scope=None,
        nonce=None,
        dpop=True,
        authorization_details=json.dumps([app.details(**changes)]),
    )
    pushed = client.pushed_authorization_request(asked)
    answer = asked.validate_callback(answered(pushed.uri, app, person))
    token = client.authorization_code(answer, validate=False)
    assert isinstance(token, DPoPToken)
    return token


def redeemed(app: App, token: DPoPToken) -> requests.Response:
    return requests.post(f"{app.world.issuer}/v1/disclosures", json={}, auth=token, timeout=30)


def test_requests_oauth2client_asks_exchanges_and_spends_once(app: App, person: Person) -> None:
    token = token_for(client_of(app), app, person)

    first = redeemed(app, token)

    assert (first.status_code, sorted(first.json()["data"])) == (200, ["name", "phone"])
    with pytest.raises(
        MissingDPoPNonce
    ):  # whatever else is wrong with a token, this client takes it for that
        redeemed(app, token)


def test_requests_oauth2client_refreshes_a_counted_grant(app: App, person: Person) -> None:
    client = client_of(app)
    token = token_for(client, app, person, uses={"max": 2, "ask": "counted"})
    assert redeemed(app, token).status_code == 200

    again = client.refresh_token(token)
    assert isinstance(again, DPoPToken)
    assert redeemed(app, again).status_code == 200

    with pytest.raises(InvalidGrant):
        client.refresh_token(token)


def test_requests_oauth2client_asks_what_a_token_is_worth_and_gives_it_back(app: App, person: Person) -> None:
    client = client_of(app)
    token = token_for(client, app, person)

    before = client.introspect_token(token)
    given_back = client.revoke_access_token(token)
    after = client.introspect_token(token)

    assert (before["active"], before["client_id"], before["use"]) == (True, app.client_id, {"n": 0, "of": 1})
    assert given_back is True
    assert after["active"] is False


def test_requests_oauth2client_looks_at_its_consent_and_ends_it(app: App, person: Person) -> None:
    client = client_of(app)
    token = token_for(client, app, person)
    own = client.client_credentials(scope="grant_management_query grant_management_revoke", dpop=True)
    url = f"{app.world.issuer}/grants/{token.grant_id}"

    seen = requests.get(url, auth=own, timeout=30)
    ended = requests.delete(url, auth=own, timeout=30)
    after = requests.get(url, auth=own, timeout=30)

    assert (seen.status_code, seen.json()["state"]) == (200, "active")
    assert (ended.status_code, after.status_code) == (204, 404)


def authlib(app: App) -> OAuth2Session:
    """A session for one request: Authlib repeats the `jti` of claims it was given, and lives for an hour otherwise."""
    how = "private_key_jwt"
    session = OAuth2Session(
        app.client_id, app.key, token_endpoint_auth_method=how, revocation_endpoint_auth_method=how
    )
    short = {"exp": app.now_s + 50}
    session.register_client_auth_method(PrivateKeyJWT(app.world.issuer, short, {"kid": "k1"}, "ES256"))
    return session


def test_authlib_asks_what_a_token_is_worth_and_gives_it_back(app: App, person: Person) -> None:
    issuer, token = app.world.issuer, app.token_for(person)

    with authlib(app) as session:
        before = session.introspect_token(f"{issuer}/introspect", token=token).json()
    with authlib(app) as session:
        given_back = session.revoke_token(f"{issuer}/revoke", token=token)
    with authlib(app) as session:
        after = session.introspect_token(f"{issuer}/introspect", token=token).json()

    assert (before["active"], before["client_id"]) == (True, app.client_id)
    assert given_back.status_code == 200
    assert after["active"] is False


def test_oauthlib_reads_the_call_back_and_refuses_another_state(app: App, person: Person) -> None:
    client = WebApplicationClient(app.client_id)
    back = answered(app.world.issuer + app.authorize_path(), app, person)

    assert client.parse_request_uri_response(back, state="s1")["code"].startswith("cod_")
    with pytest.raises(Exception, match="state"):
        client.parse_request_uri_response(back, state="other")
