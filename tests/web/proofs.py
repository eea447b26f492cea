"""Keys and proofs for tests, made with a library the server does not use for checking them."""

import base64
import hashlib
import json
import secrets

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey

NOW_S = 1_795_300_000


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def ec_key() -> ECKey:
    return ECKey.generate_key("P-256")


def okp_key() -> OKPKey:
    return OKPKey.generate_key("Ed25519")


def ath(token: str) -> str:
    return b64(hashlib.sha256(token.encode()).digest())


def proof(
    key,
    *,
    method="POST",
    url="https://consent.example/v1/disclosures",
    iat=NOW_S,
    token=None,
    header=None,
    **claims,
):
    """A DPoP proof; `header` and further keywords override what a good one has (None removes)."""
    alg = "ES256" if isinstance(key, ECKey) else "Ed25519"
    head = {"typ": "dpop+jwt", "alg": alg, "jwk": key.as_dict(private=False), **(header or {})}
    body = {"jti": secrets.token_urlsafe(12), "htm": method, "htu": url, "iat": iat}
    if token is not None:
        body["ath"] = ath(token)
    body |= claims
    head = {name: value for name, value in head.items() if value is not None}
    body = {name: value for name, value in body.items() if value is not None}
    return signed(key, head, body)


def signed(key, head, body):
    """A compact JWS over any header and payload, even ones no library would write."""
    alg = "ES256" if isinstance(key, ECKey) else "Ed25519"
    message = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(body).encode())}"
    algorithm = jws.JWSRegistry(algorithms=[alg]).get_alg(alg)
    return f"{message}.{b64(algorithm.sign(message.encode(), key))}"
