"""An installation as the command line finds it: a folder, its settings file and its data bases.

`--dir` (or PERUSAL_HOME) names the folder, `--tenant` (or PERUSAL_TENANT) one of the operators it serves. What
differs from the defaults stands in `settings.env` inside it, one `PERUSAL_NAME=value` per line; the environment
wins over the file. With neither, the command says what to do and stops.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TextIO

import click

from api.cli.failures import Exit, Failure
from api.sealing.secret_file import first_line
from api.setting_texts import PREFIX
from api.settings import Settings
from vault.operators import NAME
from vault.storage.database import Database, open_database
from vault.storage.durable import replace, write_new

SETTINGS_FILE = "settings.env"
PASSPHRASE_FILE = "passphrase"  # noqa: S105 - a file name

TENANTS = "tenants"
_TENANT = f"{PREFIX}TENANT"


def tenant_home(home: Path, name: str) -> Path:
    """Where a tenant's own settings, root key and, with SQLite, data bases are."""
    return home / TENANTS / name


def _remember(ctx: click.Context, _option: click.Parameter, name: str | None) -> None:
    if name is not None and not NAME.fullmatch(name):
        raise click.BadParameter("lower-case letters, digits and hyphens", ctx=ctx)
    ctx.meta[_TENANT] = name


def _enter(ctx: click.Context, _option: click.Parameter, home: Path | None) -> Path | None:
    name = ctx.meta.get(_TENANT)
    return home if home is None or name is None else tenant_home(home, name)


def _dir_option[F: Callable[..., Any]](callback: Any = None) -> Callable[[F], F]:
    return click.option(
        "--dir",
        "home",
        type=click.Path(path_type=Path, file_okay=False),
        envvar=f"{PREFIX}HOME",
        callback=callback,
        help="The installation's folder (default: the environment's PERUSAL_HOME).",
    )


def dir_option[F: Callable[..., Any]](command: F) -> F:
    """`--dir`, and `--tenant` that leads into the folder of one of its tenants."""
    tenant = click.option(
        "--tenant",
        envvar=_TENANT,
        is_eager=True,
        expose_value=False,
        callback=_remember,
        help="One of the operators the installation serves (default: PERUSAL_TENANT).",
    )
    return _dir_option(_enter)(tenant(command))


def owner_dir_option[F: Callable[..., Any]](command: F) -> F:
    """`--dir` alone: for commands about the installation as its owner sees it."""
    return _dir_option()(command)


def settings_mapping(home: Path) -> dict[str, str]:
    """`PERUSAL_*` names from the folder's file, overridden by the environment, with the folder itself."""
    given = {name: text for name, text in os.environ.items() if name.startswith(PREFIX) and name != _TENANT}
    return {**_file(home), **given, f"{PREFIX}HOME": str(home)}


def settings_of(home: Path | None, **given: object) -> Settings:
    """The settings of the installation in `home`; a Failure that says what to do when there is none.

    `given` holds settings from the command line by name, which win over all others; None means not given.
    """
    if home is None:
        raise Failure(
            "name an installation with --dir DIR or PERUSAL_HOME, or make one with: perusal init --dir DIR",
            code="no_installation",
            exit_code=Exit.ENVIRONMENT,
        )
    chosen = {f"{PREFIX}{name.upper()}": str(value) for name, value in given.items() if value is not None}
    settings = Settings.from_mapping(settings_mapping(home) | chosen)
    if settings.provider_file is None and not settings.root_file.is_file():
        raise Failure(
            f"{home.name or home} holds no installation; make one with: perusal init --dir {home.name or home}",
            code="no_installation",
            exit_code=Exit.ENVIRONMENT,
        )
    return settings


@contextmanager
def databases(settings: Settings) -> Iterator[tuple[Database, Database]]:
    """The data and the key data base, closed when the block ends."""
    with closing(open_database(settings.database)) as data, closing(open_database(settings.keys)) as keys:
        yield data, keys


def read_secret(path: Path) -> str:
    """The first line of a file that only its owner can read; "-" means standard input."""
    if str(path) == "-":
        return sys.stdin.readline().rstrip("\r\n")
    return first_line(path)


@contextmanager
def private_file(path: Path) -> Iterator[TextIO]:
    """A new file that only its owner can read, open for writing; refuses to replace one."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        yield file


def write_private(path: Path, text: str) -> None:
    """A new file that only its owner can read, on the disk before this returns; refuses to replace one."""
    write_new(path, text.encode())


def change_settings(home: Path, entries: Mapping[str, object | None]) -> None:
    """Put PERUSAL_* entries, named without the prefix, into the folder's settings; None takes one out.

    The file is replaced as a whole.
    """
    if not entries:
        return
    path = home / SETTINGS_FILE
    heads = tuple(f"{PREFIX}{name}=" for name in entries)
    before = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    lines = [line for line in before if not line.replace(" ", "").startswith(heads)]
    lines += [f"{PREFIX}{name}={value}" for name, value in entries.items() if value is not None]
    replace(path, "".join(f"{line}\n" for line in lines).encode())


def _file(home: Path) -> dict[str, str]:
    path = home / SETTINGS_FILE
    if not path.is_file():
        return {}
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): text.strip() for name, _, text in pairs}
