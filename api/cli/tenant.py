"""`perusal tenant`: the operators that one installation serves.

Every tenant is opened by `--tenant NAME` and has a folder of its own, `tenants/NAME` inside the installation's:
its root key, its quarantine, its memory of the log, and how to reach its data. On PostgreSQL that is the same pair of
data bases through roles of its own; in SQLite it is a pair of files of its own, beside nobody else's rows.
"""

from __future__ import annotations

import dataclasses
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

import click
from sqlalchemy import make_url

from api.cli.failures import Exit, Failure
from api.cli.init import SUITES, create, lay_out, suite_option
from api.cli.installation import (
    SETTINGS_FILE,
    TENANTS,
    change_settings,
    databases,
    owner_dir_option,
    read_secret,
    settings_of,
    tenant_home,
    write_private,
)
from api.cli.output import emit, json_option, table_of
from api.cli.roots import make_root
from api.clock import system_clock
from api.setting_texts import PREFIX
from api.settings import Settings
from vault.operators import NAME, BadTenant, Roles, add_operator, assign_roles, key_roles, operators
from vault.providers.base import Provider
from vault.sealing.sealed import Suite
from vault.storage.database import Dialect

BUCKETS = 16


@click.group("tenant")
def command() -> None:
    """Operators that share one installation and never see each other's rows."""


@command.command("add")
@click.argument("name")
@owner_dir_option
@click.option(
    "--passphrase-file", type=click.Path(path_type=Path, allow_dash=True), help="Of its own root key."
)
@click.option(
    "--buckets", type=click.IntRange(1, 4096), help="How many parts its people are spread over, for ever."
)
@click.option("--ledger-host", help="Name under which its logs are published, for ever.")
@click.option("--role", help="PostgreSQL role of its data (default: perusal_NAME).")
@click.option("--key-role", help="PostgreSQL role of its keys (default: perusal_NAME_keys).")
@suite_option
@json_option
def add(
    name: str,
    home: Path | None,
    passphrase_file: Path | None,
    buckets: int | None,
    ledger_host: str | None,
    role: str | None,
    key_role: str | None,
    suite: str,
    as_json: bool,
) -> None:
    """Take in an operator: buckets or files of its own, keys under a root key of its own."""
    settings = settings_of(home)
    folder = _new_folder(_folder_of(home), name)
    secret = read_secret(passphrase_file) if passphrase_file else secrets.token_urlsafe(32)
    roles = _roles(settings, name, role, key_role)
    site = folder.with_name(f".{name}.{os.getpid()}")
    try:
        own = lay_out(site, secret, passphrase_file, _addresses(settings, roles))
        host = ledger_host or f"perusal.local/{secrets.token_hex(6)}"
        root = make_root(own.root_file, secret)
        made = (
            _add_to_servers(settings, root, name, buckets, host, roles, SUITES[suite])
            if roles
            else create(own, root, buckets, host, name=name, suite=SUITES[suite])
        )
        site.rename(folder)
    finally:
        shutil.rmtree(site, ignore_errors=True)
    after = ("next: perusal roles apply, and passwords for both roles",) if roles else ()
    emit(
        {"tenant": name, "dir": str(folder), **made},
        as_json=as_json,
        lines=(f"tenant {name}: {made['buckets']} bucket(s), ledger {made['ledger_host']}", *after),
    )


@command.command("role")
@click.argument("name")
@owner_dir_option
@click.option("--role", help="PostgreSQL role of its data (default: perusal_NAME).")
@click.option("--key-role", help="PostgreSQL role of its keys (default: perusal_NAME_keys).")
@json_option
def assign(name: str, home: Path | None, role: str | None, key_role: str | None, as_json: bool) -> None:
    """Name the roles that log in for a tenant; the installation's first one needs this before a second comes."""
    settings = settings_of(home)
    roles = _roles(settings, name, role, key_role)
    if roles is None:
        raise Failure("SQLite has no roles", code="one_tenant_per_file", exit_code=Exit.USAGE)
    with databases(settings) as (data, keys):
        assign_roles(data, keys, name, roles)
    folder = tenant_home(_folder_of(home), name)
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
        write_private(folder / SETTINGS_FILE, _same_files(settings))
    change_settings(folder, _addresses(settings, roles))
    emit(
        {"tenant": name, "role": roles.data, "key_role": roles.keys},
        as_json=as_json,
        lines=(f"{name} logs in as {roles.data} and {roles.keys}", "next: perusal roles apply"),
    )


