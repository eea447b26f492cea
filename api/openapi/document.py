"""The document itself: the app's routes, each with its entry, and what follows from who may call them.

`document()` is the whole of it as JSON members. A route without an entry, or an entry without a route, raises.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from litestar.handlers import ASGIRouteHandler

from api.edge.access import STAFF as ROLES
from api.edge.access import Access
from api.openapi import clients, details, emergencies, persons, public, refusals, spending, staff
from api.openapi.operation import FORM, PARAMETERS, Operation, Words, as_form, oauth_error, problem, reply
from api.openapi.shapes import Schema, listed, text
from api.routes import MINE, PROTOCOL, PUBLIC, STAFF

TABLES = (public, clients, spending, emergencies, staff, persons)
PAGES = frozenset({"/", "/static/{name}", "/device"})
"""What is outside the languages' folders and yet for people."""

FRONT = {"POST /v1/unseal": Access.PUBLIC}
"""What the server answers before there is an app (`api.sealing.front`)."""

_PARAMETER = re.compile(r"\{(\w+):\w+\}")


class OutOfStep(Exception):
    """Routes without an entry, or entries without a route; names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path as machines call it."""

    key: str
    who: Access
    summary: str


def table() -> dict[str, Operation]:
    """Every entry by method and path."""
    return {key: entry for one in TABLES for key, entry in one.TABLE.items()}


def routes() -> Iterator[Route]:
    """Every route that is not a page of the portal."""
    groups = [("", handler) for handler in (*PUBLIC, *PROTOCOL, *STAFF)]
    for prefix, handler in [*groups, *(("/me", handler) for handler in MINE)]:
        for path in handler.paths:
            plain = _PARAMETER.sub(r"{\1}", prefix + path)
            if plain not in PAGES:
                yield from _methods(plain, handler)
    yield from (Route(key=key, who=who, summary=_UNSEAL) for key, who in FRONT.items())


_UNSEAL = "Bring a share or the passphrase of the root key to a sealed server."


