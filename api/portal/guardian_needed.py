"""Somebody who has a guardian for it is asked: the page says who can answer, and hands the browser over to them.

The request is neither shown nor used up. Going back takes one press and answers `access_denied`; handing over
ends the session, and the guardian signs in on the same device, within the ten minutes of that browser
(`arrival`).
"""

from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.params import QueryParams

from api.edge.access import Access, access
from api.edge.headers import approval_policy
from api.edge.problems import Problem
from api.edge.sessions import Session, end_session
from api.portal.called import called
from api.portal.posted import posted
from api.portal.render import page, page_lang, see_other
from api.portal.requested import request_waiting, way_back
from api.wiring import Services, services_of
from consent.asking.guarding import deciders, guardian_of
from consent.recipients import register as recipients


@get("/guardian-needed", opt=access(Access.CONSUMER), sync_to_thread=True)
def guardian_needed_page(request: Request[Session, Any, Any], query: QueryParams) -> Response[str]:
    """Who asks, and who can answer."""
    services = services_of(request)
    named, pending = request_waiting(request, dict(query))
    with services.vault.data.read() as conn:
        who = recipients.recipient(conn, pending.recipient_id)
    assert who is not None  # a foreign key promises it
    return page(
        request,
        "guardian_needed.html",
        headers=approval_policy(pending.params.redirect_uri),
        named=named,
        recipient=who.legal_name,
        guardians=guardians_of(services, request.user),
    )


@post("/guardian-needed", opt=access(Access.CONSUMER), sync_to_thread=True)
def answer_guardian_needed(request: Request[Session, Any, Any]) -> Response[str]:
    """Back to the recipient with a no, or over to the guardian."""
    services, form = services_of(request), posted(request)
    named, pending = request_waiting(request, form)
    if form.get("decision") == "leave":
        params = pending.params
        return see_other(way_back(services, params.redirect_uri, params.state, {"error": "access_denied"}))
    if form.get("decision") != "hand_over":
        raise Problem(400, "invalid_input")
    with services.vault.data.write() as conn:
        end_session(conn, request.user.secret)
    sign_in = f"/{page_lang(request).value}/sign-in?{urlencode(named)}"
    return see_other(sign_in, cookies=(services.jar.drop(services.jar.session_name),))


def guardians_of(services: Services, session: Session) -> list[str]:
    """What those are called who decide for this person now."""
    with services.vault.data.read() as conn:
        ties = deciders(conn, (session.bucket, session.subject), services.clock())
    return [called(services.vault, guardian_of(tie)) for tie in ties]
