"""The interface of a root-key provider (vault.md §6.8): it wraps tenant keys and never hands out its own.

`context` is authenticated with the wrapped key: a blob unwraps under the context it was wrapped with, or not
at all (`Unopenable`). Called a handful of times per process, never per record.
"""

from typing import Protocol, runtime_checkable

from vault.errors import VaultError


class SealedError(VaultError):
    """The root key cannot be made available; the installation stays sealed."""

    code = "sealed"


@runtime_checkable
class Provider(Protocol):
    """Wraps and unwraps 32-byte keys under a root that stays inside the provider."""

    @property
    def name(self) -> str:
        """A short stable word, stored beside what it wrapped."""
        ...

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """The wrapped form of `key`, bound to `context`."""
        ...

    def unwrap(self, blob: bytes, context: bytes) -> bytes:
        """The key inside `blob`; raises Unopenable under another context, root or altered bytes."""
        ...
