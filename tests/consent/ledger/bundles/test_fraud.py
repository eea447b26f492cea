"""Proofs of lies: each lie has one, an honest log has none, and nothing in one can be changed."""

import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.ledger.bundles import fraud
from consent.ledger.bundles.fraud import FraudProof, Included, Lie
from consent.ledger.entries import log_entry
from consent.ledger.entries.entry import NO_PREVIOUS, Kind, body
from consent.ledger.entries.log_entry import Closing, Index, Why
from consent.ledger.errors import LedgerError, Malformed, Unproven
from consent.ledger.formats import checkpoint
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.indexes.index import Chunk, Row, chunks_of, path_in, root_of
from consent.ledger.indexes.index_proof import Place
from consent.ledger.publishing.signer import Signer
from consent.ledger.tree import EMPTY, inclusion_path, leaf_hash
from tests.consent.ledger.kit import HOST, NOW, YEAR

SIGNER = Signer(HOST, bytes(32))
ORIGIN = f"{HOST}/{YEAR}/0"
KEYS = [SIGNER.key(ORIGIN)]
ANN, BOB, EVE = (bytes(15) + bytes([at]) for at in (1, 2, 3))


@dataclasses.dataclass(frozen=True)
class Told:
    """A log as its operator tells it: bodies in order, and how it signs and proves them."""

    bodies: tuple[bytes, ...]

    @property
    def head(self) -> Checkpoint:
        return Checkpoint(ORIGIN, len(self.bodies), EMPTY.extend(map(leaf_hash, self.bodies)).root())

    @property
    def note(self) -> bytes:
        return checkpoint.sign(self.head, SIGNER.seed(ORIGIN))

    def included(self, at: int) -> Included:
        leaves = [leaf_hash(one) for one in self.bodies]

        def hash_at(level: int, index: int) -> bytes:
            return EMPTY.extend(leaves[index << level : (index + 1) << level]).root()

        return Included(self.bodies[at], at, tuple(inclusion_path(hash_at, at, len(self.bodies))))


def entry(tag: bytes, n: int, previous: bytes, seed: int = 0) -> bytes:
    dice = random.Random(f"{tag.hex()}{n}{seed}")
    return body(Kind.ACCESS, NOW, tag, n, previous, dice.randbytes(32), dice.randbytes(16))


def index_over(bodies: list[bytes], rows: list[tuple[bytes, int, bytes, int]]) -> bytes:
    made = Index(id=bytes(16), ts=NOW, upto=len(bodies), rows=len(rows), root=root_of(chunks_of(rows)))
    return log_entry.encode(made)


def places(rows: list[tuple[bytes, int, bytes, int]]) -> list[Place]:
    (chunk,) = chunks_of(rows) or [Chunk(b"", ())]
    return [
        Place(at, Row(*row), tuple(path_in(chunk.rows, [], chunk.rows, at, len(rows))))
        for at, row in enumerate(rows)
    ]


FIRST = entry(ANN, 1, NO_PREVIOUS)
SECOND = entry(ANN, 2, leaf_hash(FIRST))
OTHER = entry(BOB, 1, NO_PREVIOUS)
ENTRIES = [FIRST, OTHER, SECOND]
HONEST = [(ANN, 2, leaf_hash(SECOND), 2), (BOB, 1, leaf_hash(OTHER), 1)]


def told(rows: list[tuple[bytes, int, bytes, int]], *more: bytes) -> Told:
    return Told((*ENTRIES, *more, index_over([*ENTRIES, *more], rows)))


def hidden(rows: list[tuple[bytes, int, bytes, int]], shown: list[int]) -> FraudProof:
    log = told(rows)
    found = tuple(places(rows)[at] for at in shown)
    return FraudProof(
        kind=Lie.HIDDEN_ACCESS, checkpoint=log.note, entries=(log.included(3), log.included(2)), rows=found
    )


SHORT = [(ANN, 1, leaf_hash(FIRST), 0), HONEST[1]]
MISSING = [HONEST[1]]
WRONG = [(ANN, 2, leaf_hash(FIRST), 2), HONEST[1]]
UNSORTED = [HONEST[1], HONEST[0]]


def wrong_row() -> FraudProof:
    log = told(WRONG)
    entries = (log.included(3), log.included(2))
    return FraudProof(kind=Lie.WRONG_ROW, checkpoint=log.note, entries=entries, rows=(places(WRONG)[0],))


def unsorted_rows() -> FraudProof:
    log = told(UNSORTED)
    return FraudProof(
        kind=Lie.UNSORTED_ROWS, checkpoint=log.note, entries=(log.included(3),), rows=tuple(places(UNSORTED))
    )


def parallel_chain() -> FraudProof:
    log = told(HONEST, entry(ANN, 2, leaf_hash(FIRST), seed=9))
    return FraudProof(
        kind=Lie.PARALLEL_CHAIN, checkpoint=log.note, entries=(log.included(2), log.included(3))
    )


