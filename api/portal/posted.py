"""What every form of the portal passes before its handler runs: origin, token, and strict parsing.

It is the router's `before_request` hook, so a new page cannot forget it. A page that takes a file names
`check_upload` in its place.
"""

from typing import Any, Final, cast

from litestar import Request
from litestar.datastructures import UploadFile

from api.edge.csrf import FIELD, from_own_pages, token_matches
from api.edge.forms import MalformedForm, parse_form
from api.edge.problems import Problem
from api.edge.sessions import Session
from api.wiring import services_of

MOST_UPLOADED: Final = 1 << 20
"""How many bytes a form with a file may have: above this the framework would put a file on the disk."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


async def check_post(request: Request[Any, Any, Any]) -> None:
    """Refuse an unsafe request that our own page did not send; keep its members for `posted`."""
    if request.method in _SAFE:
        return
    _check_origin(request)
    _keep(request, parse_form(await request.body(), request.headers.get("content-type", "")))


async def check_upload(request: Request[Any, Any, Any]) -> None:
    """The same for a form with one file of at most MOST_UPLOADED, which stays in memory; see `uploaded`."""
    _check_origin(request)
    members: dict[str, str] = {}
    request.state.uploaded = b""
    try:
        given = (await request.form()).multi_items()
    except (UnicodeDecodeError, LookupError):
        raise MalformedForm("a member is not text") from None
    for name, value in given:
        if isinstance(value, UploadFile):
            request.state.uploaded = await value.read()
            await value.close()
        else:
            members[name] = str(value)
    _keep(request, members)


def _check_origin(request: Request[Any, Any, Any]) -> None:
    if not from_own_pages(request.headers, services_of(request).issuer):
        raise Problem(403, "csrf")


def _keep(request: Request[Any, Any, Any], members: dict[str, str]) -> None:
    binding, key = _binding(request), services_of(request).csrf_key
    if binding is None or not token_matches(key, binding, members.pop(FIELD, "")):
        raise Problem(403, "csrf")
    request.state.posted = members


def posted(request: Request[Any, Any, Any]) -> dict[str, str]:
    """The members of the form, without the token."""
    return cast("dict[str, str]", request.state.posted)


def uploaded(request: Request[Any, Any, Any]) -> bytes:
    """The bytes of the form's file, empty when none was chosen."""
    return cast("bytes", request.state.uploaded)


def _binding(request: Request[Any, Any, Any]) -> str | None:
    session = request.scope.get("user")
    if isinstance(session, Session):
        return session.secret
    return request.cookies.get(services_of(request).jar.visitor_name)
