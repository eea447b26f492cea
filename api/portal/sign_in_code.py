"""Signing in with a phone number or e-mail address and the six digits that are sent to it.

The page says that a code is on its way if the address is known here, and says so to everybody: known and unknown
addresses take the same statements, and what is sent leaves on a thread of its own. The code works in the
browser that asked for it, which the visitor's cookie stands for.
"""

import unicodedata
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import QueryParams
from sqlalchemy import Connection

from api.access import Access, access
from api.attempts import (
    CODES_FROM_SOURCE,
    CODES_OF_ALL,
    CODES_TO_ADDRESS,
    CODES_TO_ADDRESS_DAILY,
    Limit,
    count,
    note_failure,
    wait_seconds,
)
from api.portal.asked import request_named
from api.portal.entering import enter, welcome
from api.portal.posted import posted
from api.portal.render import page_lang, page_texts, see_other
from api.portal.sign_in import sign_in_form, source_here, too_many, visitor_of
from api.problems import Problem
from api.senders.message import Channel, Message
from api.wiring import Services, services_of
from consent.one_time_codes import AskedFor, Issued, address_of, issue, spend
from consent.sign_ins import How
from vault.drafts import Refused
from vault.holder import KeyValue, key_value

_LONGEST = 320


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
    _offered(services)
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


def digits_in(text: str) -> str:
    """A code as people type or paste it: with blanks, or in wide digits."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def address_in(services: Services, text: str) -> KeyValue | None:
    """What somebody typed as an address that codes can go to, or None: it is none, or of no channel we have."""
    channels = _offered(services)
    channel = Channel.EMAIL if "@" in text or "\uff20" in text else Channel.SMS
    if channel not in channels or len(text) > _LONGEST:
        return None
    value = key_value(services.vault, channel.value, text)
    return None if isinstance(value, Refused) else value


def issue_limited(request: Request[Any, Any, Any], value: KeyValue, asked: AskedFor) -> Issued | int:
    """Make a code and hand it to the post room, or answer how many seconds to wait."""
    services, now_ms = services_of(request), services_of(request).clock()
    with services.vault.data.write() as conn:
        wait = _counted(conn, services, source_here(request), address_of(services.vault, value), now_ms)
        if wait:
            return wait
        issued = issue(conn, services.vault, value, asked, now_ms)
    services.post_room.hand_in(_message(request, value, issued), known=issued.known)
    return issued


def _counted(conn: Connection, services: Services, source: bytes, address: bytes, now_ms: int) -> int:
    """Count one code by whom, to whom and of all, stopping at the first limit: strangers do not use up ours."""
    of_all = Limit(name=CODES_OF_ALL, most=services.settings.code_limit)
    limits = (
        (CODES_FROM_SOURCE, source),
        (CODES_TO_ADDRESS, address),
        (CODES_TO_ADDRESS_DAILY, address),
        (of_all, b""),
    )
    for limit, what in limits:
        if wait := count(conn, limit, what, now_ms):
            return wait
    return 0


def _message(request: Request[Any, Any, Any], value: KeyValue, issued: Issued) -> Message:
    texts, channel = page_texts(request), Channel(value.field)
    # A number without a country's code is one of the mainland (vault.fields.phone).
    domestic = channel is Channel.SMS and not value.canonical.startswith("+")
    return Message(
        channel=channel,
        to=f"+86{value.canonical}" if domestic else value.canonical,
        subject=texts.text("sign_in_code.subject"),
        text=texts.text("sign_in_code.message", code=issued.code),
        code=issued.code,
    )


def _offered(services: Services) -> frozenset[Channel]:
    channels = services.post_room.channels
    if not channels:
        raise Problem(404, "not_found")
    return channels
