"""Everybody who calls, with what proves them: sound requests to start from, and proofs that fit whatever is sent."""

from __future__ import annotations

import copy
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import select

from api.edge.access import Access
from api.jobs.publisher import Publisher
from api.openapi.document import routes, table
from api.openapi.operation import FORM
from api.staff.keys import issue_staff_key
from breach.intake import quarantine
from breach.selfcheck.publish import publish as publish_leak
from breach.tables import dump
from consent.ids import RecipientId
from consent.ledger import published
from consent.ledger.ending.giving_up import give_up
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.indexes import indexing
from consent.ledger.origin import LogId, origin_of, year_of
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.marks.alias_giving import give, served
from consent.marks.alias_pool import add_domain
from consent.people.honey import plant
from consent.people.keeping import NewPerson
from tests.flow.installation import App, Person, World
from tests.vault.people import made_up as people
from vault.base64url import b64url
from vault.blinding import blind
from vault.ids import encode_id

COUNTED = {"max": 1000, "ask": "counted"}
DUMP = "".join(f"{one['name']},{one['phone']}\n" for one in map(people.values, range(40))).encode()

WHO = {route.key: route.who for route in routes()}


@dataclass
class Callers:
    """A recipient's program with a counted grant, a person, and one member of staff for each role."""

    world: World
    app: App
    person: Person
    staff: Mapping[Access, dict[str, str]]
    token: str = ""
    refresh: str = ""
    managing: str = ""
    grant: str = ""
    log: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)

    def headers(self, key: str, path: str) -> dict[str, str]:
        """What proves whoever may call `key`, for a request to `path`."""
        who, method = WHO[key], key.partition(" ")[0]
        if who is Access.CLIENT:
            return {"DPoP": self.app.proof(path)}
        if who is Access.TOKEN:
            token = self.token if key == "POST /v1/disclosures" else self.managing
            made = self.app.proof(path, method=method, token=token)
            return {"Authorization": f"DPoP {token}", "DPoP": made}
        if who in self.staff:
            return self.staff[Access.AUDITOR if key.endswith(("approve", "refuse")) else who]
        return {"Cookie": self._cookie, "Sec-Fetch-Site": "same-origin"} if who in _PEOPLE else {}

    def members(self, key: str) -> dict[str, str]:
        """The members of a form that prove its sender."""
        if WHO[key] is Access.CLIENT:
            return self.app.identity()
        return {"csrf": self.known["csrf"]} if WHO[key] is Access.CONSUMER else {}

    def body(self, key: str) -> Any:
        """A sound body, None for none."""
        return _MADE[key](self) if key in _MADE else copy.deepcopy(_PLAIN.get(key))

    def path(self, key: str) -> dict[str, Any]:
        """Sound parameters of the path."""
        named = {"name": self.known[key]} if key in self.known else {}
        return {**named, **self.log, **self.others.get(key.partition(" ")[2], {})}

    def query(self, key: str) -> dict[str, str]:
        """Sound parameters of the query."""
        if key != "GET /authorize":
            return {}
        return {"client_id": self.app.client_id, "request_uri": self.app.push().json()["request_uri"]}

    def ask(self, key: str, **headers: str) -> httpx.Response:
        """The answer to a sound request."""
        method, _, path = key.partition(" ")
        path, http = path.format(**self.path(key)), self.world.http
        body = self.body(key)
        form = isinstance(body, dict) and FORM in table()[key].body
        sent: dict[str, Any] = {"json": body} if isinstance(body, dict | list) else {"content": body}
        if form:
            sent = {"data": {**body, **self.members(key)}}
        http.cookies.clear()
        headers = {**self.headers(key, path), **headers}
        return http.request(method, path, params=self.query(key), headers=headers, **sent)

    @property
    def _cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.person.cookies.items())


_PEOPLE = {Access.CONSUMER, Access.BROWSER}


def gather(world: World) -> Callers:
    """Everybody in one world, with something of each kind that can be named."""
    app, person = world.app(), world.person()
    person.sign_in()
    code = person.approve(app.authorize_path(app.details(uses=COUNTED)))
    issued = app.exchange(code).json()
    made = Callers(world, app, person, _staff(world))
    made.token, made.refresh, made.grant = issued["access_token"], issued["refresh_token"], issued["grant_id"]
    renew(made)
    made.known = {**_named(made), "csrf": person.get("/me/grants").json()["csrf"]}
    made.log = {**_published(world), "number": _status_list(made)}
    made.others = {
        "/log/{year}/{bucket}/index/{upto}/tile/{rest}": _indexed(world, made.log),
        "/log/{year}/{bucket}/incident": _given_up(world),
    }
    return made


