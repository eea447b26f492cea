"""The files of the index of tags: Parquet, private, listed with their hashes.

A folder holds one list (`index.json`) and the files it names; what it does not name is left over from a crash
and goes with the next change. A file holds tags of one kind whose first byte lies in one of `parts` equal
ranges, in order, each once, as signed numbers of 64 bits, which every engine reads. That is all: no value,
nobody's name or id.

| in the list | meaning                                                          |
|-------------|------------------------------------------------------------------|
| version     | 1                                                                |
| epoch       | index epoch of every tag                                         |
| made_at     | Unix ms                                                          |
| parts       | 1, 16 or 256                                                     |
| files       | for each: name, kind, part (from 0), number of tags, SHA-256     |
"""

import hashlib
import io
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from vault.errors import VaultError
from vault.storage.durable import replace, settle, write_new

LIST: Final = "index.json"
VERSION: Final = 1


class IndexUnusable(VaultError):
    """The files of the index are not what they should be: make it again."""

    code = "index_unusable"


@dataclass(frozen=True, slots=True)
class PartFile:
    name: str
    kind: int
    part: int
    tags: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What there is; of the newest index, or of one that is being made."""

    epoch: int
    made_at: int
    parts: int
    files: tuple[PartFile, ...]

    @property
    def tags(self) -> int:
        return sum(file.tags for file in self.files)

    def part_of(self, tag: int) -> int:
        """Which part an unsigned tag belongs to."""
        return tag * self.parts >> 64


def load(folder: Path, sha256: bytes) -> Listing:
    """The list in a folder, when it has this hash; raises IndexUnusable."""
    try:
        raw = (folder / LIST).read_bytes()
    except FileNotFoundError:
        raise IndexUnusable("the index of tags is not in its folder") from None
    if hashlib.sha256(raw).digest() != sha256:
        raise IndexUnusable("the list of the index's files is another one than was written")
    body: Mapping[str, Any] = json.loads(raw)
    if body["version"] != VERSION:
        raise IndexUnusable("an index of another version")
    return Listing(
        body["epoch"], body["made_at"], body["parts"], tuple(PartFile(**file) for file in body["files"])
    )


def check(folder: Path, files: Iterable[PartFile]) -> None:
    """Raise IndexUnusable unless these files are what was written."""
    for file in files:
        try:
            with (folder / file.name).open("rb") as opened:
                found = hashlib.file_digest(opened, "sha256").hexdigest()
        except FileNotFoundError:
            raise IndexUnusable("a file of the index is missing") from None
        if found != file.sha256:
            raise IndexUnusable("a file of the index is damaged")


def write_part(folder: Path, number: int, part: int, tags: pl.Series) -> PartFile:
    """A new file of the tags of a kind; on the disk before this returns, its name once the list is."""
    held = io.BytesIO()
    pl.DataFrame({"tag": tags.reinterpret(signed=True)}).write_parquet(held, compression="uncompressed")
    raw = held.getvalue()
    name = f"{number}-{part:02x}-{secrets.token_hex(8)}.parquet"
    write_new(folder / name, raw)
    return PartFile(name, number, part, len(tags), hashlib.sha256(raw).hexdigest())


def read_part(folder: Path, file: PartFile) -> pl.Series:
    """The tags of a file; raises IndexUnusable."""
    check(folder, [file])
    return tags_in(folder, [file])


def tags_in(folder: Path, some: Sequence[PartFile]) -> pl.Series:
    """The tags of one or more files that were checked."""
    return pl.read_parquet([folder / file.name for file in some])["tag"].reinterpret(signed=False)


def packed(listing: Listing) -> tuple[bytes, bytes]:
    """The bytes of a list, and their SHA-256."""
    raw = json.dumps({"version": VERSION, **asdict(listing)}, sort_keys=True).encode()
    return raw, hashlib.sha256(raw).digest()


def publish(folder: Path, raw: bytes) -> None:
    """Make a list the one that counts; every file it names is there."""
    settle(folder)
    replace(folder / LIST, raw)


def sweep(folder: Path, listing: Listing) -> None:
    """Remove whatever the list does not name."""
    named = {file.name for file in listing.files} | {LIST}
    for path in _files(folder):
        if path.name not in named:
            path.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.suffix in {".parquet", ".new"} or path.name == LIST)
