"""Passkeys in a real browser with a virtual authenticator: our script, our content policy, the library's checks."""

import socket
import threading
import time

import pytest
import uvicorn
from sqlalchemy import select

from api.app import create_app
from api.clock import system_clock
from consent import purposes
from consent.keeping import NewPerson, enrol_people
from consent.passkey_tables import passkey
from consent.step_up_tables import step_up
from tests.browser.chromium import PROGRAM, chromium
from tests.flow.installation import World, settings_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine"),
    pytest.mark.parametrize("backend", ["sqlite"], indirect=True),
]
VALUES = {"name": "张小丰", "phone": "13812341234", "resident_id": "11010519491231002X"}


@pytest.fixture
def site(vault, tmp_path):
    """A server on localhost, where browsers have passkeys without https: (issuer, the person's key)."""
    listening = socket.create_server(("127.0.0.1", 0))
    issuer = f"http://localhost:{listening.getsockname()[1]}"
    with vault.data.write() as conn:
        purposes.seed(conn)
    (person,) = enrol_people(vault, [NewPerson(VALUES)], system_clock(), ["en"])
    app = create_app(settings_in(tmp_path, issuer=issuer), vault=vault, senders={})
    server = uvicorn.Server(uvicorn.Config(app, lifespan="on", log_config=None, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield issuer, person
    server.should_exit = True
    thread.join(30)


def test_a_passkey_is_added_signs_in_and_signs_an_approval_in_chromium(vault, tmp_path, site):
    issuer, person = site
    with chromium(tmp_path / "profile") as page:
        page.authenticator()
        page.open(f"{issuer}/en/sign-in")
        page.press("form[action$='/sign-in'] button", key=person.key)
        page.wait("location.pathname === '/en/grants'")

        page.open(f"{issuer}/en/account/passkeys/new")
        page.press("form[data-ceremony] button", name="Chromium")
        page.wait(
            "location.href.endsWith('/en/account?added') && document.body.innerText.includes('Chromium')"
        )

        page.press("form[action$='/sign-out'] button")
        page.wait("location.pathname === '/en/sign-in'")
        page.open(f"{issuer}/en/sign-in/passkey")
        page.press("form[data-ceremony] button")
        page.wait("location.pathname === '/en/grants'")

        page.open(f"{issuer}{_sensitive_request(vault, issuer, tmp_path)}")
        page.wait("location.pathname.startsWith('/en/requests/')")
        page.press("button[value=approve]")
        page.wait("document.querySelector('form[data-ceremony]') !== null")
        page.press("form[data-ceremony] button")
        page.wait("!location.href.startsWith('http://localhost')")

        assert not [text for text in page.violations if "Content Security Policy" in text]
    with vault.data.read() as conn:
        (proof,) = conn.execute(select(step_up)).all()
        (kept,) = conn.execute(select(passkey)).all()
    assert (proof.how, proof.credential_id) == ("passkey", kept.credential_id)


def _sensitive_request(vault, issuer, tmp_path) -> str:
    """Where a recipient's page would send the browser."""
    import httpx

    with httpx.Client(base_url=issuer, timeout=30) as http:
        world = World(vault, system_clock, http, settings_in(tmp_path, issuer=issuer), issuer)
        app = world.app(purpose="identity_check")
        return app.authorize_path(app.details(datatypes=["name", "resident_id"]))
