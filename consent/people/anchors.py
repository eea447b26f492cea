"""Holding what the vault stores against what the ledger says was written: yesterday's rows cannot pass for today's.

Both ways, in one snapshot: every stored version must have its entry (`writes`), every entry about a write must
have its version; besides, each field's current version must be its newest, and its windows must follow each other
without a gap. Keys are not needed and ciphertext is not looked at, so rotation changes nothing here. That the
entries themselves are whole is `ledger.checking.fsck`'s to say. Erased people have no versions and are passed over.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from sqlalchemy import Connection, func, select

from consent.house import nobody
from consent.ledger import published
from consent.ledger.checking.fsck import Progress
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.errors import LedgerError
from consent.ledger.origin import LogId, origin_of
from consent.ledger.tables import entry, opening
from consent.people.writes import (
    changed_text,
    created_text,
    guarded_text,
    merged_text,
    struck_text,
    survived_text,
    unguarded_text,
    write_id,
)
from vault.ids import Bucket, SubjectId
from vault.opening import Vault
from vault.reading.outlines import Outline, VersionOutline, every_outline, outlines
from vault.reading.records import count_people
from vault.storage.rowset import RowSet

PEOPLE = "people"
_CHUNK = 4_096
_KINDS = frozenset({Kind.ENROL, Kind.CORRECT})


class Flaw(StrEnum):
    NO_ENTRY = "stored, but the ledger knows no such write"
    NO_VERSION = "the ledger knows this write, but it is not stored"
    NO_PERSON = "the ledger knows this person, but they are not stored"
    HEAD = "the current version is not the newest one"
    MISSING = "a version is missing"
    WINDOW = "does not begin where the version before it ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One disagreement: about a person's field and version, or about the entry at `idx` of the log `origin`."""

    flaw: Flaw
    subject: SubjectId
    field: str = ""
    version: int | None = None
    origin: str = ""
    idx: int | None = None


type Anchors = dict[bytes, tuple[str, int | None]]
"""Entry ids that must be there, each with the field and version it is about ("" for the person)."""

_FOUND = RowSet(
    "WITH {rows} SELECT rows.i FROM rows JOIN ledger_entry e ON e.id = rows.id AND e.bucket = rows.bucket "
    "JOIN ledger_opening o ON o.bucket = e.bucket AND o.year = e.year AND o.idx = e.idx "
    "AND o.subject = rows.subject",
    bucket="int",
    id="bytes",
    subject="bytes",
)


def check(vault: Vault) -> Iterator[Progress | Mismatch]:
    """Compare everything; yields progress and disagreements as they come. Changes nothing."""
    with vault.data.read() as conn:
        yield from _check_people(conn)
        for log in published.logs(conn):
            origin = origin_of(vault.installation.ledger_host, log)
            yield from _check_log(conn, log, origin, nobody(vault))


def anchors_of(outline: Outline) -> Anchors:
    """The writes behind a person's stored versions."""
    first, text = _first(outline), enrolled_text(outline)
    texts = {} if text is None else {text: ("", None)}
    found: dict[str, tuple[str, int | None]] = {**texts}
    for one in outline.versions:
        if one not in first:
            found[changed_text(one.field, one.version, one.valid_from)] = (one.field, one.version)
        if one.struck_at is not None:
            found[struck_text(one.field, one.version, one.struck_at)] = (one.field, one.version)
    found |= dict.fromkeys(_ties(outline), ("", None))
    return {write_id(outline.subject, text): about for text, about in found.items()}


def enrolled_text(outline: Outline) -> str | None:
    """What the entry of this person's coming committed to as `values`; None where no version is of that moment."""
    first = _first(outline)
    return created_text((v.field for v in first), outline.created_at) if first else None


def _first(outline: Outline) -> list[VersionOutline]:
    return [v for v in outline.versions if v.version == 1 and v.valid_from == outline.created_at]


def _ties(outline: Outline) -> Iterator[str]:
    for survivor, at in outline.stands_for:
        yield merged_text(survivor, at)
    for other, at in outline.stood_for_by:
        yield survived_text(other, at)
    for tie in outline.guardians:
        yield guarded_text(tie)
        if tie.ended_at is not None:
            yield unguarded_text(tie)


