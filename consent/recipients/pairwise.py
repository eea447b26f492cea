"""The name by which one recipient knows a person: no two recipients can join what they know by it (OIDC Core §8.1).

Identical copies of two recipients differ by these names, and a name that turns up leads back to its recipient
and person. It is a keyed digest, so leading back means making every name there is once more: a few seconds for
a million pairs.
"""

import hmac
from collections.abc import Callable
from typing import Final

from sqlalchemy import func, select

from consent.ids import RecipientId
from consent.schema.tables import consent_grant
from vault.base64url import b64url
from vault.ids import Bucket, Person, SubjectId
from vault.opening import Vault

PREFIX: Final = "pairwise:"
_PAGE: Final = 10_000

type Progress = Callable[[int, int], None]
"""Called with (done, total) pairs."""


def pairwise(vault: Vault, recipient_id: str, subject: SubjectId) -> str:
    """The person's name for this recipient: always the same, and another one for every other."""
    return _name(vault.keyring.service_key("pairwise"), recipient_id, subject)


def resolve(vault: Vault, name: str, progress: Progress | None = None) -> tuple[RecipientId, Person] | None:
    """Whose name this is, and for whom; None when nobody was ever known by it."""
    if not name.startswith(PREFIX):
        return None
    secret, c, done = vault.keyring.service_key("pairwise"), consent_grant.c, 0
    pairs = select(c.recipient_id, c.bucket, c.subject).distinct()
    with vault.data.read() as conn:
        total = conn.execute(select(func.count()).select_from(pairs.subquery())).scalar_one()
        rows = conn.execute(pairs.execution_options(yield_per=_PAGE))
        for page in rows.partitions():
            for recipient, bucket, subject in page:
                if hmac.compare_digest(_name(secret, recipient, subject), name):
                    return RecipientId(recipient), (Bucket(bucket), SubjectId(subject))
            done += len(page)
            if progress is not None:
                progress(done, total)
    return None


def _name(secret: bytes, recipient_id: str, subject: bytes) -> str:
    digest = hmac.digest(secret, f"pv1/sub/{recipient_id}/".encode() + subject, "sha256")
    return f"{PREFIX}{b64url(digest)}"
