"""A tenant's own keys in memory: unwrapped through the provider again every quarter of an hour, or when told to."""

import threading
from collections.abc import Callable
from typing import Final

from vault.errors import VaultError
from vault.keys import tenant as tenants
from vault.keys.tenant import TenantSecrets
from vault.providers.base import Provider, ProviderError, SealedError
from vault.sealing.sealed import Unopenable
from vault.storage.database import Database

TENANT_TTL_SECONDS: Final = 900.0


class KeysUnavailable(VaultError):
    """The tenant's keys are due to be unwrapped again and the provider does not do it: nothing opens meanwhile."""

    code = "keys_unavailable"


class TenantCache:
    """One tenant's secrets, and the provider that opens them. Thread-safe."""

    def __init__(
        self, database: Database, provider: Provider, opened: TenantSecrets, clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._provider = provider
        self._clock = clock
        self._lock = threading.RLock()
        self._held = opened
        self._held_until = clock() + TENANT_TTL_SECONDS
        self._held_lock = threading.Lock()
        self._changes = 0

    @property
    def provider(self) -> Provider:
        return self._provider

    def secrets(self) -> TenantSecrets:
        """What is held, unwrapped again if it is due; raises KeysUnavailable."""
        if self._clock() < self._held_until:
            return self._held
        with self._lock:
            # Another thread may have been here while this one waited.
            return self._held if self._clock() < self._held_until else self.refresh()

    def refresh(self) -> TenantSecrets:
        """Unwrap again now, whatever the age of what is held; raises KeysUnavailable."""
        with self._lock:
            changes = self._changes
            try:
                opened = tenants.load(self._database, self._provider, self._held.tenant)
            except (ProviderError, SealedError, Unopenable, OSError) as error:
                raise KeysUnavailable("the root does not open this tenant's keys now") from error
            # What was announced while the provider answered may not be in it: then the next caller asks again.
            with self._held_lock:
                self._held = opened
                if changes == self._changes:
                    self._held_until = self._clock() + TENANT_TTL_SECONDS
            return opened

    def adopt(self, provider: Provider) -> None:
        """Go on under another provider or root, which must open the keys; raises KeysUnavailable if not."""
        with self._lock:
            before, self._provider = self._provider, provider
            try:
                self.refresh()
            except KeysUnavailable:
                self._provider = before
                raise

    def expire(self) -> None:
        """The keys were changed: nobody is answered before they are unwrapped again."""
        with self._held_lock:
            self._changes += 1
            self._held_until = float("-inf")
