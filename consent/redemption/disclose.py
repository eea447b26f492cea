"""Disclosing: redeem, commit, and only then open the values, under permits read back from the ledger.

`disclose_many(vault, requests, now_ms) -> list[Disclosure | Denied]`, one answer per request, in order. The
commit of the redemption precedes the first byte of an answer: a crash in between leaves a use that the
ledger shows and nobody received, never one that somebody received and nobody sees; the recipient's retry
under the same Idempotency-Key gets the same values and the same receipt. Values are answered with the marks that the
committed use names, if any (`marks.served`), and a hash of such an answer is kept before it leaves (`marks.seals`).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from consent.denials import DenialCode, Denied
from consent.ids import disclosure_text
from consent.marks.alias_giving import served
from consent.marks.seals import hold
from consent.marks.served import as_served, marks_of
from consent.permits.committed import CommittedUse
from consent.permits.issue import Permitted, permits
from consent.receipts.issue import receipts
from consent.redemption.redeem import Disclosed, RedeemRequest, redeem_many
from consent.wording.alias_fields import ALIASES, given
from vault.opening import Vault
from vault.reader import Unreadable, open_many

__all__ = ["Denied", "Disclosure", "RedeemRequest", "disclose_many"]

_log = logging.getLogger("perusal.consent")


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
    """One answer per committed use, whatever happens: raising now would let callers take it for unspent."""
    if not spent:
        return []
    try:
        return _read_set(vault, spent)
    except Exception as error:  # noqa: BLE001  # what one item breaks must not cost its neighbours their answer
        _log.error("reading %d uses together: %s; reading each alone", len(spent), type(error).__name__)
    return [_read_alone(vault, disclosed) for disclosed in spent]


def _read_alone(vault: Vault, disclosed: Disclosed) -> Disclosure | Denied:
    try:
        return _read_set(vault, [disclosed])[0]
    except Exception as error:  # noqa: BLE001  # as above; a retry under the Idempotency-Key reads again
        _log.error("reading %s: %s", disclosure_text(disclosed.disclosure_id), type(error).__name__)
    return Denied(code=DenialCode.UNREADABLE)


def _read_set(vault: Vault, spent: Sequence[Disclosed]) -> list[Disclosure | Denied]:
    permitted = permits(vault, [(use.bucket, use.disclosure_id) for use in spent])
    readable = [one for one in permitted if one is not None]
    values = iter(_values(vault, readable))
    words = iter(receipts(vault, [one.use for one in readable]))
    answers: list[Disclosure | Denied] = []
    marked: list[tuple[CommittedUse, Mapping[str, str]]] = []
    for disclosed, one in zip(spent, permitted, strict=True):
        opened, word = (None, "") if one is None else (next(values), next(words))
        if one is None or not isinstance(opened, dict):
            answers.append(Denied(code=DenialCode.UNREADABLE))
            continue
        opened = given(opened)
        if one.use.marks is not None:
            opened = as_served(vault, one.use.recipient_id, one.use.subject, marks_of(one.use.marks), opened)
            marked.append((one.use, opened))
        answers.append(Disclosure(disclosed=disclosed, values=opened, receipt=word))
    hold(vault, marked)
    return answers


def _values(vault: Vault, permitted: Sequence[Permitted]) -> list[dict[str, str] | Unreadable]:
    """Opened values and aliases by field code; of who gave nothing but aliases nothing is opened."""
    opening = [one for one in permitted if not ALIASES.keys() >= set(one.use.fields)]
    opened = dict(zip(map(id, opening), open_many(vault, [one.permit for one in opening]), strict=True))
    aliases = _aliases(vault, permitted)
    answers: list[dict[str, str] | Unreadable] = []
    for one in permitted:
        values = opened.get(id(one), {})
        answers.append(values | aliases[id(one)] if isinstance(values, dict) else values)
    return answers


def _aliases(vault: Vault, permitted: Sequence[Permitted]) -> dict[int, dict[str, str]]:
    """What each was given instead of contact points, as of its commit: a retry reads the same."""
    found: dict[int, dict[str, str]] = {id(one): {} for one in permitted}
    asked = [(one, code) for one in permitted for code in one.use.fields if code in ALIASES]
    if asked:
        wanted = [
            (one.use.bucket, one.use.subject, one.use.recipient_id, code, one.use.committed_at)
            for one, code in asked
        ]
        with vault.data.glance() as conn:
            texts = served(conn, vault, wanted)
        for (one, code), text in zip(asked, texts, strict=True):
            if text is not None:
                found[id(one)][code] = text
    return found
