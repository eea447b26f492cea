"""`openid-client` signs its whole request, as it is: what it signed is asked, and what stands beside it is not."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import select

from consent.asking.signed_requests import signature_hash
from consent.schema.tables import signed_request
from tests.clients.conftest import Program, Refused
from tests.flow.installation import App, Person


@pytest.fixture
def program(javascript: Callable[[], Program], app: App) -> Program:
    """A program that has read the metadata document and signs with the app's registered key."""
    made = javascript()
    jwk = app.key.as_dict(private=True)
    made("discover", issuer=app.world.issuer, client_id=app.client_id, jwk=jwk, metadata={})
    return made


def test_what_was_signed_is_shown_granted_and_kept_and_what_stands_beside_it_is_ignored(
    program: Program, app: App, person: Person
) -> None:
    wider = json.dumps([app.details(datatypes=["email", "name", "phone"])])
    pushed = program(
        "push_signed",
        details=[app.details()],
        redirect_uri=app.redirect_uri,
        beside={"authorization_details": wider, "redirect_uri": "https://evil.example/", "state": "theirs"},
    )
    path, page = person.open_request(pushed["url"].removeprefix(app.world.issuer))
    back = person.post(path, {"csrf": person.csrf(page), "decision": "approve"}).headers["location"]

    granted = program("exchange", callback=back)

    assert back.startswith(app.redirect_uri)
    assert granted["authorization_details"][0]["datatypes"] == ["name", "phone"]
    with app.world.vault.data.read() as conn:
        mine = signed_request.c.client_id == app.client_id
        (kept,) = conn.execute(select(signed_request).where(mine)).all()
    assert (kept.object, kept.hash) == (pushed["request"], signature_hash(pushed["request"]))


def test_an_object_with_another_purpose_than_was_published_is_refused(program: Program, app: App) -> None:
    with pytest.raises(Refused) as refused:
        program("push_signed", details=[app.details(purpose="delivery")], redirect_uri=app.redirect_uri)

    assert refused.value.error == "invalid_authorization_details"
