"""Opening an installation for the server: both data bases, the provider's root, the vault.

It also makes sure that the four packages come from one folder: their short names could be shadowed by
something else in the environment, and then nothing below may be trusted (style: an application, not a library).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import api
import breach
import consent
import vault
from api.secret_file import first_line
from api.settings import Settings, SettingsError
from vault.opening import Vault, open_vault
from vault.providers.base import Provider
from vault.providers.local import follow_root, needs_shares
from vault.storage import open_database


def people_needed(settings: Settings) -> bool:
    """Whether only people can bring the root key: it was split, or its passphrase is in no file."""
    if settings.provider_file is not None:
        return False
    return needs_shares(settings.root_file) or not settings.passphrase_file.exists()


def provider_of(settings: Settings) -> Provider:
    """The root key where no people are needed; raises SealedError, SettingsError or ExposedSecret."""
    if settings.provider_file is not None:
        from vault.providers.config import open_provider, parse_config  # noqa: PLC0415 - remote roots only

        return open_provider(parse_config(settings.provider_file.read_text(encoding="utf-8")))
    return follow_root(settings.root_file, partial(first_line, settings.passphrase_file))


@contextmanager
def opened_vault(settings: Settings, provider: Provider | None = None) -> Iterator[Vault]:
    """The installation's vault, closed when the block ends; raises VaultError, SettingsError or ExposedSecret."""
    check_one_project()
    root = provider or provider_of(settings)
    data, keys = open_database(settings.database), open_database(settings.keys)
    try:
        yield open_vault(data, keys, root)
    finally:
        data.close()
        keys.close()


def check_one_project() -> None:
    """Raise unless the four packages share one parent folder."""
    folders = {
        Path(str(package.__file__)).resolve().parent.parent for package in (api, breach, consent, vault)
    }
    if len(folders) != 1:
        raise SettingsError("api, breach, consent and vault do not come from one project")
