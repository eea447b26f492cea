"""A local server of the transit engine's documented HTTP API, for tests: not Vault, not OpenBao, and no security.

What it keeps to, from the public API pages and the behaviour of the open-source engine:

 - POST /v1/<mount>/keys/<name>            makes a key (type aes256-gcm96) unless it is there; answers its description
 - GET  /v1/<mount>/keys/<name>            its description, or 404 with an empty list of errors
 - POST /v1/<mount>/keys/<name>/config     min_decryption_version
 - POST /v1/<mount>/keys/<name>/rotate     a new version
 - POST /v1/<mount>/encrypt/<name>         plaintext, associated_data (both base64) -> ciphertext, key_version
 - POST /v1/<mount>/decrypt/<name>         ciphertext, associated_data -> plaintext
 - ciphertext is vault:v<version>:base64(nonce 12 ‖ AES-256-GCM), the associated data really authenticated
 - X-Vault-Token is required and limited to paths; X-Vault-Namespace chooses a space of its own
 - errors are {"errors": [...]}: 403 permission denied, 400 for what the caller got wrong, 503 while sealed
"""

import base64
import binascii
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.vault.providers.local_server import Quiet, serving


class Refusal(Exception):
    def __init__(self, status: int, *errors: str) -> None:
        super().__init__(status, errors)
        self.status, self.errors = status, errors


@dataclass
class NamedKey:
    versions: list[bytes] = field(default_factory=lambda: [secrets.token_bytes(32)])
    min_decryption_version: int = 1

    def describe(self, name: str) -> dict:
        return {
            "name": name,
            "type": "aes256-gcm96",
            "latest_version": len(self.versions),
            "min_decryption_version": self.min_decryption_version,
            "min_encryption_version": 0,
            "exportable": False,
            "keys": {str(at): 0 for at in range(1, len(self.versions) + 1)},
        }


@dataclass
class Engine:
    """The server's state, which tests look at and change. `tokens` maps a token to the operations it may do."""

    tokens: dict[str, set[str]]
    mount: str = "transit"
    keys: dict[tuple[str, str], NamedKey] = field(default_factory=dict)
    sealed: bool = False
    knows_associated_data: bool = True
    hang_ups: int = 0
    forced: tuple[int, bytes] | None = None
    requests: list[tuple[str, dict]] = field(default_factory=list)
    port: int = 0

    def handle(self, method: str, path: str, headers, body: dict) -> dict | None:
        if self.sealed:
            raise Refusal(503, "Vault is sealed")
        head = f"/v1/{self.mount}/"
        if not path.startswith(head):
            raise Refusal(404, f"no handler for route {path!r}. route entry not found.")
        operation, name, *rest = [*path.removeprefix(head).split("/"), ""]
        verb = f"{operation}/{rest[0]}".rstrip("/")
        if verb not in self.tokens.get(headers.get("X-Vault-Token", ""), set()):
            raise Refusal(403, "1 error occurred:\n\t* permission denied\n\n")
        place = (headers.get("X-Vault-Namespace", ""), name)
        if verb == "keys" and method == "POST":
            self.keys.setdefault(place, NamedKey())
        key = self.keys.get(place)
        if verb == "keys":
            if key is None:
                raise Refusal(404)
            return key.describe(name)
        if key is None:
            raise Refusal(400, "key not found" if operation == "keys" else "encryption key not found")
        return getattr(self, f"_{verb.replace('/', '_')}")(key, name, body)

    def _keys_rotate(self, key: NamedKey, name: str, _body: dict) -> dict:
        key.versions.append(secrets.token_bytes(32))
        return key.describe(name)

    def _keys_config(self, key: NamedKey, name: str, body: dict) -> dict:
        key.min_decryption_version = body["min_decryption_version"]
        return key.describe(name)

    def _encrypt(self, key: NamedKey, _name: str, body: dict) -> dict:
        if not body.get("plaintext"):
            raise Refusal(400, "missing plaintext to encrypt")
        nonce, version = secrets.token_bytes(12), len(key.versions)
        sealed = AESGCM(key.versions[-1]).encrypt(nonce, decoded(body["plaintext"]), self._bound(body))
        text = base64.b64encode(nonce + sealed).decode()
        return {"ciphertext": f"vault:v{version}:{text}", "key_version": version}

    def _decrypt(self, key: NamedKey, _name: str, body: dict) -> dict:
        ciphertext = body.get("ciphertext")
        if not ciphertext:
            raise Refusal(400, "missing ciphertext to decrypt")
        if not ciphertext.startswith("vault:v"):
            raise Refusal(400, "invalid ciphertext: no prefix")
        version, _, text = ciphertext.removeprefix("vault:v").partition(":")
        if not version.isdigit():
            raise Refusal(400, "invalid ciphertext: version number could not be decoded")
        if int(version) > len(key.versions):
            raise Refusal(400, "invalid ciphertext: version is too new")
        if int(version) < key.min_decryption_version:
            raise Refusal(400, "ciphertext or signature version is disallowed by policy (too old)")
        raw = decoded(text)
        try:
            plain = AESGCM(key.versions[int(version) - 1]).decrypt(raw[:12], raw[12:], self._bound(body))
        except (InvalidTag, ValueError):
            raise Refusal(400, "cipher: message authentication failed") from None
        return {"plaintext": base64.b64encode(plain).decode()}

    def _bound(self, body: dict) -> bytes:
        return decoded(body.get("associated_data", "")) if self.knows_associated_data else b""


def decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Refusal(400, "illegal base64 data at input byte 0") from None


@contextmanager
def transit_server(engine: Engine, *, tls=None) -> Iterator[Engine]:
    """Serve `engine` on this machine; its `port` is set."""

    class Handler(Quiet):
        def _do(self) -> None:
            raw = self.body()
            body = json.loads(raw) if raw else {}
            engine.requests.append((self.path, body))
            if engine.hang_ups:
                engine.hang_ups -= 1
                self.hang_up()
                return
            if engine.forced is not None:
                self.answer(*engine.forced)
                return
            try:
                data = engine.handle(self.command, self.path, self.headers, body)
                envelope = {"request_id": "0", "lease_id": "", "renewable": False, "lease_duration": 0}
                self.answer(
                    200, json.dumps({**envelope, "data": data, "warnings": None, "auth": None}).encode()
                )
            except Refusal as refusal:
                self.answer(refusal.status, json.dumps({"errors": list(refusal.errors)}).encode())

    Handler.do_GET = Handler.do_POST = Handler._do
    with serving(Handler, tls=tls) as port:
        engine.port = port
        yield engine
