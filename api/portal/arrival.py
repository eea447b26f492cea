"""Whoever comes in time may take their time: ten minutes in that browser to sign in and to say for whom they answer.

A `request_uri` is good for 90 seconds on its way to us (consent.md §2.4); reading a message and typing a code
is no part of that. `/authorize` leaves the moment of arrival in a cookie, under a MAC over it and the request,
so that nothing is written for whoever only comes by. The request is still taken up once, by whoever is first.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

from litestar import Request
from litestar.datastructures import Cookie

from api.wiring import Services, services_of
from vault.base64url import b64url

LASTS_MS: Final = 600_000
_LABEL: Final = b"perusal arrival v1\0"


def arrived_at(request: Request[Any, Any, Any], named: Mapping[str, str]) -> int:
    """When this browser came with this request, Unix milliseconds: by this the request's own time is judged.

    Now, unless the cookie says that it came at most ten minutes ago.
    """
    services = services_of(request)
    now_ms, cookie = services.clock(), request.cookies.get(services.jar.arrival_name, "")
    moment, _, _ = cookie.partition(".")
    if not moment.isascii() or not moment.isdigit() or len(moment) > len(str(now_ms)):
        return now_ms
    came = int(moment)
    ours = hmac.compare_digest(cookie.encode(), _signed(services, named, came).encode())
    return came if ours and came <= now_ms < came + LASTS_MS else now_ms


def arrival(services: Services, named: Mapping[str, str], came_ms: int) -> Cookie:
    """The cookie of a browser that came in time; one that comes with another request gets another."""
    return services.jar.keep(services.jar.arrival_name, _signed(services, named, came_ms))


def _signed(services: Services, named: Mapping[str, str], came_ms: int) -> str:
    told = "\0".join((str(came_ms), named["client_id"], named["request_uri"])).encode()
    return f"{came_ms}.{b64url(hmac.digest(services.csrf_key, _LABEL + told, hashlib.sha256))}"
