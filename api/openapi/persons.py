"""The entries of what the signed-in person's own programs call under `/me`, with the portal's session."""

from collections.abc import Mapping

from api.edge.csrf import FIELD
from api.openapi.operation import FORM, Operation, json_reply
from api.openapi.shapes import (
    COUNTRY,
    INSTANT,
    JWS,
    SWITCH,
    Schema,
    id_of,
    listed,
    members,
    named,
    or_null,
    text,
    whole,
    words,
)
from api.portal.my_receipts import MOST
from consent.schema.grant_states import GrantState
from consent.wording.purposes import PURPOSES

_TOKEN: Mapping[str, Schema] = {FIELD: text("^[A-Za-z0-9_-]{43}$")}
_NAME = text("^[ -~]+$", least=1, most=200)


def _closed(required: Mapping[str, Schema]) -> Schema:
    return {**members({**_TOKEN, **required}), "additionalProperties": False}


_ENDED = json_reply("They have ended; asked again, the first answer.", named("Withdrawals"))
_NOTHING = {409: ["not_withdrawable"]}

SCHEMAS: Mapping[str, Schema] = {
    "Grants": members({"csrf": _TOKEN[FIELD], "grants": listed(named("OwnGrant"))}),
    "OwnGrant": members(
        {
            "grant_id": id_of("gr"),
            "state": words(GrantState),
            "recipient": members({"id": text(least=1), "name": text(least=1), "contact": text(least=1)}),
            "purpose": words(PURPOSES),
            "datatypes": listed(text(least=1)),
            "used": whole(0),
            "of": whole(1),
            "window": members({"from": INSTANT, "to": INSTANT}),
            "retention": text("^P([1-9][0-9]{0,3})([DWMY])$"),
            "parent_grant": or_null(id_of("gr")),
            "onward": listed(text(least=1), once=True),
            "abroad": or_null(COUNTRY),
            "decided_at": INSTANT,
            "withdrawn_at": or_null(INSTANT),
            "annulled": or_null(
                members({"at": INSTANT, "reason": text(least=1), "authority": or_null(text(least=1))})
            ),
        }
    ),
    "Receipts": members(
        {"grant_id": id_of("gr"), "jwks_uri": text(least=1), "receipts": listed(JWS, least=1), "head": JWS}
    ),
    "AllReceipts": members(
        {
            "jwks_uri": text(least=1),
            "chains": listed(
                members({"grant_id": id_of("gr"), "receipts": listed(JWS, least=1), "head": JWS}), most=MOST
            ),
            "next": or_null(text(least=1)),
        }
    ),
    "OwnDisclosures": members({"disclosures": listed(named("OwnDisclosure"))}),
    "OwnDisclosure": members(
        {
            "disclosure_id": id_of("ds"),
            "grant_id": id_of("gr"),
            "recipient": members({"id": text(least=1), "name": text(least=1)}),
            "purpose": words(PURPOSES),
            "datatypes": listed(text(least=1), least=1, once=True),
            "use": members({"n": whole(1), "of": whole(1)}),
            "disclosed_at": INSTANT,
            "redelivered": whole(0),
            "ledger": members({"log": text(least=1), "index": whole(0)}),
        }
    ),
    "Withdrawals": members(
        {"withdrawn": listed(named("Withdrawal")), "taken_back": listed(id_of("gr"), once=True)}
    ),
    "Withdrawal": members(
        {
            "grant_id": id_of("gr"),
            "recipient": text(least=1),
            "withdrawn_at": INSTANT,
            "disclosures": whole(0),
            "repeated": SWITCH,
            "receipt": JWS,
        }
    ),
}

TABLE: Mapping[str, Operation] = {
    "GET /me/grants": Operation(
        group="Persons",
        replies={200: json_reply("Everyone this person has answered.", named("Grants"))},
    ),
    "GET /me/grants/{name}/receipts": Operation(
        group="Persons",
        path={"name": id_of("gr")},
        replies={200: json_reply("Every receipt, in order.", named("Receipts"))},
        refusals={400: ["malformed_id"]},
    ),
    "GET /me/receipts": Operation(
        group="Persons",
        parameters=["after"],
        replies={
            200: json_reply("The receipts of fifty permissions, the newest first.", named("AllReceipts"))
        },
        refusals={400: ["malformed_id"]},
    ),
    "GET /me/disclosures": Operation(
        group="Persons",
        replies={200: json_reply("Every use of this person's data.", named("OwnDisclosures"))},
    ),
    "POST /me/grants/{name}/withdrawal": Operation(
        group="Persons",
        path={"name": id_of("gr")},
        body={FORM: _closed({})},
        replies={200: _ENDED},
        refusals={400: ["malformed_id"], **_NOTHING},
    ),
    "POST /me/withdrawals": Operation(
        group="Persons",
        body={
            FORM: {
                "oneOf": [
                    _closed({"recipient": _NAME}),
                    _closed({"purpose": _NAME}),
                    _closed({"everything": words(["yes"])}),
                ]
            }
        },
        replies={200: _ENDED},
        refusals={400: ["invalid_input"], **_NOTHING},
    ),
}
