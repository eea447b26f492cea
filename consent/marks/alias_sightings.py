"""Aliases that turned up where only their recipient can have taken them: kept for ever, and an alarm the first time.

The alarm is about the recipient and names no person: one for each recipient and place. An echo raises none: the
same file again, the same values in another file (whoever calls says which file it repeats), and every message
after the first that an alias received. They are kept as history all the same.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, select

from consent.marks.alias_tables import alias_sighting
from consent.marks.aliases import Alias
from consent.texts import storable
from vault.honey.watch import Sighting, Source
from vault.ids import ID_BYTES, Bucket, SubjectId, bucket_of_hash, mint_id
from vault.opening import Vault
from vault.storage.rowset import RowSet

LONGEST_NOTE = 500
LONGEST_REFERENCE = 200

_NOTE = RowSet(
    "WITH {rows} INSERT INTO alias_sighting (bucket, id, subject, recipient_id, field, epoch, source, place, note, "
    "actor, seen_at, told_at) SELECT bucket, id, subject, recipient, field, epoch, :source, :place, :note, :actor, "
    "seen_at, :now FROM rows WHERE true ON CONFLICT (bucket, id) DO NOTHING RETURNING bucket, id",
    bucket="int",
    id="bytes",
    subject="bytes",
    recipient="text",
    field="text",
    epoch="int",
    seen_at="int",
)


class Where(StrEnum):
    """In what an alias was seen."""

    MESSAGE = "message"
    DUMP = "dump"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """That aliases were seen: `place` is a file's name or the reference of a message, `seen_at` and `told_at` Unix ms."""

    where: Where
    place: str
    actor: str
    seen_at: int
    told_at: int
    note: str | None = None


def acceptable(note: str, reference: str) -> bool:
    """Whether both may be kept: short, and of letters only."""
    sized = len(note) <= LONGEST_NOTE and len(reference) <= LONGEST_REFERENCE
    return sized and storable(note, lines=True) and storable(reference)


def report(vault: Vault, seen: Sequence[Alias], said: Report) -> int:
    """Raise the alarms these aliases are worth, then keep where they were seen; how many sightings were new.

    Alarms go first: whatever dies in between is reported again and raises none twice.
    """
    told = dict.fromkeys(seen)
    with vault.data.read() as conn:
        alarming = [one for one in told if not _echo(conn, one, said)]
    recipients = dict.fromkeys(one.recipient_id for one in alarming)
    vault.watch.raise_now(
        vault.data,
        vault.keyring,
        [suspicion(vault, Source.ALIAS, one, said.place, said.seen_at) for one in recipients],
    )
    key = vault.keyring.service_key("alias")
    rows = [
        (one.bucket, _id(key, one, said), one.subject, one.recipient_id, one.field, one.epoch, said.seen_at)
        for one in told
    ]
    about = {"source": said.where.value, "place": said.place, "note": said.note, "actor": said.actor}
    with vault.data.write() as conn:
        return len(_NOTE(conn, rows, now=said.told_at, **about))


def _echo(conn: Connection, one: Alias, said: Report) -> bool:
    """Of messages, whether the alias has received one before."""
    if said.where is not Where.MESSAGE:
        return False  # an alarm's id follows from the file: the same one is never raised twice
    c = alias_sighting.c
    mine = (c.bucket == one.bucket) & (c.subject == one.subject) & (c.recipient_id == one.recipient_id)
    same = mine & (c.field == one.field) & (c.epoch == one.epoch) & (c.source == said.where.value)
    return conn.execute(select(c.id).where(same).limit(1)).first() is not None


def suspicion(vault: Vault, source: Source, whom: str, place: str, seen_at: int) -> Sighting:
    """An alarm about a recipient, who stands where others have a person: one for each place, whatever was seen there."""
    digest = hashlib.sha256(b"pv1/suspicion" + whom.encode()).digest()
    return Sighting(
        bucket=bucket_of_hash(digest, vault.installation.buckets),
        subject=SubjectId(digest[:ID_BYTES]),
        source=source,
        who=whom,
        place=place,
        at_ms=seen_at,
    )


def _id(key: bytes, one: Alias, said: Report) -> bytes:
    """One id for one alias in one place: told again it is the same row."""
    parts = (said.where.value, said.place, one.recipient_id, one.field, str(one.epoch))
    about = b"pv1/alias-sighting" + one.subject + "\0".join(parts).encode()
    return mint_id(Bucket(one.bucket), said.seen_at, hmac.digest(key, about, "sha256")[:8])
