"""Errors as RFC 9457 problem details: a stable `code`, the reader's language, and nothing of the input.

Litestar's own conversion is not used: it puts our text into `title`, and its validation problems repeat the
path and the query string. Here an answer holds only what stands in the catalogues; `api.edge.answers` sends it.

| raised                               | answered                                             |
|--------------------------------------|------------------------------------------------------|
| Problem                              | its own status and code                              |
| a domain root (attribute `code`)     | 400 with that code                                   |
| an alarm of the ledger               | 503, and the alarm in the log (vault.md §6.11)       |
| a data base that does not answer     | 503 `database_unreachable`, an id that the log has   |
| ValidationException                  | 400 `invalid_input`                                  |
| HTTPException                        | its status, code by status                           |
| anything else                        | 500 `internal_error` and an id that the log also has |
"""

import sqlite3
from collections.abc import Mapping
from typing import Any

from litestar.exceptions import HTTPException, ValidationException
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from api.batcher import BatcherClosed, BatcherFull
from api.edge.forms import MalformedForm
from api.events import Event, log_event, log_unexpected
from api.i18n import Lang, catalogue
from breach.errors import BreachError, DumpRefused, LeaksMoved, NotTraced, UnknownDump, Unreadable
from consent.errors import ConsentError
from consent.ledger.errors import LedgerAlarm, LedgerError, NotYetPublished, WrongLog
from vault.errors import VaultError
from vault.keys.keyring import KeysUnavailable

TYPE_PREFIX = "urn:perusal:problem:"

_BY_STATUS = {
    400: "bad_request",
    401: "not_authenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
    429: "too_many_attempts",
    503: "shutting_down",
}

_DOMAIN = (VaultError, ConsentError, LedgerError, BreachError, MalformedForm, BatcherClosed, BatcherFull)
_SPECIAL: Mapping[type[Exception], tuple[int, Mapping[str, str]]] = {
    BatcherClosed: (503, {"Retry-After": "1"}),
    BatcherFull: (503, {"Retry-After": "1"}),
    KeysUnavailable: (503, {"Retry-After": "30"}),
    NotYetPublished: (409, {"Retry-After": "2"}),
    WrongLog: (503, {"Retry-After": "1"}),
    UnknownDump: (404, {}),
    NotTraced: (409, {"Retry-After": "2"}),
    DumpRefused: (422, {}),
    LeaksMoved: (409, {}),
}
"""Status and headers of the domain errors that are not simply bad input."""

_STORE_RETRY = {"Retry-After": "5"}
_ALARM_RETRY = {"Retry-After": "60"}  # somebody has to look first


class Problem(Exception):
    """An answer that is an error: HTTP status, stable code, extra headers."""

    def __init__(self, status: int, code: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})


def as_problem(error: Exception) -> Problem:
    """The problem an exception stands for; logs the ones nobody foresaw."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        found = _framework_problem(error)
    else:
        found = _store_problem(error) or _domain_problem(error)
    return found or Problem(500, "internal_error", headers={"X-Error-Id": log_unexpected(error)})


def _framework_problem(error: HTTPException) -> Problem | None:
    if isinstance(error, ValidationException):
        return Problem(400, "invalid_input")
    code = _BY_STATUS.get(error.status_code, "bad_request" if error.status_code < 500 else None)
    return None if code is None else Problem(error.status_code, code, headers=error.headers)


def _store_problem(error: Exception) -> Problem | None:
    """What cannot be recorded is not answered: the caller did nothing wrong and may come back."""
    if isinstance(error, LedgerAlarm):
        for alarm in error.every:
            log_event(Event.LEDGER_ALARM, code=alarm.code, where=alarm.origin, reason=alarm.reason)
        return Problem(503, error.code, headers=_ALARM_RETRY)
    if unreachable(error):
        return Problem(
            503, "database_unreachable", headers={**_STORE_RETRY, "X-Error-Id": log_unexpected(error)}
        )
    return None


def unreachable(error: BaseException) -> bool:
    """Whether a data base could not be asked or could not finish, rather than having been asked something wrong."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    # SQLite calls a missing table operational too; only its error number tells that from a lost disk.
    mistake = getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
    return error.connection_invalidated or (
        isinstance(error, OperationalError | InterfaceError) and not mistake
    )


def affects_all(error: Exception) -> bool:
    """Whether whatever else would be asked of the data base now would fail like this: no victim of a deadlock."""
    undone = str(getattr(getattr(error, "orig", None), "sqlstate", None) or "").startswith("40")
    return unreachable(error) and not undone


def _domain_problem(error: Exception) -> Problem | None:
    if not isinstance(error, _DOMAIN):
        return None
    status, headers = next(
        (answer for kind, answer in _SPECIAL.items() if isinstance(error, kind)), (400, {})
    )
    too_large = isinstance(error, DumpRefused) and error.code == Unreadable.FILE_TOO_LARGE
    return Problem(413 if too_large else status, error.code, headers=headers)


def problem_body(problem: Problem, lang: Lang) -> dict[str, Any]:
    """The members of RFC 9457 §3.1 plus `code`."""
    texts = catalogue(lang)
    key = f"problem.{problem.code}" if texts.has(f"problem.{problem.code}.title") else "problem.bad_request"
    body = {
        "type": TYPE_PREFIX + problem.code,
        "title": texts.text(f"{key}.title"),
        "status": problem.status,
        "detail": texts.text(f"{key}.detail"),
        "code": problem.code,
    }
    if error_id := problem.headers.get("X-Error-Id"):
        body["instance"] = f"urn:perusal:error:{error_id}"
    return body
