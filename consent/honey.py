"""Honey persons as whole persons: with an account and a ledger chain like everybody, and watched from birth.

`plant` makes them; give it people whose phones and mailboxes are the operator's own, so that contact shows too.
`sweep` raises the alarms that a process did not live to write: it holds the committed uses, emergency reads, searches
and scans since a moment against the list of honey persons. What has its alarm already gets no second one.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import batched, chain
from typing import Final

from sqlalchemy import Connection, Row, select, union_all
from sqlalchemy import literal as constant

from consent.dual_tables import emergency_read
from consent.keeping import Enrolled, NewPerson, Refused, enrol_people
from consent.ledger.origin import LogId, origin_of
from consent.ledger.tables import entry
from consent.lookup import lookups_since
from consent.tables import disclosure
from vault.honey import plant_within, watched
from vault.ids import Bucket, SubjectId
from vault.opening import Vault
from vault.watch import Sighting, Source

_CHUNK: Final = 5_000


def plant(
    vault: Vault, people: Sequence[NewPerson], now_ms: int, langs: Sequence[str] | None = None
) -> list[Enrolled | Refused]:
    """Take these in as honey persons, watched from the commit on that makes them; positions match, refusals as ever."""

    def watch(conn: Connection, made: Mapping[int, Enrolled]) -> None:
        plant_within(conn, vault, [(one.bucket, one.subject) for one in made.values()], now_ms)

    answers = enrol_people(vault, people, now_ms, langs, also=watch)
    vault.watch.refresh()
    return answers


def sweep(vault: Vault, since_ms: int) -> int:
    """Raise every alarm that is missing for reads committed at or after `since_ms`; how many were new."""
    raised = 0
    with vault.data.read() as conn:
        reads = (_sighting(vault, row) for row in _reads(conn, since_ms))
        for part in batched(chain(reads, lookups_since(conn, since_ms)), _CHUNK):
            seen = list(part)
            honey = watched(conn, vault, [(one.bucket, one.subject) for one in seen])
            missing = [one for one in seen if (one.bucket, one.subject) in honey]
            if missing:
                raised += vault.watch.raise_now(vault.data, vault.keyring, missing)
    return raised


def _reads(conn: Connection, since_ms: int) -> Iterator[Row[int, bytes, str, int, int, int]]:
    """(bucket, subject, reader, instant, year, index) of what was committed since."""
    parts = []
    for table, prefix, who in (
        (disclosure, "", disclosure.c.recipient_id),
        (emergency_read, "staff:", emergency_read.c.staff),
    ):
        c = table.c
        same = (entry.c.bucket == c.bucket) & (entry.c.year == c.ledger_year) & (entry.c.id == c.id)
        columns = (c.bucket, c.subject, constant(prefix) + who, c.committed_at, c.ledger_year, entry.c.idx)
        parts.append(select(*columns).join(entry, same).where(c.committed_at >= since_ms))
    yield from conn.execute(union_all(*parts))


def _sighting(vault: Vault, row: Row[int, bytes, str, int, int, int]) -> Sighting:
    bucket, subject, who, at_ms, year, idx = row
    return Sighting(
        bucket=Bucket(bucket),
        subject=SubjectId(subject),
        source=Source.READ,
        who=who,
        place=f"{origin_of(vault.installation.ledger_host, LogId(bucket, year))}#{idx}",
        at_ms=at_ms,
    )
