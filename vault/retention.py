"""When the time for which something may be kept is over: what is due, and destroying a field's texts for good.

Striking out empties every version of a field, deletes the tags that led there and gives the key value free, in
one transaction. Copies of the ciphertext in old backups die with the person's key: what else the person has is
sealed again under a new one (`rotation.rotate_person`), which the row of the term waits for.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from vault.canonical_history import CanonicalHistory, canonical_history
from vault.drafts import PROFILE, claims_of
from vault.holds import take_people
from vault.ids import Bucket, SubjectId
from vault.keys import EpochMoved
from vault.opening import Vault
from vault.retention_tables import retention
from vault.rotation.people import move_people
from vault.rowset import RowSet
from vault.stored import People, every_values
from vault.tag_keys import TagKeys
from vault.tags.making import tags_of_history
from vault.tags.registry import kinds_about
from vault.tags.writing import TagRow, delete_kinds, delete_tags
from vault.unique_keys import RELEASE, RELEASE_KINDS, Held, held_by

WHOLE: Final = ""
"""In place of a field: the whole person."""

PAGE: Final = 500

_log = logging.getLogger("perusal.vault")


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Something is kept until `expires_at` (Unix ms), for a reason given as a short code."""

    bucket: Bucket
    subject: SubjectId
    field: str
    expires_at: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """By default, a value of `field` is kept for `period_ms` from when it was given."""

    field: str
    period_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """A version whose text is destroyed since `at` (Unix ms)."""

    bucket: Bucket
    subject: SubjectId
    field: str
    version: int
    at: int


type Within = Callable[[Connection, Sequence[Struck]], None]
"""What else the transaction that strikes out writes, as its last step."""

_SET = RowSet(
    "WITH {rows} INSERT INTO retention (bucket, subject, field, expires_at, reason, state, set_at) "
    "SELECT bucket, subject, field, expires_at, reason, 'set', :now FROM rows WHERE true "
    "ON CONFLICT (bucket, subject, field) DO UPDATE SET expires_at = excluded.expires_at, "
    "reason = excluded.reason, state = 'set', set_at = excluded.set_at, done_at = NULL "
    # A struck term waits for the person's new key; replaced, it would never come to that.
    "WHERE retention.state <> 'struck'",
    bucket="int",
    subject="bytes",
    field="text",
    expires_at="int",
    reason="text",
)
_APPLY = RowSet(
    # A term that somebody set goes before the rule; one that is done applied to an older value.
    "WITH {rows} INSERT INTO retention (bucket, subject, field, expires_at, reason, state, set_at) "
    "SELECT v.bucket, v.subject, v.field, v.valid_from + rows.period, 'rule', 'set', :now "
    "FROM rows JOIN value v ON v.field = rows.field AND v.record = :record "
    "JOIN person p ON p.bucket = v.bucket AND p.subject = v.subject AND p.state = 'active' "
    "WHERE v.valid_to IS NULL AND v.valid_from + rows.period <= :now "
    "ON CONFLICT (bucket, subject, field) DO UPDATE SET expires_at = excluded.expires_at, "
    "reason = excluded.reason, state = 'set', set_at = excluded.set_at, done_at = NULL "
    "WHERE retention.state = 'done'",
    field="text",
    period="int",
)
_STRIKE = RowSet(
    "WITH {rows} UPDATE value SET blob = '', struck_at = rows.at, valid_to = rows.ends FROM rows "
    "WHERE value.bucket = rows.bucket AND value.subject = rows.subject AND value.record = :record "
    "AND value.field = rows.field AND value.version = rows.version",
    bucket="int",
    subject="bytes",
    field="text",
    version="int",
    at="int",
    ends="int",
)
_STATE = RowSet(
    "WITH {rows} UPDATE retention SET state = :state, done_at = CASE WHEN :state = 'done' THEN "
    "CAST(:now AS bigint) END FROM rows WHERE retention.bucket = rows.bucket "
    "AND retention.subject = rows.subject AND retention.field = rows.field",
    bucket="int",
    subject="bytes",
    field="text",
)


def keep_until(conn: Connection, terms: Sequence[Term], now_ms: int) -> None:
    """Set or replace terms; one statement. A struck one stays until its person has a new key."""
    _SET(conn, [(t.bucket, t.subject, t.field, t.expires_at, t.reason) for t in terms], now=now_ms)


def terms_of(conn: Connection, bucket: Bucket, subject: SubjectId) -> list[Term]:
    """A person's running terms, by field."""
    r = retention.c
    mine = select(retention).where(r.bucket == bucket, r.subject == subject, r.state == "set")
    return [_term(row) for row in conn.execute(mine.order_by(r.field))]


def apply_rules(conn: Connection, rules: Sequence[Rule], now_ms: int) -> None:
    """Set terms for values that the defaults no longer allow; one statement, which looks at every value."""
    _APPLY(conn, [(rule.field, rule.period_ms) for rule in rules], record=PROFILE, now=now_ms)


def due(
    conn: Connection, now_ms: int, *, state: str = "set", whole: bool = False, skip: int = 0
) -> list[Term]:
    """Terms that are over, a page of them after the first `skip`, oldest first: of fields, or of whole people."""
    r = retention.c
    about = (r.field == WHOLE) if whole else (r.field != WHOLE)
    over = select(retention).where(r.state == state, r.expires_at <= now_ms, about)
    page = over.order_by(r.expires_at, r.bucket, r.subject, r.field).limit(PAGE).offset(skip)
    return [_term(row) for row in conn.execute(page)]


