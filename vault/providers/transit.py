"""The root key inside a HashiCorp-compatible transit engine, over its HTTP API (vault.md §6.8).

One named key of the engine per installation; its versions are the root's. Our context goes as associated data,
and its digest into the plaintext as well: a server that does not know associated data would drop it silently.
A wrapped key:

| offset | length | meaning                                                                     |
|--------|--------|-----------------------------------------------------------------------------|
| 0      | 1      | version 1                                                                   |
| 1      | n      | the engine's ciphertext in ASCII, `vault:v<root version>:<base64>`, of the  |
|        |        | key 32 ‖ SHA-256(version ‖ context) 32, under version ‖ context             |
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping

from vault.providers.base import Health, ProviderDown, ProviderRefused, try_out
from vault.providers.transit_http import Answer, TransitHttp
from vault.sealing.sealed import KEY_BYTES, Unopenable

_VERSION = b"\x01"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_CIPHERTEXT = re.compile(r"vault:(v[1-9][0-9]{0,8}):[A-Za-z0-9+/]{40,1000}={0,2}")
# What the engine says with status 400 when an operator must act; any other 400 on decryption is about the bytes.
_OPERATOR = (
    "not found",
    "disallowed by policy",
    "not supported",
    "permission",
    "soft-deleted",
    "unsupported path",
)


class TransitProvider:
    """Wraps tenant keys under the engine's key `key`; `http` knows the server, the engine's place and the token.

    The token needs "update" on `encrypt/<key>` and `decrypt/<key>`, and on `keys/<key>` and `keys/<key>/rotate` for
    whoever prepares and rotates. Do not give it "create" on `encrypt/<key>`: a mistyped name would become a new
    key. Raises ValueError for a name that is none.
    """

    name = "transit"

    def __init__(self, http: TransitHttp, key: str) -> None:
        if not _NAME.fullmatch(key):
            raise ValueError("key must be a name of letters, digits, dot, hyphen and underscore")
        self._http, self._key = http, key

    def wrap(self, key: bytes, context: bytes) -> bytes:
        bound = _VERSION + context
        answer = self._http.post(
            f"encrypt/{self._key}",
            {"plaintext": _text(key + hashlib.sha256(bound).digest()), "associated_data": _text(bound)},
        )
        ciphertext = _taken(answer).get("ciphertext")
        if not isinstance(ciphertext, str) or not _CIPHERTEXT.fullmatch(ciphertext):
            raise ProviderDown("the transit engine answered something else than a ciphertext")
        return _VERSION + ciphertext.encode()

    def unwrap(self, blob: bytes, context: bytes) -> bytes:
        bound = _VERSION + context
        answer = self._http.post(
            f"decrypt/{self._key}", {"ciphertext": _ciphertext(blob)[0], "associated_data": _text(bound)}
        )
        if answer.status == 400 and not any(word in answer.problem for word in _OPERATOR):
            raise Unopenable("this key does not unwrap")
        plaintext = _bytes(_taken(answer).get("plaintext"))
        key, digest = plaintext[:KEY_BYTES], plaintext[KEY_BYTES:]
        if not hmac.compare_digest(digest, hashlib.sha256(bound).digest()):
            raise Unopenable("this key does not unwrap")
        return key

    def version_of(self, blob: bytes) -> str:
        """The version of the engine's key, as "v7"."""
        return _ciphertext(blob)[1]

    def prepare(self) -> None:
        # The engine leaves a key alone that is there already.
        _taken(self._http.post(f"keys/{self._key}", {"type": "aes256-gcm96", "exportable": False}))

    def rotate(self) -> None:
        # Never sent twice: an answer that got lost may have made a version already.
        _taken(self._http.post(f"keys/{self._key}/rotate", {}, again=False))

    def health(self) -> Health:
        return try_out(self)

    def describe(self) -> Mapping[str, str]:
        # Asked by wrapping: reading the key's description would be one more right to give.
        newest = self.version_of(self.wrap(bytes(KEY_BYTES), b"describe"))
        return {"provider": self.name, "root": newest, "key": self._key, **self._http.describe()}


def _taken(answer: Answer) -> Mapping[str, object]:
    """The data of an answer that did what was asked; else ProviderRefused or ProviderDown by its status."""
    if answer.status in (200, 204):
        return answer.data
    if answer.status in (400, 403, 404, 405):
        raise ProviderRefused(f"the transit engine refused with status {answer.status}")
    # Sealed, standby, over quota, failing: 429, 472, 473, 5xx, and redirects to a node we were not told about.
    raise ProviderDown(f"the transit engine is not ready, status {answer.status}")


def _ciphertext(blob: bytes) -> tuple[str, str]:
    text = blob[1:].decode("ascii", "replace")
    match = _CIPHERTEXT.fullmatch(text)
    if blob[:1] != _VERSION or match is None:
        raise Unopenable("this key does not unwrap")
    return text, match[1]


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: object) -> bytes:
    try:
        return base64.b64decode(text if isinstance(text, str) else "-", validate=True)
    except (binascii.Error, ValueError):
        raise ProviderDown("the transit engine answered something else than a plaintext") from None
