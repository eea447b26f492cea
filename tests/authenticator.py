"""An authenticator in software: it makes credentials with attestation "none" and signs, rightly or bent.

What it answers is what a browser would put into the form, so tests speak to the server as the page's script does.
"""

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """One credential of one person at one site."""

    origin: str
    rp_id: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    handle: bytes = b""
    count: int = 0
    counts: bool = True

    def create(self, options: str | dict[str, Any], **bent: Any) -> str:
        """The answer to `navigator.credentials.create`."""
        asked = json.loads(options) if isinstance(options, str) else options
        self.handle = unb64(asked["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        attested = bytes(16) + len(self.credential_id).to_bytes(2) + self.credential_id + cbor2.dumps(cose)
        data = self._data(bent, ATTESTED) + attested
        made = cbor2.dumps({"fmt": bent.get("fmt", "none"), "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", asked["challenge"], bent)
        return self._answer({"clientDataJSON": b64(client), "attestationObject": b64(made)})

    def get(self, options: str | dict[str, Any], **bent: Any) -> str:
        """The answer to `navigator.credentials.get`."""
        asked = json.loads(options) if isinstance(options, str) else options
        self.count += 1 if self.counts else 0
        data = self._data(bent, 0)
        client = self._client("webauthn.get", asked["challenge"], bent)
        signed = data + hashlib.sha256(client).digest()
        signature = bent.get("key", self.key).sign(signed, ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": b64(client),
            "authenticatorData": b64(bent.get("data", data)),
            "signature": b64(signature),
            "userHandle": b64(bent.get("handle", self.handle)),
        }
        return self._answer({name: text for name, text in response.items() if text})

    def _data(self, bent: dict[str, Any], more: int) -> bytes:
        rp_id = bent.get("rp_id", self.rp_id)
        flags = bent.get("flags", PRESENT | VERIFIED) | more
        return (
            hashlib.sha256(rp_id.encode()).digest()
            + bytes([flags])
            + bent.get("count", self.count).to_bytes(4)
        )

    def _client(self, kind: str, challenge: str, bent: dict[str, Any]) -> bytes:
        data = {
            "type": bent.get("type", kind),
            "challenge": bent.get("challenge", challenge),
            "origin": bent.get("origin", self.origin),
            "crossOrigin": bent.get("cross_origin", False),
        }
        return json.dumps(data).encode()

    def _answer(self, response: dict[str, str]) -> str:
        name = b64(self.credential_id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})
