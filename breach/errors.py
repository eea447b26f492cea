"""The errors of the tracing floor: one root, a stable code on each, never a word of what the dump contains."""

from enum import StrEnum


class BreachError(Exception):
    """Root of everything this floor raises; `code` is stable and safe to show to anybody."""

    code: str = "breach_error"


class Unreadable(StrEnum):
    """Why a file cannot be taken in as a dump."""

    EMPTY_FILE = "empty_file"
    BINARY_FILE = "binary_file"
    DAMAGED_FILE = "damaged_file"
    ENCRYPTED_FILE = "encrypted_file"
    ARCHIVE_LIMIT = "archive_limit"
    UNREADABLE_ENCODING = "unreadable_encoding"
    NO_IDENTIFIER_COLUMN = "no_identifier_column"
    LINES_TOO_LONG = "lines_too_long"
    PARSER_STOPPED = "parser_stopped"
    FILE_TOO_LARGE = "file_too_large"


class DumpRefused(BreachError):
    """The file was refused and nothing was kept of it; `code` is one of `Unreadable`."""

    def __init__(self, code: Unreadable) -> None:
        super().__init__(code.value)
        self.code = code.value


class DumpDamaged(BreachError):
    """The sealed file is missing or not what was sealed: an integrity alarm, not bad input."""

    code: str = "dump_damaged"


class UnknownDump(BreachError):
    """No dump, trace or incident has this id."""

    code: str = "unknown_dump"


class UnknownIncident(BreachError):
    """No incident has this id, or the person is not among its affected."""

    code: str = "unknown_incident"


class NotTraced(BreachError):
    """The trace has not finished, so nothing can be opened from it yet."""

    code: str = "not_traced"


class UnknownLeak(BreachError):
    """Nobody is told of such a leak."""

    code: str = "unknown_leak"


class LeaksBusy(BreachError):
    """A leak is being read, or the labels of all of them are being made anew: one waits for the other."""

    code: str = "leaks_busy"


class LeaksMoved(BreachError):
    """The list of the self-check has another shape or another key than it was asked by: look again and ask again."""

    code: str = "leaks_moved"
