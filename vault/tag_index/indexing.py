"""Making the index of tags, keeping it up to date, and saying how it stands.

Made anew it is read off the table of tags, range by range, so that no more than one range is ever held. From
before it is read every change is noted (`tag_index.tables`); bringing it up to date looks each noted
tag up once more and writes the parts anew that change. Whoever was erased is gone from it then: until then a
note and a file hold a keyed hash of 64 bits that leads to nobody, and nothing found by it is believed
(`lookup.confirm`).
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl
from sqlalchemy import Connection, delete, func, select, text

from vault.errors import VaultError
from vault.opening import Vault
from vault.reading.records import count_people
from vault.rotation.barrier import barrier, passed
from vault.storage.rowset import RowSet
from vault.tag_index import files
from vault.tag_index.files import IndexUnusable, Listing, PartFile
from vault.tag_index.tables import INDEXED, tag_index, tag_touched

FEW_PEOPLE: Final = 300_000
MANY_PEOPLE: Final = 5_000_000
PATIENCE_S: Final = 60.0
"""How long somebody's open transaction is waited for."""

_WRAP: Final = 1 << 64
_BEGIN = text(
    "INSERT INTO tag_index (epoch, begun_at, manifest) VALUES (:epoch, :now, NULL) "
    "ON CONFLICT (tenant) DO UPDATE SET epoch = excluded.epoch, begun_at = excluded.begun_at, manifest = NULL"
)
_RANGE = text(
    f"SELECT kind, tag FROM tag WHERE tag BETWEEN :low AND :high AND epoch = :epoch "
    f"AND kind IN ({', '.join(map(str, INDEXED))})"
)
_STILL_THERE = RowSet(
    "WITH {rows} SELECT rows.i FROM rows WHERE EXISTS "
    "(SELECT 1 FROM tag t WHERE t.tag = rows.tag AND t.kind = rows.kind AND t.epoch = :epoch)",
    kind="int",
    tag="int",
)
_DEALT_WITH = RowSet(
    "WITH {rows} DELETE FROM tag_touched WHERE (bucket, kind, epoch, tag, times) IN "
    "(SELECT bucket, kind, epoch, tag, times FROM rows)",
    bucket="int",
    kind="int",
    epoch="int",
    tag="int",
    times="int",
)
_CHUNK = 5_000


class IndexBusy(VaultError):
    """A transaction that began before has been open for too long."""

    code = "index_busy"


class _Touched(NamedTuple):
    """A note; `tag` is signed, as data bases have it."""

    bucket: int
    kind: int
    epoch: int
    tag: int
    times: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How the index stands: when it was made, its tags and files, and how many tags have come or gone since."""

    usable: bool
    made_at: int | None
    epoch: int | None
    tags: int
    files: int
    touched: int


type Progress = Callable[[int, int], None]
"""Called with (parts done, parts)."""


def status(vault: Vault, folder: Path) -> Standing:
    """How the index in this folder stands; its files are checked."""
    with vault.data.read() as conn:
        touched = conn.execute(select(func.count()).select_from(tag_touched)).scalar_one()
        try:
            listing = current(conn, vault, folder)
            files.check(folder, listing.files)
        except IndexUnusable:
            return Standing(usable=False, made_at=None, epoch=None, tags=0, files=0, touched=touched)
    return Standing(
        usable=True,
        made_at=listing.made_at,
        epoch=listing.epoch,
        tags=listing.tags,
        files=len(listing.files),
        touched=touched,
    )


def current(conn: Connection, vault: Vault, folder: Path) -> Listing:
    """The list of the index this installation has made last; raises IndexUnusable."""
    row = conn.execute(select(tag_index.c.epoch, tag_index.c.manifest)).one_or_none()
    if row is None or row.manifest is None:
        raise IndexUnusable("there is no index of tags")
    if row.epoch != vault.keyring.tag_keys.index_epoch:
        raise IndexUnusable("the index holds tags of an epoch that is no longer read")
    return files.load(folder, row.manifest)


def build(
    vault: Vault, folder: Path, now_ms: int, progress: Progress = lambda _done, _total: None
) -> Listing:
    """Make the index anew; raises IndexBusy."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    epoch = vault.keyring.tag_keys.index_epoch
    with vault.data.write() as conn:
        conn.execute(delete(tag_touched))
        conn.execute(_BEGIN, {"epoch": epoch, "now": now_ms})
    _wait(vault)
    with vault.data.read() as conn:
        parts = _parts(count_people(conn))
        listing = Listing(epoch, now_ms, parts, ())
        for part in range(parts):
            listing = replace(listing, files=listing.files + tuple(_written(conn, folder, listing, part)))
            progress(part + 1, parts)
    return _published(vault, folder, listing, [])


