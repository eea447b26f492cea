"""What a monitor says when a log does what it must not, as a JWS that others can check and keep.

| claim      | meaning                                                                              |
|------------|--------------------------------------------------------------------------------------|
| `iss`      | the monitor's name                                                                   |
| `iat`      | when it noticed, seconds                                                             |
| `log`      | the origin                                                                           |
| `alarm`    | one of `Alarm`                                                                       |
| `at`       | the index of the entry, or the size of the head, it is about; absent where none is   |
| `says`     | one sentence; never an entry's content                                               |
| `notes`    | the signed heads it is about, each as it was shown; absent where there are none      |
| `evidence` | a proof of the lie (`fraud`) where there is one that fits into a file                 |
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from consent.ledger.formats import jws
from consent.signing.signed import Algorithm, signing_key

TYPE: Final = "perusal-alert+jwt"
MAX_BYTES: Final = 1 << 20
"""An alert carries two notes and a proof at most."""


class Alarm(StrEnum):
    """Why a log is not to be relied on, or not now."""

    UNREADABLE = "unreadable"
    BROKEN_OFF = "broken_off"
    BEHIND = "behind"
    UNSIGNED = "unsigned"
    ROLLED_BACK = "rolled_back"
    SPLIT_VIEW = "split_view"
    INCONSISTENT = "inconsistent"
    WRONG_TILE = "wrong_tile"
    NOT_CANONICAL = "not_canonical"
    DUPLICATE_ID = "duplicate_id"
    BROKEN_CHAIN = "broken_chain"
    PARALLEL_CHAIN = "parallel_chain"
    OUT_OF_TIME = "out_of_time"
    WRONG_INDEX = "wrong_index"
    AFTER_CLOSING = "after_closing"
    WRONG_OPENING = "wrong_opening"
    HISTORY_CUT = "history_cut"
    STALE = "stale"
    STALE_INDEX = "stale_index"
    UNWITNESSED = "unwitnessed"


PASSING: Final = frozenset(
    {
        Alarm.UNREADABLE,
        Alarm.BROKEN_OFF,
        Alarm.BEHIND,
        Alarm.UNSIGNED,
        Alarm.STALE,
        Alarm.STALE_INDEX,
        Alarm.UNWITNESSED,
    }
)
"""Conditions that can end; everything else was done, and stays so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alarm about one log; `evidence` is a fraud proof's bytes, empty where there is none."""

    alarm: Alarm
    origin: str
    says: str
    at: int | None = None
    evidence: bytes = b""
    notes: tuple[bytes, ...] = ()

    def claims(self, monitor: str, now_ms: int) -> dict[str, Any]:
        """What is signed."""
        found: dict[str, Any] = {
            "iss": monitor,
            "iat": now_ms // 1000,
            "log": self.origin,
            "alarm": self.alarm.value,
            "says": self.says,
        }
        if self.at is not None:
            found["at"] = self.at
        if self.notes:
            found["notes"] = [one.decode() for one in self.notes]
        if self.evidence:
            found["evidence"] = self.evidence.decode()
        return found


def read(text: str, public: bytes) -> dict[str, Any]:
    """The claims of an alert that the monitor with this public key signed; raises Malformed or Unproven."""
    return jws.verify(text, [public], MAX_BYTES)[0]


def signed(alert: Alert, monitor: str, seed: bytes, now_ms: int) -> str:
    """The alert as a compact JWS under the monitor's Ed25519 key (32-byte seed)."""
    return signing_key(Algorithm.ED25519, seed).sign(TYPE, alert.claims(monitor, now_ms))
