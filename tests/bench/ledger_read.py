"""What is asked of a ledger that has grown: proofs, the index, everything of one person, signing, checking.

One process on SQLite. Long logs are made from leaf hashes (`ledger_tree`); what needs entries appends them.
"""

import hashlib
import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from api.migrations import upgrade
from consent.ledger import prove
from consent.ledger.append import append
from consent.ledger.bundles.bundle import Evidence, build
from consent.ledger.bundles.verify import verify_bundle
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.entries.commitment import Opening, commit
from consent.ledger.indexes import indexing
from consent.ledger.origin import LogId
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.ledger.tree import verify_inclusion
from tests.bench.ledger_append import made
from tests.bench.ledger_tree import leaf_at, plant_log, plant_people
from tests.bench.meters import quantile
from tests.consent.ledger.kit import HOST, NOW, YEAR, an_item
from vault.signing import signatures
from vault.storage.database import Database, open_database

SIGNER = Signer(HOST, bytes(32))
ACCESSES = 100
FRESH = 1000
"""How many new entries a measured round of the publisher signs."""

_BATCH = 1000
_SEED = 5
_FIELDS = (
    ("recipient", "org_AAAAAAAAAAAAAAAAAAAAAA"),
    ("purpose", "account"),
    ("fields", "email,name,phone"),
    ("grant", "grant_AAAAAAAAAAAAAAAAAAAAAA"),
)
"""What the entry of an access commits to, as long as it is in life."""


def prepared(folder: Path, name: str) -> Database:
    """An empty SQLite data base with the whole schema."""
    data = open_database(f"sqlite:///{folder}/{name}.sqlite")
    upgrade(data, "data")
    return data


def long_log(data: Database, bucket: int, size: int, proofs: int, rounds: int) -> dict[str, Any]:
    """Proofs from, and signing of, one log of `size` leaves."""
    log = LogId(bucket, YEAR)
    root = plant_log(data, SIGNER, log, size)
    dice, waits, wrong = random.Random(_SEED), [], 0
    for at in (dice.randrange(size) for _ in range(proofs)):
        begun = time.perf_counter()
        with data.read() as conn:
            (path,) = prove.inclusion(conn, log, [at], size)
        waits.append(time.perf_counter() - begun)
        wrong += not verify_inclusion(leaf_at(at), at, size, path, root)
    return {
        "leaves": size,
        "proofs": proofs,
        "wrong": wrong,
        "proof_p50_ms": round(quantile(waits, 0.5) * 1e3, 3),
        "proof_p99_ms": round(quantile(waits, 0.99) * 1e3, 3),
        "publish_us_per_entry": _publishing(data, log, rounds),
    }


def _publishing(data: Database, log: LogId, rounds: int) -> float:
    """Microseconds of CPU that signing costs for each of a thousand new entries; the least of the rounds."""
    dice, spent = random.Random(log.bucket), []
    for _ in range(rounds):
        with data.write() as conn:
            append(conn, made(dice, log.bucket, FRESH), NOW, HOST)
        begun = time.process_time()
        (signed,) = publish(data, SIGNER, NOW, only=[log])
        spent.append((time.process_time() - begun) / FRESH * 1e6)
        assert signed.log == log
    return round(min(spent), 2)


def index(data: Database, bucket: int, people: int) -> dict[str, Any]:
    """The index of a log in which everybody has one entry."""
    log = LogId(bucket, YEAR)
    plant_log(data, SIGNER, log, people)
    plant_people(data, log, people)
    begun = time.perf_counter()
    done = indexing.make(data, HOST, log, NOW)
    took = time.perf_counter() - begun
    return {"people": people, "rows": done.rows if done else 0, "seconds": round(took, 3)}


def completeness(folder: Path, entries: int, rounds: int) -> dict[str, Any]:
    """The file that proves somebody's hundred accesses to be all: its size, and how long a stranger checks it.

    Beside it the one a person downloads, which also opens and proves each of the hundred, without receipts and
    witnesses.
    """
    data, log, someone = prepared(folder, "complete"), LogId(0, YEAR), 10**6
    dice, uses = random.Random(_SEED), []
    for _ in range(ACCESSES):
        others, opening = made(dice, 0, max(1, entries // ACCESSES)), Opening(dice.randbytes(32), _FIELDS)
        use = replace(an_item(dice, tag=someone), commitment=commit(opening.secret, opening.fields))
        with data.write() as conn:
            place = append(conn, [*others, use], NOW, HOST)[-1]
        uses.append(Evidence(log=log, idx=place.idx, opening=opening))
    indexing.make(data, HOST, log, NOW)
    publish(data, SIGNER, NOW)
    tags = {log: someone.to_bytes(16)}
    file, opened = (build(data, SIGNER, shown, receipt_keys=[], whole=tags) for shown in ([], uses))
    data.close()
    verdict = verify_bundle(file)
    checking, signature = _least(rounds, lambda: verify_bundle(file)), _least(rounds, _check_signature())
    return {
        "accesses": ACCESSES,
        "proved": verdict.complete[0].count if verdict.ok else 0,
        "bytes": len(file),
        "verify_ms": round(checking * 1e3, 3),
        "bytes_opened": len(opened),
        "verify_opened_ms": round(_least(rounds, lambda: verify_bundle(opened)) * 1e3, 3),
        "ed25519_verify_ms": round(signature * 1e3, 3),
        "ratio_to_ed25519_verify": round(checking / signature, 1),
    }


def _check_signature() -> Callable[[], object]:
    seed, message = bytes(32), bytes(100)
    key, signed = signatures.public_key(seed), signatures.sign(seed, message)
    assert signatures.verify(key, message, signed)
    return lambda: signatures.verify(key, message, signed)


def checking(folder: Path, entries: int) -> dict[str, Any]:
    """Entries that `perusal ledger fsck` rebuilds in a second of one core."""
    data, dice = prepared(folder, "fsck"), random.Random(_SEED)
    for _ in range(max(1, entries // _BATCH)):
        with data.write() as conn:
            append(conn, made(dice, 0, min(_BATCH, entries)), NOW, HOST)
        publish(data, SIGNER, NOW)
    begun = time.process_time()
    found = list(fsck(data, SIGNER))
    took = time.process_time() - begun
    data.close()
    hashed = _least(3, _hash_bodies())
    done = max(1, entries // _BATCH) * min(_BATCH, entries)
    return {
        "entries": done,
        "findings": sum(isinstance(one, Finding) for one in found),
        "entries_per_core_second": round(done / took),
        "sha256_of_an_entry_per_second": round(_BATCH / hashed),
        "ratio_to_sha256": round(done / took / (_BATCH / hashed), 3),
    }


def _hash_bodies() -> Callable[[], object]:
    bodies = [at.to_bytes(4) * 65 for at in range(_BATCH)]
    return lambda: [hashlib.sha256(body).digest() for body in bodies]


def _least(rounds: int, work: Callable[[], object]) -> float:
    """Seconds of the fastest of several goes: what disturbs a measurement only ever adds to it."""
    took = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return min(took)
