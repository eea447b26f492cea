"""The members of a person's copy about those who stand for them, or look twice: what guardians did, and protected mode."""

from collections.abc import Sequence

from sqlalchemy import Connection, select, tuple_

from consent.export.rows import Document, when
from consent.ids import GrantId, grant_text
from consent.instants import instant
from consent.schema.protection_tables import protection, protection_step
from consent.withdrawal.guarded import steps
from vault.ids import Person, encode_id


def guarded_rows(conn: Connection, people: Sequence[Person]) -> list[Document]:
    """What became of these people's consents by a guardian, or for want of one."""
    return [
        {
            "permission": grant_text(grant),
            "step": step.kind.value,
            "guardian": None if step.guardian is None else encode_id("sub", step.guardian),
            "at": instant(step.at),
        }
        for who in people
        for grant, taken in steps(conn, who).items()
        for step in taken
    ]


def protection_rows(conn: Connection, people: Sequence[Person]) -> list[Document]:
    """Each protection that one of these people had or was trusted with, and every step of it."""
    p, s = protection.c, protection_step.c
    mine = tuple_(p.bucket, p.subject).in_(people) | tuple_(p.trusted_bucket, p.trusted).in_(people)
    rows = conn.execute(select(protection).where(mine).order_by(p.asked_at, p.id)).all()
    keys = [(row.bucket, row.id) for row in rows]
    taken = conn.execute(
        select(protection_step).where(tuple_(s.bucket, s.protection_id).in_(keys)).order_by(s.at, s.id)
    ).all()
    return [
        {
            "person": encode_id("sub", row.subject),
            # An address that is nobody's was kept like any other, and a name here would tell the two apart.
            "trusted": None if row.accepted_at is None else encode_id("sub", row.trusted),
            "most": row.most,
            "currency": row.currency,
            "asked_at": instant(row.asked_at),
            "accepted_at": when(row.accepted_at),
            "off_at": when(row.off_at),
            "steps": [
                {
                    "step": step.step,
                    "permission": None if step.grant_id is None else grant_text(GrantId(step.grant_id)),
                    "at": instant(step.at),
                }
                for step in taken
                if (step.bucket, step.protection_id) == (row.bucket, row.id)
            ],
        }
        for row in rows
    ]
