"""Honey persons in uploaded files: their alarms, also the ones that a process did not live to write.

A trace commits what it found together with how far it came and reads no row twice, so what it found is where a
missing alarm is looked for. Whom nothing but another spelling of a mailbox leads to is kept like those whom parts of
values lead to: they are rung for when they are met, and not looked for again.
"""

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, select

from breach.intake.quarantine import PREFIX
from breach.tables import dump, trace, trace_item, trace_stage
from consent.people.honey import raise_missing
from vault.honey.watch import Sighting, Source
from vault.ids import Bucket, SubjectId, encode_id
from vault.opening import Vault


def sightings(
    people: Iterable[tuple[Bucket, SubjectId]], dump_id: bytes, received_at: int
) -> Iterator[Sighting]:
    """Of everybody of whom a file shows anything; whoever brought it (`received_at`, Unix ms) is not the one to name."""
    place = encode_id(PREFIX, dump_id)
    for bucket, subject in people:
        yield Sighting(
            bucket=bucket, subject=subject, source=Source.DUMP, who="trace", place=place, at_ms=received_at
        )


def sweep(vault: Vault, since_ms: int) -> int:
    """Raise every alarm that is missing for what traces have found at or after `since_ms` (Unix ms); how many were new."""
    with vault.data.read() as conn:
        return raise_missing(conn, vault, _found(conn, since_ms))


def _found(conn: Connection, since_ms: int) -> Iterator[Sighting]:
    found = (
        select(trace_item.c.bucket, trace_item.c.subject, dump.c.id, dump.c.received_at)
        .distinct()
        .join(trace, trace.c.id == trace_item.c.trace)
        .join(dump, dump.c.id == trace.c.dump)
        .join(trace_stage, trace_stage.c.trace == trace.c.id)
        .where((trace_stage.c.updated_at >= since_ms) & (trace_item.c.agreed + trace_item.c.conflicting > 0))
    )
    for bucket, subject, dump_id, received_at in conn.execute(found):
        yield from sightings([(Bucket(bucket), SubjectId(subject))], dump_id, received_at)
