"""Writing the logs as files, byte for byte what the server gives out, for mirrors and for escrow.

| file                                             | content                                              |
|--------------------------------------------------|------------------------------------------------------|
| log/keys                                         | one verifier key per log                             |
| log/retired                                      | the keys before them, see `retired`                  |
| log/<year>/<bucket>/checkpoint                   | the checkpoint outsiders are shown, with its lines   |
| log/<year>/<bucket>/incident                     | of a log that was given up: why, and what carries it on |
| log/<year>/<bucket>/tile/<L>/<N>[.p/<W>]         | its hashes, full tiles and the partial right edge    |
| log/<year>/<bucket>/tile/entries/<N>[.p/<W>]     | its entries, only when they are asked for            |

Each file appears whole or not at all, and a checkpoint only after everything under it is on the disk and leads to its
root; so an export that was killed leaves the last one valid and goes on where it stopped. Tiles never change, and
partial ones of older checkpoints stay. What may be public is readable by everybody on the machine, entries only by
their owner: the tags in them let a stranger count uses.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from consent.ledger import prove, published
from consent.ledger.bundles import layout
from consent.ledger.checking.fsck import Finding, Progress
from consent.ledger.errors import LedgerAlarm
from consent.ledger.exports.exported import CHECKPOINT, check_log
from consent.ledger.exports.files import PRIVATE, PUBLIC, make, put
from consent.ledger.formats import checkpoint
from consent.ledger.formats.policy import Policy
from consent.ledger.formats.tiles import Tile, entries_path, tiles_of
from consent.ledger.origin import LogId, origin_of, path_of
from consent.ledger.published import Published
from consent.ledger.publishing import given_up, log_keys
from consent.ledger.publishing.signer import Signer
from consent.ledger.tree import HASH_BYTES
from consent.ledger.witnesses import witnessed
from vault.storage.database import Database

KEYS: Final = "log/keys"
RETIRED: Final = "log/retired"
INCIDENT: Final = "incident"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A log as it stands in the folder now."""

    origin: str
    size: int


def export(
    data: Database, signer: Signer, folder: Path, witnesses: Policy, now_ms: int, *, entries: bool = False
) -> Iterator[Progress | Exported]:
    """Bring `folder` up to what outsiders are shown now (Unix ms); yields progress, and each log when it is done.

    Raises LedgerAlarm when the folder holds a checkpoint of another history, or when what was written does not
    lead to the root: then the checkpoint that stood there stays.
    """
    with _alone(folder), data.read() as conn:
        logs = published.logs(conn)
        origins = [origin_of(signer.ledger_host, log) for log in logs]
        keys, retired = log_keys.told(conn, signer, now_ms), log_keys.told_retired(conn, signer, now_ms)
        put(folder / KEYS, "".join(f"{key}\n" for key in keys).encode(), PUBLIC)
        put(folder / RETIRED, "".join(f"{one}\n" for one in retired).encode(), PUBLIC)
        for log, origin in zip(logs, origins, strict=True):
            shown = witnessed.shown(conn, log, witnesses, now_ms)
            place = folder / layout.folder_name(log)
            if ended := given_up.of(conn, log):
                put(place / INCIDENT, ended.incident.encode(), PUBLIC)
            if shown is not None and _goes_on(conn, signer, place, shown):
                yield from _export_log(conn, origin, place, shown, witnesses, entries=entries)
                yield Exported(origin=origin, size=shown.size)


def _goes_on(conn: Connection, signer: Signer, place: Path, shown: Published) -> bool:
    """Whether `shown` is to replace what stands in the folder, which must be of the same history."""
    origin = origin_of(signer.ledger_host, shown.log)
    try:
        kept = checkpoint.verify((place / CHECKPOINT).read_bytes(), log_keys.every(conn, signer, shown.log))
    except FileNotFoundError:
        return True
    ours = published.at_size(conn, shown.log, kept.size)
    if ours is None or ours.root != kept.root:
        raise LedgerAlarm(
            origin, f"the folder holds a checkpoint of size {kept.size} that is not in the data base"
        )
    return shown.size >= kept.size


def _export_log(
    conn: Connection, origin: str, place: Path, shown: Published, witnesses: Policy, *, entries: bool
) -> Iterator[Progress]:
    for tile in tiles_of(shown.size):
        _write_tile(conn, shown.log, place, tile)
        if entries and tile.level == 0:
            _write_entries(conn, shown.log, place, tile)
        if tile.level == 0:
            yield Progress(origin, tile.end, shown.size)
    for step in check_log(place, checkpoint.Checkpoint(origin, shown.size, shown.root)):
        if isinstance(step, Finding):
            raise LedgerAlarm(origin, f"the export does not hold: {step.what}")
    put(place / CHECKPOINT, witnessed.told(conn, shown, witnesses), PUBLIC)


def _write_tile(conn: Connection, log: LogId, place: Path, tile: Tile) -> None:
    path = place / tile.path
    if not (path.is_file() and path.stat().st_size == HASH_BYTES * tile.width):
        put(path, _there(prove.tile(conn, log, tile), log, tile.path), PUBLIC)


def _write_entries(conn: Connection, log: LogId, place: Path, tile: Tile) -> None:
    name = entries_path(tile.n, tile.width)
    if not (place / name).is_file():
        put(place / name, _there(prove.entry_bundle(conn, log, tile.n, tile.width), log, name), PRIVATE)


def _there(data: bytes | None, log: LogId, path: str) -> bytes:
    if data is None:
        raise LedgerAlarm(f"log {path_of(log)}", f"{path} is incomplete")
    return data


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two exports into one folder wait for each other, so that an older checkpoint never comes last."""
    make(folder, PUBLIC)
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, PRIVATE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
