"""Whether the operator has blind codes made: off until turned on, and turned off again all of them are deleted."""

import secrets
from enum import StrEnum

from sqlalchemy import Connection, delete, func, insert, select

from vault.linkage.tables import linkage_choice, linkage_code
from vault.opening import Vault


class Mode(StrEnum):
    """No codes; candidates by codes; candidates by codes, weighed in clear (`plain`)."""

    OFF = "off"
    BLIND = "blind"
    PLAIN = "plain"


def mode(conn: Connection) -> Mode:
    """What the operator has chosen."""
    c = linkage_choice.c
    last = conn.execute(select(c.choice).order_by(c.at.desc()).limit(1)).scalar()
    return Mode.OFF if last is None else Mode(last)


def is_on(conn: Connection) -> bool:
    """Whether blind codes are made and used."""
    return mode(conn) is not Mode.OFF


def turn_on(vault: Vault, actor: str, now_ms: int, *, plain: bool = False) -> None:
    """From now on codes may be made; `filling.fill` makes them."""
    with vault.data.write() as conn:
        _note(conn, Mode.PLAIN if plain else Mode.BLIND, actor, now_ms)


def turn_off(vault: Vault, actor: str, now_ms: int) -> int:
    """Delete every code and make none; answers how many there were."""
    first, many = vault.installation.buckets
    with vault.data.write() as conn:
        _note(conn, Mode.OFF, actor, now_ms)
        mine = linkage_code.c.bucket.between(first, first + many - 1)
        return conn.execute(delete(linkage_code).where(mine)).rowcount


def _note(conn: Connection, choice: Mode, actor: str, now_ms: int) -> None:
    # The last one holds, so two of one millisecond must not stand side by side.
    last = conn.execute(select(func.max(linkage_choice.c.at))).scalar()
    at = now_ms if last is None else max(now_ms, last + 1)
    row = {"id": secrets.token_bytes(16), "at": at, "choice": choice.value, "actor": actor}
    conn.execute(insert(linkage_choice).values(**row))
