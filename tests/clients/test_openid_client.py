"""`openid-client` drives Perusal as it is: nothing in it was changed, and nothing here speaks the protocol for it."""

from collections.abc import Callable

import pytest

from tests.clients.conftest import Program, Refused
from tests.flow.installation import App, Person


@pytest.fixture
def program(javascript: Callable[[], Program], app: App) -> Program:
    """A program that has read the metadata document."""
    return discovered(javascript(), app)


def discovered(made: Program, app: App, **metadata: str) -> Program:
    made(
        "discover",
        issuer=app.world.issuer,
        client_id=app.client_id,
        jwk=app.key.as_dict(private=True),
        metadata=metadata,
    )
    return made


def approved(program: Program, app: App, person: Person, **changes: object) -> str:
    """Push a request and have the person approve it; the address the browser is sent back to."""
    url = program("push", details=[app.details(**changes)], redirect_uri=app.redirect_uri)
    path, page = person.open_request(url.removeprefix(app.world.issuer))
    answer = person.post(path, {"csrf": person.csrf(page), "decision": "approve"})
    return answer.headers["location"]


def redeemed(program: Program, app: App, token: str, **more: object) -> dict:
    return program("redeem", token=token, url=f"{app.world.issuer}/v1/disclosures", **more)


def challenged(program: Program, app: App, token: str) -> int | None:
    """The status with which a redemption is turned away."""
    with pytest.raises(Refused) as refused:
        redeemed(program, app, token)
    return refused.value.status


def test_a_pushed_request_becomes_a_token_and_the_token_one_disclosure(
    program: Program, app: App, person: Person
) -> None:
    granted = program("exchange", callback=approved(program, app, person))

    assert granted["token_type"] == "dpop"
    assert granted["authorization_details"][0]["datatypes"] == ["name", "phone"]
    first = redeemed(program, app, granted["access_token"])
    assert (first["status"], sorted(first["body"]["data"])) == (200, ["name", "phone"])
    assert challenged(program, app, granted["access_token"]) == 401


def test_a_reply_that_was_lost_is_had_again_under_its_key(program: Program, app: App, person: Person) -> None:
    token = program("exchange", callback=approved(program, app, person))["access_token"]
    one, two = (redeemed(program, app, token, idempotency_key="k-1") for _ in range(2))
    assert (one["status"], two["status"]) == (200, 200)
    assert one["body"]["disclosure_id"] == two["body"]["disclosure_id"]


def test_a_code_is_exchanged_once(program: Program, app: App, person: Person) -> None:
    callback = approved(program, app, person)
    token = program("exchange", callback=callback)["access_token"]
    with pytest.raises(Refused) as refused:
        program("exchange", callback=callback)
    assert refused.value.error == "invalid_grant"
    assert challenged(program, app, token) == 401


def test_a_refusal_reaches_the_program(program: Program, app: App, person: Person) -> None:
    url = program("push", details=[app.details()], redirect_uri=app.redirect_uri)
    path, page = person.open_request(url.removeprefix(app.world.issuer))
    back = person.post(path, {"csrf": person.csrf(page), "decision": "refuse"}).headers["location"]
    with pytest.raises(Refused) as refused:
        program("exchange", callback=back)
    assert refused.value.error == "access_denied"


def test_the_program_itself_refuses_an_answer_of_another_issuer_or_state(
    program: Program, app: App, person: Person
) -> None:
    callback = approved(program, app, person)
    with pytest.raises(Refused):
        program("exchange", callback=callback.replace("iss=http", "iss=https"))
    with pytest.raises(Refused):
        program("exchange", callback=callback, expected_state="other")


def test_an_unknown_type_of_details_is_refused_with_its_error(program: Program, app: App) -> None:
    with pytest.raises(Refused) as refused:
        program("push", details=[app.details(type="all_data")], redirect_uri=app.redirect_uri)
    assert (refused.value.error, refused.value.status) == ("invalid_authorization_details", 400)


def test_the_receipt_is_verified_by_jose(program: Program, app: App, person: Person) -> None:
    token = program("exchange", callback=approved(program, app, person))["access_token"]
    receipt = redeemed(program, app, token)["body"]["receipt"]
    keys = app.world.http.get("/jwks").json()
    found = program("verify", compact=receipt, jwks=keys, typ="perusal-receipt+jwt")
    assert found["payload"]["purpose"] == "account"
    with pytest.raises(Refused):
        program("verify", compact=receipt[:-6] + "AAAAAA", jwks=keys, typ="perusal-receipt+jwt")


def test_a_counted_grant_is_used_up_by_refreshing(program: Program, app: App, person: Person) -> None:
    granted = program("exchange", callback=approved(program, app, person, uses={"max": 3, "ask": "counted"}))
    statuses = [redeemed(program, app, granted["access_token"])["status"]]
    for _ in range(2):
        more = program("refresh", token=granted["refresh_token"])
        statuses.append(redeemed(program, app, more["access_token"])["status"])
    assert statuses == [200, 200, 200]
    with pytest.raises(Refused) as refused:
        program("refresh", token=granted["refresh_token"])
    assert refused.value.error == "invalid_grant"


def test_the_resource_s_metadata_is_found_from_the_resource_alone(program: Program, app: App) -> None:
    url = f"{app.world.issuer}/v1/disclosures"
    found = program("resource_metadata", url=url)
    assert (found["resource"], found["authorization_servers"]) == (url, [app.world.issuer])


def test_a_recipient_looks_at_its_consent_and_ends_it(program: Program, app: App, person: Person) -> None:
    granted = program("exchange", callback=approved(program, app, person))
    own = program("own_token", scope="grant_management_query grant_management_revoke")["access_token"]
    url = f"{app.world.issuer}/grants/{granted['grant_id']}"

    seen = program("manage", token=own, url=url, method="GET")
    ended = program("manage", token=own, url=url, method="DELETE")

    assert (seen["status"], seen["body"]["state"], seen["body"]["use"]) == (200, "active", {"n": 0, "of": 1})
    assert (ended["status"], ended["body"]) == (204, None)
    assert challenged(program, app, granted["access_token"]) == 401
    assert program("manage", token=own, url=url, method="GET")["status"] == 404
