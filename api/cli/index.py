"""`perusal index`: the index of tags by which large files are matched in columns.

It is a copy of the data base's tags in private files, and holds neither values nor names. A trace that wants it
brings it up to date or makes it; building it by hand, by night for instance, spares the next trace the wait.
"""

from __future__ import annotations

from pathlib import Path

import click

from api.cli.failures import Exit
from api.cli.installation import dir_option, settings_of
from api.cli.output import emit, json_option, moment, progress
from api.clock import system_clock
from api.sealing.opening import opened_vault
from api.setting_texts import SettingsError
from api.settings import Settings
from vault.tag_index.indexing import Standing, build, refresh
from vault.tag_index.indexing import status as status_of


@click.group("index")
def command() -> None:
    """The index of tags by which large files are matched."""


@command.command("build")
@dir_option
@click.option("--anew", is_flag=True, help="Make it anew even where bringing it up to date would do.")
@json_option
def build_it(home: Path | None, anew: bool, as_json: bool) -> None:
    """Bring the index up to date, or make it."""
    settings = settings_of(home)
    with opened_vault(settings) as vault, progress(quiet=as_json) as tick:
        if anew:
            build(
                vault,
                _folder(settings),
                system_clock(),
                lambda done, total: tick("reading tags", done, total),
            )
        else:
            refresh(vault, _folder(settings), system_clock())
        _tell(status_of(vault, _folder(settings)), as_json=as_json)


@command.command("status")
@dir_option
@json_option
def status(home: Path | None, as_json: bool) -> None:
    """Say how the index stands, and check its files; fails when there is none that can be used."""
    settings = settings_of(home)
    with opened_vault(settings) as vault:
        standing = status_of(vault, _folder(settings))
    _tell(standing, as_json=as_json)
    if not standing.usable:
        raise click.exceptions.Exit(Exit.WRONG)


def _folder(settings: Settings) -> Path:
    if settings.tag_index is None:
        raise SettingsError("PERUSAL_TAG_INDEX is not set")
    return settings.tag_index


def _tell(standing: Standing, *, as_json: bool) -> None:
    said = {name: getattr(standing, name) for name in standing.__slots__}
    emit(said, as_json=as_json, lines=[_sentence(standing)])


def _sentence(standing: Standing) -> str:
    if not standing.usable or standing.made_at is None:
        return "no index that can be used: `perusal index build` makes one"
    return (
        f"{standing.tags:,} tags of epoch {standing.epoch} in {standing.files} files, of {moment(standing.made_at)}; "
        f"{standing.touched:,} have come or gone since"
    )
