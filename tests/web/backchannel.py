"""Asking a person directly: what the recipient's program posts, and what the person presses."""

import json
import re

from api.oauth.backchannel import GRANT_TYPE


def started(app, hint, *, proofs=(), **changes):
    form = {
        **app.identity(),
        "authorization_details": json.dumps([app.details()]),
        "login_hint": hint,
        "binding_message": "42",
        "scope": "openid",
        **changes,
    }
    form = {name: value for name, value in form.items() if value is not None}
    return app.world.http.post("/bc-authorize", data=form, headers=[("DPoP", text) for text in proofs])


def polled(app, given, *, key=None, **changes):
    form = {**app.identity(), "grant_type": GRANT_TYPE, "auth_req_id": given["auth_req_id"], **changes}
    return app.world.http.post("/token", data=form, headers={"DPoP": app.proof("/token", key=key)})


def let_ask(person, app, decision="allow"):
    """The person presses the button beside a recipient they know; returns the handle shown afterwards."""
    page = person.get("/en/waiting")
    form = {"csrf": person.csrf(page), "recipient": app.recipient_id, "decision": decision}
    assert person.post("/en/waiting/askers", form).status_code == 303
    found = re.search(r"<code>([^<]+)</code>", person.get("/en/waiting").text)
    return found and found[1]


def picked(person, number):
    page = person.get("/en/waiting")
    request = re.search(r'name="request" value="([^"]+)"', page.text)[1]
    return person.post("/en/waiting", {"csrf": person.csrf(page), "request": request, "number": number})
