"""Redemption requests for the domain verbs, each with a proof of its own unless a test says otherwise."""

import hashlib
import secrets
from collections.abc import Sequence

from consent.denials import Denied
from consent.redemption.decide import IdempotencyKey, RedeemRequest
from consent.redemption.disclose import Disclosure, disclose_many
from tests.races.town import JKT, Token
from vault.opening import Vault

PROOF_LIFE_MS = 60_000


def request_of(
    token: Token, now_ms: int, *, key: str | None = None, proof: bytes | None = None
) -> RedeemRequest:
    """A redemption of one use of `token`; `key` is an Idempotency-Key."""
    return RedeemRequest(
        token_hash=token.hash,
        bucket=token.bucket,
        jkt=JKT,
        proof=proof or secrets.token_bytes(32),
        proof_expires=now_ms + PROOF_LIFE_MS,
        idempotency=None
        if key is None
        else IdempotencyKey(key_hash=hashlib.sha256(key.encode()).digest(), request_hash=bytes(32)),
    )


def redeem_one(vault: Vault, request: RedeemRequest, now_ms: int) -> Disclosure | Denied:
    """A batch of one, as a lone caller would send it."""
    return disclose_many(vault, [request], now_ms)[0]


def given(answers: Sequence[Disclosure | Denied]) -> list[Disclosure]:
    """The answers that carry data."""
    return [answer for answer in answers if isinstance(answer, Disclosure)]
