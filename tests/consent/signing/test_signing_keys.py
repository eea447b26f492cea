"""Signing keys by generation: a new one signs at once, what the old ones signed stays verifiable."""

import json

import pytest
from joserfc import jws as foreign
from joserfc.jwk import KeySet
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from consent.ledger.bundles import bundle, container, verify
from consent.ledger.publishing import publish
from consent.ledger.publishing.signer import Signer
from consent.receipts import issue as receipts
from consent.redemption.disclose import disclose_many
from consent.redemption.evidence import evidence
from consent.schema.signing_tables import signing_key
from consent.signing import keys as signing_keys
from consent.signing.keys import Purpose

DAY_MS = 86_400_000


def header_of(token, jwks):
    """The protected header of `token`, verified by a foreign library with a published key set."""
    keys = KeySet.import_key_set({"keys": jwks})
    return foreign.deserialize_compact(token, keys, algorithms=["ES256", "Ed25519"]).headers()


@pytest.mark.parametrize(
    ("purpose", "algorithm"),
    [
        (Purpose.RECEIPT, "Ed25519"),
        (Purpose.EVENT, "ES256"),
        (Purpose.INTROSPECTION, "ES256"),
        (Purpose.STATUS, "ES256"),
    ],
)
def test_a_foreign_library_verifies_each_purpose_with_the_published_keys(world, purpose, algorithm):
    token = signing_keys.sign(world.vault, None, purpose, "x+jwt", {"a": 1})

    head = header_of(token, signing_keys.public_keys(world.vault, world.now))

    kid = signing_keys.key(world.vault, None, purpose).kid
    assert head == {"alg": algorithm, "kid": kid, "typ": "x+jwt"}


def test_a_key_is_named_by_its_rfc_7638_thumbprint_as_a_foreign_library_computes_it(world):
    jwks = signing_keys.public_keys(world.vault, world.now)

    named = KeySet.import_key_set({"keys": [{k: v for k, v in jwk.items() if k != "kid"} for jwk in jwks]})

    assert [key.thumbprint() for key in named.keys] == [jwk["kid"] for jwk in jwks]
    assert len({jwk["kid"] for jwk in jwks}) == len(jwks)
    assert all("d" not in jwk and jwk["use"] == "sig" for jwk in jwks)


def test_equal_payloads_are_signed_to_equal_bytes(world):
    first, second = (
        [signing_keys.sign(world.vault, None, purpose, "x", {"a": 1}) for purpose in Purpose] for _ in "ab"
    )
    assert first == second


def test_a_rotation_signs_with_a_new_key_at_once_and_the_old_signatures_verify(world, others):
    (elsewhere,) = others(1)
    before = {p: signing_keys.sign(world.vault, None, p, "x", {"a": 1}) for p in Purpose}

    assert signing_keys.rotate(world.vault, world.now) == dict.fromkeys(Purpose, 2)

    jwks = signing_keys.public_keys(elsewhere, world.now)
    for purpose, old in before.items():
        new = signing_keys.sign(elsewhere, None, purpose, "x", {"a": 1})
        assert header_of(new, jwks)["kid"] != header_of(old, jwks)["kid"]


def test_the_next_key_is_published_before_it_signs(world):
    cached = signing_keys.public_keys(world.vault, world.now)

    signing_keys.rotate(world.vault, world.now)

    for purpose in Purpose:
        assert header_of(signing_keys.sign(world.vault, None, purpose, "x", {}), cached)


def test_receipt_and_event_keys_are_published_for_ever_the_others_for_a_day(world):
    old = {p: signing_keys.key(world.vault, None, p).kid for p in Purpose}
    signing_keys.rotate(world.vault, world.now)

    def published(now_ms):
        return {jwk["kid"] for jwk in signing_keys.public_keys(world.vault, now_ms)}

    assert set(old.values()) <= published(world.now + DAY_MS - 1)
    left = published(world.now + 3650 * DAY_MS) & set(old.values())
    assert left == {old[Purpose.RECEIPT], old[Purpose.EVENT]}


