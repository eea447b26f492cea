"""Destroying a field's texts for good, when the time for which they may be kept is over (`retention.terms`).

Striking out empties every version of a field, deletes the tags that led there and gives the key value free, in
one transaction, at the person and at everybody who was merged into them. Copies of the ciphertext in old backups
die with the person's key: what else the person has is sealed again under a new one (`rotation.rotate_person`), which
the row of the term waits for.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import Connection

from vault.families.merge import merged_of, survivors
from vault.fields.catalogue import Field
from vault.ids import Bucket, Person, SubjectId, bucket_for
from vault.keys.keyring import EpochMoved
from vault.keys.tag_keys import TagKeys
from vault.opening import Vault
from vault.people import retention_rows as sql
from vault.people.canonical_history import CanonicalHistory, canonical_history
from vault.people.drafts import PROFILE, claims_of
from vault.people.holds import lock_people
from vault.people.stored import People, StoredValue, erased_among, every_values
from vault.people.unique_keys import RELEASE, RELEASE_KINDS, Held, held_by
from vault.retention.terms import Term, settle, standing
from vault.rotation.people import move_people
from vault.tags.making import tags_of_history
from vault.tags.registry import kinds_about
from vault.tags.writing import TagRow, delete_kinds, delete_tags

_log = logging.getLogger("perusal.vault")


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


def strike(vault: Vault, terms: Sequence[Term], now_ms: int, *, within: Within | None = None) -> list[Struck]:
    """Destroy the texts of the fields these terms name; the terms are `struck` with it. One transaction.

    What goes at a survivor goes at everybody who was merged into them. Whoever is erased is passed over, and their
    terms are settled. Values of somebody without keys stay, and so does a term for them, until their keys are back.
    """
    while True:
        tag_keys = vault.keyring.tag_keys
        # An index epoch began or ended: nothing was written, and everything is done again.
        with suppress(EpochMoved), vault.data.write() as conn:
            reach = _reach(conn, vault, terms)
            keys = vault.keyring.subject_keys(reach.people())
            keyed = {who: (bucket, keys[who]) for bucket, who in reach.people() if who in keys}
            batch = _Batch(vault, tag_keys, now_ms, keyed)
            struck = _strike(conn, batch, reach)
            _write_states(conn, terms, reach, struck, batch)
            if within is not None and struck:
                within(conn, struck)
            vault.keyring.settle_tags(tag_keys)
            return struck


def renew(vault: Vault, terms: Sequence[Term], now_ms: int) -> int:
    """Give the people of struck terms new keys, so that old copies of the texts open nothing; then settle those.

    Whoever keeps the old key, because another value of theirs or the key itself does not open, keeps the struck term
    as well: their old copies still open, and the next run tries again. Of somebody merged away the survivor gets a
    new key too (`retention_rows.pass_on`). Answers how many terms are settled.
    """
    people = {(term.bucket, term.subject) for term in terms}
    with vault.data.read() as conn:
        keep = survivors(conn, people)
    people |= {(bucket_for(top, vault.installation.buckets), top) for top in keep.values()}
    moved = move_people(vault, sorted(people))
    with vault.data.write() as conn:
        gone = erased_among(conn, sorted(people))
        keys = vault.keyring.subject_keys(sorted(people))
        left = moved.behind | {who for _, who in people if who not in keys and who not in gone}
        over = [term for term in terms if not left & {term.subject, keep.get(term.subject, term.subject)}]
        settle(conn, over, now_ms)
    if left:
        _log.error("%d people keep the keys of texts that were struck out", len(left))
    return len(over)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reach:
    """Whom some terms reach, with everybody's rows held: which fields are to go, by person.

    `tops` gives the survivor of everybody concerned, themselves if that is who they are; `merged` who stands for
    a survivor. Whoever is erased is in neither.
    """

    fields: Mapping[Person, Collection[str]]
    tops: Mapping[SubjectId, Person]
    merged: Mapping[SubjectId, Sequence[Person]]

    def people(self) -> list[Person]:
        """Everybody concerned, survivors and merged."""
        return sorted({*self.tops.values(), *(who for those in self.merged.values() for who in those)})


def _reach(conn: Connection, vault: Vault, terms: Sequence[Term]) -> _Reach:
    tops = standing(conn, vault, {(term.bucket, term.subject) for term in terms})
    gone = erased_among(conn, sorted(set(tops.values())))
    tops = {who: top for who, top in tops.items() if top[1] not in gone}
    merged = merged_of(conn, {top for _, top in tops.values()})
    lock_people(conn, (who for those in merged.values() for who in those))
    fields: dict[Person, set[str]] = {}
    for term in terms:
        if term.subject in tops:
            for who in ((term.bucket, term.subject), *merged.get(term.subject, ())):
                fields.setdefault(who, set()).add(term.field)
    own = {top: (bucket, top) for bucket, top in tops.values()}
    mine = {who: own[top] for top, those in merged.items() for _, who in those}
    return _Reach(fields=fields, tops=own | mine, merged=merged)


@dataclass(frozen=True, slots=True)
class _Batch:
    """What one striking out is made with; `keyed` are the people whose keys open."""

    vault: Vault
    tag_keys: TagKeys
    now_ms: int
    keyed: People


def _write_states(
    conn: Connection, terms: Sequence[Term], reach: _Reach, struck: Sequence[Struck], batch: _Batch
) -> None:
    """What became of the terms, and of their shares of merged people."""
    done = {(one.subject, one.field) for one in struck}
    every = [(bucket, who, code) for (bucket, who), codes in reach.fields.items() for code in sorted(codes)]
    locked = [one for one in every if one[1] not in batch.keyed]
    left = {locked[i][1:] for (i,) in sql.READABLE(conn, locked, record=PROFILE)}
    if left:
        _log.error("terms of %d people without keys stay open", len({who for who, _ in left}))
    own = [term for term in terms if (term.subject, term.field) not in left]
    over = [(t.bucket, t.subject, t.field) for t in own if t.subject in batch.keyed]
    sql.STATE(conn, over, state="struck", now=batch.now_ms)
    settle(conn, [term for term in own if term.subject not in batch.keyed], batch.now_ms)
    shares = [
        (*who, term.field, term.expires_at, term.reason, "set" if (who[1], term.field) in left else "struck")
        for term in terms
        for who in reach.merged.get(term.subject, ())
        if (who[1], term.field) in left | done
    ]
    sql.SPREAD(conn, shares, now=batch.now_ms)


def _strike(conn: Connection, batch: _Batch, reach: _Reach) -> list[Struck]:
    struck: list[Struck] = []
    rows: list[tuple[Bucket, SubjectId, str, int, int, int]] = []
    values = every_values(conn, batch.vault, batch.keyed)
    found = _Found()
    for (bucket, subject), fields in reach.fields.items():
        for one in values.get(subject, ()):
            if one.field not in fields or one.struck_at is not None:
                continue
            at = max(batch.now_ms, one.valid_from)
            ends = at if one.valid_to is None else one.valid_to
            rows.append((bucket, subject, one.field, one.version, at, ends))
            struck.append(Struck(bucket=bucket, subject=subject, field=one.field, version=one.version, at=at))
        if subject in values:
            history = canonical_history(batch.vault.catalogue, values[subject])
            _look(batch, found, reach, (bucket, subject), history)
    sql.STRIKE(conn, rows, record=PROFILE)
    delete_tags(conn, found.tags)
    RELEASE(conn, sorted(set(found.claims) - _still_held(batch, reach, values)))
    delete_kinds(conn, found.kinds)
    RELEASE_KINDS(conn, sorted(set(found.lost)))
    return struck


@dataclass(frozen=True, slots=True)
class _Found:
    """What leads to the fields to be struck out; `kinds` and `lost` go by whose it is, where a form is lost."""

    tags: list[TagRow] = field(default_factory=list)
    claims: list[Held] = field(default_factory=list)
    kinds: list[tuple[Bucket, SubjectId, int]] = field(default_factory=list)
    lost: list[tuple[int, SubjectId]] = field(default_factory=list)


def _look(
    batch: _Batch, found: _Found, reach: _Reach, who: tuple[Bucket, SubjectId], history: CanonicalHistory
) -> None:
    """What a person is found by now, or may be, and must not be found by without these fields.

    The key values of somebody merged away are the survivor's, whose own may be what cannot be read.
    """
    vault, fields, top = batch.vault, reach.fields[who], reach.tops[who[1]]
    known = [vault.catalogue.field(code) for code in sorted(fields) if code in vault.catalogue]
    found.tags.extend(_tags(batch, who, history, fields))
    versions = history.by_field()
    for one in known:
        if top[1] in batch.keyed:
            found.claims.extend(
                row for _, form in versions.get(one.code, ()) for row in _held(batch, top[1], one, form)
            )
        if history.lost:  # of a field struck out, or of another that has tags together with it
            found.kinds.extend((*who, kind) for kind in kinds_about(one))
            if one.code in reach.fields.get(top, ()):
                found.lost.extend((kind, top[1]) for kind in kinds_about(one))


def _still_held(batch: _Batch, reach: _Reach, values: Mapping[SubjectId, Sequence[StoredValue]]) -> set[Held]:
    """The key values that somebody's current value occupies, where it stays and another's is struck out."""
    held: set[Held] = set()
    for bucket, who in reach.people() if reach.merged else ():
        going = reach.fields.get((bucket, who), ())
        heads = [one for one in values.get(who, ()) if one.valid_to is None and one.field not in going]
        for (code, _), form in canonical_history(batch.vault.catalogue, heads).forms.items():
            held.update(_held(batch, reach.tops[who][1], batch.vault.catalogue.field(code), form))
    return held


def _held(batch: _Batch, holder: SubjectId, kind: Field, form: str) -> list[Held]:
    return held_by(holder, claims_of(batch.tag_keys, batch.vault.installation.buckets, kind, form))


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
