"""The table of people letting somebody they refused ask once more, before the time to ask again has come."""

from sqlalchemy import BigInteger, Column, Table

from consent.schema.foreign_keys import same
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata

asking_again = Table(
    "asking_again",
    metadata,
    col.bucket(),
    col.key("subject"),
    col.text_key("recipient_id"),
    col.text_key("purpose"),
    Column("allowed_at", BigInteger, primary_key=True, autoincrement=False),
    same("asking_again", "consumer", "bucket subject"),
    same("asking_again", "purpose", "purpose", "code"),
    same("asking_again", "recipient", "recipient_id", "id"),
)

append_only(asking_again)
