"""The people somebody stands for as their guardian: what they allowed, and the presses that take it back or confirm it.

A guardian sees a ward's permissions and withdraws them for as long as the link holds; they confirm, and let
recipients ask directly, only while they decide for the ward (`consent.asking.guarding`). The ward sees all of
it on pages of their own.
"""

from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath, QueryParams

from api.edge.access import Access, access
from api.edge.problems import Problem
from api.edge.sessions import Session
from api.i18n import Catalogue
from api.portal.called import told_apart
from api.portal.grants import GrantView, grant_view
from api.portal.guarded import confirm_grant, guarded_steps, paused, step_lines
from api.portal.passed_on import lines_of
from api.portal.posted import posted
from api.portal.render import page, page_lang, page_texts, see_other
from api.portal.waiting import askers_of, change_asker
from api.portal.whom import standing, ward_named
from api.portal.withdrawals import scope_of
from api.wiring import Services, services_of
from consent.asking.guarding import link_text, ward_of
from consent.grants import history
from consent.ids import parse_grant
from consent.protection.ending import Scope, end_all
from vault.families.guardians import Guardianship

_GRANT = "grant"


@dataclass(frozen=True, slots=True, kw_only=True)
class WardView:
    """One ward in the list."""

    id: str
    name: str
    tie: str
    since: str
    decides: str


@get("/wards", opt=access(Access.CONSUMER), sync_to_thread=True)
def wards_page(request: Request[Session, Any, Any]) -> Response[str]:
    """Everybody this person stands for now."""
    services, texts = services_of(request), page_texts(request)
    ties = standing(services, request.user)
    return page(request, "wards.html", wards=[_ward(services, tie, texts) for tie in ties])


@get("/wards/{name:str}", opt=access(Access.CONSUMER), sync_to_thread=True)
def ward_page(request: Request[Session, Any, Any], name: FromPath[str], query: QueryParams) -> Response[str]:
    """One ward's permissions, newest first."""
    services, texts, now_ms = services_of(request), page_texts(request), services_of(request).clock()
    tie = ward_named(services, request.user, name)
    decides = tie.decides_at(now_ms)
    done = next((f"wards.{what}_done" for what in ("withdrawn", "confirmed") if what in query), "")
    return page(
        request,
        "ward.html",
        ward=_ward(services, tie, texts),
        decides=decides,
        done=done,
        grants=_views(services, tie, texts),
        askers=askers_of(services, ward_of(tie, texts.lang.value)) if decides else [],
        askers_path=f"wards/{name}/askers",
    )


@post("/wards/{name:str}/withdraw", opt=access(Access.CONSUMER), sync_to_thread=True)
def withdraw_for_ward(request: Request[Session, Any, Any], name: FromPath[str]) -> Response[str]:
    """Take back one of the ward's permissions (`grant`), all of a `recipient`'s, for a `purpose`, or `everything`."""
    services, form = services_of(request), posted(request)
    tie = ward_named(services, request.user, name)
    scope = Scope(grant_id=parse_grant(form[_GRANT])) if form.keys() == {_GRANT} else scope_of(form)
    done = end_all(services.vault, (tie.bucket, tie.ward), scope, services.clock(), guardian=tie)
    if not done:
        raise Problem(409, "not_withdrawable")
    return see_other(f"/{page_lang(request).value}/wards/{name}?withdrawn")


@post("/wards/{name:str}/confirm", opt=access(Access.CONSUMER), sync_to_thread=True)
def confirm_for_ward(request: Request[Session, Any, Any], name: FromPath[str]) -> Response[str]:
    """Let a paused permission of the ward's stand again."""
    tie = ward_named(services_of(request), request.user, name)
    confirm_grant(request, (tie.bucket, tie.ward), posted(request).get(_GRANT, ""), tie)
    return see_other(f"/{page_lang(request).value}/wards/{name}?confirmed")


@post("/wards/{name:str}/askers", opt=access(Access.CONSUMER), sync_to_thread=True)
def let_ask_ward(request: Request[Session, Any, Any], name: FromPath[str]) -> Response[str]:
    """Let a recipient ask for the ward directly, or stop it."""
    services, lang = services_of(request), page_lang(request).value
    tie = ward_named(services, request.user, name)
    if not tie.decides_at(services.clock()):
        raise Problem(403, "guardian_decides")
    change_asker(services, ward_of(tie, lang), posted(request))
    return see_other(f"/{lang}/wards/{name}")


def _views(services: Services, tie: Guardianship, texts: Catalogue) -> list[GrantView]:
    now_ms, fields = services.clock(), services.vault.catalogue
    with services.vault.data.read() as conn:
        lines = history.grants(conn, tie.bucket, tie.ward)
        taken = guarded_steps(conn, (tie.bucket, tie.ward))
        beyond = lines_of(conn, lines, texts)
    return [
        grant_view(
            line,
            texts,
            fields,
            now_ms,
            after=(*beyond[line.id], *step_lines(services, taken.get(line.id, ()), texts, own=False)),
            can_confirm=paused(taken.get(line.id, ())) and line.withdrawable and tie.decides_at(now_ms),
        )
        for line in lines
    ]


def _ward(services: Services, tie: Guardianship, texts: Catalogue) -> WardView:
    now_ms = services.clock()
    decides = tie.decides_at(now_ms)
    until = tie.decides_until if decides else None
    return WardView(
        id=link_text(tie),
        name=told_apart(services.vault, (tie.bucket, tie.ward)) or texts.text("wards.unnamed"),
        tie=texts.text(f"wards.{tie.kind.value}"),
        since=texts.text("wards.since", date=texts.date(tie.valid_from)),
        decides=texts.text("wards.you_decide_until", date=texts.date(until))
        if until is not None
        else texts.text("wards.you_decide" if decides else "wards.they_decide"),
    )
