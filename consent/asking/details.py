"""The `pii_use` authorization details (RFC 9396): what a recipient asks for, parsed once and completely.

One request is one purpose, for named fields, a number of uses, a window and a retention time, under one notice
and one set of liability terms, both named by hash. It may name recipients to which the data may be passed on,
which grants them nothing: each asks for itself, in a request that names this grant as its `parent_grant`
(`onward`). Unknown members, wrong types, fields the purpose does not allow, open-ended windows and control
characters are refused. Which fields of the operator's own are offered is looked up when the request is stored.

`parse_details(raw: object) -> Details | Refusal`: `raw` is the decoded JSON of `authorization_details`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from consent.instants import parse_instant
from consent.refusals import Refusal, RefusalCode
from consent.texts import storable
from consent.wording.alias_fields import ALIASES
from consent.wording.own_fields import own
from consent.wording.purposes import PURPOSES

DETAILS_TYPE = "pii_use"
ACTION = "disclose"
EACH, COUNTED = "each", "counted"
MAX_USES = 1000
MAX_WINDOW_MS = 366 * 86_400_000
MAX_RETENTION_DAYS = 3660
MAX_ONWARD = 16

_REQUIRED = frozenset({"type", "purpose", "datatypes", "uses", "window", "retention", "notice", "liability"})
_OPTIONAL = frozenset(
    {"locations", "actions", "recipient", "optional_datatypes", "onward", "parent_grant", "country"}
)
_RETENTION = re.compile(r"P([1-9][0-9]{0,3})([DWMY])")
_DAYS = {"D": 1, "W": 7, "M": 31, "Y": 366}


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """A well-formed request. Fields are sorted; the window is Unix milliseconds, `window_from` None means
    from now on; what names a notice or terms is compared with the stored version when the request is pushed.
    """

    purpose: str
    fields: tuple[str, ...]
    optional_fields: tuple[str, ...]
    max_uses: int
    ask: str
    window_from: int | None
    window_to: int
    retention: str
    notice_id: str
    notice_hash: str
    terms_id: str
    terms_hash: str
    recipient: str | None = None
    onward: tuple[str, ...] = ()
    """The ids of the recipients the data may be passed on to, sorted; each with a grant of its own under this one."""
    parent_grant: str | None = None
    """In text, the grant of another recipient's under which this one is asked for."""
    country: str | None = None
    """Where the recipient says that the data goes: must equal its registration."""
    batch: int = 1
    """How many of a counted grant's uses one token spends; the person is asked about `max_uses` only."""
    terms_signature: str | None = None
    """The hash of the request object in which the recipient signed for the terms; never what a request says."""
    claims: Mapping[str, Any] | None = None
    """What the recipient says about notice and terms beyond id and hash: must equal the stored versions."""


class _Refused(Exception):  # never leaves this module: it carries a Refusal out of nested parsing
    def __init__(self, code: RefusalCode, at: str, missing: tuple[str, ...] = ()) -> None:
        super().__init__(code)
        self.refusal = Refusal(code=code, at=at, missing=missing)


def parse_details(raw: object) -> Details | Refusal:
    """A list of exactly one `pii_use` object becomes Details; anything else says what is wrong and where."""
    if not isinstance(raw, list) or len(raw) != 1:
        return Refusal(code=RefusalCode.DETAILS_NOT_ONE, at="")
    try:
        return _parse(raw[0])
    except _Refused as refused:
        return refused.refusal


def _parse(raw: object) -> Details:
    body = _members(raw, "/0", _REQUIRED, _OPTIONAL)
    if body["type"] != DETAILS_TYPE:
        raise _Refused(RefusalCode.DETAILS_UNKNOWN_TYPE, "/0/type")
    _check_routing(body)
    purpose = _text(body["purpose"], "/0/purpose")
    if purpose not in PURPOSES:
        raise _Refused(RefusalCode.DETAILS_UNKNOWN_PURPOSE, "/0/purpose")
    fields = _fields(body["datatypes"], "/0/datatypes", purpose)
    optional = _fields(body.get("optional_datatypes", []), "/0/optional_datatypes", purpose)
    if not fields:
        raise _Refused(RefusalCode.DETAILS_NO_FIELDS, "/0/datatypes")
    if set(fields) & set(optional):
        raise _Refused(RefusalCode.DETAILS_DUPLICATE_FIELD, "/0/optional_datatypes")
    asked = {*fields, *optional}
    if any(base in asked for code, base in ALIASES.items() if code in asked):
        raise _Refused(RefusalCode.DETAILS_DUPLICATE_FIELD, "/0/datatypes")
    max_uses, ask, batch = _uses(body["uses"])
    opens, closes = _window(body["window"])
    notice = _named(body["notice"], "/0/notice", "id", {"version": int, "lang": str})
    terms = _named(body["liability"], "/0/liability", "terms", {"per_record": str, "currency": str})
    return Details(
        purpose=purpose,
        fields=fields,
        optional_fields=optional,
        max_uses=max_uses,
        ask=ask,
        window_from=opens,
        window_to=closes,
        retention=_retention(body["retention"]),
        notice_id=notice["id"],
        notice_hash=notice["hash"],
        terms_id=terms["terms"],
        terms_hash=terms["hash"],
        recipient=_maybe(body, "recipient"),
        onward=_onward(body.get("onward", [])),
        parent_grant=_maybe(body, "parent_grant"),
        country=_maybe(body, "country"),
        batch=batch,
        claims={
            k: v
            for part in (notice, terms)
            for k, v in part.items()
            if k in {"version", "lang", "per_record", "currency"}
        },
    )


