"""Where aliases come from: the operator's own domains for addresses, and its pool of relay numbers.

Forwarding is not part of this: whoever offers aliases runs the mail server and the relay that lead to the
person. Domains and numbers stand in the data base and not in the settings, because what was given out rests on
them for ever.

* `add_domain(conn, domain, now_ms) -> bool`, `add_numbers(conn, numbers, now_ms) -> int`: False and fewer where known.
* `pool(conn) -> Pool`: what there is; `offered(conn) -> frozenset[str]`: which aliases can be given now.
* `take_number(conn, holder, now_ms) -> str | None`: the number of this holder, a new one if it has none yet.
"""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select, update

from consent.errors import ConsentError
from consent.marks.alias_tables import alias_domain, relay_number
from consent.marks.aliases import DIGEST_BYTES
from vault.fields import InvalidValue, canonical
from vault.ids import Bucket, new_id
from vault.storage.rowset import RowSet

_LONGEST_DOMAIN: Final = 200
_NAME: Final = re.compile(r"[a-z0-9.-]+")

_ADD = RowSet(
    "WITH {rows} INSERT INTO relay_number (place, number, added_at) SELECT place, number, :now FROM rows "
    "WHERE true ON CONFLICT DO NOTHING RETURNING place",
    place="bytes",
    number="text",
)


class BadContact(ConsentError):
    """No domain, or no phone number."""

    code = "bad_contact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Domains, the one last added first; how many numbers there are and how many of them are taken."""

    domains: tuple[str, ...]
    numbers: int
    taken: int


def add_domain(conn: Connection, domain: str, now_ms: int) -> bool:
    """Make new aliases under this domain from now on; raises BadContact."""
    name = _domain(domain)
    if name in pool(conn).domains:
        return False
    conn.execute(alias_domain.insert().values(id=new_id(Bucket(0), now_ms), domain=name, added_at=now_ms))
    return True


def add_numbers(conn: Connection, numbers: Iterable[str], now_ms: int) -> int:
    """Add these phone numbers to the pool; how many were new. Raises BadContact, then none was added."""
    try:
        wanted = {canonical("phone", number) for number in numbers}
    except InvalidValue:
        raise BadContact("not a phone number") from None
    # Random places, so that the order in which numbers are given out is nobody's to foretell.
    rows = [(secrets.token_bytes(DIGEST_BYTES), number) for number in sorted(wanted)]
    return len(_ADD(conn, rows, now=now_ms))


def pool(conn: Connection) -> Pool:
    """What there is."""
    known = conn.execute(select(alias_domain.c.domain).order_by(alias_domain.c.id.desc())).scalars()
    counted = select(func.count(), func.count(relay_number.c.holder)).select_from(relay_number)
    numbers, taken = conn.execute(counted).one()
    return Pool(domains=tuple(known), numbers=numbers, taken=taken)


def numbers_before(conn: Connection, before_ms: int) -> int:
    """How many relay numbers there were before an instant (Unix ms)."""
    counted = select(func.count()).select_from(relay_number).where(relay_number.c.added_at < before_ms)
    return int(conn.execute(counted).scalar_one())


def offered(conn: Connection) -> frozenset[str]:
    """The codes of the aliases that can be given now."""
    domain = conn.execute(select(alias_domain.c.id).limit(1)).first()
    free = conn.execute(select(relay_number.c.place).where(relay_number.c.holder.is_(None)).limit(1)).first()
    ready = {"alias_email": domain, "alias_phone": free}
    return frozenset(code for code, found in ready.items() if found is not None)


def take_number(conn: Connection, holder: bytes, now_ms: int) -> str | None:
    """The number this holder has, or one nobody has had; None when the pool has none."""
    own = select(relay_number.c.number).where(relay_number.c.holder == holder)
    known: str | None = conn.execute(own).scalar_one_or_none()
    if known is not None:
        return known
    free = select(relay_number.c.place).where(relay_number.c.holder.is_(None)).order_by(relay_number.c.place)
    place = conn.execute(free.limit(1).with_for_update(skip_locked=True)).scalar_one_or_none()
    if place is None:
        return None
    mine = update(relay_number).where(relay_number.c.place == place)
    conn.execute(mine.values(holder=holder, taken_at=now_ms))
    taken: str = conn.execute(own).scalar_one()
    return taken


def _domain(text: str) -> str:
    try:
        name = canonical("email", f"a@{text}").removeprefix("a@")
    except InvalidValue:
        raise BadContact("not a domain") from None
    if len(name) > _LONGEST_DOMAIN or not _NAME.fullmatch(name):
        raise BadContact("not a domain")
    return name
