"""Honey persons as whole persons: with an account and a ledger chain like everybody, and watched from birth.

`plant` makes them; give it people whose phones and mailboxes are the operator's own, so that contact shows too.
`sweep` raises the alarms that a process did not live to write: it holds what was committed since a moment,
uses, reads by staff, searches, scans and people's own copies, against the list of honey persons. What has its
alarm already gets no second one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import batched, chain
from typing import Any, Final

from sqlalchemy import Connection, Row, exists, select, union_all
from sqlalchemy import literal as constant

from consent.ledger.entries.entry import Kind, parse
from consent.ledger.origin import LogId, origin_of
from consent.ledger.tables import entry, opening
from consent.people.keeping import Enrolled, NewPerson, Refused, enrol_people
from consent.permits.own_copy import SELF
from consent.schema.dual_tables import emergency_read
from consent.schema.staff_tables import staff_read
from consent.schema.tables import disclosure
from consent.staff.lookup import lookups_since
from vault.honey.watch import Sighting, Source
from vault.ids import Bucket, SubjectId, encode_id, minted_at
from vault.opening import Vault
from vault.people.honey import plant_within, watched

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
    """Raise every alarm that is missing for what was committed at or after `since_ms`; how many were new."""
    told: set[str] = set()
    with vault.data.read() as conn:
        reads = (_sighting(vault, row) for row in _reads(conn, since_ms))
        raised = raise_missing(conn, vault, chain(reads, lookups_since(conn, since_ms)), told)
        return raised + raise_missing(conn, vault, _copies(conn, vault, since_ms, told))


def raise_missing(
    conn: Connection, vault: Vault, seen: Iterable[Sighting], told: set[str] | None = None
) -> int:
    """Raise the alarms of those of `seen` who are honey; how many were new. Adds to `told` the places of all of them."""
    raised = 0
    for part in batched(seen, _CHUNK):
        honey = watched(conn, vault, [(one.bucket, one.subject) for one in part])
        missing = [one for one in part if (one.bucket, one.subject) in honey]
        if missing:
            raised += vault.watch.raise_now(vault.data, vault.keyring, missing)
        if told is not None:
            told.update(one.place for one in missing)
    return raised


def _copies(conn: Connection, vault: Vault, since_ms: int, told: set[str]) -> Iterator[Sighting]:
    """People's own copies, which have no row but their ledger entry.

    So is every disclosure that stands in somebody's chain and is neither a use nor in `told`: whatever else opened a
    honey person is an alarm too.
    """
    used = (disclosure.c.bucket == entry.c.bucket) & (disclosure.c.id == entry.c.id)
    mine = (
        (opening.c.bucket == entry.c.bucket)
        & (opening.c.year == entry.c.year)
        & (opening.c.idx == entry.c.idx)
    )
    columns = (entry.c.bucket, opening.c.subject, entry.c.year, entry.c.idx, entry.c.id, entry.c.body)
    since = entry.c.id >= since_ms.to_bytes(6).ljust(16, b"\0")
    for bucket, subject, year, idx, entry_id, body in conn.execute(
        select(*columns).join(opening, mine).where(since, ~exists().where(used))
    ):
        row = (bucket, subject, SELF, minted_at(entry_id), year, idx)
        copied = replace(_sighting(vault, row), source=Source.EXPORT)
        if parse(body).kind is Kind.DISCLOSE and told.isdisjoint((copied.place, encode_id("look", entry_id))):
            yield copied


def _reads(conn: Connection, since_ms: int) -> Iterator[Row[int, bytes, str, int, int, int]]:
    """(bucket, subject, reader, instant, year, index) of what was committed since."""
    parts = []
    for table, prefix, who in (
        (disclosure, "", disclosure.c.recipient_id),
        (emergency_read, "staff:", emergency_read.c.staff),
        (staff_read, "staff:", staff_read.c.staff),
    ):
        c = table.c
        same = (entry.c.bucket == c.bucket) & (entry.c.year == c.ledger_year) & (entry.c.id == c.id)
        columns = (c.bucket, c.subject, constant(prefix) + who, c.committed_at, c.ledger_year, entry.c.idx)
        part = select(*columns).join(entry, same).where(c.committed_at >= since_ms)
        if table is disclosure:
            # What staff spent of a consent is one read, and stands among theirs.
            theirs = (staff_read.c.bucket == c.bucket) & (staff_read.c.use_id == c.use_id)
            part = part.where(~exists().where(theirs))
        parts.append(part)
    yield from conn.execute(union_all(*parts))


def _sighting(vault: Vault, row: Sequence[Any]) -> Sighting:
    bucket, subject, who, at_ms, year, idx = row
    return Sighting(
        bucket=Bucket(bucket),
        subject=SubjectId(subject),
        source=Source.READ,
        who=who,
        place=f"{origin_of(vault.installation.ledger_host, LogId(bucket, year))}#{idx}",
        at_ms=at_ms,
    )
