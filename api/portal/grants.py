"""A person's permissions, and the one press that takes one back.

Withdrawing asks for no reason and no confirmation: it takes fewer steps than giving did, acts with its
commit, and repeating it changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath, QueryParams

from api.edge.access import Access, access
from api.edge.problems import Problem
from api.edge.sessions import Session
from api.i18n import Catalogue
from api.portal.denied_service import denial_lines
from api.portal.guarded import confirm_grant, guarded_steps, paused, step_lines
from api.portal.my_receipts import pages
from api.portal.passed_on import lines_of
from api.portal.render import page, page_lang, page_texts, see_other
from api.portal.told import banner
from api.portal.withdrawals import choices
from api.portal.words import field_labels, purpose_title, state_tone, state_word
from api.wiring import services_of
from consent.asking.guarding import needs_guardian
from consent.delivery.events import EventKind
from consent.delivery.outbox import Told, standing
from consent.grants import history, service_denials
from consent.grants.history import AnnulledLine, GrantLine
from consent.ids import grant_text, parse_grant
from consent.schema.grant_states import GrantState
from consent.withdrawal.deletions import Recorded, proofs
from consent.withdrawal.withdraw import withdraw
from vault.fields import Catalogue as Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantView:
    """One permission on the page."""

    id: str
    recipient: str
    purpose: str
    state: str
    tone: str
    fields: tuple[str, ...]
    used: str
    when: str
    after: tuple[str, ...]
    given: bool
    can_withdraw: bool
    can_confirm: bool
    without: tuple[str, ...]
    """The optional kinds of data it was given without, while nobody has said that they were refused for that."""


@get("/grants", opt=access(Access.CONSUMER), sync_to_thread=True)
def grants_page(request: Request[Session, Any, Any], query: QueryParams) -> Response[str]:
    """Everyone this person has answered, newest first."""
    services, texts = services_of(request), page_texts(request)
    who = (request.user.bucket, request.user.subject)
    with services.vault.data.read() as conn:
        lines = history.grants(conn, request.user.bucket, request.user.subject)
        told = banner(conn, request.user, texts, services.vault.catalogue)
        names = [line.id for line in lines]
        beyond = lines_of(conn, lines, texts)
        events = standing(conn, request.user.bucket, names, services.clock())
        erased = proofs(conn, request.user.bucket, names)
        taken = guarded_steps(conn, who)
        without, said = service_denials.left_off(conn, who), service_denials.said(conn, who)
        alone = not needs_guardian(conn, services.vault, who, services.clock())
    views = [
        grant_view(
            line,
            texts,
            services.vault.catalogue,
            services.clock(),
            after=(
                *beyond[line.id],
                *step_lines(services, taken.get(line.id, ()), texts, own=True),
                *_after(events.get(line.id, ()), erased.get(line.id), texts),
                *denial_lines(said.get(line.id), texts, services.vault.catalogue),
            ),
            without=() if line.id in said else without.get(line.id, ()),
            can_confirm=alone and paused(taken.get(line.id, ())) and line.withdrawable,
        )
        for line in lines
    ]
    several = choices(lines, texts)
    kept = pages(lines)
    done = "withdrawn" in query
    return page(request, "grants.html", grants=views, choices=several, done=done, told=told, receipts=kept)


@post("/grants/{name:str}/withdraw", opt=access(Access.CONSUMER), sync_to_thread=True)
def withdraw_grant(request: Request[Session, Any, Any], name: FromPath[str]) -> Response[str]:
    """Take a permission back, at once."""
    services, person = services_of(request), request.user
    done = withdraw(services.vault, person.subject, person.bucket, parse_grant(name), services.clock())
    if done is None:
        raise Problem(409, "not_withdrawable")
    return see_other(f"/{page_lang(request).value}/grants?withdrawn#{name}")


@post("/grants/{name:str}/confirm", opt=access(Access.CONSUMER), sync_to_thread=True)
def confirm_own_grant(request: Request[Session, Any, Any], name: FromPath[str]) -> Response[str]:
    """Let a permission that a guardian gave, and that was paused when they went, stand again."""
    confirm_grant(request, (request.user.bucket, request.user.subject), name, None)
    return see_other(f"/{page_lang(request).value}/grants#{name}")


def grant_view(
    line: GrantLine,
    texts: Catalogue,
    fields: Fields,
    now_ms: int,
    *,
    after: tuple[str, ...] = (),
    can_confirm: bool = False,
    without: tuple[str, ...] = (),
) -> GrantView:
    """A permission in the page's words; `after` are further lines about it."""
    state = line.state_at(now_ms)
    return GrantView(
        id=grant_text(line.id),
        recipient=line.recipient,
        purpose=purpose_title(line.purpose, texts),
        state=state_word(state, texts),
        tone=state_tone(state),
        fields=field_labels(line.fields, texts, fields),
        used=_used(line, texts),
        when=_when(line, state, texts),
        after=after,
        given=line.state is not GrantState.REFUSED,
        can_withdraw=line.withdrawable,
        can_confirm=can_confirm,
        without=field_labels(without, texts, fields),
    )


def _after(events: Sequence[Told], erased: Recorded | None, texts: Catalogue) -> tuple[str, ...]:
    """What became of telling the recipient, and what it says it did."""
    said = []
    if events and events[-1].kind != EventKind.RESUMED:
        newest = events[-1]
        if newest.delivered_at is not None:
            said.append(texts.text("grants.told", date=texts.moment(newest.delivered_at)))
        else:
            said.append(texts.text("grants.told_late" if newest.overdue else "grants.telling"))
    if erased is not None:
        said.append(texts.text("grants.erased", date=texts.date(erased.erased_at)))
    return tuple(said)


def _used(line: GrantLine, texts: Catalogue) -> str:
    if line.state is GrantState.REFUSED:
        return texts.text("grants.nothing_given")
    return texts.text("grants.used_of", used=line.used, count=line.max_uses)


def _when(line: GrantLine, state: GrantState, texts: Catalogue) -> str:
    if line.withdrawn_at is not None:
        return texts.text("grants.withdrawn_on", date=texts.date(line.withdrawn_at))
    if line.annulled is not None:
        return _annulled(line.annulled, texts)
    if state is GrantState.ACTIVE:
        return texts.text("grants.ends", date=texts.moment(line.window_to))
    return texts.text("grants.decided", date=texts.date(line.decided_at))


def _annulled(void: AnnulledLine, texts: Catalogue) -> str:
    """Who ended it in the person's place, when, and why in their words."""
    date = texts.date(void.at)
    if void.authority is None:
        return texts.text("grants.revoked_on", date=date, reason=void.reason)
    return texts.text("grants.invalidated_on", date=date, authority=void.authority, reason=void.reason)
