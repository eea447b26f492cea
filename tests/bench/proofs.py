"""Builds redemption requests byte by byte, with DPoP proofs signed through the primitive.

A JOSE library needs about 250 µs for what is signed here in 30: a load generator that shares the cores with
the server must be cheap. The key travels between processes as a PEM text.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def b64(raw: bytes) -> str:
    """base64url without padding, as JOSE wants it."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


_ASSERTION = b64(b'{"alg":"ES256"}')


@dataclass(frozen=True, slots=True)
class ProofKey:
    """An ES256 key with its encoded header and its thumbprint (`jkt`, RFC 7638)."""

    private: ec.EllipticCurvePrivateKey
    header: str
    jkt: str

    @classmethod
    def generate(cls) -> Self:
        return cls._of(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def load(cls, pem: str) -> Self:
        loaded = serialization.load_pem_private_key(pem.encode(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        return cls._of(loaded)

    @classmethod
    def _of(cls, private: ec.EllipticCurvePrivateKey) -> Self:
        point = private.public_key().public_numbers()
        jwk = {
            "crv": "P-256",
            "kty": "EC",
            "x": b64(point.x.to_bytes(32)),
            "y": b64(point.y.to_bytes(32)),
        }
        canonical = json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}
        return cls(private, b64(json.dumps(header).encode()), b64(hashlib.sha256(canonical).digest()))

    def pem(self) -> str:
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    def proof(self, method: str, url: str, token: str, now: int | None = None) -> str:
        """A proof with a random `jti`, bound to the token."""
        claims = {
            "jti": secrets.token_urlsafe(12),
            "htm": method,
            "htu": url,
            "iat": int(time.time()) if now is None else now,
            "ath": b64(hashlib.sha256(token.encode()).digest()),
        }
        return self._signed(self.header, claims)

    def assertion(self, client_id: str, issuer: str) -> str:
        """A client's assertion with a random `jti`, good for the longest time that is accepted."""
        now = int(time.time())
        claims = {"iss": client_id, "sub": client_id, "aud": issuer, "iat": now, "exp": now + 60}
        return self._signed(_ASSERTION, {"jti": secrets.token_urlsafe(12), **claims})

    def _signed(self, header: str, claims: Mapping[str, object]) -> str:
        signed = f"{header}.{b64(json.dumps(claims).encode())}"
        r, s = decode_dss_signature(self.private.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{b64(r.to_bytes(32) + s.to_bytes(32))}"


def disclosure_request(
    key: ProofKey,
    issuer: str,
    token: str,
    idempotency_key: str,
    *,
    fields: Sequence[str] = (),
    path: str = "/v1/disclosures",
) -> bytes:
    """`POST` for one use, at the address of redemptions unless `path` says otherwise, of all its fields or of these, ready for the socket."""
    body = json.dumps({"fields": list(fields)} if fields else {})
    url = f"{issuer}{path}"
    return (
        f"POST {path} HTTP/1.1\r\nhost: {urlsplit(issuer).netloc}\r\n"
        f"authorization: DPoP {token}\r\ndpop: {key.proof('POST', url, token)}\r\n"
        f'idempotency-key: "{idempotency_key}"\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}'
    ).encode()


def introspection_request(key: ProofKey, issuer: str, client_id: str, token: str, accept: str) -> bytes:
    """`POST /introspect` about one token, with an assertion of its own, ready for the socket."""
    form = {"token": token, "client_assertion_type": _ASSERTION_TYPE}
    body = urlencode({**form, "client_id": client_id, "client_assertion": key.assertion(client_id, issuer)})
    return (
        f"POST /introspect HTTP/1.1\r\nhost: {urlsplit(issuer).netloc}\r\naccept: {accept}\r\n"
        f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    ).encode()


def get_request(issuer: str, path: str) -> bytes:
    """A plain GET, ready for the socket."""
    return f"GET {path} HTTP/1.1\r\nhost: {urlsplit(issuer).netloc}\r\n\r\n".encode()