def refresh(vault: Vault, folder: Path, now_ms: int) -> Listing:
    """Bring the index up to date, or make it anew when it cannot be used; raises IndexBusy."""
    try:
        with vault.data.read() as conn:
            listing = current(conn, vault, folder)
            noted = [
                _Touched(*row)
                for row in conn.execute(select(*(tag_touched.c[name] for name in _Touched._fields)))
            ]
            mine = [note for note in noted if note.epoch == listing.epoch]
            there = _there(conn, mine, listing.epoch)
        if not noted:
            return listing
        changed = _changed(folder, listing, mine, there)
    except IndexUnusable:
        return build(vault, folder, now_ms)
    return _published(vault, folder, replace(listing, files=changed, made_at=now_ms), noted)


def _wait(vault: Vault) -> None:
    """Until whoever began writing before there was an index has ended: they note nothing."""
    at, until = barrier(vault.data), time.monotonic() + PATIENCE_S
    while not passed(vault.data, at):
        if time.monotonic() > until:
            raise IndexBusy("a transaction has been open for too long")
        time.sleep(0.05)


def _parts(people: int) -> int:
    return 1 if people < FEW_PEOPLE else 16 if people < MANY_PEOPLE else 256


def _written(conn: Connection, folder: Path, listing: Listing, part: int) -> Iterator[PartFile]:
    rows = [
        row
        for low, high in _ranges(part, listing.parts)
        for row in conn.execute(_RANGE, {"low": low, "high": high, "epoch": listing.epoch}).all()
    ]
    frame = pl.DataFrame(rows, schema={"kind": pl.Int16, "tag": pl.Int64}, orient="row")
    for number in INDEXED:
        tags = frame.filter(kind=number)["tag"].reinterpret(signed=False).unique().sort()
        if len(tags):
            yield files.write_part(folder, number, part, tags)


def _ranges(part: int, parts: int) -> Iterator[tuple[int, int]]:
    """The signed numbers, low and high, that stand for the unsigned ones of a part."""
    low, high = part * _WRAP // parts, (part + 1) * _WRAP // parts - 1
    middle = _WRAP // 2
    if low < middle:
        yield low, min(high, middle - 1)
    if high >= middle:
        yield max(low, middle) - _WRAP, high - _WRAP


def _there(conn: Connection, noted: Sequence[_Touched], epoch: int) -> set[tuple[int, int]]:
    """The noted (kind, tag) that the table still has."""
    pairs = sorted({(note.kind, note.tag) for note in noted})
    found: set[tuple[int, int]] = set()
    for start in range(0, len(pairs), _CHUNK):
        chunk = pairs[start : start + _CHUNK]
        found.update(chunk[i] for (i,) in _STILL_THERE(conn, chunk, epoch=epoch))
    return found


def _changed(
    folder: Path, listing: Listing, noted: Sequence[_Touched], there: set[tuple[int, int]]
) -> tuple[PartFile, ...]:
    """The files with the noted tags that are there and without those that are not."""

    def place(note: _Touched) -> tuple[int, int]:
        return note.kind, listing.part_of(note.tag % _WRAP)

    kept: Mapping[tuple[int, int], PartFile] = {(file.kind, file.part): file for file in listing.files}
    made = dict(kept)
    for (number, part), notes in groupby(sorted(noted, key=place), key=place):
        tags = {(note.kind, note.tag) for note in notes}
        come = pl.Series([tag % _WRAP for one, tag in tags if (one, tag) in there], dtype=pl.UInt64)
        gone = pl.Series([tag % _WRAP for one, tag in tags if (one, tag) not in there], dtype=pl.UInt64)
        old = kept.get((number, part))
        held = files.read_part(folder, old) if old else pl.Series(dtype=pl.UInt64)
        new = held.filter(~held.is_in(gone.implode())).append(come).unique().sort()
        made.pop((number, part), None)
        if len(new):
            made[number, part] = files.write_part(folder, number, part, new)
    return tuple(made.values())


def _published(vault: Vault, folder: Path, listing: Listing, noted: Sequence[_Touched]) -> Listing:
    raw, sha256 = files.packed(listing)
    files.publish(folder, raw)
    with vault.data.write() as conn:
        conn.execute(tag_index.update().values(manifest=sha256, epoch=listing.epoch))
        for start in range(0, len(noted), _CHUNK):
            _DEALT_WITH(conn, noted[start : start + _CHUNK])
    files.sweep(folder, listing)
    return listing
