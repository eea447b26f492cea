"""How the command line makes and opens a local root key: by a passphrase, or by shares that several people keep.

Shares are written to one new file each, for its owner only; whoever runs the command hands them out and wipes
the files. They are read from files too, never from the command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from api.cli.failures import Exit, Failure
from api.cli.installation import read_secret, write_private
from vault.providers.local import LocalProvider, create_root, open_root
from vault.providers.shamir import ShareCollector, create_root_shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A root split into `of` shares of which `needed` open it; `out` is the folder they are written to."""

    needed: int
    of: int
    out: Path


def split_of(needed: int | None, of: int, out: Path | None) -> Split | None:
    """What --shares, --of and --shares-out ask for together; None without --shares."""
    if needed is None:
        return None
    if out is None or not 2 <= needed <= of:
        raise Failure(
            "--shares takes at least 2 and at most --of, and --shares-out says where they go",
            code="usage",
            exit_code=Exit.USAGE,
        )
    return Split(needed=needed, of=of, out=out)


def make_root(root_file: Path, secret: str | Split) -> LocalProvider:
    """Write a new root key under a passphrase or shares, and open it."""
    if isinstance(secret, str):
        create_root(root_file, secret)
        return open_root(root_file, secret)
    texts = create_root_shares(root_file, secret.needed, secret.of)
    write_shares(secret.out, texts)
    return _collected(root_file, texts[: secret.needed])


def provider_of_shares(root_file: Path, files: Sequence[Path]) -> LocalProvider:
    """The root that the shares in `files` open; raises SealedError."""
    return _collected(root_file, [read_secret(path) for path in files])


def write_shares(folder: Path, texts: Sequence[str]) -> None:
    """One new file for each share; refuses to replace one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number, text in enumerate(texts, 1):
        write_private(folder / f"share-{number}.txt", text + "\n")


def _collected(root_file: Path, texts: Sequence[str]) -> LocalProvider:
    collector = ShareCollector(root_file)
    for text in texts:
        if collector.add(text).complete:
            break
    return collector.provider()