def renew(made: Callers) -> None:
    """A fresh token of each kind."""
    made.token = _post(made, "POST /token", _refreshing(made))["access_token"]
    made.managing = _post(made, "POST /token", _managing(made))["access_token"]


def _post(made: Callers, key: str, form: dict[str, str]) -> dict[str, Any]:
    path = key.partition(" ")[2]
    answer = made.world.http.post(path, data=form, headers=made.headers(key, path))
    assert answer.status_code == 200, answer.text
    return answer.json()


def _given_up(world: World) -> dict[str, Any]:
    """What names a log that was given up: one of last year, of which only a checkpoint is left."""
    signer, now_ms = Signer.of(world.vault), world.clock()
    log = LogId(0, year_of(now_ms) - 1)
    left = Checkpoint(origin_of(signer.ledger_host, log), 1, bytes(32))
    give_up(world.vault.data, signer, log, [left], "It was lost.", now_ms)
    return {"year": log.year, "bucket": log.bucket}


def _indexed(world: World, log: Mapping[str, Any]) -> dict[str, Any]:
    """What names the rows of an index that is signed."""
    vault, found = world.vault, LogId(log["bucket"], log["year"])
    made = indexing.make(vault.data, vault.installation.ledger_host, found, world.clock())
    assert made is not None
    publish(vault.data, Signer.of(vault), world.clock())
    return {"upto": made.upto, "rest": f"0/000.p/{made.rows}"}


def _published(world: World) -> dict[str, Any]:
    """What names a tile of a log that has a checkpoint."""
    Publisher(world.vault, world.clock, Memory(world.settings.checkpoint_state), None, 1).publish_once()
    with world.vault.data.read() as conn:
        (log,) = published.logs(conn)
        newest = published.newest(conn, log)
    assert newest is not None
    return {"year": log.year, "bucket": log.bucket, "level": 0, "rest": f"000.p/{newest.size}"}


def _status_list(made: Callers) -> int:
    """The number of a list: a token gets its place when its client first asks."""
    made.ask("POST /introspect")
    return int(made.ask("GET /status").json()["status_lists"][0].rpartition("/")[2])


def _alarm(made: Callers) -> str:
    """The id of an alarm: somebody looked up a person who is watched."""
    plant(made.world.vault, [NewPerson(people.values(50))], made.world.clock())
    body = {"reason": "leak_investigation", "rows": [{"phone": people.phone(50)}]}
    made.world.http.post("/v1/people/find", headers=made.staff[Access.INVESTIGATOR], json=body)
    return made.world.http.get("/v1/alarms", headers=made.staff[Access.OPERATOR]).json()[0]["id"]


def _staff(world: World) -> dict[Access, dict[str, str]]:
    roles = {"Lin": Access.INVESTIGATOR, "Wang": Access.OPERATOR, "Zhao": Access.AUDITOR}
    keys = {}
    for actor, role in roles.items():
        with world.vault.data.write() as conn:
            key = issue_staff_key(conn, actor=actor, role=role, now_ms=world.clock())
        keys[role] = {"Authorization": f"Bearer {key}"}
    return {**keys, Access.ANY_STAFF: keys[Access.OPERATOR]}


def _named(made: Callers) -> dict[str, str]:
    """Names of what there is, by the route that takes them."""
    http, staff = made.world.http, made.staff
    asked = [
        http.post("/v1/emergencies", json=_emergency(made), headers=staff[Access.ANY_STAFF]).json()["id"]
        for _ in range(2)
    ]
    for role in (Access.INVESTIGATOR, Access.AUDITOR):
        http.post(f"/v1/emergencies/{asked[0]}/approve", headers=staff[role])
    job = http.post("/v1/dumps", content=DUMP, headers=staff[Access.INVESTIGATOR]).json()["job"]
    while http.app.state.services.worker.do_one():
        pass
    _told(made)
    traced = http.get(f"/v1/dumps/{job}", headers=staff[Access.INVESTIGATOR]).json()["trace"]
    dual = dict.fromkeys(("approve", "refuse"), asked[1]) | {"open": asked[0]}
    return {
        **{f"POST /v1/emergencies/{{name}}/{act}": name for act, name in dual.items()},
        "GET /v1/emergencies/{name}": asked[1],
        "GET /v1/dumps/{name}": job,
        "GET /v1/traces/{name}": traced,
        "GET /v1/traces/{name}/page": traced,
        "POST /v1/alarms/{name}/seen": _alarm(made),
        "GET /me/grants/{name}/receipts": made.grant,
        "GET /grants/{name}": made.grant,
        "DELETE /grants/{name}": made.grant,
        "POST /me/grants/{name}/withdrawal": made.grant,
        "GET /v1/recipients/{name}/record": made.app.recipient_id,
    }


