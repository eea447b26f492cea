"""An approval that waits for the person's trusted one: how it stands, and what its person can do with it.

Once the trusted person has said yes, one press takes the browser to the recipient with the code. Until then one press
takes the approval back.
"""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from api.edge.access import Access, access
from api.edge.headers import approval_policy
from api.edge.problems import Problem
from api.edge.sessions import Session
from api.portal.asked import person_of
from api.portal.called import called
from api.portal.render import page, page_lang, page_texts, see_other
from api.portal.requested import way_back
from api.wiring import Services, services_of
from consent.approving import approve
from consent.approving.approve import Showing
from consent.asking.ask import Via
from consent.ids import parse_showing
from consent.protection import deferral
from consent.protection.mode import current
from consent.protection.waiting import Waiting, waited_for
from consent.refusals import Refusal
from consent.schema.grant_states import GrantState


@get("/requests/{name:str}/deferred", opt=access(Access.CONSUMER), sync_to_thread=True)
def deferred_page(request: Request[Session, Any, Any], name: FromPath[str]) -> Response[str]:
    """How it stands."""
    services, texts, now_ms = services_of(request), page_texts(request), services_of(request).clock()
    shown, one = _found(request, name)
    with services.vault.data.read() as conn:
        guard = current(conn, (request.user.bucket, request.user.subject), now_ms)
    trusted = "" if guard is None or guard.accepted_at is None else called(services.vault, guard.by)
    back = shown.via is Via.CODE and one.state is GrantState.ACTIVE
    return page(
        request,
        "deferred.html",
        headers=approval_policy(shown.redirect_uri) if back else {},
        name=name,
        recipient=one.recipient,
        trusted=trusted or texts.text("protected.trusted_unnamed"),
        why=texts.text(f"protected.why_{one.why.value}"),
        until=texts.moment(one.expires_at),
        standing=standing_of(one, now_ms),
        goes_on=back,
    )


@post("/requests/{name:str}/continue", opt=access(Access.CONSUMER), sync_to_thread=True)
def continue_deferred(request: Request[Session, Any, Any], name: FromPath[str]) -> Response[str]:
    """On to the recipient, with the code, once."""
    services = services_of(request)
    person = person_of(request.user, page_lang(request))
    answer = deferral.collect(services.vault, person, parse_showing(name), services.clock())
    if isinstance(answer, Refusal):
        raise Problem(410, "request_closed")
    return see_other(way_back(services, answer.redirect_uri, answer.state, {"code": answer.code}))


@post("/requests/{name:str}/take-back", opt=access(Access.CONSUMER), sync_to_thread=True)
def take_deferred_back(request: Request[Session, Any, Any], name: FromPath[str]) -> Response[str]:
    """The person no longer wants it."""
    services = services_of(request)
    _, one = _found(request, name)
    who = (request.user.bucket, request.user.subject)
    done = deferral.take_back(services.vault, who, one.grant_id, services.clock())
    if isinstance(done, Refusal):
        raise Problem(410, "request_closed")
    return see_other(f"/{page_lang(request).value}/requests/{name}/deferred")


def standing_of(one: Waiting, now_ms: int) -> str:
    """How a consent that waits or waited stands: waiting, lapsed, refused, or given."""
    if one.state is GrantState.DEFERRED:
        return "waiting" if one.open_at(now_ms) else "lapsed"
    if one.state in {GrantState.LAPSED, GrantState.REFUSED}:
        return one.state.value
    return "given"


def _found(request: Request[Session, Any, Any], name: str) -> tuple[Showing, Waiting]:
    services: Services = services_of(request)
    person = person_of(request.user, page_lang(request))
    with services.vault.data.read() as conn:
        shown = approve.showing(conn, person, parse_showing(name))
        one = None if shown is None or shown.decided is None else waited_for(conn, shown.decided)
    if shown is None or one is None:
        raise Problem(404, "not_found")
    return shown, one
