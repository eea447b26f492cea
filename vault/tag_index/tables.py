"""Tables behind the index of tags in files: which one there is, and the tags that have come or gone since it was made.

The index (`tag_index.indexing`) is a copy, so somebody has to know what it lacks. While there is one, triggers note
the tag of every row that is written or deleted: of the kinds the index holds, of its epoch, and neither whose
it was nor whether it came or went. Where nobody has made an index nothing is noted. A note that is made again
counts on, so that whoever has dealt with it can tell (`times`).
"""

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, LargeBinary, SmallInteger, Table

from vault.fields.catalogue import BUILTIN
from vault.finding.tag_tables import tag
from vault.storage import columns as col
from vault.storage.appendonly import install
from vault.storage.database import metadata
from vault.storage.tenancy import OwnTenant
from vault.tags.registry import kinds_of
from vault.tags.shapes import Shape

INDEXED: Final = tuple(
    one.number
    for field in BUILTIN
    if field.identifying
    for one in kinds_of(field)
    if one.shape == Shape.EXACT
)
"""The kinds of tag the index holds: whole values that are practically one person's."""

tag_index = Table(
    "tag_index",
    metadata,
    Column("tenant", LargeBinary, primary_key=True, server_default=OwnTenant()),
    Column("epoch", SmallInteger, nullable=False),
    col.time("begun_at"),
    Column("manifest", LargeBinary),
    CheckConstraint("manifest IS NULL OR length(manifest) = 32", name="manifest"),
)
"""One row where there is an index, or one is being made (`manifest` NULL); `manifest`: SHA-256 of its list of files."""

tag_touched = Table(
    "tag_touched",
    metadata,
    col.bucket(),
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("epoch", SmallInteger, primary_key=True, autoincrement=False),
    Column("tag", BigInteger, primary_key=True, autoincrement=False),
    col.big("times"),
    sqlite_with_rowid=False,
)

_NOTE = (
    "INSERT INTO tag_touched (bucket, kind, epoch, tag, times) SELECT {bucket}, {kind}, {epoch}, {tag}, 1 {rows} "
    "ON CONFLICT (bucket, kind, epoch, tag) DO UPDATE SET times = tag_touched.times + 1"
)
_KINDS = ", ".join(map(str, INDEXED))


def _on_sqlite(verb: str, row: str) -> None:
    cells = {name: f"{row}.{name}" for name in ("bucket", "kind", "epoch", "tag")}
    install(
        tag,
        sqlite=f"CREATE TRIGGER tag_touched_{verb.lower()} AFTER {verb} ON tag WHEN {row}.kind IN ({_KINDS}) "
        f"AND EXISTS (SELECT 1 FROM tag_index WHERE epoch = {row}.epoch) "
        f"BEGIN {_NOTE.format(rows='WHERE true', **cells)}; END",
    )


def _on_postgresql(verb: str, rows: str) -> None:
    # Once per statement, and nothing but a glance where there is no index: a bulk load writes thousands of rows.
    cells = {name: name for name in ("bucket", "kind", "epoch", "tag")}
    from_rows = (
        f"FROM moved WHERE kind IN ({_KINDS}) AND epoch IN (SELECT i.epoch FROM tag_index i) "
        "GROUP BY bucket, kind, epoch, tag ORDER BY bucket, kind, epoch, tag"
    )
    install(
        tag,
        postgresql=f"CREATE TRIGGER tag_touched_{verb.lower()} AFTER {verb} ON tag REFERENCING {rows} TABLE AS moved "
        "FOR EACH STATEMENT EXECUTE FUNCTION tag_touched()",
    )
    if verb == "INSERT":
        install(
            tag_touched,
            postgresql="CREATE FUNCTION tag_touched() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF EXISTS (SELECT 1 FROM tag_index) THEN {_NOTE.format(rows=from_rows, **cells)}; END IF; "
            "RETURN NULL; END $$",
        )


for _verb, _row, _rows in (("INSERT", "NEW", "NEW"), ("DELETE", "OLD", "OLD")):
    _on_sqlite(_verb, _row)
    _on_postgresql(_verb, _rows)
tag_touched.add_is_dependent_on(tag_index)
tag.add_is_dependent_on(tag_touched)
