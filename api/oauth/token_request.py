"""What a handler of the token endpoint is given and what it answers; one small handler per `grant_type`.

A handler runs inside the transaction that has just spent the caller's assertion and proof, takes its own locks
there in the usual order and enters into a ledger last, so that no ledger head is held for longer than an append.
It returns a refusal, so that what it counted stays on record; what it raises leaves only that they are spent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from api.oauth.clients import Caller
from api.oauth.errors import OAuthRefused
from api.wiring import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A form of an authenticated client, inside an open transaction, at `now_ms` (Unix milliseconds)."""

    services: Services
    conn: Connection
    caller: Caller
    form: Mapping[str, str]
    now_ms: int

    @property
    def jkt(self) -> str:
        """The thumbprint of the key that whatever is issued must be bound to; raises OAuthRefused without a proof."""
        if self.caller.proof is None:
            raise OAuthRefused(400, "invalid_dpop_proof", "proof.missing")
        return self.caller.proof.jkt


type TokenAnswer = Mapping[str, Any]
"""The members of RFC 6749 §5.1."""

type Handler = Callable[[TokenRequest], TokenAnswer | OAuthRefused]
