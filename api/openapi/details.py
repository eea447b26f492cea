"""The `pii_use` authorization details (RFC 9396): as they are asked for, as they are granted, as they are narrowed.

The bounds are those of `consent.asking.details`; which fields a purpose allows is said once for each purpose.
"""

from collections.abc import Iterable, Mapping

from api.openapi.shapes import COUNTRY, INSTANT, Schema, id_of, listed, members, text, whole, words
from consent.asking.details import ACTION, COUNTED, DETAILS_TYPE, EACH, MAX_ONWARD, MAX_USES
from consent.wording.own_fields import PATTERN
from consent.wording.purposes import PURPOSES

_MOST = 64
_TEXT = text(least=1, most=500)
_FIELDS = sorted({field for purpose in PURPOSES.values() for field in purpose.fields})


def _field(codes: Iterable[str]) -> Schema:
    """One of these, or a field of the operator's own that is offered to the purpose."""
    return {"anyOf": [words(codes), text(PATTERN)]}


_TYPE: Schema = {"type": "string", "const": DETAILS_TYPE}
_PERIOD = text("^P([1-9][0-9]{0,3})([DWMY])$")
_ACTIONS = listed(words([ACTION]), least=1, most=1)


def _closed(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    return {**members(required, optional), "additionalProperties": False}


def _named(name: str, claims: Mapping[str, Schema]) -> Schema:
    """A stored text by its id and the hash of what was published; what else is said of it must be true."""
    return _closed({name: _TEXT, "hash": _TEXT}, claims)


def _fields_of(purpose: str) -> Schema:
    """What the fields may be, when the purpose is this one."""
    allowed = {"items": _field(PURPOSES[purpose].fields)}
    return {
        "if": {"properties": {"purpose": {"const": purpose}}, "required": ["purpose"]},
        "then": {"properties": {"datatypes": allowed, "optional_datatypes": allowed}},
    }


_ASKED = _closed(
    {
        "type": _TYPE,
        "purpose": words(PURPOSES),
        "datatypes": listed(_field(_FIELDS), least=1, most=_MOST, once=True),
        "uses": _closed(
            {"max": whole(1, MAX_USES)}, {"ask": words([EACH, COUNTED]), "batch": whole(1, MAX_USES)}
        ),
        "window": _closed({"to": INSTANT}, {"from": INSTANT}),
        "retention": _PERIOD,
        "notice": _named("id", {"version": whole(1), "lang": _TEXT}),
        "liability": _named("terms", {"per_record": _TEXT, "currency": _TEXT}),
    },
    {
        "locations": listed(_TEXT, most=_MOST),
        "actions": _ACTIONS,
        "recipient": _TEXT,
        "optional_datatypes": listed(_field(_FIELDS), most=_MOST, once=True),
        "onward": listed(_TEXT, most=MAX_ONWARD, once=True),
        "parent_grant": _TEXT,
        "country": _TEXT,
    },
)

_GRANTED = {
    "type": _TYPE,
    "actions": _ACTIONS,
    "recipient": text(least=1),
    "purpose": words(PURPOSES),
    "datatypes": listed(_field(_FIELDS), least=1, once=True),
    "uses": members(
        {"max": whole(1, MAX_USES), "ask": words([EACH, COUNTED])}, {"batch": whole(2, MAX_USES)}
    ),
    "window": members({"from": INSTANT, "to": INSTANT}),
    "retention": _PERIOD,
    "notice": members({"id": text(least=1), "hash": text(least=1)}),
    "liability": members({"terms": text(least=1), "hash": text(least=1)}),
}

_FURTHER = {
    "onward": listed(text(least=1), least=1, once=True),
    "parent_grant": id_of("gr"),
    "country": COUNTRY,
}

SCHEMAS: Mapping[str, Schema] = {
    "AskedDetails": _ASKED | {"allOf": [_fields_of(purpose) for purpose in sorted(PURPOSES)]},
    "GrantedDetails": members(_GRANTED, {**_FURTHER, "use_id": id_of("us")}),
    # Every member but `type` and `datatypes` must repeat what was granted, or be left out.
    "NarrowedDetails": members({"type": _TYPE}, {**_GRANTED, **_FURTHER, "use_id": id_of("us")}),
}
