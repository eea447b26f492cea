"""Locking consents: whoever changes one, or what stands under it, holds its row, in the order of bucket and id."""

from vault.storage.rowset import RowSet

LOCK = RowSet(
    "WITH {rows} SELECT g.id FROM rows JOIN consent_grant g ON g.bucket = rows.bucket AND g.id = rows.id "
    "ORDER BY g.bucket, g.id {for_update:g}",
    bucket="int",
    id="bytes",
)
