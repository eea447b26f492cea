"""Members of staff as the consent floor knows them, and the vocabulary of what two of them must agree to.

Records name a staff key by role and number (`operator/3f2a...`), never a person. Two keys may belong to one
person, so who holds a key is kept too, as a MAC of the name under a service key: enough to tell that an approver
is somebody else, and nothing to read for whoever has the data base.
"""

import hmac
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from vault.fields.text import clean, fold_case
from vault.opening import Vault

WINDOW_MS: Final = 15 * 60_000
"""How long an approval may be used, from the second yes on."""

ASKING_MS: Final = 60 * 60_000
"""How long a request waits for its approvals."""

_ALIKE: Final = frozenset({"LATIN", "GREEK", "CYRILLIC"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Staffer:
    """Who acts: `name` is the role and number of the key, `actor` the name its holder is known by inside."""

    name: str
    actor: str

    def __repr__(self) -> str:
        return f"Staffer({self.name})"


def actor_mac(vault: Vault, staffer: Staffer) -> bytes:
    """What records know the holder of a key by, 32 bytes: the same for every key of one person.

    Spellings that can be taken for each other are the same: only letters and digits count (`actor_outline`).
    """
    known_as = actor_outline(staffer.actor)
    return hmac.digest(vault.keyring.service_key("dual"), b"pv1/actor" + known_as.encode(), "sha256")


def actor_outline(actor: str) -> str:
    """What of a name is left when blanks, marks, widths and case do not count: two people must differ in this."""
    apart = unicodedata.normalize("NFKD", fold_case(clean(actor)))
    return "".join(character for character in apart if character.isalnum())


def mixes_alphabets(actor: str) -> bool:
    """Whether letters of more than one of the alphabets that look alike (Latin, Greek, Cyrillic) are in a name."""
    apart = unicodedata.normalize("NFKD", clean(actor))
    return len({unicodedata.name(one, "").partition(" ")[0] for one in apart if one.isalpha()} & _ALIKE) > 1


class DualKind(StrEnum):
    """What takes the approval of others: of two, or of one for what staff read of somebody under eighteen."""

    BREAK_GLASS = "break_glass"
    POPULATION_SCAN = "population_scan"
    MINOR_READ = "minor_read"


class DualReason(StrEnum):
    """Why it is asked for: a closed list, because the person reads it in their own language."""

    LIFE_AT_RISK = "life_at_risk"
    COURT_ORDER = "court_order"
    AUTHORITY_DEMAND = "authority_demand"
    PERSON_ASKED = "person_asked"
    LEAK_INVESTIGATION = "leak_investigation"
    FAULT_REPAIR = "fault_repair"


class Basis(StrEnum):
    """What the law lets a member of staff read by themselves on (PIPL 13): consent, a contract, a duty."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_DUTY = "legal_duty"


ALONE: Final[Mapping[Basis, frozenset[DualReason]]] = {
    Basis.CONSENT: frozenset(
        {DualReason.PERSON_ASKED, DualReason.LEAK_INVESTIGATION, DualReason.FAULT_REPAIR}
    ),
    Basis.CONTRACT: frozenset({DualReason.PERSON_ASKED}),
    Basis.LEGAL_DUTY: frozenset({DualReason.PERSON_ASKED, DualReason.LEAK_INVESTIGATION}),
}
"""Which reasons go with which basis. What is not here takes two others: lives, courts and authorities always do."""


class DualState(StrEnum):
    """A request is asked, then approved or refused; an approval can still be refused while its window is open."""

    ASKED = "asked"
    APPROVED = "approved"
    REFUSED = "refused"


class Verdict(StrEnum):
    YES = "yes"
    NO = "no"
