"""What the self-check forgets when somebody is erased: every point of theirs, in every leak."""

from collections.abc import Sequence

from sqlalchemy import Connection

from vault.ids import Person
from vault.storage.rowset import RowSet

_DISOWN = RowSet(
    "WITH {rows} DELETE FROM leak_owner WHERE (bucket, subject) IN (SELECT bucket, subject FROM rows) "
    "RETURNING home, slot, leak, name",
    bucket="int",
    subject="bytes",
)
_DROP = RowSet(
    "WITH {rows} DELETE FROM leak_point WHERE (bucket, slot, leak, name) IN "
    "(SELECT bucket, slot, leak, name FROM rows)",
    bucket="int",
    slot="int",
    leak="bytes",
    name="bytes",
)


def forget(conn: Connection, people: Sequence[Person]) -> None:
    """Delete these people's points, of every period."""
    _DROP(conn, _DISOWN(conn, list(people)))
