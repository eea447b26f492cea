"""Honey persons: people who do not exist, stored like everybody, whose every opening is an alarm.

They are created the ordinary way; `consent.people.honey.plant` says whom to watch in the very transaction that
makes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from vault.honey.tables import alarm
from vault.honey.watch import mac_of
from vault.ids import Bucket, SubjectId
from vault.opening import Vault
from vault.storage.rowset import RowSet

_PLANT = RowSet(
    "WITH {rows} INSERT INTO honey (bucket, mac, planted_at) SELECT bucket, mac, :now FROM rows WHERE true "
    "ON CONFLICT (bucket, mac) DO NOTHING",
    bucket="int",
    mac="bytes",
)
_WATCHED = RowSet(
    "WITH {rows} SELECT rows.i FROM rows JOIN honey h ON h.bucket = rows.bucket AND h.mac = rows.mac",
    bucket="int",
    mac="bytes",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One opening of a honey person; `honey` names the person by the first bytes of its MAC, never by subject.

    Times are Unix milliseconds; `seen_by` is the name of the staff key whose holder has looked at it.
    """

    bucket: Bucket
    id: bytes
    honey: str
    source: str
    who: str
    place: str
    at: int
    seen_at: int | None
    seen_by: str | None


def watch_over(vault: Vault, people: Sequence[tuple[Bucket, SubjectId]], now_ms: int) -> None:
    """From now on these people are honey; other processes notice within 60 seconds."""
    with vault.data.write() as conn:
        plant_within(conn, vault, people, now_ms)
    vault.watch.refresh()


def plant_within(
    conn: Connection, vault: Vault, people: Sequence[tuple[Bucket, SubjectId]], now_ms: int
) -> None:
    """These people are honey from the commit on; this process notices after `vault.honey.watch.refresh`."""
    _PLANT(conn, [(bucket, mac_of(vault.keyring, subject)) for bucket, subject in people], now=now_ms)


def watched(
    conn: Connection, vault: Vault, people: Sequence[tuple[Bucket, SubjectId]]
) -> set[tuple[Bucket, SubjectId]]:
    """Which of these people are honey."""
    rows = [(bucket, mac_of(vault.keyring, subject)) for bucket, subject in people]
    return {people[i] for (i,) in _WATCHED(conn, rows)}


def alarms(conn: Connection, *, limit: int = 1_000) -> list[Alarm]:
    """The newest alarms first."""
    newest = select(alarm).order_by(alarm.c.at.desc(), alarm.c.id.desc()).limit(limit)
    return [
        Alarm(
            bucket=Bucket(row.bucket),
            id=row.id,
            honey=row.mac[:6].hex(),
            source=row.source,
            who=row.who,
            place=row.place,
            at=row.at,
            seen_at=row.seen_at,
            seen_by=row.seen_by,
        )
        for row in conn.execute(newest)
    ]


def mark_seen(conn: Connection, bucket: Bucket, alarm_id: bytes, who: str, now_ms: int) -> bool:
    """Somebody has looked at an alarm; the first stays on record. False when there is no such alarm."""
    mine = (alarm.c.bucket == bucket) & (alarm.c.id == alarm_id)
    conn.execute(update(alarm).where(mine, alarm.c.seen_at.is_(None)).values(seen_at=now_ms, seen_by=who))
    return conn.execute(select(alarm.c.id).where(mine)).one_or_none() is not None
