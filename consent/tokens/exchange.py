"""Exchanging a code for a use: the grant is checked again, one use is minted, one token is bound to it.

A code works once, within 60 seconds, for the client and redirect URI it was made for, with the PKCE verifier
behind its challenge, and only with the DPoP key it was bound to if it was bound. The use row carries the
code's digest under a unique constraint, so a second exchange cannot exist; a client that tries one anyway
voids whatever came of the first, the refresh token too (RFC 6749 §4.1.2). What is denied is counted, and
entered into the person's ledger when first of its class, in the same transaction.

`exchange(vault, CodeExchange(...), now_ms) -> Issued | Denied | Refusal`; `exchange_within` is the same in an
open transaction. A Refusal is about `authorization_details` that narrow nothing: the code is still good.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, select

from consent.denials import DenialClass, DenialCode, Denied, about_nothing, record, worth_an_entry
from consent.grants.granted import granted_details
from consent.ids import GrantId, fields_of
from consent.ledger.append import append
from consent.ledgering import refusal_item
from consent.refusals import Refusal
from consent.schema.tables import auth_code, use
from consent.tokens.codes import CODE_PREFIX
from consent.tokens.minting import (
    TOKEN_LIFETIME_MS,
    Issued,
    Origin,
    closed,
    locked_grant,
    mint,
    mint_refresh,
    void_all,
)
from consent.tokens.narrowing import narrow
from vault.base64url import b64url
from vault.errors import MalformedId
from vault.ids import Bucket, SubjectId, bucket_of, secret_bucket, secret_hash
from vault.opening import Vault

__all__ = ["TOKEN_LIFETIME_MS", "CodeExchange", "Issued", "exchange", "exchange_within"]

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeExchange:
    """A token request whose client and proof the edge has verified; `jkt` is the proof key's thumbprint.

    `details` is the decoded JSON of `authorization_details`, None when there was none.
    """

    client_id: str
    code: str
    redirect_uri: str
    code_verifier: str
    jkt: str
    details: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolledExchange:
    """The same for an approval that was polled for: `digest` is that of the secret it was polled with."""

    client_id: str
    digest: bytes
    jkt: str
    details: object = None


def exchange(vault: Vault, request: CodeExchange, now_ms: int) -> Issued | Denied | Refusal:
    """Mint the use of a code, once, in a transaction of its own."""
    with vault.data.write() as conn:
        return exchange_within(conn, vault, request, now_ms)


def exchange_within(
    conn: Connection, vault: Vault, request: CodeExchange, now_ms: int
) -> Issued | Denied | Refusal:
    """The same in the caller's transaction, which may have spent proofs and must do nothing more afterwards."""
    try:
        bucket = secret_bucket(CODE_PREFIX, request.code)
    except MalformedId:
        return Denied(code=DenialCode.UNKNOWN_CODE)
    code = _code(conn, bucket, secret_hash(request.code))
    if code is None:
        return deny_stranger(conn, vault, bucket, DenialCode.UNKNOWN_CODE, now_ms)
    grant = locked_grant(conn, bucket, code.grant_id)
    denied = _refuse(conn, grant, code, request, now_ms)
    if denied is not None:
        return deny(conn, vault, grant, denied, code.expires_at, now_ms)
    return _mint(conn, grant, code, request, now_ms)


def exchange_polled(
    conn: Connection, vault: Vault, grant_id: GrantId, request: PolledExchange, now_ms: int
) -> Issued | Denied | Refusal:
    """Mint the use of an approval that was polled for, once, in the caller's transaction."""
    bucket = bucket_of(grant_id)
    grant = locked_grant(conn, bucket, grant_id)
    code = _code(conn, bucket, request.digest)
    denied = _refuse_polled(conn, grant, code, request, now_ms)
    if denied is not None:
        return deny(conn, vault, grant, denied, code.expires_at, now_ms)
    return _mint(conn, grant, code, request, now_ms)


