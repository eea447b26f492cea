"""What each kind of job does: tracing a dump that was taken into custody, erasing people, expiring data."""

from collections.abc import Mapping
from typing import Any

from api.clock import Clock
from api.jobs.retention import RETENTION, expire
from api.jobs.worker import Report, Work
from api.settings import Settings
from api.staff.erasing import ERASE, finish_erasures
from breach.intake import quarantine
from breach.pipeline.report import PREFIX as TRACE_PREFIX
from breach.pipeline.run import trace
from vault.ids import decode_id, encode_id
from vault.opening import Vault

TRACE = "trace"


def work_of(settings: Settings, vault: Vault, clock: Clock) -> Mapping[str, Work]:
    """The work of one installation by kind of job."""

    def trace_dump(payload: Mapping[str, Any], report: Report) -> str:
        dump_id = decode_id(quarantine.PREFIX, payload["dump"])
        found = quarantine.find(vault, settings.quarantine, dump_id)
        done = trace(
            vault, found, now_ms=clock(), progress=report, actor=payload["actor"], index=settings.tag_index
        )
        return encode_id(TRACE_PREFIX, done.id)

    def erase_people(_payload: Mapping[str, Any], report: Report) -> None:
        finish_erasures(settings, vault, clock, report)

    def expire_data(_payload: Mapping[str, Any], report: Report) -> None:
        expire(settings, vault, clock, report)

    return {TRACE: trace_dump, ERASE: erase_people, RETENTION: expire_data}
