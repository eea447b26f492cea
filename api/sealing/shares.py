"""Shares of a split root key in files: each readable by its owner only, read whole before anything is opened.

A server is opened by people who bring their shares one after the other (`api.sealing.unsealing`). Files of several
shares in one place are for maintenance and for ceremonies, and are wiped afterwards.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from api.sealing.secret_file import first_line
from vault.providers.shamir import ShareCollector


def collected(
    root_file: Path, files: Iterable[Path], read: Callable[[Path], str] = first_line
) -> ShareCollector:
    """What the shares in these files open together; raises SealedError, ExposedSecret or OSError.

    While the root key is being changed, shares of either set count, each for its own root.
    """
    collector = ShareCollector(root_file)
    for path in files:
        collector.add(read(path))
    return collector


def share_files(folder: Path) -> list[Path]:
    """The files of a folder that holds nothing but shares; hidden ones are left out."""
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
