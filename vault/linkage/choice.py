"""Whether the operator has blind codes made: off until turned on, and turned off again all of them are deleted."""

import secrets

from sqlalchemy import Connection, delete, insert, select

from vault.linkage_tables import linkage_choice, linkage_code
from vault.opening import Vault


def is_on(conn: Connection) -> bool:
    """Whether blind codes are made and used."""
    c = linkage_choice.c
    last = conn.execute(select(c.choice).order_by(c.at.desc(), c.id.desc()).limit(1)).scalar()
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
    row = {"id": secrets.token_bytes(16), "at": now_ms, "choice": choice, "actor": actor}
    conn.execute(insert(linkage_choice).values(**row))
