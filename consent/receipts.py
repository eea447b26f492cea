"""Receipts: our signed word on one use or one withdrawal, derived from committed rows and never stored.

A receipt names recipient, purpose, fields, notice and terms, and the exact ledger entry: log, index, leaf
and commitment. It holds no value and no name of the person. `log`, `index`, `leaf`, `commitment` are what a
verifier compares with the proven entry.

* `receipts(vault, uses) -> list[str]` compact JWS, type `perusal-receipt+jwt`, in order.
* `withdrawal_receipt(vault, ...) -> str`, type `perusal-withdrawal+jwt`.
* `public_key(vault) -> PublicKey` (`.key` 32 bytes Ed25519, `.kid` RFC 7638 thumbprint).
"""

from collections.abc import Sequence
from typing import Any

from consent import signed
from consent.committed import CommittedUse
from consent.details import instant
from consent.ids import GrantId, RecipientId, disclosure_text, grant_text, use_text
from consent.ledger.append import Position
from consent.ledger.entry import parse
from consent.ledger.origin import origin_of
from consent.signed import PublicKey
from vault.opening import Vault

RECEIPT_TYPE = "perusal-receipt+jwt"
WITHDRAWAL_TYPE = "perusal-withdrawal+jwt"
_KEY = "receipt"


def public_key(vault: Vault) -> PublicKey:
    """The key that verifies this installation's receipts."""
    return signed.public_key(vault.keyring.service_key(_KEY))


def receipts(vault: Vault, uses: Sequence[CommittedUse]) -> list[str]:
    """One receipt per committed use, in order."""
    seed = vault.keyring.service_key(_KEY)
    protected = signed.header(RECEIPT_TYPE, public_key(vault))
    return [signed.sign(seed, protected, _payload(vault, use)) for use in uses]


def withdrawal_receipt(
    vault: Vault, grant: GrantId, recipient: RecipientId, withdrawn_at: int, position: Position
) -> str:
    """The receipt a person gets for taking a consent back."""
    seed = vault.keyring.service_key(_KEY)
    payload = {
        "iss": vault.installation.ledger_host,
        "iat": withdrawn_at // 1000,
        "grant": grant_text(grant),
        "recipient": recipient,
        "withdrawn_at": instant(withdrawn_at),
        **_entry(position.origin, position.idx, position.leaf, position.body),
    }
    return signed.sign(seed, signed.header(WITHDRAWAL_TYPE, public_key(vault)), payload)


def _payload(vault: Vault, use: CommittedUse) -> dict[str, Any]:
    host = vault.installation.ledger_host
    return {
        "iss": host,
        "aud": use.recipient_id,
        "iat": use.committed_at // 1000,
        "at": instant(use.committed_at),
        "disclosure": disclosure_text(use.disclosure_id),
        "grant": grant_text(use.grant_id),
        "use": use_text(use.use_id),
        "slot": use.slot,
        "of": use.quota,
        "purpose": use.purpose,
        "fields": list(use.fields),
        "retention": use.retention,
        "notice": use.notice_hash,
        "terms": use.terms_hash,
        **_entry(origin_of(host, use.log), use.idx, use.leaf, use.body),
    }


def _entry(origin: str, idx: int, leaf: bytes, body: bytes) -> dict[str, Any]:
    return {
        "log": origin,
        "index": idx,
        "leaf": leaf.hex(),
        "commitment": parse(body).commitment.hex(),
    }
