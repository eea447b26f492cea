"""Guessing is bounded in the data base, not in a process: counted by source and period, across all workers.

A source is a keyed digest of the peer's address, so the table tells nothing about anybody. Of sign-ins only
failures count; a period is ten minutes, and after 20 failures the source waits for the next one. A network that
is handed out whole, in IPv6, is one source. One-time codes are counted as they are asked for, whether or not
anybody is known: by source, by the address they go to, by both, and for the whole installation. So are
questions whether somebody was in a leak: by source and for all. What somebody signed in asks for is counted for
that person and apart from all this, so that no stranger can use it up.
"""

import hashlib
import hmac
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from api.tables import failed_attempt

PERIOD_MS = 600_000
MOST_FAILURES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How often something may happen: `most` times within so many `periods` of ten minutes."""

    name: str
    most: int
    periods: int = 1


CODES_FROM_SOURCE: Final = Limit(name="codes from", most=10)
CODES_FROM_SOURCE_TO_ADDRESS: Final = Limit(name="codes from, to", most=3)
CODES_FROM_SOURCE_TO_ADDRESS_DAILY: Final = Limit(name="codes from, to, daily", most=10, periods=144)
CODES_TO_ADDRESS: Final = Limit(name="codes to", most=12)
CODES_TO_ADDRESS_DAILY: Final = Limit(name="codes to, daily", most=40, periods=144)
CODES_OF_ALL: Final = "codes of all"
CODES_OF_PERSON: Final = Limit(name="codes of", most=5)
CODES_OF_PERSON_DAILY: Final = Limit(name="codes of, daily", most=30, periods=144)
CODES_OF_ALL_SIGNED_IN: Final = "codes of all signed in"
LEAK_CHECKS_FROM_SOURCE: Final = Limit(name="leak checks from", most=20)
LEAK_CHECKS_FROM_SOURCE_DAILY: Final = Limit(name="leak checks from, daily", most=100, periods=144)
LEAK_CHECKS_OF_ALL: Final = "leak checks of all"


def source_of(key: bytes, name: str) -> bytes:
    """The digest under which a network address, or whatever else has a name, is counted."""
    return hmac.digest(key, b"perusal attempts v1\0" + name.encode(), hashlib.sha256)[:16]


def network_of(peer: str) -> str:
    """What a peer's address is counted as: of IPv6 its /64, because whoever has one address there has all of them."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))


def wait_seconds(conn: Connection, source: bytes, now_ms: int) -> int:
    """0 when the source may try, else the seconds until it may."""
    period = now_ms // PERIOD_MS
    own = select(failed_attempt.c.failures).where(
        failed_attempt.c.source == source, failed_attempt.c.period == period
    )
    if (conn.execute(own).scalar_one_or_none() or 0) < MOST_FAILURES:
        return 0
    return _until_end_of(period, now_ms)


def note_failure(conn: Connection, source: bytes, now_ms: int) -> None:
    """Count one failure."""
    _count(conn, source, now_ms // PERIOD_MS)


def count(conn: Connection, limit: Limit, what: bytes, now_ms: int) -> int:
    """Count one more of `what` against a limit: 0 when it may happen, else the seconds until it may again.

    One statement counts and answers, so that those who ask at the same moment are counted one after the other.
    """
    # The last of its periods names the count: it is forgotten once that is over.
    period = (now_ms // PERIOD_MS // limit.periods + 1) * limit.periods - 1
    source = hashlib.sha256(limit.name.encode() + b"\0" + what).digest()[:16]
    return 0 if _count(conn, source, period) <= limit.most else _until_end_of(period, now_ms)


def sweep_attempts(conn: Connection, now_ms: int) -> None:
    """Forget past periods."""
    conn.execute(delete(failed_attempt).where(failed_attempt.c.period < now_ms // PERIOD_MS))


def _count(conn: Connection, source: bytes, period: int) -> int:
    dialect = sqlite if conn.dialect.name == "sqlite" else postgresql
    row = dialect.insert(failed_attempt).values(source=source, period=period, failures=1)
    key = [failed_attempt.c.source, failed_attempt.c.period]
    counted = row.on_conflict_do_update(
        index_elements=key, set_={"failures": failed_attempt.c.failures + 1}
    ).returning(failed_attempt.c.failures)
    failures: int = conn.execute(counted).scalar_one()
    return failures


def _until_end_of(period: int, now_ms: int) -> int:
    return ((period + 1) * PERIOD_MS - now_ms) // 1000 + 1
