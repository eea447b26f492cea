"""Signing in with a phone number or e-mail address and the six digits that are sent to it.

The page says that a code is on its way if the address is known here, and says so to everybody: known and unknown
addresses take the same statements, and what is sent leaves on a thread of its own. The code works in the
browser that asked for it, which the visitor's cookie stands for.
"""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import QueryParams

from api.edge.access import Access, access
from api.edge.attempts import note_failure, wait_seconds
from api.portal.entering import enter, welcome
from api.portal.limited import address_in, codes_offered, issue_limited, source_here
from api.portal.posted import posted
from api.portal.render import page_lang, see_other
from api.portal.requested import request_named
from api.portal.sign_in import sign_in_form, too_many, visitor_of
from api.wiring import services_of
from consent.accounts.one_time_codes import AskedFor, digits_in, spend
from consent.accounts.sign_ins import How


@get("/sign-in/code", opt=access(Access.BROWSER), sync_to_thread=False)
def code_page(request: Request[Any, Any, Any], query: QueryParams) -> Response[str]:
    """A code is entered on the page that asked for it; whoever comes here by the address alone starts again."""
    del query
    return see_other(f"/{page_lang(request).value}/sign-in")


@post("/sign-in/code", opt=access(Access.BROWSER), sync_to_thread=True)
def ask_for_code(request: Request[Any, Any, Any]) -> Response[str]:
    """Send a code to an address, if it is a known one, and show where to enter it, in any case."""
    services, form = services_of(request), posted(request)
    named = request_named(form)
    value = address_in(services, form.get("address", ""))
    if value is None:
        return sign_in_form(request, "sign_in.html", named, error="sign_in_code.bad_address", status=400)
    asked = AskedFor(binding=visitor_of(request))
    issued = issue_limited(request, value, asked)
    if isinstance(issued, int):
        return too_many(request, named, issued)
    return sign_in_form(request, "sign_in_code.html", named, ticket=issued.ticket)


@post("/sign-in/code/check", opt=access(Access.BROWSER), sync_to_thread=True)
def sign_in_with_code(request: Request[Any, Any, Any]) -> Response[str]:
    """Check the six digits; on to the request that brought the person here, or to their permissions."""
    services, form = services_of(request), posted(request)
    codes_offered(services)
    named, source, now_ms = request_named(form), source_here(request), services.clock()
    before = request.cookies.get(services.jar.session_name, "")
    ticket, code = form.get("ticket", ""), digits_in(form.get("code", ""))
    with services.vault.data.write() as conn:
        wait = wait_seconds(conn, source, now_ms)
        if wait:
            return too_many(request, named, wait)
        asked = AskedFor(binding=visitor_of(request))
        who = spend(conn, services.vault, ticket, code, asked, now_ms)
        secret = who and enter(conn, who, How.CODE, before, now_ms)
        if not secret:
            note_failure(conn, source, now_ms)
    if not secret:
        return sign_in_form(
            request, "sign_in_code.html", named, error="sign_in_code.wrong", status=403, ticket=ticket
        )
    return welcome(request, secret, named)
