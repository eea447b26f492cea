"""Signing in with the key that enrolment handed out, and signing out.

A failure is counted in the data base against where it came from, and the page answers all failures alike.
Signing in always makes a new session, ends the one the browser still had and forgets the visitor's cookie
(`entering`). Where codes can be sent, the page offers those beside the key (`sign_in_code`).
"""

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.params import QueryParams

from api.edge.access import Access, access
from api.edge.attempts import note_failure, wait_seconds
from api.edge.guards import current_session
from api.edge.sessions import Session, end_session
from api.portal.entering import enter, welcome
from api.portal.limited import source_here
from api.portal.posted import posted
from api.portal.render import page, page_lang, see_other
from api.portal.requested import request_named
from api.senders.message import Channel
from api.wiring import Services, services_of
from consent.accounts import keys as accounts
from consent.accounts.authenticators import relying_of
from consent.accounts.sign_ins import How


@get("/sign-in", opt=access(Access.BROWSER), sync_to_thread=True)
def sign_in_page(request: Request[Any, Any, Any], query: QueryParams) -> Response[str]:
    """The sign-in page; a request for data that brought the person here is named in its form."""
    if current_session(services_of(request), request.cookies) is not None:
        return see_other(f"/{page_lang(request).value}/grants")
    named = request_named({name: query[name] for name in query})
    return sign_in_form(request, "sign_in.html", named)


@post("/sign-in", opt=access(Access.BROWSER), sync_to_thread=True)
def sign_in(request: Request[Any, Any, Any]) -> Response[str]:
    """Check the key; on to the request that brought the person here, or to their permissions."""
    services, now_ms = services_of(request), services_of(request).clock()
    form = posted(request)
    named, source = request_named(form), source_here(request)
    with services.vault.data.read() as conn:
        wait = wait_seconds(conn, source, now_ms)
    if wait:
        return too_many(request, named, wait)
    before = request.cookies.get(services.jar.session_name, "")
    secret = _new_session(services, form.get("key", "").strip(), before, source, now_ms)
    if secret is None:
        return sign_in_form(request, "sign_in.html", named, error="sign_in.wrong", status=403)
    return welcome(request, secret, named)


@post("/sign-out", opt=access(Access.CONSUMER), sync_to_thread=True)
def sign_out(request: Request[Session, Any, Any]) -> Response[str]:
    """End the session on the server and forget its cookie."""
    services = services_of(request)
    with services.vault.data.write() as conn:
        end_session(conn, request.user.secret)
    jar = services.jar
    return see_other(f"/{page_lang(request).value}/sign-in", cookies=(jar.drop(jar.session_name),))


def visitor_of(request: Request[Any, Any, Any]) -> str:
    """The cookie of somebody who is not signed in, to which their forms are bound; empty when they have none."""
    return request.cookies.get(services_of(request).jar.visitor_name, "")


def too_many(request: Request[Any, Any, Any], named: dict[str, str] | None, wait: int) -> Response[str]:
    """The page of whoever tried too often; `wait` in seconds."""
    headers = {"Retry-After": str(wait)}
    return sign_in_form(request, "sign_in.html", named, error="sign_in.too_many", status=429, headers=headers)


def sign_in_form(
    request: Request[Any, Any, Any],
    template: str,
    named: dict[str, str] | None,
    *,
    error: str = "",
    status: int = 200,
    headers: dict[str, str] | None = None,
    bound: Callable[[str], dict[str, Any]] | None = None,
    **context: Any,
) -> Response[str]:
    """A page with a form for somebody who is not signed in, bound to the visitor's cookie.

    `bound` makes what else the template needs out of that cookie.
    """
    services = services_of(request)
    jar = services.jar
    visitor = visitor_of(request) or secrets.token_urlsafe(32)
    answer = page(
        request,
        template,
        status=status,
        headers=headers,
        binding=visitor,
        query=urlencode(named or {}),
        error=error,
        channels=tuple(channel.value for channel in Channel if channel in services.post_room.channels),
        passkeys=relying_of(services.issuer) is not None,
        **(named or {"client_id": "", "request_uri": ""}),
        **(bound(visitor) if bound else {}),
        **context,
    )
    answer.cookies.append(jar.keep(jar.visitor_name, visitor))
    return answer


def _new_session(services: Services, key: str, before: str, source: bytes, now_ms: int) -> str | None:
    with services.vault.data.read() as conn:
        account = accounts.sign_in(conn, key)
    with services.vault.data.write() as conn:
        secret = account and enter(conn, (account.bucket, account.subject), How.KEY, before, now_ms)
        if not secret:
            note_failure(conn, source, now_ms)
        return secret or None
