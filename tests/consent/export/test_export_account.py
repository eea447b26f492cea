"""The part of a person's copy about their account: complete, theirs alone, and checkable by somebody else."""

import hashlib
import json
from base64 import urlsafe_b64decode

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from consent.accounts import recovery
from consent.accounts.sign_ins import How, note_sign_in
from consent.approving.approve import approve
from consent.export.document import Export, export
from consent.ids import grant_text
from consent.instants import instant
from tests.consent.presence import signed, with_passkey
from vault.ids import encode_id


def raw(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def copy_of(world, who):
    made = export(world.vault, who.subject, world.now)
    assert isinstance(made, Export)
    return json.loads(json.dumps(made.document))


def test_the_copy_holds_sign_ins_passkeys_and_proofs_of_this_person_alone(world):
    one, two = world.people(2)
    bank = world.app("identity_check", "Bank Ltd")
    grants = {}
    for person in (one, two):
        shown = world.show(bank, person, datatypes=["name", "resident_id"])
        own = with_passkey(world.vault, person, world.now)
        proof = signed(world.vault, shown, own, world.now)
        grants[person.subject] = approve(world.vault, person, shown.id, None, world.now, proof).grant_id
        with world.vault.data.write() as conn:
            note_sign_in(conn, (person.bucket, person.subject), How.PASSKEY, world.now)

    made = copy_of(world, one)

    assert [line["how"] for line in made["sign_ins"]] == ["passkey"]
    (kept,), (proof,) = made["passkeys"], made["proofs"]
    assert (kept["name"], kept["count"], kept["alarms"]) == ("key", 1, [])
    assert made["replacements"] == []
    assert proof["permission"] == grant_text(grants[one.subject])
    assert proof["credential_id"] == kept["credential_id"]
    assert encode_id("sub", two.subject) not in json.dumps(made)


def test_a_replacement_of_a_lost_key_stands_in_the_copy_of_whom_it_was_for(world):
    one, two = world.people(2)
    with world.vault.data.write() as conn:
        recovery.step(conn, (one.bucket, one.subject), world.now)
        recovery.cancel_own(conn, (one.bucket, one.subject), world.now + 5)

    (line,) = copy_of(world, one)["replacements"]

    assert (line["end"], line["ended_at"]) == ("cancelled", instant(world.now + 5))
    assert line["due_at"] == instant(world.now + 86_400_000)
    assert copy_of(world, two)["replacements"] == []


def test_somebody_else_can_check_a_proof_with_the_copy_alone(world):
    person, bank = world.person(), world.app("identity_check", "Bank Ltd")
    shown = world.show(bank, person, datatypes=["name", "resident_id"])
    own = with_passkey(world.vault, person, world.now)
    approve(world.vault, person, shown.id, None, world.now, signed(world.vault, shown, own, world.now))

    (proof,) = copy_of(world, person)["proofs"]

    client = json.loads(proof["client_data"])
    assert raw(client["challenge"]) == hashlib.sha256(proof["statement"].encode()).digest()
    assert json.loads(proof["statement"])["approval"] == proof["approval"]
    key = cbor2.loads(raw(proof["public_key"]))
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(key[-2]), int.from_bytes(key[-3]), ec.SECP256R1())
    message = raw(proof["authenticator_data"]) + hashlib.sha256(proof["client_data"].encode()).digest()
    numbers.public_key().verify(raw(proof["signature"]), message, ec.ECDSA(hashes.SHA256()))
