"""A file system of a few megabytes of its own, that can be filled up and made read-only. Only root may mount one."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


class NoDisk(Exception):
    """Says why none can be mounted here."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted file system."""

    place: Path

    def fill(self) -> None:
        """Leave no byte free."""
        with suppress(OSError), self._filler.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                with suppress(OSError):
                    while True:
                        file.write(bytes(size))

    def free(self) -> None:
        """Take away what `fill` has put there."""
        self._filler.unlink()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """While the block runs nothing can be written; nobody may have a file open for writing when it begins."""
        _run("mount", "-o", "remount,ro", str(self.place))
        try:
            yield
        finally:
            _run("mount", "-o", "remount,rw", str(self.place))

    @property
    def _filler(self) -> Path:
        return self.place / "filler"


@contextmanager
def small_disk(megabytes: int) -> Iterator[Disk]:
    """Mount one until the block ends, where a data base server may reach it too; raises NoDisk."""
    with tempfile.TemporaryDirectory(prefix="disk-", dir="/tmp") as place:
        _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "perusal-test", place)
        try:
            yield Disk(Path(place))
        finally:
            _run("umount", place)


def _run(*command: str) -> None:
    try:
        subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise NoDisk("no mount on this machine") from error
    except subprocess.CalledProcessError as error:
        raise NoDisk(f"a file system cannot be mounted here: {error.stderr.strip()}") from error
