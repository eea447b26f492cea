"""Somebody the person refused asks again within thirty days: the person hears of it, and decides whether to be asked.

The request is not shown and not used up. Going back takes one press and answers `access_denied`; being asked after
all takes one press too, and is kept as an act of the person's own (`consent.asking.cooling`).
"""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import QueryParams

from api.edge.access import Access, access
from api.edge.headers import approval_policy
from api.edge.problems import Problem
from api.edge.sessions import Session
from api.portal.asked import open_request, person_of
from api.portal.posted import posted
from api.portal.render import page, page_lang, page_texts, see_other
from api.portal.requested import request_waiting, way_back
from api.portal.whom import ward_meant
from api.wiring import services_of
from consent.accounts.keys import Consumer
from consent.asking import cooling
from consent.asking.guarding import ward_of
from consent.recipients import register as recipients
from consent.wording import purposes


@get("/asked-again", opt=access(Access.CONSUMER), sync_to_thread=True)
def asked_again_page(request: Request[Session, Any, Any], query: QueryParams) -> Response[str]:
    """Who asks again, and until when they were to wait."""
    services, texts = services_of(request), page_texts(request)
    named, pending = request_waiting(request, dict(query))
    whose = _whose(request, named)
    with services.vault.data.read() as conn:
        who = recipients.recipient(conn, pending.recipient_id)
        what = purposes.purpose(conn, pending.details.purpose)
        until = cooling.cooling_until(conn, whose, pending.recipient_id, what.code, services.clock())
    if until is None or who is None:
        return see_other(open_request(request, request.user, named))
    return page(
        request,
        "asked_again.html",
        headers=approval_policy(pending.params.redirect_uri),
        named=named,
        recipient=who.legal_name,
        purpose=what.title(texts.lang.value),
        until=texts.moment(until),
    )


@post("/asked-again", opt=access(Access.CONSUMER), sync_to_thread=True)
def answer_asked_again(request: Request[Session, Any, Any]) -> Response[str]:
    """Back to the recipient with a no, or on to the request."""
    services, form = services_of(request), posted(request)
    named, pending = request_waiting(request, form)
    if form.get("decision") == "leave":
        params = pending.params
        return see_other(way_back(services, params.redirect_uri, params.state, {"error": "access_denied"}))
    if form.get("decision") != "ask":
        raise Problem(400, "invalid_input")
    person = _whose(request, named)
    with services.vault.data.write() as conn:
        cooling.let_ask_again(conn, person, pending.recipient_id, pending.details.purpose, services.clock())
    return see_other(open_request(request, request.user, named))


def _whose(request: Request[Session, Any, Any], named: dict[str, str]) -> Consumer:
    """Who was asked and refused: the person, or the ward they answer for."""
    ward = ward_meant(services_of(request), request.user, named)
    lang = page_lang(request)
    return person_of(request.user, lang) if ward is None else ward_of(ward, lang.value)
