"""The grant's states and legal moves, once as a pure state machine and once as rows the data base checks by.

Names follow the W3C Data Privacy Vocabulary's consent states (consent.md §6). Some moves go beyond that list: a
grant that is used up, past its window or terminated by its recipient can still be withdrawn, because
withdrawing also ends the recipient's right to keep what it received, and no recipient shall escape that by
ending the grant first; and a recipient may end a grant of which nothing is left, and operator and authority can
for the same reason. The Vocabulary's "renewed" is not among them: consents for the same thing stand side by
side (ADR 0037). States without a move out of them are final.
"""

from collections.abc import Mapping
from enum import StrEnum


class GrantState(StrEnum):
    REQUESTED = "requested"
    DEFERRED = "deferred"
    ACTIVE = "active"
    REFUSED = "refused"
    LAPSED = "lapsed"
    SUSPENDED = "suspended"
    EXHAUSTED = "exhausted"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    TERMINATED = "terminated"
    REVOKED = "revoked"
    INVALIDATED = "invalidated"


_ENDINGS = frozenset(
    {
        GrantState.WITHDRAWN,
        GrantState.TERMINATED,
        GrantState.REVOKED,
        GrantState.INVALIDATED,
    }
)

MOVES: Mapping[GrantState, frozenset[GrantState]] = {
    GrantState.REQUESTED: frozenset(
        {GrantState.DEFERRED, GrantState.ACTIVE, GrantState.REFUSED, GrantState.LAPSED}
    ),
    GrantState.DEFERRED: frozenset({GrantState.ACTIVE, GrantState.REFUSED, GrantState.LAPSED}),
    GrantState.ACTIVE: _ENDINGS | {GrantState.SUSPENDED, GrantState.EXHAUSTED, GrantState.EXPIRED},
    GrantState.SUSPENDED: _ENDINGS | {GrantState.ACTIVE, GrantState.EXPIRED},
    GrantState.EXHAUSTED: _ENDINGS,
    GrantState.EXPIRED: _ENDINGS,
    GrantState.TERMINATED: _ENDINGS - {GrantState.TERMINATED},
}

BIRTHS = frozenset({GrantState.REQUESTED, GrantState.DEFERRED, GrantState.ACTIVE, GrantState.REFUSED})
"""The states a grant row may be written in."""

WITHDRAWABLE = frozenset(s for s in GrantState if GrantState.WITHDRAWN in MOVES.get(s, frozenset()))


def state_at(state: GrantState, window_to: int, at_ms: int) -> GrantState:
    """The state at a moment, in Unix milliseconds: when a window closes no row moves."""
    closed = at_ms >= window_to and state in {GrantState.ACTIVE, GrantState.SUSPENDED}
    return GrantState.EXPIRED if closed else state


def may_move(before: GrantState, after: GrantState) -> bool:
    """Whether the state machine knows this move; staying is no move."""
    return after in MOVES.get(before, frozenset())
