"""Everything about one person, in one document for that person (PIPL 45): values, consents, uses, words, ledger.

`export(vault, subject, now_ms, actor=...) -> Export | Refused`. The copy is itself a use: its entry is committed
before anything is opened (`own_copy`). Whoever was merged into the person is part of the copy. The document's
members are described in docs/export.md; times are RFC 3339 in UTC, ids as everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from consent.accounts.notify import notices_of
from consent.export.account import account
from consent.export.family import guarded_rows, protection_rows
from consent.export.rows import Document, consents, entry_rows, staff_row, tie_row, told_row, value_row
from consent.instants import instant
from consent.ledger.bundles.person_key import text_of
from consent.permits.issue import own_permits
from consent.permits.own_copy import SELF, enter
from consent.schema.tables import consumer
from consent.staff.history import staff_events
from vault.families.guardians import guardians_of, wards_of
from vault.families.merge import merged_of
from vault.ids import SubjectId, bucket_for, encode_id
from vault.opening import Vault
from vault.people.drafts import Refused
from vault.reader import Unreadable
from vault.reading.export import open_everything
from vault.reading.outlines import Outline, outlines

FORMAT: Final = "perusal-export"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Export:
    """One person's copy: `document` is ready to be written as JSON. It holds clear values: never log it."""

    subject: SubjectId
    at_ms: int
    document: Document

    def __repr__(self) -> str:
        return f"Export({self.subject.hex()})"


def export(vault: Vault, subject: SubjectId, now_ms: int, *, actor: str = SELF) -> Export | Refused:
    """A person's copy; `actor` says who had it made: the person (`self`), or an operator by the name of a key.

    Refusals: `person_unknown` (also erased), and `person_merged` for whoever stands for somebody else.
    """
    found = _people(vault, subject)
    if isinstance(found, Refused):
        return found
    people = [(one.bucket, one.subject) for one in found]
    fields = {version.field for one in found for version in one.versions}
    reads = enter(vault, people, sorted(fields), actor, now_ms)
    permits = [permit for permit in own_permits(vault, reads) if permit is not None]
    values = [
        value_row(permit.statement.subject, value)
        for permit, answer in zip(permits, open_everything(vault, permits), strict=True)
        if not isinstance(answer, Unreadable)
        for value in answer
    ]
    keys = {who: text_of(key.ledger) for who, key in vault.keyring.subject_keys(people).items()}
    with vault.data.read() as conn:
        document = {
            "format": FORMAT,
            "version": VERSION,
            "made_at": instant(now_ms),
            "made_by": actor,
            "issuer": vault.installation.ledger_host,
            "person": _person(conn, found[0], keys),
            "also_known_as": [_alias(one, keys) for one in found[1:]],
            "values": values,
            **consents(conn, vault, people),
            "staff": [staff_row(event) for who in people for event in staff_events(conn, *who)],
            "told": [told_row(row) for who in people for row in notices_of(conn, *who)],
            "guardians": [tie_row(tie) for who in people for tie in guardians_of(conn, *who)],
            "wards": [tie_row(tie) for who in people for tie in wards_of(conn, *who)],
            "guarded": guarded_rows(conn, people),
            "protection": protection_rows(conn, people),
            **account(conn, people),
            "ledger": entry_rows(conn, vault, people),
        }
    return Export(subject, now_ms, document)


def _people(vault: Vault, subject: SubjectId) -> list[Outline] | Refused:
    """The person first, then whoever stands for them."""
    bucket = bucket_for(subject, vault.installation.buckets)
    keyed = vault.keyring.subject_keys([(bucket, subject)])
    with vault.data.read() as conn:
        found = outlines(conn, [(bucket, subject)])
        if not found or found[0].state == "erased" or not keyed:
            return Refused("person_unknown", "")
        if found[0].state == "merged":
            return Refused("person_merged", "")
        others = outlines(conn, merged_of(conn, [subject]).get(subject, []))
    return [found[0], *sorted(others, key=lambda one: one.created_at)]


def _person(conn: Connection, outline: Outline, keys: Mapping[SubjectId, str]) -> Document:
    mine = (consumer.c.bucket == outline.bucket) & (consumer.c.subject == outline.subject)
    lang = conn.execute(select(consumer.c.lang).where(mine)).scalar_one_or_none()
    return {
        "id": encode_id("sub", outline.subject),
        "since": instant(outline.created_at),
        "language": lang,
        "ledger_key": keys.get(outline.subject),
    }


def _alias(outline: Outline, keys: Mapping[SubjectId, str]) -> Document:
    return {
        "id": encode_id("sub", outline.subject),
        "since": instant(outline.created_at),
        "merged_at": instant(max(at for _, at in outline.stands_for)),
        "ledger_key": keys.get(outline.subject),
    }
