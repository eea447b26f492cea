"""Opening an installation for the server: both data bases, the provider's root, the vault.

It also makes sure that the four packages come from one folder: their short names could be shadowed by
something else in the environment, and then nothing below may be trusted (style: an application, not a library).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import api
import breach
import consent
import vault
from api.secret_file import first_line
from api.settings import Settings, SettingsError
from vault.opening import Vault, open_vault
from vault.providers.local import open_root
from vault.storage import open_database


@contextmanager
def opened_vault(settings: Settings) -> Iterator[Vault]:
    """The installation's vault, closed when the block ends; raises VaultError, SettingsError or ExposedSecret."""
    check_one_project()
    data, keys = open_database(settings.database), open_database(settings.keys)
    try:
        yield open_vault(data, keys, open_root(settings.root_file, first_line(settings.passphrase_file)))
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
