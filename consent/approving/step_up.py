"""Approving something sensitive takes a proof of presence of its own, made for exactly that approval (ADR 0018).

The proof is bound to a statement: the showing, the hash of what is promised, notice and terms among it, the session,
and when the statement was offered, at most five minutes ago. For a passkey the SHA-256 of the statement is the
challenge, so the assertion is the person's signature over it; a one-time code is good for that digest alone; a
sign-in key, which counts where the account has nothing else, is entered again. What was proven is stored with the
decision and its hash goes into the grant's ledger entry.

* `statement(vault, shown, promise, binding, offered_at) -> Statement`, for whoever asks for a proof.
* `weigh(vault, shown, promise, proof, now_ms) -> Evidence | Refusal | None`, None where no proof is needed.
* `keep(conn, vault, shown, evidence, now_ms) -> Refusal | None` checks and stores it, in the decision's transaction,
  which is to be committed whatever the answer is.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, insert, select

from consent.accounts import keys as accounts
from consent.accounts.authenticators import Answer, Relying, assertion_of
from consent.accounts.one_time_codes import AskedFor, spend
from consent.accounts.passkeys import Backwards, Proven, assert_one, public_key_of
from consent.accounts.sign_ins import How
from consent.asking.showings import Showing
from consent.grants.promises import GRAVE, Promise, approval_hash
from consent.grants.written import declaration
from consent.ids import canonical_json, fields_of, showing_text
from consent.ledger.entries.commitment import Field
from consent.refusals import Refusal, RefusalCode
from consent.schema.step_up_tables import step_up
from vault.ids import encode_id
from vault.opening import Vault

FRESH_MS: Final = 300_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a proof is for, as canonical JSON (RFC 8785); `digest` is its SHA-256."""

    text: str
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the person gave: for which session, on which offer, and one of the three kinds of proof."""

    binding: str
    offered_at: int
    how: How
    relying: Relying | None = None
    answer: Answer | None = None
    ticket: str = ""
    code: str = ""
    key: str = ""

    def __repr__(self) -> str:
        return f"Proof({self.how.value!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A proof before it is checked, as it will be stored; `hash` is what the ledger gets."""

    proof: Proof
    statement: Statement
    approval: bytes
    signed: dict[str, Any]
    hash: bytes


def needed(promise: Promise) -> bool:
    """Whether this promise takes a proof of presence."""
    return promise["consent_kind"] in GRAVE


def ways(*, passkeys: bool, codes: bool) -> frozenset[How]:
    """By what a person may prove their presence: the key they signed in with only where there is nothing else."""
    better = {How.PASSKEY} if passkeys else set()
    better |= {How.CODE} if codes else set()
    return frozenset(better or {How.KEY})


def statement(vault: Vault, shown: Showing, promise: Promise, binding: str, offered_at: int) -> Statement:
    """The statement of an approval offered in a session at an instant (Unix ms)."""
    session = hmac.digest(
        vault.keyring.service_key("code"), b"perusal session v1" + binding.encode(), "sha256"
    )
    text = canonical_json(
        {
            "type": "perusal approval v1",
            "showing": showing_text(shown.id),
            "approval": approval_hash(promise).hex(),
            "notice": promise["notice_hash"],
            "terms": promise["terms_hash"],
            "session": session.hex(),
            "offered_at": offered_at,
            # What is signed, word for word: a passkey's assertion is the signature under it.
            **({"declaration": _declared(shown, promise)} if promise["written_hash"] else {}),
        }
    )
    return Statement(text=text, digest=hashlib.sha256(text.encode()).digest())


def _declared(shown: Showing, promise: Promise) -> dict[str, str]:
    said = declaration(shown, fields_of(promise["fields"]))
    return {"text": said.text, "language": said.lang}