def _methods(path: str, handler: Any) -> Iterator[Route]:
    raw = isinstance(handler, ASGIRouteHandler)
    methods = ["POST"] if raw else sorted(handler.http_methods)
    said = (handler.fn.__doc__ or "").strip().partition("\n")[0]
    for method in methods:
        yield Route(key=f"{method} {path}", who=handler.opt["access"], summary=said)


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document; raises OutOfStep."""
    entries, found = table(), {route.key: route for route in routes()}
    if entries.keys() != found.keys():
        missing, idle = sorted(found.keys() - entries.keys()), sorted(entries.keys() - found.keys())
        raise OutOfStep(f"routes without an entry in api/openapi: {missing}; entries without a route: {idle}")
    paths: dict[str, dict[str, Any]] = {}
    for key in sorted(found, key=lambda key: key.partition(" ")[::-1]):
        method, _, path = key.partition(" ")
        paths.setdefault(path, {})[method.lower()] = _operation(found[key], entries[key])
    return {
        "openapi": "3.1.1",
        "info": _INFO,
        "servers": [{"url": "https://{host}", "variables": {"host": {"default": _EXAMPLE}}}],
        "tags": [{"name": name} for name in sorted({entry.group for entry in entries.values()})],
        "paths": paths,
        "components": {"schemas": _schemas(), "responses": _shared(), "securitySchemes": _SECURITY},
    }


def _operation(route: Route, entry: Operation) -> dict[str, Any]:
    """One operation: its entry, and what everybody of its kind shares."""
    made: dict[str, Any] = {
        "operationId": _operation_id(route.key),
        "summary": route.summary,
        "tags": [entry.group],
        "security": _secured(route.who),
    }
    method, _, path = route.key.partition(" ")
    parameters = [_in_path(name, schema) for name, schema in entry.path.items() if f"{{{name}}}" in path]
    parameters += [PARAMETERS[name] for name in refusals.parameters(route.who, method, entry)]
    if parameters:
        made["parameters"] = parameters
    if entry.body:
        bodies = {kind: as_form(shape) if kind == FORM else shape for kind, shape in entry.body.items()}
        content = {kind: {"schema": shape} for kind, shape in bodies.items()}
        made["requestBody"] = {"required": entry.body_required, "content": content}
    return {**made, "responses": _responses(route, entry)}


def _responses(route: Route, entry: Operation) -> dict[str, Any]:
    method, _, path = route.key.partition(" ")
    made = {str(status): reply(said) for status, said in entry.replies.items()}
    refused = refusals.of(route.who, method, path, entry)
    for status, codes in refused.items():
        if method == "HEAD":
            made.setdefault(str(status), {"description": "As GET."})
        elif str(status) not in made:
            common = sorted(codes) == refusals.faults(entry.words).get(status)
            shared = {"$ref": f"#/components/responses/{entry.words}{status}"}
            made[str(status)] = shared if common else _refusal(status, codes, route.who, entry.words)
        else:
            made[str(status)]["content"] |= _refusal(status, codes, route.who, entry.words)["content"]
    return dict(sorted(made.items()))


def _refusal(status: int, codes: list[str], who: Access, form: Words) -> dict[str, Any]:
    if form is Words.OAUTH:
        made = oauth_error(codes)
    else:
        challenged = status == 401 and who is not Access.CONSUMER
        made = problem(codes, _titles(), *(["WWW-Authenticate"] if challenged else []))
    return made if status != 503 else refusals.unavailable(made, form)


def _shared() -> dict[str, Any]:
    """The answers that most routes have in common."""
    return {
        f"{form}{status}": _refusal(status, codes, Access.PUBLIC, form)
        for form in Words
        for status, codes in refusals.faults(form).items()
    }


def _operation_id(key: str) -> str:
    """`post_v1_people_find`, from `POST /v1/people/find`."""
    return re.sub(r"[^a-z0-9]+", "_", key.lower()).strip("_")


def _in_path(name: str, schema: Schema) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _titles() -> Mapping[str, str]:
    """The title of every problem, from the English catalogue."""
    texts = tomllib.loads((files("api") / "locale/en.toml").read_text(encoding="utf-8"))
    return {code: said["title"] for code, said in texts["problem"].items()}


def _schemas() -> dict[str, Schema]:
    found = {**details.SCHEMAS, **_ERRORS}
    for one in TABLES:
        found |= one.SCHEMAS
    return dict(sorted(found.items()))


def _secured(who: Access) -> list[dict[str, list[str]]]:
    if who in ROLES or who is Access.ANY_STAFF:
        return [{"staffKey": []}]
    scheme = _SCHEMES.get(who)
    return [{scheme: []}] if scheme else []


_SCHEMES = {Access.CLIENT: "privateKeyJwt", Access.TOKEN: "boundToken", Access.CONSUMER: "session"}

_EXAMPLE = "consent.example"
_INFO = {
    "title": "Perusal",
    "version": version("perusal"),
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    "description": (
        "What machines call. Paths are below the issuer's address. Errors are RFC 9457 problem details with a stable "
        "`code`, or at the OAuth endpoints the JSON of RFC 6749 §5.2 with the same `code`; their texts are in English "
        "or Chinese, by Accept-Language. Whoever accepts `text/html` gets problems as pages. A path that exists answers "
        "other methods with 405. A body is 64 KiB at most unless the operator says otherwise, 8 MiB where people are "
        "written in bulk; files of leaks are bounded by the operator alone. Answers are not to be cached unless they say so."
    ),
}

_ERRORS: Mapping[str, Schema] = {
    "Problem": {
        "type": "object",
        "description": "Problem details (RFC 9457 §3.1).",
        "properties": {
            "type": text("^urn:perusal:problem:"),
            "title": text(least=1),
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": text(least=1),
            "code": text(least=1),
            "instance": text("^urn:perusal:error:"),
        },
        "required": ["type", "title", "status", "detail", "code"],
    },
    "OAuthError": {
        "type": "object",
        "description": "An error of RFC 6749 §5.2 with our exact `code`.",
        "properties": {
            "error": text(least=1),
            "error_description": text(least=1),
            "code": text(least=1),
            "missing": listed(text(least=1), least=1, once=True),
        },
        "required": ["error", "error_description", "code"],
    },
}

_SECURITY = {
    "privateKeyJwt": {
        "type": "openIdConnect",
        "openIdConnectUrl": f"https://{_EXAMPLE}/.well-known/oauth-authorization-server",
        "description": (
            "`private_key_jwt`, as the metadata below the issuer's own address say: the form carries `client_assertion_type` and `client_assertion`, a JWT signed with a "
            "registered key (RFC 7523), of at most 60 seconds, for the issuer, used once."
        ),
    },
    "boundToken": {
        "type": "http",
        "scheme": "DPoP",
        "description": "A token bound to a key, with a fresh proof under that key in `DPoP` (RFC 9449 §7.1).",
    },
    "staffKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "A staff key, `stf_...`, of the right role.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-perusal",
        "description": "The portal's session; over plain http on a developer's machine the name is `perusal`.",
    },
}
