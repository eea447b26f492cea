"""When and how a person signed in: a history of theirs that only grows, without a trace of where from."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, insert, select

from consent.schema.account_tables import sign_in_record
from vault.ids import Bucket, SubjectId, new_id


class How(StrEnum):
    """What a person proved themselves with."""

    KEY = "key"
    CODE = "code"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """One sign-in; Unix milliseconds."""

    how: How
    at: int


def note_sign_in(conn: Connection, who: tuple[Bucket, SubjectId], how: How, now_ms: int) -> None:
    """Write down one sign-in."""
    bucket, subject = who
    row = {"bucket": bucket, "id": new_id(bucket, now_ms), "subject": subject, "how": how.value, "at": now_ms}
    conn.execute(insert(sign_in_record).values(row))


def last_sign_ins(conn: Connection, who: tuple[Bucket, SubjectId], most: int) -> list[SignIn]:
    """A person's sign-ins, newest first."""
    c = sign_in_record.c
    newest = (
        select(c.how, c.at).where(c.subject == who[1], c.bucket == who[0]).order_by(c.id.desc()).limit(most)
    )
    return [SignIn(how=How(row.how), at=row.at) for row in conn.execute(newest)]
