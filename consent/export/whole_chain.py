"""All receipts of one consent, for the person who gave it, from its giving over every use to its withdrawal, or refused it.

`receipts_of(vault, subject, bucket, grant_id) -> list[str]` compact JWS in the order of the chain; empty when
there is no such consent of this person, or it was never decided, or refused by somebody they trust with a second look.
"""

from sqlalchemy import select

from consent.ids import DisclosureId, GrantId
from consent.permits.committed import committed_uses
from consent.receipts.issue import all_receipts
from consent.schema.grant_states import GrantState
from consent.schema.tables import consent_grant, disclosure
from consent.withdrawal import rows as withdraw_rows
from consent.withdrawal.withdraw import ended_of
from vault.ids import Bucket, SubjectId
from vault.opening import Vault

_UNDECIDED = frozenset({GrantState.REQUESTED, GrantState.DEFERRED, GrantState.LAPSED})


def receipts_of(vault: Vault, subject: SubjectId, bucket: Bucket, grant_id: GrantId) -> list[str]:
    """The chain as it stands now."""
    grant, row = consent_grant.c, disclosure.c
    own = (grant.bucket == bucket, grant.id == grant_id, grant.subject == subject)
    numbered = select(row.id).where(row.bucket == bucket, row.grant_id == grant_id).order_by(row.number)
    with vault.data.read() as conn:
        state = conn.execute(select(grant.state).where(*own)).scalar_one_or_none()
        if state is None or GrantState(state) in _UNDECIDED:
            return []
        refs = [(bucket, DisclosureId(one)) for one in conn.execute(numbered).scalars()]
        uses = [use for use in committed_uses(conn, refs) if use is not None]
        ended = [ended_of(vault, one) for one in withdraw_rows.written(conn, [(bucket, grant_id)])]
    given = GrantState(state) is not GrantState.REFUSED
    return all_receipts(vault, (bucket, grant_id), uses, ended, given=given)
