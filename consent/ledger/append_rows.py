"""The statements of an append; each handles a whole batch, in any mix of logs.

In the order in which `append` runs them: lock the heads (or open the logs that have none), find what is there, write.
"""

from vault.storage.rowset import RowSet, Together

# All heads or none: locking the ones that exist before opening the others would take locks out of order.
LOCK = RowSet(
    "WITH {rows} SELECT h.bucket, h.year, h.size, h.root, h.frontier, h.ts, h.closed_at "
    "FROM rows JOIN ledger_head h ON h.bucket = rows.bucket AND h.year = rows.year "
    "WHERE (SELECT count(*) FROM rows r JOIN ledger_head x ON x.bucket = r.bucket AND x.year = r.year) "
    "= (SELECT count(*) FROM rows) ORDER BY h.bucket, h.year {for_update:h}",
    bucket="int",
    year="int",
)
OPEN = RowSet(
    "WITH {rows} INSERT INTO ledger_head (bucket, year, size, root, frontier, ts) "
    "SELECT bucket, year, 0, root, frontier, 0 FROM rows WHERE true ORDER BY bucket, year "
    "ON CONFLICT (bucket, year) DO UPDATE SET size = ledger_head.size "
    "RETURNING bucket, year, size, root, frontier, ts, closed_at",
    bucket="int",
    year="int",
    root="bytes",
    frontier="bytes",
)
FIND = RowSet(
    "WITH {rows} SELECT rows.i, e.idx, e.leaf, e.body, s.n, s.leaf FROM rows "
    "LEFT JOIN ledger_entry e ON e.bucket = rows.bucket AND e.year = rows.year AND e.id = rows.id "
    "LEFT JOIN ledger_subject_head s ON s.bucket = rows.bucket AND s.year = rows.year AND s.tag = rows.tag "
    "ORDER BY rows.i",
    bucket="int",
    year="int",
    id="bytes",
    tag="bytes",
)
_INSERT_ENTRIES = RowSet(
    "WITH {rows} INSERT INTO ledger_entry (bucket, year, idx, id, leaf, body) "
    "SELECT bucket, year, idx, id, leaf, body FROM rows",
    bucket="int",
    year="int",
    idx="int",
    id="bytes",
    leaf="bytes",
    body="bytes",
)
_INSERT_OPENINGS = RowSet(
    "WITH {rows} INSERT INTO ledger_opening (bucket, year, idx, subject, sealed) "
    "SELECT bucket, year, idx, subject, sealed FROM rows",
    bucket="int",
    year="int",
    idx="int",
    subject="bytes",
    sealed="bytes",
)
_MOVE_TAILS = RowSet(
    "WITH {rows} INSERT INTO ledger_subject_head (bucket, year, tag, n, leaf, idx) "
    "SELECT bucket, year, tag, n, leaf, idx FROM rows WHERE true "
    "ON CONFLICT (bucket, year, tag) DO UPDATE SET n = excluded.n, leaf = excluded.leaf, idx = excluded.idx",
    bucket="int",
    year="int",
    tag="bytes",
    n="int",
    leaf="bytes",
    idx="int",
)
_MOVE_HEADS = RowSet(
    "WITH {rows} UPDATE ledger_head SET size = rows.size, root = rows.root, frontier = rows.frontier, "
    "ts = rows.ts FROM rows WHERE ledger_head.bucket = rows.bucket AND ledger_head.year = rows.year "
    "AND ledger_head.size = rows.old RETURNING ledger_head.bucket",
    bucket="int",
    year="int",
    old="int",
    size="int",
    root="bytes",
    frontier="bytes",
    ts="int",
)


WRITE = Together(
    entries=_INSERT_ENTRIES,
    openings=_INSERT_OPENINGS,
    tails=_MOVE_TAILS,
    heads=_MOVE_HEADS,
    returning="heads",
)
