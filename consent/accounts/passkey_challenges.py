"""Challenges for passkeys: made without a row, good for five minutes, for one browser and one ceremony, once.

Whoever asks for the page of a ceremony writes nothing; what is remembered is that a challenge was used (`replay`).

| offset | length | meaning                                                        |
|--------|--------|----------------------------------------------------------------|
| 0      | 16     | random                                                         |
| 16     | 6      | until when it is good, Unix milliseconds, BE                   |
| 22     | 32     | HMAC-SHA-256 over ceremony, the browser's secret and the above |
"""

import hmac
import secrets
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from consent.signing.replay import remember
from vault.opening import Vault

LIFETIME_MS: Final = 300_000
_BODY, _WHOLE = 22, 54
_KIND = "passkey"


class Ceremony(StrEnum):
    """What a challenge is for."""

    REGISTER = "register"
    SIGN_IN = "sign_in"


def new_challenge(vault: Vault, ceremony: Ceremony, binding: str, now_ms: int) -> bytes:
    """A challenge for the browser whose secret is `binding`."""
    body = secrets.token_bytes(16) + (now_ms + LIFETIME_MS).to_bytes(6)
    return body + _mac(vault, ceremony, binding, body)


def use_challenge(
    conn: Connection, vault: Vault, ceremony: Ceremony, challenge: bytes, binding: str, now_ms: int
) -> bool:
    """Use a challenge up: False when it is none of ours, another browser's, too old, or used before."""
    body, mac = challenge[:_BODY], challenge[_BODY:]
    if len(challenge) != _WHOLE or not hmac.compare_digest(mac, _mac(vault, ceremony, binding, body)):
        return False
    until = int.from_bytes(body[16:])
    return now_ms < until and remember(conn, vault.installation.buckets, _KIND, challenge, until)


def _mac(vault: Vault, ceremony: Ceremony, binding: str, body: bytes) -> bytes:
    text = f"perusal passkey v1\0{ceremony.value}\0".encode() + body + binding.encode()
    return hmac.digest(vault.keyring.service_key("code"), text, "sha256")
