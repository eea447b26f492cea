"""How a failure is told: one sentence, a stable code, an exit code; never a traceback, never somebody's data.

Every floor's errors carry a `code` and a text without personal data by construction, so their text may be
shown. Of any other exception only the kind and the place are told, because its text may hold a value.
"""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import Path
from traceback import extract_tb

from sqlalchemy.exc import OperationalError, SQLAlchemyError

from api.i18n import Lang, catalogue

_OLD_SCHEMA = re.compile(r"no such (table|column)|(relation|column) .* does not exist")


class Exit(IntEnum):
    """What the exit code of a command says."""

    OK = 0
    WRONG = 1
    USAGE = 2
    ENVIRONMENT = 3


class Failure(Exception):
    """A command ends here: `message` is one sentence for a person, `code` is stable."""

    def __init__(self, message: str, *, code: str, exit_code: Exit = Exit.WRONG) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.exit_code = exit_code


def from_exception(error: Exception) -> Failure:
    """The failure to tell for any exception that reached the command line."""
    if isinstance(error, Failure):
        return error
    code = getattr(error, "code", None)
    if isinstance(error, SQLAlchemyError):
        return _data_base(error)
    if isinstance(code, str):
        return Failure(_sentence(str(error), code), code=code, exit_code=_exit_code(code))
    if isinstance(error, OSError):
        return _system(error)
    return _unexpected(error)


def told(code: str) -> str:
    """The sentence that stands for a code: why a value or a person is refused, or a problem of the server's."""
    texts = catalogue(Lang.EN)
    keys = (f"value.{code}", f"refused.{code}", f"problem.{code}.detail")
    return next((texts.text(key) for key in keys if texts.has(key)), code)


def _sentence(said: str, code: str) -> str:
    """What the error says; where it only says its code, the sentence for it."""
    return told(code) if said in {"", code} else said


def _system(error: OSError) -> Failure:
    """What the system refused, with the name of the file it is about but never its folder."""
    said = (error.strerror or "the system refused").lower()
    if error.filename:
        message = f"{Path(str(error.filename)).name}: {said}"
        return Failure(message, code="file_trouble", exit_code=Exit.ENVIRONMENT)
    return Failure(said, code="system_refused", exit_code=Exit.ENVIRONMENT)


def _data_base(error: SQLAlchemyError) -> Failure:
    """Of the driver's own text only what it is about is used: a missing table means an older schema."""
    said = str(getattr(error, "orig", "")).lower()
    if _OLD_SCHEMA.search(said):
        message = "the data base is older than this program; say: perusal doctor --migrate"
        return Failure(message, code="schema_outdated", exit_code=Exit.ENVIRONMENT)
    if isinstance(error, OperationalError):
        return Failure(
            "the data base does not answer", code="database_unreachable", exit_code=Exit.ENVIRONMENT
        )
    return _unexpected(error)


def _exit_code(code: str) -> Exit:
    not_ready = {"bad_setting", "wrong_passphrase", "secret_is_readable"}
    return Exit.ENVIRONMENT if code in not_ready else Exit.WRONG


def _unexpected(error: Exception) -> Failure:
    frames = [frame for frame in extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    message = f"an internal error of kind {type(error).__name__} at {place}; please report it"
    return Failure(message, code="internal_error", exit_code=Exit.ENVIRONMENT)
