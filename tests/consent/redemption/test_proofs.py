"""From a real disclosure to a bundle a stranger verifies: every floor of the ledger together."""

from consent.ledger.bundles.bundle import build
from consent.ledger.bundles.verify import verify_bundle
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.formats.policy import Policy
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.receipts.issue import public_key
from consent.redemption.disclose import disclose_many
from consent.redemption.evidence import evidence


def test_a_disclosure_is_proven_to_a_stranger_with_its_receipt(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person)
    (answer,) = disclose_many(world.vault, [world.request(issued)], world.now)
    signer, key = Signer.of(world.vault), public_key(world.vault).key
    publish(world.vault.data, signer, world.now)

    (found,) = evidence(world.vault, [(answer.disclosed.bucket, answer.disclosed.disclosure_id)])
    data = build(world.vault.data, signer, [found], receipt_keys=[key], chains=True)

    verdict = verify_bundle(data, Policy((signer.key(answer.disclosed.position.origin),), (key,)))
    (proven,) = verdict.entries
    assert verdict.ok
    assert dict(proven.fields)["recipient"] == answer.disclosed.recipient_id
    assert proven.receipt["aud"] == answer.disclosed.recipient_id
    assert not [item for item in fsck(world.vault.data, signer) if isinstance(item, Finding)]
