"""Other people's clients ask at a counter and on a person's telephone, and poll for the answer or are pinged, as ever."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from requests_oauth2client import (
    AccessDenied,
    AuthorizationPending,
    DPoPToken,
    EndpointError,
    InvalidGrant,
    OAuth2Client,
    PrivateKeyJwt,
    SlowDown,
)

from consent.recipients.register import DeliveryMode
from tests.clients.conftest import Program, Refused
from tests.flow.installation import App, Person, World
from tests.receiver import Receiver, receiving


@pytest.fixture
def program(javascript: Callable[[], Program], app: App) -> Program:
    """`openid-client` that has read the metadata document."""
    return discovered(javascript(), app)


def discovered(made: Program, app: App) -> Program:
    made(
        "discover",
        issuer=app.world.issuer,
        client_id=app.client_id,
        jwk=app.key.as_dict(private=True),
        metadata={},
    )
    return made


@pytest.fixture
def client(app: App) -> OAuth2Client:
    """`requests-oauth2client`."""
    return client_of(app)


def client_of(app: App) -> OAuth2Client:
    """Its discovery passes over the endpoints of these two grants, so they are given."""
    issuer = app.world.issuer
    return OAuth2Client(
        issuer=issuer,
        token_endpoint=f"{issuer}/token",
        device_authorization_endpoint=f"{issuer}/device_authorization",
        backchannel_authentication_endpoint=f"{issuer}/bc-authorize",
        auth=PrivateKeyJwt(app.client_id, app.key.as_dict(private=True), aud=issuer),
        dpop_bound_access_tokens=True,
        testing=True,
    )


def answer(person: Person, path: str, decision: str) -> None:
    page = person.get(path)
    posted = person.post(path, {"csrf": person.csrf(page), "decision": decision})
    assert posted.headers["location"].endswith("/answered")


def type_code(person: Person, code: str, decision: str = "approve") -> None:
    """The person signs in, types the code and answers the request."""
    person.sign_in()
    page = person.get("/en/device")
    opened = person.post("/en/device", {"csrf": person.csrf(page), "user_code": code})
    answer(person, opened.headers["location"], decision)


def handle(app: App, person: Person) -> str:
    """The person lets a recipient they know ask directly."""
    app.token_for(person)
    page = person.get("/en/waiting")
    form = {"csrf": person.csrf(page), "recipient": app.recipient_id, "decision": "allow"}
    person.post("/en/waiting/askers", form)
    found = re.search(r"<code>([^<]+)</code>", person.get("/en/waiting").text)
    assert found
    return found[1]


def pick(person: Person, number: str, decision: str = "approve") -> None:
    """The person picks the number and answers the request."""
    page = person.get("/en/waiting")
    named = re.search(r'name="request" value="([^"]+)"', page.text)
    assert named
    form = {"csrf": person.csrf(page), "request": named[1], "number": number}
    opened = person.post("/en/waiting", form)
    if "location" in opened.headers:
        answer(person, opened.headers["location"], decision)


def redeemed(program: Program, app: App, token: str) -> dict[str, Any]:
    return program("redeem", token=token, url=f"{app.world.issuer}/v1/disclosures")


def details(app: App) -> str:
    return json.dumps([app.details()])


def soon(started: dict[str, Any]) -> dict[str, Any]:
    """The same, for a program that waits before its first poll."""
    return {**started, "interval": 1}


def test_openid_client_takes_a_request_at_a_counter(program: Program, app: App, person: Person) -> None:
    started = program("device", parameters={"authorization_details": details(app)})
    assert re.fullmatch(r"[A-Z]{4}-[A-Z]{4}", started["user_code"])
    type_code(person, started["user_code"])

    granted = program("poll_device", started=soon(started))

    first = redeemed(program, app, granted["access_token"])
    assert (first["status"], sorted(first["body"]["data"])) == (200, ["name", "phone"])
    with pytest.raises(Refused) as refused:
        program("poll_device", started=soon(started))
    assert refused.value.error == "invalid_grant"


def test_openid_client_hears_a_refusal_at_the_counter(program: Program, app: App, person: Person) -> None:
    started = program("device", parameters={"authorization_details": details(app)})
    type_code(person, started["user_code"], "refuse")

    with pytest.raises(Refused) as refused:
        program("poll_device", started=soon(started))
    assert refused.value.error == "access_denied"


def test_openid_client_asks_on_a_person_s_telephone(program: Program, app: App, person: Person) -> None:
    hint = handle(app, person)
    asked = {
        "scope": "openid",
        "login_hint": hint,
        "binding_message": "42",
        "authorization_details": details(app),
    }
    started = program("backchannel", parameters=asked)
    pick(person, "42")

    granted = program("poll_backchannel", started=soon(started))

    assert redeemed(program, app, granted["access_token"])["status"] == 200


def test_requests_oauth2client_polls_at_a_counter(client: OAuth2Client, app: App, person: Person) -> None:
    started = client.authorize_device(authorization_details=details(app))
    with pytest.raises(AuthorizationPending):
        client.device_code(started.device_code, dpop=True)
    with pytest.raises(SlowDown):
        client.device_code(started.device_code, dpop=True)
    type_code(person, started.user_code)

    token = client.device_code(started.device_code, dpop=True)

    assert isinstance(token, DPoPToken)
    with pytest.raises(InvalidGrant):
        client.device_code(started.device_code, dpop=True)


def test_requests_oauth2client_asks_on_a_person_s_telephone(
    client: OAuth2Client, app: App, person: Person
) -> None:
    asked = {"scope": "openid", "binding_message": "42", "authorization_details": details(app)}
    hint = handle(app, person)
    started = client.backchannel_authentication_request(login_hint=hint, **asked)
    with pytest.raises(AuthorizationPending):
        client.ciba(started.auth_req_id, dpop=True)
    pick(person, "42")
    assert isinstance(client.ciba(started.auth_req_id, dpop=True), DPoPToken)

    waved_through = client.backchannel_authentication_request(login_hint=hint, **asked)
    pick(person, "none")
    with pytest.raises(AccessDenied):
        client.ciba(waved_through.auth_req_id, dpop=True)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """The endpoint at which a recipient is pinged."""
    with receiving(204) as shown:
        yield shown


@pytest.fixture
def pinged(world: World, receiver: Receiver) -> App:
    """A recipient whose client is pinged."""
    uri = receiver.uri("/answered")
    return world.app(name="Ping Bank", delivery=DeliveryMode.PING, notification_uri=uri)


def ping_of(receiver: Receiver, token: str) -> str:
    """What the server calls with when there is an answer: the request it is about."""
    got = receiver.next()
    assert (got.path, got.headers["Authorization"]) == ("/answered", f"Bearer {token}")
    return str(json.loads(got.body)["auth_req_id"])


def test_requests_oauth2client_is_pinged_and_fetches_the_answer(
    pinged: App, receiver: Receiver, person: Person
) -> None:
    client = client_of(pinged)
    asked = {
        "scope": "openid",
        "binding_message": "42",
        "login_hint": handle(pinged, person),
        "authorization_details": details(pinged),
    }
    with pytest.raises(EndpointError):
        client.backchannel_authentication_request(**asked)
    started = client.backchannel_authentication_request(client_notification_token="t0ken", **asked)
    assert receiver.all() == []

    pick(person, "42")

    assert ping_of(receiver, "t0ken") == started.auth_req_id
    assert isinstance(client.ciba(started.auth_req_id, dpop=True), DPoPToken)


def test_openid_client_is_pinged_and_fetches_the_answer(
    javascript: Callable[[], Program], pinged: App, receiver: Receiver, person: Person
) -> None:
    program = discovered(javascript(), pinged)
    asked = {
        "scope": "openid",
        "login_hint": handle(pinged, person),
        "binding_message": "42",
        "client_notification_token": "t0ken",
        "authorization_details": details(pinged),
    }
    started = program("backchannel", parameters=asked)
    pick(person, "42")
    assert ping_of(receiver, "t0ken") == started["auth_req_id"]

    granted = program("poll_backchannel", started=soon(started))

    assert redeemed(program, pinged, granted["access_token"])["status"] == 200
