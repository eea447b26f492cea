"""Acts of their own: what a person must agree to apart from everything else before some consents can be given.

| act          | needed                                    | what the person reads                              |
|--------------|-------------------------------------------|----------------------------------------------------|
| onward       | under another recipient's grant (PIPL 23) | who passes on to whom, what for, which data        |
| cross_border | by a recipient abroad (PIPL 39)           | the `particulars`, and the country                 |
| written      | where law demands writing (PIPL 29)       | the declaration they sign by their name (`written`) |

Each is one press of one button, kept with the statement of what was agreed to, and bound to the exact promise
by its approval hash: another choice of fields takes another act. Without one of them there is no consent at
all; the data base says so too (`act_tables`). What is sensitive takes a proof of presence beside them
(`step_up`). A declaration that a passkey signs, as that proof, needs no name under it.

* `needed(shown) -> tuple[Act, ...]` in the order they are asked for.
* `keep(vault, shown, promise, act, now_ms) -> Refusal | None` writes one down; again, it changes nothing.
* `weigh(vault, shown, promise) -> tuple[Agreed, ...] | Refusal`; `committed(agreed)` for the ledger.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import select

from consent.accounts.sign_ins import How
from consent.approving.step_up import Proof
from consent.asking.showings import Showing
from consent.grants.promises import Promise, approval_hash
from consent.grants.written import Signing, declaration
from consent.ids import canonical_json, fields_of, grant_text, showing_text
from consent.ledger.entries.commitment import Field
from consent.recipients.particulars import particulars
from consent.refusals import Refusal, RefusalCode
from consent.schema.act_tables import separate_act
from vault.opening import Vault
from vault.people.holds import take_people
from vault.people.own_name import is_named
from vault.storage.rowset import RowSet


class Act(StrEnum):
    ONWARD = "onward"
    CROSS_BORDER = "cross_border"
    WRITTEN = "written"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """An act that was done; `hash` is the SHA-256 of its statement."""

    act: Act
    hash: bytes


# Pressed twice, the first press counts.
_KEEP = RowSet(
    "WITH {rows} INSERT INTO separate_act (bucket, showing_id, act, approval_hash, subject, statement, hash, at) "
    "SELECT rows.bucket, rows.showing, rows.act, rows.approval, rows.subject, rows.statement, rows.hash, :now "
    "FROM rows WHERE true ON CONFLICT DO NOTHING",
    bucket="int",
    showing="bytes",
    act="text",
    approval="bytes",
    subject="bytes",
    statement="text",
    hash="bytes",
)


def needed(shown: Showing) -> tuple[Act, ...]:
    """The acts without which this request cannot be approved."""
    onward = (Act.ONWARD,) if shown.parent is not None else ()
    abroad = (Act.CROSS_BORDER,) if shown.recipient.abroad else ()
    return (*onward, *abroad, *((Act.WRITTEN,) if shown.purpose.written else ()))


def keep(
    vault: Vault, shown: Showing, promise: Promise, act: Act, now_ms: int, *, name: str = ""
) -> Refusal | None:
    """Write one act down, in a transaction of its own; a declaration only under the `name` of who answers."""
    if act not in needed(shown):
        return Refusal(code=RefusalCode.CHOICE_EXCESS, at="act")
    text = statement(shown, promise, act)
    own = (shown.bucket, shown.id, act.value, approval_hash(promise), shown.subject)
    with vault.data.write() as conn:
        if not take_people(conn, [(shown.bucket, shown.subject)]):
            return Refusal(code=RefusalCode.SHOWING_UNKNOWN)
        if act is Act.WRITTEN and not is_named(conn, vault, shown.answerer, name):
            return Refusal(code=RefusalCode.ACT_NAME, at=act.value)
        _KEEP(conn, [(*own, text, hashlib.sha256(text.encode()).digest())], now=now_ms)
    return None


def weigh(
    vault: Vault, shown: Showing, promise: Promise, proof: Proof | None = None
) -> tuple[Agreed, ...] | Refusal:
    """The acts that were done for exactly this promise, or the first that is missing (`at`)."""
    wanted = needed(shown)
    if proof is not None and proof.how is How.PASSKEY:
        wanted = tuple(act for act in wanted if act is not Act.WRITTEN)
    if not wanted:
        return ()
    row = separate_act.c
    mine = (row.bucket == shown.bucket, row.showing_id == shown.id, row.subject == shown.subject)
    with vault.data.read() as conn:
        found = select(row.act, row.hash).where(*mine, row.approval_hash == approval_hash(promise))
        done = {Act(act): digest for act, digest in conn.execute(found)}
    for act in wanted:
        if act not in done:
            return Refusal(code=RefusalCode.ACT_NEEDED, at=act.value)
    return tuple(Agreed(act=act, hash=done[act]) for act in wanted)


def signed_by(promise: Promise, agreed: Sequence[Agreed]) -> Signing | None:
    """How the declaration was signed, when there is one: by name, or by the passkey that stands in for it."""
    if promise["written_hash"] is None:
        return None
    return Signing.NAME if any(one.act is Act.WRITTEN for one in agreed) else Signing.PASSKEY


def committed(agreed: Sequence[Agreed]) -> tuple[Field, ...]:
    """What the grant's ledger entry says about them; nothing where none was needed."""
    return (("acts", ",".join(f"{one.act}:{one.hash.hex()}" for one in agreed)),) if agreed else ()


def statement(shown: Showing, promise: Promise, act: Act) -> str:
    """What is agreed to by an act, as canonical JSON (RFC 8785)."""
    told: dict[str, Any] = asdict(particulars(shown.recipient, shown.notice, fields_of(promise["fields"])))
    if act is Act.ONWARD and shown.parent is not None:
        told |= {"parent_grant": grant_text(shown.parent.id), "from": shown.parent.recipient_id}
    if act is Act.CROSS_BORDER:
        told |= {"country": shown.recipient.country}
    if act is Act.WRITTEN:
        said = declaration(shown, fields_of(promise["fields"]))
        told |= {"declaration": said.text, "language": said.lang, "signed_by": Signing.NAME.value}
    return canonical_json(
        {
            **told,
            "type": "perusal separate act v1",
            "act": act.value,
            "showing": showing_text(shown.id),
            "approval": approval_hash(promise).hex(),
            "recipient": shown.recipient.id,
            "notice": promise["notice_hash"],
        }
    )
