"""Signing in with the key that enrolment handed out, and signing out.

A failure is counted in the data base against where it came from, and the page answers all failures alike.
Signing in always makes a new session, ends the one the browser still had and forgets the visitor's cookie, so
nothing an attacker planted in the browser beforehand, and nothing left there, is worth anything afterwards.
"""

import secrets
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.params import QueryParams

from api.access import Access, access
from api.attempts import note_failure, source_of, wait_seconds
from api.guards import current_session
from api.portal.asked import open_request, request_named
from api.portal.posted import posted
from api.portal.render import page, page_lang, see_other
from api.sessions import Session, end_session, find_session, open_session
from api.wiring import Services, services_of
from consent import accounts


@get("/sign-in", opt=access(Access.BROWSER), sync_to_thread=True)
def sign_in_page(request: Request[Any, Any, Any], query: QueryParams) -> Response[str]:
    """The sign-in page; a request for data that brought the person here is named in its form."""
    if current_session(services_of(request), request.cookies) is not None:
        return see_other(f"/{page_lang(request).value}/grants")
    named = request_named({name: query[name] for name in query})
    return _form(request, named)


@post("/sign-in", opt=access(Access.BROWSER), sync_to_thread=True)
def sign_in(request: Request[Any, Any, Any]) -> Response[str]:
    """Check the key; on to the request that brought the person here, or to their permissions."""
    services, now_ms = services_of(request), services_of(request).clock()
    form = posted(request)
    source = source_of(services.csrf_key, request.client.host if request.client else "")
    with services.vault.data.read() as conn:
        wait = wait_seconds(conn, source, now_ms)
    named = request_named(form)
    if wait:
        return _form(request, named, error="sign_in.too_many", status=429, headers={"Retry-After": str(wait)})
    before = request.cookies.get(services.jar.session_name, "")
    secret = _new_session(services, form.get("key", "").strip(), before, source, now_ms)
    if secret is None:
        return _form(request, named, error="sign_in.wrong", status=403)
    jar, lang = services.jar, page_lang(request)
    cookies = (jar.keep(jar.session_name, secret), jar.drop(jar.visitor_name))
    if named is None:
        return see_other(f"/{lang.value}/grants", cookies=cookies)
    session = find_session(services.vault.data, secret, now_ms, services.lifetime)
    assert session is not None
    return see_other(open_request(services, session, named, lang), cookies=cookies)


@post("/sign-out", opt=access(Access.CONSUMER), sync_to_thread=True)
def sign_out(request: Request[Session, Any, Any]) -> Response[str]:
    """End the session on the server and forget its cookie."""
    services = services_of(request)
    with services.vault.data.write() as conn:
        end_session(conn, request.user.secret)
    jar = services.jar
    return see_other(f"/{page_lang(request).value}/sign-in", cookies=(jar.drop(jar.session_name),))


def _new_session(services: Services, key: str, before: str, source: bytes, now_ms: int) -> str | None:
    with services.vault.data.read() as conn:
        account = accounts.sign_in(conn, key)
    with services.vault.data.write() as conn:
        if account is None:
            note_failure(conn, source, now_ms)
            return None
        end_session(conn, before)
        return open_session(conn, account.bucket, account.subject, now_ms)


def _form(
    request: Request[Any, Any, Any],
    named: dict[str, str] | None,
    *,
    error: str = "",
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response[str]:
    jar = services_of(request).jar
    visitor = request.cookies.get(jar.visitor_name) or secrets.token_urlsafe(32)
    asked = named or {"client_id": "", "request_uri": ""}
    answer = page(
        request,
        "sign_in.html",
        status=status,
        headers=headers,
        binding=visitor,
        query=urlencode(named or {}),
        error=error,
        **asked,
    )
    answer.cookies.append(jar.keep(jar.visitor_name, visitor))
    return answer
