"""Which backups were made, and which of them a value stood in.

A backup of the keys opens the copy of the data that lies beside it, so it holds of everybody what was current when
it was made. It is noted before its file is written: what is noted may not exist, what exists is noted. Copies of
the data base that were made by other programs are not known here.
"""

from sqlalchemy import Connection, select

from vault.backups.tables import key_backup
from vault.ids import TenantId
from vault.storage.database import Database
from vault.storage.rowset import RowSet

_NOTE = RowSet(
    "WITH {rows} INSERT INTO key_backup (tenant, made_at, epoch) SELECT tenant, made_at, epoch FROM rows WHERE true "
    "ON CONFLICT DO NOTHING",
    tenant="bytes",
    made_at="int",
    epoch="int",
)


def note(data: Database, tenant: TenantId, made_at: int, epoch: int) -> None:
    """Remember a backup (times in Unix ms); once, however often it is said."""
    with data.write() as conn:
        _NOTE(conn, [(tenant, made_at, epoch)])


def made_before(conn: Connection, before_ms: int) -> list[int]:
    """When backups were made, before an instant (Unix ms), in order."""
    c = key_backup.c
    return list(conn.execute(select(c.made_at).where(c.made_at < before_ms).order_by(c.made_at)).scalars())
