"""The server's own event log: one JSON line per event, from a closed list of names and fields.

Frameworks love to log bodies, headers and query strings; here a field that is not on the list cannot be
written at all, and an unexpected exception is logged by class and place only, because messages of drivers
quote the values they choked on.
"""

import json
import secrets
import sys
import traceback
from enum import StrEnum
from typing import Final, TypedDict, Unpack

_LOCATION_FRAMES: Final = 6


class Event(StrEnum):
    STARTED = "started"
    STOPPED = "stopped"
    UNEXPECTED = "unexpected_error"
    PUBLISHED = "checkpoints_published"
    JOB_FINISHED = "job_finished"
    JOB_FAILED = "job_failed"
    OPEN_FOLDERS = "folders_others_may_enter"
    LEDGER_ALARM = "ledger_alarm"
    EVENT_FAILED = "event_failed"
    PING_FAILED = "ping_failed"
    HONEY_ALARM = "honey_alarm"
    SEALED = "sealed"
    UNSEALED = "unsealed"
    CODE_NOT_SENT = "code_not_sent"
    PASSKEY_ALARM = "passkey_alarm"
    MEMORY_UNLOCKED = "memory_not_locked"
    WITNESS_FAILED = "witness_failed"
    WITNESS_RECOVERED = "witness_recovered"
    UNWITNESSED = "log_unwitnessed"
    WITNESSED = "log_witnessed_again"
    LOGS_UNREADABLE = "witness_logs_unreadable"
    INCONSISTENT_CHECKPOINT = "witness_refused_inconsistent"


class Fields(TypedDict, total=False):
    """What an event may say; nothing here can hold a personal value."""

    error_id: str
    error: str
    where: str
    count: int
    job: str
    kind: str
    code: str
    reason: str
    alarm: str


def log_event(event: Event, **fields: Unpack[Fields]) -> None:
    """Write one event to standard error."""
    sys.stderr.write(json.dumps({"event": event.value, **fields}) + "\n")


def log_unexpected(error: BaseException) -> str:
    """Log an exception nobody foresaw and return the id under which a reader can name it."""
    error_id = secrets.token_hex(6)
    # Where a library failed says little; which of our lines asked it to says most.
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename][-_LOCATION_FRAMES:]
    where = " < ".join(
        f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno} {frame.name}"
        for frame in [frames[-1], *reversed(own)]
    )
    log_event(Event.UNEXPECTED, error_id=error_id, error=type(error).__name__, where=where)
    return error_id
