"""People for staff: taking them in and changing their values by up to 2,000 at a time, and finding out who is here.

`POST /v1/people` takes a JSON array or one JSON object a line (`application/x-ndjson`): field codes to texts,
and optionally `lang`. `PATCH /v1/people` takes `{"subject", "field", "text"}` in the same two forms. Each item
gets its own answer; one bad item spoils no other; `checked` false marks a value whose check digit is wrong.
`POST /v1/people/find` takes whole values or their digests in the body, so that no value ever stands in an
address; it answers ids, and nothing about other values.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from litestar import Request, Response, patch, post
from litestar.concurrency import sync_to_thread

from api.edge.access import Access, access
from api.edge.json_body import decoded, json_body
from api.edge.kept import repeatable
from api.edge.problems import Problem
from api.staff.bulk import Item, change_values, write_people
from api.staff.emergencies import staffer_of
from api.staff.keys import StaffMember
from api.wiring import services_of
from consent.accounts.keys import DEFAULT_LANG
from consent.ledger.bundles import person_key
from consent.people.keeping import Change, Enrolled, NewPerson, Refused, Updated
from consent.staff.lookup import Naming, find_people
from consent.staff_members import DualReason
from consent.wording.notices import LANGUAGES
from vault.errors import MalformedId
from vault.fields import Catalogue
from vault.ids import SubjectId, decode_subject, encode_id
from vault.opening import Vault

MOST_PEOPLE: Final = 2_000
_MOST_BYTES: Final = 8 << 20
_MEDIA = "application/json"
_LINES = "application/x-ndjson"


class _Find(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: DualReason
    rows: list[dict[str, str]]


class _Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    subject: str
    field: str
    text: str


_items = msgspec.json.Decoder(list[msgspec.Raw])
_item = msgspec.json.Decoder(dict[str, str])
_change = msgspec.json.Decoder(_Change)
_find = msgspec.json.Decoder(_Find)


@post("/v1/people", opt=access(Access.OPERATOR), status_code=200, request_max_body_size=_MOST_BYTES)
async def add_people(request: Request[StaffMember, Any, Any]) -> Response[dict[str, Any]]:
    """Take people in; an Idempotency-Key makes the request safe to repeat for a day."""
    services, body = services_of(request), await request.body()
    items = [_person(one) for one in _given(request, body, "too_many_people")]
    staffer, key = staffer_of(request), request.headers.get("idempotency-key")
    again = repeatable(services.vault, staffer, "people", key, body)
    answers = await sync_to_thread(write_people, services.vault, staffer, items, again, services.clock())
    fields = services.vault.catalogue
    own = await sync_to_thread(_ledger_keys, services.vault, answers)
    results = [_written(item, answer, fields, own) for item, answer in zip(items, answers, strict=True)]
    return Response({"results": results}, media_type=_MEDIA)


@patch("/v1/people", opt=access(Access.OPERATOR), status_code=200, request_max_body_size=_MOST_BYTES)
async def change_people(request: Request[StaffMember, Any, Any]) -> Response[dict[str, Any]]:
    """Change people's values; an Idempotency-Key makes the request safe to repeat for a day."""
    services, body = services_of(request), await request.body()
    items = [read_change(one) for one in _given(request, body, "too_many_changes")]
    staffer, key = staffer_of(request), request.headers.get("idempotency-key")
    again = repeatable(services.vault, staffer, "changes", key, body)
    answers = await sync_to_thread(change_values, services.vault, staffer, items, again, services.clock())
    fields = services.vault.catalogue
    results = [changed(item, answer, fields) for item, answer in zip(items, answers, strict=True)]
    return Response({"results": results}, media_type=_MEDIA)


@post("/v1/people/find", opt=access(Access.INVESTIGATOR), status_code=200, request_max_body_size=_MOST_BYTES)
async def look_up(request: Request[StaffMember, Any, Any]) -> Response[dict[str, Any]]:
    """Whom the whole values of each row name; whoever is found sees the search in their own history."""
    services, body = services_of(request), await json_body(request, _find)
    answers = await sync_to_thread(
        find_people, services.vault, staffer_of(request), body.rows, body.reason, services.clock()
    )
    return Response({"results": [_found(answer) for answer in answers]}, media_type=_MEDIA)


def read_change(raw: bytes) -> Change | Refused:
    """One change as staff write it, or why it is none."""
    try:
        given = _change.decode(raw)
        subject = decode_subject(given.subject)
    except MalformedId as error:
        return Refused(error.code, "")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Refused("malformed_json", "")
    return Change(subject=subject, field=given.field, text=given.text)


def changed(item: Change | Refused, answer: Updated | Refused, fields: Catalogue) -> dict[str, Any]:
    """What became of one change: the version that is current now, or a code."""
    if isinstance(answer, Refused) or isinstance(item, Refused):
        return _refused(answer)
    slip = {"checked": False} if fields.slips({item.field: item.text}) else {}
    return {"field": item.field, "version": answer.version, **slip}


def _given(request: Request[StaffMember, Any, Any], body: bytes, too_many: str) -> Sequence[bytes]:
    """The items of a body, as they stand there; raises Problem when there are none or too many."""
    kind = request.headers.get("content-type", _MEDIA).partition(";")[0].strip().lower()
    lines = kind == _LINES
    given = [line for line in body.splitlines() if line.strip()] if lines else _array(body)
    if not 0 < len(given) <= MOST_PEOPLE:
        raise Problem(422, too_many if given else "invalid_input")
    return given


def _array(body: bytes) -> list[bytes]:
    return [bytes(item) for item in decoded(body, _items)]


def _person(raw: bytes) -> Item:
    try:
        values = _item.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Refused("malformed_json", "")
    lang = values.pop("lang", DEFAULT_LANG)
    return Refused("unknown_language", "lang") if lang not in LANGUAGES else (NewPerson(values), lang)


def _ledger_keys(vault: Vault, answers: Sequence[Enrolled | Refused]) -> dict[SubjectId, str]:
    """What each new person tells their own tag by, as it is handed out."""
    made = [(one.bucket, one.subject) for one in answers if isinstance(one, Enrolled)]
    return {who: person_key.text_of(key.ledger) for who, key in vault.keyring.subject_keys(made).items()}


def _written(
    item: Item, answer: Enrolled | Refused, fields: Catalogue, own: Mapping[SubjectId, str]
) -> dict[str, Any]:
    if isinstance(answer, Refused) or isinstance(item, Refused):
        return _refused(answer)
    slips = fields.slips(item[0].values)
    slip = {"checked": dict.fromkeys(slips, False)} if slips else {}
    keys = {"key": answer.key, person_key.FIELD: own.get(answer.subject)}
    return {"subject": encode_id("sub", answer.subject), **keys, **slip}


def _refused(answer: Refused | Enrolled | Updated) -> dict[str, Any]:
    assert isinstance(answer, Refused)
    return {"code": answer.code, "field": answer.field}


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
