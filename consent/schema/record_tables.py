"""The table of recipients' records: what is counted about each of them once a day, for whoever is asked to trust it.

It holds numbers and nothing of anybody: they are worked out from what is kept anyway, and replaced by the next count.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Table, Text

from vault.storage import columns as col
from vault.storage.database import metadata
from vault.storage.tenancy import tenant_column

recipient_record = Table(
    "recipient_record",
    metadata,
    Column("recipient_id", Text, ForeignKey("recipient.id"), primary_key=True),
    col.number("erased_in_time"),
    col.number("erased_late"),
    col.number("not_erased"),
    Column("service_denied", BigInteger, nullable=False, server_default="0"),
    col.time("counted_at"),
    tenant_column(),
    CheckConstraint(
        "erased_in_time >= 0 AND erased_late >= 0 AND not_erased >= 0 AND service_denied >= 0", name="counts"
    ),
)
