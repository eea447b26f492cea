"""Evidence of uses: for each committed disclosure its ledger position, verified opening and receipt.

`evidence(vault, refs, show=None) -> list[Evidence | None]`, refs are (bucket, disclosure id); the result
goes into `ledger.bundles.bundle.build`. `show` names the committed fields to reveal (recipient, purpose, fields,
grant), all when None. None in place of a use the ledger does not bear out.
"""

from collections.abc import Collection, Sequence

from consent.ledger.bundles.bundle import Evidence
from consent.permits.committed import Ref, committed_uses, open_uses
from consent.receipts.issue import receipts
from vault.opening import Vault


def evidence(vault: Vault, refs: Sequence[Ref], show: Collection[str] | None = None) -> list[Evidence | None]:
    """What a bundle needs to prove these uses, in order."""
    with vault.data.read() as conn:
        uses = committed_uses(conn, refs)
        openings = open_uses(vault, uses)
    found: list[Evidence | None] = []
    for use, opening in zip(uses, openings, strict=True):
        if use is None or opening is None:
            found.append(None)
        else:
            word = receipts(vault, [use])[0]
            found.append(Evidence(log=use.log, idx=use.idx, opening=opening, show=show, receipt=word))
    return found
