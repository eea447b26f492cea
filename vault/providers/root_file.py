"""Where a local root key lies: one file, and a second one beside it while the root is being changed.

`<path>.new` holds the root that is to come. Everything that the old root wrapped is wrapped again under it, in
one transaction; then it takes the old file's place. A crash leaves either one file, or two of which one is in
use, and the wrapped keys themselves say which. Every write is complete and on disk before it gets its name.
"""

import os
import secrets
from pathlib import Path

from vault.providers.base import SealedError
from vault.providers.passphrase import MalformedRoot
from vault.storage.durable import settle, write_new


class RootExists(SealedError):
    """There is a root file already; overwriting it would destroy every key below it."""

    code = "root_exists"


class ChangePending(SealedError):
    """A change of the root was begun and neither finished nor discarded."""

    code = "root_change_pending"


class NothingPending(SealedError):
    """No change of the root was begun."""

    code = "no_root_change"


def pending_path(path: Path) -> Path:
    """Where the root that is to come lies."""
    return path.with_name(f"{path.name}.new")


def is_pending(path: Path) -> bool:
    """Whether a change of the root was begun."""
    return pending_path(path).exists()


def read_root_file(path: Path) -> bytes:
    """The file's content; raises MalformedRoot when it cannot be read or is far too long to be one."""
    try:
        with path.open("rb") as file:
            raw = file.read(65_537)
    except OSError:
        raise MalformedRoot("the root file cannot be read") from None
    if len(raw) > 65_536:
        raise MalformedRoot("this is not a root file")
    return raw


def write_first(path: Path, content: bytes) -> None:
    """Write a first root file, readable by its owner only; raises RootExists rather than overwrite."""
    _write(path, content, RootExists("a root file exists already"))


def write_pending(path: Path, content: bytes) -> None:
    """Write the root that is to come beside `path`; raises ChangePending when there is one."""
    _write(pending_path(path), content, ChangePending("a change of the root key was begun and not finished"))


def adopt_root(path: Path) -> None:
    """Let the root that was to come take the old one's place, which is gone then; raises NothingPending.

    Call it once everything is wrapped under the new root. Doing it again after a crash is safe.
    """
    try:
        pending_path(path).replace(path)
    except FileNotFoundError:
        raise NothingPending("no change of the root key was begun") from None
    settle(path.parent)


def discard_new(path: Path) -> None:
    """Forget a change that has wrapped nothing yet; raises NothingPending."""
    try:
        pending_path(path).unlink()
    except FileNotFoundError:
        raise NothingPending("no change of the root key was begun") from None
    settle(path.parent)


def _write(path: Path, content: bytes, taken: SealedError) -> None:
    # Under a passing name first, then linked: the final name appears only with everything in it, and never over
    # something else.
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    if path.exists():
        raise taken
    try:
        write_new(beside, content)
        os.link(beside, path)
    except FileExistsError:
        raise taken from None
    finally:
        beside.unlink(missing_ok=True)
    settle(path.parent)
