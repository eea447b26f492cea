"""Keys of backup epochs: what seals a backup of the key data base, and what dies so that old backups die with it.

One file per epoch in a folder of its own, outside every backup, `<made_at>.key`, integers big-endian:

| offset | length | meaning                                        |
|--------|--------|------------------------------------------------|
| 0      | 4      | "pvbe"                                         |
| 4      | 1      | version, 1                                     |
| 5      | 8      | when the epoch began, Unix ms; also its name   |
| 13     | 16     | tenant                                         |
| 29     | n      | 32-byte key wrapped by the provider of the root |

A file is destroyed by writing random bytes over it, syncing and unlinking. On media that keep old blocks (SSDs,
snapshots) the wrapped key may survive that: then the provider's root is what protects it.
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vault.errors import VaultError
from vault.ids import TenantId
from vault.keys.wrapping import context
from vault.providers.base import Provider
from vault.sealing.sealed import KEY_BYTES
from vault.storage.durable import replace, settle, write_new

DAY_MS: Final = 86_400_000
_MAGIC: Final = b"pvbe\x01"
_HEADER_BYTES: Final = 29


class BackupExpired(VaultError):
    """The key of the backup's epoch was destroyed: nobody can open this backup any more, on purpose."""

    code = "backup_expired"


class MalformedBackup(VaultError):
    """A file that should be a backup, or the key of one, is not: cut, altered, or of another installation."""

    code = "malformed_backup"


@dataclass(frozen=True, slots=True, order=True)
class BackupEpoch:
    """One epoch: when it began (Unix ms) and where its key is."""

    made_at: int
    path: Path


def epochs_in(folder: Path) -> list[BackupEpoch]:
    """Every epoch whose key lies in `folder`, oldest first; needs no root."""
    names = [path for path in folder.glob("*.key") if path.stem.isdigit()]
    return sorted(BackupEpoch(int(path.stem), path) for path in names)


def expire_epochs(folder: Path, days: int, now_ms: int) -> list[BackupEpoch]:
    """Destroy the keys of epochs that began more than `days` days ago; answers which. Needs no root."""
    old = [epoch for epoch in epochs_in(folder) if epoch.made_at < now_ms - days * DAY_MS]
    for epoch in old:
        epoch.path.replace(epoch.path.with_suffix(".dead"))
    if old:
        settle(folder)
    # No epoch's any more; older ones are of somebody who was killed before the end.
    for dead in folder.glob("*.dead"):
        _destroy(dead)
    if old:
        settle(folder)
    return old


class BackupKeys:
    """The epoch keys of one tenant in `folder`; `provider` holds the root they are wrapped under."""

    def __init__(self, folder: Path, provider: Provider, tenant: TenantId) -> None:
        self._folder = folder
        self._provider = provider
        self.tenant = tenant

    def epochs(self) -> list[BackupEpoch]:
        """Every epoch whose key still exists, oldest first."""
        return epochs_in(self._folder)

    def begin(self, now_ms: int) -> BackupEpoch:
        """A new epoch with a fresh key, durable before this returns."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        at = max([now_ms, *(epoch.made_at + 1 for epoch in self.epochs())])
        path = self._folder / f"{at}.key"
        wrapped = self._provider.wrap(secrets.token_bytes(KEY_BYTES), self._context(at))
        write_new(path, self._header(at) + wrapped)
        settle(self._folder)
        return BackupEpoch(at, path)

    def current(self, now_ms: int, longest_ms: int = DAY_MS) -> BackupEpoch:
        """The epoch to seal a backup under now: the newest, unless it is older than `longest_ms`."""
        epochs = self.epochs()
        if epochs and now_ms - longest_ms < epochs[-1].made_at <= now_ms:
            return epochs[-1]
        return self.begin(now_ms)

    def key(self, made_at: int) -> bytes:
        """The key of the epoch that began at `made_at`; raises BackupExpired, MalformedBackup or Unopenable."""
        return self._provider.unwrap(self._wrapped(made_at), self._context(made_at))

    def expire(self, days: int, now_ms: int) -> list[BackupEpoch]:
        """As `expire_epochs`."""
        return expire_epochs(self._folder, days, now_ms)

    def rewrap(self, provider: Provider) -> int:
        """Wrap every epoch's key under another root, or the newest version of the same; answers how many there are.

        File by file, and safe to repeat: what is under that version already was done before. What is no key is
        passed over, since its epoch is lost under any root.
        """
        others = BackupKeys(self._folder, provider, self.tenant)
        newest = provider.version_of(provider.wrap(bytes(KEY_BYTES), self._context(0)))
        epochs = [epoch for epoch in self.epochs() if self._is_key(epoch)]
        for epoch in epochs:
            holder = others if others.opens(epoch) else self
            if holder is self or provider.version_of(self._wrapped(epoch.made_at)) != newest:
                wrapped = provider.wrap(holder.key(epoch.made_at), self._context(epoch.made_at))
                replace(epoch.path, self._header(epoch.made_at) + wrapped)
        return len(epochs)

    def opens(self, epoch: BackupEpoch) -> bool:
        """Whether this provider's root opens the key of `epoch`."""
        try:
            return len(self.key(epoch.made_at)) == KEY_BYTES
        except VaultError:
            return False

    def _is_key(self, epoch: BackupEpoch) -> bool:
        try:
            return bool(self._wrapped(epoch.made_at))
        except (BackupExpired, MalformedBackup):
            return False

    def _wrapped(self, made_at: int) -> bytes:
        try:
            raw = (self._folder / f"{made_at}.key").read_bytes()
        except FileNotFoundError:
            raise BackupExpired("the key of this backup's epoch was destroyed") from None
        if raw[:_HEADER_BYTES] != self._header(made_at):
            raise MalformedBackup("this is not the key of that epoch")
        return raw[_HEADER_BYTES:]

    def _header(self, made_at: int) -> bytes:
        return _MAGIC + made_at.to_bytes(8) + self.tenant

    def _context(self, made_at: int) -> bytes:
        return context(b"bk", self.tenant, made_at)


def _destroy(path: Path) -> None:
    with path.open("r+b") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(0)
        file.write(secrets.token_bytes(length))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
