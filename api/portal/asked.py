"""A recipient's request as its person sees it: claimed once, shown masked, refused or approved.

Optional fields arrive unticked, refusing stands first and takes no more steps than approving, and the page
shows only masked values. The answer leaves by a redirect to the recipient with `code` or `error`, `state`
and `iss` (RFC 6749, RFC 9207). A request claimed by one person is nobody else's.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.params import FromPath

from api.edge.access import Access, access
from api.edge.headers import approval_policy
from api.edge.problems import Problem
from api.edge.sessions import Session
from api.i18n import Lang
from api.portal import acts, presence
from api.portal.arrival import arrived_at
from api.portal.asked_lines import asked_of
from api.portal.posted import posted
from api.portal.render import page, page_lang, page_texts, see_other
from api.portal.requested import check_waiting, way_back
from api.portal.ticks import ticked_in
from api.portal.whom import WHOM, deciding, ward_meant
from api.wiring import Services, services_of
from consent.accounts.keys import Consumer
from consent.approving import approve
from consent.approving.approve import Approved, Deferred, Refused, Showing
from consent.approving.separate_acts import Act
from consent.asking.ask import Via
from consent.asking.beside import shown_before
from consent.ids import ShowingId, parse_showing, showing_text
from consent.refusals import Refusal, RefusalCode
from consent.wording.alias_fields import ALIASES

_CLOSED = frozenset({RefusalCode.SHOWING_DECIDED, RefusalCode.SHOWING_EXPIRED, RefusalCode.WINDOW_CLOSED})

_BEFORE: Mapping[RefusalCode, str] = {
    RefusalCode.REQUEST_TOO_SOON: "asked-again",
    RefusalCode.GUARDIAN_NEEDED: "guardian-needed",
}
"""The pages that come first where a request is not shown as things stand."""


def open_request(request: Request[Any, Any, Any], session: Session, named: Mapping[str, str]) -> str:
    """Use the `request_uri` up for whom it is meant; returns the path of the request's page, or of one before it.

    Whoever was shown it already, and has not answered, comes back to its page.
    """
    services, lang, came = services_of(request), page_lang(request), arrived_at(request, named)
    shown = _shown_before(services, session, named, lang)
    if shown is not None:
        return f"/{lang.value}/requests/{showing_text(shown)}"
    if WHOM not in named and deciding(services, session):
        check_waiting(services, named, came)
        return f"/{lang.value}/for-whom?{urlencode(named)}"
    claimed = approve.claim(
        services.vault,
        person_of(session, lang),
        named["request_uri"],
        named["client_id"],
        services.clock(),
        ward_meant(services, session, named),
        came_ms=came,
    )
    if isinstance(claimed, Refusal):
        if claimed.code in _BEFORE:
            return f"/{lang.value}/{_BEFORE[claimed.code]}?{urlencode(named)}"
        raise Problem(400, "invalid_request_uri")
    return f"/{lang.value}/requests/{showing_text(claimed.id)}"


def _shown_before(
    services: Services, session: Session, named: Mapping[str, str], lang: Lang
) -> ShowingId | None:
    """What this person was shown of the request and may still answer, for themselves or for a ward of theirs."""
    buckets = {session.bucket, *(tie.bucket for tie in deciding(services, session))}
    person, now_ms = person_of(session, lang), services.clock()
    with services.vault.data.read() as conn:
        return shown_before(conn, person, named["request_uri"], named["client_id"], now_ms, buckets=buckets)


@get("/requests/{name:str}", opt=access(Access.CONSUMER), sync_to_thread=True)
def request_page(request: Request[Session, Any, Any], name: FromPath[str]) -> Response[str]:
    """The approval page."""
    services, lang = services_of(request), page_lang(request)
    with services.vault.data.read() as conn:
        shown = approve.showing(conn, person_of(request.user, lang), _parsed(name))
    if shown is None:
        raise Problem(404, "not_found")
    if shown.decided is not None or services.clock() >= shown.expires_at:
        raise Problem(410, "request_closed")
    asked = asked_of(services, shown, page_texts(request))
    headers = approval_policy(shown.redirect_uri) if shown.via is Via.CODE else {}
    return page(request, "approve.html", headers=headers, ask=asked)


@post("/requests/{name:str}", opt=access(Access.CONSUMER), sync_to_thread=True)
def answer_request(request: Request[Session, Any, Any], name: FromPath[str]) -> Response[str]:
    """Take the person's yes or no and send the browser back to the recipient."""
    services, person, form = (
        services_of(request),
        person_of(request.user, page_lang(request)),
        posted(request),
    )
    given = presence.taken(form)
    answer = _decide(request, person, _parsed(name), form, given)
    if isinstance(answer, Response):
        return answer
    if isinstance(answer, Refusal):
        raise _problem(answer)
    cookies = presence.renewed(request) if given and isinstance(answer, Approved | Deferred) else ()
    if isinstance(answer, Deferred):
        return see_other(f"/{person.lang}/requests/{name}/deferred", cookies=cookies)
    if not answer.redirect_uri:
        return see_other(f"/{person.lang}/requests/{name}/answered", cookies=cookies)
    outcome = {"code": answer.code} if isinstance(answer, Approved) else {"error": "access_denied"}
    back = way_back(services, answer.redirect_uri, answer.state, outcome)
    return see_other(back, cookies=cookies)


