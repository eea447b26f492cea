"""What a bundle's policy says of witnesses: who cosigned its checkpoints, and how many of them each has at least.

It is told from the cosignatures alone, so it has one spelling and no byte of it is free: a witness is named by
its key's name and id, all that cosigned anything are one group, and its threshold is the smallest number under
any checkpoint. Where a checkpoint has none the quorum is `none`. Whose word is needed, a verifier's own policy
says.
"""

from collections.abc import Collection, Iterable, Sequence

from consent.ledger.formats.note import VerifierKey
from consent.ledger.formats.policy import NOBODY, Group, Policy, Witness

_ALL = "witnesses"


def vouching(
    logs: Iterable[VerifierKey],
    receipt_keys: Iterable[bytes],
    cosigners: Sequence[Collection[VerifierKey]],
) -> Policy:
    """The policy of a bundle whose checkpoints have these cosigners, one collection for each checkpoint."""
    named = {_name(key): key for keys in cosigners for key in keys}
    witnesses = tuple(Witness(name, key) for name, key in sorted(named.items()))
    fewest = min(map(len, cosigners), default=0)
    groups = (Group(_ALL, fewest, tuple(one.name for one in witnesses)),) if fewest else ()
    return Policy(
        tuple(logs), tuple(receipt_keys), witnesses, groups, quorum=groups[0].name if groups else NOBODY
    )


def _name(key: VerifierKey) -> str:
    return f"{key.name}:{key.key_id.hex()}"
