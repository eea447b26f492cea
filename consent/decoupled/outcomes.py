"""How a request that is polled for ended: written once, beside the request, in the transaction of the decision.

A client that wants to be pinged is pinged from this commit on.
"""

from enum import StrEnum
from typing import Self

from sqlalchemy import Connection, insert, select

from consent.decoupled import pings
from consent.ids import GrantId, RequestId
from consent.schema.decoupled_tables import request_outcome
from consent.schema.grant_states import GrantState
from consent.schema.tables import consent_request
from vault.ids import bucket_of


class Outcome(StrEnum):
    """The person's answer."""

    APPROVED = "approved"
    REFUSED = "refused"

    @classmethod
    def of(cls, state: GrantState) -> Self:
        """What the state of a grant just written says."""
        return cls.APPROVED if state is GrantState.ACTIVE else cls.REFUSED


def polled_digest(conn: Connection, request_id: RequestId) -> bytes:
    """The digest of the secret that a request is polled with; an approval makes it the code of its grant."""
    request = consent_request.c
    digest: bytes = conn.execute(
        select(request.secret_hash).where(request.bucket == bucket_of(request_id), request.id == request_id)
    ).scalar_one()
    return digest


def settle(
    conn: Connection, request_id: RequestId, outcome: Outcome, now_ms: int, *, grant: GrantId | None = None
) -> None:
    """Write the answer down; a second one breaks the key."""
    conn.execute(
        insert(request_outcome).values(
            bucket=bucket_of(request_id),
            request_id=request_id,
            outcome=outcome.value,
            grant_id=grant,
            decided_at=now_ms,
        )
    )
    pings.ring(conn, request_id, now_ms)
