"""The log keys: one Ed25519 key per origin and generation, all derived from the installation's "log" service key.

seed = HMAC-SHA256(service key, "perusal/log-key/1" ‖ 00 ‖ origin), and for a later generation (`log_keys`) the
same of "perusal/log-key/2" ‖ 00 ‖ generation in decimal ‖ 00 ‖ origin. A key of its own per log lets a policy
file list logs one by one, and lets one log be closed without touching the others.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from consent.ledger.formats import note
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.note import Note, VerifierKey
from vault.opening import Vault
from vault.signing import signatures

FIRST: Final = 1
"""The generation of a log's first key."""

_LABEL = b"perusal/log-key/1\x00"
_LATER_LABEL = b"perusal/log-key/2\x00"


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """Signs checkpoints for every log of one installation."""

    ledger_host: str
    root: bytes

    @classmethod
    def of(cls, vault: Vault) -> "Signer":
        return cls(vault.installation.ledger_host, vault.keyring.service_key("log"))

    def seed(self, origin: str, generation: int = FIRST) -> bytes:
        """The 32-byte Ed25519 seed of one of the log's keys."""
        if generation == FIRST:
            return hmac.digest(self.root, _LABEL + origin.encode(), "sha256")
        return hmac.digest(self.root, _LATER_LABEL + f"{generation}\x00{origin}".encode(), "sha256")

    def key(self, origin: str, generation: int = FIRST) -> VerifierKey:
        """What an outsider needs to check this log."""
        return VerifierKey(origin, signatures.public_key(self.seed(origin, generation)))

    def sign(self, found: Checkpoint, generations: Sequence[int] = (FIRST,)) -> bytes:
        """The note of a checkpoint, signed by the keys of these generations, in this order."""
        seeds = [self.seed(found.origin, generation) for generation in generations]
        lines = [note.sign(found.text, found.origin, seed).signatures[0] for seed in seeds]
        return bytes(Note(found.text, tuple(lines)))
