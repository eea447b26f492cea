"""What people are told on their own pages: a row each, shown as a banner until seen and in the history for good.

A notice says what happened in codes and ids, never in values; the page puts it into words.

* `notify(conn, told)` inside the transaction of what happened: nobody is told of what was rolled back, and
  nothing is done without telling.
* `notices_of(conn, bucket, subject)`, newest first; `mark_seen(conn, bucket, subject, now_ms)`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select, update

from consent.schema.dual_tables import person_notice
from vault.ids import Bucket, SubjectId, new_id


class NoticeKind(StrEnum):
    """What a person may be told."""

    EMERGENCY_READ = "emergency_read"
    TRUSTED_ASKED = "trusted_asked"
    TRUSTED_NEEDED = "trusted_needed"
    TRUSTED_ANSWERED = "trusted_answered"
    GUARDED_PAUSED = "guarded_paused"
    CONSENT_REVOKED = "consent_revoked"
    CONSENT_INVALIDATED = "consent_invalidated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A notice to be written; `about` holds codes, ids and lists of codes."""

    bucket: Bucket
    subject: SubjectId
    kind: NoticeKind
    about: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonNotice:
    """A notice as its person sees it; times in Unix milliseconds."""

    id: bytes
    kind: str
    about: Mapping[str, Any]
    created_at: int
    seen_at: int | None


def notify(conn: Connection, told: Sequence[Told], now_ms: int) -> None:
    """Tell these people."""
    rows = [
        {
            "bucket": one.bucket,
            "id": new_id(one.bucket, now_ms),
            "subject": one.subject,
            "kind": one.kind.value,
            "about": json.dumps(one.about, sort_keys=True),
            "created_at": now_ms,
        }
        for one in told
    ]
    if rows:
        conn.execute(insert(person_notice), rows)


def notices_of(
    conn: Connection, bucket: Bucket, subject: SubjectId, *, unseen: bool = False
) -> list[PersonNotice]:
    """Everything this person was told, newest first; only what they have not seen when `unseen`."""
    c = person_notice.c
    mine = select(person_notice).where(c.bucket == bucket, c.subject == subject)
    wanted = mine.where(c.seen_at.is_(None)) if unseen else mine
    return [
        PersonNotice(
            id=row.id,
            kind=row.kind,
            about=json.loads(row.about),
            created_at=row.created_at,
            seen_at=row.seen_at,
        )
        for row in conn.execute(wanted.order_by(c.created_at.desc(), c.id.desc()))
    ]


def mark_seen(conn: Connection, bucket: Bucket, subject: SubjectId, now_ms: int) -> int:
    """The person has seen what stood there until `now_ms`; how many notices that were."""
    c = person_notice.c
    open_ones = (c.bucket == bucket, c.subject == subject, c.seen_at.is_(None), c.created_at <= now_ms)
    return conn.execute(update(person_notice).where(*open_ones).values(seen_at=now_ms)).rowcount
