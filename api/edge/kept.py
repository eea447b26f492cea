"""Answers to bulk requests, kept for a day so that a request repeated under its Idempotency-Key gets them again.

Each is kept, sealed, by the very transaction it is about: a repetition finds exactly what was done and tries
only the rest again. A key stands for one body of one staff key, and for one kind of request.
"""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, insert, select

from api.edge.kept_tables import kept_person
from api.edge.problems import Problem
from consent.house import house_bucket
from consent.staff_members import Staffer
from vault.ids import RecordId, SubjectId
from vault.opening import Vault
from vault.sealing.sealed import SALT_BYTES, Place, open_sealed, seal

KEPT_MS: Final = 86_400_000
_FIELD = "kept.key"
_LONGEST_KEY: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeatable:
    """An Idempotency-Key and the body it stands for, both blinded by a key of the vault; 32 bytes each."""

    key_hash: bytes
    request_hash: bytes


class Kept(NamedTuple):
    """One answer: whom it is about, and the text that is sealed."""

    subject: SubjectId
    text: str

    def __repr__(self) -> str:
        return f"Kept({self.subject.hex()})"


def repeatable(vault: Vault, staffer: Staffer, what: str, key: str | None, body: bytes) -> Repeatable | None:
    """What a repetition of a request of kind `what` is recognised by; raises Problem 400 for a malformed key."""
    if key is None:
        return None
    if not 0 < len(key) <= _LONGEST_KEY or not all("!" <= character <= "~" for character in key):
        raise Problem(400, "malformed_idempotency_key")
    secret, said = vault.keyring.service_key("id"), b"\0".join(map(str.encode, (what, staffer.name, key)))
    # A plain digest would let whoever steals the table guess the values: a body of one telephone number is soon found.
    return Repeatable(
        key_hash=hmac.digest(secret, said, "sha256"),
        request_hash=hmac.digest(secret, what.encode() + b"-body\0" + body, "sha256"),
    )


def keep(conn: Connection, vault: Vault, again: Repeatable, answers: Mapping[int, Kept], now_ms: int) -> None:
    """Keep answers by their place in the list; raises IntegrityError when one is kept there already."""
    if answers:
        rows = [_row(vault, again, at, one, now_ms) for at, one in answers.items()]
        conn.execute(insert(kept_person), rows)


def recall(vault: Vault, again: Repeatable) -> dict[int, Kept]:
    """The answers kept so far; raises Problem 422 when the key stands for another body."""
    c = kept_person.c
    mine = select(kept_person).where(c.bucket == house_bucket(vault), c.key_hash == again.key_hash)
    with vault.data.read() as conn:
        rows = conn.execute(mine).all()
    if any(row.request_hash != again.request_hash for row in rows):
        raise Problem(422, "idempotency_mismatch")
    return {row.at: _opened(vault, again, row.at, SubjectId(row.subject), row.sealed) for row in rows}


def sweep_kept(conn: Connection, now_ms: int) -> None:
    """Forget answers after a day."""
    conn.execute(delete(kept_person).where(kept_person.c.created_at <= now_ms - KEPT_MS))


def forget_kept(conn: Connection, vault: Vault, subjects: Sequence[SubjectId]) -> None:
    """Forget the answers about people whose erasure is ordered."""
    c = kept_person.c
    conn.execute(delete(kept_person).where(c.bucket == house_bucket(vault), c.subject.in_(subjects)))


def _row(vault: Vault, again: Repeatable, at: int, one: Kept, now_ms: int) -> dict[str, object]:
    salt, place = secrets.token_bytes(SALT_BYTES), _place(vault, one.subject, again, at)
    return {
        "bucket": house_bucket(vault),
        "key_hash": again.key_hash,
        "at": at,
        "request_hash": again.request_hash,
        "subject": one.subject,
        "sealed": seal(_key(vault), 1, place, one.text.encode(), salt, suite=vault.installation.suite),
        "created_at": now_ms,
    }


def _opened(vault: Vault, again: Repeatable, at: int, subject: SubjectId, sealed: bytes) -> Kept:
    return Kept(subject, open_sealed(_key(vault), _place(vault, subject, again, at), sealed).decode())


def _key(vault: Vault) -> bytes:
    return hmac.digest(vault.keyring.service_key("dual"), b"pv1/kept", "sha256")


def _place(vault: Vault, subject: SubjectId, again: Repeatable, at: int) -> Place:
    return Place(vault.installation.tenant, subject, RecordId(again.key_hash[:16]), _FIELD, 1, at)
