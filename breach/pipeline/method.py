"""With what a report was made: digests of the code by part, and versions of what its figures depend on.

Whoever runs a trace again and gets another figure learns from them whether the programs or the data differ. A digest
is SHA-256 over the lines "sha256 path", each ended by a line feed, of the part's files, in the order of their paths.
"""

import hashlib
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
_PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "parser": ("breach/intake/**/*",),
    "normaliser": ("vault/fields/**/*",),
    "matching": ("breach/matching/**/*", "breach/pipeline/**/*", "vault/tags/**/*", "vault/tag_index/**/*"),
    "history": ("consent/exposure.py", "consent/marks/**/*"),
    "weighing": ("breach/trace/**/*", "breach/weighing/**/*"),
}
_LIBRARIES: Final = ("numpy", "phonenumbers", "python-calamine")


@cache
def method() -> Mapping[str, Mapping[str, str]]:
    """`code`: digest by part; `software`: versions by name."""
    return {
        "code": {part: _digest(patterns) for part, patterns in _PARTS.items()},
        "software": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
    }


def _digest(patterns: tuple[str, ...]) -> str:
    files = {path for pattern in patterns for path in _ROOT.glob(pattern)}
    kept = sorted(
        path for path in files if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    )
    lines = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.relative_to(_ROOT).as_posix()}\n"
        for path in kept
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()
