"""The vault's errors: one root, a stable code on each, and never a personal value in the text."""

from typing import ClassVar


class VaultError(Exception):
    """Root of everything the vault raises; `code` is stable and safe to show to anybody."""

    code: ClassVar[str] = "vault_error"


class MalformedId(VaultError):
    """A text that should have been an id or a secret of ours is not one."""

    code = "malformed_id"
