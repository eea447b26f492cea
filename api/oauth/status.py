"""Token status lists (`application/statuslist+jwt`): signed, for anybody, and the list of the lists.

A list says nothing about anybody: it is bits at places that only the token's own client was told. It may be kept for
the minute it names as its time to live, and asked for again by its ETag (`status_lists`).
"""

from typing import Any, Final

from litestar import Request, Response, get
from litestar.params import FromPath

from api.edge.access import Access, access
from api.edge.conditional import has_already
from api.edge.problems import Problem
from api.oauth.status_lists import PATH, TTL_S, TYPE
from api.wiring import services_of
from consent.tokens import status_list

__all__ = ["PATH", "one_status_list", "status_lists"]

_CACHED: Final = {"Cache-Control": f"public, max-age={TTL_S}"}
_MOST: Final = 2**62


@get(PATH, opt=access(Access.PUBLIC), sync_to_thread=True)
def status_lists(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """Where all lists are that are served now (status list aggregation)."""
    services = services_of(request)
    with services.vault.data.glance() as conn:
        numbers = status_list.living(conn, services.vault, services.clock())
    lists = [services.url(f"{PATH}/{number}") for number in numbers]
    return Response({"status_lists": lists}, headers=_CACHED, media_type="application/json")


@get(f"{PATH}/{{number:int}}", opt=access(Access.PUBLIC))
async def one_status_list(request: Request[Any, Any, Any], number: FromPath[int]) -> Response[str]:
    """One list as it is at this moment, or 304 for whoever has it."""
    found = await services_of(request).statuses.submit(number) if 0 <= number < _MOST else None
    if found is None:
        raise Problem(404, "not_found")
    headers, media_type = {**_CACHED, "ETag": found.tag}, f"application/{TYPE}"
    if has_already(request, found.tag):
        return Response("", status_code=304, headers=headers, media_type=media_type)
    return Response(found.text, headers=headers, media_type=media_type)
