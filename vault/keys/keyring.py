"""The key hierarchy below the provider (vault.md §6.1): tenant keys, people's keys, index roots, service keys.

Every wrapped key is nonce 12 ‖ AES-256-GCM(tenant key, key), 60 bytes, bound to what it is for:

| key         | associated data, each text with its length in front                      |
|-------------|--------------------------------------------------------------------------|
| tenant key  | "tk", tenant, version (wrapped by the provider)                          |
| person key  | "sk", tenant, subject, "data" or "ledger", epoch, tenant key version     |
| index root  | "ir", tenant, epoch, tenant key version                                  |
| service key | "svc", tenant, name, version, tenant key version                         |
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.exc import DBAPIError, IntegrityError

from vault.errors import VaultError
from vault.ids import Bucket, Person, SubjectId, TenantId
from vault.keys import evictions
from vault.keys import subjects as subject_keys
from vault.keys import tenant as tenants
from vault.keys.allowance import Allowance
from vault.keys.evictions import TENANT, Membership, wall_ms
from vault.keys.people_cache import PeopleCache
from vault.keys.subjects import FIRST_EPOCH, SubjectKey, Wrapping
from vault.keys.tag_keys import TagKeys
from vault.keys.tenant import SERVICE_KEYS, KeysMissing, TenantSecrets
from vault.keys.tenant_cache import KeysUnavailable, TenantCache
from vault.providers.base import Provider
from vault.storage.database import Database

__all__ = ["SERVICE_KEYS", "EpochMoved", "Keyring", "KeysMissing", "KeysUnavailable", "SubjectKey"]

_POLL_SECONDS: Final = 0.05


class EpochMoved(VaultError):
    """An index epoch began or ended while tags were being made: nothing was written, do it again."""

    code = "epoch_moved"


class Keyring:
    """One tenant's open keys. Thread-safe; made by `create` or `open`.

    A person's keys stay unwrapped for at most 60 seconds, the tenant's own for 15 minutes; both only while this
    process hears what others destroy (`evictions`).
    """

    def __init__(
        self,
        database: Database,
        provider: Provider,
        opened: TenantSecrets,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], int] = wall_ms,
    ) -> None:
        self.tenant = opened.tenant
        self._database = database
        self._clock = clock
        self._wall = wall
        self._own = TenantCache(database, provider, opened, clock)
        self._people = PeopleCache(database, opened.tenant, self.tenant_keys, clock)
        self._allowance = Allowance(database, opened.tenant)
        self._membership = Membership(
            database, opened.tenant, self._forget, since=opened.seq, clock=clock, wall=wall
        )

    @classmethod
    def create(
        cls,
        database: Database,
        provider: Provider,
        tenant: TenantId,
        now_ms: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], int] = wall_ms,
    ) -> Self:
        """Make a tenant's first keys: tenant key version 1, index root epoch 1, every service key."""
        tenants.create(database, provider, tenant, now_ms)
        return cls.open(database, provider, tenant, clock=clock, wall=wall)

    @classmethod
    def open(
        cls,
        database: Database,
        provider: Provider,
        tenant: TenantId,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], int] = wall_ms,
    ) -> Self:
        """Unwrap a tenant's keys; raises KeysMissing, ProviderError, or Unopenable under another root.

        Service keys that this version knows and the installation does not yet have are added. `clock` counts
        seconds evenly; `wall` tells Unix milliseconds, for leases that other processes look at.
        """
        return cls(database, provider, tenants.load(database, provider, tenant), clock=clock, wall=wall)

    @property
    def database(self) -> Database:
        """Where the wrapped keys are: for whoever moves, counts or destroys rows of them."""
        return self._database

    @property
    def provider(self) -> Provider:
        """Who wraps the tenant's own keys."""
        return self._own.provider

    @property
    def tag_keys(self) -> TagKeys:
        """The tag keys as they are now: take them once for a piece of work, and `settle_tags` at its end."""
        return self._secrets.tags

    @property
    def index_epoch(self) -> int:
        """The epoch under which tags are looked up."""
        return self._secrets.tags.index_epoch

    @property
    def tag_epochs(self) -> tuple[int, ...]:
        """Every epoch under which tags and unique keys are written."""
        return self._secrets.tags.tag_epochs

    def index_key(self, kind: int, epoch: int | None = None) -> bytes:
        """The tag key of one kind, 64 hex digits; for the epoch that is read unless another is named."""
        return self._secrets.tags.index_key(kind, epoch)

    def settle_tags(self, used: TagKeys) -> None:
        """The last step of a transaction that writes tags made with `used`; raises EpochMoved if they are outdated.

        A rotation begins to fill an epoch only when everybody writes it and whoever may not have known is done.
        """
        if not self._secrets.tags.writes_as(used):
            raise EpochMoved("the index epochs changed meanwhile")

    def service_key(self, name: str) -> bytes:
        """The 32-byte secret for one duty named in SERVICE_KEYS; raises KeyError for another name."""
        return self._secrets.services[name]

    def create_many(self, subjects: Sequence[Person], now_ms: int) -> dict[SubjectId, SubjectKey]:
        """Make and store fresh keys for new people, in one transaction of the key data base."""
        del now_ms  # key rows carry no time: a backup of them should say as little as it can
        made = subject_keys.fresh(subject for _, subject in subjects)

        def store(under: Wrapping) -> None:
            rows = [
                under.row((bucket, subject), kind, FIRST_EPOCH, secret)
                for bucket, subject in subjects
                for kind, secret in (("data", made[subject].data), ("ledger", made[subject].ledger))
            ]
            unit = self._database.single if len(rows) <= subject_keys.CHUNK else self._database.write
            with unit() as conn:
                subject_keys.insert(conn, self.tenant, rows)

        self.store_wrapped(2 * len(made), store)
        self._people.keep(made)
        return made

    def subject_keys(self, subjects: Sequence[Person], *, fresh: bool = False) -> dict[SubjectId, SubjectKey]:
        """The keys of these people; whoever has none (unknown or erased) is absent. `fresh`: not from memory."""
        self._membership.keep()
        return self._people.find(subjects, fresh=fresh)

    def keys_for(
        self,
        keys: Mapping[SubjectId, SubjectKey],
        blobs: Iterable[tuple[Bucket, SubjectId, bytes]],
    ) -> dict[SubjectId, SubjectKey]:
        """`keys`, read again for whoever has a blob of an epoch they do not know: it was sealed after they were read.

        Take the keys first and the blobs afterwards; then what this answers opens them.
        """
        behind = {
            (bucket, subject)
            for bucket, subject, blob in blobs
            if subject in keys and not keys[subject].knows(blob)
        }
        return {**keys, **self.subject_keys(sorted(behind), fresh=True)} if behind else dict(keys)

    def destroy_many(self, subjects: Sequence[Person]) -> int:
        """Delete every epoch of these people's keys: what was sealed under them is gone for good.

        Answers the number of the eviction that tells every process (0: nobody to destroy): until `is_clear`
        says so, another one may hold a copy.
        """
        if not subjects:
            return 0
        with self._database.write() as conn:
            subject_keys.destroy(conn, self.tenant, subjects)
            seq = evictions.announce(conn, self.tenant, (subject for _, subject in subjects), self._wall())
        self._people.forget(subject for _, subject in subjects)
        return seq

    def evict(self, subjects: Iterable[SubjectId]) -> int:
        """Have every process read these people's keys again; answers the eviction's number."""
        with self._database.write() as conn:
            return evictions.announce(conn, self.tenant, subjects, self._wall())

    def evict_tenant(self) -> int:
        """Have every process unwrap the tenant's own keys again; answers the eviction's number."""
        return self.evict([TENANT])

    def is_clear(self, seq: int) -> bool:
        """Whether no process answers any more with what eviction `seq` named."""
        self._membership.catch_up(seq)
        with self._database.read() as conn:
            return evictions.is_clear(conn, self.tenant, seq, self._wall())

    def wait_clear(
        self, seq: int, *, patience: float = 30.0, pause: Callable[[float], None] = time.sleep
    ) -> bool:
        """Wait until `is_clear`, at most `patience` seconds (a dead process's lease ends after 12); answers it."""
        end = self._clock() + patience
        while not self.is_clear(seq):
            if self._clock() >= end:
                return False
            pause(_POLL_SECONDS)
        return True

    def refreshed(self) -> TenantSecrets:
        """Unwrap the tenant's own keys again now, whatever their age; raises KeysUnavailable."""
        return self._own.refresh()

    def wall_ms(self) -> int:
        """The wall clock by which leases are judged, Unix ms."""
        return self._wall()

    def adopt(self, provider: Provider) -> None:
        """Go on under another provider or root, which must open the tenant's keys; raises KeysUnavailable if not."""
        self._own.adopt(provider)

    def forget(self, subjects: Iterable[SubjectId]) -> None:
        """Drop these people's keys from this process's memory, for whoever has just changed their rows."""
        self._people.forget(subjects)

    def close(self) -> None:
        """Forget every person's key and leave the list of caches that others wait for."""
        with suppress(DBAPIError):  # the lease ends by itself
            self._membership.leave()

    def wrapping(self, count: int, *, version: int | None = None) -> Wrapping:
        """The active tenant key, for `count` wraps that are counted here; raises KeyExhausted.

        `version`: the one that has to be active; raises KeysUnavailable when another is.
        """
        opened = self._secrets
        if version is not None and opened.kek_version != version:
            opened = self._own.refresh()
        under = opened.wrapping
        if version not in {None, under.version}:
            raise KeysUnavailable("another version of the tenant key is active")
        self._allowance.take(under.version, count)
        return under

    def store_wrapped[T](self, count: int, store: Callable[[Wrapping], T]) -> T:
        """What `store` answers, which writes `count` keys in a transaction of its own, wrapped as it is told.

        It is called again under the newer tenant key when the data base refuses one that is no longer active:
        the rotation may have gone on while this process waited.
        """
        while True:
            under = self.wrapping(count)
            try:
                return store(under)
            except IntegrityError:
                if self.refreshed().kek_version == under.version:
                    raise

    def tenant_keys(self, versions: Iterable[int]) -> Mapping[int, AESGCM]:
        """The tenant key in all its versions, these among them; raises KeysUnavailable."""
        opened = self._secrets
        if not set(versions) <= opened.keks.keys():
            opened = self._own.refresh()
        return opened.keks

    @property
    def _secrets(self) -> TenantSecrets:
        self._membership.keep()
        return self._own.secrets()

    def _forget(self, subjects: Sequence[SubjectId] | None) -> None:
        self._people.forget(subjects)
        if subjects is None or TENANT in subjects:
            self._own.expire()
