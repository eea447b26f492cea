"""The operator's witnesses: the policy file of the settings, and the addresses at which they are asked.

The addresses are the operator's own word, so those hosts may be called although they are not public ones; by
plain http only where they are this machine. One address may have several keys behind it (Ed25519 and
ML-DSA-44).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import urlsplit

from api.outward.fetching import FetchFailed, Guard, callable_url
from api.setting_texts import PREFIX, SettingsError
from api.settings import Settings
from consent.ledger.errors import Malformed
from consent.ledger.formats import policy
from consent.ledger.formats.note import VerifierKey
from consent.ledger.formats.policy import NO_WITNESSES, Policy

WITHIN_S = 3.0
"""How long a witness may take to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """Where a witness is asked: what the policy calls it, its address, the keys whose lines it may give."""

    name: str
    url: str
    keys: tuple[VerifierKey, ...]

    @property
    def guard(self) -> Guard:
        """Who may be called for it: its own host."""
        return Guard(hosts=frozenset(filter(None, [urlsplit(self.url).hostname])), within_s=WITHIN_S)


def load_witnesses(settings: Settings) -> Policy:
    """The witnesses, groups and quorum of the settings' policy file; raises SettingsError.

    Logs it names are nothing to us: our own are in the data base.
    """
    if settings.witnesses is None:
        return NO_WITNESSES
    try:
        found = policy.parse(settings.witnesses.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, Malformed):
        raise SettingsError(
            f"{PREFIX}WITNESSES must name a policy file with witnesses and a quorum"
        ) from None
    for one in stations(found):
        try:
            callable_url(one.url, one.guard)
        except FetchFailed:
            raise SettingsError(
                f"{PREFIX}WITNESSES names a witness at an address that cannot be called"
            ) from None
    return Policy((), (), found.witnesses, found.groups, found.quorum)


def stations(witnesses: Policy) -> tuple[Station, ...]:
    """The addresses of a policy; a witness without one is not asked."""
    return tuple(_stations(witnesses))


def _stations(witnesses: Policy) -> Iterator[Station]:
    addressed = [(one.url.rstrip("/"), one) for one in witnesses.witnesses if one.url]
    for url, group in groupby(
        sorted(addressed, key=lambda pair: (pair[0], pair[1].name)), key=lambda p: p[0]
    ):
        found = [one for _, one in group]
        yield Station(name=found[0].name, url=url, keys=tuple(one.key for one in found))
