"""Recipients, purposes, notices and terms: what may be published, and that it never changes."""

import re

import pytest

from consent.clauses import Clause
from consent.errors import BadNotice, BadRegistration, BadTerms, UnfairTerms, UnknownPurpose
from consent.ids import document_hash
from consent.recipients import register as recipients
from consent.recipients import suspensions
from consent.recipients.register import Registration
from consent.wording import notices, purposes, terms
from consent.wording.alias_fields import ALIASES
from consent.wording.currencies import written
from consent.wording.rates import NO_RATES, rates
from tests.consent.world import JWKS
from vault.fields.catalogue import FIELDS

GOOD = {
    "legal_name": "Swift Parcel Ltd",
    "contact": "privacy@swift.example",
    "registration_no": "9131",
    "redirect_uris": ["https://swift.example/cb"],
    "jwks": JWKS,
}

NO_CONNECTION = None
"""What a check needs that must refuse before it touches the data base."""


def register(world, **changes):
    with world.vault.data.write() as conn:
        return recipients.register(conn, Registration(**{**GOOD, **changes}), world.now)


def test_each_purpose_has_a_dpv_name_of_its_own_and_a_payment_is_grave_only_with_the_card():
    names = [purpose.dpv_iri for purpose in purposes.PURPOSES.values()]
    payment = purposes.PURPOSES["payment"]

    assert len(set(names)) == len(names)
    assert ("bank_card" in payment.fields, payment.sensitive) == (True, False)
    assert all(purposes.PURPOSES[code].sensitive for code in ("credit_check", "health_care", "age_check"))


def test_the_vocabulary_has_dpv_names_two_languages_and_fields_of_the_catalogue():
    assert len(purposes.PURPOSES) >= 8
    for purpose in purposes.PURPOSES.values():
        assert re.fullmatch(r"https://w3id\.org/dpv#[A-Z][A-Za-z]+", purpose.dpv_iri)
        assert purpose.title("en").isascii()
        assert not purpose.title("zh-CN").isascii()
        assert set(purpose.fields) <= {*FIELDS, *ALIASES}
        grave = any(FIELDS[ALIASES.get(code, code)].sensitive for code in purpose.fields)
        assert purpose.sensitive == (grave and purpose.code != "payment")


def test_seeding_twice_changes_nothing_and_unknown_purposes_raise(world):
    with world.vault.data.write() as conn:
        purposes.seed(conn)
        for code, purpose in purposes.PURPOSES.items():
            assert purposes.purpose(conn, code) == purpose
        with pytest.raises(UnknownPurpose):
            purposes.purpose(conn, "nonsense")


def test_a_registered_client_is_found_with_its_recipient(world):
    who = register(world)

    with world.vault.data.read() as conn:
        client = recipients.client(conn, who.client_id)
        nobody = recipients.client(conn, "app_nobody")

    assert nobody is None
    assert client is not None
    assert who.recipient_id.startswith("org_")
    assert (client.recipient.id, client.label, client.suspended) == (who.recipient_id, "production", False)
    assert [key.jwk() for key in client.keys] == JWKS["keys"]
    assert client.redirect_uris == ("https://swift.example/cb",)


def test_a_suspended_client_says_so(world):
    who = register(world)

    with world.vault.data.write() as conn:
        suspensions.suspend(conn, who.client_id, "unpaid claims", world.now)
        client = recipients.client(conn, who.client_id)

    assert client is not None
    assert client.suspended


