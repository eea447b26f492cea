"""Proving to be there, where a person approves something sensitive (`consent.approving.step_up`, ADR 0018).

The first press of *Approve* leads to a page that says once more what is approved and asks for a passkey, a code or,
where the account has neither, the sign-in key. What the person gives is sent with the same answer again, is good for
that answer only and for five minutes, and makes a new session. Refusing never takes a proof.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, post
from litestar.datastructures import Cookie
from litestar.params import FromPath

from api.edge.access import Access, access
from api.edge.attempts import note_failure, wait_seconds
from api.edge.headers import approval_policy, script_policy
from api.edge.problems import Problem
from api.edge.sessions import Session, renew_session
from api.events import Event, log_event
from api.i18n import Catalogue
from api.portal.lighter import lighter
from api.portal.limited import address_in, issue_limited, person_here
from api.portal.offers import offer, offered_at
from api.portal.posted import posted
from api.portal.render import page, page_lang, page_texts
from api.portal.ticks import as_ticked, ticked_in
from api.portal.words import field_labels
from api.senders.message import Channel
from api.wiring import Services, services_of
from consent.accounts.authenticators import assertion_options, read_assertion, relying_of
from consent.accounts.keys import Consumer
from consent.accounts.one_time_codes import AskedFor, digits_in
from consent.accounts.passkeys import passkeys_of
from consent.accounts.sign_ins import How
from consent.approving import approve, step_up
from consent.approving.step_up import Proof
from consent.asking.ask import Via
from consent.asking.showings import Showing
from consent.grants.promises import promised
from consent.ids import parse_showing, showing_text
from consent.refusals import Refusal, RefusalCode
from vault.people.ages import sensitive_fields
from vault.reading.records import masked

ASKED_FOR = frozenset({RefusalCode.STEP_UP_NEEDED, RefusalCode.STEP_UP_FAILED})
"""What `approve` answers when a proof is missing, or is none."""

_MEMBERS = ("how", "offered_at", "credential", "ticket", "code", "key")


def taken(form: dict[str, str]) -> dict[str, str]:
    """The members of a proof, taken out of an answer; empty when there is none."""
    return {name: form.pop(name) for name in _MEMBERS if name in form}


def proof_in(request: Request[Session, Any, Any], given: Mapping[str, str]) -> Proof | None:
    """The proof that was given, if it is of a kind this person may give; raises after too many wrong ones."""
    services = services_of(request)
    offered = _offered(request, given)
    if given.get("how") not in _ways(services, request.user) or offered is None:
        return None
    with services.vault.data.read() as conn:
        wait = wait_seconds(conn, person_here(request), services.clock())
    if wait:
        raise Problem(429, "too_many_attempts", headers={"Retry-After": str(wait)})
    return Proof(
        binding=request.user.secret,
        offered_at=offered,
        how=How(given["how"]),
        relying=relying_of(services.issuer),
        answer=read_assertion(given.get("credential", "")),
        ticket=given.get("ticket", ""),
        code=digits_in(given.get("code", "")),
        key=given.get("key", "").strip(),
    )


def ask_for_proof(
    request: Request[Session, Any, Any],
    shown: Showing,
    ticked: frozenset[str],
    given: Mapping[str, str],
    refusal: Refusal,
) -> Response[str]:
    """The page that asks for a proof, the first time or again."""
    if refusal.code is RefusalCode.STEP_UP_FAILED:
        services = services_of(request)
        with services.vault.data.write() as conn:
            note_failure(conn, person_here(request), services.clock())
        if refusal.at:
            log_event(Event.PASSKEY_ALARM, alarm=refusal.at)
        offered = _offered(request, given)
        assert offered is not None  # or else there would have been no proof to fail
        return _page(request, shown, ticked, offered, error="presence.failed", ticket=given.get("ticket", ""))
    error = "presence.stale" if given else ""
    return _page(request, shown, ticked, services_of(request).clock(), error=error)


def renewed(request: Request[Session, Any, Any]) -> tuple[Cookie]:
    """A new session in place of the one in which the person has just proved themselves."""
    services, person = services_of(request), request.user
    with services.vault.data.write() as conn:
        secret = renew_session(conn, person, services.clock())
    return (services.jar.keep(services.jar.session_name, secret),)


@post("/requests/{name:str}/code", opt=access(Access.CONSUMER), sync_to_thread=True)
def send_presence_code(request: Request[Session, Any, Any], name: FromPath[str]) -> Response[str]:
    """Send a code that is good for this answer only, if the address is the person's own."""
    services, session, form = services_of(request), request.user, posted(request)
    who = (session.bucket, session.subject)
    person = Consumer(bucket=who[0], subject=who[1], lang=page_lang(request).value)
    with services.vault.data.read() as conn:
        shown = approve.showing(conn, person, parse_showing(name))
    if shown is None:
        raise Problem(404, "not_found")
    now_ms = services.clock()
    if shown.decided is not None or now_ms >= shown.expires_at:
        raise Problem(410, "request_closed")
    ticked = _ticked(form, shown)
    value = address_in(services, form.get("address", ""))
    if value is None:
        return _page(request, shown, ticked, now_ms, error="sign_in_code.bad_address")
    said = _statement(services, session, shown, ticked, now_ms)
    asked = AskedFor(binding=session.secret, about=said.digest)
    issued = issue_limited(request, value, asked, only=who)
    if isinstance(issued, int):
        raise Problem(429, "too_many_attempts", headers={"Retry-After": str(issued)})
    return _page(request, shown, ticked, now_ms, ticket=issued.ticket)


