"""Whether the operator has blind codes made: off until turned on, and turned off again all of them are deleted."""

import secrets

from sqlalchemy import Connection, delete, func, insert, select

from vault.linkage_tables import linkage_choice, linkage_code
from vault.opening import Vault


def is_on(conn: Connection) -> bool:
    """Whether blind codes are made and used."""
    c = linkage_choice.c
    last = conn.execute(select(c.choice).order_by(c.at.desc()).limit(1)).scalar()
    return last == "on"


def turn_on(vault: Vault, actor: str, now_ms: int) -> None:
    """From now on codes may be made; `filling.fill` makes them."""
    with vault.data.write() as conn:
        _note(conn, "on", actor, now_ms)


def turn_off(vault: Vault, actor: str, now_ms: int) -> int:
    """Delete every code and make none; answers how many there were."""
    first, many = vault.installation.buckets
    with vault.data.write() as conn:
        _note(conn, "off", actor, now_ms)
        mine = linkage_code.c.bucket.between(first, first + many - 1)
        return conn.execute(delete(linkage_code).where(mine)).rowcount


def _note(conn: Connection, choice: str, actor: str, now_ms: int) -> None:
    # The last one holds, so two of one millisecond must not stand side by side.
    last = conn.execute(select(func.max(linkage_choice.c.at))).scalar()
    at = now_ms if last is None else max(now_ms, last + 1)
    row = {"id": secrets.token_bytes(16), "at": at, "choice": choice, "actor": actor}
    conn.execute(insert(linkage_choice).values(**row))
