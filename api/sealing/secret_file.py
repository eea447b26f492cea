"""Secrets in files: only the owner may read one, or it is not taken.

The command line and the server ask the same question here, so that neither accepts what the other refuses.
"""

import stat
from pathlib import Path


class ExposedSecret(Exception):
    """Others than its owner can read the file; the text names the file and never its content."""

    code = "secret_is_readable"


def first_line(path: Path) -> str:
    """The first line of the file without its end; raises ExposedSecret, or OSError when it cannot be read."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ExposedSecret(f"others can read {path.name}; say: chmod 600 {path.name}")
    with path.open(encoding="utf-8") as file:
        return file.readline().rstrip("\r\n")
