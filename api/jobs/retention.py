"""Retention as daily work: which defaults the installation has, one job a day, and what the job does.

Recipients' records are counted by the same job, and what came to nothing is swept out.

The defaults stand in the setting RETENTION, as `field=days` with commas between: `note=90,address=730`. A
field that is not named is kept until somebody says otherwise.
"""

from sqlalchemy import Connection, select

from api.clock import Clock
from api.jobs.lease import enqueue
from api.jobs.tables import job
from api.jobs.worker import Report
from api.settings import Settings
from api.staff.erasing import resume_erasures
from consent.erasure.retention import Rule, run
from consent.recipients.track_records import recount
from consent.tokens.sweeping import sweep
from vault.opening import Vault

RETENTION = "retention"
DAY_MS = 86_400_000


def rules_of(settings: Settings) -> list[Rule]:
    """The defaults of an installation; the settings have checked their form."""
    pairs = (part.split("=") for part in settings.retention.split(",") if part)
    return [Rule(field=field.strip(), period_ms=int(days) * DAY_MS) for field, days in pairs]


def enqueue_daily(conn: Connection, now_ms: int) -> None:
    """One job for each day (UTC): servers that do this at the same moment make two, which does no harm."""
    today = now_ms - now_ms % DAY_MS
    made = select(job.c.id).where(job.c.kind == RETENTION, job.c.created_at >= today).limit(1)
    if conn.execute(made).first() is None:
        enqueue(conn, RETENTION, {}, now_ms)


def expire(settings: Settings, vault: Vault, clock: Clock, report: Report) -> None:
    """The work of the job; people whose time is over get the job that erases them."""
    run(vault, rules_of(settings), clock(), report)
    recount(vault, clock())
    sweep(vault, clock())
    resume_erasures(settings, vault, clock())
