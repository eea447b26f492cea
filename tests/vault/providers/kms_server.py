"""A local server of the documented JSON API of a key management service, for tests: not AWS, and no security.

What it keeps to, from the public API reference:

 - POST / with X-Amz-Target: TrentService.Encrypt, TrentService.Decrypt or TrentService.DescribeKey, JSON 1.1
 - a Signature Version 4 by a known access key, recomputed here from its published steps; a wrong one is refused
 - Encrypt and Decrypt authenticate EncryptionContext; Decrypt under another KeyId is IncorrectKeyException
 - errors are {"__type": ..., "message": ...} with status 400, and 500 for the service's own
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.vault.providers.local_server import Quiet, serving

REGION, ACCOUNT = "eu-test-1", "111122223333"


class Refusal(Exception):
    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.status = code, status


@dataclass
class KeyService:
    """The server's state, which tests look at and change. `keys` maps a key's id to its material."""

    access_key: str
    secret_key: str
    keys: dict[str, bytes] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    allowed: set[str] = field(default_factory=lambda: {"Encrypt", "Decrypt", "DescribeKey"})
    failing: Refusal | None = None
    requests: list[tuple[str, dict]] = field(default_factory=list)
    port: int = 0

    def add(self, alias: str) -> str:
        """Make a key and point the alias at it; its ARN."""
        key = f"{secrets.token_hex(4)}-0000-0000-0000-{secrets.token_hex(6)}"
        self.keys[key] = secrets.token_bytes(32)
        self.aliases[alias] = key
        return arn(key)

    def handle(self, operation: str, body: dict) -> dict:
        if self.failing is not None:
            raise self.failing
        if operation not in self.allowed:
            raise Refusal("AccessDeniedException")
        if operation == "Encrypt":
            return self._encrypt(self._key(body["KeyId"]), body)
        if operation == "Decrypt":
            return self._decrypt(body)
        key = self._key(body["KeyId"])
        return {"KeyMetadata": {"KeyId": key, "Arn": arn(key), "Enabled": True, "KeyState": "Enabled"}}

    def _key(self, name: str) -> str:
        key = self.aliases.get(name, name.removeprefix(arn("")))
        if key not in self.keys:
            raise Refusal("NotFoundException")
        return key

    def _encrypt(self, key: str, body: dict) -> dict:
        nonce = secrets.token_bytes(12)
        sealed = AESGCM(self.keys[key]).encrypt(nonce, base64.b64decode(body["Plaintext"]), bound(body))
        blob = base64.b64encode(key.encode() + nonce + sealed).decode()
        return {"CiphertextBlob": blob, "KeyId": arn(key), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}

    def _decrypt(self, body: dict) -> dict:
        blob = base64.b64decode(body["CiphertextBlob"])
        key = blob[:36].decode("ascii", "replace")
        if key not in self.keys:
            raise Refusal("InvalidCiphertextException")
        if "KeyId" in body and self._key(body["KeyId"]) != key:
            raise Refusal("IncorrectKeyException")
        try:
            plain = AESGCM(self.keys[key]).decrypt(blob[36:48], blob[48:], bound(body))
        except (InvalidTag, ValueError):
            raise Refusal("InvalidCiphertextException") from None
        return {"Plaintext": base64.b64encode(plain).decode(), "KeyId": arn(key)}

    def check_signature(self, headers, raw: bytes) -> None:
        """Signature Version 4: canonical request, string to sign, derived key."""
        scheme, _, rest = headers.get("Authorization", "").partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
        if scheme != "AWS4-HMAC-SHA256" or not parts.get("Credential", "").startswith(f"{self.access_key}/"):
            raise Refusal("UnrecognizedClientException")
        scope = parts["Credential"].partition("/")[2]
        signed = parts["SignedHeaders"]
        lines = [f"{name}:{headers[name].strip()}\n" for name in signed.split(";")]
        digest = hashlib.sha256(raw).hexdigest()
        request = "\n".join(["POST", "/", "", "".join(lines), signed, digest])
        text = "\n".join([scheme, headers["X-Amz-Date"], scope, hashlib.sha256(request.encode()).hexdigest()])
        key = f"AWS4{self.secret_key}".encode()
        for part in [*scope.split("/"), text]:
            key = hmac.digest(key, part.encode(), "sha256")
        day, region, service, last = scope.split("/")
        expected = (headers["X-Amz-Date"][:8], REGION, "kms", "aws4_request")
        covered = {"host", "x-amz-date", "x-amz-target"} <= set(signed.split(";"))
        if parts["Signature"] != key.hex() or (day, region, service, last) != expected or not covered:
            raise Refusal("InvalidSignatureException")


def arn(key: str) -> str:
    return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}"


def bound(body: dict) -> bytes:
    return json.dumps(body.get("EncryptionContext", {}), sort_keys=True).encode()


@contextmanager
def kms_server(service: KeyService) -> Iterator[KeyService]:
    """Serve `service` on this machine; its `port` is set."""

    class Handler(Quiet):
        def _do(self) -> None:
            raw = self.body()
            operation = self.headers.get("X-Amz-Target", "").removeprefix("TrentService.")
            kind = "application/x-amz-json-1.1"
            try:
                service.check_signature(self.headers, raw)
                service.requests.append((operation, json.loads(raw)))
                self.answer(200, json.dumps(service.handle(operation, json.loads(raw))).encode(), kind)
            except Refusal as refusal:
                body = {"__type": refusal.code, "message": "canary-message"}
                self.answer(refusal.status, json.dumps(body).encode(), kind)

    Handler.do_POST = Handler._do
    with serving(Handler) as port:
        service.port = port
        yield service
