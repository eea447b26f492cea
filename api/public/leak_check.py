"""Was I in a leak, for programs: the page's script and `perusal check-leak` ask here, and never send what they ask for.

The list of leaks says how to ask; a question holds a blinded point and a few bits of a hash, an answer the
point under our key and one group of labels (ADR 0045). Questions are counted in the data base, by network and
for all, before anything is multiplied: it is guessing through a whole range of numbers that has to stay slow.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.concurrency import sync_to_thread

from api.edge.access import Access, access
from api.edge.attempts import (
    LEAK_CHECKS_FROM_SOURCE,
    LEAK_CHECKS_FROM_SOURCE_DAILY,
    LEAK_CHECKS_OF_ALL,
    Limit,
    count,
    network_of,
    source_of,
)
from api.edge.json_body import json_body
from api.edge.problems import Problem
from api.edge.strangers import peer_of
from api.wiring import Services, services_of
from breach.selfcheck.answer import Answer, Question, answer
from breach.selfcheck.periods import current
from breach.selfcheck.publish import leaks
from vault.base64url import b64url, unb64url

PATH: Final = "/v1/leak-check"
_MEDIA: Final = "application/json"
MOST_PREFIX: Final = (1 << 16) - 1


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question: by which list it is asked, the first bits of the slot, and the blinded point in base64url."""

    period: Annotated[int, msgspec.Meta(ge=0, le=(1 << 31) - 1)]
    bits: Annotated[int, msgspec.Meta(ge=0, le=16)]
    prefix: Annotated[int, msgspec.Meta(ge=0, le=MOST_PREFIX)]
    blinded: Annotated[str, msgspec.Meta(max_length=64)]


_asked = msgspec.json.Decoder(Asked)


@get(PATH, opt=access(Access.PUBLIC))
async def leak_list(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """The leaks that are told of, by the day each file came in, and how to ask whether something is in them."""
    # Litestar would put a synchronous handler into a thread twice, as another one stands at the same path.
    return Response(await sync_to_thread(_list, services_of(request)), media_type=_MEDIA)


@post(PATH, opt=access(Access.PUBLIC), status_code=200)
async def check_leak(request: Request[Any, Any, Any]) -> Response[dict[str, str]]:
    """One blinded point under our key, and a group of labels to look for it in; it does not say what was asked for."""
    services, asked = services_of(request), await json_body(request, _asked)
    source = source_of(services.csrf_key, network_of(peer_of(request.scope)))
    found = await sync_to_thread(_answered, services, asked, source)
    document = {"evaluated": b64url(found.evaluated), "labels": b64url(found.labels)}
    return Response(document, media_type=_MEDIA)


def _list(services: Services) -> dict[str, Any]:
    with services.vault.data.read() as conn:
        period = current(conn)
        told = [one for one in leaks(conn) if one.published_at is not None]
    return {
        "period": period.number if period else 0,
        "bits": period.bits if period else 0,
        "leaks": [{"id": one.name, "received": _day(services, one.received_at)} for one in told],
    }


def _answered(services: Services, asked: Asked, source: bytes) -> Answer:
    try:
        blinded = unb64url(asked.blinded)
    except ValueError:
        raise Problem(400, "point_refused") from None
    _count(services, source)
    question = Question(period=asked.period, bits=asked.bits, prefix=asked.prefix, blinded=blinded)
    return answer(services.vault, question)


def _count(services: Services, source: bytes) -> None:
    of_all = Limit(name=LEAK_CHECKS_OF_ALL, most=services.settings.leak_check_limit)
    limits = ((LEAK_CHECKS_FROM_SOURCE, source), (LEAK_CHECKS_FROM_SOURCE_DAILY, source), (of_all, b""))
    with services.vault.data.write() as conn:
        wait = next(
            (wait for limit, what in limits if (wait := count(conn, limit, what, services.clock()))), 0
        )
    if wait:
        raise Problem(429, "too_many_attempts", headers={"Retry-After": str(wait)})


def _day(services: Services, at_ms: int) -> str:
    """The day of an instant where this installation's people live."""
    return (
        datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(services.settings.local_zone).date().isoformat()
    )
