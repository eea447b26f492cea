"""Tokens, codes, proofs and keys stay where they were handed out (consent.md §6, invariant 25).

A recipient and a person go every way that hands out a secret, and every way to misuse one, on a real server. Every
secret that crossed the wire is a canary afterwards: none stands in an error, in an address that we made, in the log
of the server or in a data base.
"""

import json
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey

from tests.backends import Backend
from tests.faults.live import installation
from tests.flow.installation import World
from tests.posture.personal_data import Scanner
from tests.posture.test_no_personal_data import data_folders, every_row

FORM = {
    "client_assertion",
    "code",
    "code_verifier",
    "token",
    "refresh_token",
    "device_code",
    "auth_req_id",
    "key",
}
HANDED_OUT = {"access_token", "refresh_token", "request_uri", "device_code", "auth_req_id", "csrf"}
SHORTEST = 20
"""What is shorter stands somewhere by chance."""


@dataclass
class Wire:
    """What was sent and answered, and the secrets among it by a label."""

    canaries: dict[str, str] = field(default_factory=dict)
    addresses: list[str] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)

    def learn(self, kind: str, text: str) -> None:
        for part in {text, *text.split(".")}:
            if len(part) >= SHORTEST and not part.startswith("urn:ietf:params:oauth:client"):
                self.kinds.add(kind)
                self.canaries[f"{kind} {len(self.canaries)}"] = part.removeprefix(
                    "urn:ietf:params:oauth:request_uri:"
                )

    def heard(self, answer: httpx.Response) -> None:
        answer.read()
        self._asked(answer.request)
        for name, value in answer.cookies.items():
            self.learn(f"cookie {name}", value)
        location = answer.headers.get("location", "")
        for name in ("code",):
            for text in parse_qs(urlsplit(location).query).get(name, []):
                self.learn(name, text)
        self.addresses.append(location)
        if answer.status_code >= 400:
            told = answer.text + json.dumps(dict(answer.headers))
            self.errors.append((f"{answer.request.method} {answer.request.url.path}", told))
        elif answer.content and "json" in answer.headers.get("content-type", ""):
            body = answer.json()
            for name in HANDED_OUT & (body.keys() if isinstance(body, dict) else set()):
                self.learn(name, body[name])
        for csrf in re.findall(r'name="csrf" value="([^"]+)"', answer.text):
            self.learn("csrf", csrf)

    def _asked(self, request: httpx.Request) -> None:
        for proof in request.headers.get_list("dpop"):
            # Its header says which key it is, which is kept as a thumbprint and is no secret.
            self.learn("proof", proof.partition(".")[2])
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        self.learn(f"authorization {scheme}", text)
        if "form" in request.headers.get("content-type", ""):
            form = parse_qs(request.content.decode())
            for name in FORM & form.keys():
                self.learn(
                    name, form[name][0].partition(".")[2] if name == "client_assertion" else form[name][0]
                )


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def world(bare_backend: Backend, tmp_path: Path, wire: Wire) -> Iterator[tuple[World, object]]:
    with installation(tmp_path / "home", bare_backend) as (live, vault):
        live.start()
        hooks = {"response": [wire.heard]}
        with httpx.Client(base_url=live.url, event_hooks=hooks, timeout=30) as http:
            clock = lambda: time.time_ns() // 1_000_000  # noqa: E731
            yield World(vault, clock, http, live.settings(), live.url), live


def test_no_secret_that_crossed_the_wire_is_kept_logged_or_repeated(
    world: tuple[World, object], wire: Wire, bare_backend: Backend, tmp_path: Path
) -> None:
    began = time.time()
    here, live = world
    used(here)
    misused(here)
    assert live.stop() == 0
    here.vault.data.close()

    scanner = Scanner(wire.canaries)
    assert {"access_token", "refresh_token", "code", "proof", "client_assertion", "request_uri"} <= wire.kinds
    assert len(wire.errors) >= 15
    for where, told in wire.errors:
        labels = {find.label for find in scanner.scan(where, told.encode())}
        # A page that lets somebody try again has a form, with the visitor's own cookie and the token bound to it.
        assert not {one for one in labels if not one.startswith(("csrf", "cookie perusal-visitor"))}, where
    assert not repeated_in_addresses(wire)
    finds, files, _ = scanner.scan_tree([live.home, *data_folders(bare_backend, began)])
    assert not finds, finds[:10]
    assert files >= 3
    for table, text in every_row(bare_backend):
        assert not [find.label for find in scanner.scan(table, text)], table