def weigh(
    vault: Vault, shown: Showing, promise: Promise, proof: Proof | None, now_ms: int
) -> Evidence | Refusal | None:
    """The evidence of a proof that is there and fresh."""
    if not needed(promise):
        return None
    if proof is None or not proof.offered_at <= now_ms < proof.offered_at + FRESH_MS:
        return Refusal(code=RefusalCode.STEP_UP_NEEDED)
    said = statement(vault, shown, promise, proof.binding, proof.offered_at)
    signed = _signed(vault, shown, proof) if proof.how is How.PASSKEY else {}
    if signed is None:
        return Refusal(code=RefusalCode.STEP_UP_FAILED)
    told = {name: value.hex() if isinstance(value, bytes) else value for name, value in signed.items()}
    whole = canonical_json({"how": proof.how.value, "statement": said.text, **told})
    return Evidence(
        proof=proof,
        statement=said,
        approval=approval_hash(promise),
        signed=signed,
        hash=hashlib.sha256(whole.encode()).digest(),
    )


def committed(evidence: Evidence | None) -> tuple[Field, ...]:
    """What the grant's ledger entry says about it; nothing where no proof was needed."""
    if evidence is None:
        return ()
    return (("presence", f"{evidence.proof.how.value}:{evidence.hash.hex()}"),)


def keep(
    conn: Connection, vault: Vault, shown: Showing, evidence: Evidence | None, now_ms: int
) -> Refusal | None:
    """Check the proof and store it; the person's row is the caller's already."""
    if evidence is None:
        return None
    # A second press with the same proof is no second use of it: without this it would look like a copied passkey.
    own = select(step_up.c.how).where(step_up.c.bucket == shown.bucket, step_up.c.showing_id == shown.id)
    if conn.execute(own).first() is not None:
        return Refusal(code=RefusalCode.SHOWING_DECIDED)
    failed = _check(conn, vault, shown, evidence, now_ms)
    if failed is not None:
        return failed
    row = {
        "bucket": shown.bucket,
        "showing_id": shown.id,
        "subject": shown.subject,
        "how": evidence.proof.how.value,
        "approval_hash": evidence.approval,
        "statement": evidence.statement.text,
        "evidence_hash": evidence.hash,
        "at": now_ms,
        **evidence.signed,
    }
    conn.execute(insert(step_up).values(row))
    return None


def _check(conn: Connection, vault: Vault, shown: Showing, evidence: Evidence, now_ms: int) -> Refusal | None:
    proof, who = evidence.proof, shown.answerer
    failed = Refusal(code=RefusalCode.STEP_UP_FAILED)
    if proof.how is How.CODE:
        asked = AskedFor(binding=proof.binding, about=evidence.statement.digest)
        return None if spend(conn, vault, proof.ticket, proof.code, asked, now_ms) == who else failed
    if proof.how is How.KEY:
        account = accounts.sign_in(conn, proof.key)
        return None if account is not None and (account.bucket, account.subject) == who else failed
    if proof.answer is None or proof.relying is None or proof.answer.challenge != evidence.statement.digest:
        return failed
    proven = assert_one(conn, vault, proof.relying, proof.answer, now_ms, who)
    if isinstance(proven, Backwards):
        return Refusal(code=RefusalCode.STEP_UP_FAILED, at=encode_id("pa", proven.alarm))
    same_key = isinstance(proven, Proven) and proven.public_key == evidence.signed["public_key"]
    return None if same_key else failed


def _signed(vault: Vault, shown: Showing, proof: Proof) -> dict[str, Any] | None:
    """The columns of an assertion, with the public key that a third party needs to check it."""
    if proof.answer is None:
        return None
    given = assertion_of(proof.answer)
    with vault.data.read() as conn:
        key = public_key_of(conn, shown.answerer, given.credential_id)
    try:
        client_data = given.client_data.decode()
    except UnicodeDecodeError:
        return None
    if key is None:
        return None
    return {
        "credential_id": given.credential_id,
        "public_key": key,
        "authenticator_data": given.authenticator_data,
        "client_data": client_data,
        "signature": given.signature,
    }
