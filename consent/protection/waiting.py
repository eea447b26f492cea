"""Consents that wait, or waited, for somebody trusted, as they are looked up: for both people's pages, and to be ended.

* `waiting(conn, one)`, newest first; `waited_for(conn, grant_id)`, one of them.
* `waiting_in(conn, who, scope)`: what still waits.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select

from consent.ids import GrantId, ShowingId, fields_of
from consent.protection.mode import Protection
from consent.schema.grant_states import GrantState
from consent.schema.protection_tables import deferral
from consent.schema.tables import consent_grant, recipient
from consent.withdrawal.rows import Scope
from vault.ids import Person, bucket_of


class Why(StrEnum):
    """What makes a consent wait."""

    SENSITIVE = "sensitive"
    ONWARD = "onward"
    ABROAD = "abroad"
    SUM = "sum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A consent that waits or waited; no value of the person's is in it. Times in Unix milliseconds."""

    grant_id: GrantId
    showing_id: ShowingId
    why: Why
    state: GrantState
    recipient: str
    purpose: str
    fields: tuple[str, ...]
    max_uses: int
    window_to: int
    decided_at: int
    expires_at: int

    def open_at(self, at_ms: int) -> bool:
        return self.state is GrantState.DEFERRED and at_ms < self.expires_at


def waiting(conn: Connection, one: Protection) -> list[Waiting]:
    """Every consent that waited under a protection, newest first."""
    return _listed(conn, deferral.c.bucket == one.bucket, deferral.c.protection_id == one.id)


def waited_for(conn: Connection, grant_id: GrantId) -> Waiting | None:
    """One consent that waits or waited."""
    found = _listed(conn, deferral.c.bucket == bucket_of(grant_id), deferral.c.grant_id == grant_id)
    return found[0] if found else None


def waiting_in(conn: Connection, who: Person, scope: Scope) -> list[GrantId]:
    """What of somebody's waits in `scope`, oldest first."""
    g, (bucket, subject) = consent_grant.c, who
    wanted = [g.bucket == bucket, g.subject == subject, g.state == GrantState.DEFERRED.value]
    named = ((g.id, scope.grant_id), (g.recipient_id, scope.recipient_id), (g.purpose, scope.purpose))
    wanted += [column == value for column, value in named if value is not None]
    found = conn.execute(select(g.id).where(*wanted).order_by(g.decided_at, g.id)).scalars()
    return [GrantId(one) for one in found]


def _listed(conn: Connection, *which: Any) -> list[Waiting]:
    g, d = consent_grant.c, deferral.c
    listed = (
        select(consent_grant, d.why, d.expires_at, recipient.c.legal_name)
        .join(deferral, (d.bucket == g.bucket) & (d.grant_id == g.id))
        .join(recipient, recipient.c.id == g.recipient_id)
        .where(*which)
        .order_by(g.decided_at.desc(), g.id.desc())
    )
    return [_waiting(row) for row in conn.execute(listed)]


def _waiting(row: Any) -> Waiting:
    return Waiting(
        grant_id=GrantId(row.id),
        showing_id=ShowingId(row.showing_id),
        why=Why(row.why),
        state=GrantState(row.state),
        recipient=row.legal_name,
        purpose=row.purpose,
        fields=fields_of(row.fields),
        max_uses=row.max_uses,
        window_to=row.window_to,
        decided_at=row.decided_at,
        expires_at=row.expires_at,
    )
