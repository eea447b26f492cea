"""How the command line makes and opens a local root key: by a passphrase, or by shares that several people keep.

Shares are written to one new file each, for its owner only; whoever runs the command hands them out and wipes
the files. They are read from files too, never from the command line.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from api.cli.failures import Exit, Failure
from api.cli.installation import read_secret, write_private
from api.sealing.shares import collected
from vault.providers.local import LocalProvider, create_root, open_root
from vault.providers.shamir import create_root_shares
from vault.storage.durable import settle

secret_path = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
folder_path = click.Path(path_type=Path, file_okay=False)

passphrase_file_option = click.option(
    "--passphrase-file", type=secret_path, help='Its first line; "-" reads it.'
)
share_file_option = click.option(
    "--share-file",
    "share_files",
    type=secret_path,
    multiple=True,
    help="One share of the root key in use; given several times.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A root split into `of` shares of which `needed` open it; `out` is the folder they are written to."""

    needed: int
    of: int
    out: Path


def split_options[F: Callable[..., Any]](command: F) -> F:
    """--shares, --of and --shares-out."""
    for option in (
        click.option("--shares-out", type=folder_path, help="New folder for the shares."),
        click.option(
            "--of", type=click.IntRange(2, 16), default=5, show_default=True, help="How many shares to make."
        ),
        click.option(
            "--shares", type=click.IntRange(2, 16), help="Split the root key: this many shares open it."
        ),
    ):
        command = option(command)
    return command


def split_of(needed: int, of: int, out: Path | None) -> Split:
    """What --shares, --of and --shares-out ask for together."""
    if out is None or not 2 <= needed <= of:
        raise Failure(
            "--shares takes at least 2 and at most --of, and --shares-out says where they go",
            code="usage",
            exit_code=Exit.USAGE,
        )
    return Split(needed=needed, of=of, out=out)


def make_root(root_file: Path, secret: str | Split) -> LocalProvider:
    """Write a new root key under a passphrase or shares, and open it; without its shares no root file is left."""
    if isinstance(secret, str):
        create_root(root_file, secret)
        return open_root(root_file, secret)
    refuse_used(secret.out)
    texts = create_root_shares(root_file, secret.needed, secret.of)
    try:
        hand_out(secret.out, texts)
        return open_shares(root_file, [share_path(secret.out, x) for x in range(1, secret.needed + 1)])
    except BaseException:
        root_file.unlink()
        raise


def open_shares(root_file: Path, files: Sequence[Path]) -> LocalProvider:
    """The root that the shares in `files` open; raises SealedError."""
    return collected(root_file, files, read_secret).provider()


def share_path(folder: Path, number: int) -> Path:
    """Where a share is written, by its number from 1."""
    return folder / f"share-{number}.txt"


def refuse_used(folder: Path) -> None:
    """Shares go to a folder in which nothing else is."""
    if folder.exists() and any(folder.iterdir()):
        raise Failure(f"{folder.name} is not empty", code="already_there")


def hand_out(folder: Path, texts: Sequence[str]) -> None:
    """One new file for each share, on disk before this returns: all of them or, killed in the middle, none."""
    folder = folder.absolute()
    beside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(mode=0o700, parents=True)
    try:
        for number, text in enumerate(texts, 1):
            write_private(share_path(beside, number), text + "\n")
        settle(beside)
        refuse_used(folder)
        beside.replace(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    settle(folder.parent)
