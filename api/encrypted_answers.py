"""Answers that only the recipient can open: the key it names is found before its use is spent, and used after (ADR 0055).

* `key_named(services, request, kid) -> EncryptionKey | None`: None for who will be denied anyway; raises Problem for a
  key that is not among the client's, which spends nothing.
* `encrypted(values, key) -> str`: a compact JWE of the values as JSON, other bytes every time.
"""

from collections.abc import Mapping

import msgspec
from litestar.concurrency import sync_to_thread

from api.edge.problems import Problem
from api.wiring import Services
from consent.recipients.encryption_keys import EncryptionKey
from consent.recipients.fetched_keys import trusted
from consent.redemption.answered_to import answered_to
from consent.redemption.redeem import RedeemRequest
from vault.sealing.jwe import encrypt


async def key_named(services: Services, request: RedeemRequest, kid: str) -> EncryptionKey | None:
    """The key that the client a token was given to calls `kid`; see the module."""
    return await sync_to_thread(_key_named, services, request, kid)


def encrypted(values: Mapping[str, str], key: EncryptionKey) -> str:
    """What stands in the place of the values."""
    return encrypt(key.agreement, key.kid, msgspec.json.encode(values))


def _key_named(services: Services, request: RedeemRequest, kid: str) -> EncryptionKey | None:
    now_ms, data = services.clock(), services.vault.data
    with data.glance() as conn:
        client = answered_to(conn, request)
    if client is None or client.suspended:
        return None
    client = services.client_keys.renewed(data, services.settings.guard, client, kid, now_ms)
    if trusted(client, now_ms):
        for key in client.encryption_keys:
            if key.kid == kid:
                return key
    raise Problem(400, "unknown_encryption_key")
