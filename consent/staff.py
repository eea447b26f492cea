"""Members of staff as the consent floor knows them, and the vocabulary of what two of them must agree to.

Records name a staff key by role and number (`operator/3f2a...`), never a person. Two keys may belong to one
person, so who holds a key is kept too, as a MAC of the name under a service key: enough to tell that an approver
is somebody else, and nothing to read for whoever has the data base.
"""

import hmac
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from vault.opening import Vault

WINDOW_MS: Final = 15 * 60_000
"""How long an approval may be used, from the second yes on."""

ASKING_MS: Final = 60 * 60_000
"""How long a request waits for its approvals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staffer:
    """Who acts: `name` is the role and number of the key, `actor` the name its holder is known by inside."""

    name: str
    actor: str

    def __repr__(self) -> str:
        return f"Staffer({self.name})"


def actor_mac(vault: Vault, staffer: Staffer) -> bytes:
    """What records know the holder of a key by, 32 bytes: the same for every key of one person."""
    known_as = unicodedata.normalize("NFKC", staffer.actor).casefold().strip()
    return hmac.digest(vault.keyring.service_key("dual"), b"pv1/actor" + known_as.encode(), "sha256")


class DualKind(StrEnum):
    """What takes two approvals."""

    BREAK_GLASS = "break_glass"
    POPULATION_SCAN = "population_scan"


class DualReason(StrEnum):
    """Why it is asked for: a closed list, because the person reads it in their own language."""

    LIFE_AT_RISK = "life_at_risk"
    COURT_ORDER = "court_order"
    AUTHORITY_DEMAND = "authority_demand"
    PERSON_ASKED = "person_asked"
    LEAK_INVESTIGATION = "leak_investigation"
    FAULT_REPAIR = "fault_repair"


class DualState(StrEnum):
    """A request is asked, then approved or refused; an approval can still be refused while its window is open."""

    ASKED = "asked"
    APPROVED = "approved"
    REFUSED = "refused"


class Verdict(StrEnum):
    YES = "yes"
    NO = "no"
