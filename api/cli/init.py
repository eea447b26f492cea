"""`perusal init`: from nothing to an installation that a server can open.

Creates the folder (0700), the root key sealed by a passphrase, both data bases at the newest schema, the vault's keys and
the vocabulary of purposes. Refuses a folder that already holds an installation, so that no root key is ever replaced.
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any

import click
from sqlalchemy.engine import make_url

from api import migrations
from api.cli.failures import Exit, Failure
from api.cli.installation import SETTINGS_FILE, databases, read_secret, settings_mapping, write_private
from api.cli.output import emit, json_option
from api.settings import PREFIX, Settings
from consent.purposes import PURPOSES, seed
from vault.opening import create_vault
from vault.providers.local import create_root, open_root
from vault.storage import Database, Dialect

BUCKETS = {Dialect.SQLITE: 1, Dialect.POSTGRESQL: 16}


@click.command("init")
@click.option(
    "--dir", "home", required=True, type=click.Path(path_type=Path, file_okay=False), help="New folder."
)
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, allow_dash=True),
    help='Its first line; "-" reads it.',
)
@click.option(
    "--database-url", help="PostgreSQL instead of the embedded data base; a password goes to PGPASSFILE."
)
@click.option("--key-database-url", help="The separate data base of the wrapped keys.")
@click.option(
    "--buckets", type=click.IntRange(1, 4096), help="How many parts people are spread over, for ever."
)
@click.option("--ledger-host", help="Name under which the ledger's logs are published, for ever.")
@json_option
def command(
    home: Path,
    passphrase_file: Path | None,
    database_url: str | None,
    key_database_url: str | None,
    buckets: int | None,
    ledger_host: str | None,
    as_json: bool,
) -> None:
    """Make a new installation in a folder of its own."""
    _check(home, database_url, key_database_url)
    passphrase = read_secret(passphrase_file) if passphrase_file else secrets.token_urlsafe(32)
    settings = _lay_out(home, passphrase, {"DATABASE": database_url, "KEYS": key_database_url})
    with databases(settings) as (data, keys):
        made = _create(settings, passphrase, data, keys, buckets, ledger_host)
    emit(
        {"dir": str(home), "passphrase_file": settings.passphrase_file.name, **made},
        as_json=as_json,
        lines=(
            f"installation: {home}",
            f"ledger: {made['ledger_host']}, {made['buckets']} bucket(s), {made['purposes']} purposes",
            f"next: perusal serve --dir {home}",
        ),
    )


def _check(home: Path, *urls: str | None) -> None:
    if (home / "root.sealed").exists():
        raise Failure(f"{home.name} already holds an installation", code="already_there")
    if any(url and make_url(url).password for url in urls):
        raise Failure(
            "leave the password out of the address and put it into a file named by PGPASSFILE",
            code="secret_on_command_line",
            exit_code=Exit.USAGE,
        )
    if sum(url is not None for url in urls) == 1:
        raise Failure(
            "--database-url and --key-database-url go together: the keys must not live with the data",
            code="one_database_only",
            exit_code=Exit.USAGE,
        )


def _lay_out(home: Path, passphrase: str, urls: dict[str, str | None]) -> Settings:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)
    lines = [f"{PREFIX}{name}={url}\n" for name, url in urls.items() if url]
    if lines:
        write_private(home / SETTINGS_FILE, "".join(lines))
    settings = Settings.from_mapping(settings_mapping(home))
    write_private(settings.passphrase_file, passphrase + "\n")
    settings.quarantine.mkdir(mode=0o700, exist_ok=True)
    create_root(settings.root_file, passphrase)
    return settings


def _create(
    settings: Settings,
    passphrase: str,
    data: Database,
    keys: Database,
    buckets: int | None,
    ledger_host: str | None,
) -> dict[str, Any]:
    migrations.upgrade(data, "data")
    migrations.upgrade(keys, "keys")
    vault = create_vault(
        data,
        keys,
        open_root(settings.root_file, passphrase),
        buckets=buckets or BUCKETS[data.dialect],
        ledger_host=ledger_host or f"perusal.local/{secrets.token_hex(6)}",
        now_ms=time.time_ns() // 1_000_000,
    )
    with data.write() as conn:
        seed(conn)
    installation = vault.installation
    return {
        "buckets": installation.buckets,
        "ledger_host": installation.ledger_host,
        "purposes": len(PURPOSES),
    }
