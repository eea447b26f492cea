"""Before the first signature of a server: whatever witnesses have seen that is not stored here holds the logs
it is about.

The publisher runs it once in its own thread, so that serving begins at once and signing does not. What a
witness can show is remembered beside the data base, which keeps the log from being signed until a person has
looked. A witness that shows nothing is asked to cosign what is stored, because its refusal says how much it has
seen.
"""

from contextlib import suppress

from api.clock import Clock
from api.jobs.asking import Asking, Outcome
from api.jobs.holds import Holds
from api.jobs.seen_heads import seen_heads
from api.witnesses import stations
from consent.ledger import published
from consent.ledger.errors import LedgerAlarm
from consent.ledger.formats.policy import Policy
from consent.ledger.publishing import given_up
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.signer import Signer
from vault.opening import Vault


class StartGuard:
    """Asks the witnesses of `policy` what they have seen of the logs of one installation."""

    def __init__(self, vault: Vault, clock: Clock, memory: Memory, policy: Policy, holds: Holds) -> None:
        self._vault, self._clock, self._memory, self._holds = vault, clock, memory, holds
        self._stations = stations(policy)

    def __call__(self) -> None:
        """Hold what must not be signed; raises only what the data base raises."""
        shown: set[str] = set()
        try:
            remembered = self._memory.load()
        except LedgerAlarm:  # the publisher raises it in every round, and signs nothing
            remembered = {}
        for seen in seen_heads(self._vault, self._stations, remembered, self._clock()):
            shown.add(seen.witness)
            if seen.contradicts is not None:
                self._holds.hold(seen.log, seen.witness, seen.contradicts)
                with suppress(
                    LedgerAlarm
                ):  # another head of that size is remembered: the log is held all the same
                    self._memory.save({seen.head.origin: seen.head})
        self._ask([station.name for station in self._stations if station.name not in shown])

    def _ask(self, silent: list[str]) -> None:
        signer = Signer.of(self._vault)
        with self._vault.data.read() as conn:
            logs = [log for log in given_up.others(conn) if published.newest(conn, log)]
        for station in self._stations:
            if station.name in silent:
                asking = Asking(self._vault.data, signer, station, self._clock, self._memory, self._holds)
                for log in logs:
                    if asking.ask(log) is Outcome.UNREACHABLE:
                        break
