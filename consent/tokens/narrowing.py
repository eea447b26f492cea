"""Narrowing at the token endpoint (RFC 9396 §6): the next use may be for fewer fields, and for nothing else.

A client repeats the `pii_use` object it asked with, or the one it was given, with some of the data types left
out. Every other member may be left out or must say what the grant says; a further field, another purpose or
another window is no narrowing but a new question, and only the person can answer that one.

`narrow(granted, raw) -> fields | Refusal`: pure; `raw` is the decoded JSON of `authorization_details`.
"""

from collections.abc import Mapping
from typing import Any

from consent.asking.details import DETAILS_TYPE
from consent.instants import parse_instant
from consent.refusals import Refusal, RefusalCode

_REPEATED = frozenset({"actions", "recipient", "purpose", "uses", "retention"})
_ABSENT: Mapping[str, Any] = {"optional_datatypes": [], "onward": [], "parent_grant": None, "country": None}
"""What a member that a grant may lack is repeated as."""

_TEXTS = frozenset({"notice", "liability"})


def narrow(granted: Mapping[str, Any], raw: object) -> tuple[str, ...] | Refusal:
    """The fields that are left, sorted; `granted` is what `granted_details` says of the whole grant."""
    if not isinstance(raw, list) or len(raw) != 1:
        return Refusal(code=RefusalCode.DETAILS_NOT_ONE)
    wanted = raw[0]
    if not isinstance(wanted, dict):
        return Refusal(code=RefusalCode.DETAILS_WRONG_TYPE, at="/0")
    if wanted.get("type") != DETAILS_TYPE:
        return Refusal(code=RefusalCode.DETAILS_UNKNOWN_TYPE, at="/0/type")
    for name, value in wanted.items():
        refused = _refuse_member(granted, name, value)
        if refused:
            return refused
    return _fewer(granted["datatypes"], wanted.get("datatypes", granted["datatypes"]))


def _fewer(granted: list[str], wanted: object) -> tuple[str, ...] | Refusal:
    if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
        return Refusal(code=RefusalCode.DETAILS_WRONG_TYPE, at="/0/datatypes")
    if not wanted:
        return Refusal(code=RefusalCode.DETAILS_NO_FIELDS, at="/0/datatypes")
    for at, name in enumerate(wanted):
        if name not in granted:
            return Refusal(code=RefusalCode.DETAILS_WIDENED, at=f"/0/datatypes/{at}")
        if name in wanted[:at]:
            return Refusal(code=RefusalCode.DETAILS_DUPLICATE_FIELD, at=f"/0/datatypes/{at}")
    return tuple(sorted(wanted))


def _refuse_member(granted: Mapping[str, Any], name: str, value: object) -> Refusal | None:
    if name in {"type", "datatypes"} or _says_the_same(granted, name, value):
        return None
    known = name in _REPEATED | _TEXTS | _ABSENT.keys() | {"window", "locations", "use_id"}
    code = RefusalCode.DETAILS_CHANGED if known else RefusalCode.DETAILS_UNKNOWN_MEMBER
    # A stranger's member name may itself be personal: the pointer stops at the parent.
    return Refusal(code=code, at=f"/0/{name}" if known else "/0")


def _says_the_same(granted: Mapping[str, Any], name: str, value: object) -> bool:
    if name in _REPEATED:
        return _within(granted[name], value)
    if name in _TEXTS:
        # Version, language and sums were compared with the stored text when it was named; the hash names it.
        return isinstance(value, dict) and granted[name].items() <= {**granted[name], **value}.items()
    if name == "window":
        return isinstance(value, dict) and _same_window(granted["window"], value)
    if name in _ABSENT:
        return bool(_in_order(value) == granted.get(name, _ABSENT[name]))
    if name == "locations":
        return isinstance(value, list)
    return name == "use_id" and isinstance(value, str)  # the name of an earlier use: this one is another


def _in_order(value: object) -> object:
    """Names may be repeated in any order."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return sorted(value)
    return value


def _within(granted: object, value: object) -> bool:
    """The same value, or an object that says part of it."""
    if isinstance(granted, dict):
        return isinstance(value, dict) and all(
            name in granted and type(granted[name]) is type(said) and granted[name] == said
            for name, said in value.items()
        )
    return value == granted


def _same_window(granted: Mapping[str, str], value: Mapping[object, object]) -> bool:
    return value.keys() <= granted.keys() and all(
        isinstance(said, str) and parse_instant(said) == parse_instant(granted[str(name)])
        for name, said in value.items()
    )
