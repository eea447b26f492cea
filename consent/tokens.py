"""Exchanging a code for a use: the grant is checked again, one use is minted, one token is bound to it.

A code works once, within 60 seconds, for the client and redirect URI it was made for, with the PKCE verifier
behind its challenge, and only with the DPoP key it was bound to if it was bound. The use row carries the
code's digest under a unique constraint, so a second exchange cannot exist; a client that tries one anyway
voids the use of the first (RFC 6749 §4.1.2). The token lives 120 seconds or until the window closes. What is
denied is counted, and entered into the person's ledger when first of its class, in the same transaction.

`exchange(vault, CodeExchange(...), now_ms) -> Issued | Denied`; `exchange_within` is the same in an open transaction.
"""

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from consent.ask import details_of
from consent.denials import DenialClass, DenialCode, Denied, about_nothing, record, worth_an_entry
from consent.details import ACTION, DETAILS_TYPE, instant
from consent.grants import GrantState
from consent.ids import GrantId, UseId, use_text
from consent.ledger.append import append
from consent.ledgering import refusal_item
from consent.tables import auth_code, consent_grant, notice_showing, token, use
from vault.errors import MalformedId
from vault.ids import Bucket, new_id, new_secret, secret_bucket, secret_hash
from vault.opening import Vault

TOKEN_PREFIX = "cut"  # noqa: S105  # a prefix, not a password
CODE_PREFIX = "cod"
TOKEN_LIFETIME_MS = 120_000
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeExchange:
    """A token request whose client and proof the edge has verified; `jkt` is the proof key's thumbprint."""

    client_id: str
    code: str
    redirect_uri: str
    code_verifier: str
    jkt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A token for one use; `details` is what was granted, ready for `authorization_details`."""

    token: str
    expires_in: int
    grant_id: GrantId
    use_id: UseId
    details: list[dict[str, Any]]


def exchange(vault: Vault, request: CodeExchange, now_ms: int) -> Issued | Denied:
    """Mint the use of a code, once, in a transaction of its own."""
    with vault.data.write() as conn:
        return exchange_within(conn, vault, request, now_ms)


def exchange_within(conn: Connection, vault: Vault, request: CodeExchange, now_ms: int) -> Issued | Denied:
    """The same in the caller's transaction, which may have spent proofs and must do nothing more afterwards."""
    try:
        bucket = secret_bucket(CODE_PREFIX, request.code)
    except MalformedId:
        return Denied(code=DenialCode.UNKNOWN_CODE)
    row = _locked(conn, bucket, secret_hash(request.code))
    if row is None:
        stranger = about_nothing(bucket, vault.installation.buckets, DenialCode.UNKNOWN_CODE)
        record(conn, [stranger], now_ms)
        return Denied(code=stranger.code)
    denied = _refuse(conn, row, request, now_ms)
    if denied is None:
        return _issue(conn, row, request, now_ms)
    _count(conn, vault, row, denied, now_ms)
    return Denied(code=denied)


def _count(conn: Connection, vault: Vault, row: Any, code: DenialCode, now_ms: int) -> None:
    """One more denied exchange of this code; the last step, because it may lock the ledger's head."""
    first = record(conn, [DenialClass(bucket=row.bucket, code=code, grant=row.id)], now_ms)
    if not first or not worth_an_entry(row.expires_at, now_ms):
        return
    key = vault.keyring.subject_keys([(row.bucket, row.subject)]).get(row.subject)
    if key is not None:  # an erased person's ledger has ended
        append(conn, [refusal_item(vault, key, first[0], now_ms)], now_ms, vault.installation.ledger_host)