def broken_chain() -> FraudProof:
    log = told(HONEST, entry(BOB, 2, leaf_hash(FIRST)))
    return FraudProof(kind=Lie.BROKEN_CHAIN, checkpoint=log.note, entries=(log.included(1), log.included(3)))


def split_view() -> FraudProof:
    return FraudProof(kind=Lie.SPLIT_VIEW, checkpoint=told(HONEST).note, other=told(SHORT).note)


def forked() -> FraudProof:
    one, other = told(HONEST), Told((FIRST, OTHER, entry(ANN, 2, leaf_hash(FIRST), seed=9), OTHER, FIRST))
    leaves = [dataclasses.replace(log.included(2), body=leaf_hash(log.bodies[2])) for log in (one, other)]
    return FraudProof(kind=Lie.FORKED, checkpoint=one.note, other=other.note, entries=tuple(leaves))


def duplicate_id() -> FraudProof:
    log = told(HONEST, FIRST)
    return FraudProof(kind=Lie.DUPLICATE_ID, checkpoint=log.note, entries=(log.included(0), log.included(3)))


def after_closing() -> FraudProof:
    last = log_entry.encode(Closing(id=bytes(16), ts=NOW, after=f"{HOST}/{YEAR + 1}/0", why=Why.YEAR))
    log = told(HONEST, last)
    return FraudProof(kind=Lie.AFTER_CLOSING, checkpoint=log.note, entries=(log.included(3), log.included(4)))


def row_of_no_entry() -> FraudProof:
    rows = [(ANN, 2, leaf_hash(b"{}"), 3), HONEST[1]]
    log = told(rows, b"{}")
    entries = (log.included(4), log.included(3))
    return FraudProof(kind=Lie.WRONG_ROW, checkpoint=log.note, entries=entries, rows=(places(rows)[0],))


LIES = {
    "a row that names no entry": row_of_no_entry(),
    "two leaves of one index": forked(),
    "one id twice": duplicate_id(),
    "an entry after the last": after_closing(),
    "a row that counts too few": hidden(SHORT, [0]),
    "a tag that is missing": hidden(MISSING, [0]),
    "a row with another leaf": wrong_row(),
    "rows out of order": unsorted_rows(),
    "one number twice": parallel_chain(),
    "a chain that does not hang together": broken_chain(),
    "one size with two roots": split_view(),
}


@pytest.mark.parametrize("proof", LIES.values(), ids=LIES.keys())
def test_a_lie_is_proven_by_its_own_signature(proof: FraudProof):
    found = fraud.verify(fraud.parse(bytes(proof)), KEYS)

    assert (found.kind, found.checkpoint.origin) == (proof.kind, ORIGIN)


@pytest.mark.parametrize("proof", LIES.values(), ids=LIES.keys())
def test_nobody_elses_key_proves_it(proof: FraudProof):
    with pytest.raises(Unproven):
        fraud.verify(proof, [Signer(HOST, bytes([1]) * 32).key(ORIGIN)])


@pytest.mark.parametrize("kind", list(Lie))
def test_an_honest_log_cannot_be_accused_of_anything(kind: Lie):
    log = told(HONEST)
    found = places(HONEST)
    choices = [
        FraudProof(kind=kind, checkpoint=log.note, entries=entries, rows=rows, other=log.note)
        for entries in [
            (),
            (log.included(3),),
            *[(log.included(3), log.included(at)) for at in range(4)],
            *[(log.included(a), log.included(b)) for a in range(3) for b in range(3)],
        ]
        for rows in [(), (found[0],), (found[1],), tuple(found), (found[1], found[0])]
    ]

    for proof in choices:
        with pytest.raises(LedgerError):
            fraud.verify(proof, KEYS)


@pytest.mark.parametrize("proof", LIES.values(), ids=LIES.keys())
@given(data=st.data())
def test_a_changed_byte_proves_nothing_or_the_same(proof: FraudProof, data: st.DataObject):
    good = bytes(proof)
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]

    with pytest.raises(LedgerError):
        fraud.verify(fraud.parse(bad), KEYS)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b'{"v":1}', b"x" * 100_000])
def test_other_bytes_prove_nothing(data: bytes):
    with pytest.raises(Malformed):
        fraud.parse(data)


def test_an_entry_newer_than_the_index_is_not_hidden_by_it():
    newer = entry(EVE, 1, NO_PREVIOUS)
    log = Told((*ENTRIES, index_over(ENTRIES, HONEST), newer))
    proof = FraudProof(
        kind=Lie.HIDDEN_ACCESS,
        checkpoint=log.note,
        entries=(log.included(3), log.included(4)),
        rows=(places(HONEST)[1],),
    )

    with pytest.raises(Unproven):
        fraud.verify(proof, KEYS)
