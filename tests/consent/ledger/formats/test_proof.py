"""The stand-alone proof file."""

import dataclasses
import json

import pytest

from consent.ledger.errors import Malformed, Unproven
from consent.ledger.formats import proof
from consent.ledger.formats.checkpoint import Checkpoint, sign
from consent.ledger.formats.note import VerifierKey
from consent.ledger.tree import EMPTY, leaf_hash, node_hash
from tests.vectors import ledger_formats
from vault.signing import signatures

FROZEN = json.loads(ledger_formats.FILE.read_text(encoding="utf-8"))
SEED = bytes(32)
KEY = VerifierKey("a.example/2026/0", signatures.public_key(SEED))
LEAVES = [leaf_hash(text) for text in (b"one", b"two", b"three")]
HEAD = Checkpoint(KEY.name, 3, EMPTY.extend(LEAVES).root())
PROOF = proof.Proof(1, (LEAVES[0], LEAVES[2]), sign(HEAD, SEED))
DATA = bytes(PROOF)


def test_the_frozen_proof_still_verifies():
    found = proof.parse(FROZEN["proof"].encode())

    head = proof.verify(found, bytes.fromhex(FROZEN["leaves"][1]), [VerifierKey.parse(FROZEN["log"]["vkey"])])

    assert (head.origin, head.size) == (FROZEN["origin"]["origin"], 2)


def test_a_proof_is_read_back_and_leads_to_the_signed_root():
    assert proof.parse(DATA) == PROOF
    assert proof.verify(proof.parse(DATA), LEAVES[1], [KEY]) == HEAD
    assert node_hash(node_hash(LEAVES[0], LEAVES[1]), LEAVES[2]) == HEAD.root


def test_extra_data_are_kept_but_prove_nothing():
    with_extra = dataclasses.replace(PROOF, extra=b"anything")

    assert proof.parse(bytes(with_extra)) == with_extra
    assert proof.verify(with_extra, LEAVES[1], [KEY]) == HEAD


def test_a_tree_of_one_has_an_empty_path():
    head = Checkpoint(KEY.name, 1, LEAVES[0])
    only = proof.Proof(0, (), sign(head, SEED))

    assert proof.verify(proof.parse(bytes(only)), LEAVES[0], [KEY]) == head


@pytest.mark.parametrize(
    "change", [{"index": 0}, {"index": 2}, {"path": PROOF.path[::-1]}, {"path": PROOF.path[:1]}]
)
def test_another_index_or_path_proves_nothing(change):
    with pytest.raises(Unproven):
        proof.verify(dataclasses.replace(PROOF, **change), LEAVES[1], [KEY])


def test_another_leaf_or_key_is_refused():
    with pytest.raises(Unproven):
        proof.verify(PROOF, LEAVES[0], [KEY])
    with pytest.raises(Unproven):
        proof.verify(PROOF, LEAVES[1], [VerifierKey(KEY.name, signatures.public_key(bytes([1]) * 32))])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"@v1", b"@v2"),
        (b"index 1", b"index 01"),
        (b"index 1\n", b""),
        (b"index 1", b"idx 1"),
        (b"\n\n", b"\n"),
        (b"=\n", b"\n"),
        (b"c2sp", b"\xff"),
        (b"index 1\n", b"index 1\nAAAA\n"),
        (b"index 1\n", b"index 1\n" + b"".join(DATA.splitlines(keepends=True)[2:3]) * 63),
    ],
)
def test_any_other_shape_is_refused(old: bytes, new: bytes):
    changed = DATA.replace(old, new, 1)

    assert changed != DATA
    with pytest.raises(Malformed):
        proof.verify(proof.parse(changed), LEAVES[1], [KEY])
