"""A recipient's record for programs, and for anybody who wants to know before they are asked: numbers, nobody's data."""

from typing import Any

from litestar import Request, Response, get
from litestar.params import FromPath

from api.edge.access import Access, access
from api.edge.problems import Problem
from api.wiring import services_of
from consent.instants import instant
from consent.recipients.track_records import record_of
from consent.texts import storable


@get("/v1/recipients/{name:str}/record", opt=access(Access.PUBLIC), sync_to_thread=True)
def recipient_record(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[dict[str, Any]]:
    """What is on record about a recipient of the last year."""
    services = services_of(request)
    with services.vault.data.glance() as conn:
        found = record_of(conn, name, services.clock()) if storable(name) else None
    if found is None:
        raise Problem(404, "not_found")
    last = found.last_suspended_at
    document = {
        "recipient": name,
        "counted_at": None if found.counted_at is None else instant(found.counted_at),
        "erasures": {"in_time": found.erased_in_time, "late": found.erased_late, "missing": found.not_erased},
        "service_denied": found.service_denied,
        "suspensions": found.suspensions,
        "last_suspended_at": None if last is None else instant(last),
    }
    return Response(document, media_type="application/json", headers={"Cache-Control": "public, max-age=600"})