def _told(made: Callers) -> None:
    """People are told of the dump that was traced."""
    vault, folder = made.world.vault, made.world.settings.quarantine
    with vault.data.read() as conn:
        dump_id = conn.execute(select(dump.c.id)).scalar_one()
    found = quarantine.find(vault, folder, dump_id)
    publish_leak(vault, found, now_ms=made.world.clock(), actor="staff", report=lambda *_: None)


def _emergency(made: Callers) -> dict[str, Any]:
    subject = encode_id("sub", made.person.created.subject)
    note = "The hospital asks for her family."
    return {"subject": subject, "fields": ["name", "phone"], "reason": "life_at_risk", "note": note}


def _alias_hit(made: Callers) -> dict[str, str]:
    """An alias that somebody gave, written to twice."""
    vault, now_ms = made.world.vault, made.world.clock()
    created = made.person.created
    who, whom = (created.bucket, created.subject), RecipientId(made.app.recipient_id)
    with vault.data.write() as conn:
        add_domain(conn, "relay.example", now_ms)
        give(conn, vault, who, whom, ["alias_email"], now_ms)
        text = served(conn, vault, [(*who, whom, "alias_email", now_ms)])[0]
    return {"alias": str(text), "note": "Told by the mail server."}


def _asking(made: Callers) -> dict[str, str]:
    return {**made.app.identity(), "authorization_details": json.dumps([made.app.details()])}


def _refreshing(made: Callers) -> dict[str, str]:
    return {**made.app.identity(), "grant_type": "refresh_token", "refresh_token": made.refresh}


def _managing(made: Callers) -> dict[str, str]:
    return {**made.app.identity(), "grant_type": "client_credentials"}


def _showing_token(made: Callers) -> dict[str, str]:
    return {**made.app.identity(), "token": made.token}


_MADE = {
    "POST /par": lambda made: made.app.push_form(),
    "POST /device_authorization": _asking,
    "POST /bc-authorize": lambda made: {
        **_asking(made),
        "login_hint": secrets.token_hex(8),
        "binding_message": "42",
    },
    "POST /token": _refreshing,
    "POST /introspect": _showing_token,
    "POST /revoke": lambda made: {**made.app.identity(), "token": "cut_x"},
    "POST /v1/deletions": lambda made: {**made.app.identity(), "statement": made.app.assertion()},
    "POST /v1/leak-check": lambda made: {
        **{name: made.ask("GET /v1/leak-check").json()[name] for name in ("period", "bits")},
        "prefix": 0,
        "blinded": b64url(blind(b"x").point),
    },
    "POST /v1/emergencies": _emergency,
    "POST /v1/alias-hits": _alias_hit,
    "POST /v1/staff-reads": lambda made: {
        "subject": encode_id("sub", made.person.created.subject),
        "fields": ["phone"],
        "reason": "person_asked",
        "basis": "contract",
    },
}
_PLAIN: dict[str, Any] = {
    "POST /v1/disclosures": {"fields": ["name"]},
    "POST /v1/emergencies/{name}/open": {"fields": ["name"]},
    "POST /v1/dumps": DUMP,
    "POST /v1/people": [people.values(0), {"phone": "not a phone"}],
    "POST /v1/people/find": {"reason": "life_at_risk", "rows": [{"phone": "13812341234"}]},
    "PATCH /v1/people": [{"subject": f"sub_{'a' * 26}", "field": "phone", "text": people.phone(60)}],
    "POST /me/withdrawals": {"everything": "yes"},
    "POST /me/grants/{name}/withdrawal": {},
}
