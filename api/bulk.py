"""Writing people in bulk for staff: an answer for each, and the same answers when the request is repeated.

Sign-in keys exist nowhere but in the answer. So that a lost answer can be asked for again under its
Idempotency-Key, each is kept for a day, sealed, in the very transaction that takes its person in: a repetition
finds exactly those who were taken in and tries only the others again. A key stands for one body of one staff key.
"""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from api.kept_tables import kept_person
from api.problems import Problem
from consent.house import house_bucket, record_in_house
from consent.keeping import Enrolled, NewPerson, Refused, enrol_people
from consent.ledger.entry import Kind
from consent.staff import Staffer
from vault.ids import RecordId, SubjectId, bucket_for
from vault.opening import Vault
from vault.sealed import SALT_BYTES, Place, open_sealed, seal

KEPT_MS: Final = 86_400_000
_FIELD = "kept.key"

type Item = tuple[NewPerson, str] | Refused
"""Somebody to take in and their language, or why the line could not be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeatable:
    """An Idempotency-Key and the body it stands for, both blinded by a key of the vault; 32 bytes each."""

    key_hash: bytes
    request_hash: bytes


def repeatable(vault: Vault, staffer: Staffer, key: str, body: bytes) -> Repeatable:
    """What a repetition is recognised by."""
    secret = vault.keyring.service_key("id")
    digest = hmac.digest(secret, b"people\0" + staffer.name.encode() + b"\0" + key.encode(), "sha256")
    # A plain digest would let whoever steals the table guess the values: a body of one telephone number is soon found.
    return Repeatable(key_hash=digest, request_hash=hmac.digest(secret, b"people-body\0" + body, "sha256"))


def write_people(
    vault: Vault, staffer: Staffer, items: Sequence[Item], again: Repeatable | None, now_ms: int
) -> list[Enrolled | Refused]:
    """One answer per item, in order; raises Problem 422 when the key stands for another body."""
    answers: dict[int, Enrolled | Refused] = dict(_kept(vault, again) if again else {})
    answers |= {at: item for at, item in enumerate(items) if isinstance(item, Refused)}
    if wanted := [(at, item) for at, item in enumerate(items) if at not in answers]:
        _record(vault, staffer, len(wanted), now_ms)
        new = [(at, *item) for at, item in wanted if not isinstance(item, Refused)]
        answers |= _take_in(vault, staffer, new, again, now_ms)
    return [answers[at] for at in range(len(items))]


def sweep_kept(conn: Connection, now_ms: int) -> None:
    """Forget answers after a day."""
    conn.execute(delete(kept_person).where(kept_person.c.created_at <= now_ms - KEPT_MS))


def forget_kept(conn: Connection, vault: Vault, subjects: Sequence[SubjectId]) -> None:
    """Forget the answers about people whose erasure is ordered."""
    c = kept_person.c
    conn.execute(delete(kept_person).where(c.bucket == house_bucket(vault), c.subject.in_(subjects)))


def _record(vault: Vault, staffer: Staffer, count: int, now_ms: int) -> None:
    """Who writes stands in the house's chain before anybody is written; each person's own entry follows."""
    said = (("step", "bulk_write"), ("staff", staffer.name), ("people", str(count)))
    record_in_house(vault, Kind.ENROL, said, now_ms)


def _take_in(
    vault: Vault,
    staffer: Staffer,
    wanted: Sequence[tuple[int, NewPerson, str]],
    again: Repeatable | None,
    now_ms: int,
) -> dict[int, Enrolled | Refused]:
    places = [at for at, _, _ in wanted]

    def keep(conn: Connection, made: Mapping[int, Enrolled]) -> None:
        if again and made:
            rows = [_row(vault, again, places[i], one, now_ms) for i, one in made.items()]
            conn.execute(insert(kept_person), rows)

    people, langs = [person for _, person, _ in wanted], [lang for _, _, lang in wanted]
    try:
        done = enrol_people(vault, people, now_ms, langs, also=keep, by=staffer.name)
    except IntegrityError:
        # The same request at the same moment was first: its answers are ours.
        done = [Refused("person_exists", "")] * len(wanted)
        if again is None or not _kept(vault, again):
            raise
    answers: dict[int, Enrolled | Refused] = dict(zip(places, done, strict=True))
    # Whoever was refused as taken may have been taken in by a repetition of this request that ran beside it.
    return answers | {at: one for at, one in (_kept(vault, again) if again else {}).items() if at in answers}


def _row(vault: Vault, again: Repeatable, at: int, one: Enrolled, now_ms: int) -> dict[str, object]:
    salt, place = secrets.token_bytes(SALT_BYTES), _place(vault, one.subject, again, at)
    return {
        "bucket": house_bucket(vault),
        "key_hash": again.key_hash,
        "at": at,
        "request_hash": again.request_hash,
        "subject": one.subject,
        "sealed": seal(_key(vault), 1, place, one.key.encode(), salt, suite=vault.installation.suite),
        "created_at": now_ms,
    }


def _kept(vault: Vault, again: Repeatable) -> dict[int, Enrolled]:
    c = kept_person.c
    mine = select(kept_person).where(c.bucket == house_bucket(vault), c.key_hash == again.key_hash)
    with vault.data.read() as conn:
        rows = conn.execute(mine).all()
    if any(row.request_hash != again.request_hash for row in rows):
        raise Problem(422, "idempotency_mismatch")
    return {
        row.at: Enrolled(
            bucket=bucket_for(SubjectId(row.subject), vault.installation.buckets),
            subject=SubjectId(row.subject),
            key=open_sealed(
                _key(vault), _place(vault, SubjectId(row.subject), again, row.at), row.sealed
            ).decode(),
        )
        for row in rows
    }


def _key(vault: Vault) -> bytes:
    return hmac.digest(vault.keyring.service_key("dual"), b"pv1/kept", "sha256")


def _place(vault: Vault, subject: SubjectId, again: Repeatable, at: int) -> Place:
    return Place(vault.installation.tenant, subject, RecordId(again.key_hash[:16]), _FIELD, 1, at)
