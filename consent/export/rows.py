"""The members of a person's copy of their own data, each from the rows it is about; see `export.document`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from consent.accounts.notify import PersonNotice
from consent.grants import history, service_denials
from consent.grants.history import GrantLine, UseLine
from consent.grants.service_denials import Denial
from consent.grants.timeline import EventKind, timeline
from consent.ids import disclosure_text, grant_text, use_text
from consent.instants import instant
from consent.ledger.entries.entry import parse
from consent.ledger.origin import PER_EDITION, LogId, origin_of
from consent.ledger.tables import entry, opening
from consent.permits.committed import committed_uses
from consent.receipts.issue import receipts
from consent.schema.tables import consent_grant
from consent.staff.history import StaffEvent
from consent.wording import notices, terms
from vault.families.guardians import Guardianship
from vault.ids import Person, SubjectId, encode_id
from vault.opening import Vault
from vault.people.stored import StoredValue

type Document = Mapping[str, Any]


def value_row(subject: SubjectId, value: StoredValue) -> Document:
    """One version of one value."""
    return {
        "person": encode_id("sub", subject),
        "field": value.field,
        "version": value.version,
        "from": instant(value.valid_from),
        "to": when(value.valid_to),
        "destroyed_at": when(value.struck_at),
        "value": value.text,
    }


def consents(conn: Connection, vault: Vault, people: Sequence[Person]) -> Document:
    """Permissions, uses with their receipts, denied attempts, and every text that was shown."""
    lines = [line for who in people for line in history.grants(conn, *who)]
    denied = {grant_id: one for who in people for grant_id, one in service_denials.said(conn, who).items()}
    events = [event for who in people for event in timeline(conn, *who)]
    shown = _shown(conn, people)
    return {
        "permissions": [_grant(line, denied.get(line.id), *shown[line.id]) for line in lines],
        "uses": [use for who in people for use in _uses(conn, vault, who)],
        "turned_away": [
            {
                "at": instant(event.at),
                "permission": grant_text(event.grant_id),
                "recipient": event.recipient,
                "reason": event.code,
                "times": event.count,
            }
            for event in events
            if event.kind is EventKind.DENIED
        ],
        "notices": _texts(notices.notice(conn, name) for name in sorted({n for n, _ in shown.values()})),
        "terms": _texts(terms.terms(conn, name) for name in sorted({t for _, t in shown.values()})),
    }


def _shown(conn: Connection, people: Sequence[Person]) -> dict[bytes, tuple[str, str]]:
    """By grant, which notice and which terms the person was shown."""
    grant = consent_grant.c
    found: dict[bytes, tuple[str, str]] = {}
    for bucket, subject in people:
        mine = select(grant.id, grant.notice_id, grant.terms_id).where(
            grant.bucket == bucket, grant.subject == subject
        )
        found |= {row.id: (row.notice_id, row.terms_id) for row in conn.execute(mine)}
    return found


def _grant(line: GrantLine, denied: Denial | None, notice: str, owed: str) -> Document:
    return {
        "id": grant_text(line.id),
        "state": line.state.value,
        "recipient": {"id": line.recipient_id, "name": line.recipient, "contact": line.contact},
        "purpose": line.purpose,
        "fields": list(line.fields),
        "used": line.used,
        "of": line.max_uses,
        "from": instant(line.window_from),
        "to": instant(line.window_to),
        "retention": line.retention,
        "parent": None if line.parent is None else grant_text(line.parent),
        "onward": list(line.onward),
        "abroad": line.abroad,
        "decided_at": instant(line.decided_at),
        "withdrawn_at": when(line.withdrawn_at),
        "terminated_at": when(line.terminated_at),
        "annulled": annulled(line),
        "service_denied": _denial(denied),
        "notice": notice,
        "terms": owed,
    }


def _denial(said: Denial | None) -> Document | None:
    """What the person said they were refused a service for want of."""
    return None if said is None else {"fields": list(said.fields), "said_at": instant(said.said_at)}


def annulled(line: GrantLine) -> Document | None:
    """Who ended a permission in the person's place and the recipient's, when and why, for programs."""
    void = line.annulled
    if void is None:
        return None
    return {"at": instant(void.at), "reason": void.reason, "authority": void.authority}


def _uses(conn: Connection, vault: Vault, who: Person) -> Iterable[Document]:
    lines = history.uses(conn, *who)
    committed = [one for one in committed_uses(conn, [(who[0], line.id) for line in lines]) if one]
    words = {one.disclosure_id: word for one, word in zip(committed, receipts(vault, committed), strict=True)}
    return [_use(vault, line, words.get(line.id)) for line in lines]


def _use(vault: Vault, line: UseLine, receipt: str | None) -> Document:
    return {
        "id": disclosure_text(line.id),
        "permission": grant_text(line.grant_id),
        "use": use_text(line.use_id),
        "recipient": {"id": line.recipient_id, "name": line.recipient},
        "purpose": line.purpose,
        "fields": list(line.fields),
        "number": line.slot,
        "of": line.quota,
        "at": instant(line.committed_at),
        "delivered_again": line.redelivered,
        "log": origin_of(vault.installation.ledger_host, line.log),
        "index": line.idx,
        "receipt": receipt,
    }


def _texts(found: Iterable[notices.Notice | terms.Terms | None]) -> list[Document]:
    """Published texts as they were shown."""
    told: list[Document] = []
    further: Document
    for one in found:
        if isinstance(one, notices.Notice):
            further = {"language": one.lang, "purpose": one.purpose}
        elif one is not None:
            sums = {"per_record": str(one.per_record), "cap": str(one.cap), "currency": one.currency}
            further = {**sums, **one.rates.document()}
        else:
            continue
        same = {"id": one.id, "recipient": one.recipient_id, "version": one.version}
        told.append({**same, **further, "text": one.text, "hash": one.hash})
    return told


def staff_row(event: StaffEvent) -> Document:
    """Something staff asked for, decided, opened, looked up or were denied."""
    return {
        "kind": event.kind.value,
        "at": instant(event.at),
        "staff": event.staff or None,
        "reason": event.reason,
        "fields": list(event.fields),
        "code": event.code,
        "basis": event.basis,
        "approved_by": event.approver,
        "approved_at": when(event.approved_at),
        "times": event.count,
    }


def told_row(row: PersonNotice) -> Document:
    """Something the person was told."""
    return {
        "kind": row.kind,
        "about": dict(row.about),
        "at": instant(row.created_at),
        "seen_at": when(row.seen_at),
    }


def tie_row(tie: Guardianship) -> Document:
    """One guardianship."""
    return {
        "ward": encode_id("sub", tie.ward),
        "guardian": encode_id("sub", tie.guardian),
        "kind": tie.kind.value,
        "evidence_sha256": tie.evidence_sha256.hex(),
        "from": instant(tie.valid_from),
        "until": when(tie.valid_until),
        "ended_at": when(tie.ended_at),
    }


def entry_rows(conn: Connection, vault: Vault, people: Sequence[Person]) -> list[Document]:
    """Where everything about the person stands in the ledger, this copy included, oldest first."""
    same = (opening.c.bucket == entry.c.bucket) & (opening.c.year == entry.c.year)
    wanted = select(entry.c.bucket, entry.c.year, entry.c.idx, entry.c.leaf, entry.c.body)
    wanted = wanted.join(opening, same & (opening.c.idx == entry.c.idx))
    found: list[Document] = []
    for bucket, subject in people:
        mine = wanted.where(opening.c.bucket == bucket, opening.c.subject == subject)
        for row in conn.execute(mine.order_by(entry.c.year % PER_EDITION, entry.c.year, entry.c.idx)):
            one = parse(row.body)
            log = origin_of(vault.installation.ledger_host, LogId(row.bucket, row.year))
            place = {"log": log, "index": row.idx, "leaf": row.leaf.hex()}
            found.append({"at": instant(one.ts), "kind": one.kind.value, "number": one.n, **place})
    return found


def when(at_ms: int | None) -> str | None:
    """A time, or None where there is none (yet)."""
    return None if at_ms is None else instant(at_ms)