@command.command("list")
@owner_dir_option
@json_option
def listed(home: Path | None, as_json: bool) -> None:
    """Every tenant with its buckets, its ledger and its roles."""
    settings = settings_of(home)
    with databases(settings) as (data, keys):
        with data.read() as conn:
            found = operators(conn)
        with keys.read() as conn:
            their_keys = key_roles(conn)
    rows: list[dict[str, Any]] = [
        {
            "tenant": one.name,
            "first_bucket": one.buckets.first,
            "buckets": one.buckets.many,
            "ledger_host": one.ledger_host,
            "role": one.role,
            "key_role": their_keys.get(one.tenant),
        }
        for one in found
    ]
    rows += _in_files(_folder_of(home)) if data.dialect is Dialect.SQLITE else []
    emit(
        {"tenants": rows},
        as_json=as_json,
        table=table_of(
            "tenants",
            ("name", "buckets", "ledger", "role", "key role"),
            [
                (r["tenant"], _range(r), r["ledger_host"], r["role"] or "none", r["key_role"] or "none")
                for r in rows
            ],
        ),
    )


def _folder_of(home: Path | None) -> Path:
    """The folder that `settings_of` has accepted."""
    assert home is not None
    return home.absolute()


def _range(row: dict[str, Any]) -> str:
    return f"{row['first_bucket']} to {row['first_bucket'] + row['buckets'] - 1}"


def _in_files(home: Path) -> list[dict[str, Any]]:
    """The tenants that have files of their own."""
    rows = []
    for folder in sorted((home / TENANTS).glob("[a-z0-9]*")):
        with databases(settings_of(folder)) as (data, _keys), data.read() as conn:
            own = operators(conn)
        rows += [
            {
                "tenant": folder.name,
                "first_bucket": one.buckets.first,
                "buckets": one.buckets.many,
                "ledger_host": one.ledger_host,
                "role": None,
                "key_role": None,
            }
            for one in own
        ]
    return rows


def _new_folder(home: Path, name: str) -> Path:
    if not NAME.fullmatch(name):
        raise BadTenant("a tenant's name is lower-case letters, digits and hyphens, 31 at most")
    folder = tenant_home(home, name)
    if folder.exists():
        raise Failure(f"{name} is there already", code="already_there")
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    return folder


def _roles(settings: Settings, name: str, role: str | None, key_role: str | None) -> Roles | None:
    """The roles of a tenant; None in SQLite, which has none."""
    if Dialect(make_url(settings.database).get_backend_name()) is Dialect.SQLITE:
        return None
    plain = f"perusal_{name.replace('-', '_')}"
    return Roles(data=role or plain, keys=key_role or f"{plain}_keys")


def _addresses(settings: Settings, roles: Roles | None) -> dict[str, str | None]:
    """The owner's data bases as the tenant's roles log in to them; the search path is the role's own."""
    if roles is None:
        return {}
    return {"DATABASE": _as_role(settings.database, roles.data), "KEYS": _as_role(settings.keys, roles.keys)}


def _as_role(address: str, role: str) -> str:
    url = make_url(address).set(username=role)
    rest = {name: text for name, text in url.query.items() if name not in {"user", "options"}}
    return url.set(query=rest).render_as_string(hide_password=False)


def _add_to_servers(
    settings: Settings,
    root: Provider,
    name: str,
    buckets: int | None,
    host: str,
    roles: Roles,
    suite: Suite,
) -> dict[str, Any]:
    with databases(settings) as (data, keys):
        made = add_operator(
            data,
            keys,
            root,
            name=name,
            buckets=buckets or BUCKETS,
            ledger_host=host,
            roles=roles,
            now_ms=system_clock(),
            suite=suite,
        )
    return {
        "first_bucket": made.buckets.first,
        "buckets": made.buckets.many,
        "ledger_host": made.ledger_host,
        "role": roles.data,
        "key_role": roles.keys,
    }


def _same_files(settings: Settings) -> str:
    """The settings of a tenant whose root key, quarantine and memory are the installation's own: the first one."""
    given = ((field.name, getattr(settings, field.name)) for field in dataclasses.fields(settings))
    paths = ((name, path) for name, path in given if isinstance(path, Path))
    return "".join(f"{PREFIX}{name.upper()}={path}\n" for name, path in paths)
