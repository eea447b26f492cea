"""The entries of what staff call with a key of their own: leaked files, alarms, people in bulk, sealing."""

from collections.abc import Mapping

from api.openapi.emergencies import STAFF, SUBJECT, VALUES, with_exactly
from api.openapi.operation import JSON, LINES, Operation, Reply, json_reply
from api.openapi.shapes import (
    HASH,
    INSTANT,
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
from api.staff.alias_hits import Hit
from api.staff.people import MOST_PEOPLE
from api.staff.people import _Change as Changed
from api.staff.people import _Find as Search
from breach.errors import Unreadable
from breach.trace.attribute import Outcome
from consent.marks.alias_sightings import Where
from consent.staff.lookup import MOST_ROWS
from consent.wording.alias_fields import ALIASES
from vault.honey.watch import Source

_UNREADABLE = sorted(one.value for one in Unreadable if one is not Unreadable.FILE_TOO_LARGE)

DUMP = Operation(
    group="Leaks",
    body={"application/octet-stream": {}},
    body_required=False,
    replies={
        202: json_reply(
            "In custody; its trace is queued.",
            members(
                {
                    "dump": id_of("dmp"),
                    "sha256": HASH,
                    "size": whole(1),
                    "again": SWITCH,
                    "job": id_of("job"),
                    "status": text(least=1),
                }
            ),
            "Location",
        )
    },
    refusals={413: ["file_too_large"], 422: _UNREADABLE},
)

JOB = Operation(
    group="Leaks",
    path={"name": id_of("job")},
    replies={200: json_reply("How far it has come.", named("Job"))},
    refusals={400: ["malformed_id"]},
)

TRACE = Operation(
    group="Leaks",
    path={"name": id_of("trc")},
    replies={200: json_reply("The report.", named("Trace"))},
    refusals={400: ["malformed_id"], 404: ["unknown_dump"], 409: ["not_traced"]},
)

TRACE_PAGE = Operation(
    group="Leaks",
    path={"name": id_of("trc")},
    replies={
        200: Reply(says="The same as one page, by Accept-Language.", content={"text/html": text(least=1)})
    },
    refusals={400: ["malformed_id"], 404: ["unknown_dump"], 409: ["not_traced"]},
)


def _bulk(item: Schema, result: str, too_many: str) -> Operation:
    """A list of items, each with an answer of its own."""
    return Operation(
        group="People",
        parameters=["Idempotency-Key"],
        body={JSON: listed(item, least=1, most=MOST_PEOPLE), LINES: {"type": "string"}},
        replies={
            200: json_reply("An answer for each, in order.", members({"results": listed(named(result))}))
        },
        refusals={
            400: ["unknown_member", "malformed_json", "malformed_idempotency_key"],
            422: ["invalid_input", too_many, "idempotency_mismatch"],
        },
    )


FIND = Operation(
    group="People",
    body={JSON: named("Search")},
    replies={200: json_reply("Whom each row names.", members({"results": listed(named("Found"))}))},
    refusals={400: ["unknown_member", "malformed_json", "bad_dual_request"]},
)

_SHAPES = structs({"Search": Search, "Change": Changed, "AliasHit": Hit})
_LEDGER_KEY = or_null(text("^[A-Za-z0-9_-]{43}$"))
_SLIPS: Schema = {"type": "object", "additionalProperties": {"const": False}}
_REFUSED = members({"code": text(least=1), "field": text()})

_ROW: Schema = {**VALUES, "minProperties": 1}
SCHEMAS: Mapping[str, Schema] = {
    **_SHAPES,
    "Change": with_exactly(_SHAPES["Change"], {"subject": SUBJECT}),
    "Search": with_exactly(_SHAPES["Search"], {"rows": listed(_ROW, least=1, most=MOST_ROWS)}),
    "Job": members(
        {
            "job": id_of("job"),
            "state": words(["queued", "running", "done", "failed"]),
            "stage": text(least=1),
            "done": whole(0),
            "total": whole(0),
            "code": or_null(text(least=1)),
            "trace": or_null(id_of("trc")),
        }
    ),
    "Trace": members(
        {
            "version": whole(1),
            "trace": id_of("trc"),
            "dump": members({"id": id_of("dmp"), "sha256": HASH, "bytes": whole(1), "received_at": whole(0)}),
            "parameters": {"type": "object"},
            "format": {"type": "object"},
            "lines": {"type": "object"},
            "cells": {"type": "object"},
            "people": {"type": "object"},
            "masked": {"type": "object"},
            "aliases": {"type": "object"},
            "planted": {"type": "object"},
            "outcome": words(Outcome),
            "threshold": {"type": "number"},
            "outside_limit": {"type": "number"},
            "ranking": listed(
                members(
                    {
                        "kind": words(["recipient", "insider", "own_store", "elsewhere"]),
                        "ln_e": {"type": "number"},
                    }
                )
            ),
            "repost": or_null(members({"of": id_of("dmp"), "share": {"type": "number"}})),
            "own_store": members(
                {
                    "values_found": whole(0),
                    "copied": or_null({"type": "object"}),
                    "backups_made": whole(0),
                    "backups": listed(
                        members(
                            {
                                "made_at": whole(0),
                                "values_held_then": whole(0),
                                "ln_e": {"type": "number"},
                            }
                        )
                    ),
                }
            ),
            "dating": listed(
                members(
                    {
                        "recipient": text(least=1),
                        "median": whole(0),
                        "from": whole(0),
                        "until": whole(0),
                        "values_held": whole(1),
                        "values_held_then": whole(0),
                    }
                )
            ),
            "marks": or_null(
                members(
                    {
                        "read": whole(1),
                        "people": whole(1),
                        "rounds": listed({"type": "object"}),
                        "openings_sha256": HASH,
                    }
                )
            ),
            "sets": listed(listed(text(least=1))),
            "statement": {},
            "assumptions": {},
        }
    ),
    "Alarm": members(
        {
            "id": id_of("alm"),
            "honey": text(least=1),
            "source": words(Source),
            "who": text(least=1),
            "place": text(least=1),
            "at": INSTANT,
            "seen_at": or_null(INSTANT),
            "seen_by": or_null(STAFF),
        }
    ),
    "AliasSeen": members(
        {
            "recipient": text(least=1),
            "name": text(least=1),
            "instead_of": words(ALIASES.values()),
            "since": INSTANT,
            "seen": listed(
                members({"in": words(Where), "place": text(least=1), "note": or_null(text()), "at": INSTANT})
            ),
            "new": SWITCH,
        }
    ),
    "TakenIn": {
        "anyOf": [
            members(
                {"subject": SUBJECT, "key": text("^sik_"), "ledger_key": _LEDGER_KEY}, {"checked": _SLIPS}
            ),
            _REFUSED,
        ]
    },
    "Updated": {
        "anyOf": [
            members({"field": text(least=1), "version": whole(1)}, {"checked": {"const": False}}),
            _REFUSED,
        ]
    },
    "Found": members(
        {
            "read": listed(text(least=1)),
            "found": listed(
                members(
                    {
                        "subject": SUBJECT,
                        "field": text(least=1),
                        "version": whole(1),
                        "how": text(least=1),
                    }
                )
            ),
        }
    ),
}

TABLE: Mapping[str, Operation] = {
    "POST /v1/dumps": DUMP,
    "GET /v1/dumps/{name}": JOB,
    "GET /v1/traces/{name}": TRACE,
    "GET /v1/traces/{name}/page": TRACE_PAGE,
    "GET /v1/alarms": Operation(
        group="Operating",
        replies={200: json_reply("The newest alarms first.", listed(named("Alarm")))},
    ),
    "POST /v1/alarms/{name}/seen": Operation(
        group="Operating",
        path={"name": id_of("alm")},
        replies={204: Reply(says="On record; the first to look stays.")},
        refusals={400: ["malformed_id"]},
    ),
    "POST /v1/alias-hits": Operation(
        group="Operating",
        body={JSON: named("AliasHit")},
        replies={200: json_reply("Which recipient had it, and where it was seen.", named("AliasSeen"))},
        refusals={400: ["unknown_member", "malformed_json"], 404: ["not_found"], 422: ["invalid_input"]},
    ),
    "POST /v1/people": _bulk(VALUES, "TakenIn", "too_many_people"),
    "PATCH /v1/people": _bulk(named("Change"), "Updated", "too_many_changes"),
    "POST /v1/people/find": FIND,
    "POST /v1/seal": Operation(
        group="Operating",
        replies={
            202: json_reply(
                "Only health and unseal answer from now on.", members({"status": words(["sealed"])})
            )
        },
        refusals={409: ["not_sealable"]},
    ),
}
