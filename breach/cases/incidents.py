"""Incidents: what a finished trace leads to, and whom it concerns.

One incident per trace. Affected is everybody of whom the dump shows a value, also in rows whose identifiers
disagree: a person whose number may be out there must be told. Opening again continues where it stopped and
changes nothing else.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any

from sqlalchemy import Connection, func, select, tuple_

from breach.errors import UnknownIncident
from breach.matching import items
from breach.pipeline.report import TraceReport
from breach.pipeline.task import load
from breach.tables import incident, incident_person
from breach.weighing.planted import real
from vault.ids import Bucket, Buckets, SubjectId, encode_id, new_id
from vault.opening import Vault
from vault.storage.rowset import RowSet

PREFIX = "inc"
_CHUNK = 2_000

_OPEN = RowSet(
    "WITH {rows} INSERT INTO incident (id, trace, opened_at, respondents, report_sha256) "
    "SELECT id, trace, opened_at, respondents, report FROM rows WHERE true ON CONFLICT DO NOTHING",
    id="bytes",
    trace="bytes",
    opened_at="int",
    respondents="text",
    report="text",
)
_AFFECTED = RowSet(
    "WITH {rows} INSERT INTO incident_person (bucket, incident, subject, fields, agreed, masked) "
    "SELECT bucket, incident, subject, fields, agreed, masked FROM rows WHERE true ON CONFLICT DO NOTHING",
    bucket="int",
    incident="bytes",
    subject="bytes",
    fields="text",
    agreed="int",
    masked="int",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An opened incident.

    `respondents`: recipients named, or the members of sets of whom one must have leaked; `joint`: only
    sets were found, so no single one of them is accused.
    """

    id: bytes
    trace: bytes
    opened_at: int
    respondents: tuple[str, ...]
    joint: bool
    report_sha256: str

    @property
    def name(self) -> str:
        """The incident's id as text."""
        return encode_id(PREFIX, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """A person whose values were found: which fields, whether in a row whose identifiers agree, and whether in one
    that shows only parts of values.
    """

    bucket: Bucket
    subject: SubjectId
    fields: tuple[str, ...]
    agreed: bool
    masked: bool


def open_incident(vault: Vault, trace_id: bytes, *, now_ms: int) -> Incident:
    """Open the incident of a finished trace with all its affected people; raises UnknownDump, NotTraced."""
    report = load(vault, trace_id)
    opened = _opened(vault, report, now_ms)
    with vault.data.read() as conn:
        shown = items.affected(conn, trace_id, vault.installation.buckets, report.alias_holders)
        for part in batched(shown, _CHUNK):
            somebody = real(conn, vault, [(one.bucket, one.subject) for one in part])
            _add(vault, opened.id, [one for one, is_real in zip(part, somebody, strict=True) if is_real])
    return opened


def find(conn: Connection, incident_id: bytes) -> Incident:
    """An incident by its id; raises UnknownIncident."""
    row = conn.execute(select(incident).where(incident.c.id == incident_id)).one_or_none()
    if row is None:
        raise UnknownIncident("no such incident")
    return _incident(row)


def count_affected(conn: Connection, incident_id: bytes) -> int:
    """How many people an incident concerns."""
    mine = select(func.count()).select_from(incident_person).where(incident_person.c.incident == incident_id)
    return conn.execute(mine).scalar_one()


def affected(conn: Connection, incident_id: bytes, buckets: Buckets) -> Iterator[Affected]:
    """Everybody an incident concerns, bucket by bucket, in pages."""
    column = incident_person.c
    for bucket in buckets.every():
        mine = (column.bucket == bucket) & (column.incident == incident_id)
        query = select(incident_person).where(mine).order_by(column.subject).limit(_CHUNK)
        page = conn.execute(query).all()
        while page:
            yield from map(_affected, page)
            last = tuple_(column.subject) > (page[-1].subject,)
            page = conn.execute(query.where(last)).all() if len(page) == _CHUNK else []


def one_affected(conn: Connection, incident_id: bytes, bucket: Bucket, subject: SubjectId) -> Affected:
    """One affected person; raises UnknownIncident for anybody else."""
    column = incident_person.c
    mine = (column.bucket == bucket) & (column.incident == incident_id) & (column.subject == subject)
    row = conn.execute(select(incident_person).where(mine)).one_or_none()
    if row is None:
        raise UnknownIncident("no such person in this incident")
    return _affected(row)


def _opened(vault: Vault, report: TraceReport, now_ms: int) -> Incident:
    named, sets = report.suspects, report.suspect_sets
    members = named or tuple(sorted({k for one in sets for k in one}))
    respondents = json.dumps({"joint": not named and bool(members), "recipients": members})
    row = (new_id(Bucket(0), now_ms), report.id, now_ms, respondents, report.sha256)
    with vault.data.write() as conn:
        _OPEN(conn, [row])
        return _incident(conn.execute(select(incident).where(incident.c.trace == report.id)).one())


def _add(vault: Vault, incident_id: bytes, part: Sequence[items.Shown]) -> None:
    rows = [
        (
            shown.bucket,
            incident_id,
            shown.subject,
            json.dumps(sorted(shown.fields)),
            int(shown.agreed),
            int(shown.masked),
        )
        for shown in part
    ]
    with vault.data.write() as conn:
        _AFFECTED(conn, rows)


def _affected(row: Any) -> Affected:
    return Affected(
        bucket=Bucket(row.bucket),
        subject=SubjectId(row.subject),
        fields=tuple(json.loads(row.fields)),
        agreed=bool(row.agreed),
        masked=bool(row.masked),
    )


def _incident(row: Any) -> Incident:
    respondents = json.loads(row.respondents)
    return Incident(
        id=row.id,
        trace=row.trace,
        opened_at=row.opened_at,
        respondents=tuple(respondents["recipients"]),
        joint=respondents["joint"],
        report_sha256=row.report_sha256,
    )
