"""Key values carried into a new index epoch: whoever has a place under the epoch that is read gets it there too.

Nobody gets what they do not have: the number of a duplicate may have been given up by whom it stands for, and
belong to somebody else since.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import Connection

from vault.ids import SubjectId
from vault.people.drafts import UniqueKey
from vault.storage.rowset import ColumnType, RowSet

_INSERT = (
    "WITH {rows} INSERT INTO unique_key (bucket, kind, epoch, tag, subject) "
    "SELECT rows.bucket, rows.kind, :target, rows.tag, rows.subject FROM rows "
)
_ROWS: Final[dict[str, ColumnType]] = {
    "bucket": "int",
    "kind": "int",
    "tag": "int",
    "held_bucket": "int",
    "held_tag": "int",
    "subject": "bytes",
}
_IN_ORDER = "ORDER BY rows.bucket, rows.kind, rows.tag ON CONFLICT DO NOTHING"

_CARRY = RowSet(
    _INSERT
    + "JOIN unique_key k ON k.bucket = rows.held_bucket AND k.kind = rows.kind AND k.epoch = :reading "
    "AND k.tag = rows.held_tag AND k.subject = rows.subject WHERE true " + _IN_ORDER,
    **_ROWS,
)
_TAKE = RowSet(_INSERT + "WHERE true " + _IN_ORDER, **_ROWS)


def carry(
    conn: Connection,
    claims: Iterable[tuple[SubjectId, Sequence[UniqueKey]]],
    *,
    reading: int | None,
    target: int,
) -> None:
    """Give these owners their places under `target`, as far as those of `reading` are theirs.

    `claims` name what each value occupies in every epoch; the owners' rows are held. `reading` None: nobody's
    places are known, and whoever comes first gets what is free.
    """
    rows = []
    for owner, places in claims:
        held = {one.kind: one for one in places if one.epoch == (target if reading is None else reading)}
        rows += [
            (one.bucket, one.kind, one.tag, held[one.kind].bucket, held[one.kind].tag, owner)
            for one in places
            if one.epoch == target
        ]
    if reading is None:
        _TAKE(conn, rows, target=target)
    else:
        _CARRY(conn, rows, reading=reading, target=target)
