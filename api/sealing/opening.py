"""Opening an installation for the server: both data bases, the provider's root, the vault.

It also makes sure that the four packages come from one folder: their short names could be shadowed by
something else in the environment, and then nothing below may be trusted (style: an application, not a library).
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import api
import breach
import consent
import vault
from api.sealing.secret_file import first_line
from api.sealing.shares import collected, share_files
from api.setting_texts import SettingsError
from api.settings import Settings
from consent.ledger.open_now import learn_editions
from vault.opening import Vault, open_vault
from vault.providers.base import Provider
from vault.providers.config import LocalConfig, ProviderConfig, load_config, open_provider
from vault.providers.local import needs_shares
from vault.storage.database import open_database


def local_root(settings: Settings) -> Path | None:
    """The root's own file, or None where the root lives elsewhere; raises SealedError."""
    return settings.root_file if isinstance(_config(settings), LocalConfig) else None


def people_needed(settings: Settings) -> bool:
    """Whether only people can bring the root key: it was split, or its passphrase is in no file."""
    root = local_root(settings)
    return root is not None and (needs_shares(root) or not settings.passphrase_file.exists())


def provider_of(settings: Settings) -> Provider:
    """The root key where no people are needed; raises SealedError, SettingsError, ExposedSecret or OSError.

    A split root opens by the folder of shares that the settings name, if they name one: for maintenance.
    """
    config = _config(settings)
    if settings.shares is not None and isinstance(config, LocalConfig) and needs_shares(settings.root_file):
        return collected(settings.root_file, share_files(settings.shares)).provider()
    return open_provider(
        config,
        read_secret=first_line,
        root_file=settings.root_file,
        passphrase=partial(first_line, settings.passphrase_file),
    )


@contextmanager
def opened_vault(settings: Settings, provider: Provider | None = None) -> Iterator[Vault]:
    """The installation's vault, closed when the block ends; raises VaultError, SettingsError or ExposedSecret."""
    check_one_project()
    root = provider or provider_of(settings)
    with closing(open_database(settings.database)) as data, closing(open_database(settings.keys)) as keys:
        vault = open_vault(data, keys, root, zone=settings.local_zone)
        learn_editions(vault)
        with closing(vault.keyring):  # or a rotation elsewhere would wait for this process's lease to end
            yield vault


def check_one_project() -> None:
    """Raise unless the four packages share one parent folder."""
    folders = {
        Path(str(package.__file__)).resolve().parent.parent for package in (api, breach, consent, vault)
    }
    if len(folders) != 1:
        raise SettingsError("api, breach, consent and vault do not come from one project")


def _config(settings: Settings) -> ProviderConfig:
    return LocalConfig() if settings.provider_file is None else load_config(settings.provider_file)
