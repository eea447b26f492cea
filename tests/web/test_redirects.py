"""Nobody can borrow our address to lead a browser elsewhere: every answer that moves on stays with us (open redirect).

The one way out is to the address that a recipient registered, with the answer of the person who was asked.
"""

from urllib.parse import urlencode, urlsplit

import pytest

from tests.flow.installation import BROWSER, ISSUER
from tests.posture.test_routes import routes

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

EVIL = (
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "/%5cevil.example/",
    "https:evil.example",
    "javascript:alert(1)",
    "\tjavascript:alert(1)",
)
NAMES = ("next", "redirect_uri", "return_to", "url", "target", "client_id", "request_uri", "state", "lang")


def stays(location: str) -> bool:
    """Whether a browser that follows this stays on our origin, however generously it reads it."""
    plain = "".join(location.split()).replace("\\", "/")
    parts = urlsplit(plain)
    if parts.scheme or parts.netloc or plain.startswith("//"):
        return f"{parts.scheme}://{parts.netloc}" == ISSUER
    return plain.startswith("/")


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize("evil", EVIL)
def test_no_route_leads_where_a_stranger_says(world, evil, signed_in):
    person = world.person()
    if signed_in:
        person.sign_in()
    cookie = "; ".join(f"{name}={value}" for name, value in person.cookies.items())
    given, moved = urlencode(dict.fromkeys(NAMES, evil)), 0

    for method, path, _ in routes(world.http.app):
        answer = world.http.request(
            method,
            f"{path}?{given}",
            headers={**BROWSER, "Cookie": cookie},
            data=dict.fromkeys(NAMES, evil) if method == "POST" else None,
        )
        for name in ("location", "content-location", "refresh", "link"):
            assert stays(answer.headers.get(name, "/").rpartition("url=")[2]), (method, path, name)
        moved += "location" in answer.headers

    assert moved, "no route moved on: nothing was tried"


def test_signing_in_and_being_asked_never_leads_to_another_address_than_the_registered_one(world):
    app, person = world.app(), world.person()
    evil = {"next": EVIL[0], "redirect_uri": EVIL[0], "return_to": EVIL[0]}

    page = person.get("/en/sign-in")
    entered = person.post("/en/sign-in", {"csrf": person.csrf(page), "key": person.key, **evil})
    path, page = person.open_request(app.authorize_path() + "&" + urlencode(evil))
    bent = person.post(path, {"csrf": person.csrf(page), "decision": "approve", **evil})
    answered = person.post(path, {"csrf": person.csrf(page), "decision": "approve"})

    assert entered.headers["location"] == "/en/grants"
    assert bent.status_code == 400
    assert answered.headers["location"].startswith(app.redirect_uri + "?")


def test_being_signed_in_is_no_consent(world):
    app, person = world.app(), world.person()
    person.sign_in()

    path, page = person.open_request(app.authorize_path())

    assert "checked" not in page.text
    for decision in ({}, {"decision": ""}, {"decision": "yes"}):
        assert person.post(path, {"csrf": person.csrf(page), **decision}).status_code == 400
    assert "Harbour Bank" not in person.get("/en/grants").text
