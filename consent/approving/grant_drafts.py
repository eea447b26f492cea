"""A person's yes or no before it is written: the grant's row, its ledger entry, and why it waits if it does.

Nothing is written here. `approve` does that, when it holds whom it is about and has asked again whether the answer is
theirs to give.
"""

from dataclasses import dataclass
from typing import Any

from consent.approving import separate_acts, step_up
from consent.approving.step_up import Evidence, Proof
from consent.asking.showings import Showing
from consent.grants.promises import Promise, approval_hash, promised
from consent.ids import GrantId, grant_text
from consent.ledger.append import Item
from consent.ledger.entries.commitment import Field
from consent.ledger.entries.entry import Kind
from consent.ledgering import entry_items
from consent.protection import deferral
from consent.protection.mode import Protection
from consent.protection.waiting import Why
from consent.refusals import Refusal
from consent.schema.grant_states import GrantState
from consent.withdrawal import guarded
from vault.ids import new_id
from vault.opening import Vault
from vault.people.ages import sensitive_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is to be written: the grant's row and ledger entry, what proved it, and why it waits if it does."""

    grant: GrantId
    row: dict[str, Any]
    items: list[Item]
    evidence: Evidence | None
    why: Why | None


def draft(
    vault: Vault,
    shown: Showing,
    state: GrantState,
    fields: tuple[str, ...],
    guard: Protection | None,
    now_ms: int,
    proof: Proof | None,
) -> Draft | Refusal:
    """The grant in `state` of just these fields; a refusal where an act or a proof that it takes is missing."""
    grant = GrantId(new_id(shown.bucket, now_ms))
    promise = promised(vault, shown, fields, now_ms)
    active = state is GrantState.ACTIVE
    why = _why(vault, guard, shown, promise, fields, now_ms) if active else None
    row = _grant_row(shown, grant, state if why is None else GrantState.DEFERRED, promise, now_ms)
    agreed = separate_acts.weigh(vault, shown, promise, proof) if active else ()
    if isinstance(agreed, Refusal):
        return agreed
    row["written_by"] = separate_acts.signed_by(promise, agreed) if active else None
    evidence = step_up.weigh(vault, shown, promise, proof, now_ms) if active else None
    if isinstance(evidence, Refusal):
        return evidence
    said = (
        *_committed(row),
        *_signed(shown),
        *step_up.committed(evidence),
        *separate_acts.committed(agreed),
        *guarded.committed(shown.guardian),
    )
    kind = Kind.GRANT if active else Kind.REFUSE
    items = entry_items(vault, kind, [(shown.bucket, shown.subject, grant, said)], now_ms)
    row["ledger_year"] = items[0].year
    return Draft(grant=grant, row=row, items=items, evidence=evidence, why=why)


def _why(
    vault: Vault,
    guard: Protection | None,
    shown: Showing,
    promise: Promise,
    fields: tuple[str, ...],
    now_ms: int,
) -> Why | None:
    """What makes it wait; whoever is not protected waits for nobody."""
    if guard is None:
        return None
    return deferral.weigh(guard, shown, promise, sensitive_fields(vault, shown.subject, fields, now_ms))


def _grant_row(
    shown: Showing,
    grant: GrantId,
    state: GrantState,
    promise: dict[str, Any],
    now_ms: int,
) -> dict[str, Any]:
    return {
        **promise,
        "bucket": shown.bucket,
        "id": grant,
        "subject": shown.subject,
        "showing_id": shown.id,
        "used": 0,
        "state": state.value,
        "approval_hash": approval_hash(promise),
        "decided_at": now_ms,
    }


def _committed(row: dict[str, Any]) -> tuple[Field, ...]:
    """What the ledger entry says of the grant's row as it is written."""
    return (
        ("outcome", row["state"]),
        ("recipient", row["recipient_id"]),
        ("purpose", row["purpose"]),
        ("fields", row["fields"]),
        ("uses", str(row["max_uses"])),
        ("window", f"{row['window_from']}/{row['window_to']}"),
        ("notice", row["notice_hash"]),
        ("terms", row["terms_hash"]),
        ("approval", row["approval_hash"].hex()),
        *_signed_in_writing(row),
        *((("parent", grant_text(row["parent_grant"])),) if row["parent_grant"] else ()),
        *((("onward", row["onward"]),) if row["onward"] != "[]" else ()),
    )


def _signed(shown: Showing) -> tuple[Field, ...]:
    """Which signature of the recipient stands under what it owes: in its request, or under the terms themselves."""
    name = shown.terms.signature(shown.details.terms_signature)
    return (("signature", name),) if name else ()


def _signed_in_writing(row: dict[str, Any]) -> tuple[Field, ...]:
    """Of a written consent how it was signed, in which language, and the hash of what was signed."""
    if not row["written_by"]:
        return ()
    return (("written", f"{row['written_by']}:{row['written_lang']}:{row['written_hash']}"),)
