"""The Merkle tree against known answers of others."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from consent.ledger.tree import (
    EMPTY,
    EMPTY_ROOT,
    Frontier,
    consistency_ranges,
    inclusion_ranges,
    leaf_hash,
    node_hash,
    root_from_inclusion,
    subtrees,
    verify_consistency,
    verify_inclusion,
)
from tests.vectors import ledger_formats

KNOWN = json.loads(ledger_formats.FILE.with_name("ledger_known.json").read_text())
ROOT = Path(__file__).parents[3]
CASES = ROOT.parent / "shared" / "vectors" / "merkle"
TWELVE_BYTES = "sizes-are-equal-one-and-proof-is-empty.json"
"""Its two equal roots are 12 bytes long and must not matter there; here only 32 bytes are a hash."""


def _cases(kind: str) -> list[Path]:
    found = sorted((CASES / kind).rglob("*.json"))
    if not found:
        pytest.skip(f"no Merkle vectors at {CASES}")
    return found


def _bytes(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def _proof(case: dict[str, Any]) -> list[bytes]:
    return [_bytes(item) for item in case["proof"] or []]


def test_hashes_of_leaves_nodes_and_the_empty_tree_are_those_of_rfc_6962():
    merkle = KNOWN["merkle"]

    assert merkle["empty_root"] == EMPTY_ROOT.hex() == EMPTY.root().hex()
    for text, digest in merkle["leaves"].items():
        assert leaf_hash(text.encode()).hex() == digest
    for left, right, digest in merkle["nodes"]:
        assert node_hash(left.encode(), right.encode()).hex() == digest


def test_roots_of_70_000_and_300_000_entries_are_the_ones_go_computes():
    frontier = EMPTY
    for size in (70_000, 300_000):
        new = range(frontier.size, size)
        frontier = frontier.extend(leaf_hash(f"entry {i} ".encode() + b"x" * (i % 97)) for i in new)

        assert base64.b64encode(frontier.root()).decode() == KNOWN["roots"][str(size)]


def test_every_inclusion_vector_gets_its_published_verdict():
    for path in _cases("inclusion"):
        case = json.loads(path.read_text())

        held = verify_inclusion(
            _bytes(case["leafHash"]), case["leafIdx"], case["treeSize"], _proof(case), _bytes(case["root"])
        )

        assert held is not case["wantErr"], f"{path.parent.name}/{path.name}"


def test_every_consistency_vector_gets_its_published_verdict():
    for path in _cases("consistency"):
        if path.name == TWELVE_BYTES:
            continue
        case = json.loads(path.read_text())

        held = verify_consistency(
            case["size1"], case["size2"], _bytes(case["root1"]), _bytes(case["root2"]), _proof(case)
        )

        assert held is not case["wantErr"], f"{path.parent.name}/{path.name}"


def test_a_stored_frontier_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        Frontier.parse(3, bytes(32))


def test_hashes_of_other_lengths_prove_nothing():
    leaf = leaf_hash(b"a")

    assert root_from_inclusion(leaf[:12], 0, 1, []) is None
    assert not verify_inclusion(leaf, 0, 2, [b"short"], leaf)
    assert not verify_consistency(1, 1, b"short", b"short", [])


def test_an_index_outside_the_tree_has_no_path():
    with pytest.raises(ValueError, match="outside"):
        inclusion_ranges(5, 5)
    with pytest.raises(ValueError, match="out of order"):
        consistency_ranges(0, 5)
    assert root_from_inclusion(leaf_hash(b"a"), 1, 1, []) is None


def test_a_range_falls_apart_into_perfect_subtrees():
    assert subtrees(0, 7) == [(2, 0), (1, 2), (0, 6)]
    assert subtrees(8, 11) == [(1, 4), (0, 10)]
