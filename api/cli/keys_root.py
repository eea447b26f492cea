"""`perusal keys rotate root` and `perusal keys shares`: another root key, and other people who hold it.

Both go on where an earlier call was broken off. Servers that run go on meanwhile; whoever opened theirs by hand
brings what opens the new root to each of them within a quarter of an hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from api.cli.failures import Exit, Failure
from api.cli.installation import change_settings, databases, dir_option, read_secret, settings_of
from api.cli.output import emit, json_option
from api.cli.root_change import AtHand, Site, change_local, one_at_a_time, open_in_use, rewrap
from api.cli.roots import (
    Split,
    folder_path,
    passphrase_file_option,
    secret_path,
    share_file_option,
    split_of,
    split_options,
)
from api.clock import system_clock
from api.sealing.opening import local_root, provider_of
from api.sealing.secret_file import first_line
from api.sealing.shares import share_files as files_in
from api.settings import Settings
from vault.opening import installation_seen
from vault.providers.base import Provider
from vault.providers.config import LocalConfig, load_config, open_provider
from vault.providers.local import needs_shares
from vault.providers.root_file import read_root_file
from vault.providers.shamir import DEFAULT_NEEDED, parse_share_file
from vault.rotation import Either

_existing_file = click.Path(path_type=Path, dir_okay=False, exists=True)
_new_passphrase_option = click.option(
    "--new-passphrase-file",
    type=secret_path,
    help='Put the new root key under this passphrase; "-" reads it.',
)


@click.command("root")
@dir_option
@share_file_option
@passphrase_file_option
@click.option("--shares-out", type=folder_path, help="New folder for the new shares of a split root key.")
@_new_passphrase_option
@click.option("--to", "provider_file", type=_existing_file, help="Move to the provider in this file (TOML).")
@click.option(
    "--to-root-file",
    type=_existing_file,
    help="Move from a provider to this file, made by: perusal keys init. Passphrase or shares are its own.",
)
@click.option("--resume", is_flag=True, help="Make no new version at the provider; only wrap again.")
@json_option
def rotate_root(
    home: Path,
    share_files: tuple[Path, ...],
    passphrase_file: Path | None,
    shares_out: Path | None,
    new_passphrase_file: Path | None,
    provider_file: Path | None,
    to_root_file: Path | None,
    resume: bool,
    as_json: bool,
) -> None:
    """Replace the root key, in its place or by one in another place, and wrap all tenant keys again."""
    settings = settings_of(home)
    root_file = local_root(settings)
    at_hand = _at_hand(settings, share_files, passphrase_file)
    if provider_file is not None:
        count = _move(settings, home, provider_file, at_hand)
    elif to_root_file is not None:
        count = _move_back(settings, home, to_root_file.absolute(), at_hand, passphrase_file)
    elif root_file is None:
        count = _new_version(settings, resume=resume)
    else:
        wanted = _same_form(root_file, at_hand, shares_out, new_passphrase_file)
        count = _change(settings, home, root_file, at_hand, wanted, new_passphrase_file)
    _done(count, as_json=as_json)


@click.command("shares")
@dir_option
@share_file_option
@passphrase_file_option
@split_options
@_new_passphrase_option
@json_option
def reissue(
    home: Path,
    share_files: tuple[Path, ...],
    passphrase_file: Path | None,
    shares: int | None,
    of: int,
    shares_out: Path | None,
    new_passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Put a fresh root key under fresh shares, or back under a passphrase; old shares open nothing afterwards."""
    settings = settings_of(home)
    root_file = local_root(settings)
    if root_file is None:
        raise Failure("the root key is not in a file here", code="not_local", exit_code=Exit.USAGE)
    if new_passphrase_file is not None and shares_out is not None:
        raise Failure(
            "give --shares-out or --new-passphrase-file, not both", code="usage", exit_code=Exit.USAGE
        )
    wanted = (
        read_secret(new_passphrase_file)
        if new_passphrase_file is not None
        else split_of(shares or min(DEFAULT_NEEDED, of), of, shares_out)
    )
    at_hand = _at_hand(settings, share_files, passphrase_file)
    count = _change(settings, home, root_file, at_hand, wanted, new_passphrase_file)
    _done(count, as_json=as_json)


