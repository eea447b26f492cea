"""Asking on a device without a browser of the person's own (RFC 8628): a counter, a call centre, a terminal.

The client keeps a device code to poll with and tells the person a user code of eight letters, which the signed-in
person types in at the portal; what follows is the ordinary request page. The letters are twenty without vowels
(RFC 8628 §6.1), 25.6 thousand million codes of which a handful are alive at a time; the data base keeps a keyed
digest of a code, because a plain one could be counted through, and the digest says in which bucket the request is.

* `start(conn, vault, client, details, jkt, now_ms) -> Started | Refusal`
* `enter(vault, consumer, typed, now_ms, ward=None) -> Showing | Refusal`
"""

import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from consent.accounts.keys import Consumer
from consent.asking import ask, signed_requests
from consent.asking.ask import Kept, Pending, PushParams, Via
from consent.asking.details import Details
from consent.asking.showings import Showing, take_up
from consent.asking.signed_requests import SignedRequest
from consent.decoupled.polling import INTERVAL_S, LIFETIME_MS, PREFIXES
from consent.recipients.register import Client
from consent.refusals import Refusal
from consent.schema.decoupled_tables import device_request, request_poll
from consent.schema.tables import consent_request
from vault.families.guardians import Guardianship
from vault.ids import Bucket, bucket_of_hash, new_secret
from vault.opening import Vault

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_LENGTH = 8
_LONGEST_TYPED = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What the device shows and what it keeps; seconds, as the protocol says them."""

    device_code: str
    user_code: str
    expires_in: int
    interval: int


def start(  # each argument is a separate fact of the request
    conn: Connection,
    vault: Vault,
    client: Client,
    details: Details,
    jkt: str | None,
    now_ms: int,
    *,
    signed: SignedRequest | None = None,
) -> Started | Refusal:
    """Store a request that waits for somebody to type its user code, with what it was signed with."""
    user_code, digest = _free_code(conn, vault)
    bucket = _bucket(vault, digest)
    device_code = new_secret(PREFIXES[Via.DEVICE], bucket)
    params = PushParams(via=Via.DEVICE, dpop_jkt=jkt)
    request = ask.store(conn, client, details, params, Kept(bucket, device_code, LIFETIME_MS), now_ms)
    if isinstance(request, Refusal):
        return request
    own = {"bucket": bucket, "request_id": request}
    conn.execute(insert(device_request).values(**own, user_code_hash=digest))
    conn.execute(insert(request_poll).values(**own, interval_s=INTERVAL_S, polled_at=0))
    if signed is not None:
        signed_requests.keep(conn, client, (bucket, request), signed)
    return Started(
        device_code=device_code,
        user_code=f"{user_code[:4]}-{user_code[4:]}",
        expires_in=LIFETIME_MS // 1000,
        interval=INTERVAL_S,
    )


def enter(
    vault: Vault, consumer: Consumer, typed: str, now_ms: int, ward: Guardianship | None = None
) -> Showing | Refusal:
    """Show the request behind a user code to this person; only the first who types it is shown it."""
    with vault.data.write() as conn:
        return take_up(conn, vault, consumer, _waiting(conn, vault, typed, now_ms), now_ms, ward)


def _waiting(conn: Connection, vault: Vault, typed: str, now_ms: int) -> Pending | None:
    """What a person typed: case, spaces, hyphens and the width of letters are their own affair."""
    if len(typed) > _LONGEST_TYPED:
        return None
    code = "".join(c for c in unicodedata.normalize("NFKC", typed).upper() if c.isalnum())
    digest = _digest(vault, code)
    found = select(device_request.c.request_id).where(
        device_request.c.bucket == _bucket(vault, digest), device_request.c.user_code_hash == digest
    )
    request_id = conn.execute(found).scalar_one_or_none()
    if request_id is None:
        return None
    request = consent_request.c
    return ask.unclaimed(conn, now_ms, request.bucket == _bucket(vault, digest), request.id == request_id)


def _free_code(conn: Connection, vault: Vault) -> tuple[str, bytes]:
    """A code nobody was ever given, and its digest; a unique constraint stands behind the look."""
    while True:
        code = "".join(secrets.choice(LETTERS) for _ in range(_LENGTH))
        digest = _digest(vault, code)
        own = (device_request.c.bucket == _bucket(vault, digest), device_request.c.user_code_hash == digest)
        if conn.execute(select(device_request.c.request_id).where(*own)).one_or_none() is None:
            return code, digest


def _digest(vault: Vault, code: str) -> bytes:
    return hmac.digest(vault.keyring.service_key("id"), b"user code\0" + code.encode(), hashlib.sha256)


def _bucket(vault: Vault, digest: bytes) -> Bucket:
    return bucket_of_hash(digest, vault.installation.buckets)
