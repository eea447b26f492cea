"""Retiring texts: a notice or liability terms under which nobody is asked any more, though consents under them stand.

A recipient that changed what it does with the data, or that found its wording wrong, publishes a new version;
until the old one is retired it could go on asking under either. What was asked before is answered as it was
shown, within minutes.

* `retire(conn, name, reason, now_ms) -> bool`: False when it was before; `name` is a notice's or terms' id. Raises
  UnknownText, and BadRegistration for a reason that is none.
* `retired(conn, *names) -> bool`: whether any of these texts is.
"""

from sqlalchemy import Connection, insert, select

from consent.errors import UnknownText
from consent.recipients.suspensions import reason_of
from consent.schema.tables import notice_version, retired_text, terms_version
from consent.texts import storable


def retire(conn: Connection, name: str, reason: str, now_ms: int) -> bool:
    """Let nobody be asked under this text from this commit on; for good."""
    said, whose = reason_of(reason), _whose(conn, name)
    if retired(conn, name):
        return False
    conn.execute(insert(retired_text).values(text_id=name, recipient_id=whose, reason=said, at=now_ms))
    return True


def retired(conn: Connection, *names: str) -> bool:
    """Whether any of these texts has been retired."""
    found = select(retired_text.c.text_id).where(retired_text.c.text_id.in_(names)).limit(1)
    return conn.execute(found).first() is not None


def _whose(conn: Connection, name: str) -> str:
    if storable(name):
        for table in (notice_version, terms_version):
            found = select(table.c.recipient_id).where(table.c.id == name)
            whose: str | None = conn.execute(found).scalar_one_or_none()
            if whose is not None:
                return whose
    raise UnknownText("no notice and no terms are known by this id")