def used(world: World) -> None:
    """Every way that hands out a secret."""
    app, person = world.app(), world.person()
    counted = app.details(uses={"max": 3, "ask": "counted"})
    answer = app.exchange(person.approve(app.authorize_path(counted))).json()
    assert app.disclose(answer["access_token"], idempotency_key=secrets.token_hex(16)).status_code == 200
    form = {**app.identity(), "grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
    again = world.http.post("/token", data=form, headers={"DPoP": app.proof("/token")})
    assert again.status_code == 200, again.text
    for path in ("/introspect", "/revoke"):
        told = world.http.post(path, data={**app.identity(), "token": again.json()["access_token"]})
        assert told.status_code == 200
    managing = {
        **app.identity(),
        "grant_type": "client_credentials",
        "scope": "grant_management_query grant_management_revoke",
    }
    made = world.http.post("/token", data=managing, headers={"DPoP": app.proof("/token")})
    assert made.status_code == 200, made.text
    person.decide(app.authorize_path(), "refuse")


def misused(world: World) -> None:
    """Every way to hold a secret wrongly: each is answered, and none is repeated."""
    app, thief = world.app("Careful"), world.app("Thief")
    person = world.person({"name": "李小四", "phone": "13912345678"})
    code = person.approve(app.authorize_path())
    assert thief.exchange(code).status_code == 400
    token = app.exchange(code).json()["access_token"]
    other = ECKey.generate_key("P-256")
    assert thief.disclose(token).status_code == 401
    assert app.disclose(token, proofs=[]).status_code == 401
    assert (
        app.disclose(token, proofs=[app.proof("/v1/disclosures", key=other, token=token)]).status_code == 401
    )
    assert app.disclose(token, body=b'{"fields": ["resident_id"]}').status_code == 403
    assert app.disclose(token, body=json.dumps({token: token}).encode()).status_code == 400
    assert app.disclose(token, idempotency_key=f"{token} {token}").status_code == 400
    assert app.disclose(token).status_code == 200
    assert app.disclose(token).status_code == 401
    assert app.exchange(code).status_code == 400
    proof = app.proof("/token")
    for _ in range(2):
        assert app.exchange("cod_" + secrets.token_hex(20), proofs=[proof]).status_code == 400
    assert app.push(state=token * 20).status_code == 400
    assert app.push(client_assertion=app.assertion(key=other)).status_code == 401
    assert app.push(json.dumps([app.details(purpose=token)])).status_code == 400
    for path in (f"/{token}", f"/grants/{token}", f"/status/{token}", f"/en/uses/{token}/bundle"):
        answer = world.http.get(path, headers={"Authorization": f"DPoP {token}", "DPoP": app.proof(path)})
        assert 400 <= answer.status_code < 500
    assert person.get(f"/authorize?client_id={app.client_id}&request_uri={code}").status_code == 400
    stranger = world.person({"name": "王小五", "phone": "13712345678"})
    assert stranger.sign_in("sik_" + secrets.token_hex(30)).status_code == 403
    assert stranger.post("/en/sign-in", {"key": stranger.key, "csrf": token}).status_code == 403


def repeated_in_addresses(wire: Wire) -> list[str]:
    """Addresses that we sent browsers to, with a secret in them that is not meant to be there.

    OAuth carries two: the `request_uri` to us, and the code back to the recipient.
    """
    found = []
    for address in filter(None, wire.addresses):
        parts = urlsplit(address)
        rest = {name: v for name, v in parse_qs(parts.query).items() if name not in {"code", "request_uri"}}
        bare = f"{parts.path} {rest}"
        found += [address for text in wire.canaries.values() if text in bare]
    return found
