"""The provider's file: what it may say, what is refused, and the provider that comes of it."""

from pathlib import Path

import pytest

from tests.vault.providers.transit_server import Engine, transit_server
from vault.providers.base import Provider, ProviderRefused, SealedError
from vault.providers.config import (
    BadProviderConfig,
    KmsConfig,
    LocalConfig,
    NeedsPassphrase,
    Pkcs11Config,
    TransitConfig,
    load_config,
    open_provider,
    parse_config,
)
from vault.providers.local import (
    MalformedRoot,
    NeedsShares,
    WrongPassphrase,
    adopt_root,
    create_root,
    new_root,
)
from vault.providers.passphrase import Argon2Cost
from vault.providers.shamir import create_root_shares

CHEAP = Argon2Cost(memory_kib=19_456, iterations=1, lanes=1)
FOLDER = Path("/srv/perusal")
KEY, CONTEXT = b"k" * 32, b"context"

TRANSIT = 'type = "transit"\naddress = "https://engine.example"\nkey = "perusal"\ntoken_file = "token"\n'
PKCS11 = 'type = "pkcs11"\nmodule = "/usr/lib/hsm.so"\ntoken = "perusal"\nkey = "root"\npin_file = "../secrets/pin"\n'
KMS = 'type = "kms"\nkey = "alias/perusal"\nregion = "eu-central-1"\n'


def test_each_type_reads_its_own_entries():
    assert parse_config('type = "local"', FOLDER) == LocalConfig()
    assert parse_config(PKCS11, FOLDER) == Pkcs11Config(
        module=Path("/usr/lib/hsm.so"), token="perusal", key="root", pin_file=FOLDER / "../secrets/pin"
    )
    assert parse_config(TRANSIT, FOLDER) == TransitConfig(
        address="https://engine.example", key="perusal", token_file=FOLDER / "token"
    )
    assert parse_config(KMS, FOLDER) == KmsConfig(key="alias/perusal", region="eu-central-1")


def test_every_optional_entry_is_read():
    more = 'mount = "kv/transit"\nnamespace = "team"\nca_file = "/etc/ca.pem"\ntimeout = 2\n'
    config = parse_config(TRANSIT + more, FOLDER)
    assert (config.mount, config.namespace, config.ca_file) == ("kv/transit", "team", Path("/etc/ca.pem"))
    assert config.timeout == 2.0
    more = 'also = ["alias/old", "alias/older"]\nendpoint_url = "https://kms.example"\nprofile = "p"\ntimeout = 0.5\n'
    config = parse_config(KMS + more, FOLDER)
    assert config.also == ("alias/old", "alias/older")
    assert (config.endpoint_url, config.profile, config.timeout) == ("https://kms.example", "p", 0.5)