def _check_routing(body: Mapping[str, Any]) -> None:
    """Where and what to do are fixed by the type."""
    if body.get("actions", [ACTION]) != [ACTION]:
        raise _Refused(RefusalCode.DETAILS_UNKNOWN_ACTION, "/0/actions")
    for at, location in enumerate(_list(body.get("locations", []), "/0/locations")):
        _text(location, f"/0/locations/{at}")


def _members(raw: object, at: str, required: frozenset[str], optional: frozenset[str]) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise _Refused(RefusalCode.DETAILS_WRONG_TYPE, at)
    for name in sorted(raw.keys() - required - optional):
        # A stranger's member name may itself be personal: the pointer stops at the parent.
        raise _Refused(RefusalCode.DETAILS_UNKNOWN_MEMBER, at if len(name) > 40 else f"{at}/{_plain(name)}")
    missing = tuple(sorted(required - raw.keys()))
    if missing:
        raise _Refused(RefusalCode.DETAILS_MISSING_MEMBER, f"{at}/{missing[0]}", missing)
    return raw


def _plain(name: str) -> str:
    return name if re.fullmatch(r"[a-z_]+", name) else "?"


def _text(value: object, at: str) -> str:
    if not isinstance(value, str):
        raise _Refused(RefusalCode.DETAILS_WRONG_TYPE, at)
    if not 1 <= len(value) <= 500:
        raise _Refused(RefusalCode.DETAILS_TOO_LARGE, at)
    if not storable(value):
        raise _Refused(RefusalCode.DETAILS_CONTROL_CHARACTER, at)
    return value


def _maybe(body: Mapping[str, Any], name: str) -> str | None:
    return _text(body[name], f"/0/{name}") if name in body else None


def _onward(raw: object) -> tuple[str, ...]:
    """Named one by one: whoever may have the data at all is known to the person by name (PIPL 23)."""
    names = [_text(name, f"/0/onward/{i}") for i, name in enumerate(_list(raw, "/0/onward"))]
    if len(names) > MAX_ONWARD:
        raise _Refused(RefusalCode.DETAILS_TOO_LARGE, "/0/onward")
    for i, name in enumerate(names):
        if name in names[:i]:
            raise _Refused(RefusalCode.DETAILS_UNKNOWN_ONWARD, f"/0/onward/{i}")
    return tuple(sorted(names))


def _list(value: object, at: str) -> list[Any]:
    if not isinstance(value, list):
        raise _Refused(RefusalCode.DETAILS_WRONG_TYPE, at)
    if len(value) > 64:
        raise _Refused(RefusalCode.DETAILS_TOO_LARGE, at)
    return value


def _fields(raw: object, at: str, purpose: str) -> tuple[str, ...]:
    names = [_text(name, f"{at}/{i}") for i, name in enumerate(_list(raw, at))]
    known = {field for p in PURPOSES.values() for field in p.fields}
    for i, name in enumerate(names):
        if name not in known and name not in own(names):
            raise _Refused(RefusalCode.DETAILS_UNKNOWN_FIELD, f"{at}/{i}")
        if name in known and name not in PURPOSES[purpose].fields:
            raise _Refused(RefusalCode.DETAILS_EXCESS_FIELD, f"{at}/{i}")
        if name in names[:i]:
            raise _Refused(RefusalCode.DETAILS_DUPLICATE_FIELD, f"{at}/{i}")
    return tuple(sorted(names))


def _uses(raw: object) -> tuple[int, str, int]:
    """Asking for `each` use gives one per approval; several uses of one approval are `counted`."""
    body = _members(raw, "/0/uses", frozenset({"max"}), frozenset({"ask", "batch"}))
    count, batch = body["max"], body.get("batch", 1)
    ask = body.get("ask", EACH if count == 1 else COUNTED)
    if type(count) is not int or type(batch) is not int or not isinstance(ask, str):
        raise _Refused(RefusalCode.DETAILS_WRONG_TYPE, "/0/uses")
    several = ask == COUNTED
    if not (1 <= count <= (MAX_USES if several else 1) and 1 <= batch <= count and (several or ask == EACH)):
        raise _Refused(RefusalCode.DETAILS_BAD_USES, "/0/uses")
    return count, ask, batch


def _window(raw: object) -> tuple[int | None, int]:
    body = _members(raw, "/0/window", frozenset({"to"}), frozenset({"from"}))
    opens = _instant(body["from"], "/0/window/from") if "from" in body else None
    closes = _instant(body["to"], "/0/window/to")
    if opens is not None and not opens < closes <= opens + MAX_WINDOW_MS:
        raise _Refused(RefusalCode.DETAILS_BAD_WINDOW, "/0/window")
    return opens, closes


def _instant(value: object, at: str) -> int:
    elapsed = parse_instant(_text(value, at))
    if elapsed is None:
        raise _Refused(RefusalCode.DETAILS_BAD_WINDOW, at)
    return elapsed


def _retention(raw: object) -> str:
    text = _text(raw, "/0/retention")
    match = _RETENTION.fullmatch(text)
    if match is None or int(match[1]) * _DAYS[match[2]] > MAX_RETENTION_DAYS:
        raise _Refused(RefusalCode.DETAILS_BAD_RETENTION, "/0/retention")
    return text


def _named(raw: object, at: str, name: str, claims: Mapping[str, Callable[..., Any]]) -> Mapping[str, Any]:
    body = _members(raw, at, frozenset({name, "hash"}), frozenset(claims))
    for member in (name, "hash"):
        _text(body[member], f"{at}/{member}")
    for member, kind in claims.items():
        if member in body and type(body[member]) is not kind:
            raise _Refused(RefusalCode.DETAILS_WRONG_TYPE, f"{at}/{member}")
        if member in body and kind is str:
            _text(body[member], f"{at}/{member}")
    return body
