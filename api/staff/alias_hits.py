"""An alias received a message, says whoever runs the mail server or the relay: an alarm that names its recipient.

For operators: over HTTP, or at the command line. The answer tells which recipient
had the alias, since when, and where it was seen before; never whose it is.
"""

from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.concurrency import sync_to_thread

from api.edge.access import Access, access
from api.edge.json_body import json_body
from api.edge.problems import Problem
from api.staff.keys import StaffMember
from api.wiring import services_of
from consent.instants import instant, parse_instant
from consent.marks.alias_lookup import Given, aliases_of, resolve
from consent.marks.alias_sightings import Report, Where, acceptable, report
from consent.marks.aliases import Alias
from vault.opening import Vault


class Hit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was seen: `seen_at` is RFC 3339, now by default; `reference` names the message, so that it is told once."""

    alias: str
    seen_at: str | None = None
    reference: str = ""
    note: str = ""


_hit = msgspec.json.Decoder(Hit)


@post("/v1/alias-hits", opt=access(Access.OPERATOR), status_code=200)
async def report_hit(request: Request[StaffMember, Any, Any]) -> Response[dict[str, Any]]:
    """Keep that an alias was written to; the first time is an alarm."""
    said, services = await json_body(request, _hit), services_of(request)
    now_ms = services.clock()
    seen_at = now_ms if said.seen_at is None else parse_instant(said.seen_at)
    if seen_at is None or seen_at > now_ms or not acceptable(said.note, said.reference):
        raise Problem(422, "invalid_input")
    named = request.user.custody_name, said.reference, said.note
    view = await sync_to_thread(hit, services.vault, said.alias, seen_at, now_ms, *named)
    if view is None:
        raise Problem(404, "not_found")
    return Response(view, media_type="application/json")


def hit(
    vault: Vault, text: str, seen_at: int, now_ms: int, actor: str, reference: str, note: str
) -> dict[str, Any] | None:
    """Report a message to an alias; what is known of it by then, or None where nobody was ever given it."""
    with vault.data.read() as conn:
        found = resolve(conn, vault, text)
    if found is None:
        return None
    said = Report(
        where=Where.MESSAGE,
        place=reference or f"message {instant(seen_at)}",
        actor=actor,
        seen_at=seen_at,
        told_at=now_ms,
        note=note or None,
    )
    new = report(vault, [found], said)
    return {**view_of(vault, found), "new": bool(new)}


def view_of(vault: Vault, alias: Alias) -> dict[str, Any]:
    """One alias as JSON: who has it, since when, where it was seen; never the alias and never the person."""
    with vault.data.read() as conn:
        given = aliases_of(conn, vault, (alias.bucket, alias.subject))
    return _view(next(one for one in given if one.alias == alias))


def _view(given: Given) -> dict[str, Any]:
    return {
        "recipient": given.alias.recipient_id,
        "name": given.recipient,
        "instead_of": given.alias.field,
        "since": instant(given.issued_at),
        "seen": [
            {"in": one.source, "place": one.place, "note": one.note, "at": instant(one.seen_at)}
            for one in given.seen
        ],
    }
