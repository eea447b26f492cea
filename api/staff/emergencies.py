"""Emergencies: a member of staff asks for one person's fields, two others decide, and only then are they opened.

Open to every role of staff: what somebody may do follows from who asked and who voted, not from the role. Who
asks sees no other answer than everybody: the person is told by their own pages, whatever the outcome. Answers with
values are never cached; requests name people by internal id only.
"""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.params import FromPath

from api.edge.access import Access, access
from api.edge.json_body import json_body
from api.edge.problems import Problem
from api.staff.keys import StaffMember
from api.wiring import Services, services_of
from consent.denials import DenialCode, Denied
from consent.dual.control import Question, ask, vote
from consent.dual.requests import DualRequest, approvers, find, note_of, waiting
from consent.ids import dual_text, parse_dual
from consent.instants import instant
from consent.permits.scan_runs import ScanScope, scope_text
from consent.staff.emergency import Opened, open_emergency
from consent.staff_members import DualKind, DualReason, Staffer, Verdict
from vault.ids import decode_subject, encode_id
from vault.scan.permit import salts_hash

_MEDIA = "application/json"


class _Scan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schemes: list[str]
    wanted: str
    wanted_count: int
    salts: str | None = None
    salt_count: int = 0


class _Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: DualReason
    note: str
    fields: list[str]
    subject: str | None = None
    minor: bool = False
    scan: _Scan | None = None


