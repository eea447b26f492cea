"""What a recipient's own lawyer would send: its signature under its liability terms."""

from joserfc import jws
from joserfc.jwk import ECKey

from consent.asking.terms_signing import KIND


def terms_signature(key: ECKey, terms_hash: str) -> str:
    """A detached JWS (RFC 7515, appendix F) over the hash of the terms, by a P-256 key with an id."""
    header = {"alg": "ES256", "typ": KIND, "kid": key.kid}
    head, _, signature = jws.serialize_compact(header, terms_hash, key, algorithms=["ES256"]).split(".")
    return f"{head}..{signature}"
