"""Files of their owner alone that are on the disk before anybody relies on them.

Syncing a file keeps its bytes and not its name, which is in the folder: whoever needs the name settles the
folder too.
"""

import os
import secrets
from pathlib import Path


def write_new(path: Path, data: bytes) -> None:
    """A new file, whole on the disk before this returns, its name once the folder is settled; raises FileExistsError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace(path: Path, data: bytes) -> None:
    """Put a whole file in this place; a crash leaves the old one or the new one there."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    try:
        write_new(fresh, data)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    settle(path.parent)


def settle(folder: Path) -> None:
    """Names that came to be, moved or went in this folder are so after a power cut too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
