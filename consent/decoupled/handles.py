"""Handles: under which name a recipient may ask a person directly, once the person lets it.

A handle is the person's pairwise name for this recipient, so no two recipients can join what they know by it. It
leads to nobody until the person has allowed this recipient to ask, and to nobody again once they stop it. Whoever
asks cannot tell a handle that leads nowhere from one that does.

* `allow(conn, vault, consumer, recipient_id, now_ms) -> str`; `stop(conn, vault, consumer, recipient_id, now_ms)`
* `allowed(conn, vault, consumer, recipient_ids) -> dict[recipient, handle]`
* `named(conn, vault, recipient_id, hint) -> Target`
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from consent.accounts.keys import Consumer
from consent.ids import RecipientId
from consent.recipients.pairwise import pairwise
from consent.schema.backchannel_tables import ask_handle
from vault.ids import Bucket, SubjectId, bucket_of_hash
from vault.opening import Vault
from vault.storage.database import Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom a hint means: `subject` None for nobody; `hint_hash` and `bucket` there are always."""

    hint_hash: bytes
    bucket: Bucket
    subject: SubjectId | None


def handle(vault: Vault, recipient_id: str, consumer: Consumer) -> str:
    """The person's name for this recipient, which an introspection calls `sub`."""
    return pairwise(vault, recipient_id, consumer.subject)


def allow(conn: Connection, vault: Vault, consumer: Consumer, recipient_id: RecipientId, now_ms: int) -> str:
    """Let this recipient ask this person directly; returns the handle to give it."""
    text = handle(vault, recipient_id, consumer)
    digest = _digest(vault, recipient_id, text)
    dialect = sqlite if conn.dialect.name == Dialect.SQLITE else postgresql
    row = dialect.insert(ask_handle).values(
        bucket=bucket_of_hash(digest, vault.installation.buckets),
        hash=digest,
        person_bucket=consumer.bucket,
        subject=consumer.subject,
        recipient_id=recipient_id,
        allowed_at=now_ms,
    )
    again = {"allowed_at": now_ms, "ended_at": None}
    conn.execute(row.on_conflict_do_update(index_elements=["bucket", "hash"], set_=again))
    return text


def stop(conn: Connection, vault: Vault, consumer: Consumer, recipient_id: RecipientId, now_ms: int) -> None:
    """From now on the handle leads to nobody; also for requests that are waiting."""
    digest = _digest(vault, recipient_id, handle(vault, recipient_id, consumer))
    conn.execute(update(ask_handle).where(*_own(vault, digest)).values(ended_at=now_ms))


def allowed(
    conn: Connection, vault: Vault, consumer: Consumer, recipient_ids: Iterable[RecipientId]
) -> dict[RecipientId, str]:
    """Which of these recipients may ask this person, and by which handle."""
    texts = {recipient: handle(vault, recipient, consumer) for recipient in recipient_ids}
    return {
        recipient: text
        for recipient, text in texts.items()
        if named(conn, vault, recipient, text).subject is not None
    }


def named(conn: Connection, vault: Vault, recipient_id: str, hint: str) -> Target:
    """Whom `hint` means when this recipient says it; the same statement for whoever there is not."""
    digest = _digest(vault, recipient_id, hint)
    row = conn.execute(
        select(ask_handle.c.person_bucket, ask_handle.c.subject).where(
            *_own(vault, digest), ask_handle.c.ended_at.is_(None)
        )
    ).one_or_none()
    if row is None:
        nowhere = bucket_of_hash(digest[::-1], vault.installation.buckets)
        return Target(hint_hash=digest, bucket=nowhere, subject=None)
    return Target(hint_hash=digest, bucket=Bucket(row.person_bucket), subject=SubjectId(row.subject))


def leads_somewhere(conn: Connection, vault: Vault, hint_hash: bytes) -> bool:
    """Whether the person still lets the recipient ask by the hint of this digest."""
    alive = select(ask_handle.c.subject).where(*_own(vault, hint_hash), ask_handle.c.ended_at.is_(None))
    return conn.execute(alive).one_or_none() is not None


def _digest(vault: Vault, recipient_id: str, hint: str) -> bytes:
    key = vault.keyring.service_key("id")
    return hmac.digest(key, f"login hint\0{recipient_id}\0{hint}".encode(), hashlib.sha256)


def _own(vault: Vault, digest: bytes) -> tuple[Any, Any]:
    bucket = bucket_of_hash(digest, vault.installation.buckets)
    return ask_handle.c.bucket == bucket, ask_handle.c.hash == digest
