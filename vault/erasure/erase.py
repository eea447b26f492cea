"""Destroying one person for good (vault.md §6.7): tombstone, tags, values, keys, caches, and a second look.

`begin` runs in the caller's transaction; every step after it takes the erasures standing at one stage, does what
that stage asks for, and moves their rows on. Each step may be killed anywhere and run again, by anybody: it
repeats what is harmless to repeat and counts what it removed in the transaction that removed it. What a running
step of somebody else still wrote behind the tombstone is found by the second look and destroyed as well.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, RowMapping, select, tuple_

from vault.erasure import rows as sql
from vault.erasure.tables import Stage, erasure
from vault.families.guardians import forget
from vault.families.merge import merged_of
from vault.finding.probes import UNKNOWN, Probe, Trace, pack, probes_of, unpack
from vault.ids import Bucket, SubjectId, bucket_for, bucket_of_hash
from vault.keys.cache import TTL_SECONDS
from vault.keys.keyring import SubjectKey
from vault.keys.wrapping import context
from vault.opening import Vault
from vault.people.drafts import Refused
from vault.people.unique_keys import HELD, RELEASE

_TTL_MS: Final = int(TTL_SECONDS * 1000)


@dataclass(frozen=True, slots=True)
class Begun:
    """A person who is tombstoned now; `key` is None when there was none left; `repeated`: since an earlier call."""

    bucket: Bucket
    subject: SubjectId
    key: SubjectKey | None
    repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasing:
    """One erasure as its row says; times in Unix ms. `wrapped_sha256` is the digest of the destroyed key rows:

    SHA-256 over the rows in order of (kind, epoch), each as kind, epoch and wrapped key with lengths in front.
    """

    bucket: Bucket
    subject: SubjectId
    stage: Stage
    probes: bytes | None
    tags: int
    versions: int
    keys: int
    wrapped_sha256: bytes | None
    eviction: int | None
    ordered_at: int
    keyless_at: int | None
    verified_at: int | None

    @property
    def who(self) -> tuple[Bucket, SubjectId]:
        return self.bucket, self.subject


def begin(
    conn: Connection, vault: Vault, subjects: Sequence[SubjectId], now_ms: int
) -> list[tuple[Begun, ...] | Refused]:
    """Tombstone people and whoever was merged into them; positions match.

    From the commit on nobody reads, changes or finds them. Refusals: `person_unknown`, and `person_merged` for
    a duplicate, whose surviving person must be named instead.
    """
    homes = {subject: bucket_for(subject, vault.installation.buckets) for subject in subjects}
    states: dict[SubjectId, str] = dict(sql.LOCK(conn, sorted((b, s) for s, b in homes.items())))
    active = [subject for subject, state in states.items() if state == "active"]
    families: dict[SubjectId, list[tuple[Bucket, SubjectId]]] = {s: [(homes[s], s)] for s in active}
    for keep, merged in merged_of(conn, active).items():
        families[keep] += merged
    begun = _tombstone(conn, vault, list(families.values()), now_ms)
    return [_answer(subject, homes[subject], states, families, begun) for subject in subjects]


def _answer(
    subject: SubjectId,
    bucket: Bucket,
    states: Mapping[SubjectId, str],
    families: Mapping[SubjectId, Sequence[tuple[Bucket, SubjectId]]],
    begun: Mapping[SubjectId, Begun],
) -> tuple[Begun, ...] | Refused:
    if subject in families:
        return tuple(begun[who] for _, who in families[subject])
    state = states.get(subject)
    if state == "erased":
        return (Begun(bucket, subject, None, repeated=True),)
    return Refused("person_unknown" if state is None else "person_merged", "")


def _tombstone(
    conn: Connection, vault: Vault, families: Sequence[Sequence[tuple[Bucket, SubjectId]]], now_ms: int
) -> dict[SubjectId, Begun]:
    people = [who for family in families for who in family]
    sql.LOCK(conn, sorted(people))
    keys = vault.keyring.subject_keys(people, fresh=True)
    homes = {who: (bucket, keys[who]) for bucket, who in people if who in keys}
    probes = {who: UNKNOWN for _, who in people} | probes_of(conn, vault, homes)
    for (_, keep), *merged in families:
        for _, who in merged:  # key values of a duplicate belong to who it was merged into
            probes[keep] = probes[keep].joined(probes[who])
    sql.TOMBSTONE(conn, people, now=now_ms)
    sql.ORDER(conn, [(bucket, who, pack(probes[who])) for bucket, who in people], now=now_ms)
    return {who: Begun(bucket, who, keys.get(who)) for bucket, who in people}


def alive(conn: Connection, vault: Vault, subjects: Iterable[SubjectId]) -> list[SubjectId]:
    """Those of these people who are there and not tombstoned, of whom nobody is after an erasure that was not undone."""
    rows = [(bucket_for(subject, vault.installation.buckets), subject) for subject in subjects]
    return [SubjectId(subject) for (subject,) in sql.ALIVE(conn, rows)]


def find_many(conn: Connection, people: Sequence[tuple[Bucket, SubjectId]]) -> list[Erasing]:
    """How far these people's erasures have come, in no order; absent: nobody ordered one."""
    mine = tuple_(erasure.c.bucket, erasure.c.subject).in_(people)
    return [_erasing(row) for row in conn.execute(select(erasure).where(mine)).mappings()]


def unforeseen(vault: Vault, rows: Sequence[Erasing]) -> list[Trace]:
    """What only its owner tells, of those erasures whose probes are not complete; no such erasure, no look."""
    return _owned(vault, [row for row in rows if row.probes is not None and not unpack(row.probes).complete])


