"""Everything an operator may set, read once from an explicit mapping into one frozen object.

Nothing else in the project reads the environment. `PERUSAL_HOME` names a folder and gives every path its
default inside it; an unknown `PERUSAL_*` name is refused, so that a typing mistake cannot silently leave a
default in force. Secrets are never settings: only the path of the file that holds the passphrase is.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any, Self

from api.outward.fetching import Guard
from api.setting_texts import PREFIX, READERS, SettingsError, is_loopback
from vault.days import BEIJING_NAME, zone_of
from vault.erasure.horizon import Horizon


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One installation as the server sees it; times in seconds, sizes in bytes.

    `tag_index` is the folder of the index by which large dumps are matched; it can be made again at any time.
    `provider_file` says where the root key lives when it is not in `root_file` (TOML, see the operators'
    guide); `shares` is a folder of shares with which commands, and never the server, open a split root. An
    empty `issuer` means "the address that was bound", which `api.serve` fills in before the app is built.
    `proxy` is the address of a reverse proxy whose X-Forwarded-For is believed; without it nobody's is.
    `batch_queue` is how many disclosures may wait for their transaction, and `connections` how many connections
    and requests the server holds at once; beyond either the answer is 503 at once. Keep the number of files the
    process may open (`ulimit -n`) above `connections`. `backup_days` is how long the key of a backup of the
    keys lives, `index_days` how long an index epoch does: the published erasure horizon follows from both.
    `retention` says for how many days which fields are kept by default, such as `note=90,address=730`. One-time
    codes go by e-mail when `smtp_host` is set, and by SMS through the installed gateway `sms_sender` names;
    `smtp_tls` is "starttls", "implicit" or, for a server on this machine alone, "none". `code_limit` is how
    many codes the installation makes in ten minutes at most, `leak_check_limit` how often it answers there
    whether somebody was in a leak. `stranger_rate` is how many requests a minute a server process takes from
    one network without credentials that hold, `client_rate` how many times a minute one client may ask or
    refresh there; 0 is for any number. `protected_most`, in whole `protected_currency`, is the liability beyond
    which a consent of somebody in protected mode waits for whom they trust, from the next time somebody turns
    it on. `proof_nonce` says where proofs of possession need a nonce of this server's: "off", "token" (wherever
    a client authenticates), or "all" (where a use is spent as well). `witnesses` is a policy file (C2SP
    tlog-policy) that names the witnesses asked to cosign checkpoints, each with its address, and the quorum of
    them that makes a checkpoint a witnessed one; every `witness_every` seconds at most. `internal_hosts` names
    hosts that may be called for recipients' keys and events although their addresses are not public ones, such
    as `keys.intranet,127.0.0.1`; one that is this very machine may be called by plain http. `zone` is where
    people live (an IANA name): birthdays turn over and pages tell times by its clock. Set it once, before
    anybody is enrolled: until when a parent decides is kept as an instant.
    """

    database: str
    keys: str
    root_file: Path
    passphrase_file: Path
    quarantine: Path
    checkpoint_state: Path
    backup_keys: Path
    erased_list: Path
    tag_index: Path | None = None
    provider_file: Path | None = None
    shares: Path | None = None
    issuer: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    proxy: str = ""
    ready_file: Path | None = None
    session_idle: int = 30 * 60
    session_max: int = 12 * 60 * 60
    body_limit: int = 64 * 1024
    dump_limit: int = 64 * 1024**3
    batch_cap: int = 256
    batch_queue: int = 4096
    connections: int = 8192
    publish_every: int = 1
    background: bool = True
    backup_days: int = 30
    index_days: int = 365
    retention: str = ""
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_tls: str = "starttls"
    smtp_from: str = ""
    smtp_user: str = ""
    smtp_password_file: Path | None = None
    smtp_ca_file: Path | None = None
    sms_sender: str = ""
    code_limit: int = 600
    leak_check_limit: int = 600
    stranger_rate: int = 1200
    client_rate: int = 6000
    protected_most: int = 1000
    protected_currency: str = "CNY"
    proof_nonce: str = "off"
    internal_hosts: str = ""
    witnesses: Path | None = None
    witness_every: int = 10
    zone: str = BEIJING_NAME

    @property
    def local_zone(self) -> tzinfo:
        """Where this installation's people live: their birthdays turn over, and pages tell times, by its clock."""
        return zone_of(self.zone)

    @property
    def guard(self) -> Guard:
        """Who may be called when a recipient names an address."""
        return Guard(hosts=frozenset(filter(None, self.internal_hosts.split(","))))

    @property
    def horizon(self) -> Horizon:
        """How long backups may still hold something of a person who was erased."""
        return Horizon(backup_days=self.backup_days, index_days=self.index_days)

    @property
    def secure(self) -> bool:
        """True when people reach the service by https: cookies and HSTS follow it."""
        return self.issuer.startswith("https://")

    def with_issuer(self, issuer: str) -> Self:
        """The same settings under the address the server really has."""
        return dataclasses.replace(self, issuer=READERS["ISSUER"]("ISSUER", issuer))

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, str]) -> Self:
        """Settings from `PERUSAL_*` names, e.g. `os.environ`; raises SettingsError."""
        given = {name.removeprefix(PREFIX): text for name, text in mapping.items() if name.startswith(PREFIX)}
        home = given.pop("HOME", None)
        known = {field.name.upper() for field in dataclasses.fields(cls)}
        if unknown := sorted(given.keys() - known):
            raise SettingsError(f"unknown setting {PREFIX}{unknown[0]}")
        values = _defaults(Path(home)) if home else {}
        values |= {name.lower(): READERS[name](name, text) for name, text in given.items()}
        if missing := sorted(_REQUIRED - values.keys()):
            raise SettingsError(f"set {PREFIX}HOME or {PREFIX}{missing[0].upper()}")
        settings = cls(**values)
        _check_mail(settings)
        return settings


_REQUIRED = {
    "database",
    "keys",
    "root_file",
    "passphrase_file",
    "quarantine",
    "checkpoint_state",
    "backup_keys",
    "erased_list",
}


def _defaults(home: Path) -> dict[str, Any]:
    home = home.absolute()
    return {
        "database": f"sqlite:///{home / 'data.db'}",
        "keys": f"sqlite:///{home / 'keys.db'}",
        "root_file": home / "root.sealed",
        "passphrase_file": home / "passphrase",
        "quarantine": home / "quarantine",
        "checkpoint_state": home / "checkpoints",
        "backup_keys": home / "backup-keys",
        "erased_list": home / "erased",
        "tag_index": home / "tag-index",
    }


def _check_mail(settings: Settings) -> None:
    """A code is a key for ten minutes: it leaves this machine only under TLS, and a password never without."""
    if not settings.smtp_host:
        return
    if not settings.smtp_from:
        raise SettingsError(f"set {PREFIX}SMTP_FROM")
    if bool(settings.smtp_user) != (settings.smtp_password_file is not None):
        raise SettingsError(f"set {PREFIX}SMTP_USER and {PREFIX}SMTP_PASSWORD_FILE together")
    if settings.smtp_tls == "none" and not is_loopback(settings.smtp_host):
        raise SettingsError(f"{PREFIX}SMTP_TLS may be none for a server on this machine only")
