"""Proofs of presence: which approvals take one, what each is good for, and what a third party can check later."""

import hashlib
import json
from dataclasses import replace

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from consent.accounts import keys as accounts
from consent.accounts.one_time_codes import AskedFor, issue
from consent.accounts.passkeys import passkeys_of, remove
from consent.accounts.sign_ins import How
from consent.approving import step_up
from consent.approving.approve import Approved, approve, refuse
from consent.approving.grant_drafts import _committed
from consent.approving.step_up import FRESH_MS, Proof, ways
from consent.grants.promises import approval_hash
from consent.ledger.entries.commitment import commit
from consent.ledger.entries.entry import parse
from consent.ledger.openings import reopen
from consent.ledger.origin import LogId
from consent.ledger.tables import entry
from consent.refusals import Refusal, RefusalCode
from consent.schema.passkey_tables import passkey_alarm
from consent.schema.step_up_tables import step_up as table
from consent.schema.tables import consent_grant, consumer
from tests.authenticator import b64
from tests.consent.presence import SESSION, promise_of, signed, with_passkey
from tests.vault.people import made_up as people
from vault.finding.holder import key_value
from vault.ids import new_secret, secret_hash

NEEDED = Refusal(code=RefusalCode.STEP_UP_NEEDED)
FAILED = Refusal(code=RefusalCode.STEP_UP_FAILED)


@pytest.fixture
def bank(world):
    return world.app("identity_check", "Bank Ltd")


def showing(world, bank, person, **changes):
    return world.show(bank, person, **{"datatypes": ["name", "resident_id"], **changes})


def yes(world, person, shown, proof=None, chosen=None):
    return approve(world.vault, person, shown.id, chosen, world.now, proof)


def code_for(world, person, shown, *, phone=None, offered_at=None, binding=SESSION):
    """A code that was asked for this approval, as a proof."""
    offered = world.now if offered_at is None else offered_at
    said = step_up.statement(world.vault, shown, promise_of(world.vault, shown, world.now), binding, offered)
    value = key_value(world.vault, "phone", phone or people.values(0)["phone"])
    with world.vault.data.write() as conn:
        issued = issue(
            conn,
            world.vault,
            value,
            AskedFor(binding=binding, about=said.digest),
            world.now,
            only=(person.bucket, person.subject),
        )
    return Proof(
        binding=binding, offered_at=offered, how=How.CODE, ticket=issued.ticket, code=issued.code
    ), issued


def rows(world, what=table):
    with world.vault.data.read() as conn:
        return conn.execute(select(what)).all()


def test_what_is_not_sensitive_takes_no_proof(world):
    person, parcel = world.person(), world.app()

    assert isinstance(yes(world, person, world.show(parcel, person)), Approved)
    assert rows(world) == []


def test_something_sensitive_is_not_approved_without_a_proof_and_refused_without_one(world, bank):
    person = world.person()
    shown = showing(world, bank, person)

    assert yes(world, person, shown) == NEEDED
    assert rows(world, consent_grant) == []
    assert not isinstance(refuse(world.vault, person, shown.id, world.now), Refusal)


def test_a_passkey_signs_the_hash_of_grant_notice_and_terms_and_a_third_party_can_check_it(world, bank):
    person = world.person()
    shown, own = showing(world, bank, person), with_passkey(world.vault, person, world.now)

    answer = yes(world, person, shown, signed(world.vault, shown, own, world.now))

    assert isinstance(answer, Approved)
    (row,), (grant,) = rows(world), rows(world, consent_grant)
    said, client = json.loads(row.statement), json.loads(row.client_data)
    promise = {name: getattr(grant, name) for name in promise_of(world.vault, shown, world.now)}
    assert said["approval"] == approval_hash(promise).hex() == grant.approval_hash.hex()
    assert (said["notice"], said["terms"]) == (grant.notice_hash, grant.terms_hash)
    challenge = hashlib.sha256(row.statement.encode()).digest()
    assert client["challenge"] == b64(challenge)
    key = cbor2.loads(row.public_key)
    public = ec.EllipticCurvePublicNumbers(
        int.from_bytes(key[-2]), int.from_bytes(key[-3]), ec.SECP256R1()
    ).public_key()
    message = row.authenticator_data + hashlib.sha256(row.client_data.encode()).digest()
    public.verify(row.signature, message, ec.ECDSA(hashes.SHA256()))