def _done(count: int, *, as_json: bool) -> None:
    emit(
        {"rewrapped": count},
        as_json=as_json,
        lines=(
            f"{count:,} keys are wrapped under the new root key",
            "bring what opens it to every server that people unsealed: perusal keys unseal",
        ),
    )


def _at_hand(settings: Settings, files: Sequence[Path], passphrase_file: Path | None) -> AtHand:
    """What the options, or else the settings, bring to open a root."""
    shares = files or (files_in(settings.shares) if settings.shares and not passphrase_file else ())
    kept = settings.passphrase_file if settings.passphrase_file.exists() and not shares else None
    source = passphrase_file or kept
    return AtHand(shares=shares, passphrases=(read_secret(source),) if source else ())


def _same_form(
    root_file: Path, at_hand: AtHand, out: Path | None, new_passphrase_file: Path | None
) -> str | Split:
    """The new root is kept as the one in use is, unless a new passphrase is given."""
    if new_passphrase_file is not None:
        return read_secret(new_passphrase_file)
    if needs_shares(root_file):
        now = parse_share_file(read_root_file(root_file))
        return split_of(now.k, now.n, out)
    if not at_hand.passphrases:
        raise Failure(
            "name the root key's passphrase by --passphrase-file",
            code="needs_passphrase",
            exit_code=Exit.USAGE,
        )
    return at_hand.passphrases[0]


def _change(
    settings: Settings,
    home: Path,
    root_file: Path,
    at_hand: AtHand,
    wanted: str | Split,
    new_passphrase_file: Path | None,
) -> int:
    # The server has to find the new passphrase where the settings say.
    entries = _passphrase_entry(new_passphrase_file)
    with one_at_a_time(root_file), _site(settings) as site:
        return change_local(
            site, root_file, at_hand, wanted, system_clock(), lambda: change_settings(home, entries)
        )


def _new_version(settings: Settings, *, resume: bool) -> int:
    """The provider's own new version."""
    provider = provider_of(settings)
    if not resume:
        provider.rotate()
    with _site(settings) as site:
        return rewrap(site, provider, provider, system_clock(), old=provider)


def _move(settings: Settings, home: Path, provider_file: Path, at_hand: AtHand) -> int:
    """From where the root is now to the provider in `provider_file`; the old one is left as it is."""
    config = load_config(provider_file)
    if isinstance(config, LocalConfig):
        raise Failure("--to names another provider than local", code="usage", exit_code=Exit.USAGE)
    new = open_provider(config, read_secret=first_line, root_file=settings.root_file)
    new.prepare()
    root_file = local_root(settings)
    old = provider_of(settings) if root_file is None else open_in_use(root_file, at_hand)
    return _move_between(settings, home, old, new, {"PROVIDER_FILE": provider_file.absolute()})


def _move_back(
    settings: Settings, home: Path, root_file: Path, at_hand: AtHand, passphrase_file: Path | None
) -> int:
    """From a provider to a root file."""
    if local_root(settings) is not None:
        raise Failure("the root key is in a file already", code="already_local", exit_code=Exit.USAGE)
    entries = {"PROVIDER_FILE": None, "ROOT_FILE": root_file, **_passphrase_entry(passphrase_file)}
    return _move_between(settings, home, provider_of(settings), open_in_use(root_file, at_hand), entries)


def _move_between(
    settings: Settings, home: Path, old: Provider, new: Provider, entries: Mapping[str, Path | None]
) -> int:
    with one_at_a_time(settings.root_file), _site(settings) as site:
        count = rewrap(site, Either(new, old), new, system_clock(), old=old)
        change_settings(home, entries)
    return count


def _passphrase_entry(file: Path | None) -> dict[str, Path | None]:
    return {"PASSPHRASE_FILE": file.absolute()} if file is not None and str(file) != "-" else {}


@contextmanager
def _site(settings: Settings) -> Iterator[Site]:
    with databases(settings) as (data, keys):
        with data.read() as conn:
            tenant = installation_seen(conn).tenant
        yield Site(keys=keys, tenant=tenant, backup_keys=settings.backup_keys)
