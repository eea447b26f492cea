"""The name by which one recipient knows a person: no two recipients can join what they know by it (OIDC Core §8.1)."""

import hmac

from vault.base64url import b64url
from vault.ids import SubjectId
from vault.opening import Vault


def pairwise(vault: Vault, recipient_id: str, subject: SubjectId) -> str:
    """The person's name for this recipient: always the same, and another one for every other."""
    digest = hmac.digest(
        vault.keyring.service_key("pairwise"), f"pv1/sub/{recipient_id}/".encode() + subject, "sha256"
    )
    return f"pairwise:{b64url(digest)}"
