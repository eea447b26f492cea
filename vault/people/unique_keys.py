"""Key values that only one person may hold: the statements that take a place, ask whose it is and give it back.

Every row names its place by (bucket, kind, epoch, tag); the data base lets one person have it. The bucket comes
from the tag, so by whose it is a place can only be looked for in the whole table.
"""

from collections.abc import Iterable

from vault.ids import Bucket, SubjectId
from vault.people.drafts import UniqueKey
from vault.storage.rowset import RowSet

type Place = tuple[Bucket, int, int, int]
type Held = tuple[Bucket, int, int, int, SubjectId]

CLAIM = RowSet(
    # In key order: two batches that want the same keys then wait for each other instead of deadlocking.
    "WITH {rows} INSERT INTO unique_key (bucket, kind, epoch, tag, subject) "
    "SELECT bucket, kind, epoch, tag, subject FROM rows WHERE true ORDER BY bucket, kind, epoch, tag "
    "ON CONFLICT DO NOTHING RETURNING bucket, kind, epoch, tag",
    bucket="int",
    kind="int",
    epoch="int",
    tag="int",
    subject="bytes",
)
"""Take the places that are free; answers which they were."""

CLAIM_ALL = RowSet(
    "WITH {rows} INSERT INTO unique_key (bucket, kind, epoch, tag, subject) "
    "SELECT bucket, kind, epoch, tag, subject FROM rows ORDER BY bucket, kind, epoch, tag",
    bucket="int",
    kind="int",
    epoch="int",
    tag="int",
    subject="bytes",
)
"""Take all the places or fail, with nothing taken."""

RELEASE = RowSet(
    "WITH {rows} DELETE FROM unique_key WHERE (bucket, kind, epoch, tag, subject) IN "
    "(SELECT bucket, kind, epoch, tag, subject FROM rows)",
    bucket="int",
    kind="int",
    epoch="int",
    tag="int",
    subject="bytes",
)
"""Give places back, as far as they are this person's."""

TAKEN_PLACES = RowSet(
    "WITH {rows} SELECT rows.i FROM rows CROSS JOIN unique_key k WHERE k.bucket = rows.bucket "
    "AND k.kind = rows.kind AND k.epoch = rows.epoch AND k.tag = rows.tag",
    bucket="int",
    kind="int",
    epoch="int",
    tag="int",
)
"""Which places somebody has."""

OWNERS = RowSet(
    "WITH {rows} SELECT rows.i, k.subject FROM rows CROSS JOIN unique_key k WHERE k.bucket = rows.bucket "
    "AND k.kind = rows.kind AND k.epoch = rows.epoch AND k.tag = rows.tag",
    bucket="int",
    kind="int",
    epoch="int",
    tag="int",
)
"""Who has each place."""

PASS_ON = RowSet(
    "WITH {rows} UPDATE unique_key SET subject = :keep WHERE (bucket, kind, epoch, tag, subject) IN "
    "(SELECT bucket, kind, epoch, tag, subject FROM rows)",
    bucket="int",
    kind="int",
    epoch="int",
    tag="int",
    subject="bytes",
)
"""Give this person's places to `keep`."""

RELEASE_KINDS = RowSet(
    "WITH {rows} DELETE FROM unique_key WHERE (kind, subject) IN (SELECT kind, subject FROM rows)",
    kind="int",
    subject="bytes",
)
"""Give back whatever these people have of a kind; reads the whole table."""

HELD = RowSet(
    # Ordered for SQLite, which would read the table once for every person.
    "WITH {rows} SELECT rows.bucket, k.subject, k.kind, k.epoch, k.tag FROM unique_key k "
    "CROSS JOIN rows WHERE rows.subject = k.subject",
    bucket="int",
    subject="bytes",
)
"""Everything people have; reads the whole table once."""


def place(key: UniqueKey) -> Place:
    """The row of a key for `TAKEN_PLACES` and `OWNERS`."""
    return key.bucket, key.kind, key.epoch, key.tag


def held_by(subject: SubjectId, keys: Iterable[UniqueKey]) -> list[Held]:
    """The rows of somebody's keys for `CLAIM`, `RELEASE` and `PASS_ON`."""
    return [(key.bucket, key.kind, key.epoch, key.tag, subject) for key in keys]
