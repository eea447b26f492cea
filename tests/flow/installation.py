"""An installation behind real HTTP, in this process: an app, a clock that is set by hand, people, recipients.

`World` makes parties by the floors' own functions; `App` is a recipient's program and `Person` a person's
browser, both speaking HTTP only. What they send can be bent before it leaves, to play every mistake.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey
from litestar import Litestar
from litestar.testing import TestClient

from api.app import create_app, routed
from api.edge.access import Access
from api.settings import Settings
from api.staff.keys import issue_staff_key
from consent.people.keeping import Enrolled, NewPerson, enrol_people
from consent.recipients import register as recipients
from consent.recipients.register import Registration
from consent.wording import notices, purposes, terms
from consent.wording.rates import NO_RATES
from tests.consent.wording.signatures import signed_terms
from tests.web.proofs import b64, proof
from vault.opening import Vault

ISSUER = "http://testserver.local"
START = 1_795_300_000_000
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
BROWSER = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}

ZHANG = {"name": "张小丰", "phone": "13812341234", "email": "zhangsan@example.com"}
HIS_PHONE = re.compile(r"138[\d*]{4}")
"""His number, whole or masked; three of its digits alone may stand in any random token."""


@dataclass
class Clock:
    """Unix milliseconds, set by hand."""

    now_ms: int = START

    def __call__(self) -> int:
        return self.now_ms

    def pass_seconds(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)


def settings_in(folder, **changes: Any) -> Settings:
    """Settings whose every path lies in `folder`; no background threads, so that tests decide what happens."""
    given = {"PERUSAL_HOME": str(folder), "PERUSAL_ISSUER": ISSUER, "PERUSAL_BACKGROUND": "no"}
    return Settings.from_mapping(
        {**given, **{f"PERUSAL_{name.upper()}": str(v) for name, v in changes.items()}}
    )


@dataclass
class World:
    """One installation with its HTTP client; `http` follows no redirects."""

    vault: Vault
    clock: Callable[[], int]
    http: httpx.Client
    settings: Settings
    issuer: str = ISSUER

    def person(self, values: dict[str, str] | None = None, lang: str = "en") -> Person:
        """Enrol somebody and give them a browser."""
        (created,) = enrol_people(self.vault, [NewPerson(values or ZHANG)], self.clock(), [lang])
        assert isinstance(created, Enrolled)
        return Person(self, created.key, created, lang)

    def app(
        self,
        name: str = "Harbour Bank",
        purpose: str = "account",
        lang: str = "en",
        *,
        signs_terms: bool = True,
        **registered: Any,
    ) -> App:
        """Register a recipient with its notice and terms, and give it a program; keywords bend the registration."""
        key = ECKey.generate_key("P-256", {"kid": "k1", "alg": "ES256"})
        published_at = registered.pop("jwks_uri", None)
        costing = registered.pop("rates", NO_RATES)
        handling = registered.pop("handling", notices.Handling(method="Our staff look it up."))
        with self.vault.data.write() as conn:
            registration = Registration(
                legal_name=name,
                contact="privacy@harbour.example",
                registration_no=f"91330000MA27X-{secrets.token_hex(4)}",
                redirect_uris=["https://app.example/back"],
                jwks={"keys": [key.as_dict(private=False)]},
                **registered,
            )
            who = recipients.register(conn, registration, self.clock())
            text = f"{name} uses what it receives for this purpose only and deletes it afterwards."
            notice = notices.publish(conn, who.recipient_id, purpose, 1, lang, text, self.clock(), handling)
            owed = terms.publish(
                conn,
                who.recipient_id,
                1,
                "We pay the sum named here when we leak.",
                "500.00",
                "CNY",
                "5000.00",
                self.clock(),
                rates=costing,
            )
            if signs_terms:
                owed = signed_terms(conn, owed, key, self.clock())
            if published_at is not None:
                recipients.replace_keys(conn, who.client_id, None, published_at)
        return App(self, who.client_id, who.recipient_id, key, purpose, notice, owed)

    def staff_key(self, role: Access) -> dict[str, str]:
        with self.vault.data.write() as conn:
            key = issue_staff_key(conn, actor="Lin", role=role, now_ms=self.clock())
        return {"Authorization": f"Bearer {key}"}


def open_world(vault: Vault, folder, *, senders: Any = None, **changes: Any) -> World:
    """A world on an open vault; use the `world` fixture."""
    clock, settings = Clock(), settings_in(folder, **changes)
    with vault.data.write() as conn:
        purposes.seed(conn)
    http = _Client(settings, vault=vault, clock=clock, senders=senders)
    http.follow_redirects = False
    return World(vault, clock, http, settings)


_idle: dict[tuple[bool, int], list[Litestar]] = {}


@contextmanager
def idle_routes(settings: Settings) -> Iterator[Litestar]:
    """An application for such settings on which nothing else runs; the next one has it again, unless it was changed."""
    idle = _idle.setdefault((settings.secure, settings.body_limit), [])
    app = idle.pop() if idle else routed(secure=settings.secure, body_limit=settings.body_limit)
    known = len(app.asgi_router.route_handler_index)
    yield app
    if len(app.asgi_router.route_handler_index) == known:
        idle.append(app)


class _Client(TestClient[Litestar]):
    """A client whose routes serve the next one when it is closed: making them takes longer than most tests."""

    def __init__(self, settings: Settings, **given: Any) -> None:
        self._routes = idle_routes(settings)
        app = create_app(settings, onto=self._routes.__enter__(), **given)
        super().__init__(app, base_url=ISSUER, raise_server_exceptions=False)

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._routes.__exit__(None, None, None)


@dataclass
class App:
    """A recipient's program: it signs assertions with `key` and proofs with `proof_key`."""

    world: World
    client_id: str
    recipient_id: str
    key: ECKey
    purpose: str
    notice: Any
    terms: Any
    proof_key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    redirect_uri: str = "https://app.example/back"

    @property
    def now_s(self) -> int:
        return self.world.clock() // 1000

    def details(self, **changes: Any) -> dict[str, Any]:
        """A good `pii_use` object; keywords replace members, None removes them."""
        ends = datetime.fromtimestamp(self.now_s + 86_400, UTC)
        made = {
            "type": "pii_use",
            "actions": ["disclose"],
            "purpose": self.purpose,
            "datatypes": ["name", "phone"],
            "uses": {"max": 1, "ask": "each"},
            "window": {"to": ends.isoformat().replace("+00:00", "Z")},
            "retention": "P30D",
            "notice": {"id": self.notice.id, "hash": self.notice.hash},
            "liability": {"terms": self.terms.id, "hash": self.terms.hash},
            **changes,
        }
        return {name: value for name, value in made.items() if value is not None}

    def assertion(self, *, key: ECKey | None = None, **changes: Any) -> str:
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.world.issuer,
            "jti": secrets.token_urlsafe(12),
            "iat": self.now_s,
            "exp": self.now_s + 60,
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": "ES256"}, claims, key or self.key)

    def identity(self, **changes: Any) -> dict[str, str]:
        return {
            "client_id": self.client_id,
            "client_assertion_type": ASSERTION,
            "client_assertion": self.assertion(**changes),
        }

    def push_form(self, details: Any = None, **changes: Any) -> dict[str, str]:
        raw = details if isinstance(details, str) else json.dumps([details or self.details()])
        form = {
            **self.identity(),
            "response_type": "code",
            "redirect_uri": self.redirect_uri,
            "state": "s1",
            "code_challenge": b64(hashlib.sha256(self.verifier.encode()).digest()),
            "code_challenge_method": "S256",
            "authorization_details": raw,
            **changes,
        }
        return {name: value for name, value in form.items() if value is not None}

    def push(self, details: Any = None, **changes: Any) -> Any:
        return self.world.http.post("/par", data=self.push_form(details, **changes))

    def authorize_path(self, details: Any = None) -> str:
        answer = self.push(details)
        assert answer.status_code == 201, answer.text
        return "/authorize?" + urlencode(
            {"client_id": self.client_id, "request_uri": answer.json()["request_uri"]}
        )

    def exchange(self, code: str, *, proofs: list[str] | None = None, **changes: Any) -> Any:
        form = {
            **self.identity(),
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            **changes,
        }
        form = {name: value for name, value in form.items() if value is not None}
        made = [self.proof("/token")] if proofs is None else proofs
        return self.world.http.post("/token", data=form, headers=[("DPoP", text) for text in made])

    def proof(self, path: str, *, key: ECKey | None = None, **changes: Any) -> str:
        return proof(key or self.proof_key, **{"url": self.world.issuer + path, "iat": self.now_s, **changes})

    def token_for(self, person: Person, details: Any = None, tick: tuple[str, ...] = ()) -> str:
        """The whole way from a request to a token."""
        code = person.approve(self.authorize_path(details), tick=tick)
        answer = self.exchange(code)
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    def disclose(
        self,
        token: str,
        *,
        body: Any = None,
        proofs: list[str] | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        made = [self.proof("/v1/disclosures", token=token)] if proofs is None else proofs
        sent = [("Authorization", f"DPoP {token}"), *[("DPoP", text) for text in made]]
        if idempotency_key:
            sent.append(("Idempotency-Key", idempotency_key))
        content = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        sent.append(("Content-Type", "application/json"))
        return self.world.http.post(
            "/v1/disclosures", content=content, headers=[*sent, *(headers or {}).items()]
        )


@dataclass
class Person:
    """A person with a browser: cookies of its own, forms read from the pages."""

    world: World
    key: str
    created: Enrolled
    lang: str
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Any:
        return self._send("GET", path, headers=headers)

    def post(self, path: str, form: dict[str, str], **headers: str) -> Any:
        return self._send("POST", path, data=form, headers=headers)

    def upload(self, path: str, form: dict[str, str], **files: bytes) -> Any:
        """Send a form with files, as a browser does when somebody has chosen them."""
        given = {name: ("proof.zip", data, "application/zip") for name, data in files.items()}
        return self._send("POST", path, data=form, headers={}, files=given)

    def csrf(self, page: Any) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert found, page.text
        return found[1]

    def sign_in(self, key: str | None = None) -> Any:
        page = self.get(f"/{self.lang}/sign-in")
        form = {"key": key or self.key, "csrf": self.csrf(page)}
        return self.post(f"/{self.lang}/sign-in", form)

    def open_request(self, authorize_path: str) -> tuple[str, Any]:
        """Follow the recipient's link to the approval page, signing in on the way; returns its path and page."""
        answer = self.get(authorize_path, **{"Accept-Language": self.lang})
        assert answer.status_code == 303, answer.text
        if "/sign-in" in answer.headers["location"]:
            page = self.get(answer.headers["location"])
            hidden = {
                name: unescape(value)
                for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
            }
            answer = self.post(f"/{self.lang}/sign-in", {**hidden, "key": self.key})
            assert answer.status_code == 303, answer.text
        path = answer.headers["location"]
        page = self.get(path)
        assert page.status_code == 200, page.text
        return path, page

    def decide(self, authorize_path: str, decision: str, tick: tuple[str, ...] = ()) -> dict[str, str]:
        """Answer a request; returns the members of the call-back."""
        path, page = self.open_request(authorize_path)
        form = {"csrf": self.csrf(page), "decision": decision, **{f"field.{name}": "yes" for name in tick}}
        answer = self.post(path, form)
        assert answer.status_code == 303, answer.text
        query = urlsplit(answer.headers["location"]).query
        return {name: values[0] for name, values in parse_qs(query).items()}

    def approve(self, authorize_path: str, tick: tuple[str, ...] = ()) -> str:
        return self.decide(authorize_path, "approve", tick)["code"]

    def withdraw(self, grant_id: str) -> Any:
        page = self.get(f"/{self.lang}/grants")
        return self.post(f"/{self.lang}/grants/{grant_id}/withdraw", {"csrf": self.csrf(page)})

    def _send(
        self, method: str, path: str, *, headers: dict[str, str], data: Any = None, files: Any = None
    ) -> Any:
        sent = {"Accept": "text/html", **(BROWSER if method == "POST" else {}), **headers}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self.world.http.cookies.clear()
        answer = self.world.http.request(method, path, headers=sent, data=data, files=files)
        for line in answer.headers.get_list("set-cookie"):
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0].strip('"')
            if "Max-Age=0" in line:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer


def payload_of(compact: str) -> dict[str, Any]:
    """The claims inside a compact JWS, unverified."""
    part = compact.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
