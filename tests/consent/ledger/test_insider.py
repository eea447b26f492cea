"""An insider with every key rewrites an old row and signs it all anew: inside nothing shows, outside everything does."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from consent.ledger import prove
from consent.ledger.append import Item, append
from consent.ledger.bundles.bundle import build
from consent.ledger.bundles.verify import verify_bundle
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.indexes import indexing
from consent.ledger.origin import origin_of
from consent.ledger.published import Published
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.ledger.tree import EMPTY, verify_consistency
from consent.ledger.witnesses import witness_store
from consent.ledger.witnesses.submission import Submission
from consent.ledger.witnesses.witness_store import WitnessStore
from consent.ledger.witnesses.witnessing import Asked, Cosigner, Refused, read
from tests.backends import Backend
from tests.consent.ledger.kit import HOST, LOG, NOW, an_item, assert_whole, insider
from vault.storage.database import open_database

SIGNER = Signer(HOST, bytes(32))
ORIGIN = origin_of(HOST, LOG)
COSIGNER = Cosigner.of("w.example", bytes(32))
SIGNED = 40
AT = 17
EVERYTHING = (
    "ledger_index_chunk",
    "ledger_index",
    "ledger_opening",
    "ledger_checkpoint",
    "ledger_entry",
    "ledger_subject_head",
    "ledger_head",
)

type Change = Callable[[list[Item]], list[Item]]

CHANGES: dict[str, Change] = {
    "changed": lambda old: [*old[:AT], an_item(random.Random(77), tag=1), *old[AT + 1 :]],
    "deleted": lambda old: [*old[:AT], *old[AT + 1 :]],
    "inserted": lambda old: [*old[:AT], an_item(random.Random(77), tag=1), *old[AT:]],
    "exchanged": lambda old: [*old[:AT], old[AT + 1], old[AT], *old[AT + 2 :]],
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WitnessStore]:
    witness_store.create(tmp_path / "witness.db")
    data = open_database(f"sqlite:///{tmp_path / 'witness.db'}")
    yield WitnessStore(data, Memory(tmp_path / "heads"))
    data.close()


def items() -> list[Item]:
    dice = random.Random(4)
    return [an_item(dice, tag=dice.randrange(5)) for _ in range(SIGNED + 12)]


def put(backend: Backend, wanted: list[Item]) -> None:
    with backend.data.write() as conn:
        append(conn, wanted, NOW, HOST)


def signed(backend: Backend) -> Published:
    return publish(backend.data, SIGNER, NOW)[0]


def asked(backend: Backend, old: int, at: Published) -> Asked:
    """What a log sends to its witness."""
    with backend.data.read() as conn:
        proof = prove.consistency(conn, LOG, old, at.size) if old else []
    found = read(bytes(Submission(old, tuple(proof), at.note)), {ORIGIN: (SIGNER.key(ORIGIN),)})
    assert isinstance(found, Asked)
    return found


@pytest.mark.parametrize("change", list(CHANGES))
def test_a_rewritten_past_that_was_signed_anew_is_sound_inside_and_caught_by_everybody_outside(
    backend: Backend, store: WitnessStore, change: str
):
    put(backend, items()[:SIGNED])
    indexing.make(backend.data, HOST, LOG, NOW)
    before = signed(backend)
    assert isinstance(store.cosign(asked(backend, 0, before), [COSIGNER], NOW // 1000), bytes)
    bundle = build(backend.data, SIGNER, [], receipt_keys=[], whole={LOG: bytes(16)})

    with insider(backend) as conn:
        for table in EVERYTHING:
            conn.execute(text(f"DELETE FROM {table}"))
    put(backend, CHANGES[change](items()))
    forged = signed(backend)

    assert not [one for one in fsck(backend.data, SIGNER) if isinstance(one, Finding)]
    assert isinstance(store.cosign(asked(backend, before.size, forged), [COSIGNER], NOW // 1000 + 1), Refused)
    with backend.data.read() as conn:
        proof = prove.consistency(conn, LOG, before.size, forged.size)
    assert not verify_consistency(before.size, forged.size, before.root, forged.root, proof)
    (kept,) = verify_bundle(bundle).checkpoints
    assert kept == Checkpoint(ORIGIN, before.size, before.root) != again(backend, before.size)


def again(backend: Backend, size: int) -> Checkpoint:
    """What the log says now of the size it had."""
    return Checkpoint(ORIGIN, size, EMPTY.extend(leaves_of(backend)[:size]).root())


def leaves_of(backend: Backend) -> list[bytes]:
    assert_whole(backend)
    with backend.data.read() as conn:
        found = conn.execute(text("SELECT leaf FROM ledger_entry ORDER BY idx"))
        return [bytes(leaf) for (leaf,) in found]
