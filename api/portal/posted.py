"""What every form of the portal passes before its handler runs: origin, token, and strict parsing.

It is the router's `before_request` hook, so a new page cannot forget it.
"""

from typing import Any, cast

from litestar import Request

from api.csrf import FIELD, from_own_pages, token_matches
from api.forms import parse_form
from api.problems import Problem
from api.sessions import Session
from api.wiring import services_of

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


async def check_post(request: Request[Any, Any, Any]) -> None:
    """Refuse an unsafe request that our own page did not send; keep its members for `posted`."""
    if request.method in _SAFE:
        return
    services = services_of(request)
    if not from_own_pages(request.headers, services.issuer):
        raise Problem(403, "csrf")
    members = parse_form(await request.body(), request.headers.get("content-type", ""))
    binding = _binding(request)
    if binding is None or not token_matches(services.csrf_key, binding, members.pop(FIELD, "")):
        raise Problem(403, "csrf")
    request.state.posted = members


def posted(request: Request[Any, Any, Any]) -> dict[str, str]:
    """The members of the form, without the token."""
    return cast("dict[str, str]", request.state.posted)


def _binding(request: Request[Any, Any, Any]) -> str | None:
    session = request.scope.get("user")
    if isinstance(session, Session):
        return session.secret
    return request.cookies.get(services_of(request).jar.visitor_name)
