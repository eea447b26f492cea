"""A bundle that holds, taken apart step by step: from an entry's bytes to the root that a log signed.

`explain(data, verdict, which) -> Explanation` computes every hash again, so what is shown is what was checked. It is
for people who want to follow a proof by eye or by hand; whether the bundle holds is `verify`'s answer.
"""

from dataclasses import dataclass

from consent.ledger.bundles import container, layout, weigh
from consent.ledger.bundles.verify import ProvenEntry, Verdict
from consent.ledger.formats import note, proof
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.cosignature import Cosigned
from consent.ledger.formats.note import VerifierKey
from consent.ledger.origin import parse_origin
from consent.ledger.tree import inclusion_ranges, leaf_hash, node_hash


@dataclass(frozen=True, slots=True)
class Node:
    """A hash of the tree and the entries under it, `first` to `last`, both included."""

    first: int
    last: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Step:
    """One step up: `beside` joins the path's node from the left or the right, `above` is the hash over both."""

    beside: Node
    left: bool
    above: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One entry's way: its exact bytes, its leaf, each step, and who signed the root at the end of it."""

    proven: ProvenEntry
    body: bytes
    leaf: Node
    steps: tuple[Step, ...]
    checkpoint: Checkpoint
    keys: tuple[VerifierKey, ...]
    cosigned: tuple[Cosigned, ...]


def explain(data: bytes, verdict: Verdict, which: int = 0) -> Explanation:
    """The entry at place `which` of `verdict.entries`, which `verify_bundle` gave for `data`; IndexError for another place."""
    proven = verdict.entries[which]
    members = container.read(data)
    name = layout.folder_name(parse_origin(proven.origin)[1])
    folder = next(folder for folder in layout.arrange(members) if folder.name == name)
    at = next(at for at, found in enumerate(verdict.checkpoints) if found.origin == proven.origin)
    head, parts = verdict.checkpoints[at], folder.entries[proven.index]
    leaf = Node(proven.index, proven.index, leaf_hash(parts.entry))
    return Explanation(
        proven=proven,
        body=parts.entry,
        leaf=leaf,
        steps=_steps(leaf, head.size, proof.parse(parts.proof).path),
        checkpoint=head,
        keys=note.verify(note.parse(folder.checkpoint), weigh.own_policy(members).logs),
        cosigned=verdict.cosigned[at],
    )


def _steps(leaf: Node, size: int, path: tuple[bytes, ...]) -> tuple[Step, ...]:
    found: list[Step] = []
    node = leaf
    for (start, end), digest in zip(inclusion_ranges(leaf.first, size), path, strict=True):
        beside, left = Node(start, end - 1, digest), start < node.first
        one, other = (beside, node) if left else (node, beside)
        node = Node(one.first, other.last, node_hash(one.hash, other.hash))
        found.append(Step(beside, left, node))
    return tuple(found)
