"""The tree, its proofs and its second computation against the slowest obvious reference."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from consent.ledger.formats.tiles import locate, perfect_root, tiles_of
from consent.ledger.recompute import RightEdge, absorb, leaves_of
from consent.ledger.tree import (
    EMPTY,
    Frontier,
    consistency_path,
    inclusion_path,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from tests.property.slow_root import slow_root

MANY = 600
LEAVES = [leaf_hash(str(at).encode()) for at in range(MANY)]
sizes = st.integers(0, MANY)


def slow_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*slow_path(m, leaves[:k]), slow_root(leaves[k:])]
    return [*slow_path(m - k, leaves[k:]), slow_root(leaves[:k])]


def slow_consistency(m: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    """RFC 6962 section 2.1.2."""
    if m == len(leaves):
        return [] if whole else [slow_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*slow_consistency(m, leaves[:k], whole), slow_root(leaves[k:])]
    return [*slow_consistency(m - k, leaves[k:], False), slow_root(leaves[:k])]


def hash_at(level: int, index: int) -> bytes:
    return slow_root(LEAVES[index << level : (index + 1) << level])


@given(sizes, st.lists(sizes, max_size=4))
def test_the_frontier_gives_the_root_however_the_leaves_arrive(size, cuts):
    edges = sorted({0, size, *(cut for cut in cuts if cut < size)})
    frontier = EMPTY
    for start, end in pairwise(edges):
        frontier = frontier.extend(LEAVES[start:end])
        frontier = Frontier.parse(frontier.size, bytes(frontier))

    assert frontier.root() == slow_root(LEAVES[:size])


@given(sizes, sizes)
def test_the_second_code_path_agrees_with_the_first(one, other):
    old, new = sorted((one, other))
    frontier = EMPTY.extend(LEAVES[:old])

    edge = absorb(RightEdge.from_bytes(old, bytes(frontier)), LEAVES[old:new])

    after = frontier.extend(LEAVES[old:new])
    assert (edge.size, edge.root(), bytes(edge)) == (new, after.root(), bytes(after))


@given(st.binary(max_size=300))
def test_both_code_paths_hash_an_entry_alike(body):
    assert leaves_of([body]) == [leaf_hash(body)]


@given(st.data(), st.integers(1, MANY))
def test_inclusion_paths_are_those_of_the_standard_and_hold(data, size):
    index = data.draw(st.integers(0, size - 1))

    path = inclusion_path(hash_at, index, size)

    assert path == slow_path(index, LEAVES[:size])
    assert verify_inclusion(LEAVES[index], index, size, path, slow_root(LEAVES[:size]))


@given(st.data(), st.integers(1, MANY))
def test_consistency_paths_are_those_of_the_standard_and_hold(data, new):
    old = data.draw(st.integers(1, new))

    path = consistency_path(hash_at, old, new)

    assert path == slow_consistency(old, LEAVES[:new])
    assert verify_consistency(old, new, slow_root(LEAVES[:old]), slow_root(LEAVES[:new]), path)


@given(st.data(), st.integers(2, MANY))
def test_a_path_with_any_change_proves_nothing(data, size):
    index = data.draw(st.integers(0, size - 1))
    root = slow_root(LEAVES[:size])
    path = slow_path(index, LEAVES[:size])
    at = data.draw(st.integers(0, len(path) - 1))
    flipped = [*path[:at], bytes([path[at][0] ^ 1]) + path[at][1:], *path[at + 1 :]]
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index))

    for wrong in (flipped, path[1:], path[:-1], [*path, path[0]], [path[-1], *path]):
        assert not verify_inclusion(LEAVES[index], index, size, wrong, root)
    assert not verify_inclusion(LEAVES[index], other, size, path, root)
    assert not verify_inclusion(LEAVES[other], index, size, path, root)


@given(st.data(), st.integers(2, MANY))
def test_a_consistency_proof_with_any_change_proves_nothing(data, new):
    old = data.draw(st.integers(1, new - 1))
    roots = slow_root(LEAVES[:old]), slow_root(LEAVES[:new])
    path = slow_consistency(old, LEAVES[:new])
    at = data.draw(st.integers(0, len(path) - 1))
    flipped = [*path[:at], bytes([path[at][0] ^ 1]) + path[at][1:], *path[at + 1 :]]

    for wrong in (flipped, path[1:], path[:-1], [*path, path[0]]):
        assert not verify_consistency(old, new, *roots, wrong)
    assert not verify_consistency(old, new, roots[1], roots[0], path)


@given(sizes, st.integers(0, 9), st.integers(0, MANY))
def test_a_subtree_is_where_its_tile_says(size, level, index):
    if (index + 1) << level > size:
        return
    tile, slot, count = locate(level, index)
    covered = {(t.level, t.n): t.width for t in tiles_of(size)}

    assert covered[tile.level, tile.n] >= tile.width
    hashes = [hash_at(8 * tile.level, 256 * tile.n + slot + at) for at in range(count)]
    assert perfect_root(hashes) == hash_at(level, index)
