"""Protected mode on the portal: somebody trusted looks twice, and both people see everything that happens by it.

The person names the other by a number or an address of theirs; the page says the same whether or not anybody has it.
The trusted person sees who asks for what, and never a value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath
from sqlalchemy import Connection

from api.edge.access import Access, access
from api.edge.attempts import Limit, count
from api.edge.problems import Problem
from api.edge.sessions import Session
from api.i18n import Catalogue
from api.portal.called import called
from api.portal.deferred import standing_of
from api.portal.posted import posted
from api.portal.render import page, page_lang, page_texts, see_other
from api.portal.words import field_labels, purpose_title
from api.wiring import Services, services_of
from consent.asking.guarding import needs_guardian
from consent.ids import GrantId, grant_text, parse_grant, showing_text
from consent.protection import deferral
from consent.protection import mode as protection
from consent.protection.deferral import Decision
from consent.protection.mode import LogLine, Protection
from consent.protection.waiting import Waiting, waiting
from consent.refusals import Refusal, RefusalCode
from consent.wording.currencies import written
from vault.finding.holder import KeyValue, holder, key_value
from vault.ids import Person, decode_id, encode_id
from vault.people.ages import younger_than
from vault.people.drafts import Refused

PROPOSED_FROM = 60
"""Whole years of age from which the page proposes it (law_claims.md, R69)."""

_PREFIX = "pr"
_LONGEST = 320
_ASKING = Limit(name="trusted of", most=5, periods=144)
_MOVES = {
    "accept": protection.accept,
    "decline": protection.decline,
    "off": protection.turn_off,
    "resign": protection.resign,
    "keep": protection.keep,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingView:
    """One consent that waits or waited; `request` leads its person on."""

    grant: str
    request: str
    recipient: str
    purpose: str
    fields: tuple[str, ...]
    why: str
    standing: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionView:
    """One protection, for either of the two."""

    id: str
    other: str
    asked: bool
    turning_off: bool
    says: str
    waiting: tuple[WaitingView, ...]
    log: tuple[str, ...]


@get("/protected", opt=access(Access.CONSUMER), sync_to_thread=True)
def protected_page(request: Request[Session, Any, Any]) -> Response[str]:
    """The person's own protection, and those of people who trust them."""
    return _page(request)


@post("/protected", opt=access(Access.CONSUMER), sync_to_thread=True)
def ask_protection(request: Request[Session, Any, Any]) -> Response[str]:
    """Ask somebody to look twice."""
    services, now_ms = services_of(request), services_of(request).clock()
    who = (request.user.bucket, request.user.subject)
    value = _address(services, posted(request).get("address", ""))
    if value is None:
        return _page(request, status=422, error="protected.bad_address")
    with services.vault.data.write() as conn:
        wait = count(conn, _ASKING, who[1], now_ms)
        trusted = None if wait else holder(conn, services.vault, value)
    if wait:
        raise Problem(429, "too_many_attempts", headers={"Retry-After": str(wait)})
    settings = services.settings
    asked = protection.ask(
        services.vault, who, trusted, Decimal(settings.protected_most), settings.protected_currency, now_ms
    )
    if isinstance(asked, Refusal) and asked.code is RefusalCode.PROTECTION_SELF:
        return _page(request, status=422, error="protected.self")
    return _done(request, asked)


@post("/protected/{name:str}", opt=access(Access.CONSUMER), sync_to_thread=True)
def move_protection(request: Request[Session, Any, Any], name: FromPath[str]) -> Response[str]:
    """Accept or decline, ask for the end, or keep it after all (`decision`)."""
    services, who = services_of(request), (request.user.bucket, request.user.subject)
    move = _MOVES.get(posted(request).get("decision", ""))
    if move is None:
        raise Problem(400, "invalid_input")
    return _done(request, move(services.vault, who, decode_id(_PREFIX, name), services.clock()))


@post("/protected/requests/{name:str}", opt=access(Access.CONSUMER), sync_to_thread=True)
def answer_protected(request: Request[Session, Any, Any], name: FromPath[str]) -> Response[str]:
    """The trusted person's yes or no."""
    services, who = services_of(request), (request.user.bucket, request.user.subject)
    decision = posted(request).get("decision", "")
    if decision not in set(Decision):
        raise Problem(400, "invalid_input")
    return _done(
        request, deferral.answer(services.vault, who, parse_grant(name), Decision(decision), services.clock())
    )


