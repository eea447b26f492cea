"""Which provider an installation uses: a TOML file, read once and complete, and the provider it names.

It holds no secret: PIN and token are in files of their own, named here and read at every use, because agents
renew them. Paths in it are seen from its own folder.
"""

import importlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Final

from vault.providers.base import Provider, ProviderRefused, SealedError
from vault.providers.local import NeedsShares, follow_root, needs_shares
from vault.providers.transit import TransitProvider
from vault.providers.transit_http import TIMEOUT_SECONDS, TransitHttp


class BadProviderConfig(SealedError):
    """The provider's file cannot be used; the text names the entry and repeats no value."""

    code = "bad_provider_config"


class NeedsPassphrase(SealedError):
    """The root key is under a passphrase, and nobody gave one."""

    code = "needs_passphrase"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalConfig:
    """The root in a file of ours: where that is, and where its passphrase, the settings say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pkcs11Config:
    """A security module: the library `module`, the labels of `token` and `key`, and the PIN's file."""

    module: Path
    token: str
    key: str
    pin_file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitConfig:
    """A transit engine: see TransitHttp. `timeout` in seconds."""

    address: str
    key: str
    token_file: Path
    mount: str = "transit"
    namespace: str = ""
    ca_file: Path | None = None
    timeout: float = TIMEOUT_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class KmsConfig:
    """AWS KMS: see KmsProvider. `timeout` in seconds."""

    key: str
    region: str
    also: tuple[str, ...] = ()
    endpoint_url: str | None = None
    profile: str | None = None
    timeout: float = TIMEOUT_SECONDS


type ProviderConfig = LocalConfig | Pkcs11Config | TransitConfig | KmsConfig

_TYPES: Final[Mapping[str, type[Any]]] = {
    "local": LocalConfig,
    "pkcs11": Pkcs11Config,
    "transit": TransitConfig,
    "kms": KmsConfig,
}


def load_config(path: Path) -> ProviderConfig:
    """The configuration in the file at `path`; raises BadProviderConfig."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise BadProviderConfig("the provider's file cannot be read") from None
    return parse_config(text, path.absolute().parent)


def parse_config(text: str, folder: Path) -> ProviderConfig:
    """The configuration in a TOML text whose file lies in `folder`; raises BadProviderConfig.

    `type` is "local", "pkcs11", "transit" or "kms"; the other entries are those of its class above.
    """
    try:
        entries = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise BadProviderConfig("the provider's file is not TOML") from None
    kind = entries.pop("type", None)
    if not isinstance(kind, str) or kind not in _TYPES:
        raise BadProviderConfig(f"type must be one of {', '.join(_TYPES)}")
    config = _TYPES[kind]
    known = {one.name: one for one in fields(config)}
    for name in entries:
        if name not in known:
            raise BadProviderConfig(f"{kind} has no entry of this name: {name[:40]!r}")
    missing = [one.name for one in known.values() if one.default is MISSING and one.name not in entries]
    if missing:
        raise BadProviderConfig(f"{kind} needs {', '.join(missing)}")
    given = {name: _READERS[known[name].type](name, value, folder) for name, value in entries.items()}
    parsed: ProviderConfig = config(**given)
    return parsed


def open_provider(
    config: ProviderConfig,
    *,
    read_secret: Callable[[Path], str],
    root_file: Path,
    passphrase: Callable[[], str] | None = None,
) -> Provider:
    """The provider that `config` names; nothing is asked of it yet, except of the local one.

    `read_secret` gives the first line of a file; the local provider takes `root_file` and `passphrase` instead.
    Raises BadProviderConfig, MissingExtra, ProviderRefused; for the local one NeedsShares, NeedsPassphrase and
    what follow_root raises.
    """
    try:
        match config:
            case LocalConfig():
                return _local(root_file, passphrase)
            case Pkcs11Config():
                return _pkcs11(config, read_secret)
            case TransitConfig():
                return _transit(config, read_secret)
            case KmsConfig():
                return _kms(config)
    except ValueError as error:
        raise BadProviderConfig(str(error)) from None


def _local(root_file: Path, passphrase: Callable[[], str] | None) -> Provider:
    if needs_shares(root_file):
        raise NeedsShares("this root key was split: shares are needed")
    if passphrase is None:
        raise NeedsPassphrase("the root key's passphrase is needed")
    return follow_root(root_file, passphrase)


def _pkcs11(config: Pkcs11Config, read_secret: Callable[[Path], str]) -> Provider:
    # Imported by name here and for KMS: their libraries are extras.
    module = importlib.import_module("vault.providers.pkcs11")
    provider: Provider = module.Pkcs11Provider(
        module=config.module, token=config.token, key=config.key, pin=_kept_in(config.pin_file, read_secret)
    )
    return provider


def _transit(config: TransitConfig, read_secret: Callable[[Path], str]) -> Provider:
    http = TransitHttp(
        address=config.address,
        token=_kept_in(config.token_file, read_secret),
        mount=config.mount,
        namespace=config.namespace,
        ca_file=config.ca_file,
        timeout=config.timeout,
    )
    return TransitProvider(http, config.key)


def _kms(config: KmsConfig) -> Provider:
    module = importlib.import_module("vault.providers.kms")
    provider: Provider = module.KmsProvider(
        key=config.key,
        region=config.region,
        also=config.also,
        endpoint_url=config.endpoint_url,
        profile=config.profile,
        timeout=config.timeout,
    )
    return provider


def _kept_in(path: Path, read_secret: Callable[[Path], str]) -> Callable[[], str]:
    def read() -> str:
        try:
            return read_secret(path)
        except OSError:
            raise ProviderRefused("the file with the provider's PIN or token cannot be read") from None

    return read


def _text(name: str, value: object, _: Path) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadProviderConfig(f"{name} must be a text")
    return value


def _path(name: str, value: object, folder: Path) -> Path:
    return folder / Path(_text(name, value, folder)).expanduser()


def _texts(name: str, value: object, folder: Path) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise BadProviderConfig(f"{name} must be a list of texts")
    return tuple(_text(name, one, folder) for one in value)


def _seconds(name: str, value: object, _: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 60:
        raise BadProviderConfig(f"{name} must be a number of seconds, at most 60")
    return float(value)


_READERS: Final[Mapping[Any, Callable[[str, object, Path], object]]] = {
    str: _text,
    str | None: _text,
    Path: _path,
    Path | None: _path,
    float: _seconds,
    tuple[str, ...]: _texts,
}
