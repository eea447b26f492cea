"""The key hierarchy below the provider (vault.md §6.1): tenant key, people's keys, index root, service keys.

Every wrapped key is nonce 12 ‖ AES-256-GCM(tenant key, key), 60 bytes, bound to what it is for:

| key         | associated data, each text with its length in front                      |
|-------------|--------------------------------------------------------------------------|
| tenant key  | "tk", tenant, version (wrapped by the provider)                          |
| person key  | "sk", tenant, subject, "data" or "ledger", epoch, tenant key version     |
| index root  | "ir", tenant, epoch, tenant key version                                  |
| service key | "svc", tenant, name, version, tenant key version                         |

A person's keys are unwrapped for at most 60 seconds at a time, so that destroying the row destroys the data.
"""

import hmac
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any, Final, Self

from vault import tenant as tenants
from vault.ids import Bucket, SubjectId, TenantId
from vault.keycache import KeyCache
from vault.providers.base import Provider
from vault.rowset import RowSet
from vault.sealed import KEY_BYTES
from vault.storage import Database
from vault.tenant import FIRST_EPOCH, SERVICE_KEYS, KeysMissing
from vault.wrapping import context, unwrap, wrap

__all__ = ["SERVICE_KEYS", "Keyring", "KeysMissing", "SubjectKey"]

CHUNK: Final = 2_000


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """One person's keys: `data` seals values, `ledger` tags and opens their ledger entries; 32 bytes each."""

    subject: SubjectId
    epoch: int
    data: bytes
    ledger: bytes

    def __repr__(self) -> str:
        return f"SubjectKey(epoch={self.epoch})"


_INSERT = RowSet(
    "WITH {rows} INSERT INTO subject_key (bucket, tenant, subject, kind, epoch, kek_version, wrapped) "
    "SELECT bucket, :tenant, subject, kind, :epoch, :kek, wrapped FROM rows",
    bucket="int",
    subject="bytes",
    kind="text",
    wrapped="bytes",
)
_FIND = RowSet(
    "WITH {rows} SELECT k.subject, k.kind, k.epoch, k.kek_version, k.wrapped "
    "FROM rows CROSS JOIN subject_key k "
    "WHERE k.bucket = rows.bucket AND k.tenant = :tenant AND k.subject = rows.subject",
    bucket="int",
    subject="bytes",
)
_DESTROY = RowSet(
    "WITH {rows} DELETE FROM subject_key WHERE tenant = :tenant AND "
    "(bucket, subject) IN (SELECT bucket, subject FROM rows)",
    bucket="int",
    subject="bytes",
)


