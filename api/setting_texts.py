"""The text of each setting, as an operator writes it, and the value it stands for; refused where it is not of its form."""

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from consent.wording.currencies import MINOR_UNITS
from vault.days import BEIJING_NAME, zone_of

PREFIX = "PERUSAL_"


class SettingsError(ValueError):
    """A setting is missing, unknown or not of its form; the text names it and never its value."""

    code = "bad_setting"


_MOST_DIGITS = 18
_PERIODS = re.compile(r"[a-z][a-z0-9_]*=[1-9]\d{0,4}(,[a-z][a-z0-9_]*=[1-9]\d{0,4})*", re.ASCII)
_HOSTS = re.compile(r"[a-z0-9:._-]+(,[a-z0-9:._-]+)*")


def _text(_name: str, text: str) -> str:
    return text


def _path(_name: str, text: str) -> Path:
    return Path(text).absolute()


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > _MOST_DIGITS:
        raise SettingsError(f"{PREFIX}{name} must be a whole number")
    return int(text)


def _positive(name: str, text: str) -> int:
    number = _number(name, text)
    if number < 1:
        raise SettingsError(f"{PREFIX}{name} must be at least 1")
    return number


def _retention(name: str, text: str) -> str:
    if text and not _PERIODS.fullmatch(text):
        raise SettingsError(f"{PREFIX}{name} must be fields with days, such as note=90,address=730")
    return text


def _hosts(name: str, text: str) -> str:
    if text and not _HOSTS.fullmatch(text):
        raise SettingsError(f"{PREFIX}{name} must be names of hosts, such as keys.intranet,127.0.0.1")
    return text


def _address(name: str, text: str) -> str:
    try:
        exposed = holds_password(text)
    except ArgumentError:
        raise SettingsError(f"{PREFIX}{name} must be the address of a data base") from None
    if exposed:
        raise SettingsError(f"{PREFIX}{name}: {NO_PASSWORD}")
    return text


def holds_password(url: str) -> bool:
    """Whether the address of a data base has a password in it; raises sqlalchemy's ArgumentError for no address."""
    parts = make_url(url)
    return parts.password is not None or "password" in parts.query


NO_PASSWORD = "leave the password out of the address and put it into a file named by PGPASSFILE"  # noqa: S105
"""What an operator is told, on the command line and in the settings alike."""


def _zone(name: str, text: str) -> str:
    try:
        zone_of(text)
    except (LookupError, ValueError, OSError):
        raise SettingsError(
            f"{PREFIX}{name} must be a time zone this machine knows, such as {BEIJING_NAME}"
        ) from None
    return text


def _switch(name: str, text: str) -> bool:
    if text not in {"yes", "no"}:
        raise SettingsError(f"{PREFIX}{name} must be yes or no")
    return text == "yes"


def _one_of(*words: str) -> Callable[[str, str], str]:
    def read(name: str, text: str) -> str:
        if text not in words:
            raise SettingsError(f"{PREFIX}{name} must be {', '.join(words[:-1])} or {words[-1]}")
        return text

    return read


def _mailbox(name: str, text: str) -> str:
    local, at, domain = text.rpartition("@")
    if not (local and at and domain) or not text.isprintable() or " " in text:
        raise SettingsError(f"{PREFIX}{name} must be an e-mail address")
    return text


def is_loopback(host: str) -> bool:
    """Whether a name or an address of a host is this machine's own."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _issuer(name: str, text: str) -> str:
    parts = urlsplit(text)
    plain = parts.scheme in {"http", "https"} and parts.hostname and not (parts.query or parts.fragment)
    if not plain or parts.username or parts.path:
        raise SettingsError(f"{PREFIX}{name} must be an origin such as https://consent.example")
    return text


READERS: Mapping[str, Callable[[str, str], Any]] = {
    "DATABASE": _address,
    "KEYS": _address,
    "ROOT_FILE": _path,
    "PASSPHRASE_FILE": _path,
    "QUARANTINE": _path,
    "CHECKPOINT_STATE": _path,
    "BACKUP_KEYS": _path,
    "ERASED_LIST": _path,
    "TAG_INDEX": _path,
    "ISSUER": _issuer,
    "HOST": _text,
    "PORT": _number,
    "PROXY": _text,
    "READY_FILE": _path,
    "PROVIDER_FILE": _path,
    "SHARES": _path,
    "SESSION_IDLE": _number,
    "SESSION_MAX": _number,
    "BODY_LIMIT": _number,
    "DUMP_LIMIT": _number,
    "BATCH_CAP": _positive,
    "BATCH_QUEUE": _positive,
    "CONNECTIONS": _positive,
    "PUBLISH_EVERY": _number,
    "BACKGROUND": _switch,
    "BACKUP_DAYS": _positive,
    "INDEX_DAYS": _positive,
    "RETENTION": _retention,
    "SMTP_HOST": _text,
    "SMTP_PORT": _positive,
    "SMTP_TLS": _one_of("starttls", "implicit", "none"),
    "SMTP_FROM": _mailbox,
    "SMTP_USER": _text,
    "SMTP_PASSWORD_FILE": _path,
    "SMTP_CA_FILE": _path,
    "SMS_SENDER": _text,
    "STRANGER_RATE": _number,
    "CLIENT_RATE": _number,
    "CODE_LIMIT": _positive,
    "LEAK_CHECK_LIMIT": _positive,
    "PROOF_NONCE": _one_of("off", "token", "all"),
    "PROTECTED_MOST": _number,
    "PROTECTED_CURRENCY": _one_of(*MINOR_UNITS),
    "INTERNAL_HOSTS": _hosts,
    "WITNESSES": _path,
    "WITNESS_EVERY": _positive,
    "ZONE": _zone,
}
