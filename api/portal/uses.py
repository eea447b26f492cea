"""The timeline: every use of a person's data, every decision, every attempt that was turned away.

Each use has a proof bundle to keep: it holds the signed checkpoint, the entry, its audit path, what the
entry commits to and the receipt, and can be checked by anybody, off-line, with other people's tools.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from litestar import Request, Response, get
from litestar.params import FromPath

from api.edge.access import Access, access
from api.edge.problems import Problem
from api.edge.sessions import Session
from api.i18n import Catalogue
from api.portal.render import page, page_texts
from api.portal.told import banner, basis_words, reason_word, staff_name, staff_words
from api.portal.words import denial_word, field_labels, purpose_title
from api.wiring import services_of
from consent.grants import history
from consent.grants.timeline import Event, EventKind, timeline
from consent.ids import disclosure_text, parse_disclosure
from consent.ledger.bundles.bundle import build
from consent.ledger.publishing.signer import Signer
from consent.redemption.evidence import evidence
from consent.signing.keys import receipt_keys
from consent.staff.history import StaffEvent, StaffEventKind, staff_events
from vault.fields import Catalogue as Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """One thing that happened; `id` is the disclosure's name when there is a proof to download."""

    kind: str
    says: str
    recipient: str
    purpose: str
    fields: tuple[str, ...]
    time: str
    iso: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The events of one day, newest first."""

    date: str
    events: tuple[EventView, ...]


@get("/uses", opt=access(Access.CONSUMER), sync_to_thread=True)
def uses_page(request: Request[Session, Any, Any]) -> Response[str]:
    """The timeline, newest first."""
    texts = page_texts(request)
    person, vault = request.user, services_of(request).vault
    fields = vault.catalogue
    with vault.data.read() as conn:
        events = timeline(conn, person.bucket, person.subject)
        inside = staff_events(conn, person.bucket, person.subject)
        told = banner(conn, person, texts, fields)
    views = [(one.at, _view(one, texts, fields)) for one in events]
    views += [(one.at, _staff(one, texts, fields)) for one in inside]
    views.sort(key=lambda pair: pair[0], reverse=True)
    by_day = groupby(views, key=lambda pair: texts.date(pair[0]))
    days = [Day(date=date, events=tuple(view for _, view in group)) for date, group in by_day]
    return page(request, "uses.html", days=days, told=told)


@get("/uses/{name:str}/bundle", opt=access(Access.CONSUMER), sync_to_thread=True)
def use_bundle(request: Request[Session, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """The proof of one use; raises `ledger.not_yet_published` in the second before it is signed."""
    headers = {"Content-Disposition": f'attachment; filename="perusal-{name}.zip"'}
    return Response(bundle_of(request, name), media_type="application/zip", headers=headers)


def bundle_of(request: Request[Session, Any, Any], name: str) -> bytes:
    """The bundle that proves one use of the signed-in person; raises the problem of a use that is not theirs."""
    services, person = services_of(request), request.user
    vault, disclosure_id = services.vault, parse_disclosure(name)
    with vault.data.read() as conn:
        line = history.use(conn, person.bucket, person.subject, disclosure_id)
    if line is None:
        raise Problem(404, "not_found")
    found = [one for one in evidence(vault, [(person.bucket, disclosure_id)]) if one is not None]
    if not found:
        raise Problem(500, "internal_error")
    # The person's own copy also proves that these are all the entries about them.
    return build(
        vault.data,
        Signer.of(vault),
        found,
        receipt_keys=receipt_keys(vault),
        witnesses=services.witnesses,
        chains=True,
    )


def _staff(event: StaffEvent, texts: Catalogue, fields: Fields) -> EventView:
    at = datetime.fromtimestamp(event.at / 1000, UTC)
    opened = event.kind in {StaffEventKind.OPENED, StaffEventKind.READ}
    says, why = staff_words(event.kind, event.count, texts), reason_word(event.reason, texts)
    return EventView(
        kind=event.kind.value,
        says=says if opened else texts.text("uses.because", says=says, why=why),
        recipient=staff_name(event.kind, event.staff, texts),
        purpose=f"{why} · {_basis(event, texts)}" if event.basis else why,
        fields=field_labels(event.fields, texts, fields) if opened else (),
        time=texts.time(event.at),
        iso=at.isoformat(timespec="seconds"),
        id="",
    )


def _basis(event: StaffEvent, texts: Catalogue) -> str:
    approved = event.approver is not None and event.approved_at is not None
    approval = (event.approver or "", event.approved_at or 0) if approved else None
    return basis_words(event.basis or "", approval, texts)


def _view(event: Event, texts: Catalogue, fields: Fields) -> EventView:
    at = datetime.fromtimestamp(event.at / 1000, UTC)
    return EventView(
        kind=event.kind.value,
        says=_says(event, texts),
        recipient=event.recipient,
        purpose=purpose_title(event.purpose, texts),
        fields=field_labels(event.fields, texts, fields) if event.kind is EventKind.USED else (),
        time=texts.time(event.at),
        iso=at.isoformat(timespec="seconds"),
        id=disclosure_text(event.disclosure_id) if event.disclosure_id else "",
    )


def _says(event: Event, texts: Catalogue) -> str:
    said = texts.counted(f"uses.{event.kind.value}", event.count)
    if event.kind is not EventKind.DENIED:
        return said
    return texts.text("uses.because", says=said, why=denial_word(event.code or "", texts))
