"""People's sessions: our own, because a framework's session accepted an id chosen by an attacker (ADR).

An id is minted here, 256 random bits, at every sign-in; the data base keeps its hash in the person's bucket.
A session ends by sign-out, after `idle` without a request, or `longest` after sign-in, whichever comes first.
All times are Unix milliseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from litestar.datastructures import Cookie
from sqlalchemy import Connection, and_, delete, insert, or_, select, tuple_, update

from api.tables import portal_session
from vault.errors import MalformedId
from vault.ids import Bucket, SubjectId, new_secret, secret_bucket, secret_hash
from vault.storage.database import Database

PREFIX = "ses"
_TOUCH_EVERY = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """How long a session lasts, in milliseconds."""

    idle: int
    longest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in person. `secret` is the cookie's text: it binds CSRF tokens and is never stored."""

    bucket: Bucket
    subject: SubjectId
    secret: str
    created_at: int
    seen_at: int


def open_session(conn: Connection, bucket: Bucket, subject: SubjectId, now_ms: int) -> str:
    """A new session's secret for the cookie."""
    secret = new_secret(PREFIX, bucket)
    row = {"bucket": bucket, "id_hash": secret_hash(secret), "subject": subject}
    conn.execute(insert(portal_session).values(**row, created_at=now_ms, seen_at=now_ms))
    return secret


def find_session(database: Database, text: str, now_ms: int, lifetime: Lifetime) -> Session | None:
    """The live session behind a cookie's text, or None; notes at most once a minute that it was seen."""
    try:
        bucket = secret_bucket(PREFIX, text)
    except MalformedId:
        return None
    own = and_(portal_session.c.bucket == bucket, portal_session.c.id_hash == secret_hash(text))
    with database.read() as conn:
        row = conn.execute(select(portal_session).where(own)).one_or_none()
    if row is None or now_ms > row.seen_at + lifetime.idle or now_ms > row.created_at + lifetime.longest:
        return None
    if now_ms > row.seen_at + _TOUCH_EVERY:
        with database.write() as conn:
            conn.execute(update(portal_session).where(own).values(seen_at=now_ms))
    return Session(
        bucket=bucket,
        subject=SubjectId(row.subject),
        secret=text,
        created_at=row.created_at,
        seen_at=row.seen_at,
    )


def end_session(conn: Connection, text: str) -> None:
    """End the session behind a cookie's text, if there is one: it is worthless from this commit on."""
    try:
        bucket = secret_bucket(PREFIX, text)
    except MalformedId:
        return
    conn.execute(
        delete(portal_session).where(
            portal_session.c.bucket == bucket, portal_session.c.id_hash == secret_hash(text)
        )
    )


def renew_session(conn: Connection, session: Session, now_ms: int) -> str:
    """A new session for whoever has just proved themselves again; the old one is worthless from this commit on."""
    end_session(conn, session.secret)
    return open_session(conn, session.bucket, session.subject, now_ms)


def end_other_sessions(conn: Connection, session: Session) -> None:
    """End every session of this person but this one, wherever they signed in."""
    s = portal_session.c
    others = and_(s.bucket == session.bucket, s.subject == session.subject)
    conn.execute(delete(portal_session).where(others, s.id_hash != secret_hash(session.secret)))


def end_sessions_of(conn: Connection, people: Sequence[tuple[Bucket, SubjectId]]) -> None:
    """End every session of these people, wherever they signed in."""
    mine = tuple_(portal_session.c.bucket, portal_session.c.subject).in_(people)
    conn.execute(delete(portal_session).where(mine))


def sweep_sessions(conn: Connection, now_ms: int, lifetime: Lifetime) -> None:
    """Remove what has ended by time."""
    gone = or_(
        portal_session.c.seen_at < now_ms - lifetime.idle,
        portal_session.c.created_at < now_ms - lifetime.longest,
    )
    conn.execute(delete(portal_session).where(gone))


@dataclass(frozen=True, slots=True)
class CookieJar:
    """The one cookie of a signed-in person, its forerunner that binds the forms of the sign-in page, and an arrival's.

    Over https the names begin with `__Host-`, which makes browsers insist on Secure, Path=/ and no Domain.
    Lax, not Strict: a person arrives at `/authorize` from the recipient's site and must be recognised.
    """

    secure: bool

    @property
    def session_name(self) -> str:
        return "__Host-perusal" if self.secure else "perusal"

    @property
    def visitor_name(self) -> str:
        return "__Host-perusal-visitor" if self.secure else "perusal-visitor"

    @property
    def arrival_name(self) -> str:
        return "__Host-perusal-arrival" if self.secure else "perusal-arrival"

    def keep(self, name: str, value: str) -> Cookie:
        """A cookie that lasts until the browser closes."""
        return Cookie(key=name, value=value, secure=self.secure, httponly=True, samesite="lax")

    def drop(self, name: str) -> Cookie:
        """The order to forget a cookie."""
        return Cookie(key=name, value="", max_age=0, secure=self.secure, httponly=True, samesite="lax")
