"""A recipient reports that it has erased what it received (`consent.withdrawal.deletions`): who calls is proved twice.

The request is authenticated like any other of a client's; the statement inside it is signed by itself, so that
it can be shown to somebody else later, without us.
"""

from typing import Any

from litestar import Request, Response, post
from litestar.params import RawBody

from api.edge.access import Access, access
from api.edge.forms import parse_parameters
from api.oauth.clients import caller
from api.oauth.errors import OAuthRefused, answer_oauth
from api.wiring import services_of
from consent.ids import event_text, grant_text
from consent.instants import instant
from consent.refusals import RefusalCode
from consent.withdrawal.deletions import Recorded, read_statement, record

PATH = "/v1/deletions"
_STATUS = {RefusalCode.DELETION_UNKNOWN: 404, RefusalCode.DELETION_OTHER: 409}


@post(
    PATH,
    opt=access(Access.CLIENT),
    status_code=201,
    exception_handlers={Exception: answer_oauth},
    sync_to_thread=True,
)
def report_deletion(request: Request[Any, Any, Any], body: RawBody) -> Response[dict[str, Any]]:
    """Keep the `statement` of the form: 201 the first time, 200 when it says the same again."""
    services = services_of(request)
    form = parse_parameters(body, request.headers.get("content-type", ""))
    who = caller(services, request, form, PATH)
    said = read_statement(
        form.get("statement", ""),
        who.keys,
        client_id=who.client.client_id,
        issuer=services.issuer,
        now_ms=services.clock(),
    )
    with services.vault.data.write() as conn:
        who.spend(conn, services.vault.installation.buckets)
        kept = (
            said
            if isinstance(said, RefusalCode)
            else record(conn, services.vault, who.client, said, services.clock())
        )
    if isinstance(kept, RefusalCode):
        raise OAuthRefused(_STATUS.get(kept, 400), "invalid_request", kept)
    return _answer(kept)


def _answer(kept: Recorded) -> Response[dict[str, Any]]:
    said = {
        "grant_id": grant_text(kept.grant_id),
        "event_id": event_text(kept.event_id),
        "erased_at": instant(kept.erased_at),
        "method": kept.method.value,
        "recorded_at": instant(kept.received_at),
    }
    return Response(said, status_code=200 if kept.repeated else 201, media_type="application/json")
