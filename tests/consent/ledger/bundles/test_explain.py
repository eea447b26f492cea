"""The explanation of a proof computes every hash again and says which entries lie under each."""

import pytest

from consent.ledger.bundles.bundle import build
from consent.ledger.bundles.explain import explain
from consent.ledger.bundles.verify import verify_bundle
from consent.ledger.publishing.publish import publish
from consent.ledger.tree import leaf_hash, node_hash
from tests.consent.ledger.bundles.test_bundle import RECEIPT_KEY, SIGNER, disclose, evidence
from tests.consent.ledger.kit import NOW, grow


def explained(backend, before, after):
    grow(backend, before)
    found = evidence(*disclose(backend))
    grow(backend, after, seed=9)
    publish(backend.data, SIGNER, NOW)
    data = build(backend.data, SIGNER, [found], receipt_keys=[RECEIPT_KEY])
    return explain(data, verify_bundle(data))


@pytest.mark.parametrize(("before", "after"), [(0, 0), (0, 1), (4, 2), (6, 0), (256, 44)])
def test_each_step_joins_neighbours_and_the_last_is_the_signed_root(backend, before, after):
    found = explained(backend, before, after)

    node = found.leaf
    assert node.hash == leaf_hash(found.body)
    for step in found.steps:
        pair = (step.beside, node) if step.left else (node, step.beside)
        assert pair[0].last + 1 == pair[1].first
        assert (step.above.first, step.above.last) == (pair[0].first, pair[1].last)
        assert step.above.hash == node_hash(pair[0].hash, pair[1].hash)
        node = step.above
    assert node.hash == found.checkpoint.root
    assert (node.first, node.last) == (0, found.checkpoint.size - 1) == (0, before + after)
    assert found.keys == (SIGNER.key(found.checkpoint.origin),)


def test_an_entry_that_the_bundle_does_not_prove_cannot_be_explained(backend):
    found = evidence(*disclose(backend))
    publish(backend.data, SIGNER, NOW)
    data = build(backend.data, SIGNER, [found], receipt_keys=[RECEIPT_KEY])

    with pytest.raises(IndexError):
        explain(data, verify_bundle(data), 1)
