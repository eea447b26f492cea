"""Everything the ledger says of one person, with the proof that it is everything (ledger.md §4).

`whole(vault, subject, bucket) -> Whole | None` goes into `ledger.bundles.bundle.build`: how the person was taken in and
with which ledger key, each use that the ledger bears out, and the person's tag in every log of their bucket,
those in which they have nothing included. None once the person is erased. `whole_bundle` builds it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from consent.ids import DisclosureId
from consent.ledger import published
from consent.ledger.bundles.bundle import Evidence, build
from consent.ledger.formats.policy import Policy
from consent.ledger.indexes import indexing
from consent.ledger.openings import tag_of
from consent.ledger.origin import LogId, origin_of
from consent.ledger.publishing.signer import Signer
from consent.people.enrolment import enrolment
from consent.redemption.evidence import evidence
from consent.schema.tables import disclosure
from consent.signing.keys import receipt_keys
from vault.ids import Bucket, SubjectId
from vault.opening import Vault


@dataclass(frozen=True, slots=True)
class Whole:
    """The evidence of the enrolment and of every use, and the person's tag in each log."""

    evidence: list[Evidence]
    tags: Mapping[LogId, bytes]


def whole(vault: Vault, subject: SubjectId, bucket: Bucket) -> Whole | None:
    """What a bundle needs in order to say: these are all."""
    keys = vault.keyring.subject_keys([(bucket, subject)])
    if subject not in keys:
        return None
    d, host = disclosure.c, vault.installation.ledger_host
    mine = select(d.id).where(d.bucket == bucket, d.subject == subject).order_by(d.committed_at, d.id)
    with vault.data.read() as conn:
        used = [(bucket, DisclosureId(one)) for one in conn.execute(mine).scalars()]
        logs = [log for log in published.logs(conn) if log.bucket == bucket]
        counted = any(_has_index(conn, log) for log in logs)
    found = [one for one in evidence(vault, used) if one is not None]
    if found or counted:  # alone it would look like an answer where none can be given yet
        first = enrolment(vault, bucket, subject)
        found = [first, *found] if first else found
    return Whole(found, {log: tag_of(keys[subject].ledger, origin_of(host, log)) for log in logs})


def _has_index(conn: Connection, log: LogId) -> bool:
    at = published.newest(conn, log)
    return at is not None and indexing.newest(conn, log, at.size) is not None


def whole_bundle(vault: Vault, subject: SubjectId, bucket: Bucket, witnesses: Policy) -> bytes | None:
    """The bundle with everything proven; None for nobody. Raises NotYetPublished, and LedgerAlarm as `build` does."""
    found = whole(vault, subject, bucket)
    if found is None:
        return None
    return build(
        vault.data,
        Signer.of(vault),
        found.evidence,
        receipt_keys=receipt_keys(vault),
        witnesses=witnesses,
        whole=found.tags,
    )
