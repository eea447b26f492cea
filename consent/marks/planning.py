"""Deciding with a redemption how its values will be marked: two statements for a whole batch, none where
nothing is tolerated.

A field is marked when its recipient's purpose tolerates a carrier of it, its person has not opted out, and an
epoch has begun. Its version stays under the epoch in which the same recipient first got it, so that asking
again shows nothing new. The versions are those that are current as the redemption commits: whoever changes a
value waits for it (`vault.people.holds`).

* `plan(conn, asked, catalogue, now_ms) -> dict[int, tuple[Mark, ...]]`: by the key of what is marked; the others are absent.
* `rows_of(disclosing, disclosure, marks, made)`: the rows of `SERVE`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from consent.ids import DisclosureId, RecipientId
from consent.marks.carriers import carriers_of
from consent.marks.served import Mark
from vault.fields import Catalogue
from vault.ids import PROFILE, Bucket, RecordId, SubjectId
from vault.reading.history import versions_at
from vault.storage.rowset import RowSet


class Disclosing(NamedTuple):
    """What is about to be disclosed, and the carriers that its recipient tolerates."""

    bucket: Bucket
    subject: SubjectId
    recipient: RecipientId
    fields: tuple[str, ...]
    carriers: tuple[str, ...]


type Marked = tuple[Bucket, SubjectId, RecipientId, str, RecordId, int, str]
"""(bucket, person, recipient, field, record, version, carriers): written once, however often it is served."""

_STANDING = RowSet(
    "WITH {rows} SELECT rows.i, coalesce((SELECT s.epoch FROM mark_served s WHERE s.bucket = rows.bucket "
    "AND s.subject = rows.subject AND s.recipient_id = rows.recipient AND s.field = rows.field "
    "AND s.record = rows.record AND s.version = rows.version LIMIT 1), "
    "(SELECT max(m.number) FROM mark_epoch m WHERE m.bucket = rows.bucket)), "
    "EXISTS (SELECT 1 FROM mark_served s WHERE s.bucket = rows.bucket AND s.subject = rows.subject "
    "AND s.recipient_id = rows.recipient AND s.field = rows.field AND s.record = rows.record "
    "AND s.version = rows.version AND s.carriers = rows.carriers) FROM rows "
    "WHERE NOT EXISTS (SELECT 1 FROM mark_opt_out o WHERE o.bucket = rows.bucket AND o.subject = rows.subject)",
    bucket="int",
    subject="bytes",
    recipient="text",
    field="text",
    record="bytes",
    version="int",
    carriers="text",
)
# No conflict is let pass: a rival's epoch may be another one, and the redemption must look again.
SERVE = RowSet(
    "WITH {rows} INSERT INTO mark_served (bucket, subject, recipient_id, field, record, version, carriers, epoch, "
    "disclosure_id, served_at) SELECT bucket, subject, recipient, field, record, version, carriers, epoch, "
    "disclosure_id, :now FROM rows",
    bucket="int",
    subject="bytes",
    recipient="text",
    field="text",
    record="bytes",
    version="int",
    carriers="text",
    epoch="int",
    disclosure_id="bytes",
)


def plan(
    conn: Connection, asked: Mapping[int, Disclosing], catalogue: Catalogue, now_ms: int
) -> dict[int, tuple[Mark, ...]]:
    """The marks of each disclosure, of the versions that are current at `now_ms` (Unix ms); within the redemption."""
    wanted = [
        (owner, one, code, carriers)
        for owner, one in asked.items()
        for code in (one.fields if one.carriers else ())
        if (carriers := tuple(each for each in one.carriers if each in carriers_of(code, catalogue)))
    ]
    if not wanted:
        return {}
    versions = versions_at(conn, [(one.bucket, one.subject, code) for _, one, code, _ in wanted], now_ms)
    known = [(each, version) for each, version in zip(wanted, versions, strict=True) if version is not None]
    rows = [
        (*one[:3], code, PROFILE, version, " ".join(carriers)) for (_, one, code, carriers), version in known
    ]
    marks: dict[int, tuple[Mark, ...]] = {}
    for i, epoch, served in _STANDING(conn, rows):
        (owner, _, code, carriers), version = known[i]
        if epoch is not None:
            mark = Mark(code, version, epoch, carriers, known=bool(served))
            marks[owner] = (*marks.get(owner, ()), mark)
    return marks


def rows_of(
    one: Disclosing, disclosure: DisclosureId, marks: Sequence[Mark], made: set[Marked]
) -> Iterator[tuple[object, ...]]:
    """What has not been served before, neither by an earlier transaction nor (`made`) by this one."""
    for mark in marks:
        marked = (*one[:3], mark.field, PROFILE, mark.version, " ".join(mark.carriers))
        if not mark.known and marked not in made:
            made.add(marked)
            yield (*marked, mark.epoch, disclosure)
