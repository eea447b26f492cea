"""What the ledger raises: malformed input, a broken rule of the caller, or an alarm about its own integrity.

Three branches, because they are answered differently: `Malformed` is an outsider's bad input, `LedgerConflict`
and `WrongLog` are mistakes of calling code, `LedgerAlarm` means stored data disagree with what was signed and
nothing may be signed until a person has looked. No text here ever carries an entry's content.
"""

from typing import ClassVar


class LedgerError(Exception):
    """Root of everything the ledger raises; `code` is stable and safe to show."""

    code: ClassVar[str] = "ledger_error"


class Malformed(LedgerError):
    """Bytes that claim to be a note, checkpoint, entry, proof or bundle are not a well-formed one."""

    code = "ledger.malformed"


class Unproven(LedgerError):
    """Well-formed bytes whose signature, path or commitment does not hold."""

    code = "ledger.unproven"


class NotYetPublished(LedgerError):
    """No signed checkpoint covers the wanted entry yet."""

    code = "ledger.not_yet_published"


class LedgerConflict(LedgerError):
    """An entry id was used before for another entry."""

    code = "ledger.id_conflict"


class WrongLog(LedgerError):
    """An item was prepared for another year than the one its moment of entry falls into."""

    code = "ledger.wrong_log"


class LedgerAlarm(LedgerError):
    """Stored rows contradict each other or a signed checkpoint; signing stops for this log.

    `others` are the alarms found in the same pass: one log's alarm must not hide another's.
    """

    code = "ledger.alarm"

    def __init__(self, origin: str, reason: str, others: "tuple[LedgerAlarm, ...]" = ()) -> None:
        super().__init__("; ".join([f"{origin}: {reason}", *map(str, others)]))
        self.origin = origin
        self.reason = reason
        self.others = others

    @property
    def every(self) -> "tuple[LedgerAlarm, ...]":
        """Every alarm of the pass, itself first."""
        return (self, *self.others)
