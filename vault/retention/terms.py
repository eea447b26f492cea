"""Terms: until when fields, or whole people, may be kept, and what is over by now (`striking` destroys it)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, select, tuple_

from vault.families.merge import survivors
from vault.ids import Bucket, Person, SubjectId, bucket_for
from vault.opening import Vault
from vault.people import retention_rows as sql
from vault.people.drafts import PROFILE
from vault.people.holds import lock_people
from vault.people.retention_tables import retention

WHOLE: Final = ""
"""In place of a field: the whole person."""

PAGE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Something is kept until `expires_at` (Unix ms), for a reason given as a short code."""

    bucket: Bucket
    subject: SubjectId
    field: str
    expires_at: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """By default, a value of `field` is kept for `period_ms` from when it was given."""

    field: str
    period_ms: int


def keep_until(conn: Connection, vault: Vault, terms: Sequence[Term], now_ms: int) -> None:
    """Set or replace terms. A struck one stays until its person has a new key.

    What is said of somebody who was merged away is said of the survivor; of two terms in one call for one field of
    one person the one that ends first holds.
    """
    tops = standing(conn, vault, ((term.bucket, term.subject) for term in terms))
    first: dict[tuple[Person, str], Term] = {}
    for term in sorted(terms, key=lambda one: -one.expires_at):
        first[tops[term.subject], term.field] = term
    rows = [(*who, code, term.expires_at, term.reason) for (who, code), term in first.items()]
    sql.SET(conn, rows, now=now_ms)


def standing(conn: Connection, vault: Vault, people: Iterable[Person]) -> dict[SubjectId, Person]:
    """For each of these people the survivor, or who they are themselves; those rows are held until the end."""
    wanted = set(people)
    while True:
        keep = survivors(conn, wanted)
        tops = {who: (bucket, who) for bucket, who in wanted}
        tops |= {who: (bucket_for(top, vault.installation.buckets), top) for who, top in keep.items()}
        if "merged" not in lock_people(conn, tops.values()).values():  # else it happened while this waited
            return tops


def terms_of(conn: Connection, bucket: Bucket, subject: SubjectId) -> list[Term]:
    """A person's running terms, by field."""
    r = retention.c
    mine = select(retention).where(r.bucket == bucket, r.subject == subject, r.state == "set")
    return [_term(row) for row in conn.execute(mine.order_by(r.field))]


def apply_rules(conn: Connection, rules: Sequence[Rule], now_ms: int) -> None:
    """Set terms for values that the defaults no longer allow; one statement, which looks at every value.

    Also of people who were merged away: each by the age of their own values.
    """
    sql.APPLY(conn, [(rule.field, rule.period_ms) for rule in rules], record=PROFILE, now=now_ms)


def due(
    conn: Connection, now_ms: int, *, state: str = "set", whole: bool = False, after: Term | None = None
) -> list[Term]:
    """Terms that are over, a page of them behind `after`, oldest first: of fields, or of whole people."""
    r = retention.c
    about = (r.field == WHOLE) if whole else (r.field != WHOLE)
    over = select(retention).where(r.state == state, r.expires_at <= now_ms, about)
    columns = (r.expires_at, r.bucket, r.subject, r.field)
    if after is not None:
        over = over.where(tuple_(*columns) > (after.expires_at, after.bucket, after.subject, after.field))
    return [_term(row) for row in conn.execute(over.order_by(*columns).limit(PAGE))]


def settle(conn: Connection, terms: Sequence[Term], now_ms: int) -> None:
    """Nothing is left to do for these terms."""
    sql.STATE(conn, [(t.bucket, t.subject, t.field) for t in terms], state="done", now=now_ms)


def _term(row: Row[*tuple[Any, ...]]) -> Term:
    return Term(
        bucket=Bucket(row.bucket),
        subject=SubjectId(row.subject),
        field=row.field,
        expires_at=row.expires_at,
        reason=row.reason,
    )