_PROBLEMS = {
    RefusalCode.GUARDIAN_NEEDED: (403, "guardian_decides"),
    RefusalCode.CLIENT_SUSPENDED: (409, "recipient_stopped"),
    RefusalCode.PARENT_ENDED: (410, "parent_ended"),
}


def _done(request: Request[Session, Any, Any], answer: object) -> Response[str]:
    if isinstance(answer, Refusal):
        raise Problem(*_PROBLEMS.get(answer.code, (409, "protection_changed")))
    return see_other(f"/{page_lang(request).value}/protected")


def _page(request: Request[Session, Any, Any], *, status: int = 200, error: str = "") -> Response[str]:
    services, now_ms, who = (
        services_of(request),
        services_of(request).clock(),
        (request.user.bucket, request.user.subject),
    )
    with services.vault.data.read() as conn:
        mine = protection.current(conn, who, now_ms)
        own = None if mine is None else _view(conn, request, mine, mine.by)
        others = [_view(conn, request, one, one.who) for one in protection.entrusted(conn, who, now_ms)]
        guarded = needs_guardian(conn, services.vault, who, now_ms)
        old = proposed(conn, services, who, now_ms)
    return page(
        request,
        "protected.html",
        status=status,
        error=error,
        own=own,
        others=others,
        proposed=old and own is None,
        can_ask=own is None and not guarded,
        most=written(Decimal(services.settings.protected_most), services.settings.protected_currency),
    )


def proposed(conn: Connection, services: Services, who: Person, now_ms: int) -> bool:
    """Whether the page proposes it: from sixty on, as far as a birthday is known."""
    return younger_than(conn, services.vault, [who], PROPOSED_FROM, now_ms).get(who[1]) is False


def _address(services: Services, text: str) -> KeyValue | None:
    """A telephone number or an e-mail address as typed."""
    if not 0 < len(text) <= _LONGEST:
        return None
    value = key_value(services.vault, "email" if "@" in text or "\uff20" in text else "phone", text)
    return None if isinstance(value, Refused) else value


def _view(
    conn: Connection, request: Request[Session, Any, Any], one: Protection, other: Person
) -> ProtectionView:
    services, texts, now_ms = services_of(request), page_texts(request), services_of(request).clock()
    known = one.accepted_at is not None or other == one.who
    name = called(services.vault, other) if known else ""
    waited = waiting(conn, one)
    recipients = {each.grant_id: each.recipient for each in waited}
    return ProtectionView(
        id=encode_id(_PREFIX, one.id),
        other=name or texts.text("protected.trusted_unnamed"),
        asked=one.accepted_at is None,
        turning_off=one.off_at is not None,
        says=_says(one, texts),
        waiting=tuple(_waiting(each, services, texts, now_ms) for each in waited),
        log=tuple(_line(line, recipients, texts) for line in protection.log(conn, one)),
    )


def _says(one: Protection, texts: Catalogue) -> str:
    if one.accepted_at is None:
        return texts.text("protected.says_asked", date=texts.date(one.asked_at))
    if one.off_at is not None:
        return texts.text("protected.says_off", until=texts.moment(one.off_at))
    return texts.text("protected.says_on", date=texts.date(one.accepted_at))


def _waiting(one: Waiting, services: Services, texts: Catalogue, now_ms: int) -> WaitingView:
    standing = standing_of(one, now_ms)
    return WaitingView(
        grant=grant_text(one.grant_id),
        request=showing_text(one.showing_id),
        recipient=one.recipient,
        purpose=purpose_title(one.purpose, texts),
        fields=field_labels(one.fields, texts, services.vault.catalogue),
        why=texts.text(f"protected.why_{one.why.value}"),
        standing=standing,
        says=texts.text(f"protected.standing_{standing}", until=texts.moment(one.expires_at)),
    )


def _line(line: LogLine, recipients: Mapping[GrantId, str], texts: Catalogue) -> str:
    key, at = f"protected.step_{line.step.value}", texts.moment(line.at)
    if line.grant_id is None:
        return texts.text(key, at=at)
    return texts.text(key, at=at, recipient=recipients[line.grant_id])