def test_the_key_of_a_moment_stays_the_same_after_a_rotation(world):
    before = signing_keys.key(world.vault, None, Purpose.RECEIPT, at=world.now)

    signing_keys.rotate(world.vault, world.now + 1)

    assert signing_keys.key(world.vault, None, Purpose.RECEIPT, at=world.now) == before
    assert signing_keys.key(world.vault, None, Purpose.RECEIPT, at=world.now + 1) != before
    assert [k.kid for k in signing_keys.verifying(world.vault, None, Purpose.RECEIPT)][1] == before.kid


def test_the_first_receipt_key_is_the_one_receipts_were_always_signed_with(world):
    first = signing_keys.derived(world.vault, Purpose.RECEIPT, 1)
    assert first.kid == receipts.public_key(world.vault).kid


def test_receipts_of_two_generations_are_the_same_when_made_again_and_prove_together(world):
    app = world.app()
    answers = []
    for person in world.people(2):
        world.tick(1)
        answers += disclose_many(world.vault, [world.request(world.token(app, person))], world.now)
        world.tick(1)
        signing_keys.rotate(world.vault, world.now)
    signer = Signer.of(world.vault)
    publish.publish(world.vault.data, signer, world.now)
    refs = [(one.disclosed.bucket, one.disclosed.disclosure_id) for one in answers]

    found = [one for one in evidence(world.vault, refs) if one is not None]
    keys = signing_keys.receipt_keys(world.vault)
    packed = bundle.build(world.vault.data, signer, found, receipt_keys=keys)

    assert [one.receipt for one in found] == [one.receipt for one in answers]
    jwks = signing_keys.public_keys(world.vault, world.now)
    assert len({header_of(one.receipt, jwks)["kid"] for one in answers}) == 2
    verdict = verify.verify_bundle(packed, None)
    assert verdict.ok
    assert len(json.loads(container.read(packed)["keys.json"])["keys"]) == 2


def test_a_rotation_inside_a_transaction_is_seen_by_the_connection_that_is_given(world):
    signing_keys.rotate(world.vault, world.now)
    with world.vault.data.write() as conn:
        inside = signing_keys.sign(world.vault, conn, Purpose.EVENT, "x", {})
    assert inside == signing_keys.sign(world.vault, None, Purpose.EVENT, "x", {})


def test_a_clock_that_was_set_back_does_not_stop_a_rotation(world):
    signing_keys.rotate(world.vault, world.now)
    assert signing_keys.rotate(world.vault, world.now - DAY_MS) == dict.fromkeys(Purpose, 3)


def test_no_private_part_is_in_the_data_base(world):
    signing_keys.rotate(world.vault, world.now)
    with world.vault.data.read() as conn:
        rows = conn.execute(select(signing_key)).all()
    assert {tuple(row._mapping) for row in rows} == {("name", "generation", "tenant", "created_at")}
    assert all(row.tenant == world.vault.installation.tenant for row in rows)


@pytest.mark.parametrize(
    "statement",
    [
        insert(signing_key).values(name="event", generation=4, tenant=b"t", created_at=1),
        insert(signing_key).values(name="event", generation=1, tenant=b"t", created_at=1),
        update(signing_key).values(created_at=1),
        delete(signing_key),
    ],
    ids=["gap", "first", "update", "delete"],
)
def test_the_data_base_refuses_a_gap_a_change_and_a_deletion(world, statement):
    signing_keys.rotate(world.vault, world.now)
    with pytest.raises(DBAPIError), world.vault.data.write() as conn:
        conn.execute(statement)


def test_a_key_never_shows_its_seed(world):
    assert "seed" not in repr(signing_keys.key(world.vault, None, Purpose.EVENT))


def test_every_generation_is_listed_with_the_time_it_signed_without_a_key(world):
    signing_keys.rotate(world.vault, world.now)
    signing_keys.rotate(world.vault, world.now + DAY_MS)

    with world.vault.data.read() as conn:
        listed = signing_keys.generations(conn, world.vault.installation.tenant)

    assert {one.purpose for one in listed} == set(Purpose)
    assert [(one.number, one.begun_at, one.retired_at) for one in listed if one.purpose is Purpose.EVENT] == [
        (1, None, world.now),
        (2, world.now, world.now + DAY_MS),
        (3, world.now + DAY_MS, None),
    ]