def settle(conn: Connection, terms: Sequence[Term], now_ms: int) -> None:
    """Nothing is left to do for these terms."""
    _STATE(conn, [(t.bucket, t.subject, t.field) for t in terms], state="done", now=now_ms)


def strike(vault: Vault, terms: Sequence[Term], now_ms: int, *, within: Within | None = None) -> list[Struck]:
    """Destroy the texts of the fields these terms name; the terms are `struck` with it. One transaction.

    Whoever is erased or merged away is passed over, and their terms are settled.
    """
    people = {term.subject: term.bucket for term in terms}
    while True:
        keys = vault.keyring.subject_keys([(bucket, subject) for subject, bucket in people.items()])
        tag_keys = vault.keyring.tag_keys
        # An index epoch began or ended: nothing was written, and everything is done again.
        with suppress(EpochMoved), vault.data.write() as conn:
            held = take_people(conn, ((bucket, subject) for subject, bucket in people.items()))
            taken = {who: (people[who], keys[who]) for who in held if who in keys}
            struck = _strike(conn, _Batch(vault, tag_keys, now_ms), taken, terms)
            gone = [(t.bucket, t.subject, t.field) for t in terms if t.subject in taken]
            _STATE(conn, gone, state="struck", now=now_ms)
            settle(conn, [term for term in terms if term.subject not in taken], now_ms)
            if within is not None and struck:
                within(conn, struck)
            vault.keyring.settle_tags(tag_keys)
            return struck


def renew(vault: Vault, terms: Sequence[Term], now_ms: int) -> int:
    """Give the people of struck terms new keys, so that old copies of the texts open nothing; then settle those.

    Whoever keeps the old key, because another value of theirs does not open, keeps the struck term as well: their
    old copies still open, and the next run tries again. Answers how many terms are settled.
    """
    moved = move_people(vault, sorted({(term.bucket, term.subject) for term in terms}))
    if moved.behind:
        _log.error("%d people keep the keys of texts that were struck out", moved.left_over)
    over = [term for term in terms if term.subject not in moved.behind]
    with vault.data.write() as conn:
        settle(conn, over, now_ms)
    return len(over)


@dataclass(frozen=True, slots=True)
class _Batch:
    """What one striking out is made with."""

    vault: Vault
    tag_keys: TagKeys
    now_ms: int


def _strike(conn: Connection, batch: _Batch, people: People, terms: Sequence[Term]) -> list[Struck]:
    struck: list[Struck] = []
    rows: list[tuple[Bucket, SubjectId, str, int, int, int]] = []
    found = _Found()
    for subject, values in every_values(conn, batch.vault, people).items():
        bucket = people[subject][0]
        fields = {term.field for term in terms if term.subject == subject}
        for one in values:
            if one.field not in fields or one.struck_at is not None:
                continue
            at = max(batch.now_ms, one.valid_from)
            ends = at if one.valid_to is None else one.valid_to
            rows.append((bucket, subject, one.field, one.version, at, ends))
            struck.append(Struck(bucket=bucket, subject=subject, field=one.field, version=one.version, at=at))
        _look(batch, found, (bucket, subject), canonical_history(batch.vault.catalogue, values), fields)
    _STRIKE(conn, rows, record=PROFILE)
    delete_tags(conn, found.tags)
    RELEASE(conn, found.claims)
    delete_kinds(conn, found.kinds)
    RELEASE_KINDS(conn, [(kind, subject) for _, subject, kind in found.kinds])
    return struck


@dataclass(frozen=True, slots=True)
class _Found:
    """What leads to the fields to be struck out; `kinds` goes by whose it is, where a form is lost."""

    tags: list[TagRow] = field(default_factory=list)
    claims: list[Held] = field(default_factory=list)
    kinds: list[tuple[Bucket, SubjectId, int]] = field(default_factory=list)


def _look(
    batch: _Batch,
    found: _Found,
    who: tuple[Bucket, SubjectId],
    history: CanonicalHistory,
    fields: Collection[str],
) -> None:
    """What a person is found by now, or may be, and must not be found by without these fields."""
    vault, subject = batch.vault, who[1]
    known = [vault.catalogue.field(code) for code in sorted(fields) if code in vault.catalogue]
    found.tags.extend(_tags(batch, who, history, fields))
    versions = history.by_field()
    for one in known:
        for _, form in versions.get(one.code, ()):
            claims = claims_of(batch.tag_keys, vault.installation.buckets, one, form)
            found.claims.extend(held_by(subject, claims))
    if history.lost:  # of a field struck out, or of another that has tags together with it
        found.kinds.extend((*who, kind) for one in known for kind in kinds_about(one))


def _tags(
    batch: _Batch, who: tuple[Bucket, SubjectId], history: CanonicalHistory, fields: Collection[str]
) -> Iterator[TagRow]:
    bucket, subject = who
    every = history.by_field()
    rest = {code: versions for code, versions in every.items() if code not in fields}
    for epoch in batch.tag_keys.tag_epochs:
        made = [
            tags_of_history(batch.tag_keys, one, epoch=epoch, catalogue=batch.vault.catalogue)
            for one in (every, rest)
        ]
        for kind, tag, version in made[0] - made[1]:
            yield TagRow(tag, kind, epoch, bucket, subject, version)


def _term(row: Row[*tuple[Any, ...]]) -> Term:
    return Term(
        bucket=Bucket(row.bucket),
        subject=SubjectId(row.subject),
        field=row.field,
        expires_at=row.expires_at,
        reason=row.reason,
    )
