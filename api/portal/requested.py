"""The request that an address or a form names, before it is shown to anybody, and the way back to whoever made it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from litestar import Request

from api.edge.problems import Problem
from api.portal.arrival import arrived_at
from api.portal.whom import WHOM
from api.wiring import Services, services_of
from consent.asking import ask
from consent.asking.ask import Pending


def request_named(members: Mapping[str, Any]) -> dict[str, str] | None:
    """The `client_id` and `request_uri` of a query or form, when both are there, and whom the answer is for."""
    named = {name: members.get(name) for name in ("client_id", "request_uri")}
    named |= {WHOM: members[WHOM]} if WHOM in members else {}
    if not all(
        isinstance(value, str) and 0 < len(value) <= 500 and value.isprintable() for value in named.values()
    ):
        return None
    return {name: str(value) for name, value in named.items()}


def request_waiting(
    request: Request[Any, Any, Any], members: Mapping[str, Any]
) -> tuple[dict[str, str], Pending]:
    """The same with the request itself; raises `invalid_request_uri` unless it is named and still waits for its person."""
    named = request_named(members)
    if named is None:
        raise Problem(400, "invalid_request_uri")
    return named, check_waiting(services_of(request), named, arrived_at(request, named))


def check_waiting(services: Services, named: Mapping[str, str], came_ms: int) -> Pending:
    """The request; raises `invalid_request_uri` unless it waited for its person when they came (`arrival`)."""
    with services.vault.data.read() as conn:
        found = ask.pending(conn, named["request_uri"], named["client_id"], came_ms)
    if found is None:
        raise Problem(400, "invalid_request_uri")
    return found


def way_back(services: Services, redirect_uri: str, state: str, outcome: Mapping[str, str]) -> str:
    """The address that takes the browser to the recipient, with the answer (RFC 6749 §4.1.2, RFC 9207)."""
    members = {**outcome, "iss": services.issuer, **({"state": state} if state else {})}
    joint = "&" if "?" in redirect_uri else "?"
    return f"{redirect_uri}{joint}{urlencode(members)}"
