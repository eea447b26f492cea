"""Which log takes a bucket's entries at a moment: the newest edition of the calendar year of that moment.

The editions are read when an installation is opened and then looked up, because every entry asks, within
transactions that must not wait for a second connection. Whoever finds a log closed to which an entry was meant
to go reads them anew (`append`), so that servers follow a log that was given up without a restart: what they
were doing is refused as to be tried again, and the next goes to the successor.
"""

from sqlalchemy import Connection, select

from consent.ledger.origin import PER_EDITION, LogId, number_of, year_of
from consent.ledger.tables import head
from vault.editions import Editions
from vault.opening import Vault


def open_log(vault: Vault, bucket: int, at_ms: int) -> LogId:
    """The log of a bucket for entries of a moment in Unix milliseconds, as far as this process knows."""
    year = year_of(at_ms)
    return LogId(bucket, number_of(year, vault.editions.of(bucket, year)))


def learn_editions(vault: Vault) -> None:
    """Look which editions there are, before the first entry."""
    with vault.data.read() as conn:
        read_editions(conn, vault.editions)


def read_editions(conn: Connection, into: Editions) -> None:
    """Look which editions there are."""
    c = head.c
    later: dict[tuple[int, int], int] = {}
    for bucket, year in conn.execute(select(c.bucket, c.year).where(c.year >= PER_EDITION)):
        log = LogId(bucket, year)
        key = bucket, log.calendar_year
        later[key] = max(log.edition, later.get(key, 1))
    into.learn(later)
