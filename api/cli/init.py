"""`perusal init`: from nothing to an installation that a server can open.

Creates the folder (0700), the root key sealed by a passphrase, both data bases at the newest schema, the
vault's keys and the vocabulary of purposes. Refuses a folder that already holds an installation, so that no
root key is ever replaced.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from sqlalchemy.exc import ArgumentError

from api import migrations
from api.cli.failures import Exit, Failure
from api.cli.first_root import first_root
from api.cli.installation import (
    PASSPHRASE_FILE,
    SETTINGS_FILE,
    databases,
    settings_mapping,
    write_private,
)
from api.cli.output import emit, json_option
from api.cli.roots import Split, passphrase_file_option, share_file_option, split_of, split_options
from api.clock import system_clock
from api.setting_texts import NO_PASSWORD, PREFIX, holds_password
from api.settings import Settings
from consent.wording.purposes import PURPOSES, seed
from vault.opening import create_vault
from vault.providers.base import Provider
from vault.sealing.sealed import Suite
from vault.storage.database import Dialect

BUCKETS = {Dialect.SQLITE: 1, Dialect.POSTGRESQL: 16}
SUITES = {"gcm": Suite.GCM, "gcm-siv": Suite.GCM_SIV}

suite_option = click.option(
    "--suite",
    type=click.Choice(tuple(SUITES)),
    default="gcm",
    show_default=True,
    help="How values are sealed, for ever: gcm-siv where machines are cloned or restored from snapshots.",
)


@click.command("init")
@click.option(
    "--dir", "home", required=True, type=click.Path(path_type=Path, file_okay=False), help="New folder."
)
@passphrase_file_option
@split_options
@click.option(
    "--root-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A root key made before by: perusal keys init. It stays where it is.",
)
@share_file_option
@click.option(
    "--provider-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Where the root key lives instead of a file here (TOML).",
)
@click.option(
    "--database-url", help="PostgreSQL instead of the embedded data base; a password goes to PGPASSFILE."
)
@click.option("--key-database-url", help="The separate data base of the wrapped keys.")
@click.option(
    "--buckets", type=click.IntRange(1, 4096), help="How many parts people are spread over, for ever."
)
@click.option("--ledger-host", help="Name under which the ledger's logs are published, for ever.")
@suite_option
@json_option
def command(
    home: Path,
    passphrase_file: Path | None,
    shares: int | None,
    of: int,
    shares_out: Path | None,
    root_file: Path | None,
    share_files: tuple[Path, ...],
    provider_file: Path | None,
    database_url: str | None,
    key_database_url: str | None,
    buckets: int | None,
    ledger_host: str | None,
    suite: str,
    as_json: bool,
) -> None:
    """Make a new installation in a folder of its own."""
    _check(home, database_url, key_database_url)
    split = split_of(shares, of, shares_out) if shares else None
    root = first_root(passphrase_file, split, root_file, share_files, provider_file)
    # Made beside its place and moved there when complete, so that a failure leaves nothing half-made behind.
    site = home.absolute().with_name(f".{home.name}.{os.getpid()}")
    entries = {"DATABASE": database_url, "KEYS": key_database_url, **root.settings}
    try:
        settings = lay_out(site, root.secret, passphrase_file, entries)
        made = create(settings, root.open(settings), buckets, ledger_host, suite=SUITES[suite])
        site.rename(home.absolute())
    finally:
        shutil.rmtree(site, ignore_errors=True)
    emit(
        {"dir": str(home), **made},
        as_json=as_json,
        lines=(
            f"installation: {home}",
            f"ledger: {made['ledger_host']}, {made['buckets']} bucket(s), {made['purposes']} purposes",
            f"next: perusal serve --dir {home}",
        ),
    )


def _check(home: Path, *urls: str | None) -> None:
    if home.exists() and any(home.iterdir()):
        raise Failure(f"{home.name} is not empty", code="already_there")
    try:
        exposed = any(url and holds_password(url) for url in urls)
    except ArgumentError:
        raise Failure(
            "this is not the address of a data base", code="bad_address", exit_code=Exit.USAGE
        ) from None
    if exposed:
        raise Failure(NO_PASSWORD, code="secret_on_command_line", exit_code=Exit.USAGE)
    if sum(url is not None for url in urls) == 1:
        raise Failure(
            "--database-url and --key-database-url go together: the keys must not live with the data",
            code="one_database_only",
            exit_code=Exit.USAGE,
        )


def lay_out(
    site: Path, secret: str | Split | None, given: Path | None, entries: Mapping[str, str | None]
) -> Settings:
    """The folder with its settings file, which holds `entries`, and its quarantine.

    A passphrase that came from a file stays in that file; one that came from standard input is not kept at all,
    and the server is told by PERUSAL_PASSPHRASE_FILE where to find it.
    """
    site.mkdir(mode=0o700, parents=True)
    lines = [f"{PREFIX}{name}={text}\n" for name, text in entries.items() if text]
    if given is None and isinstance(secret, str):
        write_private(site / PASSPHRASE_FILE, secret + "\n")
    elif given is not None and str(given) != "-":
        lines.append(f"{PREFIX}PASSPHRASE_FILE={given.absolute()}\n")
    if lines:
        write_private(site / SETTINGS_FILE, "".join(lines))
    settings = Settings.from_mapping(settings_mapping(site))
    settings.quarantine.mkdir(mode=0o700, exist_ok=True)
    return settings


def create(
    settings: Settings,
    provider: Provider,
    buckets: int | None,
    ledger_host: str | None,
    *,
    name: str = "main",
    suite: Suite = Suite.GCM,
) -> dict[str, Any]:
    """Both schemas, the vault with its first tenant, and the vocabulary; what was made, for people to read."""
    with databases(settings) as (data, keys):
        migrations.upgrade(data, "data")
        migrations.upgrade(keys, "keys")
        vault = create_vault(
            data,
            keys,
            provider,
            buckets=buckets or BUCKETS[data.dialect],
            ledger_host=ledger_host or f"perusal.local/{secrets.token_hex(6)}",
            now_ms=system_clock(),
            name=name,
            suite=suite,
        )
        with data.write() as conn:
            seed(conn)
    made = vault.installation
    return {
        "buckets": made.buckets.many,
        "ledger_host": made.ledger_host,
        "purposes": len(PURPOSES),
        "suite": word_of(made.suite),
    }


def word_of(suite: Suite) -> str:
    """What `--suite` calls it."""
    return next(word for word, known in SUITES.items() if known is suite)