class Keyring:
    """One tenant's open keys. Thread-safe; made by `create` or `open`.

    Tenant and service keys stay in memory while the keyring lives; a provider is asked once per start.
    """

    def __init__(
        self,
        database: Database,
        tenant: TenantId,
        opened: tenants.TenantSecrets,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tenant = tenant
        self._database = database
        self._secrets = opened
        self._cache: KeyCache[SubjectId, SubjectKey] = KeyCache(clock=clock)
        self._index_keys: dict[int, bytes] = {}

    @classmethod
    def create(
        cls,
        database: Database,
        provider: Provider,
        tenant: TenantId,
        now_ms: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> Self:
        """Make a tenant's first keys: tenant key version 1, index root epoch 1, every service key."""
        tenants.create(database, provider, tenant, now_ms)
        return cls.open(database, provider, tenant, clock=clock)

    @classmethod
    def open(
        cls,
        database: Database,
        provider: Provider,
        tenant: TenantId,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> Self:
        """Unwrap a tenant's keys; raises KeysMissing, or Unopenable under another root.

        Service keys that this version knows and the installation does not yet have are added.
        """
        return cls(database, tenant, tenants.load(database, provider, tenant), clock=clock)

    @property
    def database(self) -> Database:
        """Where the wrapped keys are: for whoever moves, counts or destroys rows of them."""
        return self._database

    @property
    def index_epoch(self) -> int:
        """The epoch under which tags are written and looked up."""
        return self._secrets.index_epoch

    def index_key(self, kind: int) -> bytes:
        """The 32-byte tag key of one kind, for the active index epoch (HKDF-Expand of the index root)."""
        key = self._index_keys.get(kind)
        if key is None:
            key = _expand(self._secrets.index_root, b"bidx" + kind.to_bytes(2))
            self._index_keys[kind] = key
        return key

    def service_key(self, name: str) -> bytes:
        """The 32-byte secret for one duty named in SERVICE_KEYS; raises KeyError for another name."""
        return self._secrets.services[name]

    def create_many(
        self, subjects: Sequence[tuple[Bucket, SubjectId]], now_ms: int
    ) -> dict[SubjectId, SubjectKey]:
        """Make and store fresh keys for new people, in one transaction of the key data base."""
        del now_ms  # key rows carry no time: a backup of them should say as little as it can
        entropy = memoryview(secrets.token_bytes(2 * KEY_BYTES * len(subjects)))
        made = {
            subject: SubjectKey(
                subject,
                FIRST_EPOCH,
                bytes(entropy[64 * at : 64 * at + 32]),
                bytes(entropy[64 * at + 32 : 64 * at + 64]),
            )
            for at, (_, subject) in enumerate(subjects)
        }
        rows = [row for bucket, subject in subjects for row in self._rows(bucket, made[subject])]
        with self._database.write() as conn:
            for chunk in batched(rows, CHUNK):
                _INSERT(conn, chunk, tenant=self.tenant, epoch=FIRST_EPOCH, kek=self._secrets.kek_version)
        self._cache.put(made.items())
        return made

    def subject_keys(self, subjects: Sequence[tuple[Bucket, SubjectId]]) -> dict[SubjectId, SubjectKey]:
        """The newest keys of these people; whoever has none (unknown or erased) is absent."""
        found = self._cache.take(subject for _, subject in subjects)
        missing = [pair for pair in dict.fromkeys(subjects) if pair[1] not in found]
        if missing:
            loaded: dict[SubjectId, SubjectKey] = {}
            with self._database.read() as conn:
                for chunk in batched(missing, CHUNK):
                    loaded |= self._unwrap_people(_FIND(conn, chunk, tenant=self.tenant))
            self._cache.put(loaded.items())
            found |= loaded
        return found

    def destroy_many(self, subjects: Sequence[tuple[Bucket, SubjectId]]) -> None:
        """Delete every epoch of these people's keys: what was sealed under them is gone for good.

        Other processes may hold a copy for the cache's 60 seconds.
        """
        with self._database.write() as conn:
            for chunk in batched(subjects, CHUNK):
                _DESTROY(conn, chunk, tenant=self.tenant)
        self._cache.drop(subject for _, subject in subjects)

    def _rows(self, bucket: Bucket, key: SubjectKey) -> list[tuple[Bucket, SubjectId, str, bytes]]:
        cipher, version = self._secrets.kek, self._secrets.kek_version
        return [
            (
                bucket,
                key.subject,
                kind,
                wrap(cipher, secret, _person_context(self.tenant, key.subject, kind, key.epoch, version)),
            )
            for kind, secret in (("data", key.data), ("ledger", key.ledger))
        ]

    def _unwrap_people(self, rows: Iterable[tuple[Any, ...]]) -> dict[SubjectId, SubjectKey]:
        keys: dict[tuple[SubjectId, int], dict[str, bytes]] = {}
        for subject, kind, epoch, version, wrapped in rows:
            bound = _person_context(self.tenant, subject, kind, epoch, version)
            keys.setdefault((subject, epoch), {})[kind] = unwrap(self._secrets.keks[version], wrapped, bound)
        newest: dict[SubjectId, SubjectKey] = {}
        for (subject, epoch), pair in sorted(keys.items()):
            newest[subject] = SubjectKey(subject, epoch, pair["data"], pair["ledger"])
        return newest


def _person_context(tenant: TenantId, subject: SubjectId, kind: str, epoch: int, version: int) -> bytes:
    return context(b"sk", tenant, subject, kind, epoch, version)


def _expand(root: bytes, info: bytes) -> bytes:
    """HKDF-Expand with SHA-256 to one block of 32 bytes (RFC 5869); `root` is uniformly random."""
    return hmac.digest(root, info + b"\x01", "sha256")
