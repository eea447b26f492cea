"""The log keys: one Ed25519 key per origin, all derived from the installation's "log" service key.

seed = HMAC-SHA256(service key, "perusal/log-key/1" ‖ 00 ‖ origin). A key of its own per log lets a policy file
list logs one by one, and lets one log be closed without touching the others.
"""

import hmac
from dataclasses import dataclass

from consent.ledger import checkpoint
from consent.ledger.checkpoint import Checkpoint
from consent.ledger.note import VerifierKey
from vault import signatures
from vault.opening import Vault

_LABEL = b"perusal/log-key/1\x00"


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """Signs checkpoints for every log of one installation."""

    ledger_host: str
    root: bytes

    @classmethod
    def of(cls, vault: Vault) -> "Signer":
        return cls(vault.installation.ledger_host, vault.keyring.service_key("log"))

    def seed(self, origin: str) -> bytes:
        """The log's 32-byte Ed25519 seed."""
        return hmac.digest(self.root, _LABEL + origin.encode(), "sha256")

    def key(self, origin: str) -> VerifierKey:
        """What an outsider needs to check this log."""
        return VerifierKey(origin, signatures.public_key(self.seed(origin)))

    def sign(self, found: Checkpoint) -> bytes:
        """The signed note of a checkpoint."""
        return checkpoint.sign(found, self.seed(found.origin))
