"""Narrowing: fewer fields pass, everything else that differs from the grant is a new question."""

import pytest

from consent.refusals import Refusal
from consent.tokens.narrowing import narrow

GRANTED = {
    "type": "pii_use",
    "actions": ["disclose"],
    "recipient": "org_a",
    "purpose": "account",
    "datatypes": ["email", "name", "phone"],
    "uses": {"max": 3, "ask": "counted"},
    "window": {"from": "2026-11-22T00:00:00.000Z", "to": "2026-11-23T00:00:00.000Z"},
    "retention": "P30D",
    "notice": {"id": "ntc_a", "hash": "sha-256:n"},
    "liability": {"terms": "lt_a", "hash": "sha-256:t"},
}


def only(**members):
    return [{"type": "pii_use", **members}]


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        (only(), ("email", "name", "phone")),
        (only(datatypes=["phone", "email"]), ("email", "phone")),
        ([GRANTED], ("email", "name", "phone")),
        ([{**GRANTED, "use_id": "us_x", "datatypes": ["name"]}], ("name",)),
        (only(uses={"max": 3}), ("email", "name", "phone")),
        (only(window={"to": "2026-11-23T08:00:00+08:00"}), ("email", "name", "phone")),
        (only(notice={"id": "ntc_a", "hash": "sha-256:n", "version": 1}), ("email", "name", "phone")),
        (only(onward=[], optional_datatypes=[], locations=["https://x"]), ("email", "name", "phone")),
    ],
)
def test_what_is_left_out_or_said_again_narrows(raw, fields):
    assert narrow(GRANTED, raw) == fields


@pytest.mark.parametrize(
    ("raw", "code", "at"),
    [
        (None, "details.not_one", ""),
        ({}, "details.not_one", ""),
        ([], "details.not_one", ""),
        ([GRANTED, GRANTED], "details.not_one", ""),
        (["x"], "details.wrong_type", "/0"),
        ([{}], "details.unknown_type", "/0/type"),
        ([{"type": "other"}], "details.unknown_type", "/0/type"),
        (only(datatypes=["name", "resident_id"]), "details.widened", "/0/datatypes/1"),
        (only(datatypes=[]), "details.no_fields", "/0/datatypes"),
        (only(datatypes=["name", "name"]), "details.duplicate_field", "/0/datatypes/1"),
        (only(datatypes="name"), "details.wrong_type", "/0/datatypes"),
        (only(datatypes=[1]), "details.wrong_type", "/0/datatypes"),
        (only(purpose="marketing"), "details.changed", "/0/purpose"),
        (only(recipient="org_b"), "details.changed", "/0/recipient"),
        (only(actions=["sell"]), "details.changed", "/0/actions"),
        (only(retention="P60D"), "details.changed", "/0/retention"),
        (only(uses={"max": 4}), "details.changed", "/0/uses"),
        (only(uses={"max": True}), "details.changed", "/0/uses"),
        (only(uses={"batch": 3}), "details.changed", "/0/uses"),
        (only(uses=3), "details.changed", "/0/uses"),
        (only(window={"to": "2026-11-24T00:00:00Z"}), "details.changed", "/0/window"),
        (only(window={"until": "2026-11-23T00:00:00Z"}), "details.changed", "/0/window"),
        (only(window={"to": "tomorrow"}), "details.changed", "/0/window"),
        (only(window={"to": 1}), "details.changed", "/0/window"),
        (only(window=None), "details.changed", "/0/window"),
        (only(notice={"hash": "sha-256:other"}), "details.changed", "/0/notice"),
        (only(liability={"hash": "sha-256:other"}), "details.changed", "/0/liability"),
        (only(liability=1), "details.changed", "/0/liability"),
        (only(onward=["org_b"]), "details.changed", "/0/onward"),
        (only(optional_datatypes=["email"]), "details.changed", "/0/optional_datatypes"),
        (only(张三=1), "details.unknown_member", "/0"),
    ],
)
def test_whatever_else_differs_is_refused_by_its_place(raw, code, at):
    refused = narrow(GRANTED, raw)

    assert isinstance(refused, Refusal)
    assert (refused.code, refused.at, refused.error) == (code, at, "invalid_authorization_details")
