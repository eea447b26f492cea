"""The interface of a root-key provider (vault.md §6.8): it wraps tenant keys and never hands out its own.

`context` is authenticated with the wrapped key: a blob unwraps under the context it was wrapped with, or not
at all (`Unopenable`). The first byte of every blob is the version of its form, and the blob says which version
of the root wrapped it, so that a changed root needs no column beside it. Called a handful of times per process
and quarter of an hour, never per record.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from vault.errors import VaultError


class SealedError(VaultError):
    """The root key cannot be made available; the installation stays sealed."""

    code = "sealed"


class ProviderError(VaultError):
    """The place where the root key lives did not do what was asked; nothing is known about the blob."""

    code = "provider_error"


class ProviderDown(ProviderError):
    """It cannot be reached, is busy or is itself sealed: worth trying again later."""

    code = "provider_down"


class ProviderRefused(ProviderError):
    """It answered and refused: rights, a missing key, a disabled key. An operator has to act."""

    code = "provider_refused"


class RotationUnsupported(ProviderError):
    """The root is not renewed through the provider; the text says what to do instead."""

    code = "rotation_unsupported"


class MissingExtra(SealedError):
    """The provider needs an optional library that is not installed; the text names the extra."""

    code = "missing_extra"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether the root can be used now. `code` is "ok" or the code of the error that using it would raise."""

    ok: bool
    code: str = "ok"


@runtime_checkable
class Provider(Protocol):
    """Wraps and unwraps 32-byte keys under a root that stays inside the provider. Thread-safe."""

    @property
    def name(self) -> str:
        """A short stable word, stored beside what it wrapped."""
        ...

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """The wrapped form of `key` under the newest root, bound to `context`; raises ProviderError."""
        ...

    def unwrap(self, blob: bytes, context: bytes) -> bytes:
        """The key inside `blob`; raises Unopenable under another context, root or altered bytes, or ProviderError."""
        ...

    def version_of(self, blob: bytes) -> str:
        """A short word for the version of the root that wrapped `blob`; raises Unopenable when it is no blob."""
        ...

    def prepare(self) -> None:
        """Make the first version of the root where there is none and the provider may; otherwise do nothing.

        Called when an installation is created, never at a start: a root that is gone must not be made anew.
        """
        ...

    def rotate(self) -> None:
        """Make a new version of the root for later wraps; older blobs still unwrap. May be RotationUnsupported."""
        ...

    def health(self) -> Health:
        """Whether the root answers; never raises."""
        ...

    def describe(self) -> Mapping[str, str]:
        """What an operator may see: "provider", "root" (what `version_of` says of a new blob) and settings.

        Never a secret. Where the root lives elsewhere it is asked there, which may raise ProviderError.
        """
        ...


def try_out(provider: Provider) -> Health:
    """Health by doing: wrap a random key and unwrap it again, which needs no rights beyond the daily ones."""
    key, context = secrets.token_bytes(32), b"health"
    try:
        same = hmac.compare_digest(provider.unwrap(provider.wrap(key, context), context), key)
    except VaultError as error:
        return Health(ok=False, code=error.code)
    return Health(ok=True) if same else Health(ok=False, code=ProviderError.code)
