"""One bundle with everything the ledger says of the signed-in person, and the proof that nothing was left out.

What it proves and what no ledger can is said on the page beside it, where the person reads it.
"""

from typing import Any

from litestar import Request, Response, get

from api.edge.access import Access, access
from api.edge.problems import Problem
from api.edge.sessions import Session
from api.wiring import services_of
from consent.export.all_accesses import whole_bundle

FILE = "perusal-all-accesses.zip"


@get("/uses/all.zip", opt=access(Access.CONSUMER), sync_to_thread=True)
def all_accesses(request: Request[Session, Any, Any]) -> Response[bytes]:
    """Everything, proven; raises `ledger.not_yet_published` in the second before the newest use is signed."""
    services, person = services_of(request), request.user
    data = whole_bundle(services.vault, person.subject, person.bucket, services.witnesses)
    if data is None:
        raise Problem(404, "not_found")
    headers = {"Content-Disposition": f'attachment; filename="{FILE}"'}
    return Response(data, media_type="application/zip", headers=headers)
