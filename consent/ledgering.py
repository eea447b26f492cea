"""From consent's events to ledger items: the one place that says what each kind of entry commits to.

Recipient, purpose and data kinds are personal in combination, so they stand inside the commitment, one
field each, in this fixed order; the public entry carries a tag, a number and a digest (ledger.md §6).

| entry    | id            | committed fields                                                       |
|----------|---------------|------------------------------------------------------------------------|
| enrol    | of the write  | lang, values (`writes`), ledger_key (`person_key`)                     |
| correct  | of the write  | values                                                                 |
| grant    | grant         | outcome, recipient, purpose, fields, uses, window, notice, terms,      |
|          |               | approval; parent, onward (`onward`), acts (`separate_acts`) if any;    |
|          |               | presence, where the person proved it (`step_up`); guardian, where one  |
|          |               | gave it for a ward (`guarding`)                                        |
| grant    | own           | outcome (suspended, confirmed, withdrawn), grant, recipient, guardian (`guarded`) |
| refuse   | grant or own  | outcome, recipient, purpose (refusing); outcome, grant, day (denial)   |
| access   | disclosure    | recipient, purpose, fields, grant; marks, where values were marked (`marks.served`) |
| disclose | own           | step, request, staff, reason, approvers, fields (`permits.emergency_reads`, `staff.lookup`) |
| withdraw | own           | grant, recipient; outcome, when the recipient itself ended it (`grants.management`); |
|          |               | outcome, reason and authority, when a ruling did (`annulling`)         |
| erase    | own           | what was destroyed, see `certificates`                                 |
| erase    | of the proof  | outcome, recipient, grant, event, statement (`deletions`)              |
"""

import secrets
from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import Connection

from consent.denials import DAY_MS, DenialClass
from consent.ids import GrantId, grant_text
from consent.ledger.append import Item, Position, append
from consent.ledger.entries.commitment import Field
from consent.ledger.entries.entry import Kind
from consent.ledger.open_now import open_log
from consent.ledger.openings import ENTROPY_BYTES, new_item
from consent.ledger.origin import LogId, origin_of
from vault.ids import Bucket, SubjectId, new_id
from vault.keys.keyring import SubjectKey
from vault.opening import Vault

type About = tuple[Bucket, SubjectId, bytes, tuple[Field, ...]]
"""(bucket, person, 16-byte entry id, committed fields)."""


def entry_items(vault: Vault, kind: Kind, about: Sequence[About], now_ms: int) -> list[Item]:
    """Ledger items of one kind; raises KeyError when a person's keys are gone (erased people have no events)."""
    keys = vault.keyring.subject_keys(sorted({(bucket, subject) for bucket, subject, _, _ in about}))
    return [entry_item(vault, kind, keys[event[1]], event, now_ms) for event in about]


def entry_item(vault: Vault, kind: Kind, key: SubjectKey, about: About, now_ms: int) -> Item:
    """One ledger item, for the log that takes the entries of the person's bucket at `now_ms`."""
    bucket, _, entry_id, fields = about
    item, _ = new_item(
        key,
        tenant=vault.installation.tenant,
        origin=_origin(vault.installation.ledger_host, open_log(vault, bucket, now_ms)),
        kind=kind,
        entry_id=entry_id,
        fields=fields,
        entropy=secrets.token_bytes(ENTROPY_BYTES),
        suite=vault.installation.suite,
        editions=vault.editions,
    )
    return item


def enter(conn: Connection, vault: Vault, kind: Kind, about: Sequence[About], now_ms: int) -> list[Position]:
    """Append entries of one kind, in order, as the last step of the transaction that did what they say."""
    return append(conn, entry_items(vault, kind, about, now_ms), now_ms, vault.installation.ledger_host)


@lru_cache(maxsize=4096)
def _origin(ledger_host: str, log: LogId) -> str:
    return origin_of(ledger_host, log)


def refusal_item(vault: Vault, key: SubjectKey, denied: DenialClass, now_ms: int) -> Item:
    """The entry of a day's first denial of its class."""
    fields = (
        ("outcome", denied.code.value),
        ("grant", grant_text(GrantId(denied.grant))),
        ("day", str(now_ms // DAY_MS)),
    )
    about = (denied.bucket, key.subject, new_id(denied.bucket, now_ms), fields)
    return entry_item(vault, Kind.REFUSE, key, about, now_ms)


def access_fields(
    *, recipient: str, purpose: str, fields: Sequence[str], grant: str, marks: str | None = None
) -> tuple[Field, ...]:
    """What a disclosure's entry commits to; the permit recomputes it from the committed rows."""
    return (
        ("recipient", recipient),
        ("purpose", purpose),
        ("fields", ",".join(fields)),
        ("grant", grant),
        *(() if marks is None else (("marks", marks),)),
    )
