"""A new sign-in key for whoever has lost theirs: two codes, to a mailbox and a telephone, and the same a day later.

The pages say the same to everybody (`sign_in_code`): whether two addresses are known, or one person's, shows
only to whoever enters both codes. When the day begins, both addresses are told, with a link by which it can be
stopped; the link opens a page with one button, because mail programs follow links by themselves. Where codes go
by one channel only there are not two independent proofs, and no such page.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath
from sqlalchemy import Connection

from api.edge.access import Access, access
from api.edge.attempts import note_failure, wait_seconds
from api.edge.problems import Problem
from api.edge.sessions import Session, end_sessions_of
from api.portal.limited import address_in, issue_limited, send_notice, source_here
from api.portal.posted import posted
from api.portal.render import page_lang, page_texts, see_other
from api.portal.sign_in import sign_in_form, too_many, visitor_of
from api.senders.message import Channel
from api.wiring import Services, services_of
from consent.accounts import recovery
from consent.accounts.one_time_codes import AskedFor, address_of, digits_in, spend
from consent.accounts.recovery import Begun, Replaced, Waiting
from vault.finding.holder import KeyValue
from vault.ids import Person

_ABOUT = b"perusal recovery v1"
_CHANNELS = (Channel.EMAIL, Channel.SMS)


@get("/recovery", opt=access(Access.BROWSER), sync_to_thread=True)
def recovery_page(request: Request[Any, Any, Any]) -> Response[str]:
    """Where both addresses are entered."""
    _both(services_of(request))
    return sign_in_form(request, "recovery.html", None)


@post("/recovery", opt=access(Access.BROWSER), sync_to_thread=True)
def ask_for_both(request: Request[Any, Any, Any]) -> Response[str]:
    """Send a code to each address, if it is a known one, and show where to enter them, in any case."""
    _both(services_of(request))
    values = _addresses(request, posted(request))
    if values is None:
        return sign_in_form(request, "recovery.html", None, error="recovery.bad_addresses", status=400)
    tickets: dict[str, str] = {}
    for value in values:
        issued = issue_limited(request, value, _asked(request, values))
        if isinstance(issued, int):
            return too_many(request, None, issued)
        tickets[value.field] = issued.ticket
    return _codes_form(request, posted(request), tickets)


@post("/recovery/check", opt=access(Access.BROWSER), sync_to_thread=True)
def check_both(request: Request[Any, Any, Any]) -> Response[str]:
    """Check both codes: the day begins, goes on, or is over and the new key is shown, once."""
    services, form, source = services_of(request), posted(request), source_here(request)
    _both(services)
    now_ms = services.clock()
    with services.vault.data.write() as conn:
        wait = wait_seconds(conn, source, now_ms)
        if wait:
            return too_many(request, None, wait)
        people = _proven(conn, request, form)
        who = people[0] if people[0] == people[1] else None
        done = who and recovery.step(conn, who, now_ms)
        if not done:
            note_failure(conn, source, now_ms)
        if who and isinstance(done, Replaced):
            end_sessions_of(conn, [who])
    if not done:
        return _codes_form(request, form, _tickets(form), error="recovery.wrong", status=403)
    _tell(request, form, done)
    return sign_in_form(request, "recovery_done.html", None, **_said(request, done))


@get("/recovery/{name:str}/stop", opt=access(Access.BROWSER), sync_to_thread=False)
def stop_page(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[str]:
    """One button, for whoever holds what was sent."""
    return sign_in_form(request, "recovery_stop.html", None, name=name, stopped=False)


@post("/recovery/{name:str}/stop", opt=access(Access.BROWSER), sync_to_thread=True)
def stop_by_link(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[str]:
    """Stop a replacement by the link that was sent."""
    services, source, now_ms = services_of(request), source_here(request), services_of(request).clock()
    with services.vault.data.write() as conn:
        wait = wait_seconds(conn, source, now_ms)
        if wait:
            return too_many(request, None, wait)
        stopped = recovery.cancel(conn, name, now_ms)
        if not stopped:
            note_failure(conn, source, now_ms)
    if not stopped:
        raise Problem(404, "not_found")
    return sign_in_form(request, "recovery_stop.html", None, name=name, stopped=True)


@post("/account/recovery/stop", opt=access(Access.CONSUMER), sync_to_thread=True)
def stop_own(request: Request[Session, Any, Any]) -> Response[str]:
    """Stop what somebody asked for in the signed-in person's name."""
    services, person = services_of(request), request.user
    with services.vault.data.write() as conn:
        recovery.cancel_own(conn, (person.bucket, person.subject), services.clock())
    return see_other(f"/{page_lang(request).value}/account")


def _both(services: Services) -> None:
    if not frozenset(_CHANNELS) <= services.post_room.channels:
        raise Problem(404, "not_found")


def _asked(request: Request[Any, Any, Any], values: Sequence[KeyValue]) -> AskedFor:
    """Good for these two addresses together: nobody can have others told."""
    vault = services_of(request).vault
    about = hashlib.sha256(_ABOUT + b"".join(address_of(vault, value) for value in values))
    return AskedFor(binding=visitor_of(request), about=about.digest())


def _addresses(request: Request[Any, Any, Any], form: dict[str, str]) -> list[KeyValue] | None:
    """What was typed in both fields, each of its own kind."""
    services = services_of(request)
    values = [address_in(services, form.get(channel.value, "")) for channel in _CHANNELS]
    good = [
        value for value, channel in zip(values, _CHANNELS, strict=True) if value and value.field == channel
    ]
    return good if len(good) == len(_CHANNELS) else None


def _tickets(form: dict[str, str]) -> dict[str, str]:
    return {channel.value: form.get(f"{channel.value}_ticket", "") for channel in _CHANNELS}


def _codes_form(
    request: Request[Any, Any, Any],
    form: dict[str, str],
    tickets: dict[str, str],
    *,
    error: str = "",
    status: int = 200,
) -> Response[str]:
    return sign_in_form(
        request,
        "recovery_codes.html",
        None,
        error=error,
        status=status,
        tickets=tickets,
        addresses={channel.value: form.get(channel.value, "") for channel in _CHANNELS},
    )


def _proven(conn: Connection, request: Request[Any, Any, Any], form: dict[str, str]) -> list[Person | None]:
    """Whose address each code has proven; both are used up, whatever becomes of the first."""
    services, asked = services_of(request), _asked(request, _addresses(request, form) or ())
    return [
        spend(
            conn,
            services.vault,
            form.get(f"{channel.value}_ticket", ""),
            digits_in(form.get(f"{channel.value}_code", "")),
            asked,
            services.clock(),
        )
        for channel in _CHANNELS
    ]


def _tell(request: Request[Any, Any, Any], form: dict[str, str], done: Begun | Waiting | Replaced) -> None:
    """Tell both addresses, which have just been proven to be the person's, what begins or has happened."""
    services, texts, lang = services_of(request), page_texts(request), page_lang(request).value
    if isinstance(done, Waiting):
        return
    if isinstance(done, Begun):
        link = services.url(f"/{lang}/recovery/{done.cancel}/stop")
        text = texts.text("recovery.told_begun", time=texts.moment(done.due_at), link=link)
    else:
        text = texts.text("recovery.told_replaced")
    for value in _addresses(request, form) or ():
        send_notice(request, value, texts.text("recovery.told_subject"), text)


def _said(request: Request[Any, Any, Any], done: Begun | Waiting | Replaced) -> dict[str, Any]:
    texts = page_texts(request)
    if isinstance(done, Replaced):
        return {"key": done.key, "due": ""}
    return {"key": "", "due": texts.moment(done.due_at)}
