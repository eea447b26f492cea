"""Token status lists (`application/statuslist+jwt`): signed, for anybody, and the list of the lists.

A list says nothing about anybody: it is bits at places that only the token's own client was told. It may be kept for
half a minute by caches, and names 60 seconds as the time after which it should be fetched again.
"""

from typing import Any, Final

from litestar import Request, Response, get
from litestar.params import FromPath

from api.access import Access, access
from api.problems import Problem
from api.wiring import services_of
from consent import status_list
from consent.signing_keys import Purpose, sign

PATH: Final = "/status"
TTL_S: Final = 60
_TYPE: Final = "statuslist+jwt"
_CACHED: Final = {"Cache-Control": "public, max-age=30"}
_MOST: Final = 2**62


@get(PATH, opt=access(Access.PUBLIC), sync_to_thread=True)
def status_lists(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """Where all lists are that are served now (status list aggregation)."""
    services = services_of(request)
    with services.vault.data.glance() as conn:
        numbers = status_list.living(conn, services.vault, services.clock())
    lists = [services.url(f"{PATH}/{number}") for number in numbers]
    return Response({"status_lists": lists}, headers=_CACHED, media_type="application/json")


@get(f"{PATH}/{{number:int}}", opt=access(Access.PUBLIC), sync_to_thread=True)
def one_status_list(request: Request[Any, Any, Any], number: FromPath[int]) -> Response[str]:
    """One list as it is at this moment."""
    services = services_of(request)
    now_ms = services.clock()
    if not 0 <= number < _MOST:
        raise Problem(404, "not_found")
    with services.vault.data.read() as conn:
        packed = status_list.status_list(conn, services.vault, number, now_ms)
        if packed is None:
            raise Problem(404, "not_found")
        payload = {
            "iss": services.issuer,
            "sub": services.url(f"{PATH}/{number}"),
            "iat": now_ms // 1000,
            "exp": now_ms // 1000 + 2 * TTL_S,
            "ttl": TTL_S,
            "status_list": {"bits": status_list.BITS, "lst": status_list.encoded(packed)},
        }
        signed = sign(services.vault, conn, Purpose.STATUS, _TYPE, payload)
    return Response(signed, headers=_CACHED, media_type=f"application/{_TYPE}")
