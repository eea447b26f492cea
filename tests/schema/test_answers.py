"""Everything that the document promises is answered: each operation's every good reply, to the letter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from joserfc import jws
from sqlalchemy import select

from api.openapi.document import FRONT, table
from consent.delivery.events import EventKind
from consent.ids import event_text, parse_grant
from consent.schema.tables import event_outbox
from consent.withdrawal.deletions import STATEMENT_TYPE
from tests.schema.callers import Callers, renew
from tests.schema.conformity import check
from tests.web.test_device import decided, polled, started

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
CACHED = (
    "GET /.well-known/oauth-authorization-server",
    "GET /.well-known/oauth-protected-resource/v1/disclosures",
    "GET /jwks",
    "GET /log/keys",
    "GET /log/retired",
    "GET /log/{year}/{bucket}/checkpoint",
    "GET /log/{year}/{bucket}/incident",
    "GET /status/{number}",
)
LAST = ("DELETE /grants/{name}", "POST /me/grants/{name}/withdrawal", "POST /me/withdrawals")
ELSEWHERE = {"POST /v1/deletions", "POST /v1/seal"}


def tokens(callers: Callers) -> Iterator[tuple[str, Any]]:
    """A token of each kind, and what is said of them, alive and ended."""
    app, person = callers.app, callers.person
    yield "POST /token", app.exchange(person.approve(app.authorize_path()))
    given = started(app)
    yield "POST /token", polled(app, given.json()["device_code"])
    decided(person, given.json()["user_code"], "approve")
    yield "POST /token", polled(app, given.json()["device_code"])
    yield "POST /introspect", callers.ask("POST /introspect")
    yield "POST /introspect", callers.ask("POST /introspect", Accept="application/token-introspection+jwt")
    callers.ask("POST /v1/disclosures")
    yield "POST /introspect", callers.ask("POST /introspect")
    renew(callers)


def deletions(callers: Callers) -> Iterator[tuple[str, Any]]:
    """What a recipient says after a withdrawal, twice."""
    c, grant = event_outbox.c, parse_grant(callers.grant)
    with callers.world.vault.data.read() as conn:
        event = conn.execute(
            select(c.id).where(c.grant_id == grant, c.kind == EventKind.WITHDRAWN)
        ).scalar_one()
    claims = {
        "iss": callers.app.client_id,
        "aud": callers.world.issuer,
        "iat": callers.app.now_s,
        "grant_id": callers.grant,
        "event_id": event_text(event),
        "erased_at": callers.app.now_s,
        "method": "deleted",
    }
    header = {"alg": "ES256", "typ": STATEMENT_TYPE}
    said = jws.serialize_compact(header, json.dumps(claims), callers.app.key)
    for _ in range(2):
        form = {**callers.app.identity(), "statement": said}
        yield "POST /v1/deletions", callers.world.http.post("/v1/deletions", data=form)


def answers(callers: Callers) -> Iterator[tuple[str, Any]]:
    yield from tokens(callers)
    for key in sorted(table().keys() - FRONT.keys() - ELSEWHERE - set(LAST)):
        yield key, callers.ask(key)
    for key in CACHED + tuple(head for get in CACHED if (head := f"HEAD{get[3:]}") in table()):
        yield key, callers.ask(key, **{"If-None-Match": callers.ask(key).headers["etag"]})
    for key in LAST:
        yield key, callers.ask(key)
    yield from deletions(callers)
    state = callers.world.http.app.state
    state.services = replace(state.services, seal=lambda: None)
    yield "POST /v1/seal", callers.ask("POST /v1/seal")


def test_every_good_reply_is_given_and_is_what_the_document_says(callers):
    given = set()
    for key, answer in answers(callers):
        assert answer.status_code < 400 or answer.json()["error"] == "authorization_pending", (
            key,
            answer.text,
        )
        check(key, answer)
        given.add((key, answer.status_code))

    promised = {(key, status) for key, entry in table().items() for status in entry.replies if status < 400}
    assert promised - given == {(key, status) for key, status in promised if key in FRONT}
