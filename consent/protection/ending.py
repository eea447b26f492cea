"""Ending what somebody gave: what waits for their trusted person is taken back, then what stands is withdrawn.

In this order nothing of the scope is left that could still become a consent: what the trusted person agrees to in
between stands by then, and is withdrawn with the rest.
"""

from dataclasses import dataclass

from consent.ids import GrantId
from consent.protection.deferral import take_back
from consent.protection.waiting import waiting_in
from consent.refusals import Refusal
from consent.withdrawal.rows import Scope
from consent.withdrawal.withdraw import Withdrawn, withdraw_all
from vault.families.guardians import Guardianship
from vault.ids import Person
from vault.opening import Vault

__all__ = ["Ended", "Scope", "end_all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What ended or had ended before, and what never came to stand; false when the scope named neither."""

    withdrawn: list[Withdrawn]
    taken_back: list[GrantId]

    def __bool__(self) -> bool:
        return bool(self.withdrawn or self.taken_back)


def end_all(
    vault: Vault, who: Person, scope: Scope, now_ms: int, *, guardian: Guardianship | None = None
) -> Ended:
    """End everything `scope` names; `guardian`: by whose link, after whose end nothing is done. Times in Unix ms."""
    with vault.data.read() as conn:
        waiting = waiting_in(conn, who, scope)
    taken_back = [
        one
        for one in waiting
        if not isinstance(take_back(vault, who, one, now_ms, guardian=guardian), Refusal)
    ]
    bucket, subject = who
    withdrawn = withdraw_all(vault, subject, bucket, scope, now_ms, guardian=guardian)
    return Ended(withdrawn=withdrawn, taken_back=taken_back)
