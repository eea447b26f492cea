"""Which entries belong to the person behind an entry: private knowledge, read from the openings table."""

from sqlalchemy import Connection, select

from consent.ledger.origin import LogId
from consent.ledger.tables import entry, opening


def chain_of(conn: Connection, log: LogId, idx: int) -> list[bytes]:
    """The exact bytes of every entry of the person who owns the entry at `idx`, from the first up to it."""
    o, e = opening.c, entry.c
    owner = (
        select(o.subject).where(o.bucket == log.bucket, o.year == log.year, o.idx == idx).scalar_subquery()
    )
    same = (e.bucket == o.bucket) & (e.year == o.year) & (e.idx == o.idx)
    query = (
        select(e.body)
        .join_from(opening, entry, same)
        .where(o.bucket == log.bucket, o.year == log.year, o.subject == owner, o.idx <= idx)
        .order_by(o.idx)
    )
    return list(conn.execute(query).scalars())
