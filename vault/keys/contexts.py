"""What each kind of wrapped key is bound to, told from its row: a key does not unwrap at another one's place."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table

from vault.keys.subjects import person_context
from vault.keys.tables import index_root, subject_key
from vault.keys.tenant import root_context, service_context


def bound(table: Table, row: Mapping[str, Any], version: int) -> bytes:
    """What a wrapped key of a table is bound to, under a version of the tenant key."""
    if table is subject_key:
        return person_context(row["tenant"], row["subject"], row["kind"], row["epoch"], version)
    if table is index_root:
        return root_context(row["tenant"], row["epoch"], version)
    return service_context(row["tenant"], row["name"], row["version"], version)
