"""Private links to erasures: whoever holds one sees how far it has come and fetches the certificate, without signing in.

The person has no account any more, so the address itself is the right to look. It is 256 random bits of which only
the hash is stored, and what it leads to says nothing about anybody.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from api.tables import erasure_link
from vault.ids import Bucket, SubjectId, new_secret, secret_bucket, secret_hash

PREFIX = "erl"


def open_link(conn: Connection, bucket: Bucket, people: Sequence[SubjectId], now_ms: int) -> str:
    """A new link to the erasure of these people, who were ordered together; its secret part."""
    secret = new_secret(PREFIX, bucket)
    row = {"bucket": bucket, "id_hash": secret_hash(secret), "created_at": now_ms}
    conn.execute(insert(erasure_link), [{**row, "subject": subject} for subject in people])
    return secret


def people_behind(conn: Connection, text: str) -> list[SubjectId]:
    """Whose erasure a link leads to, empty when there is none; raises MalformedId."""
    link, bucket = erasure_link.c, secret_bucket(PREFIX, text)
    found = select(link.subject).where(link.bucket == bucket, link.id_hash == secret_hash(text))
    return [SubjectId(subject) for subject in conn.execute(found.order_by(link.subject)).scalars()]