def commits_to(world, grant, fields):
    """Whether the grant's ledger entry opens to exactly these fields."""
    with world.vault.data.read() as conn:
        row = conn.execute(entry.select().where(entry.c.id == grant.id)).one()
        log = LogId(row.bucket, row.year)
        secret = reopen(conn, world.vault, [(log, row.idx)])[log, row.idx]
    return parse(row.body).commitment == commit(secret, fields)


def test_the_ledger_commits_to_the_proof(world, bank):
    person = world.person()
    shown = showing(world, bank, person)
    yes(
        world,
        person,
        shown,
        signed(world.vault, shown, with_passkey(world.vault, person, world.now), world.now),
    )

    (row,), (grant,) = rows(world), rows(world, consent_grant)
    presence = ("presence", f"passkey:{row.evidence_hash.hex()}")
    said = (*_committed(grant._mapping), ("signature", shown.terms.signature_hash))
    assert commits_to(world, grant, (*said, presence))
    assert not commits_to(world, grant, said)
    assert not commits_to(world, grant, (*_committed(grant._mapping), presence))
    whole = {
        "how": "passkey",
        "statement": row.statement,
        "client_data": row.client_data,
        **{
            name: getattr(row, name).hex()
            for name in ("credential_id", "public_key", "authenticator_data", "signature")
        },
    }
    told = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(told.encode()).digest() == row.evidence_hash


def test_a_code_that_was_asked_for_this_approval_is_a_proof_once(world, bank):
    person = world.person()
    shown, other = showing(world, bank, person), showing(world, bank, person)
    proof, _ = code_for(world, person, shown)

    assert yes(world, person, other, proof) == FAILED
    assert isinstance(yes(world, person, shown, proof), Approved)
    assert yes(world, person, other, proof) == FAILED
    assert [row.how for row in rows(world)] == ["code"]
    assert rows(world)[0].signature is None


def test_a_code_of_somebody_else_s_address_is_none(world, bank):
    person, _ = world.people(2)
    shown = showing(world, bank, person)
    proof, issued = code_for(world, person, shown, phone=people.values(1)["phone"])

    assert not issued.known
    assert yes(world, person, shown, proof) == FAILED


def test_a_wrong_code_costs_a_try_and_approves_nothing(world, bank):
    person = world.person()
    shown = showing(world, bank, person)
    proof, issued = code_for(world, person, shown)
    for _ in range(5):
        wrong = replace(proof, code=f"{(int(issued.code) + 1) % 10**6:06d}")
        assert yes(world, person, shown, wrong) == FAILED

    assert yes(world, person, shown, proof) == FAILED
    assert rows(world, consent_grant) == []


def test_the_key_is_a_proof_of_its_own_person_only(world, bank):
    one, two = world.people(2)
    keys = {}
    for person in (one, two):
        keys[person.subject] = new_secret(accounts.KEY_PREFIX, person.bucket)
        own = consumer.c.subject == person.subject
        with world.vault.data.write() as conn:
            conn.execute(update(consumer).where(own).values(sign_in_hash=secret_hash(keys[person.subject])))
    shown = showing(world, bank, one)
    proof = Proof(binding=SESSION, offered_at=world.now, how=How.KEY, key=keys[two.subject])

    assert yes(world, one, shown, proof) == FAILED
    assert yes(world, one, shown, replace(proof, key="sik_x")) == FAILED
    assert isinstance(yes(world, one, shown, replace(proof, key=keys[one.subject])), Approved)


def test_a_proof_is_fresh_for_five_minutes_and_never_from_the_future(world, bank):
    person = world.person()
    shown, own = showing(world, bank, person), with_passkey(world.vault, person, world.now)
    proof = signed(world.vault, shown, own, world.now)
    future = signed(world.vault, shown, own, world.now, offered_at=world.now + 1)

    assert yes(world, person, shown, future) == NEEDED
    world.tick(FRESH_MS)
    assert yes(world, person, shown, proof) == NEEDED
    world.tick(-1)
    assert isinstance(yes(world, person, shown, proof), Approved)
    assert FRESH_MS == 5 * 60 * 1000


