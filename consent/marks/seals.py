"""What was served, sealed: a salted hash of every marked answer, and each minute a root over them in the bucket's log.

A leaf is committed before anything is decrypted (ADR 0008), so it cannot hold a hash of the answer; it commits
to the marks from which the answer follows. The hash itself is stored before the answer leaves, and the next
seal puts it into the log: whoever kept what they were answered can show that these very bytes were served, and
nobody can claim others.

    salt   = HMAC-SHA256(ledger key of the person, "pv1/served" ‖ disclosure id), 32 bytes
    hash   = SHA-256("pv1/served" ‖ 00 ‖ salt ‖ JSON)       JSON: the served values, restricted JCS like all of ours
    leaf   = "pv1/served" ‖ 01 ‖ disclosure id, 16 bytes ‖ hash, 32 bytes

and the root is that of RFC 6962 over the leaves of a seal. Who has the salt can try values against the hash: it
is given out with a proof about the person's own data only, and goes with the person's keys when they are
erased.

* `hold(vault, answers)`: before the answers leave, one statement; what is there already stays.
* `seal_due(vault, now_ms) -> int`: a seal for each bucket that has something open; answers how many hashes were sealed.
* `proof_of(vault, ref) -> ServedProof | None`; `shows(proof, values, told) -> bool` is pure, for anybody.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from consent.ids import DisclosureId, canonical_json
from consent.ledger.append import append_about_log
from consent.ledger.entries.log_entry import ServedMarks
from consent.ledger.errors import WrongLog
from consent.ledger.open_now import learn_editions, open_log
from consent.ledger.tree import EMPTY, inclusion_ranges, leaf_hash, verify_inclusion
from consent.marks.tables import mark_seal, served_hash
from consent.permits.committed import CommittedUse, Ref
from vault.ids import Bucket, new_id
from vault.keys.keyring import SubjectKey
from vault.opening import Vault
from vault.storage.rowset import RowSet

MOST = 16_384
"""Hashes in one seal: what has to be read again to prove one of them."""

_LABEL = b"pv1/served"
_HOLD = RowSet(
    "WITH {rows} INSERT INTO served_hash (bucket, disclosure_id, hash) SELECT bucket, disclosure_id, hash FROM rows "
    "WHERE true ORDER BY bucket, disclosure_id ON CONFLICT (bucket, disclosure_id) DO NOTHING",
    bucket="int",
    disclosure_id="bytes",
    hash="bytes",
)
_SEAL = RowSet(
    "WITH {rows} UPDATE served_hash SET seal = :seal, place = rows.i FROM rows "
    "WHERE served_hash.bucket = rows.bucket AND served_hash.disclosure_id = rows.disclosure_id",
    bucket="int",
    disclosure_id="bytes",
)
_SEALED = RowSet(
    "WITH {rows} SELECT rows.i, o.disclosure_id, o.hash, h.place, m.id, m.ledger_year, d.subject FROM rows "
    "JOIN served_hash h ON h.bucket = rows.bucket AND h.disclosure_id = rows.id "
    "JOIN disclosure d ON d.bucket = h.bucket AND d.id = h.disclosure_id "
    "JOIN mark_seal m ON m.bucket = h.bucket AND m.id = h.seal "
    "JOIN served_hash o ON o.bucket = m.bucket AND o.seal = m.id ORDER BY rows.i, o.place",
    bucket="int",
    id="bytes",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedProof:
    """That a disclosure's answer is number `place` of the `count` under the root of log entry `entry_id` of `year`."""

    disclosure_id: DisclosureId
    salt: bytes
    place: int
    count: int
    path: tuple[bytes, ...]
    entry_id: bytes
    year: int

    def __repr__(self) -> str:
        return f"ServedProof({self.place} of {self.count})"


def hold(vault: Vault, answers: Sequence[tuple[CommittedUse, Mapping[str, str]]]) -> None:
    """Keep the hashes of these marked answers."""
    if not answers:
        return
    keys = vault.keyring.subject_keys([(use.bucket, use.subject) for use, _ in answers])
    rows = [
        (
            use.bucket,
            use.disclosure_id,
            hash_of(salt_of(keys[use.subject], use.disclosure_id), values),
        )
        for use, values in answers
    ]
    with vault.data.single() as conn:
        _HOLD(conn, rows)


