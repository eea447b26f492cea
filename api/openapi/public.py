"""The entries of what anybody may read: metadata, keys, the transparency log, health; and the browser's way in."""

from collections.abc import Mapping
from dataclasses import replace

from api.openapi.operation import JSON, Operation, Reply, json_reply
from api.openapi.shapes import (
    INSTANT,
    JWS,
    SWITCH,
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
from api.public.leak_check import Asked
from api.sealing.front import _Bring as Brought
from consent.ledger.origin import NUMBER_TEXT
from vault.fields.coordinates import DECIMALS
from vault.fields.measure import Measured
from vault.fields.moment import Precision

_BYTES = "application/octet-stream"
_LOG: Mapping[str, Schema] = {"year": text(f"^{NUMBER_TEXT}$", most=8), "bucket": whole(0, 4095)}
_UNCHANGED = Reply(says="As the caller knows it.", headers=["ETag"])
_POINT = "^[A-Za-z0-9_-]{43}$"
_TILE = text("^(x[0-9]{3}/)*[0-9]{3}([.]p/[1-9][0-9]{0,2})?$", most=64)


def _document(
    says: str,
    schema: Schema,
    media: str = JSON,
    path: Mapping[str, Schema] | None = None,
    group: str = "Metadata",
) -> Operation:
    """A document that may be kept for a while and asked for again by its tag."""
    kept = Reply(says=says, content={media: schema}, headers=["ETag"])
    return Operation(
        group=group,
        parameters=["If-None-Match"],
        path=path or {},
        replies={200: kept, 304: _UNCHANGED},
    )


def _read(group: str, says: str, media: str, schema: Schema, path: Mapping[str, Schema]) -> Operation:
    return Operation(group=group, path=path, replies={200: Reply(says=says, content={media: schema})})


def _as_get(entry: Operation) -> Operation:
    """The same asked with HEAD."""
    said = {status: Reply(says="As GET.", headers=one.headers) for status, one in entry.replies.items()}
    return replace(entry, replies=said)


def _keyed(value: Schema) -> Schema:
    """An object whose members' names are codes."""
    return {"type": "object", "additionalProperties": value}


_HEALTHY = json_reply("The server answers and its data base does too.", members({"status": words(["ok"])}))
_SEALED = {503: json_reply("Waiting for its key, or the data base does not answer.", named("Sealed"))}

AUTHORIZE = Operation(
    group="Asking",
    parameters=["client_id", "request_uri"],
    replies={303: Reply(says="On to the request's page, by way of signing in.", headers=["Location"])},
    refusals={400: ["invalid_request_uri"]},
)

UNSEAL = Operation(
    group="Operating",
    body={JSON: named("RootKeyPart")},
    replies={
        200: json_reply("The installation is open.", members({"status": words(["ok"])})),
        202: json_reply("More shares are needed.", named("Sealed")),
    },
    refusals={
        400: [
            "malformed_json",
            "invalid_input",
            "wrong_passphrase",
            "empty_passphrase",
            "malformed_share",
            "wrong_share",
            "duplicate_share",
            "foreign_share",
            "stale_share",
            "wrong_unseal_form",
            "malformed_root",
            "unopenable",
        ],
        429: ["too_many_attempts"],
    },
)

CHECK_LEAK = Operation(
    group="Leaks",
    body={JSON: named("LeakQuestion")},
    replies={
        200: json_reply(
            "The point under our key, and labels of a fixed number in the order of their bytes.",
            members({"evaluated": text(_POINT), "labels": text("^[A-Za-z0-9_-]+$")}),
        )
    },
    refusals={
        400: ["malformed_json", "unknown_member", "point_refused"],
        409: ["leaks_moved"],
        429: ["too_many_attempts"],
    },
)

SCHEMAS: Mapping[str, Schema] = {
    **structs({"RootKeyPart": Brought, "LeakQuestion": Asked}),
    "Sealed": members(
        {"status": words(["sealed"]), "needs": text(least=1), "got": whole(0), "needed": whole(0)}
    ),
    "MarkingRules": members(
        {
            "purposes": _keyed(listed(text(least=1), least=1, once=True)),
            "carriers": _keyed(
                members({"field": text(least=1), "en": text(least=1), "zh-CN": text(least=1)})
            ),
            "measured": _keyed(
                members(
                    {
                        "kind": words(Measured),
                        "precision": words([*Precision, *map(str, DECIMALS)]),
                        "en": text(least=1),
                        "zh-CN": text(least=1),
                    }
                )
            ),
            "promise": members({"en": text(least=1), "zh-CN": text(least=1)}),
        }
    ),
    "ServerMetadata": members(
        {
            "issuer": text(least=1),
            "authorization_endpoint": text(least=1),
            "token_endpoint": text(least=1),
            "pushed_authorization_request_endpoint": text(least=1),
            "jwks_uri": text(least=1),
            "event_issuer": text(least=1),
            "receipt_issuer": text(least=1),
            "grant_types_supported": listed(text(least=1), least=1, once=True),
            "response_types_supported": listed(words(["code"]), least=1),
        }
    ),
    "ResourceMetadata": members(
        {
            "resource": text(least=1),
            "authorization_servers": listed(text(least=1), least=1),
            "dpop_bound_access_tokens_required": {"const": True},
            "dpop_signing_alg_values_supported": listed(text(least=1), least=1),
        }
    ),
    "LeakList": members(
        {
            "period": whole(0),
            "bits": whole(0, 16),
            "leaks": listed(members({"id": id_of("lk"), "received": {"type": "string", "format": "date"}})),
        }
    ),
    "KeySet": members({"keys": listed(members({"kty": text(least=1), "kid": text(least=1)}), least=1)}),
    "ErasureHorizon": members(
        {
            "horizon_days": whole(0),
            "values_days": whole(0),
            "tags_days": whole(0),
            "oldest_backup_key": or_null(INSTANT),
            "oldest_index_key": INSTANT,
            "kept": SWITCH,
        }
    ),
    "RecipientRecord": members(
        {
            "recipient": id_of("org"),
            "counted_at": or_null(INSTANT),
            "erasures": members({"in_time": whole(0), "late": whole(0), "missing": whole(0)}),
            "service_denied": whole(0),
            "suspensions": whole(0),
            "last_suspended_at": or_null(INSTANT),
        }
    ),
}

_LOGS: Mapping[str, Operation] = {
    "GET /log/keys": _document("One verifier key a line.", text(), "text/plain", group="Log"),
    "GET /log/retired": _document(
        "One verifier key that signs no more and the last size it signed a line.",
        text(),
        "text/plain",
        group="Log",
    ),
    "GET /log/{year}/{bucket}/checkpoint": _document(
        "The newest signed checkpoint (C2SP tlog-checkpoint).", text(least=1), "text/plain", _LOG, "Log"
    ),
    "GET /log/{year}/{bucket}/incident": _document(
        "Why a log was given up, and which log carries it on.", text(least=1), "text/plain", _LOG, "Log"
    ),
    "GET /log/{year}/{bucket}/tile/{level}/{rest}": _read(
        "Log",
        "Hashes (C2SP tlog-tiles).",
        _BYTES,
        {},
        {**_LOG, "level": whole(0, 7), "rest": _TILE},
    ),
    "GET /log/{year}/{bucket}/tile/entries/{rest}": _read(
        "Log", "The entries beside a tile of level 0.", _BYTES, {}, {**_LOG, "rest": _TILE}
    ),
    "GET /log/{year}/{bucket}/index/{upto}/tile/{rest}": _read(
        "Log",
        "The rows of an index, or the hashes over them.",
        _BYTES,
        {},
        {**_LOG, "upto": whole(1), "rest": {"type": "string"}},
    ),
}

TABLE: Mapping[str, Operation] = {
    "GET /.well-known/oauth-authorization-server": _document(
        "Authorization server metadata.", named("ServerMetadata")
    ),
    "GET /.well-known/oauth-protected-resource/v1/disclosures": _document(
        "Protected resource metadata.", named("ResourceMetadata")
    ),
    "GET /jwks": _document("The keys that verify what we sign.", named("KeySet"), "application/jwk-set+json"),
    "GET /.well-known/perusal-erasure": _read(
        "Metadata", "How long backups remember.", JSON, named("ErasureHorizon"), {}
    ),
    "GET /v1/recipients/{name}/record": _read(
        "Metadata",
        "What is on record about a recipient of the last year.",
        JSON,
        named("RecipientRecord"),
        {"name": id_of("org")},
    ),
    "GET /status": _read(
        "Metadata", "Where the lists are.", JSON, members({"status_lists": listed(text(least=1))}), {}
    ),
    "GET /status/{number}": _document(
        "One list, signed.", JWS, "application/statuslist+jwt", {"number": whole(0)}
    ),
    "GET /v1/marking-rules": _read(
        "Metadata", "In which forms values may be served, by purpose.", JSON, named("MarkingRules"), {}
    ),
    "GET /v1/leak-check": _read("Leaks", "The leaks that are told of.", JSON, named("LeakList"), {}),
    "POST /v1/leak-check": CHECK_LEAK,
    "GET /authorize": AUTHORIZE,
    "GET /healthz": Operation(group="Operating", replies={200: _HEALTHY, **_SEALED}),
    "HEAD /healthz": Operation(
        group="Operating", replies={200: Reply(says="As GET."), 503: Reply(says="As GET.")}
    ),
    "POST /v1/unseal": UNSEAL,
    **_LOGS,
    **{key.replace("GET", "HEAD", 1): _as_get(entry) for key, entry in _LOGS.items()},
}
