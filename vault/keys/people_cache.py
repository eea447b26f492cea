"""People's keys in memory, for a minute at most: found, unwrapped and kept, until somebody destroys them."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.ids import Person, SubjectId, TenantId, encode_id
from vault.keys import subjects as subject_keys
from vault.keys.cache import KeyCache
from vault.keys.subjects import KeyRow, SubjectKey
from vault.storage.database import Database

_log = logging.getLogger("perusal.vault")


class PeopleCache:
    """One tenant's people. Thread-safe.

    `tenant_keys` answers the tenant key in the versions named, one that a rotation has brought meanwhile as well.
    """

    def __init__(
        self,
        database: Database,
        tenant: TenantId,
        tenant_keys: Callable[[Iterable[int]], Mapping[int, AESGCM]],
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._tenant = tenant
        self._tenant_keys = tenant_keys
        self._cache: KeyCache[SubjectId, SubjectKey] = KeyCache(clock=clock)
        self._lock = threading.Lock()
        self._damaged: frozenset[SubjectId] = frozenset()

    def find(self, people: Sequence[Person], *, fresh: bool = False) -> dict[SubjectId, SubjectKey]:
        """The keys of these people; whoever has none is absent. `fresh`: not from memory."""
        found = {} if fresh else self._cache.take(subject for _, subject in people)
        missing = [pair for pair in dict.fromkeys(people) if pair[1] not in found]
        if missing:
            mark = self._cache.mark()
            with self._database.read() as conn:
                rows = subject_keys.find(conn, self._tenant, missing)
            loaded = self.unwrap(rows)
            self._cache.put(loaded.items(), since=mark)
            found |= loaded
        return found

    def unwrap(self, rows: Sequence[KeyRow]) -> dict[SubjectId, SubjectKey]:
        """People's keys from rows of theirs.

        Whoever has a row that does not unwrap is absent, like somebody without keys, and the log names their id.
        """
        keks = self._tenant_keys(row[4] for row in rows)
        people, damaged = subject_keys.assemble(self._tenant, keks, rows)
        for subject in damaged - self._damaged:
            _log.critical(
                "a key of %s does not open: nothing of theirs can be read", encode_id("sub", subject)
            )
        with self._lock:
            self._damaged = (self._damaged | damaged) - people.keys()
        return people

    def keep(self, made: Mapping[SubjectId, SubjectKey]) -> None:
        """Keep keys that were just made."""
        self._cache.put(made.items())

    def forget(self, subjects: Iterable[SubjectId] | None) -> None:
        """Drop these people's keys; None: everybody's."""
        if subjects is None:
            self._cache.clear()
        else:
            self._cache.drop(subjects)
