"""The life of a claim as data (law_claims.md §3.1): which state may follow which. This version only makes drafts.

From every state that is not final the person may withdraw, or take the case outside (association, regulator,
arbitration, court); neither is an end of what the ledger proves.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """Where a claim stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    DEFICIENT = "deficient"
    ADMITTED = "admitted"
    NOTICED = "noticed"
    ACKNOWLEDGED = "acknowledged"
    OFFERED = "offered"
    SETTLED = "settled"
    PAYABLE = "payable"
    PAID = "paid"
    CLOSED = "closed"
    DUPLICATE = "duplicate"
    FRAUD_REVIEW = "fraud_review"
    HELD = "held"
    WITHDRAWN = "withdrawn"
    TIME_BARRED = "time_barred"
    REFUSED = "refused"
    APPEALED = "appealed"
    MEDIATION = "mediation"
    FAILED = "failed"
    EXPORTED = "exported"
    UNCLAIMED = "unclaimed"


FINAL = frozenset({State.CLOSED, State.DUPLICATE, State.WITHDRAWN})

_MAIN: Mapping[State, str] = {
    State.DRAFT: "submitted",
    State.SUBMITTED: "deficient admitted refused duplicate fraud_review held",
    State.DEFICIENT: "submitted refused time_barred",
    State.ADMITTED: "noticed held fraud_review",
    State.NOTICED: "acknowledged mediation failed held",
    State.ACKNOWLEDGED: "offered mediation failed held",
    State.OFFERED: "settled mediation failed held",
    State.SETTLED: "payable",
    State.PAYABLE: "paid unclaimed",
    State.PAID: "closed",
    State.FRAUD_REVIEW: "submitted admitted refused",
    State.HELD: "submitted admitted noticed acknowledged offered mediation",
    State.TIME_BARRED: "admitted closed",
    State.REFUSED: "appealed closed",
    State.APPEALED: "admitted refused closed",
    State.MEDIATION: "settled failed held",
    State.FAILED: "mediation closed",
    State.EXPORTED: "settled failed closed",
    State.UNCLAIMED: "paid closed",
}


def _moves() -> Mapping[State, frozenset[State]]:
    always = {State.WITHDRAWN, State.EXPORTED}
    table = {state: frozenset(map(State, words.split())) | always for state, words in _MAIN.items()}
    table |= dict.fromkeys(FINAL, frozenset())
    table[State.EXPORTED] -= {State.EXPORTED}
    return MappingProxyType(table)


MOVES = _moves()
"""From each state, the states that may follow."""
