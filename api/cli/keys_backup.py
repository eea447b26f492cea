"""`perusal keys backup`, `restore` and `expire`: copies of the key data base that die in time.

A backup is sealed under the key of its epoch, which lies in a folder outside every backup and is destroyed when
the published erasure horizon says so; a restore erases again whoever was erased since.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from api import migrations
from api.cli.failures import Exit, Failure
from api.cli.installation import databases, dir_option, settings_of
from api.cli.output import emit, json_option, progress
from api.clock import system_clock
from api.sealing.opening import provider_of
from api.settings import Settings
from vault.backups import archive as backups
from vault.backups.keys import BackupKeys, expire_epochs
from vault.erasure.erased_list import ErasedList
from vault.opening import installation_seen
from vault.providers.base import Provider
from vault.storage.database import Database

BACK = "{:,} erased people stand in the data base again, and nobody can read them: run `perusal erase`"
REFILL = "the index is of another time than these keys: run `perusal keys rotate index --resume` before anybody enrols"


@click.command("backup")
@dir_option
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="New file.")
@json_option
def backup(home: Path | None, out: Path, as_json: bool) -> None:
    """Write one consistent, sealed copy of the key data base; the server may run."""
    settings = settings_of(home)
    with databases(settings) as (data, keys), progress(quiet=as_json) as tick, _new_file(out) as file:
        root = provider_of(settings)
        made = backups.backup(data, keys, root, _epochs(settings, data, root), file, system_clock(), tick)
    emit(
        {"file": str(out), "rows": made.rows, "epoch": made.epoch, "made_at": made.made_at},
        as_json=as_json,
        lines=(
            f"{made.rows:,} rows in {out}",
            f"it opens for {settings.backup_days} days after its epoch began, if perusal keys expire is run daily",
        ),
    )


@click.command("restore")
@dir_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@json_option
def restore(home: Path | None, file: Path, as_json: bool) -> int:
    """Fill an empty key data base from a backup, without whoever was erased; 1 if anything stayed unreadable."""
    settings = settings_of(home)
    with databases(settings) as (data, keys), progress(quiet=as_json) as tick, file.open("rb") as source:
        migrations.upgrade(keys, "keys")
        root = provider_of(settings)
        erased = ErasedList(settings.erased_list).load()
        store = _epochs(settings, data, root)
        done = backups.restore(data, keys, root, store, source, also=erased, report=tick)
    emit(
        {
            "rows": done.rows,
            "made_at": done.made_at,
            "erased_again": done.erased_again,
            "back": done.back,
            "without_keys": done.without_keys,
            "outdated": done.outdated,
            "refill": done.refill,
        },
        as_json=as_json,
        lines=(
            f"{done.rows:,} rows restored; the keys of {done.erased_again:,} erased people left out",
            *((BACK.format(done.back),) if done.back else ()),
            f"{done.without_keys:,} people came after this backup, and nobody can read them without a newer one",
            f"{done.outdated:,} people have got a newer key since, and nobody can read them without it",
            *((REFILL,) if done.refill else ()),
        ),
    )
    return Exit.WRONG if done.back or done.without_keys or done.outdated or done.refill else Exit.OK


@click.command("expire")
@dir_option
@click.option("--days", type=click.IntRange(0), help="Destroy older epochs (default: PERUSAL_BACKUP_DAYS).")
@json_option
def expire(home: Path | None, days: int | None, as_json: bool) -> None:
    """Destroy the keys of old backup epochs, so that their backups open nothing any more. Run it daily."""
    settings = settings_of(home)
    if days is not None and days > settings.backup_days:
        raise Failure(
            f"the published erasure horizon promises {settings.backup_days} days at most",
            code="beyond_horizon",
            exit_code=Exit.USAGE,
        )
    gone = expire_epochs(settings.backup_keys, settings.backup_days if days is None else days, system_clock())
    emit({"destroyed": len(gone)}, as_json=as_json, lines=(f"{len(gone)} backup epochs destroyed",))


def _epochs(settings: Settings, data: Database, root: Provider) -> BackupKeys:
    with data.read() as conn:
        tenant = installation_seen(conn).tenant
    return BackupKeys(settings.backup_keys, root, tenant)


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """A new file for its owner only that gets its name when it is complete and on disk; refuses to replace one."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.link(beside, path)
    finally:
        beside.unlink(missing_ok=True)
