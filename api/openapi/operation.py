"""What a table says about one route, and how that is written in OpenAPI's words.

`replies` are what the route answers when it does what was asked; `refusals` the codes it refuses with, by status.
What follows from who may call a route (`api.edge.access`) or from its having a body is not repeated in the tables:
`refusals` adds it. Refusals are problem details, or for the OAuth endpoints the JSON of RFC 6749 §5.2.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from api.edge.forms import _CONTROL as CONTROL
from api.edge.forms import _MAX_MEMBERS as MOST_MEMBERS
from api.openapi.shapes import Schema, id_of, named, text, words

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
PROBLEM = "application/problem+json"
LINES = "application/x-ndjson"


_NO_CONTROL = f"^[^{CONTROL.pattern[1:]}*$"


class Words(StrEnum):
    """In which form a route refuses."""

    PROBLEM = "Problem"
    OAUTH = "OAuthError"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A status with its body, by media type; None for an empty one; the names of headers that always come along."""

    says: str
    content: Mapping[str, Schema] = field(default_factory=dict)
    headers: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One entry: `group` is the party it is for, `body` by media type, `parameters` by the names in `PARAMETERS`.

    `refusals` are codes by status; for `Words.OAUTH` each as `error code`, the error of RFC 6749 before ours.
    """

    group: str
    replies: Mapping[int, Reply]
    refusals: Mapping[int, Sequence[str]] = field(default_factory=dict)
    body: Mapping[str, Schema] = field(default_factory=dict)
    body_required: bool = True
    parameters: Sequence[str] = ()
    words: Words = Words.PROBLEM
    path: Mapping[str, Schema] = field(default_factory=dict)


def as_form(schema: Schema) -> Schema:
    """A form's schema with what `api.edge.forms` asks of every member: few of them, and no control characters."""
    return {**_storable(schema), "maxProperties": MOST_MEMBERS}


def _storable(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_storable(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _storable(value) for name, value in schema.items() if name != "contentSchema"}
    free = schema.get("type") == "string" and not {"pattern", "const", "enum"} & schema.keys()
    kept = {"contentSchema": schema["contentSchema"]} if "contentSchema" in schema else {}
    return {**made, **kept, **({"pattern": _NO_CONTROL} if free else {})}


def json_reply(says: str, schema: Schema, *headers: str) -> Reply:
    """A reply with a JSON body."""
    return Reply(says=says, content={JSON: schema}, headers=headers)


def _header(name: str, says: str, schema: Schema, *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "description": says, "schema": schema}


_KEY = "Makes the request safe to repeat for a day: the same key with the same body gets the same answer."

PARAMETERS: Mapping[str, dict[str, Any]] = {
    "DPoP": _header(
        "DPoP",
        "A proof of possession (RFC 9449 §4) for this method and address.",
        text(most=4096),
        required=True,
    ),
    "DPoP-if-any": _header(
        "DPoP", "A proof; what is issued or asked for is bound to its key (RFC 9449 §10).", text(most=4096)
    ),
    "Idempotency-Key": _header("Idempotency-Key", _KEY, text("^[!-~]+$", least=1, most=128)),
    "If-None-Match": _header("If-None-Match", "The ETag of the document at hand (RFC 9110 §13.1.2).", text()),
    "Sec-Fetch-Site": _header(
        "Sec-Fetch-Site",
        "`same-origin`; or an `Origin` header that equals the issuer in its place.",
        words(["same-origin"]),
    ),
    "after": {"name": "after", "in": "query", "required": False, "schema": id_of("gr")},
    "client_id": {"name": "client_id", "in": "query", "required": True, "schema": text(least=1, most=500)},
    "request_uri": {
        "name": "request_uri",
        "in": "query",
        "required": True,
        "schema": text("^urn:ietf:params:oauth:request_uri:req_[A-Za-z0-9_-]{51}$"),
    },
}
"""Every parameter that is not in a path."""

HEADERS: Mapping[str, tuple[str, Schema]] = {
    "Location": ("Where to go on.", text(least=1)),
    "ETag": ("The document's version (RFC 9110 §8.8.3).", text('^"[A-Za-z0-9_-]{16}"$')),
    "Retry-After": ("Seconds after which to come back.", text("^[0-9]+$")),
    "DPoP-Nonce": ("A nonce for the next proof (RFC 9449 §8).", text("^[A-Za-z0-9_-]{30}$")),
    "WWW-Authenticate": ("What is missing (RFC 9110 §11.6.1).", text(least=1)),
}
"""Every header of an answer that a caller acts on."""

CARRIED: Mapping[str, Sequence[str]] = {
    "use_dpop_nonce": ["DPoP-Nonce"],
    "too_many_attempts": ["Retry-After"],
    "request.too_many_open": ["Retry-After"],
    "not_traced": ["Retry-After"],
    "proof.nonce": ["DPoP-Nonce"],
    "overloaded": ["Retry-After"],
    "shutting_down": ["Retry-After"],
    "database_unreachable": ["Retry-After"],
    "ledger.alarm": ["Retry-After"],
    "keys_unavailable": ["Retry-After"],
    "sealed": ["Retry-After"],
}
"""Headers that come with a code, not with its status."""


def problem(codes: Iterable[str], titles: Mapping[str, str], *headers: str) -> dict[str, Any]:
    """A refusal in problem details with one of these codes."""
    every = sorted(set(codes))
    schema = {**named(Words.PROBLEM.value), "properties": {"code": words(every)}}
    says = "; ".join(f"`{code}`: {titles[code]}" for code in every)
    return _refusal(says, {PROBLEM: {"schema": schema}}, every, headers)


def oauth_error(pairs: Iterable[str]) -> dict[str, Any]:
    """A refusal in OAuth's words; each of `pairs` is an error of RFC 6749 and our code."""
    every = sorted({tuple(pair.split(" ")) for pair in pairs})
    errors, codes = {one[0] for one in every}, {one[1] for one in every}
    properties = {"error": words(errors), "code": words(codes)}
    schema = {**named(Words.OAUTH.value), "properties": properties}
    says = "; ".join(f"`{error}`" for error in sorted(errors))
    return _refusal(says, {JSON: {"schema": schema}}, codes, ())


def reply(said: Reply) -> dict[str, Any]:
    """A reply in OpenAPI's words."""
    made: dict[str, Any] = {"description": said.says}
    if said.headers:
        made["headers"] = {name: _given(name, required=True) for name in said.headers}
    if said.content:
        made["content"] = {kind: {"schema": schema} for kind, schema in said.content.items()}
    return made


def _refusal(
    says: str, content: dict[str, Any], codes: Iterable[str], always: Iterable[str]
) -> dict[str, Any]:
    headers = {name: _given(name, required=True) for name in always}
    for code in sorted(codes):
        headers |= {name: _given(name, required=False) for name in CARRIED.get(code, ())}
    return {"description": says, "content": content, **({"headers": headers} if headers else {})}


def _given(name: str, *, required: bool) -> dict[str, Any]:
    says, schema = HEADERS[name]
    return {"description": says, "required": required, "schema": schema}
