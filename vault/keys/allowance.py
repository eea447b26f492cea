"""How many more keys this process may wrap before it counts on: blocks are reserved in the data base (`keys.tenant`)."""

import threading

from vault.ids import TenantId
from vault.keys.tenant import reserve_wraps
from vault.storage.database import Database


class Allowance:
    """What is left of the blocks that were reserved under one version of a tenant key. Thread-safe."""

    def __init__(self, database: Database, tenant: TenantId) -> None:
        self._database = database
        self._tenant = tenant
        self._lock = threading.Lock()
        self._version, self._left = 0, 0

    def take(self, version: int, count: int) -> None:
        """Use up `count` wraps under `version`, reserving more where too few are left; raises KeyExhausted."""
        with self._lock:
            left = self._left if self._version == version else 0
            if left < count:
                left += reserve_wraps(self._database, self._tenant, version, count - left)
            self._version, self._left = version, left - count