def _mint(
    conn: Connection, grant: Any, code: Any, request: CodeExchange | PolledExchange, now_ms: int
) -> Issued | Refusal:
    fields = narrowed(grant, request.details)
    if isinstance(fields, Refusal):
        return fields
    issued = mint(conn, grant, fields, Origin(jkt=request.jkt, code_hash=code.hash), now_ms)
    return replace(issued, refresh=mint_refresh(conn, grant, request.jkt, now_ms))


def narrowed(grant: Any, raw: object) -> tuple[str, ...] | Refusal:
    """The grant's fields, or those of them that the token request names."""
    fields = fields_of(grant.fields)
    return fields if raw is None else narrow(granted_details(grant, fields), raw)


def deny_stranger(conn: Connection, vault: Vault, bucket: Bucket, code: DenialCode, now_ms: int) -> Denied:
    """Count a well-formed secret that nobody was given."""
    record(conn, [about_nothing(bucket, vault.installation.buckets, code)], now_ms)
    return Denied(code=code)


def deny(  # each argument is a fact of its own
    conn: Connection, vault: Vault, grant: Any, code: DenialCode, expires_at: int, now_ms: int
) -> Denied:
    """Count a denial under a grant whose secret expires at `expires_at`.

    The last step, because it may lock the ledger's head.
    """
    first = record(conn, [DenialClass(bucket=grant.bucket, code=code, grant=grant.id)], now_ms)
    if first and worth_an_entry(expires_at, now_ms):
        subject = SubjectId(grant.subject)
        key = vault.keyring.subject_keys([(grant.bucket, subject)]).get(subject)
        if key is not None:  # an erased person's ledger has ended
            append(conn, [refusal_item(vault, key, first[0], now_ms)], now_ms, vault.installation.ledger_host)
    return Denied(code=code)


def _code(conn: Connection, bucket: Bucket, digest: bytes) -> Any:
    found = select(auth_code).where(auth_code.c.bucket == bucket, auth_code.c.hash == digest)
    return conn.execute(found).one_or_none()


def _refuse(conn: Connection, grant: Any, code: Any, request: CodeExchange, now_ms: int) -> DenialCode | None:
    if code.client_id != request.client_id:
        return DenialCode.WRONG_CLIENT
    if _exchanged(conn, code):
        void_all(conn, grant, now_ms)
        return DenialCode.CODE_REUSED
    mismatch = _mismatch(code, request)
    if mismatch or now_ms >= code.expires_at:
        return mismatch or DenialCode.EXPIRED
    return closed(grant, now_ms)


def _refuse_polled(
    conn: Connection, grant: Any, code: Any, request: PolledExchange, now_ms: int
) -> DenialCode | None:
    if code.client_id != request.client_id:
        return DenialCode.WRONG_CLIENT
    if _exchanged(conn, code):
        return DenialCode.CODE_REUSED
    if code.dpop_jkt is not None and code.dpop_jkt != request.jkt:
        return DenialCode.WRONG_KEY
    return DenialCode.EXPIRED if now_ms >= code.expires_at else closed(grant, now_ms)


def _exchanged(conn: Connection, code: Any) -> bool:
    made = select(use.c.id).where(use.c.bucket == code.bucket, use.c.code_hash == code.hash)
    return conn.execute(made).one_or_none() is not None


def _mismatch(code: Any, request: CodeExchange) -> DenialCode | None:
    if code.redirect_uri != request.redirect_uri:
        return DenialCode.WRONG_REDIRECT
    if not _proves(request.code_verifier, code.code_challenge):
        return DenialCode.WRONG_VERIFIER
    if code.dpop_jkt is not None and code.dpop_jkt != request.jkt:
        return DenialCode.WRONG_KEY
    return None


def _proves(verifier: str, challenge: str) -> bool:
    """PKCE S256 (RFC 7636): the challenge is the verifier's digest."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = b64url(hashlib.sha256(verifier.encode()).digest())
    return hmac.compare_digest(digest.encode(), challenge.encode())