@pytest.mark.parametrize(
    "bent",
    [
        {"origin": "https://evil.example"},
        {"flags": 1},
        {"rp_id": "evil.example"},
        {"challenge": "AAAA"},
        {"key": ec.generate_private_key(ec.SECP256R1())},
    ],
)
def test_a_signature_that_is_bent_anywhere_is_no_proof(world, bank, bent):
    person = world.person()
    shown, own = showing(world, bank, person), with_passkey(world.vault, person, world.now)

    assert yes(world, person, shown, signed(world.vault, shown, own, world.now, **bent)) == FAILED
    assert (rows(world), rows(world, consent_grant)) == ([], [])


def test_a_signature_is_good_for_the_fields_the_showing_and_the_session_it_was_made_for(world, bank):
    person = world.person()
    shown = showing(world, bank, person, datatypes=["name"], optional_datatypes=["resident_id"])
    other = showing(world, bank, person, datatypes=["name"], optional_datatypes=["resident_id"])
    own = with_passkey(world.vault, person, world.now)
    proof = signed(world.vault, shown, own, world.now, fields=["name"])

    assert yes(world, person, shown, proof, {"name", "resident_id"}) == FAILED
    assert yes(world, person, other, proof) == FAILED
    assert yes(world, person, shown, replace(proof, binding="another session")) == FAILED
    assert yes(world, person, shown, replace(proof, offered_at=world.now - 1)) == FAILED
    assert isinstance(yes(world, person, shown, proof), Approved)


def test_another_person_s_passkey_and_a_removed_one_are_no_proof(world, bank):
    one, two = world.people(2)
    shown = showing(world, bank, one)
    theirs = with_passkey(world.vault, two, world.now)
    own = with_passkey(world.vault, one, world.now)
    with world.vault.data.write() as conn:
        (kept,) = passkeys_of(conn, (one.bucket, one.subject))
        remove(conn, (one.bucket, one.subject), kept.id)

    assert yes(world, one, shown, signed(world.vault, shown, theirs, world.now)) == FAILED
    assert yes(world, one, shown, signed(world.vault, shown, own, world.now)) == FAILED


def test_a_copy_of_a_passkey_approves_nothing_and_leaves_an_alarm(world, bank):
    person = world.person()
    shown, own = showing(world, bank, person), with_passkey(world.vault, person, world.now)
    own.count = 5
    assert isinstance(yes(world, person, shown, signed(world.vault, shown, own, world.now)), Approved)
    own.count = 2
    again = showing(world, bank, person)

    answer = yes(world, person, again, signed(world.vault, again, own, world.now))

    assert answer.code is RefusalCode.STEP_UP_FAILED
    assert answer.at.startswith("pa_")
    assert len(rows(world, passkey_alarm)) == 1
    assert len(rows(world, consent_grant)) == 1


def test_the_data_base_takes_no_sensitive_consent_without_its_proof(world, bank):
    person = world.person()
    shown = showing(world, bank, person)
    yes(
        world,
        person,
        shown,
        signed(world.vault, shown, with_passkey(world.vault, person, world.now), world.now),
    )
    (grant,) = rows(world, consent_grant)
    again = showing(world, bank, person)
    forged = {**grant._mapping, "showing_id": again.id, "id": again.id}

    with pytest.raises(DBAPIError, match="proof of presence"), world.vault.data.write() as conn:
        conn.execute(insert(consent_grant).values(forged))


@pytest.mark.parametrize("change", ["update", "delete"])
def test_proofs_stay(world, bank, change):
    person = world.person()
    shown = showing(world, bank, person)
    yes(
        world,
        person,
        shown,
        signed(world.vault, shown, with_passkey(world.vault, person, world.now), world.now),
    )

    with pytest.raises(DBAPIError), world.vault.data.write() as conn:
        conn.execute(update(table).values(how="key") if change == "update" else delete(table))


def test_the_key_counts_only_where_the_account_has_nothing_else():
    assert ways(passkeys=False, codes=False) == {How.KEY}
    assert ways(passkeys=True, codes=False) == {How.PASSKEY}
    assert ways(passkeys=False, codes=True) == {How.CODE}
    assert ways(passkeys=True, codes=True) == {How.PASSKEY, How.CODE}


def test_a_proof_tells_nothing_of_itself_in_a_log(world, bank):
    proof = Proof(binding="b", offered_at=1, how=How.CODE, code="123456", key="sik_secret")

    assert "123456" not in repr(proof)
    assert "sik" not in repr(proof)