BAD = {
    "no toml": ("type =", "TOML"),
    "no type": ("", "type must be one of"),
    "unknown type": ('type = "abacus"', "type must be one of"),
    "type no text": ("type = 5", "type must be one of"),
    "entry of another type": (KMS + 'mount = "x"', "no entry of this name: 'mount'"),
    "entry missing": ('type = "kms"\nkey = "k"', "needs region"),
    "several missing": ('type = "pkcs11"', "needs module, token, key, pin_file"),
    "number for a text": (KMS + "profile = 5", "profile must be a text"),
    "empty text": (KMS.replace("eu-central-1", " "), "region must be a text"),
    "text for a list": (KMS + 'also = "alias/old"', "also must be a list"),
    "number in a list": (KMS + "also = [5]", "also must be a text"),
    "endless timeout": (TRANSIT + "timeout = 3600", "timeout must be"),
    "no timeout": (TRANSIT + "timeout = 0", "timeout must be"),
    "true timeout": (TRANSIT + "timeout = true", "timeout must be"),
    "a secret instead of its file": (TRANSIT + 'token = "hvs.secret"', "no entry of this name: 'token'"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_refused_by_the_name_of_its_entry(name):
    text, words = BAD[name]
    with pytest.raises(BadProviderConfig) as refusal:
        parse_config(text, FOLDER)
    assert words in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_a_file_is_read_with_its_own_folder(tmp_path):
    (tmp_path / "provider.toml").write_text(TRANSIT)
    assert load_config(tmp_path / "provider.toml").token_file == tmp_path / "token"


@pytest.mark.parametrize("content", [None, b"type = '\xff'"], ids=["missing", "not UTF-8"])
def test_a_file_that_cannot_be_read_is_a_bad_configuration(tmp_path, content):
    path = tmp_path / "provider.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadProviderConfig):
        load_config(path)


def opened(text, *, root_file=FOLDER, passphrase=None, read_secret=lambda _: "s"):
    config = parse_config(text, FOLDER)
    return open_provider(config, read_secret=read_secret, root_file=root_file, passphrase=passphrase)


def test_the_local_provider_opens_its_file_and_follows_a_change(tmp_path):
    path = tmp_path / "root"
    create_root(path, "pass phrase", cost=CHEAP)
    provider = opened('type = "local"', root_file=path, passphrase=lambda: "pass phrase")
    pending = new_root(path, "pass phrase", cost=CHEAP)
    adopt_root(path)
    assert provider.unwrap(pending.wrap(KEY, CONTEXT), CONTEXT) == KEY


def test_the_local_provider_says_what_it_lacks(tmp_path):
    create_root(tmp_path / "root", "pass phrase", cost=CHEAP)
    create_root_shares(tmp_path / "split")
    for name, passphrase, lack in (
        ("root", None, NeedsPassphrase),
        ("root", lambda: "wrong", WrongPassphrase),
        ("split", lambda: "pass phrase", NeedsShares),
        ("nothing", lambda: "pass phrase", MalformedRoot),
    ):
        with pytest.raises(lack) as refusal:
            opened('type = "local"', root_file=tmp_path / name, passphrase=passphrase)
        assert isinstance(refusal.value, SealedError)


def test_a_transit_provider_reads_its_token_from_the_named_file_at_every_call(tmp_path):
    tokens = {tmp_path / "token": "first"}
    operations = {"encrypt", "decrypt", "keys"}
    with transit_server(Engine(tokens={"second": operations})) as engine:
        text = TRANSIT.replace("https://engine.example", f"http://127.0.0.1:{engine.port}")
        provider = open_provider(
            parse_config(text, tmp_path), read_secret=tokens.__getitem__, root_file=tmp_path / "none"
        )
        with pytest.raises(ProviderRefused):
            provider.prepare()
        tokens[tmp_path / "token"] = "second"
        provider.prepare()
        assert provider.unwrap(provider.wrap(KEY, CONTEXT), CONTEXT) == KEY


def test_a_token_file_that_cannot_be_read_is_refused_without_its_path():
    def gone(path):
        raise FileNotFoundError(path)

    with pytest.raises(ProviderRefused) as refusal:
        opened(TRANSIT, read_secret=gone).wrap(KEY, CONTEXT)
    assert "/srv" not in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        TRANSIT.replace("https", "http"),
        TRANSIT.replace('"perusal"', '"../sys"'),
        TRANSIT + 'mount = "../sys"',
        KMS + 'endpoint_url = "http://kms.example"',
    ],
    ids=["plain http", "key", "mount", "plain endpoint"],
)
def test_a_place_that_is_not_allowed_is_a_bad_configuration(text):
    with pytest.raises(BadProviderConfig):
        opened(text)


@pytest.mark.parametrize(("text", "name", "library"), [(PKCS11, "pkcs11", "pkcs11"), (KMS, "kms", "boto3")])
def test_the_providers_of_extras_are_made_by_name(text, name, library):
    pytest.importorskip(library)
    provider = opened(text)
    assert isinstance(provider, Provider)
    assert provider.name == name
