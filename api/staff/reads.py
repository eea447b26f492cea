"""A member of staff reads named fields of one person by themselves, within the bounds of `consent.staff.reading`.

`POST /v1/staff-reads`, open to operators. What takes others is asked for under `/v1/emergencies`: with
`"minor": true` the approval that a read of somebody under eighteen names here. Answers with values are never
cached; requests name people by internal id only.
"""

from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.concurrency import sync_to_thread

from api.edge.access import Access, access
from api.edge.json_body import json_body
from api.staff.emergencies import denied_problem, staffer_of
from api.staff.keys import StaffMember
from api.wiring import services_of
from consent.denials import Denied
from consent.ids import disclosure_text, parse_dual
from consent.instants import instant
from consent.staff.reading import ReadRequest, read
from consent.staff_members import Basis, DualReason
from vault.ids import decode_subject


class _Read(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    subject: str
    fields: list[str]
    reason: DualReason
    basis: Basis
    approval: str | None = None


_read = msgspec.json.Decoder(_Read)


@post("/v1/staff-reads", opt=access(Access.OPERATOR), status_code=200)
async def read_for_staff(request: Request[StaffMember, Any, Any]) -> Response[dict[str, Any]]:
    """Read a person's fields for a reason from the list: on record and seen by the person before the first value is opened."""
    services, body = services_of(request), await json_body(request, _read)
    wanted = ReadRequest(
        subject=decode_subject(body.subject),
        fields=tuple(body.fields),
        reason=body.reason,
        basis=body.basis,
        approval=None if body.approval is None else parse_dual(body.approval),
    )
    done = await sync_to_thread(read, services.vault, staffer_of(request), wanted, services.clock())
    if isinstance(done, Denied):
        raise denied_problem(done.code)
    answer = {
        "id": disclosure_text(done.id),
        "subject": body.subject,
        "data": done.values,
        "as_of": instant(done.committed_at),
    }
    return Response(answer, media_type="application/json")
