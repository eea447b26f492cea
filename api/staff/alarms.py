"""Alarms of honey persons, for operators: which door, who, when, and which ledger entry. Never which person."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from api.edge.access import Access, access
from api.edge.problems import Problem
from api.staff.keys import StaffMember
from api.wiring import services_of
from consent.instants import instant
from vault.ids import bucket_of, decode_id, encode_id
from vault.people.honey import Alarm, alarms, mark_seen

_PREFIX = "alm"


@get("/v1/alarms", opt=access(Access.OPERATOR), sync_to_thread=True)
def list_alarms(request: Request[StaffMember, Any, Any]) -> Response[list[dict[str, Any]]]:
    """The newest alarms first."""
    vault = services_of(request).vault
    vault.watch.settle()
    with vault.data.read() as conn:
        views = [alarm_view(one) for one in alarms(conn)]
    return Response(views, media_type="application/json")


@post("/v1/alarms/{name:str}/seen", opt=access(Access.OPERATOR), status_code=204, sync_to_thread=True)
def alarm_seen(request: Request[StaffMember, Any, Any], name: FromPath[str]) -> None:
    """Put on record that somebody has looked; the first stays."""
    services, alarm_id = services_of(request), decode_id(_PREFIX, name)
    with services.vault.data.write() as conn:
        known = mark_seen(conn, bucket_of(alarm_id), alarm_id, request.user.custody_name, services.clock())
    if not known:
        raise Problem(404, "not_found")


def alarm_view(alarm: Alarm) -> dict[str, Any]:
    """An alarm as JSON."""
    return {
        "id": encode_id(_PREFIX, alarm.id),
        "honey": alarm.honey,
        "source": alarm.source,
        "who": alarm.who,
        "place": alarm.place,
        "at": instant(alarm.at),
        "seen_at": None if alarm.seen_at is None else instant(alarm.seen_at),
        "seen_by": alarm.seen_by,
    }
