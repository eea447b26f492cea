"""Passkeys in a real browser with a virtual authenticator: our script, our content policy, the library's checks."""

import pytest
from sqlalchemy import select

from consent.schema.passkey_tables import passkey
from consent.schema.step_up_tables import step_up
from tests.browser.chromium import PROGRAM, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine"),
    pytest.mark.parametrize("backend", ["sqlite"], indirect=True),
]
VALUES = {"name": "张小丰", "phone": "13812341234", "resident_id": "11010519491231002X"}


def test_a_passkey_is_added_signs_in_and_signs_an_approval_in_chromium(world, tmp_path):
    issuer, person = world.issuer, world.person(VALUES)
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

        page.open(f"{issuer}{_sensitive_request(world)}")
        page.wait("location.pathname.startsWith('/en/requests/')")
        page.press("button[value=approve]")
        page.wait("document.querySelector('form[data-ceremony]') !== null")
        page.press("form[data-ceremony] button")
        page.wait("!location.href.startsWith('http://localhost')")

        assert not [text for text in page.violations if "Content Security Policy" in text]
    with world.vault.data.read() as conn:
        (proof,) = conn.execute(select(step_up)).all()
        (kept,) = conn.execute(select(passkey)).all()
    assert (proof.how, proof.credential_id) == ("passkey", kept.credential_id)


def _sensitive_request(world) -> str:
    """Where a recipient's page would send the browser."""
    app = world.app(purpose="identity_check")
    return app.authorize_path(app.details(datatypes=["name", "resident_id"]))
