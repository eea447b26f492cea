"""Rotation jobs as rows: at most one of a kind runs for a tenant, and each step moves its row on exactly once.

Two workers may step the same job: whoever finds that the row has moved meanwhile undoes the transaction, and
what they had committed before it is harmless to do twice.
"""

import secrets
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from vault.errors import VaultError
from vault.ids import TenantId
from vault.keys.tables import rotation
from vault.storage.database import Database

DONE: Final = "done"


class Kind(StrEnum):
    """What is replaced."""

    ROOT = "root"
    TENANT = "tenant"
    PERSON = "person"
    INDEX = "index"


class RotationRunning(VaultError):
    """A rotation of this kind is under way: resume that one."""

    code = "rotation_running"


class NothingToResume(VaultError):
    """No rotation of this kind is under way."""

    code = "rotation_none"


class JobMoved(VaultError):
    """Another worker has done this step: nothing of the transaction is kept, and the row is read again."""

    code = "rotation_moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One rotation: `done` of `total` rows or people, in `stage`; `target` is the version or epoch it leads to.

    `left_over` counts people who keep their old key because a value of theirs does not open. Times in Unix ms.
    """

    tenant: TenantId
    id: bytes
    kind: Kind
    state: str
    stage: str
    target: int
    cursor: bytes
    done: int
    total: int
    left_over: int
    started_at: int
    updated_at: int

    @property
    def over(self) -> bool:
        """Whether there is nothing left to do."""
        return self.state == DONE

    def to(self, stage: str, now_ms: int, *, cursor: bytes = b"", done: int = 0, left_over: int = 0) -> "Job":
        """The job at another place; `done` and `left_over` are added."""
        return replace(
            self,
            stage=stage,
            cursor=cursor,
            done=self.done + done,
            left_over=self.left_over + left_over,
            updated_at=now_ms,
        )

    def finished(self, now_ms: int, *, done: int = 0) -> "Job":
        """The job when all is done."""
        return replace(self.to(self.stage, now_ms, done=done), state=DONE)


def new_job(tenant: TenantId, kind: Kind, stage: str, target: int, total: int, now_ms: int) -> Job:
    """A job that is not stored yet."""
    return Job(
        tenant=tenant,
        id=secrets.token_bytes(16),
        kind=kind,
        state="running",
        stage=stage,
        target=target,
        cursor=b"",
        done=0,
        total=total,
        left_over=0,
        started_at=now_ms,
        updated_at=now_ms,
    )


def store(conn: Connection, job: Job) -> None:
    """Add a job; raises RotationRunning when one of its kind is under way."""
    try:
        conn.execute(insert(rotation).values(_values(job)))
    except IntegrityError:
        raise RotationRunning("a rotation of this kind is under way") from None


def move(conn: Connection, before: Job, after: Job) -> None:
    """Write `after` if the row still stands where `before` says; raises JobMoved when somebody else has moved it."""
    stands = (
        rotation.c.tenant == before.tenant,
        rotation.c.id == before.id,
        rotation.c.state == "running",
        rotation.c.stage == before.stage,
        rotation.c.cursor == before.cursor,
    )
    if conn.execute(update(rotation).where(*stands).values(_values(after))).rowcount != 1:
        raise JobMoved("somebody else works on this rotation")


def running(keys: Database, tenant: TenantId, kind: Kind) -> Job | None:
    """The job of this kind that is under way."""
    return next((job for job in jobs(keys, tenant) if job.kind is kind and not job.over), None)


def find(keys: Database, job: Job) -> Job:
    """A job as its row stands now."""
    with keys.read() as conn:
        mine = select(rotation).where(rotation.c.tenant == job.tenant, rotation.c.id == job.id)
        return _job(conn.execute(mine).mappings().one())


def jobs(keys: Database, tenant: TenantId) -> list[Job]:
    """Every rotation of a tenant, newest first."""
    wanted = select(rotation).where(rotation.c.tenant == tenant)
    with keys.read() as conn:
        rows = conn.execute(wanted.order_by(rotation.c.started_at.desc(), rotation.c.id)).mappings()
        return [_job(row) for row in rows]


def _values(job: Job) -> dict[str, Any]:
    return {column.name: getattr(job, column.name) for column in rotation.columns}


def _job(row: Any) -> Job:
    return Job(**{**row, "kind": Kind(row["kind"])})
