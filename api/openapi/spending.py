"""The entries of what a recipient does with a consent: spending a use, looking, ending it, saying that all is erased."""

from collections.abc import Mapping

from api.disclosures import _Answer as RedemptionAnswer
from api.disclosures import _Body as RedemptionBody
from api.openapi.clients import form
from api.openapi.operation import JSON, Operation, Reply, Words, json_reply
from api.openapi.shapes import (
    HASH,
    INSTANT,
    JWE,
    JWS,
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
from consent.schema.grant_states import GrantState
from consent.withdrawal.deletions import Method

_PROVED = ["invalid_token", "invalid_dpop_proof", "use_dpop_nonce"]
_GRANT = {"name": id_of("gr")}

REDEEM = Operation(
    group="Spending",
    parameters=["DPoP", "Idempotency-Key"],
    body={JSON: named("Redemption")},
    body_required=False,
    replies={200: json_reply("The values, after the use stands in the ledger.", named("Disclosed"))},
    refusals={
        400: [
            "invalid_input",
            "unknown_member",
            "malformed_json",
            "malformed_idempotency_key",
            "unknown_encryption_key",
        ],
        401: _PROVED,
        403: ["insufficient_scope"],
        422: ["idempotency_mismatch"],
        500: ["unreadable"],
    },
)

QUERY = Operation(
    group="Grants",
    path=_GRANT,
    parameters=["DPoP"],
    replies={200: json_reply("What was granted and what is left of it.", named("Grant"))},
    refusals={401: _PROVED, 403: ["insufficient_scope", "forbidden"]},
)

END = Operation(
    group="Grants",
    path=_GRANT,
    parameters=["DPoP"],
    replies={204: Reply(says="It has ended, with everything that was passed on under it.")},
    refusals={401: _PROVED, 403: ["insufficient_scope", "forbidden"]},
)

_ERASED = json_reply("The statement is kept.", named("DeletionRecord"))
DELETIONS = Operation(
    group="Grants",
    words=Words.OAUTH,
    parameters=["DPoP-if-any"],
    body=form({"statement": {**JWS, "maxLength": 4096}}),
    replies={201: _ERASED, 200: json_reply("The same was said before.", named("DeletionRecord"))},
    refusals={
        400: ["invalid_request deletion.statement", "invalid_request deletion.time"],
        404: ["invalid_request deletion.unknown_event"],
        409: ["invalid_request deletion.recorded_otherwise"],
    },
)

_SHAPES = structs({"Redemption": RedemptionBody, "Disclosed": RedemptionAnswer})
_FIELDS = listed(text(), least=1, most=64, once=True)


def _bounded() -> Mapping[str, Schema]:
    """The structs with what their types cannot say."""
    asked, answered = _SHAPES["Redemption"], _SHAPES["Disclosed"]
    values = {"type": "object", "additionalProperties": text()}
    exact = {"disclosure_id": id_of("ds"), "receipt": JWS, "data": {"anyOf": [values, JWE]}}
    body = {"fields": or_null(_FIELDS), "encrypt_to": text(least=1, most=128)}
    return {
        **_SHAPES,
        "Redemption": asked | {"properties": body},
        "Disclosed": answered | {"properties": answered["properties"] | exact},
        "Ledger": _SHAPES["Ledger"] | {"properties": {"log": text(least=1), "index": whole(0), "leaf": HASH}},
    }


SCHEMAS: Mapping[str, Schema] = {
    **_bounded(),
    "Grant": members(
        {
            "scopes": listed(text(), most=0),
            "claims": listed(text(), most=0),
            "authorization_details": listed(named("GrantedDetails"), least=1, most=1),
            "grant_id": id_of("gr"),
            "state": words(GrantState),
            "use": members({"n": whole(0), "of": whole(1)}),
            "created_at": INSTANT,
        }
    ),
    "DeletionRecord": members(
        {
            "grant_id": id_of("gr"),
            "event_id": id_of("ev"),
            "erased_at": INSTANT,
            "method": words(Method),
            "recorded_at": INSTANT,
        }
    ),
}

TABLE: Mapping[str, Operation] = {
    "POST /v1/disclosures": REDEEM,
    "GET /grants/{name}": QUERY,
    "DELETE /grants/{name}": END,
    "POST /v1/deletions": DELETIONS,
}
