"""Public keys of recipients: what a JWK set (RFC 7517) may hold to be registered or fetched, and which key is meant.

Two kinds sign here: P-256 for ES256 and Ed25519 (RFC 7518, RFC 8037, RFC 9864). A set with a private member is
refused whole, because whoever published it has lost that key; so is one with a point that anybody could sign
for, with a key twice, or with a `kid` twice. What is registered holds nothing else; a fetched set may serve
others too, and keys of other kinds and for other uses are passed over there (RFC 7517 §5). Keys that are marked for
encryption are `encryption_keys`' to read.

* `key_set(given, *, fetched=False) -> tuple[PublicKey, ...]`; raises BadRegistration.
* `meant(keys, kid, algorithm) -> list[PublicKey]`: which of them may have signed.
* `jwks_json(keys)` and `stored_keys(text)`: to and from the data base.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from consent.errors import BadRegistration
from consent.ids import canonical_json
from consent.texts import storable
from vault.base64url import b64url, unb64url
from vault.signing.public_keys import sound_ed25519, sound_p256
from vault.signing.signatures import verify, verify_es256

ALGORITHMS = ("ES256", "Ed25519")
MOST_KEYS = 16
_LONGEST_KID = 128
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_KINDS = {("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "Ed25519"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """One key; `y` is empty for Ed25519, `thumbprint` is RFC 7638's, `kid` is the owner's name for it."""

    algorithm: str
    x: bytes
    y: bytes
    kid: str | None
    thumbprint: str

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's over `message`."""
        if self.algorithm == "ES256":
            return verify_es256(self.x, self.y, message, signature)
        return verify(self.x, message, signature)

    def jwk(self) -> dict[str, str]:
        """The key as a JWK, with the members that say which key it is and what it is called."""
        named = {} if self.kid is None else {"kid": self.kid}
        return {**_thumbed(self.algorithm, self.x, self.y), **named}


def key_set(given: Mapping[str, Any] | str, *, fetched: bool = False) -> tuple[PublicKey, ...]:
    """The usable keys of a JWK set, at least one; `fetched` sets may hold keys that are no concern of ours."""
    raw = [jwk for jwk in listed(given) if not marked_for_encryption(jwk)]
    keys = tuple(_key(jwk) for jwk in raw if not fetched or _is_ours(jwk))
    if not keys:
        raise BadRegistration("jwks holds a key of P-256 or Ed25519")
    names = [key.kid for key in keys if key.kid is not None]
    if len({key.thumbprint for key in keys}) < len(keys) or len(set(names)) < len(names):
        raise BadRegistration("jwks holds a key or a kid twice")
    return keys


def meant(keys: Iterable[PublicKey], kid: str | None, algorithm: str) -> list[PublicKey]:
    """The keys a header speaks of: by `kid` when it has one, and never for another algorithm than the key's own."""
    return [key for key in keys if key.algorithm == algorithm and kid in {None, key.kid}]


class Key(Protocol):
    """A key of either use."""

    def jwk(self) -> dict[str, str]:
        """Its JWK, as it is stored."""
        ...


def jwks_json(keys: Iterable[Key]) -> str:
    """The stored form of a set."""
    return canonical_json({"keys": [key.jwk() for key in keys]})


@lru_cache(maxsize=1024)
def stored_keys(text: str) -> tuple[PublicKey, ...]:
    """Back from the stored form, which was checked when it was written."""
    return tuple(_built(jwk) for jwk in json.loads(text)["keys"] if not marked_for_encryption(jwk))


def marked_for_encryption(jwk: Mapping[str, Any]) -> bool:
    """Whether its owner says that a key is to encrypt to, and not to verify with."""
    return jwk.get("use") == "enc"


def listed(given: Mapping[str, Any] | str) -> list[Mapping[str, Any]]:
    """The keys of a set, whatever they are for, each a JWK and none of them private; raises BadRegistration."""
    try:
        jwks: Any = json.loads(given) if isinstance(given, str) else given
    except (ValueError, RecursionError):
        raise BadRegistration("jwks is not JSON") from None
    keys = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(keys, list) or not 1 <= len(keys) <= MOST_KEYS:
        raise BadRegistration(f"jwks holds between 1 and {MOST_KEYS} keys")
    for jwk in keys:
        if not isinstance(jwk, dict) or not isinstance(jwk.get("kty"), str):
            raise BadRegistration("every key is a JWK")
        if _PRIVATE & jwk.keys() or jwk["kty"] == "oct":
            raise BadRegistration("only public keys: a private key was sent")
    return keys


def _is_ours(jwk: Mapping[str, Any]) -> bool:
    """Whether a key of a set that serves others too is for signatures of ours."""
    algorithm = _algorithm(jwk)
    return (
        algorithm is not None
        and jwk.get("use", "sig") == "sig"
        and jwk.get("alg", algorithm) == algorithm
        and "verify" in _operations(jwk)
    )


def _key(jwk: Mapping[str, Any]) -> PublicKey:
    if not _is_ours(jwk):
        raise BadRegistration("a key is of P-256 (ES256) or Ed25519, and for signatures")
    try:
        return _built(jwk)
    except (KeyError, ValueError):
        raise BadRegistration("a key is no point of its curve, or one that anybody could sign for") from None


def _built(jwk: Mapping[str, Any]) -> PublicKey:
    algorithm, kid = _algorithm(jwk), jwk.get("kid")
    x, y = unb64url(jwk["x"]), unb64url(jwk["y"]) if algorithm == "ES256" else b""
    if algorithm is None or not (sound_p256(x, y) if y else sound_ed25519(x)):
        raise ValueError("not a sound key")
    name = None if kid is None else sound_kid(kid)
    thumbprint = thumbprint_of(_thumbed(algorithm, x, y))
    return PublicKey(algorithm=algorithm, x=x, y=y, kid=name, thumbprint=thumbprint)


def sound_kid(kid: object) -> str:
    """A name that can be stored and shown; raises BadRegistration."""
    if isinstance(kid, str) and 0 < len(kid) <= _LONGEST_KID and storable(kid):
        return kid
    raise BadRegistration(f"a kid has between 1 and {_LONGEST_KID} printable characters")


def thumbprint_of(members: Mapping[str, str]) -> str:
    """RFC 7638 §3: the required members only, in order, without spaces: just what canonical JSON writes."""
    return b64url(hashlib.sha256(canonical_json(members).encode()).digest())


def _algorithm(jwk: Mapping[str, Any]) -> str | None:
    kind = jwk.get("kty"), jwk.get("crv")
    return next((name for known, name in _KINDS.items() if known == kind), None)


def _operations(jwk: Mapping[str, Any]) -> Sequence[Any]:
    found = jwk.get("key_ops", ["verify"])
    return found if isinstance(found, list) else ()


def _thumbed(algorithm: str, x: bytes, y: bytes) -> dict[str, str]:
    if algorithm == "ES256":
        return {"crv": "P-256", "kty": "EC", "x": b64url(x), "y": b64url(y)}
    return {"crv": "Ed25519", "kty": "OKP", "x": b64url(x)}
