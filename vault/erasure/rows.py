"""The statements of `erase`: each over a list of people or of their tags. Those of unique keys are `unique_keys`'."""

from vault.storage.rowset import RowSet

LOCK = RowSet(
    "WITH {rows} SELECT p.subject, p.state FROM rows JOIN person p ON p.bucket = rows.bucket "
    "AND p.subject = rows.subject ORDER BY p.bucket, p.subject {for_update:p}",
    bucket="int",
    subject="bytes",
)
ALIVE = RowSet(
    "WITH {rows} SELECT p.subject FROM rows JOIN person p ON p.bucket = rows.bucket "
    "AND p.subject = rows.subject WHERE p.state <> 'erased'",
    bucket="int",
    subject="bytes",
)
TOMBSTONE = RowSet(
    "WITH {rows} UPDATE person SET state = 'erased', erased_at = :now WHERE state <> 'erased' "
    "AND (bucket, subject) IN (SELECT bucket, subject FROM rows)",
    bucket="int",
    subject="bytes",
)
ORDER = RowSet(
    "WITH {rows} INSERT INTO erasure (bucket, subject, stage, probes, tags, versions, keys, ordered_at) "
    "SELECT bucket, subject, 1, probes, 0, 0, 0, :now FROM rows",
    bucket="int",
    subject="bytes",
    probes="bytes",
)
AT_STAGE = RowSet(
    "WITH {rows} SELECT e.subject FROM rows JOIN erasure e ON e.bucket = rows.bucket "
    "AND e.subject = rows.subject WHERE e.stage = :stage ORDER BY e.bucket, e.subject {for_update:e}",
    bucket="int",
    subject="bytes",
)
TAGS_LEFT = RowSet(
    # No index leads from a person to their tags: this reads the whole table, once for all of `rows`.
    "WITH {rows} SELECT t.bucket, t.subject, t.kind, t.epoch, t.tag FROM tag t "
    "WHERE (t.bucket, t.subject) IN (SELECT bucket, subject FROM rows)",
    bucket="int",
    subject="bytes",
)
FOUND = RowSet(
    "WITH {rows} SELECT t.bucket, t.subject, t.kind, t.epoch, t.tag FROM rows CROSS JOIN tag t "
    "WHERE t.kind = rows.kind AND t.epoch = rows.epoch AND t.tag = rows.tag AND t.subject = rows.subject",
    kind="int",
    epoch="int",
    tag="int",
    subject="bytes",
)
UNTAG = RowSet(
    "WITH {rows} DELETE FROM tag WHERE (bucket, kind, epoch, tag, subject) IN "
    "(SELECT bucket, kind, epoch, tag, subject FROM rows) RETURNING subject",
    bucket="int",
    kind="int",
    epoch="int",
    tag="int",
    subject="bytes",
)
DROP_VALUES = RowSet(
    "WITH {rows} DELETE FROM value WHERE (bucket, subject) IN (SELECT bucket, subject FROM rows) "
    "RETURNING subject",
    bucket="int",
    subject="bytes",
)
COUNT_VALUES = RowSet(
    "WITH {rows} SELECT v.subject, v.field FROM rows CROSS JOIN value v WHERE v.bucket = rows.bucket "
    "AND v.subject = rows.subject",
    bucket="int",
    subject="bytes",
)
COUNTED = RowSet(
    "WITH {rows} UPDATE erasure SET stage = 2, tags = rows.tags, versions = rows.versions FROM rows "
    "WHERE erasure.bucket = rows.bucket AND erasure.subject = rows.subject AND erasure.stage = 1",
    bucket="int",
    subject="bytes",
    tags="int",
    versions="int",
)
DIGESTED = RowSet(
    "WITH {rows} UPDATE erasure SET keys = rows.keys, wrapped_sha256 = rows.digest FROM rows "
    "WHERE erasure.bucket = rows.bucket AND erasure.subject = rows.subject "
    "AND erasure.wrapped_sha256 IS NULL",
    bucket="int",
    subject="bytes",
    keys="int",
    digest="bytes",
)
KEYLESS = RowSet(
    "WITH {rows} UPDATE erasure SET stage = 3, keyless_at = :now, eviction = rows.eviction FROM rows "
    "WHERE erasure.bucket = rows.bucket AND erasure.subject = rows.subject AND erasure.stage IN (2, 3)",
    bucket="int",
    subject="bytes",
    eviction="int",
)
VERIFIED = RowSet(
    "WITH {rows} UPDATE erasure SET stage = 4, probes = NULL, verified_at = :now FROM rows "
    "WHERE erasure.bucket = rows.bucket AND erasure.subject = rows.subject AND erasure.stage = 3",
    bucket="int",
    subject="bytes",
)
KEY_ROWS = RowSet(
    "WITH {rows} SELECT k.subject, k.kind, k.epoch, k.wrapped FROM rows CROSS JOIN subject_key k "
    "WHERE k.bucket = rows.bucket AND k.tenant = :tenant AND k.subject = rows.subject "
    "ORDER BY k.subject, k.kind, k.epoch",
    bucket="int",
    subject="bytes",
)
