"""Records of a file that wait to be compared: sealed like the file they come from, one by one.

| offset | length | meaning                                              |
|--------|--------|------------------------------------------------------|
| 0      | 1      | version, 1                                           |
| 1      | 12     | nonce                                                |
| 13     | n + 16 | JSON object of values by field, by AES-256-GCM       |

Sealed with "lk1/held" and the place the caller names. The key is HMAC-SHA-256(quarantine key, "lk1/held").
"""

import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.permit import ServiceKeys
from vault.sealing.sealed import Unopenable

_LABEL: Final = b"lk1/held"
_VERSION: Final = b"\x01"
_NONCE: Final = 12


class HeldRecords:
    """Seals and opens records of files."""

    def __init__(self, keys: ServiceKeys) -> None:
        self._cipher = AESGCM(hmac.digest(keys.service_key("quarantine"), _LABEL, "sha256"))

    def seal(self, place: bytes, record: Mapping[str, str]) -> bytes:
        """The sealed form of a record that will be looked for at `place`."""
        nonce = secrets.token_bytes(_NONCE)
        whole = json.dumps(record, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return _VERSION + nonce + self._cipher.encrypt(nonce, whole, _LABEL + place)

    def open(self, place: bytes, blob: bytes) -> dict[str, str]:
        """The record sealed for `place`; raises Unopenable."""
        if blob[:1] != _VERSION:
            raise Unopenable("this record does not open")
        try:
            whole = self._cipher.decrypt(blob[1 : 1 + _NONCE], blob[1 + _NONCE :], _LABEL + place)
        except InvalidTag:
            raise Unopenable("this record does not open") from None
        return dict(json.loads(whole.decode("utf-8", "surrogatepass")))
