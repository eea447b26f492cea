"""Who was erased, remembered outside the data bases, so that restoring older ones brings nobody back.

One file of lines `sub_…`, only appended to and synced before the first of these people's keys is destroyed. It
holds internal names and nothing about the people. Keep it where the remembered heads are: out of every backup
that is restored over it.
"""

import fcntl
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vault.errors import MalformedId, VaultError
from vault.ids import SubjectId, decode_subject, encode_id


class DamagedList(VaultError):
    """The list of erased people cannot be read; a restore without it could bring somebody back."""

    code = "damaged_list"


@dataclass(frozen=True, slots=True)
class ErasedList:
    """The list at `path`; no file yet means nobody."""

    path: Path

    def load(self) -> set[SubjectId]:
        """Everybody on the list; a last line cut short by a crash says nothing. Raises DamagedList."""
        try:
            *lines, _cut = self.path.read_text(encoding="ascii").split("\n")
            return {decode_subject(line) for line in lines if line}
        except FileNotFoundError:
            return set()
        except (MalformedId, UnicodeDecodeError):
            raise DamagedList("the list of erased people is damaged") from None

    def add(self, subjects: Iterable[SubjectId]) -> None:
        """Add whoever is missing; durable before this returns. Several processes may do so at once."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            _end_last_line(file.fileno())
            missing = sorted(set(subjects) - self.load())
            file.write("".join(f"{encode_id('sub', one)}\n" for one in missing).encode())
            file.flush()
            os.fsync(file.fileno())


def _end_last_line(handle: int) -> None:
    """Take back a line that a crash cut short: it was never relied on."""
    size = os.fstat(handle).st_size
    data = os.pread(handle, size, 0)
    os.ftruncate(handle, data.rfind(b"\n") + 1)
