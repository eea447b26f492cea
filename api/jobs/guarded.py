"""Signing by a command, under the guard a server has: the witnesses are asked what they have seen before
anything is signed.

Without it a whole host put back to an older state, the second copy of what was signed with it, would sign a
second history by whichever command came first. A witness that does not answer stops nothing, as with a server;
each has three seconds.
"""

from dataclasses import dataclass

from api.clock import Clock
from api.jobs.holds import Holds
from api.jobs.start_guard import StartGuard
from api.settings import Settings
from api.witnesses import load_witnesses
from consent.ledger.ending.closing import carry_over, close_due
from consent.ledger.origin import origin_of
from consent.ledger.published import Published
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from vault.opening import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedSigning:
    """Signs what has grown in one installation, except what the witnesses hold; made by `guarded_signing`."""

    vault: Vault
    clock: Clock
    memory: Memory
    holds: Holds

    def publish(self) -> list[Published]:
        """Sign every log that grew; raises LedgerAlarm for those that must not be, after the others were signed."""
        data, signer, held = self.vault.data, Signer.of(self.vault), self.holds.reasons()
        return publish(data, signer, self.clock(), memory=self.memory, held=held)

    def turn_years(self) -> list[Published]:
        """Close the logs of past years and carry them over, signing each step; raises LedgerAlarm."""
        data, host, now_ms = self.vault.data, self.vault.installation.ledger_host, self.clock()
        held = frozenset(origin_of(host, log) for log in self.holds.reasons())
        signed = self.publish() if close_due(data, host, now_ms, held=held) else []
        return signed + (self.publish() if carry_over(data, host, now_ms) else [])


def guarded_signing(settings: Settings, vault: Vault, clock: Clock) -> GuardedSigning:
    """Ask the witnesses of the settings once; what they have seen beyond ours is held. Raises SettingsError."""
    memory, holds = Memory(settings.checkpoint_state), Holds()
    StartGuard(vault, clock, memory, load_witnesses(settings), holds)()
    return GuardedSigning(vault=vault, clock=clock, memory=memory, holds=holds)