def salt_of(key: SubjectKey, disclosure: DisclosureId) -> bytes:
    """The salt of one answer, 32 bytes."""
    return hmac.digest(key.ledger, _LABEL + disclosure, "sha256")


def hash_of(salt: bytes, values: Mapping[str, str]) -> bytes:
    """The salted hash of one answer's values, 32 bytes."""
    return hashlib.sha256(_LABEL + b"\x00" + salt + canonical_json(dict(values)).encode()).digest()


def seal_due(vault: Vault, now_ms: int) -> int:
    """Seal what is open in every bucket; each is a transaction of its own."""
    with vault.data.read() as conn:
        open_buckets = select(served_hash.c.bucket).where(served_hash.c.seal.is_(None)).distinct()
        waiting = conn.execute(open_buckets.order_by(served_hash.c.bucket)).scalars().all()
    return sum(_seal(vault, Bucket(bucket), now_ms) for bucket in waiting)


def _seal(vault: Vault, bucket: Bucket, now_ms: int) -> int:
    try:
        with vault.data.write() as conn:
            return _seal_within(conn, vault, bucket, now_ms)
    except (
        WrongLog
    ):  # the log was given up or its year is over: the next minute's seal goes into its successor
        learn_editions(vault)
        return 0


def _seal_within(conn: Connection, vault: Vault, bucket: Bucket, now_ms: int) -> int:
    c = served_hash.c
    query = select(c.disclosure_id, c.hash).where(c.bucket == bucket, c.seal.is_(None))
    found = conn.execute(query.order_by(c.disclosure_id).limit(MOST).with_for_update()).all()
    if not found:
        return 0
    root = EMPTY.extend(_leaf(DisclosureId(one), digest) for one, digest in found).root()
    told = ServedMarks(id=new_id(bucket, now_ms), ts=now_ms, count=len(found), root=root)
    log = open_log(vault, bucket, now_ms)
    at = append_about_log(conn, log, told, now_ms, vault.installation.ledger_host)
    row = {"bucket": bucket, "id": told.id, "count": told.count, "root": root}
    conn.execute(insert(mark_seal).values(**row, sealed_at=now_ms, ledger_year=at.year))
    _SEAL(conn, [(bucket, one) for one, _ in found], seal=told.id)
    return len(found)


def proof_of(vault: Vault, ref: Ref) -> ServedProof | None:
    """The proof of one disclosure; None where nothing marked was served, nothing is sealed yet, or its person is erased."""
    with vault.data.read() as conn:
        rows = _SEALED(conn, [ref])
    mine = next((row for row in rows if row[1] == ref[1]), None)
    if mine is None:
        return None
    _, _, _, place, seal, year, subject = mine
    key = vault.keyring.subject_keys([(ref[0], subject)]).get(subject)
    if key is None:
        return None
    leaves = [_leaf(DisclosureId(row[1]), row[2]) for row in rows]
    ranges = inclusion_ranges(place, len(leaves))
    return ServedProof(
        disclosure_id=ref[1],
        salt=salt_of(key, ref[1]),
        place=place,
        count=len(leaves),
        path=tuple(EMPTY.extend(leaves[start:end]).root() for start, end in ranges),
        entry_id=seal,
        year=year,
    )


def shows(proof: ServedProof, values: Mapping[str, str], told: ServedMarks) -> bool:
    """Whether exactly these values were served, by the entry `told` that the proof names; for anybody, without keys."""
    if (told.id, told.count) != (proof.entry_id, proof.count):
        return False
    leaf = _leaf(proof.disclosure_id, hash_of(proof.salt, values))
    return verify_inclusion(leaf, proof.place, proof.count, proof.path, told.root)


def _leaf(disclosure: DisclosureId, digest: bytes) -> bytes:
    return leaf_hash(_LABEL + b"\x01" + disclosure + digest)