@pytest.mark.parametrize(
    "changes",
    [
        {"legal_name": "  "},
        {"contact": "x" * 201},
        {"registration_no": "two\nlines"},
        {"redirect_uris": []},
        {"redirect_uris": ["http://swift.example/cb"]},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"redirect_uris": ["https://swift.example/cb#part"]},
        {"redirect_uris": ["https://user@swift.example/cb"]},
        *[
            {"redirect_uris": [f"https://swift.example{bad}"]}
            for bad in ("/a b", "/a;b", "/a,b", "/a'b", '/a"b', "/a\nb", "/a\0b", "/张", ":99999/cb", ":x/cb")
        ],
        {"redirect_uris": ["https://swift.example;script-src/cb"]},
        {"redirect_uris": ["https://[::1/cb"]},
        {"redirect_uris": ["https://bücher.example/cb"]},
        {"jwks": {}},
        {"jwks": {"keys": []}},
        {"jwks": {"keys": ["no"]}},
        {"jwks": {"keys": [{"kty": "EC", "d": "private"}]}},
        {"jwks": {"keys": [{"kty": "oct", "k": "secret"}]}},
        {"jwks": [1]},
        {"jwks": "{"},
    ],
)
def test_incomplete_or_dangerous_registrations_are_refused_before_anything_is_written(changes):
    with pytest.raises(BadRegistration):
        recipients.register(NO_CONNECTION, Registration(**{**GOOD, **changes}), 1)


def test_a_loopback_redirect_may_be_plain_http(world):
    register(world, redirect_uris=["http://127.0.0.1:9/callback"])


def publish_notice(world, who, text="We deliver.", **changes):
    given = {"purpose": "delivery", "version": 1, "lang": "en", **changes}
    with world.vault.data.write() as conn:
        return notices.publish(conn, who.recipient_id, text=text, now_ms=world.now, **given)


def test_a_notice_is_published_once_per_version_and_named_by_its_exact_text(world):
    who = register(world)
    first = publish_notice(world, who)

    assert publish_notice(world, who) == first
    with pytest.raises(BadNotice):
        publish_notice(world, who, text="We deliver and sell.")
    assert publish_notice(world, who, lang="zh-CN").hash != first.hash
    assert first.hash == document_hash(
        {
            "recipient_id": who.recipient_id,
            "purpose": "delivery",
            "version": 1,
            "lang": "en",
            "text": "We deliver.",
        }
    )


@pytest.mark.parametrize("changes", [{"text": " "}, {"lang": "fr"}, {"version": 0}, {"text": "x" * 20_001}])
def test_a_notice_needs_text_language_and_version(changes):
    given = {"purpose": "delivery", "version": 1, "lang": "en", "text": "We deliver.", **changes}
    with pytest.raises(BadNotice):
        notices.publish(NO_CONNECTION, "org_x", now_ms=1, **given)


def test_texts_keep_their_lines_and_hold_no_other_control_character(world):
    for bad in ("a\x00b", "a\x1bb", "a\x9bb", "a\ud800b"):
        with pytest.raises(BadNotice):
            notices.publish(NO_CONNECTION, "org_x", "delivery", 1, "en", bad, world.now)
        with pytest.raises(BadTerms):
            terms.publish(NO_CONNECTION, "org_x", 1, bad, "1.00", "CNY", "2.00", world.now)
    app = world.app()
    with world.vault.data.write() as conn:
        lines = notices.publish(
            conn, app.client.recipient.id, "delivery", 2, "en", "One.\r\n\tTwo.", world.now
        )
    assert lines.text == "One.\r\n\tTwo."


def test_a_client_id_no_data_base_could_hold_is_nobodys(world):
    with world.vault.data.read() as conn:
        assert recipients.client(conn, "app_\x00") is None


def test_a_notice_for_an_unknown_purpose_is_refused():
    with pytest.raises(UnknownPurpose):
        notices.publish(NO_CONNECTION, "org_x", "nonsense", 1, "en", "We deliver.", 1)


TERMS = {"version": 1, "text": "We owe you.", "per_record": "500", "currency": "CNY", "cap": "2000.5"}


def publish_terms(world, who, **changes):
    with world.vault.data.write() as conn:
        return terms.publish(conn, who.recipient_id, now_ms=world.now, **{**TERMS, **changes})


