"""People for staff: taking them in by up to 2,000 at a time, and finding out which of them are here.

`POST /v1/people` takes a JSON array or one JSON object a line (`application/x-ndjson`): field codes to texts, and
optionally `lang`. Each gets its own answer; one bad item spoils no other. `POST /v1/people/find` takes whole values or
their digests in the body, so that no value ever stands in an address; it answers ids, and nothing about other values.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from litestar import Request, Response, post
from litestar.concurrency import sync_to_thread

from api.access import Access, access
from api.bulk import Item, Repeatable, repeatable, write_people
from api.emergencies import staffer_of
from api.json_body import decoded, json_body
from api.problems import Problem
from api.staff import StaffMember
from api.wiring import services_of
from consent.accounts import DEFAULT_LANG
from consent.keeping import Enrolled, NewPerson, Refused
from consent.lookup import Naming, find_people
from consent.notices import LANGUAGES
from consent.staff import DualReason, Staffer
from vault.ids import encode_id
from vault.opening import Vault

MOST_PEOPLE: Final = 2_000
_MOST_BYTES: Final = 8 << 20
_LONGEST_KEY: Final = 128
_MEDIA = "application/json"
_LINES = "application/x-ndjson"


class _Find(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: DualReason
    rows: list[dict[str, str]]


_items = msgspec.json.Decoder(list[msgspec.Raw])
_item = msgspec.json.Decoder(dict[str, str])
_find = msgspec.json.Decoder(_Find)


@post("/v1/people", opt=access(Access.OPERATOR), status_code=200, request_max_body_size=_MOST_BYTES)
async def add_people(request: Request[StaffMember, Any, Any]) -> Response[dict[str, Any]]:
    """Take people in; an Idempotency-Key makes the request safe to repeat for a day."""
    services, body = services_of(request), await request.body()
    kind = request.headers.get("content-type", _MEDIA).partition(";")[0].strip().lower()
    items = list(_people(body, lines=kind == _LINES))
    if not 0 < len(items) <= MOST_PEOPLE:
        raise Problem(422, "too_many_people" if items else "invalid_input")
    staffer = staffer_of(request)
    again = _repeatable(services.vault, staffer, request.headers.get("idempotency-key"), body)
    answers = await sync_to_thread(write_people, services.vault, staffer, items, again, services.clock())
    return Response({"results": [_written(answer) for answer in answers]}, media_type=_MEDIA)


@post("/v1/people/find", opt=access(Access.INVESTIGATOR), status_code=200, request_max_body_size=_MOST_BYTES)
async def look_up(request: Request[StaffMember, Any, Any]) -> Response[dict[str, Any]]:
    """Whom the whole values of each row name; whoever is found sees the search in their own history."""
    services, body = services_of(request), await json_body(request, _find)
    answers = await sync_to_thread(
        find_people, services.vault, staffer_of(request), body.rows, body.reason, services.clock()
    )
    return Response({"results": [_found(answer) for answer in answers]}, media_type=_MEDIA)


def _people(body: bytes, *, lines: bool) -> Iterator[Item]:
    given = [line for line in body.splitlines() if line.strip()] if lines else _array(body)
    for one in given[: MOST_PEOPLE + 1]:
        try:
            values = _item.decode(one)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            yield Refused("malformed_json", "")
            continue
        lang = values.pop("lang", DEFAULT_LANG)
        yield Refused("unknown_language", "lang") if lang not in LANGUAGES else (NewPerson(values), lang)


def _array(body: bytes) -> list[bytes]:
    return [bytes(item) for item in decoded(body, _items)]


def _repeatable(vault: Vault, staffer: Staffer, key: str | None, body: bytes) -> Repeatable | None:
    if key is None:
        return None
    if not 0 < len(key) <= _LONGEST_KEY or not all("!" <= character <= "~" for character in key):
        raise Problem(400, "malformed_idempotency_key")
    return repeatable(vault, staffer, key, body)


def _written(answer: Enrolled | Refused) -> dict[str, str]:
    if isinstance(answer, Refused):
        return {"code": answer.code, "field": answer.field}
    return {"subject": encode_id("sub", answer.subject), "key": answer.key}


def _found(answer: Naming) -> dict[str, Any]:
    """`read` are the columns that were looked up; the others say nothing here, whatever stands in them."""
    return {
        "read": list(answer.read),
        "found": [
            {
                "subject": encode_id("sub", one.subject),
                "field": one.field,
                "version": one.version,
                "how": one.how,
            }
            for one in answer.found
        ],
    }
