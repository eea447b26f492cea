"""What a replay leaves behind is taken away: a trace that was only run once more has no rows."""

from sqlalchemy import delete

from breach.tables import trace as trace_table
from vault.opening import Vault
from vault.storage.database import metadata


def forget(vault: Vault, trace_id: bytes) -> None:
    """Delete an unfinished trace and everything noted for it;."""
    noted = [one for name, one in metadata.tables.items() if name.startswith("trace_") and "trace" in one.c]
    with vault.data.write() as conn:
        for table in sorted(noted, key=lambda one: one.name):
            conn.execute(delete(table).where(table.c.trace == trace_id))
        conn.execute(
            delete(trace_table).where((trace_table.c.id == trace_id) & trace_table.c.report.is_(None))
        )
