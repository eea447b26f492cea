"""Taking, keeping and finishing jobs, so that a worker that dies loses its job and another resumes it.

Every step names the owner and is refused once the lease was lost, so two workers can never both finish one
job. A job whose lease ran out three times is failed with `gave_up` rather than tried for ever.
Times and lease lengths are Unix milliseconds.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, insert, or_, select, update

from api.jobs.tables import job
from vault.ids import Bucket, new_id
from vault.storage.database import Database

MOST_ATTEMPTS = 3
LEASE_MS = 30_000


class LeaseLost(Exception):
    """Somebody else owns the job now; stop working on it and write nothing."""

    code = "lease_lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as its worker sees it."""

    id: bytes
    kind: str
    payload: Mapping[str, Any]
    owner: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """A job as anybody may see it: `done` of `total` units of its `stage`.

    `code` says why it failed, `result` names what it made.
    """

    state: str
    stage: str
    done: int
    total: int
    code: str | None
    result: str | None
    created_at: int
    updated_at: int


def enqueue(conn: Connection, kind: str, payload: Mapping[str, Any], now_ms: int) -> bytes:
    """Add a job; returns its id."""
    job_id = new_id(Bucket(0), now_ms)
    row = {"id": job_id, "kind": kind, "payload": json.dumps(payload, sort_keys=True)}
    start = {"state": "queued", "attempts": 0, "stage": "queued", "done": 0, "total": 0}
    conn.execute(insert(job).values(**row, **start, created_at=now_ms, updated_at=now_ms))
    return job_id


def take(database: Database, owner: str, now_ms: int, lease_ms: int = LEASE_MS) -> Job | None:
    """The oldest job that is free, now owned by `owner`; None when there is none."""
    free = or_(job.c.state == "queued", and_(job.c.state == "running", job.c.lease_until < now_ms))
    with database.write() as conn:
        _give_up(conn, now_ms)
        oldest = select(job).where(free).order_by(job.c.created_at, job.c.id).limit(1)
        row = conn.execute(oldest.with_for_update(skip_locked=True)).one_or_none()
        if row is None:
            return None
        attempts = row.attempts + 1
        owned = {"state": "running", "owner": owner, "lease_until": now_ms + lease_ms, "attempts": attempts}
        conn.execute(update(job).where(job.c.id == row.id).values(**owned, updated_at=now_ms))
    return Job(id=row.id, kind=row.kind, payload=json.loads(row.payload), owner=owner, attempts=attempts)


def report(
    database: Database, taken: Job, stage: str, done: int, total: int, now_ms: int, lease_ms: int = LEASE_MS
) -> None:
    """Note progress and keep the lease; raises LeaseLost."""
    _change(
        database,
        taken,
        now_ms,
        {"stage": stage, "done": done, "total": total, "lease_until": now_ms + lease_ms},
    )


def finish(database: Database, taken: Job, now_ms: int, result: str | None = None) -> None:
    """The job is done and made `result`; raises LeaseLost."""
    ended = {"state": "done", "stage": "done", "owner": None, "lease_until": None}
    _change(database, taken, now_ms, {**ended, "result": result})


def fail(database: Database, taken: Job, code: str, now_ms: int) -> None:
    """The job cannot be done, for a reason with a stable code; raises LeaseLost."""
    _change(database, taken, now_ms, {"state": "failed", "code": code, "owner": None, "lease_until": None})


def status(conn: Connection, job_id: bytes) -> JobStatus | None:
    """How a job stands, or None when there is no such job."""
    row = conn.execute(select(job).where(job.c.id == job_id)).one_or_none()
    if row is None:
        return None
    return JobStatus(
        state=row.state,
        stage=row.stage,
        done=row.done,
        total=row.total,
        code=row.code,
        result=row.result,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _give_up(conn: Connection, now_ms: int) -> None:
    hopeless = and_(job.c.state == "running", job.c.lease_until < now_ms, job.c.attempts >= MOST_ATTEMPTS)
    verdict = {"state": "failed", "code": "gave_up", "owner": None, "lease_until": None}
    conn.execute(update(job).where(hopeless).values(**verdict, updated_at=now_ms))


def _change(database: Database, taken: Job, now_ms: int, values: Mapping[str, Any]) -> None:
    mine = and_(job.c.id == taken.id, job.c.owner == taken.owner, job.c.state == "running")
    with database.write() as conn:
        changed = conn.execute(update(job).where(mine).values(**values, updated_at=now_ms))
        if changed.rowcount != 1:
            raise LeaseLost("the lease ran out")