def test_terms_keep_their_sums_as_exact_decimals(world):
    who = register(world)
    owed = publish_terms(world, who)

    assert (str(owed.per_record), str(owed.cap), str(owed.owed())) == ("500.00", "2000.50", "500.00")
    assert publish_terms(world, who) == owed
    with pytest.raises(BadTerms):
        publish_terms(world, who, per_record="1.00")


def test_an_example_is_capped_and_written_in_units_that_can_be_paid(world):
    owed = publish_terms(world, register(world))
    yen = publish_terms(world, register(world, registration_no="JP-1"), currency="JPY", cap="1200")

    assert [str(owed.owed(leaks)) for leaks in (1, 4, 5, 100)] == [
        "500.00",
        "2000.00",
        "2000.50",
        "2000.50",
    ]
    assert [written(yen.owed(leaks), "JPY") for leaks in (1, 3)] == ["JPY 500", "JPY 1,200"]
    assert written(owed.cap, "CNY") == "CNY 2,000.50"


@pytest.mark.parametrize(
    "changes",
    [
        {"per_record": "0"},
        {"per_record": "-5"},
        {"per_record": "1e3"},
        {"per_record": "5.001"},
        {"per_record": "五百"},
        {"currency": "yuan"},
        {"currency": "XAU"},
        {"currency": "JPY", "cap": "2000.5"},
        {"cap": "100"},
        {"text": ""},
        {"version": 0},
    ],
)
def test_terms_that_are_no_sums_are_refused(changes):
    with pytest.raises(BadTerms):
        terms.publish(NO_CONNECTION, "org_x", now_ms=1, **{**TERMS, **changes})


RATES = {"per_field": {"ordinary": "50", "sensitive": "200.00"}, "per_event": {"harassing_call": "1000"}}


def test_terms_with_rates_are_hashed_in_a_format_of_their_own_and_terms_without_keep_their_hash(world):
    who = register(world)
    plain = publish_terms(world, who)
    owed = publish_terms(world, who, version=2, rates=rates(**RATES, currency="CNY"))

    same = {"recipient_id": who.recipient_id, "text": "We owe you.", "currency": "CNY"}
    sums = {"per_record": "500.00", "cap": "2000.50"}
    assert plain.hash == document_hash({**same, **sums, "version": 1})
    assert owed.hash == document_hash(
        {
            **same,
            **sums,
            "version": 2,
            "format": 2,
            "per_field": {"ordinary": "50.00", "sensitive": "200.00"},
            "per_event": {"harassing_call": "1000.00"},
        }
    )
    with world.vault.data.read() as conn:
        assert terms.terms(conn, owed.id) == owed
        assert terms.terms(conn, plain.id).rates == NO_RATES
    with pytest.raises(BadTerms):
        publish_terms(world, who, version=2, rates=rates({"ordinary": "51"}, {}, "CNY"))
    with pytest.raises(BadTerms):
        publish_terms(world, who, version=2)


@pytest.mark.parametrize(
    ("per_field", "per_event"),
    [
        ({"secret": "1"}, {}),
        ({"ordinary": "0"}, {}),
        ({"ordinary": "1.234"}, {}),
        ({}, {"rudeness": "1"}),
        ({}, {"harassing_call": "-1"}),
    ],
)
def test_rates_of_unknown_kinds_and_rates_that_are_no_sums_are_refused(per_field, per_event):
    with pytest.raises(BadTerms):
        rates(per_field, per_event, "CNY")


def test_a_cap_below_a_rate_is_refused():
    with pytest.raises(BadTerms):
        terms.publish(
            NO_CONNECTION, "org_x", now_ms=1, **TERMS, rates=rates({"sensitive": "2000.51"}, {}, "CNY")
        )


def test_publishing_unfair_terms_raises_and_writes_nothing(world):
    who = register(world)
    with pytest.raises(UnfairTerms) as refused:
        publish_terms(world, who, text="No refunds. We accept no liability whatsoever.")

    assert [(one.clause, one.words) for one in refused.value.findings] == [
        (Clause.NO_LIABILITY, "no liability whatsoever")
    ]
    assert publish_terms(world, who).version == 1
