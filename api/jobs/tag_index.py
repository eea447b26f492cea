"""The index of tags, kept up to date where an installation has one."""

from sqlalchemy import select

from api.settings import Settings
from vault.opening import Vault
from vault.tag_index.tables import tag_index


def keep_up(settings: Settings, vault: Vault, now_ms: int) -> None:
    """Bring the index up to date, if there is one: whose tags are deleted are gone from its files then."""
    with vault.data.read() as conn:
        there = conn.execute(select(tag_index.c.epoch)).first() is not None
    if there and settings.tag_index is not None:
        # Loaded here alone: a server without an index does without these libraries' memory.
        from vault.tag_index.indexing import refresh  # noqa: PLC0415

        refresh(vault, settings.tag_index, now_ms)
