"""Request objects (RFC 9101) as evidence: the recipient's own signature under what it asked for and what it owes.

The compact JWS is kept as it came, with the public key it verified under, because keys are replaced and evidence is
not. Its hash travels with the details of the request into the showing and to whoever writes the grant.

* `signature_hash(text) -> str`, also for a signature under liability terms.
* `keep(conn, client, (bucket, request_id), signed)` in the transaction that stores the request; `signed_request(conn, bucket, request_id)`.
"""

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from consent.ids import RequestId, canonical_json
from consent.recipients.key_sets import PublicKey
from consent.recipients.register import Client
from consent.schema.tables import signed_request as table
from vault.base64url import b64url
from vault.ids import Bucket


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """A request object that verified: the compact JWS, and under which of its client's keys."""

    text: str
    key: PublicKey

    @property
    def hash(self) -> str:
        """What names this very signature."""
        return signature_hash(self.text)


def signature_hash(text: str) -> str:
    """The digest that names one compact JWS: `sha-256:` and unpadded base64url, of its ASCII bytes."""
    return f"sha-256:{b64url(hashlib.sha256(text.encode()).digest())}"


def keep(conn: Connection, client: Client, request: tuple[Bucket, RequestId], signed: SignedRequest) -> None:
    """Keep what the request was signed with; the request itself was stored a moment ago."""
    conn.execute(
        insert(table).values(
            bucket=request[0],
            request_id=request[1],
            client_id=client.client_id,
            recipient_id=client.recipient.id,
            object=signed.text,
            jwk=canonical_json(signed.key.jwk()),
            hash=signed.hash,
        )
    )


def signed_request(conn: Connection, bucket: Bucket, request_id: RequestId) -> tuple[str, str] | None:
    """The request object and the JWK (JSON) that verified it; None for a request that was not signed."""
    row = conn.execute(
        select(table.c.object, table.c.jwk).where(table.c.bucket == bucket, table.c.request_id == request_id)
    ).one_or_none()
    return None if row is None else (row.object, row.jwk)
