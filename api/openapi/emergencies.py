"""The entries of emergencies: one member of staff asks, two others decide, and only then is anything opened."""

from collections.abc import Mapping

from api.openapi.operation import JSON, Operation, json_reply
from api.openapi.shapes import (
    INSTANT,
    Schema,
    id_of,
    listed,
    members,
    named,
    or_null,
    structs,
    text,
    whole,
    words,
)
from api.staff.emergencies import _Ask as Asked
from api.staff.emergencies import _Open as Opening
from api.staff.reads import _Read as Reading
from consent.denials import DenialCode
from consent.dual.control import LONGEST_NOTE
from consent.staff_members import DualKind, DualReason, DualState

SUBJECT = id_of("sub")
STAFF = text("^[a-z]+/[0-9a-f]{12}$")
"""The name of a staff key: its role and number."""

VALUES: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
_DUAL = {"name": id_of("dual")}


def _denied(*codes: DenialCode) -> list[str]:
    return [f"staff.{code.value}" for code in codes]


ASK = Operation(
    group="Emergencies",
    body={JSON: named("EmergencyQuestion")},
    replies={201: json_reply("It waits for two approvals.", named("Emergency"), "Location")},
    refusals={
        400: [
            "invalid_input",
            "unknown_member",
            "malformed_json",
            "malformed_id",
            "bad_dual_request",
        ],
        404: _denied(DenialCode.UNKNOWN_PERSON),
        410: _denied(DenialCode.PERSON_ERASED),
    },
)

WAITING = Operation(
    group="Emergencies",
    replies={
        200: json_reply("What can still be voted on or used, newest first.", listed(named("Emergency")))
    },
)

SHOW = Operation(
    group="Emergencies",
    path=_DUAL,
    replies={200: json_reply("One request with its note.", named("EmergencyShown"))},
    refusals={400: ["malformed_id"], 404: _denied(DenialCode.UNKNOWN_REQUEST)},
)

VOTE = Operation(
    group="Emergencies",
    path=_DUAL,
    replies={200: json_reply("The vote is recorded.", named("EmergencyShown"))},
    refusals={
        400: ["malformed_id"],
        403: _denied(DenialCode.OWN_REQUEST),
        404: _denied(DenialCode.UNKNOWN_REQUEST),
        409: _denied(DenialCode.REQUEST_CLOSED, DenialCode.ALREADY_VOTED),
        410: _denied(DenialCode.PERSON_ERASED),
    },
)

OPEN = Operation(
    group="Emergencies",
    path=_DUAL,
    body={JSON: named("EmergencyOpening")},
    body_required=False,
    replies={200: json_reply("The values, after the read is on record.", named("EmergencyOpened"))},
    refusals={
        400: ["unknown_member", "malformed_json", "malformed_id"],
        403: _denied(DenialCode.NOT_REQUESTER, DenialCode.FIELD_NOT_REQUESTED),
        404: _denied(DenialCode.UNKNOWN_REQUEST),
        409: _denied(DenialCode.NOT_APPROVED, DenialCode.WINDOW),
        410: _denied(DenialCode.PERSON_ERASED),
        500: _denied(DenialCode.UNREADABLE),
    },
)


READ = Operation(
    group="Staff",
    body={JSON: named("StaffReading")},
    replies={200: json_reply("The values, after the read is on record.", named("StaffRead"))},
    refusals={
        400: ["unknown_member", "malformed_json", "malformed_id", "bad_dual_request"],
        403: _denied(DenialCode.NEEDS_TWO, DenialCode.NO_CONSENT, DenialCode.MINOR_UNAPPROVED),
        404: _denied(DenialCode.UNKNOWN_PERSON),
        410: _denied(DenialCode.PERSON_ERASED),
        500: _denied(DenialCode.UNREADABLE),
    },
)

_SHAPES = structs({"EmergencyQuestion": Asked, "EmergencyOpening": Opening, "StaffReading": Reading})
_QUESTION: Mapping[str, Schema] = {
    "note": text(least=1, most=LONGEST_NOTE),
    "fields": listed(text(least=1), least=1, once=True),
    "subject": or_null(SUBJECT),
}
_HEX = text("^([0-9a-fA-F]{2})*$")
_SCAN: Mapping[str, Schema] = {"wanted": _HEX, "salts": or_null(_HEX)}


def with_exactly(shape: Schema, exact: Mapping[str, Schema]) -> Schema:
    """A struct with what its types cannot say."""
    return {**shape, "properties": {**shape["properties"], **exact}}


_EMERGENCY: Mapping[str, Schema] = {
    "id": id_of("dual"),
    "kind": words(DualKind),
    "state": words(DualState),
    "subject": or_null(SUBJECT),
    "fields": listed(text(least=1), least=1),
    "scope": text(),
    "reason": words(DualReason),
    "asked_by": STAFF,
    "approved_by": listed(STAFF, most=2),
    "asked_at": INSTANT,
    "lapses_at": INSTANT,
    "window_to": or_null(INSTANT),
}
SCHEMAS: Mapping[str, Schema] = {
    **_SHAPES,
    "EmergencyQuestion": with_exactly(_SHAPES["EmergencyQuestion"], _QUESTION),
    "Scan": with_exactly(_SHAPES["Scan"], _SCAN),
    "Emergency": members(_EMERGENCY),
    "EmergencyShown": members({**_EMERGENCY, "note": or_null(text(least=1, most=2000))}),
    "StaffReading": with_exactly(
        _SHAPES["StaffReading"],
        {
            "subject": SUBJECT,
            "fields": listed(text(least=1), least=1),
            "approval": or_null(id_of("dual")),
        },
    ),
    "StaffRead": members({"id": id_of("ds"), "subject": SUBJECT, "data": VALUES, "as_of": INSTANT}),
    "EmergencyOpened": members(
        {
            "id": id_of("dual"),
            "subject": SUBJECT,
            "data": VALUES,
            "as_of": INSTANT,
            "times": whole(1),
        }
    ),
}

TABLE: Mapping[str, Operation] = {
    "POST /v1/staff-reads": READ,
    "POST /v1/emergencies": ASK,
    "GET /v1/emergencies": WAITING,
    "GET /v1/emergencies/{name}": SHOW,
    "POST /v1/emergencies/{name}/approve": VOTE,
    "POST /v1/emergencies/{name}/refuse": VOTE,
    "POST /v1/emergencies/{name}/open": OPEN,
}
