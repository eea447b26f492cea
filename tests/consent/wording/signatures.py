"""A recipient signs its terms as its own program would: with another library than the one that checks."""

from joserfc import jws
from joserfc.jwk import ECKey
from sqlalchemy import Connection

from consent.asking import terms_signing
from consent.wording import terms
from consent.wording.terms import Terms


def terms_jws(key, terms_hash: str, **header) -> str:
    """A detached JWS over the hash of terms; keywords bend the header (None removes)."""
    alg = "ES256" if isinstance(key, ECKey) else "Ed25519"
    named = {} if key.kid is None else {"kid": key.kid}
    made = {"alg": alg, "typ": terms_signing.KIND, **named, **header}
    head = {name: value for name, value in made.items() if value is not None}
    first, _, last = jws.serialize_compact(head, terms_hash.encode(), key, algorithms=[alg]).split(".")
    return f"{first}..{last}"


def signed_terms(conn: Connection, owed: Terms, key, now_ms: int) -> Terms:
    """The terms, signed at publication."""
    terms_signing.sign(conn, owed.id, terms_jws(key, owed.hash), now_ms)
    found = terms.terms(conn, owed.id)
    assert found is not None
    return found
