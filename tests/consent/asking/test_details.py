"""Parsing of `pii_use` authorization details: what is accepted, and the stable code of every refusal."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.asking.details import Details, parse_details
from consent.instants import instant
from consent.refusals import Refusal, RefusalCode
from consent.wording.purposes import PURPOSES

GOOD = {
    "type": "pii_use",
    "locations": ["https://vault.example/v1/disclosures"],
    "actions": ["disclose"],
    "recipient": "org_x",
    "purpose": "credit_check",
    "datatypes": ["resident_id", "name"],
    "optional_datatypes": ["phone"],
    "uses": {"max": 3, "ask": "counted"},
    "window": {"from": "2026-12-01T00:00:00Z", "to": "2026-12-02T08:00:00+08:00"},
    "retention": "P30D",
    "notice": {"id": "ntc_7", "version": 3, "lang": "zh-CN", "hash": "sha-256:Zk0"},
    "onward": [],
    "liability": {"terms": "lt_2", "hash": "sha-256:9aQ", "per_record": "500.00", "currency": "CNY"},
}


def changed(**members):
    return [{name: value for name, value in {**GOOD, **members}.items() if value is not ...}]


def test_a_complete_request_is_understood():
    assert parse_details([GOOD]) == Details(
        purpose="credit_check",
        fields=("name", "resident_id"),
        optional_fields=("phone",),
        max_uses=3,
        ask="counted",
        window_from=1_796_083_200_000,
        window_to=1_796_169_600_000,
        retention="P30D",
        notice_id="ntc_7",
        notice_hash="sha-256:Zk0",
        terms_id="lt_2",
        terms_hash="sha-256:9aQ",
        recipient="org_x",
        claims={"version": 3, "lang": "zh-CN", "per_record": "500.00", "currency": "CNY"},
    )


def test_what_may_be_left_out_may_be_left_out():
    bare = changed(
        **dict.fromkeys(("locations", "actions", "recipient", "optional_datatypes", "onward"), ...),
        uses={"max": 1},
        window={"to": "2026-12-02T00:00:00Z"},
        notice={"id": "n", "hash": "h"},
        liability={"terms": "t", "hash": "h"},
    )

    parsed = parse_details(bare)

    assert isinstance(parsed, Details)
    assert (parsed.ask, parsed.window_from, parsed.recipient, parsed.claims) == ("each", None, None, {})


@pytest.mark.parametrize(
    ("raw", "code", "at"),
    [
        (None, "details.not_one", ""),
        ({}, "details.not_one", ""),
        ([], "details.not_one", ""),
        ([GOOD, GOOD], "details.not_one", ""),
        (["pii_use"], "details.wrong_type", "/0"),
        (changed(type="payment"), "details.unknown_type", "/0/type"),
        (changed(type=["pii_use"]), "details.unknown_type", "/0/type"),
        (changed(colour="red"), "details.unknown_member", "/0/colour"),
        (changed(**{"138 0000": 1}), "details.unknown_member", "/0/?"),
        (changed(**{"x" * 41: 1}), "details.unknown_member", "/0"),
        (changed(purpose=...), "details.missing_member", "/0/purpose"),
        (changed(notice=...), "details.missing_member", "/0/notice"),
        (changed(purpose=7), "details.wrong_type", "/0/purpose"),
        (changed(purpose="world_domination"), "details.unknown_purpose", "/0/purpose"),
        (changed(datatypes="name"), "details.wrong_type", "/0/datatypes"),
        (changed(datatypes=[1]), "details.wrong_type", "/0/datatypes/0"),
        (changed(datatypes=[]), "details.no_fields", "/0/datatypes"),
        (changed(datatypes=["name", "blood"]), "details.unknown_field", "/0/datatypes/1"),
        (changed(datatypes=["name", "email"]), "details.excess_field", "/0/datatypes/1"),
        (changed(datatypes=["name", "name"]), "details.duplicate_field", "/0/datatypes/1"),
        (changed(datatypes=["name"] * 65), "details.too_large", "/0/datatypes"),
        (changed(optional_datatypes=["name"]), "details.duplicate_field", "/0/optional_datatypes"),
        (changed(actions=["disclose", "sell"]), "details.unknown_action", "/0/actions"),
        (changed(onward="org_y"), "details.wrong_type", "/0/onward"),
        (changed(onward=[7]), "details.wrong_type", "/0/onward/0"),
        (changed(onward=["org_y", "org_y"]), "details.unknown_onward", "/0/onward/1"),
        (changed(onward=[f"org_{n}" for n in range(17)]), "details.too_large", "/0/onward"),
        (changed(parent_grant=7), "details.wrong_type", "/0/parent_grant"),
        (changed(country=["SG"]), "details.wrong_type", "/0/country"),
        (changed(locations="x"), "details.wrong_type", "/0/locations"),
        (changed(uses={"max": 0}), "details.bad_uses", "/0/uses"),
        (changed(uses={"max": 1001}), "details.bad_uses", "/0/uses"),
        (changed(uses={"max": True}), "details.wrong_type", "/0/uses"),
        (changed(uses={"max": 1.0}), "details.wrong_type", "/0/uses"),
        (changed(uses={"max": 1, "ask": "never"}), "details.bad_uses", "/0/uses"),
        (changed(uses={"max": 1, "ask": ["each"]}), "details.wrong_type", "/0/uses"),
        (changed(uses={"max": 1, "more": 1}), "details.unknown_member", "/0/uses/more"),
        (changed(window={"from": "2026-12-01T00:00:00Z"}), "details.missing_member", "/0/window/to"),
        (changed(window={"to": 5}), "details.wrong_type", "/0/window/to"),
        (changed(window={"to": "tomorrow"}), "details.bad_window", "/0/window/to"),
        (changed(window={"to": "2026-12-01T00:00:00"}), "details.bad_window", "/0/window/to"),
        (changed(window={"to": "2026-13-01T00:00:00Z"}), "details.bad_window", "/0/window/to"),
        (changed(window={"to": "0001-01-01T00:00:00Z"}), "details.bad_window", "/0/window/to"),
        (
            changed(window={"from": "2026-12-02T00:00:00Z", "to": "2026-12-01T00:00:00Z"}),
            "details.bad_window",
            "/0/window",
        ),
        (
            changed(window={"from": "2026-12-01T00:00:00Z", "to": "2028-12-01T00:00:00Z"}),
            "details.bad_window",
            "/0/window",
        ),
        (changed(retention="30 days"), "details.bad_retention", "/0/retention"),
        (changed(retention="P11Y"), "details.bad_retention", "/0/retention"),
        (changed(retention="P0D"), "details.bad_retention", "/0/retention"),
        (changed(retention=30), "details.wrong_type", "/0/retention"),
        (changed(notice={"id": "n"}), "details.missing_member", "/0/notice/hash"),
        (changed(notice={"id": "n", "hash": "h", "version": "3"}), "details.wrong_type", "/0/notice/version"),
        (changed(notice={"id": "n" * 501, "hash": "h"}), "details.too_large", "/0/notice/id"),
        (changed(liability={"terms": "t", "hash": ""}), "details.too_large", "/0/liability/hash"),
        (
            changed(liability={"terms": "t", "hash": "h", "per_record": 500.0}),
            "details.wrong_type",
            "/0/liability/per_record",
        ),
        (changed(recipient=None), "details.wrong_type", "/0/recipient"),
        (changed(recipient="org\x00"), "details.control_character", "/0/recipient"),
        (changed(notice={"id": "n\n", "hash": "h"}), "details.control_character", "/0/notice/id"),
        (changed(notice={"id": "n", "hash": "h\x9b"}), "details.control_character", "/0/notice/hash"),
        (
            changed(liability={"terms": "t\ud800", "hash": "h"}),
            "details.control_character",
            "/0/liability/terms",
        ),
        (
            changed(liability={"terms": "t", "hash": "h", "currency": "\x00"}),
            "details.control_character",
            "/0/liability/currency",
        ),
    ],
)
def test_every_defect_has_its_code_and_place(raw, code, at):
    refused = parse_details(raw)

    assert (refused.code, refused.at) == (RefusalCode(code), at)
    assert bool(refused.missing) == (code == "details.missing_member")
    assert Refusal(code=RefusalCode(code)).error == "invalid_authorization_details"


def test_everything_that_a_request_does_not_say_is_named_at_once():
    refused = parse_details([{"type": "pii_use"}])

    assert refused.code == "details.missing_member"
    assert refused.missing == ("datatypes", "liability", "notice", "purpose", "retention", "uses", "window")
    assert parse_details(changed(purpose=..., retention=...)).missing == ("purpose", "retention")


def test_no_purpose_accepts_a_field_outside_its_list():
    for code, purpose in PURPOSES.items():
        for name in {"name", "phone", "email", "resident_id"} - set(purpose.fields):
            parsed = parse_details(changed(purpose=code, datatypes=[name], optional_datatypes=[]))
            assert parsed == Refusal(code=RefusalCode.DETAILS_EXCESS_FIELD, at="/0/datatypes/0")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(member=st.sampled_from(sorted(GOOD)), value=_json)
def test_no_json_value_in_any_member_makes_the_parser_raise(member, value):
    outcome = parse_details([{**GOOD, member: value}])

    assert isinstance(outcome, Details | Refusal)
    if isinstance(outcome, Refusal) and isinstance(value, str) and len(value) > 3:
        assert value not in json.dumps(outcome.at)


@given(st.integers(min_value=0, max_value=4_000_000_000_000))
def test_an_instant_survives_writing_and_parsing(ms):
    parsed = parse_details(changed(window={"to": instant(ms)}))

    assert isinstance(parsed, Details)
    assert parsed.window_to == ms
