"""The root key of a new installation: made now, made before at a ceremony, or in another place altogether."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from api.cli.failures import Exit, Failure
from api.cli.installation import read_secret
from api.cli.roots import Split, make_root, open_shares
from api.sealing.secret_file import first_line
from api.settings import Settings
from vault.providers.base import Provider
from vault.providers.config import LocalConfig, load_config, open_provider
from vault.providers.local import needs_shares, open_root


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRoot:
    """Where the root key is to be had: `secret` is what a file of it is made under here, if it is.

    `settings` are PERUSAL_* entries that say where it is; `open` makes it, where that is left to do, and opens it.
    """

    open: Callable[[Settings], Provider]
    secret: str | Split | None = None
    settings: Mapping[str, str] = field(default_factory=dict)


def first_root(
    passphrase_file: Path | None,
    split: Split | None,
    root_file: Path | None,
    shares: Sequence[Path],
    provider_file: Path | None,
) -> FirstRoot:
    """What the options of `perusal init` ask for; a Failure when they ask for two things at once."""
    _refuse_both(passphrase_file or split or root_file or shares, provider_file)
    _refuse_both(split, passphrase_file or root_file)
    if shares and root_file is None:
        raise Failure("--share-file goes with --root-file", code="usage", exit_code=Exit.USAGE)
    if provider_file is not None and not isinstance(load_config(provider_file), LocalConfig):
        return _elsewhere(provider_file)
    if root_file is not None:
        return _ceremony(root_file.absolute(), passphrase_file, shares)
    secret = split or (read_secret(passphrase_file) if passphrase_file else secrets.token_urlsafe(32))
    return FirstRoot(secret=secret, open=lambda settings: make_root(settings.root_file, secret))


def _refuse_both(one: object, other: object) -> None:
    if one and other:
        raise Failure("the root key can only come from one place", code="usage", exit_code=Exit.USAGE)


def _elsewhere(provider_file: Path) -> FirstRoot:
    def prepared(settings: Settings) -> Provider:
        provider = open_provider(
            load_config(provider_file), read_secret=first_line, root_file=settings.root_file
        )
        provider.prepare()
        return provider

    return FirstRoot(settings={"PROVIDER_FILE": str(provider_file.absolute())}, open=prepared)


def _ceremony(root_file: Path, passphrase_file: Path | None, shares: Sequence[Path]) -> FirstRoot:
    """A root file made before; it stays where it is."""
    if bool(shares) != needs_shares(root_file) or (passphrase_file is None and not shares):
        raise Failure(
            "give what opens the root file: its --passphrase-file, or --share-file for each share it needs",
            code="usage",
            exit_code=Exit.USAGE,
        )
    opened = (
        open_shares(root_file, shares)
        if passphrase_file is None
        else open_root(root_file, read_secret(passphrase_file))
    )
    return FirstRoot(settings={"ROOT_FILE": str(root_file)}, open=lambda _settings: opened)
