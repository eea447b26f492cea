"""Stopping a client or a whole recipient, and letting it in again: at once, everywhere, and on the record.

Whoever is suspended neither asks nor exchanges, and no token it holds redeems anything: the next redemption on
any worker reads it together with the grant (`decide`). People's grants stay as they are, so that letting
somebody in again restores exactly what was left of them. Every step is kept with its reason, and the recipient
is told both.

* `suspend(conn, name, reason, now_ms) -> bool`, `resume(...) -> bool`: False when nothing changed. `name` is a
  client's or a recipient's id. Both raise UnknownRecipient, and BadRegistration for a reason that is none.
"""

from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from consent.delivery import suspension_events
from consent.errors import BadRegistration, UnknownRecipient
from consent.ids import new_reference
from consent.schema.tables import client, recipient, suspension
from consent.texts import storable

_LONGEST_REASON = 500


def suspend(conn: Connection, name: str, reason: str, now_ms: int) -> bool:
    """Stop a client, or a recipient with all its clients."""
    return _move(conn, name, reason, now_ms, now_ms)


def resume(conn: Connection, name: str, reason: str, now_ms: int) -> bool:
    """Let it in again."""
    return _move(conn, name, reason, now_ms, None)


def _move(conn: Connection, name: str, reason: str, now_ms: int, suspended_at: int | None) -> bool:
    said = reason_of(reason)
    table, row = _found(conn, name)
    key = table.c.client_id if table is client else table.c.id
    stands = table.c.suspended_at.is_not(None) if suspended_at is None else table.c.suspended_at.is_(None)
    moved = conn.execute(update(table).where(key == name, stands).values(suspended_at=suspended_at))
    if moved.rowcount == 0:
        return False
    made = new_reference("sus", now_ms)
    conn.execute(
        insert(suspension).values(
            id=made,
            recipient_id=row.recipient_id if table is client else row.id,
            client_id=row.client_id if table is client else None,
            step="resumed" if suspended_at is None else "suspended",
            reason=said,
            at=now_ms,
        )
    )
    suspension_events.queue(conn, made, now_ms)
    return True


def reason_of(text: str) -> str:
    """Why an operator did something to a recipient, as it is kept; raises BadRegistration when it says nothing."""
    said = text.strip()
    if not said or len(said) > _LONGEST_REASON or not storable(said):
        raise BadRegistration(f"a reason is one line of up to {_LONGEST_REASON} characters")
    return said


def _found(conn: Connection, name: str) -> tuple[Table, Any]:
    if storable(name):
        for table, key in ((client, client.c.client_id), (recipient, recipient.c.id)):
            row = conn.execute(select(table).where(key == name)).one_or_none()
            if row is not None:
                return table, row
    raise UnknownRecipient("no client and no recipient is known by this id")
