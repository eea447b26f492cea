"""A consent's receipts as a chain of ISO/IEC TS 27560 records, checked by JOSE libraries that nobody here wrote."""

import base64
import hashlib
import json
from dataclasses import replace

import jwt
import pytest
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jws as jwcrypto_jws
from jwt.algorithms import OKPAlgorithm
from sqlalchemy import select

from consent.approving.approve import approve, claim
from consent.export.whole_chain import receipts_of
from consent.ids import DisclosureId, grant_text
from consent.permits.committed import committed_uses
from consent.receipts import chain as receipt_chain
from consent.receipts.issue import GRANT_TYPE, RECEIPT_TYPE, WITHDRAWAL_TYPE, receipts
from consent.recipients.pairwise import pairwise
from consent.redemption.disclose import disclose_many
from consent.schema.tables import disclosure
from consent.signing.keys import public_keys, rotate
from consent.withdrawal.withdraw import withdraw
from tests.vault.people import made_up as people


class Broken(Exception):
    """The chain is not one."""


def by_pyjwt(token, keys):
    """The payload's bytes, verified by PyJWT."""
    library = jwt.PyJWS()
    if "Ed25519" not in library.get_algorithms():
        library.register_algorithm("Ed25519", OKPAlgorithm())
    key = jwt.PyJWK(keys[jwt.get_unverified_header(token)["kid"]], algorithm="EdDSA")
    return library.decode_complete(token, key.key, algorithms=["Ed25519"])["payload"]


def by_jwcrypto(token, keys):
    """The payload's bytes, verified by jwcrypto."""
    found = jwcrypto_jws.JWS()
    found.allowed_algs = ["EdDSA", "Ed25519"]
    found.deserialize(token)
    kid = found.jose_header["kid"]
    found.verify(
        jwcrypto_jwk.JWK(**{name: v for name, v in keys[kid].items() if name in {"kty", "crv", "x"}})
    )
    return found.payload


LIBRARIES = [by_pyjwt, by_jwcrypto]


def check(chain, keys, library):
    """What a stranger does: every signature, every number, every `prev`, one record."""
    before, record_id, ended = None, None, False
    for number, token in enumerate(chain):
        raw = library(token, keys)
        said = json.loads(raw)
        if ended or said["number"] != number or said["prev"] != before:
            raise Broken(number)
        if record_id not in {None, said["record"]["record_id"]}:
            raise Broken(number)
        record_id, ended = said["record"]["record_id"], "withdrawn_at" in said
        before = "sha-256:" + base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")
    return record_id


def published(world):
    return {key["kid"]: key for key in public_keys(world.vault, world.now)}


@pytest.fixture
def told(world):
    """A consent used four times, under two of its tokens' slots, and withdrawn; and its chain as handed out."""
    app, person = world.app(), world.person()
    issued = world.token(app, person, uses=6)
    handed = []
    for _ in range(2):
        answers = disclose_many(world.vault, [world.request(issued), world.request(issued)], world.now)
        handed += [answer.receipt for answer in answers]
        world.tick(1000)
    done = withdraw(world.vault, person.subject, person.bucket, issued.grant_id, world.now)
    return app, person, issued, [*handed, done.receipt]


