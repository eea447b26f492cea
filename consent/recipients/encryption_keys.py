"""Keys of recipients that their answers are encrypted to: those of a JWK set that are marked `"use": "enc"`.

P-256 and X25519, for ECDH-ES+A256KW. RSA is refused: its padding has been broken once too often, and there are no
clients here from before. Each has a `kid`, by which the recipient asks for it, and none is a signing key as well: a key
has one use (NIST SP 800-57 part 1, 5.2). In a fetched set keys of other kinds are passed over, as ever.

* `whole_set(given, *, fetched=False)`: the signing keys of a set and these, no key and no `kid` twice; raises BadRegistration.
* `stored_encryption_keys(text)`: back from the data base.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from consent.errors import BadRegistration
from consent.recipients.key_sets import (
    PublicKey,
    key_set,
    listed,
    marked_for_encryption,
    sound_kid,
    thumbprint_of,
)
from vault.base64url import unb64url
from vault.sealing.jwe import ALGORITHM, AgreementKey, sound_x25519
from vault.signing.public_keys import sound_p256

_KINDS: Final = (("EC", "P-256"), ("OKP", "X25519"))
_AGREES: Final = frozenset({"deriveKey", "deriveBits"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptionKey:
    """One key; `members` are the required ones of its JWK, `thumbprint` is RFC 7638's, `kid` the owner's name for it."""

    members: Mapping[str, str]
    kid: str
    thumbprint: str

    @property
    def agreement(self) -> AgreementKey:
        """The key as the vault encrypts to it."""
        return AgreementKey(unb64url(self.members["x"]), unb64url(self.members.get("y", "")))

    def jwk(self) -> dict[str, str]:
        """The key as a JWK, with what it is for and what it is called."""
        return {**self.members, "kid": self.kid, "use": "enc"}


def whole_set(
    given: Mapping[str, Any] | str, *, fetched: bool = False
) -> tuple[PublicKey | EncryptionKey, ...]:
    """Every usable key of a set, those for signatures first; see the module."""
    keys: tuple[PublicKey | EncryptionKey, ...] = key_set(given, fetched=fetched)
    for jwk in filter(marked_for_encryption, listed(given)):
        try:
            keys += (_another(jwk, keys),)
        except BadRegistration:
            # A recipient that publishes a key we cannot encrypt to can go on signing.
            if not fetched:
                raise
    return keys


@lru_cache(maxsize=1024)
def stored_encryption_keys(text: str) -> tuple[EncryptionKey, ...]:
    """Back from the stored form, which was checked when it was written."""
    return tuple(_built(jwk) for jwk in json.loads(text)["keys"] if marked_for_encryption(jwk))


def _another(jwk: Mapping[str, Any], before: Sequence[PublicKey | EncryptionKey]) -> EncryptionKey:
    key = _key(jwk)
    if any(one.thumbprint == key.thumbprint or one.kid == key.kid for one in before):
        raise BadRegistration("jwks holds a key or a kid twice")
    return key


def _is_ours(jwk: Mapping[str, Any]) -> bool:
    operations = jwk.get("key_ops", ["deriveKey"])
    return (
        # Compared, not looked up: what a stranger sends may be a list.
        any((jwk.get("kty"), jwk.get("crv")) == kind for kind in _KINDS)
        and jwk.get("alg", ALGORITHM) == ALGORITHM
        and isinstance(operations, list)
        and any(name in operations for name in _AGREES)
        and jwk.get("kid") is not None
    )


def _key(jwk: Mapping[str, Any]) -> EncryptionKey:
    if not _is_ours(jwk):
        raise BadRegistration(f"a key to encrypt to is of P-256 or X25519, for {ALGORITHM}, and has a kid")
    try:
        key = _built(jwk)
        x, y = key.agreement.x, key.agreement.y
        if sound_p256(x, y) if "y" in key.members else sound_x25519(x):
            return key
    except (KeyError, ValueError):
        pass
    raise BadRegistration("a key to encrypt to is no point of its curve, or one that everybody can open")


def _built(jwk: Mapping[str, Any]) -> EncryptionKey:
    names = ("crv", "kty", "x", "y") if jwk["kty"] == "EC" else ("crv", "kty", "x")
    members = {name: jwk[name] for name in names}
    return EncryptionKey(members=members, kid=sound_kid(jwk["kid"]), thumbprint=thumbprint_of(members))
