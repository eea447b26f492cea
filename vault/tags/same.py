"""Whether a stored version says the same as a text somebody else has: answered inside the vault, by yes or no
(ADR 0015).

For what is not looked up by a tag of its own, or was found by another one: of a person who is known already.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from vault.fields.catalogue import BUILTIN, Catalogue
from vault.keys.keyring import Keyring
from vault.tags.opened import Wanted, canonical_versions


def same(
    conn: Connection,
    keyring: Keyring,
    asked: Sequence[tuple[Wanted, str]],
    *,
    catalogue: Catalogue = BUILTIN,
) -> list[bool]:
    """For each version whether its canonical form is this one; of an erased person or a struck out version it is not."""
    versions = canonical_versions(conn, keyring, [wanted for wanted, _ in asked], catalogue=catalogue)
    return [any(text == said for _, said in found) for (_, text), found in zip(asked, versions, strict=True)]
