"""Files that appear whole or not at all, and are on the disk before anything is built on them.

What may be public is readable by everybody on the machine, whatever the umask; the rest by its owner alone.
"""

import os
from pathlib import Path
from typing import Final

from vault.storage.durable import settle

PUBLIC: Final = 0o644
PRIVATE: Final = 0o600


def put(path: Path, data: bytes, mode: int) -> None:
    """Put a whole file in place durably; only one process at a time may do so in a folder."""
    make(path.parent, mode)
    # Nobody else writes here, so what a killed writer left under this name is simply written over.
    fresh = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE), "wb") as file:
        file.write(data)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    settle(path.parent)


def make(folder: Path, mode: int) -> None:
    """Create a folder and those above it; each can be entered by whoever may read what is in it."""
    if folder.is_dir():
        return
    make(folder.parent, mode)
    folder.mkdir(exist_ok=True)
    folder.chmod(mode | (mode & 0o444) >> 2)
    settle(folder.parent)
