"""Disclosing: redeem, commit, and only then open the values, under permits read back from the ledger.

`disclose_many(vault, requests, now_ms) -> list[Disclosure | Denied]`, one answer per request, in order. The
commit of the redemption precedes the first byte of an answer: a crash in between leaves a use that the
ledger shows and nobody received, never one that somebody received and nobody sees; the recipient's retry
under the same Idempotency-Key gets the same values and the same receipt.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from consent.denials import DenialCode, Denied
from consent.permits import permits
from consent.receipts import receipts
from consent.redeem import Disclosed, RedeemRequest, redeem_many
from vault.opening import Vault
from vault.reader import open_many

__all__ = ["Denied", "Disclosure", "RedeemRequest", "disclose_many"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """The answer: what was disclosed, the values by field code, and the signed receipt."""

    disclosed: Disclosed
    values: dict[str, str]
    receipt: str

    def __repr__(self) -> str:
        return f"Disclosure({self.disclosed.disclosure_id.hex()})"


def disclose_many(vault: Vault, requests: Sequence[RedeemRequest], now_ms: int) -> list[Disclosure | Denied]:
    """Redeem everything that is waiting, then read what was redeemed; see the module's promise."""
    outcomes = redeem_many(vault, requests, now_ms)
    spent = [outcome for outcome in outcomes if isinstance(outcome, Disclosed)]
    answers = iter(_read(vault, spent))
    return [next(answers) if isinstance(outcome, Disclosed) else outcome for outcome in outcomes]


def _read(vault: Vault, spent: Sequence[Disclosed]) -> list[Disclosure | Denied]:
    if not spent:
        return []
    permitted = permits(vault, [(use.bucket, use.disclosure_id) for use in spent])
    readable = [one for one in permitted if one is not None]
    values = iter(open_many(vault, [one.permit for one in readable]))
    words = iter(receipts(vault, [one.use for one in readable]))
    answers: list[Disclosure | Denied] = []
    for disclosed, one in zip(spent, permitted, strict=True):
        opened, word = (None, "") if one is None else (next(values), next(words))
        if isinstance(opened, dict):
            answers.append(Disclosure(disclosed=disclosed, values=opened, receipt=word))
        else:
            answers.append(Denied(code=DenialCode.UNREADABLE))
    return answers
