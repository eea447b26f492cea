"""Consents to the operator's own house, spent by its staff: each read is a use with its row, number and entry.

The house is a recipient of kind `staff`. It asks people like everybody else, and holds no tokens: a use of its grants
is written by the read of a member of staff, together with it, and by nothing else.

`spend_grant(conn, vault, subject, fields, now_ms) -> Spent | None` locks a grant that is good for these fields;
`Spent.write(conn, vault, key) -> Item` writes the use and answers its ledger entry, to be appended.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from consent.ids import DisclosureId, GrantId, UseId, fields_json, fields_of, grant_text
from consent.ledger.append import Item
from consent.ledger.entries.entry import Kind
from consent.ledgering import access_fields, entry_item
from consent.recipients.registering import RecipientKind
from consent.schema.grant_states import GrantState
from consent.schema.tables import client, consent_grant, disclosure, recipient, use
from consent.tokens.minting import locked_grant
from vault.ids import Bucket, SubjectId, bucket_for, new_id
from vault.keys.keyring import SubjectKey
from vault.opening import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """One use of a grant whose row is locked, not written yet."""

    grant: Any
    grant_id: GrantId
    use_id: UseId
    fields: tuple[str, ...]
    now_ms: int

    def write(self, conn: Connection, vault: Vault, key: SubjectKey) -> Item:
        """Write the use, of one slot, and its disclosure; the data base counts both (`spending`)."""
        grant, bucket = self.grant, Bucket(self.grant.bucket)
        shared = {"bucket": bucket, "grant_id": grant.id, "recipient_id": grant.recipient_id}
        conn.execute(
            insert(use).values(
                **shared,
                id=self.use_id,
                client_id=grant.client_id,
                fields=fields_json(self.fields),
                quota=1,
                spent=0,
                minted_at=self.now_ms,
            )
        )
        made = DisclosureId(new_id(bucket, self.now_ms))
        said = access_fields(
            recipient=grant.recipient_id,
            purpose=grant.purpose,
            fields=self.fields,
            grant=grant_text(self.grant_id),
        )
        item = entry_item(vault, Kind.ACCESS, key, (bucket, key.subject, made, said), self.now_ms)
        conn.execute(
            insert(disclosure).values(
                **shared,
                id=made,
                use_id=self.use_id,
                slot=1,
                number=grant.used + 1,
                subject=grant.subject,
                purpose=grant.purpose,
                fields=fields_json(self.fields),
                committed_at=self.now_ms,
                ledger_year=item.year,
            )
        )
        return item


def spend_grant(
    conn: Connection, vault: Vault, subject: SubjectId, fields: tuple[str, ...], now_ms: int
) -> Spent | None:
    """The newest consent of this person to the house that is good for these fields now, locked; None without one."""
    bucket, g = bucket_for(subject, vault.installation.buckets), consent_grant.c
    ours = (
        select(g.id, g.fields)
        .join(recipient, recipient.c.id == g.recipient_id)
        .join(client, client.c.client_id == g.client_id)
        .where(g.bucket == bucket, g.subject == subject, g.state == GrantState.ACTIVE.value)
        .where(recipient.c.kind == RecipientKind.STAFF.value, g.window_from <= now_ms, g.window_to > now_ms)
        .where(recipient.c.suspended_at.is_(None), client.c.suspended_at.is_(None))
        .order_by(g.decided_at.desc(), g.id.desc())
    )
    for row in conn.execute(ours).all():
        if not set(fields) <= set(fields_of(row.fields)):
            continue
        grant = locked_grant(conn, bucket, row.id)
        if (
            grant.state == GrantState.ACTIVE
        ):  # it may have ended, or been used up, while this waited for its lock
            use_id = UseId(new_id(bucket, now_ms))
            return Spent(grant=grant, grant_id=GrantId(grant.id), use_id=use_id, fields=fields, now_ms=now_ms)
    return None
