"""Driving a rotation: begin or resume, step after step, telling whoever waits how far it is."""

import time
from collections.abc import Callable, Mapping
from typing import Final

from vault.keys.evictions import wall_ms
from vault.opening import Vault
from vault.rotation import index, people, tenant_key
from vault.rotation.jobs import Job, JobMoved, Kind, NothingToResume, find, running

type Step = Callable[[Vault, Job, int], Job]
type Report = Callable[[Job], None]
"""Called with the job after every step."""

_BEGIN: Final[Mapping[Kind, Callable[[Vault, int], Job]]] = {
    Kind.TENANT: tenant_key.begin,
    Kind.PERSON: people.begin,
    Kind.INDEX: index.begin,
}
_STEPS: Final[Mapping[tuple[Kind, str], Step]] = {
    (Kind.TENANT, "spread"): tenant_key.spread,
    (Kind.TENANT, "drain"): tenant_key.drain,
    (Kind.TENANT, "rewrap"): tenant_key.rewrap,
    (Kind.TENANT, "small"): tenant_key.small,
    (Kind.PERSON, "move"): people.move_next,
    (Kind.INDEX, "tell"): index.tell,
    (Kind.INDEX, "drain"): index.drain,
    (Kind.INDEX, "fill"): index.fill,
    (Kind.INDEX, "refill"): index.fill,
    (Kind.INDEX, "reclaim"): index.fill,
    (Kind.INDEX, "switch"): index.switch,
    (Kind.INDEX, "leave"): index.leave,
    (Kind.INDEX, "settle"): index.settle,
    (Kind.INDEX, "drop"): index.drop,
    (Kind.INDEX, "destroy"): index.destroy,
}
_PAUSE_SECONDS: Final = 0.1


def start(vault: Vault, kind: Kind, now_ms: int) -> Job:
    """Begin a rotation of the tenant key, of people's keys or of the index; raises RotationRunning.

    The root is changed by `rewrap_root`, in one transaction.
    """
    return _BEGIN[kind](vault, now_ms)


def step(vault: Vault, job: Job, now_ms: int) -> Job:
    """Do the next piece; answers the very same job while it has to wait for other processes."""
    try:
        return job if job.over else _STEPS[job.kind, job.stage](vault, job, now_ms)
    except JobMoved:
        return find(vault.keyring.database, job)


def run(
    vault: Vault,
    job: Job,
    *,
    report: Report = lambda _: None,
    clock: Callable[[], int] = wall_ms,
    pause: Callable[[float], None] = time.sleep,
) -> Job:
    """Step until the job is over; a process that died holds it up for twelve seconds at most."""
    while not job.over:
        after = step(vault, job, clock())
        if after is job or (after.stage, after.cursor, after.done) == (job.stage, job.cursor, job.done):
            pause(_PAUSE_SECONDS)
        job = after
        report(job)
    return job


def resume(vault: Vault, kind: Kind) -> Job:
    """The rotation of this kind that is under way, to be given to `run`; raises NothingToResume."""
    job = running(vault.keyring.database, vault.keyring.tenant, kind)
    if job is None:
        raise NothingToResume("no rotation of this kind is under way")
    return job