def _page(
    request: Request[Session, Any, Any],
    shown: Showing,
    ticked: frozenset[str],
    offered: int,
    *,
    error: str = "",
    ticket: str = "",
) -> Response[str]:
    services, texts = services_of(request), page_texts(request)
    apart, beside = _kinds(services, shown, ticked, texts)
    ways, on_file = _ways(services, request.user), _on_file(services, request.user)
    failing = sorted(channel.value for channel in services.post_room.failing if channel.value in on_file)
    browser = shown.via is Via.CODE
    redirect = shown.redirect_uri if browser else ""
    headers = approval_policy(redirect) if redirect else {}
    options = ""
    if How.PASSKEY in ways:
        options = _options(services, request.user, shown, ticked, offered)
        headers = script_policy(redirect)
    return page(
        request,
        "presence.html",
        status=403 if error else 200,
        headers=headers,
        error=error,
        id=showing_text(shown.id),
        recipient=shown.recipient.legal_name,
        purpose=shown.purpose.title(texts.lang.value),
        labels=apart,
        beside=beside,
        hidden={
            "decision": "approve",
            "offered_at": offer(services, request.user.secret, showing_text(shown.id), offered),
            **as_ticked(ticked),
        },
        ways=[way.value for way in ways],
        on_file=on_file,
        failing=failing,
        instead=[text for code, text in on_file.items() if code not in failing],
        ticket=ticket,
        options=options,
        lighter=lighter(services, shown, ticked, texts),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceremony:
    """What a form holds by which a passkey proves presence for one approval: the options, and when it was offered."""

    options: str
    offered_at: str


def ceremony(request: Request[Session, Any, Any], shown: Showing, ticked: frozenset[str]) -> Ceremony | None:
    """The ceremony for another page's form; None for a person without a passkey."""
    services, session, now_ms = services_of(request), request.user, services_of(request).clock()
    if How.PASSKEY not in _ways(services, session):
        return None
    return Ceremony(
        options=_options(services, session, shown, ticked, now_ms),
        offered_at=offer(services, session.secret, showing_text(shown.id), now_ms),
    )


def _kinds(
    services: Services, shown: Showing, ticked: frozenset[str], texts: Catalogue
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is agreed to: the sensitive kinds, and apart from them what comes with them (PIPL 29)."""
    codes = sorted({*shown.fields, *ticked})
    apart = sensitive_fields(services.vault, shown.subject, codes, services.clock()) or frozenset(codes)
    fields = services.vault.catalogue
    return (
        field_labels([code for code in codes if code in apart], texts, fields),
        field_labels([code for code in codes if code not in apart], texts, fields),
    )


def _options(
    services: Services, session: Session, shown: Showing, ticked: frozenset[str], offered: int
) -> str:
    relying = relying_of(services.issuer)
    assert relying is not None
    with services.vault.data.read() as conn:
        known = [one.credential_id for one in passkeys_of(conn, (session.bucket, session.subject))]
    # The challenge is the statement's digest: what the passkey signs is this approval.
    said = _statement(services, session, shown, ticked, offered)
    return assertion_options(relying, said.digest, known=known)


def _statement(
    services: Services, session: Session, shown: Showing, ticked: frozenset[str], offered: int
) -> step_up.Statement:
    fields = tuple(sorted({*shown.fields, *ticked}))
    promise = promised(services.vault, shown, fields, services.clock())
    return step_up.statement(services.vault, shown, promise, session.secret, offered)


def _ways(services: Services, session: Session) -> frozenset[How]:
    with services.vault.data.read() as conn:
        has = bool(passkeys_of(conn, (session.bucket, session.subject)))
    passkeys = has and relying_of(services.issuer) is not None
    return step_up.ways(passkeys=passkeys, codes=bool(_on_file(services, session)))


def _on_file(services: Services, session: Session) -> dict[str, str]:
    """The person's addresses that codes can go to, masked."""
    channels = [channel.value for channel in Channel if channel in services.post_room.channels]
    values = masked(services.vault, session.subject, channels) if channels else {}
    return {code: text for code, text in values.items() if text}


def _ticked(form: Mapping[str, str], shown: Showing) -> frozenset[str]:
    ticked = ticked_in(form)
    if ticked - {*shown.fields, *shown.optional_fields}:
        raise Problem(400, "invalid_input")
    return ticked


def _offered(request: Request[Session, Any, Any], given: Mapping[str, str]) -> int | None:
    """The instant at which our page offered this approval in this session."""
    name = str(request.path_params["name"])
    return offered_at(services_of(request), request.user.secret, name, given.get("offered_at", ""))