def _locked(conn: Connection, bucket: Bucket, digest: bytes) -> Any:
    """The code with its grant, the grant locked: exchanges, redemptions and withdrawals of it take turns."""
    found = select(auth_code.c.grant_id).where(auth_code.c.bucket == bucket, auth_code.c.hash == digest)
    grant_id = conn.execute(found).scalar_one_or_none()
    if grant_id is None:
        return None
    grant, shown = consent_grant.c, notice_showing.c
    conn.execute(select(grant.id).where(grant.bucket == bucket, grant.id == grant_id).with_for_update()).one()
    return conn.execute(
        select(
            auth_code.c.hash,
            auth_code.c.redirect_uri,
            auth_code.c.code_challenge,
            auth_code.c.dpop_jkt,
            auth_code.c.expires_at,
            consent_grant,
            shown.details,
        )
        .join(consent_grant, (grant.bucket == auth_code.c.bucket) & (grant.id == auth_code.c.grant_id))
        .join(notice_showing, (shown.bucket == grant.bucket) & (shown.id == grant.showing_id))
        .where(auth_code.c.bucket == bucket, auth_code.c.hash == digest)
    ).one()


def _refuse(conn: Connection, row: Any, request: CodeExchange, now_ms: int) -> DenialCode | None:
    if row.client_id != request.client_id:
        return DenialCode.WRONG_CLIENT
    spent = update(use).where(use.c.bucket == row.bucket, use.c.code_hash == row.hash)
    if conn.execute(select(use.c.id).where(use.c.bucket == row.bucket, use.c.code_hash == row.hash)).all():
        conn.execute(spent.where(use.c.voided_at.is_(None)).values(voided_at=now_ms))
        return DenialCode.CODE_REUSED
    return _mismatch(row, request) or _closed(row, now_ms)


def _mismatch(row: Any, request: CodeExchange) -> DenialCode | None:
    if row.redirect_uri != request.redirect_uri:
        return DenialCode.WRONG_REDIRECT
    if not _proves(request.code_verifier, row.code_challenge):
        return DenialCode.WRONG_VERIFIER
    if row.dpop_jkt is not None and row.dpop_jkt != request.jkt:
        return DenialCode.WRONG_KEY
    return None


def _closed(row: Any, now_ms: int) -> DenialCode | None:
    if now_ms >= row.expires_at:
        return DenialCode.EXPIRED
    if row.state == GrantState.WITHDRAWN:
        return DenialCode.WITHDRAWN
    if row.state != GrantState.ACTIVE:
        return DenialCode.GRANT_NOT_ACTIVE
    return DenialCode.WINDOW if now_ms >= row.window_to else None


def _proves(verifier: str, challenge: str) -> bool:
    """PKCE S256 (RFC 7636): the challenge is the verifier's digest."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return hmac.compare_digest(digest, challenge.encode())


def _issue(conn: Connection, row: Any, request: CodeExchange, now_ms: int) -> Issued:
    use_id = UseId(new_id(row.bucket, now_ms))
    names = {"bucket": row.bucket, "recipient_id": row.recipient_id, "client_id": row.client_id}
    quota = row.max_uses - row.used
    conn.execute(
        insert(use).values(
            **names, id=use_id, grant_id=row.id, code_hash=row.hash, quota=quota, spent=0, minted_at=now_ms
        )
    )
    secret = new_secret(TOKEN_PREFIX, row.bucket)
    expires = min(now_ms + TOKEN_LIFETIME_MS, row.window_to)
    conn.execute(
        insert(token).values(
            **names,
            hash=secret_hash(secret),
            use_id=use_id,
            jkt=request.jkt,
            minted_at=now_ms,
            expires_at=expires,
        )
    )
    return Issued(
        token=secret,
        expires_in=max(1, (expires - now_ms) // 1000),
        grant_id=GrantId(row.id),
        use_id=use_id,
        details=[_granted(row, use_id)],
    )


def _granted(row: Any, use_id: UseId) -> dict[str, Any]:
    """The authorization details as granted: maybe fewer fields than were asked for, plus the use's id."""
    asked = details_of(row.details)
    return {
        "type": DETAILS_TYPE,
        "actions": [ACTION],
        "use_id": use_text(use_id),
        "recipient": row.recipient_id,
        "purpose": row.purpose,
        "datatypes": json.loads(row.fields),
        "uses": {"max": row.max_uses, "ask": asked.ask},
        "window": {"from": instant(row.window_from), "to": instant(row.window_to)},
        "retention": row.retention,
        "notice": {"id": row.notice_id, "hash": row.notice_hash},
        "liability": {"terms": row.terms_id, "hash": row.terms_hash},
    }
