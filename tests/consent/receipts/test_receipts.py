"""Receipts and evidence: signed, derived from rows, checkable by a library nobody here wrote."""

import base64
import json

import pytest
from joserfc import jws as foreign
from joserfc.errors import BadSignatureError
from joserfc.jwk import OKPKey

from consent.ids import disclosure_text, grant_text, use_text
from consent.ledger.bundles import bundle, verify
from consent.ledger.entries.entry import parse
from consent.ledger.publishing import publish
from consent.ledger.publishing.signer import Signer
from consent.permits.issue import permits
from consent.receipts import issue as receipts
from consent.redemption.disclose import disclose_many
from consent.redemption.evidence import evidence
from consent.signing.keys import receipt_keys
from consent.signing.signed import public_key
from tests.vault.people import made_up as people


def disclosed(world, count=1):
    app = world.app()
    requests = [world.request(world.token(app, person)) for person in world.people(count)]
    return app, disclose_many(world.vault, requests, world.now)


def test_a_receipt_names_the_use_and_its_ledger_entry_and_no_value(world):
    app, (answer,) = disclosed(world)
    used, position = answer.disclosed, answer.disclosed.position

    head, body, _ = (base64.urlsafe_b64decode(part + "==") for part in answer.receipt.split("."))

    assert json.loads(head) == {
        "alg": "Ed25519",
        "kid": receipts.public_key(world.vault).kid,
        "typ": "perusal-receipt+jwt",
    }
    payload = json.loads(body)
    assert payload["aud"] == app.client.recipient.id
    assert payload["disclosure"] == disclosure_text(used.disclosure_id)
    assert (payload["grant"], payload["use"]) == (grant_text(used.grant_id), use_text(used.use_id))
    assert (payload["slot"], payload["of"]) == (1, 1)
    assert (payload["purpose"], payload["fields"]) == ("delivery", ["name", "phone"])
    assert (payload["notice"], payload["terms"]) == (app.notice.hash, app.terms.hash)
    assert (payload["log"], payload["index"]) == (position.origin, position.idx)
    assert payload["leaf"] == position.leaf.hex()
    assert payload["commitment"] == parse(position.body).commitment.hex()
    assert people.values(0)["phone"].encode() not in body
    assert used.subject.hex().encode() not in body


def test_a_foreign_library_verifies_a_receipt_and_rejects_a_changed_one(world):
    _, (answer,) = disclosed(world)
    public = receipts.public_key(world.vault)
    key = OKPKey.import_key(
        {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(public.key).decode().rstrip("=")}
    )

    assert foreign.deserialize_compact(answer.receipt, key, algorithms=["Ed25519"])
    assert key.thumbprint() == public.kid
    forged = answer.receipt[:-4] + ("AAAA" if answer.receipt[-4:] != "AAAA" else "BBBB")
    with pytest.raises(BadSignatureError):
        foreign.deserialize_compact(forged, key, algorithms=["Ed25519"])


def test_thumbprints_are_those_of_rfc_8037():
    seed = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    assert public_key(seed).kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_evidence_of_uses_makes_a_bundle_that_verifies(world, tmp_path):
    _, answers = disclosed(world, 3)
    signer = Signer.of(world.vault)
    publish.publish(world.vault.data, signer, world.now)
    refs = [(a.disclosed.bucket, a.disclosed.disclosure_id) for a in answers]

    found = [one for one in evidence(world.vault, refs) if one is not None]
    packed = bundle.build(world.vault.data, signer, found, receipt_keys=receipt_keys(world.vault))

    assert len(found) == 3
    assert [one.receipt for one in found] == [a.receipt for a in answers]
    assert verify.verify_bundle(packed, None).ok


def test_what_is_not_committed_has_no_permit_and_no_evidence(world):
    _, (answer,) = disclosed(world)
    missing = (answer.disclosed.bucket, b"d" * 16)
    there = (answer.disclosed.bucket, answer.disclosed.disclosure_id)

    assert [one is None for one in permits(world.vault, [missing, there])] == [True, False]
    assert [one is None for one in evidence(world.vault, [missing, there])] == [True, False]
