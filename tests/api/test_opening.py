"""Where the server takes the root key from: its own file, or what the provider's file names."""

import pytest

from api.sealing.opening import local_root, people_needed, provider_of
from api.setting_texts import PREFIX
from api.settings import Settings
from vault.providers.config import BadProviderConfig
from vault.providers.local import LocalProvider, create_root
from vault.providers.passphrase import Argon2Cost
from vault.providers.shamir import create_root_shares
from vault.providers.transit import TransitProvider

CHEAP = Argon2Cost(memory_kib=19_456, iterations=1, lanes=1)
TRANSIT = 'type = "transit"\naddress = "https://engine.example"\nkey = "perusal"\ntoken_file = "token"\n'


@pytest.fixture
def site(tmp_path):
    """Settings for a folder; keyword `provider` is the content of the provider's file."""

    def settings(provider=None, passphrase="pass phrase"):
        entries = {"HOME": tmp_path}
        if passphrase is not None:
            (tmp_path / "passphrase").touch(mode=0o600)
            (tmp_path / "passphrase").write_text(f"{passphrase}\n")
        if provider is not None:
            (tmp_path / "provider.toml").write_text(provider)
            entries["PROVIDER_FILE"] = tmp_path / "provider.toml"
        return Settings.from_mapping({f"{PREFIX}{name}": str(value) for name, value in entries.items()})

    return settings


@pytest.mark.parametrize("provider", [None, 'type = "local"'], ids=["no file", "local"])
def test_a_local_root_opens_with_its_passphrase_file_and_needs_nobody(site, provider):
    settings = site(provider)
    create_root(settings.root_file, "pass phrase", cost=CHEAP)
    assert local_root(settings) == settings.root_file
    assert not people_needed(settings)
    assert isinstance(provider_of(settings), LocalProvider)


@pytest.mark.parametrize("provider", [None, 'type = "local"'], ids=["no file", "local"])
def test_a_split_root_or_one_without_a_passphrase_file_needs_people(site, provider):
    settings = site(provider, passphrase=None)
    create_root(settings.root_file, "pass phrase", cost=CHEAP)
    assert people_needed(settings)
    settings.root_file.unlink()
    create_root_shares(settings.root_file)
    assert people_needed(site(provider))


def test_a_root_elsewhere_needs_neither_file_nor_people(site):
    settings = site(TRANSIT, passphrase=None)
    assert local_root(settings) is None
    assert not people_needed(settings)
    assert isinstance(provider_of(settings), TransitProvider)


def test_a_provider_file_that_cannot_be_used_is_never_taken_for_a_local_root(site):
    settings = site("type = 'abacus'")
    create_root(settings.root_file, "pass phrase", cost=CHEAP)
    for ask in (local_root, people_needed, provider_of):
        with pytest.raises(BadProviderConfig):
            ask(settings)
