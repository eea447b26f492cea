"""The recipient's own signature under its liability terms: without one, nobody is asked to agree to them.

A person can only hold somebody to terms that somebody signed. There are two ways to sign: once, when the terms are
published, which is kept here; or in every request, as a request object (RFC 9101) that names them. The signature at
publication is a detached compact JWS (RFC 7515, appendix F) of type `liability-terms+jws` over the ASCII bytes of the
terms' hash, `sha-256:…`, which is over the canonical JSON (RFC 8785) of recipient, version, text and sums. It is made
with a key of one of the recipient's clients; the key is kept with it, because keys are replaced and evidence is not.

* `sign(conn, terms_id, signature, now_ms) -> str`: the hash that names the signature; raises BadTerms.
* `signature(conn, terms_id) -> TermsSignature | None`.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from consent.asking.signed_requests import signature_hash
from consent.errors import BadTerms
from consent.ids import ClientId, TermsId, canonical_json
from consent.recipients.compact import opened
from consent.recipients.fetched_keys import usable
from consent.recipients.key_sets import PublicKey
from consent.recipients.register import clients
from consent.schema.tables import terms_signature
from consent.wording.terms import terms

KIND = "liability-terms+jws"
_MOST_BYTES = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsSignature:
    """`text` is the detached JWS, `jwk` (JSON) the key it verified under, `signed_at` Unix milliseconds."""

    terms_id: TermsId
    client_id: ClientId
    text: str
    jwk: str
    hash: str
    signed_at: int


def sign(conn: Connection, terms_id: str, signature_text: str, now_ms: int) -> str:
    """Keep a recipient's signature under terms it has published; the same one again changes nothing."""
    owed = terms(conn, terms_id)
    if owed is None:
        raise BadTerms("no terms are known by this id")
    before = signature(conn, terms_id)
    if before is not None:
        if before.text != signature_text:
            raise BadTerms("these terms are signed already")
        return before.hash
    client_id, key = _signer(conn, owed.recipient_id, owed.hash, signature_text, now_ms)
    digest = signature_hash(signature_text)
    conn.execute(
        insert(terms_signature).values(
            terms_id=owed.id,
            terms_hash=owed.hash,
            recipient_id=owed.recipient_id,
            client_id=client_id,
            signature=signature_text,
            jwk=canonical_json(key.jwk()),
            hash=digest,
            signed_at=now_ms,
        )
    )
    return digest


def signature(conn: Connection, terms_id: str) -> TermsSignature | None:
    """What was signed at publication; None for terms that are signed in each request, or not at all."""
    row = conn.execute(select(terms_signature).where(terms_signature.c.terms_id == terms_id)).one_or_none()
    if row is None:
        return None
    return TermsSignature(
        terms_id=TermsId(row.terms_id),
        client_id=ClientId(row.client_id),
        text=row.signature,
        jwk=row.jwk,
        hash=row.hash,
        signed_at=row.signed_at,
    )


def _signer(
    conn: Connection, recipient_id: str, terms_hash: str, text: str, now_ms: int
) -> tuple[ClientId, PublicKey]:
    """Which client signed, and with which of its keys; one that is suspended signs nothing."""
    for client in clients(conn, recipient_id):
        if client.suspended:
            continue
        keys = usable(client, now_ms)
        made = opened(text, keys, kinds=(KIND,), most_bytes=_MOST_BYTES, detached=terms_hash.encode())
        if made is not None:
            return client.client_id, made.key
    raise BadTerms("no key of this recipient made this signature under these terms")