def payload(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def head(token):
    part = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def whole(world, person, issued):
    return receipts_of(world.vault, person.subject, person.bucket, issued.grant_id)


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_chain_of_a_consent_verifies_from_its_giving_to_its_withdrawal(world, told, library):
    _, person, issued, handed = told

    chain = whole(world, person, issued)

    assert check(chain, published(world), library) == grant_text(issued.grant_id)
    assert [head(token)["typ"] for token in chain] == [GRANT_TYPE, *[RECEIPT_TYPE] * 4, WITHDRAWAL_TYPE]
    assert chain[1:] == handed, "what was handed out is what is made again"


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_receipt_that_is_removed_swapped_or_changed_breaks_the_chain(world, told, library):
    _, person, issued, _ = told
    chain, keys = whole(world, person, issued), published(world)
    for gone in range(len(chain) - 1):
        with pytest.raises(Broken):
            check(chain[:gone] + chain[gone + 1 :], keys, library)
    for at in range(1, len(chain) - 1):
        swapped = [*chain[:at], chain[at + 1], chain[at], *chain[at + 2 :]]
        with pytest.raises(Broken):
            check(swapped, keys, library)
    first, body, signature = chain[2].split(".")
    with pytest.raises((jwt.InvalidSignatureError, jwcrypto_jws.InvalidJWSSignature)):
        check([*chain[:2], f"{first}.{body[:-4]}AAAA.{signature}"], keys, library)


def test_two_consents_chains_cannot_be_mixed(world, told):
    app, person, issued, _ = told
    other = world.token(app, person, uses=2)
    disclose_many(world.vault, [world.request(other)], world.now)
    mine, theirs = whole(world, person, issued), whole(world, person, other)

    with pytest.raises(Broken):
        check([mine[0], theirs[1]], published(world), by_pyjwt)


def test_the_record_says_what_the_standard_asks_for_and_nothing_personal(world, told):
    app, person, issued, _ = told
    first, *uses, last = [payload(token)["record"] for token in whole(world, person, issued)]

    assert first["schema_version"] == "ISO/IEC TS 27560:2023"
    assert first["record_id"] == grant_text(issued.grant_id)
    assert first["pii_principal_id"] == pairwise(world.vault, app.client.recipient.id, person.subject)
    assert first["parties"][0]["party_name"] == "Swift Parcel Ltd"
    processing = first["pii_processing"]
    assert processing["privacy_notice"] == {
        "id": app.notice.id,
        "version": 1,
        "language": "en",
        "hash": app.notice.hash,
    }
    assert processing["terms"] == {
        "id": app.terms.id,
        "hash": app.terms.hash,
        "signature": app.terms.signature_hash,
    }
    (purpose,) = processing["purposes"]
    assert (purpose["purpose"], purpose["purpose_type"]) == (
        "delivery",
        "https://w3id.org/dpv#DeliveryOfGoods",
    )
    assert [one["pii_attribute"] for one in purpose["pii_information"]] == ["name", "phone"]
    assert purpose["pii_information"][1]["pii_type"] == "https://w3id.org/dpv/pd#TelephoneNumber"
    assert (purpose["retention_period"], purpose["jurisdictions"]) == ("P30D", ["CN"])
    assert all(use == first for use in uses)
    assert [one["event_state"].rpartition("#")[2] for one in last["events"]] == [
        "ConsentRequested",
        "ConsentGiven",
        "ConsentWithdrawn",
    ]
    assert {**last, "events": first["events"]} == first
    text = json.dumps(first, ensure_ascii=False)
    assert not any(value in text for value in people.values(0).values())
    assert person.subject.hex() not in text


def test_the_record_names_the_law_its_recipient_was_registered_under(world):
    app, person = world.app(jurisdiction="SG"), world.person()
    issued = world.token(app, person)

    (first,) = [payload(token)["record"] for token in whole(world, person, issued)]

    (purpose,) = first["pii_processing"]["purposes"]
    assert purpose["jurisdictions"] == ["SG"]


def test_two_recipients_of_one_person_cannot_tell_it_from_their_receipts(world):
    person, parcel, shop = world.person(), world.app(), world.app("marketing", "Corner Shop")
    tokens = [world.token(parcel, person), world.token(shop, person)]
    answers = disclose_many(world.vault, [world.request(one) for one in tokens], world.now)
    mine, theirs = (payload(answer.receipt) for answer in answers)

    assert mine["record"]["pii_principal_id"] != theirs["record"]["pii_principal_id"]
    assert mine["prev"] != theirs["prev"]


def test_another_process_and_a_restarted_one_make_the_same_receipts(world, told, others):
    _, person, issued, handed = told
    with world.vault.data.read() as conn:
        ids = conn.execute(select(disclosure.c.id).order_by(disclosure.c.number)).scalars().all()
        uses = committed_uses(conn, [(person.bucket, DisclosureId(one)) for one in ids])

    for at in (3, 0, 2, 1):  # from nothing, and in any order
        receipt_chain.LATELY.forget()
        assert receipts(world.vault, [uses[at]]) == [handed[at]]
    assert whole(world, person, issued)[1:] == handed
    receipt_chain.LATELY.forget()
    (other,) = others(1)
    assert receipts_of(other, person.subject, person.bucket, issued.grant_id)[1:] == handed


def test_a_rotation_of_keys_changes_no_receipt_of_before_and_breaks_no_chain(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person, uses=3)
    before = disclose_many(world.vault, [world.request(issued, key="k")], world.now)[0].receipt
    world.tick(1000)
    rotate(world.vault, world.now)
    world.tick(1000)
    after = disclose_many(world.vault, [world.request(issued)], world.now)[0].receipt

    again = disclose_many(world.vault, [world.request(issued, key="k")], world.now)[0].receipt

    assert again == before
    assert head(before)["kid"] != head(after)["kid"]
    assert check(whole(world, person, issued), published(world), by_jwcrypto)


def test_nobody_gets_the_receipts_of_somebody_elses_consent(world, told):
    _, _, issued, _ = told
    other = world.person()

    assert whole(world, other, issued) == []


def test_a_signature_in_the_request_goes_before_the_one_under_the_published_terms(world):
    app, person = world.app(), world.person()
    signed = f"sha-256:{'s' * 43}"
    pushed = world.push(app, replace(app.details(world.now), terms_signature=signed))
    shown = claim(world.vault, person, pushed.request_uri, app.client.client_id, world.now)
    given = approve(world.vault, person, shown.id, None, world.now)

    (first,) = [payload(token)["record"] for token in whole(world, person, given)]

    assert first["pii_processing"]["terms"]["signature"] == signed
