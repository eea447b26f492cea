"""A person with an authenticator: adding a passkey and signing in with it, as the pages' script does."""

import re
from html import unescape

from tests.authenticator import Authenticator
from tests.flow.installation import open_world
from tests.web.code_post import hidden

SECURE = "https://consent.example"


def secure_world(vault, tmp_path, **changes):
    """A world that people reach by https, where browsers have passkeys."""
    world = open_world(vault, tmp_path, issuer=SECURE, **changes)
    world.issuer = SECURE
    return world


def device() -> Authenticator:
    return Authenticator(origin=SECURE, rp_id="consent.example")


def options_on(page) -> str:
    """What the page's script hands to the browser."""
    found = re.search(r'data-options="([^"]*)"', page.text)
    assert found, page.text
    return unescape(found[1])


def add_passkey(person, own, name="My phone", **bent):
    page = person.get(f"/{person.lang}/account/passkeys/new")
    made = own.create(options_on(page), **bent)
    form = {**hidden(page), "credential": made, "name": name}
    return person.post(f"/{person.lang}/account/passkeys/new", form)


def sign_in_with(person, own, start=None, **bent):
    page = start or person.get(f"/{person.lang}/sign-in/passkey")
    form = {**hidden(page), "credential": own.get(options_on(page), **bent)}
    return person.post(f"/{person.lang}/sign-in/passkey", form)
