"""Another root key: a fresh local one under a passphrase or shares, a new version in its place, or another place.

A local root is changed in stages, each safe to be killed in and done again (`vault.providers.root_file`):

1  the new root is written beside the old one, its shares to files of their own; both are read back
2  every tenant key is wrapped under it, in one transaction; then the keys of the backup epochs, one by one
3  its file takes the old one's place

What stands there says where to go on. A root that has wrapped nothing yet and whose shares did not come out
complete is thrown away, and another one is made.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from api.cli.failures import Failure
from api.cli.installation import read_secret
from api.cli.roots import Split, hand_out, refuse_used
from api.sealing.shares import collected, share_files
from vault.backups.keys import BackupKeys
from vault.errors import VaultError
from vault.ids import TenantId
from vault.providers.base import Provider
from vault.providers.config import NeedsPassphrase
from vault.providers.local import (
    ChangePending,
    LocalProvider,
    NeedsShares,
    Roots,
    WrongPassphrase,
    adopt_root,
    discard_new,
    is_pending,
    needs_shares,
    new_root,
    open_roots,
)
from vault.providers.root_file import pending_path, read_root_file
from vault.providers.shamir import NotEnoughShares, new_root_shares
from vault.rotation import Either, Unwraps, opens, rewrap_root
from vault.storage.database import Database

_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a change of the root is about: the keys, and the folder of backup epochs, of one tenant."""

    keys: Database
    tenant: TenantId
    backup_keys: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class AtHand:
    """What people brought to open the root in use: files of shares, texts of passphrases."""

    shares: Sequence[Path] = ()
    passphrases: Sequence[str] = ()


@contextmanager
def one_at_a_time(root_file: Path) -> Iterator[None]:
    """No two changes of one root at once: the second would throw away what the first has just made."""
    with root_file.with_name(f".{root_file.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure("another command is changing this root key", code="root_change_running") from None
        yield


def change_local(
    site: Site,
    root_file: Path,
    at_hand: AtHand,
    wanted: str | Split,
    now_ms: int,
    before_adopting: Callable[[], None] = lambda: None,
) -> int:
    """Begin or finish a change to a fresh root under `wanted`; answers how many keys were wrapped under it.

    `before_adopting` is called when everything is wrapped and the old file still there. Raises SealedError when
    what is at hand does not open the root in use, or OpensNothing when it opens another one than that.
    """
    while True:
        current, pending = _stand(site, root_file, at_hand, wanted)
        fits = pending is None or _kept_by(pending_path(root_file), wanted)
        new = pending or _begin(root_file, wanted)
        count = rewrap(site, Either(new, *([current] if current else [])), new, now_ms, old=current)
        if fits:
            before_adopting()
        adopt_root(root_file)
        if fits:
            return count


def rewrap(site: Site, unwraps: Unwraps, new: Provider, now_ms: int, *, old: Provider | None) -> int:
    """Wrap tenant keys and keys of backup epochs under `new`; answers how many of both. Safe to repeat."""
    for _ in range(_ROUNDS):
        count = rewrap_root(site.keys, unwraps, new, now_ms).done
        # A rotation of the tenant key that was under way may have added one under the old root.
        if _opens(site.keys, new):
            return count + BackupKeys(site.backup_keys, old or new, site.tenant).rewrap(new)
    raise Failure("somebody keeps adding keys under the old root; try again", code="root_change_raced")


def _opens(keys: Database, root: Provider) -> bool:
    try:
        return opens(keys, [root]) is root
    except VaultError:
        return False


def _stand(site: Site, root_file: Path, at_hand: AtHand, wanted: str | Split) -> Roots:
    """The root in use, and the one to come if that can be gone on with; what cannot is thrown away."""
    if not is_pending(root_file):
        return Roots(_open(root_file, at_hand.shares, at_hand.passphrases).current, None)
    shares, passphrases = list(at_hand.shares), list(at_hand.passphrases)
    if isinstance(wanted, str):
        passphrases.append(wanted)
    elif wanted.out.exists():
        shares += share_files(wanted.out)
    found = _open(root_file, shares, passphrases)
    holder = opens(site.keys, [root for root in found if root is not None])
    if holder is found.current and found.pending is None:
        discard_new(root_file)
    return found


def open_in_use(root_file: Path, at_hand: AtHand) -> LocalProvider:
    """The root in use, while it is not being changed; raises ChangePending, or SealedError when it does not open."""
    if is_pending(root_file):
        raise ChangePending("finish the change of the root key first")
    found = _open(root_file, at_hand.shares, at_hand.passphrases)
    return found.provider((root_file, read_root_file(root_file)))


def _open(root_file: Path, shares: Sequence[Path], passphrases: Sequence[str]) -> Roots:
    """Whatever of the two roots opens; at least one."""
    found = [_by_passphrase(root_file, text) for text in passphrases]
    if shares:
        found.append(_by_shares(root_file, shares))
    current = next((roots.current for roots in found if roots.current), None)
    pending = next((roots.pending for roots in found if roots.pending), None)
    if current is None and pending is None:
        if needs_shares(root_file):
            raise NeedsShares("this root key was split: give its shares by --share-file")
        raise NeedsPassphrase("give the root key's passphrase by --passphrase-file")
    return Roots(current, pending)


def _by_passphrase(root_file: Path, text: str) -> Roots:
    try:
        return open_roots(root_file, text)
    except NeedsShares:
        return Roots(None, None)
    except WrongPassphrase:
        if is_pending(root_file):
            return Roots(None, None)
        raise


def _by_shares(root_file: Path, files: Sequence[Path]) -> Roots:
    try:
        return collected(root_file, files, read_secret).roots()
    except NotEnoughShares:
        if is_pending(root_file):
            return Roots(None, None)
        raise


def _kept_by(file: Path, wanted: str | Split) -> bool:
    """Whether a change that was begun leads where this one does; if not, it is finished first."""
    if isinstance(wanted, Split):
        return needs_shares(file)
    try:
        return open_roots(file, wanted).current is not None
    except (NeedsShares, WrongPassphrase):
        return False


def _begin(root_file: Path, wanted: str | Split) -> LocalProvider:
    """A fresh root beside the one in use, opened from what was written."""
    if isinstance(wanted, str):
        new_root(root_file, wanted)
        written = open_roots(root_file, wanted)
    else:
        refuse_used(wanted.out)
        _, texts = new_root_shares(root_file, wanted.needed, wanted.of)
        try:
            hand_out(wanted.out, texts)
        except BaseException:
            discard_new(root_file)
            raise
        written = collected(root_file, share_files(wanted.out)).roots()
    assert written.pending is not None
    return written.pending