class _Open(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fields: list[str] | None = None


_ask = msgspec.json.Decoder(_Ask)
_open = msgspec.json.Decoder(_Open)


@post("/v1/emergencies", opt=access(Access.ANY_STAFF), status_code=201)
async def ask_for(request: Request[StaffMember, Any, Any]) -> Response[dict[str, Any]]:
    """Ask for fields of one person; or, with `scan`, to hold one field of everybody against named digests.

    With `minor` it takes one other's approval, and lets whoever asked read somebody under eighteen
    (`/v1/staff-reads`).

    `scan.wanted` and `scan.salts` are the hexadecimal hashes that `perusal scan digests` prints under the
    installation's scan key, with their counts: the digests and salts themselves stay outside, and whoever
    approves sees how many there are.
    """
    services, body = services_of(request), await json_body(request, _ask)
    question = Question(
        kind=_kind(body),
        reason=body.reason,
        note=body.note,
        subject=None if body.subject is None else decode_subject(body.subject),
        fields=tuple(sorted(body.fields)),
        scope="" if body.scan is None else _scope(services, body.fields, body.scan),
    )
    asked = await sync_to_thread(ask, services.vault, staffer_of(request), question, services.clock())
    if isinstance(asked, Denied):
        raise denied_problem(asked.code)
    path = f"/v1/emergencies/{dual_text(asked.id)}"
    headers = {"Location": services.url(path)}
    return Response(request_view(asked, ()), status_code=201, media_type=_MEDIA, headers=headers)


@get("/v1/emergencies", opt=access(Access.ANY_STAFF), sync_to_thread=True)
def list_waiting(request: Request[StaffMember, Any, Any]) -> Response[list[dict[str, Any]]]:
    """What can still be voted on or used, newest first; without the notes."""
    services = services_of(request)
    with services.vault.data.read() as conn:
        views = [request_view(one, approvers(conn, one.id)) for one in waiting(conn, services.clock())]
    return Response(views, media_type=_MEDIA)


@get("/v1/emergencies/{name:str}", opt=access(Access.ANY_STAFF), sync_to_thread=True)
def show_request(request: Request[StaffMember, Any, Any], name: FromPath[str]) -> Response[dict[str, Any]]:
    """One request with its note, for those who must decide."""
    services = services_of(request)
    return Response(_shown(services, name), media_type=_MEDIA)


@post(
    "/v1/emergencies/{name:str}/approve", opt=access(Access.ANY_STAFF), status_code=200, sync_to_thread=True
)
def approve_request(request: Request[StaffMember, Any, Any], name: FromPath[str]) -> Response[dict[str, Any]]:
    """Say yes; the second yes opens the window."""
    return _vote(request, name, Verdict.YES)


@post("/v1/emergencies/{name:str}/refuse", opt=access(Access.ANY_STAFF), status_code=200, sync_to_thread=True)
def refuse_request(request: Request[StaffMember, Any, Any], name: FromPath[str]) -> Response[dict[str, Any]]:
    """Say no, which ends the request, also after it was approved; who asked takes it back the same way."""
    return _vote(request, name, Verdict.NO)


@post("/v1/emergencies/{name:str}/open", opt=access(Access.ANY_STAFF), status_code=200)
async def open_request(
    request: Request[StaffMember, Any, Any], name: FromPath[str]
) -> Response[dict[str, Any]]:
    """Use the approval: the read is committed and the person told before the first value is opened."""
    services = services_of(request)
    wanted = (await json_body(request, _open)).fields if await request.body() else None
    done = await sync_to_thread(
        open_emergency,
        services.vault,
        staffer_of(request),
        parse_dual(name),
        services.clock(),
        None if wanted is None else tuple(wanted),
    )
    if isinstance(done, Denied):
        raise denied_problem(done.code)
    return Response(_opened(done), media_type=_MEDIA)


def staffer_of(request: Request[StaffMember, Any, Any]) -> Staffer:
    """Who acts, as the consent floor records it."""
    return Staffer(name=request.user.custody_name, actor=request.user.actor)


def denied_problem(code: DenialCode) -> Problem:
    """What a member of staff is told; unlike strangers they learn the reason."""
    return Problem(_STATUS.get(code, 409), f"staff.{code.value}")


_STATUS = {
    DenialCode.UNKNOWN_PERSON: 404,
    DenialCode.UNKNOWN_REQUEST: 404,
    DenialCode.OWN_REQUEST: 403,
    DenialCode.NOT_REQUESTER: 403,
    DenialCode.FIELD_NOT_REQUESTED: 403,
    DenialCode.NEEDS_TWO: 403,
    DenialCode.NO_CONSENT: 403,
    DenialCode.MINOR_UNAPPROVED: 403,
    DenialCode.PERSON_ERASED: 410,
    DenialCode.UNREADABLE: 500,
}


def _kind(body: _Ask) -> DualKind:
    if body.scan is not None:
        return DualKind.POPULATION_SCAN
    return DualKind.MINOR_READ if body.minor else DualKind.BREAK_GLASS


def _scope(services: Services, fields: list[str], scan: _Scan) -> str:
    try:
        wanted = bytes.fromhex(scan.wanted)
        salts = salts_hash(services.vault.keyring, ()) if scan.salts is None else bytes.fromhex(scan.salts)
    except ValueError:
        raise Problem(400, "invalid_input") from None
    scope = ScanScope(
        field="".join(fields),
        schemes=tuple(scan.schemes),
        wanted=wanted,
        wanted_count=scan.wanted_count,
        salts=salts,
        salt_count=scan.salt_count,
    )
    return scope_text(scope)


def _vote(request: Request[StaffMember, Any, Any], name: str, verdict: Verdict) -> Response[dict[str, Any]]:
    services = services_of(request)
    cast = vote(services.vault, staffer_of(request), parse_dual(name), verdict, services.clock())
    if isinstance(cast, Denied):
        raise denied_problem(cast.code)
    return Response(_shown(services, name), media_type=_MEDIA)


def _shown(services: Services, name: str) -> dict[str, Any]:
    with services.vault.data.read() as conn:
        found = find(conn, parse_dual(name))
        said_yes = () if found is None else approvers(conn, found.id)
    if found is None:
        raise Problem(404, "staff.unknown_request")
    return {**request_view(found, said_yes), "note": note_of(services.vault, found)}


def request_view(request: DualRequest, said_yes: tuple[str, ...]) -> dict[str, Any]:
    """A request as JSON, without its note."""
    return {
        "id": dual_text(request.id),
        "kind": request.kind.value,
        "state": request.state.value,
        "subject": None if request.subject is None else encode_id("sub", request.subject),
        "fields": list(request.fields),
        "scope": request.scope,
        "reason": request.reason.value,
        "asked_by": request.staff,
        "approved_by": list(said_yes),
        "asked_at": instant(request.asked_at),
        "lapses_at": instant(request.lapses_at),
        "window_to": None if request.window_to is None else instant(request.window_to),
    }


def _opened(done: Opened) -> dict[str, Any]:
    return {
        "id": dual_text(done.request_id),
        "subject": encode_id("sub", done.subject),
        "data": done.values,
        "as_of": instant(done.committed_at),
        "times": done.times,
    }