def untag(conn: Connection, vault: Vault, rows: Sequence[Erasing], left: Sequence[Trace]) -> None:
    """Delete tags, unique keys and values of erasures at TOMBSTONED; `left` is what was `unforeseen`."""
    mine = {
        subject for (subject,) in sql.AT_STAGE(conn, [row.who for row in rows], stage=int(Stage.TOMBSTONED))
    }
    taken = [row for row in rows if row.subject in mine]
    tags = _delete(conn, vault, [*_known(taken), *(one for one in left if one.subject in mine)])
    versions = Counter(subject for (subject,) in sql.DROP_VALUES(conn, [row.who for row in taken]))
    forget(conn, [row.who for row in taken])
    sql.COUNTED(conn, [(*row.who, tags[row.subject], versions[row.subject]) for row in taken])


def destroy(vault: Vault, rows: Sequence[Erasing], now_ms: int) -> None:
    """Destroy every epoch of the keys of erasures at UNTAGGED (or again at KEYLESS) and tell the caches."""
    with vault.data.write() as conn:
        sql.DIGESTED(
            conn, [(*row.who, *digest) for row, digest in zip(rows, _digests(vault, rows), strict=True)]
        )
    eviction = vault.keyring.destroy_many([row.who for row in rows])
    with vault.data.write() as conn:
        sql.KEYLESS(conn, [(*row.who, eviction) for row in rows], now=now_ms)


def settled(vault: Vault, rows: Sequence[Erasing], now_ms: int) -> list[Erasing]:
    """Those of the erasures at KEYLESS whose keys no cache can hold any more: told so by all, or by time alone."""
    late = [row for row in rows if row.keyless_at is None or now_ms < row.keyless_at + _TTL_MS]
    told = {seq: vault.keyring.is_clear(seq) for row in late if (seq := row.eviction) is not None}
    waiting = {row.subject for row in late if row.eviction is None or not told[row.eviction]}
    return [row for row in rows if row.subject not in waiting]


def verify(vault: Vault, rows: Sequence[Erasing], now_ms: int) -> None:
    """Look again for everything of erasures that have `settled`: clean ones are VERIFIED.

    By every probe, and once for all of them by whose it is, however it came to be written.

    What is found is destroyed once more, and those erasures wait for the caches again. All of them wait while
    somebody's reading keeps a data base from emptying its log, in which what was destroyed may still stand.
    """
    if not all(one.empty_log() for one in (vault.data, vault.keyring.database)):
        return
    left = _owned(vault, rows)
    with vault.data.read() as conn:
        probes = [(*one.probe, one.subject) for one in _known(rows)]
        left += [Trace(Bucket(b), SubjectId(s), Probe(*probe)) for b, s, *probe in sql.FOUND(conn, probes)]
        values = {subject for subject, _ in sql.COUNT_VALUES(conn, [row.who for row in rows])}
    keyed = {row.subject for row, (count, _) in zip(rows, _digests(vault, rows), strict=True) if count}
    keyed |= vault.keyring.subject_keys([row.who for row in rows]).keys()
    dirty = {one.subject for one in left} | values | keyed
    again = [row for row in rows if row.subject in dirty]
    with vault.data.write() as conn:
        _delete(conn, vault, left)
        sql.DROP_VALUES(conn, [row.who for row in again])
        sql.VERIFIED(conn, [row.who for row in rows if row.subject not in dirty], now=now_ms)
    if again:
        destroy(vault, again, now_ms)


def _known(rows: Iterable[Erasing]) -> list[Trace]:
    return [
        Trace(row.bucket, row.subject, probe) for row in rows for probe in unpack(row.probes or b"").known
    ]


def _owned(vault: Vault, rows: Sequence[Erasing]) -> list[Trace]:
    """Tags and unique keys found by whose they are; reads each table once, whole."""
    people = [row.who for row in rows]
    with vault.data.read() as conn:
        found = [*sql.TAGS_LEFT(conn, people), *HELD(conn, people)]
    return [Trace(Bucket(b), SubjectId(s), Probe(*probe)) for b, s, *probe in found]


def _delete(conn: Connection, vault: Vault, traces: Iterable[Trace]) -> Counter[SubjectId]:
    """Delete what these traces name; answers how many tags each person had."""
    wanted = sorted(set(traces))
    tags = sql.UNTAG(conn, [(one.bucket, *one.probe, one.subject) for one in wanted])
    buckets = vault.installation.buckets
    homes = [bucket_of_hash(one.probe.tag.to_bytes(8, signed=True), buckets) for one in wanted]
    RELEASE(conn, [(home, *one.probe, one.subject) for home, one in zip(homes, wanted, strict=True)])
    return Counter(subject for (subject,) in tags)


def _digests(vault: Vault, rows: Sequence[Erasing]) -> list[tuple[int, bytes]]:
    """How many key rows each person has, and their digest."""
    parts: dict[bytes, list[bytes]] = {row.subject: [] for row in rows}
    with vault.keyring.database.read() as conn:
        found = sql.KEY_ROWS(conn, [row.who for row in rows], tenant=vault.keyring.tenant)
    for subject, kind, epoch, wrapped in found:
        parts[subject].append(context(kind, epoch, wrapped))
    return [(len(parts[row.subject]), hashlib.sha256(b"".join(parts[row.subject])).digest()) for row in rows]


def _erasing(row: RowMapping) -> Erasing:
    return Erasing(**{**row, "stage": Stage(row["stage"])})