def _check_people(conn: Connection) -> Iterator[Progress | Mismatch]:
    total, done = count_people(conn), 0
    for page in every_outline(conn):
        kept = [outline for outline in page if outline.state != "erased"]
        for outline in kept:
            yield from _check_windows(outline)
        yield from _check_entries(conn, kept)
        done += len(kept)
        yield Progress(PEOPLE, done, max(total, done))


def _check_entries(conn: Connection, people: Sequence[Outline]) -> Iterator[Mismatch]:
    wanted = [(outline, anchor, about) for outline in people for anchor, about in anchors_of(outline).items()]
    rows = [(outline.bucket, anchor, outline.subject) for outline, anchor, _ in wanted]
    found = {i for (i,) in _FOUND(conn, rows)}
    for at, (outline, _, (field, version)) in enumerate(wanted):
        if at not in found:
            yield Mismatch(flaw=Flaw.NO_ENTRY, subject=outline.subject, field=field, version=version)


def _check_windows(outline: Outline) -> Iterator[Mismatch]:
    fields: dict[str, list[VersionOutline]] = {}
    for one in outline.versions:
        fields.setdefault(one.field, []).append(one)
    for field, versions in fields.items():
        for flaw, version in _flaws(versions):
            yield Mismatch(flaw=flaw, subject=outline.subject, field=field, version=version)


def _flaws(versions: Sequence[VersionOutline]) -> Iterator[tuple[Flaw, int]]:
    """What is wrong with one field's versions, given in order."""
    if versions[0].version != 1:
        yield Flaw.MISSING, versions[0].version - 1
    for before, after in pairwise(versions):
        if after.version != before.version + 1:
            yield Flaw.MISSING, after.version - 1
        elif before.valid_to is None:
            yield Flaw.HEAD, before.version
        # A version that was struck out ends by itself, and the next one may come much later.
        elif before.valid_to > after.valid_from or (
            before.struck_at is None and before.valid_to != after.valid_from
        ):
            yield Flaw.WINDOW, after.version
    last = versions[-1]
    if last.valid_to is not None and last.struck_at is None:
        yield Flaw.HEAD, last.version


def _check_log(conn: Connection, log: LogId, origin: str, house: SubjectId) -> Iterator[Progress | Mismatch]:
    mine = (entry.c.bucket == log.bucket) & (entry.c.year == log.year)
    size = conn.execute(select(func.count()).select_from(entry).where(mine)).scalar_one()
    same = (opening.c.bucket == entry.c.bucket) & (opening.c.year == entry.c.year)
    listed = (
        select(entry.c.idx, entry.c.id, entry.c.body, opening.c.subject)
        .join(opening, same & (opening.c.idx == entry.c.idx))
        .where(mine)
        .order_by(entry.c.idx)
        .limit(_CHUNK)
    )
    after = -1
    while rows := conn.execute(listed.where(entry.c.idx > after)).all():
        after = rows[-1].idx
        writes = [
            (row.idx, row.id, SubjectId(row.subject))
            for row in rows
            # The house's own chain says who wrote, not what: no stored value belongs to it.
            if row.subject != house and _is_write(row.body)
        ]
        yield from _check_writes(conn, log, origin, writes)
        yield Progress(f"{origin} {PEOPLE}", after + 1, max(size, after + 1))


def _check_writes(
    conn: Connection, log: LogId, origin: str, writes: Sequence[tuple[int, bytes, SubjectId]]
) -> Iterator[Mismatch]:
    people = {one.subject: one for one in outlines(conn, ((Bucket(log.bucket), who) for _, _, who in writes))}
    known = _known(people.values())
    for idx, anchor, subject in writes:
        outline = people.get(subject)
        if outline is None:
            yield Mismatch(flaw=Flaw.NO_PERSON, subject=subject, origin=origin, idx=idx)
        elif outline.state != "erased" and anchor not in known[subject]:
            yield Mismatch(flaw=Flaw.NO_VERSION, subject=subject, origin=origin, idx=idx)


def _known(people: Iterable[Outline]) -> Mapping[SubjectId, Anchors]:
    return {outline.subject: anchors_of(outline) for outline in people}


def _is_write(body: bytes) -> bool:
    try:
        return parse(body).kind in _KINDS
    except LedgerError:
        return False  # fsck's finding