@get("/requests/{name:str}/answered", opt=access(Access.CONSUMER), sync_to_thread=True)
def answered_page(request: Request[Session, Any, Any], name: FromPath[str]) -> Response[str]:
    """Where an answer ends that no browser carries back: the recipient hears of it by asking us."""
    services, person = services_of(request), person_of(request.user, page_lang(request))
    with services.vault.data.read() as conn:
        shown = approve.showing(conn, person, _parsed(name))
    if shown is None or shown.decided is None:
        raise Problem(404, "not_found")
    return page(request, "answered.html", recipient=shown.recipient.legal_name, approved=shown.approved)


def _decide(
    request: Request[Session, Any, Any],
    person: Consumer,
    showing_id: ShowingId,
    form: dict[str, str],
    given: Mapping[str, str],
) -> Approved | Deferred | Refused | Refusal | Response[str]:
    """The decision, or the page that asks for what it takes beside: an act of its own (`acts`), a proof (`presence`)."""
    services = services_of(request)
    decision, now_ms = form.pop("decision", ""), services.clock()
    if decision == "refuse":
        return approve.refuse(services.vault, person, showing_id, now_ms)
    if decision != "approve":
        raise Problem(400, "invalid_input")
    with services.vault.data.read() as conn:
        shown = approve.showing(conn, person, showing_id)
    act, name = form.pop("act", ""), form.pop("signature", "")
    chosen, proof = _chosen(form, shown), presence.proof_in(request, given) if given else None
    answer: Approved | Deferred | Refusal | None
    answer = acts.agree(services, person, showing_id, chosen, act, name) if act else None
    if answer is None:
        answer = approve.approve(services.vault, person, showing_id, chosen, now_ms, proof)
    if isinstance(answer, Refusal) and shown and chosen is not None:
        return _beside(request, shown, frozenset(chosen - set(shown.fields)), given, answer)
    return answer


def _beside(
    request: Request[Session, Any, Any],
    shown: Showing,
    ticked: frozenset[str],
    given: Mapping[str, str],
    answer: Refusal,
) -> Refusal | Response[str]:
    if answer.code in {RefusalCode.ACT_NEEDED, RefusalCode.ACT_NAME}:
        wrong = answer.code is RefusalCode.ACT_NAME
        return acts.ask_for_act(request, shown, ticked, Act(answer.at), wrong=wrong)
    if answer.code in presence.ASKED_FOR:
        return presence.ask_for_proof(request, shown, ticked, given, answer)
    return answer


def _chosen(form: Mapping[str, str], shown: Showing | None) -> set[str] | None:
    """The needed fields and whatever was ticked, an alias instead of its field; a member that is no tick box is refused."""
    if shown is None:
        return None
    ticked = ticked_in(form)
    if len(ticked) != len(form):
        raise Problem(400, "invalid_input")
    asked = {*shown.fields, *shown.optional_fields}
    return {*ticked, *shown.fields} - {ALIASES[code] for code in ticked - asked if code in ALIASES}


_PROBLEMS: Mapping[RefusalCode, tuple[int, str]] = {
    RefusalCode.SHOWING_UNKNOWN: (404, "not_found"),
    RefusalCode.PARENT_ENDED: (410, "parent_ended"),
    RefusalCode.CLIENT_SUSPENDED: (409, "recipient_stopped"),
    RefusalCode.REQUEST_TOO_SOON: (409, "refused_meanwhile"),
    RefusalCode.GUARDIAN_NEEDED: (403, "guardian_decides"),
    RefusalCode.GUARDIAN_OVER: (403, "guardian_decides"),
    RefusalCode.PROTECTION_CHANGED: (409, "protection_changed"),
    RefusalCode.ALIAS_NONE_LEFT: (409, "alias_none_left"),
    **dict.fromkeys(_CLOSED, (410, "request_closed")),
}


def _problem(refusal: Refusal) -> Problem:
    return Problem(*_PROBLEMS.get(refusal.code, (400, "choice_excess")))


def _parsed(name: str) -> ShowingId:
    return parse_showing(name)


def person_of(session: Session, lang: Lang) -> Consumer:
    """Whose session this is, in the language of the page."""
    return Consumer(bucket=session.bucket, subject=session.subject, lang=lang.value)
