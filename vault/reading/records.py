"""People and their values over time: the names by which the floors above create, change, count and look.

Creating lives in `enrol`, changing in `changes`, the person's own masked view in `history`; here is who there
is at all.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, case, func, select

from vault.ids import Bucket, SubjectId
from vault.people.changes import Change, Updated, update_many, update_value
from vault.people.drafts import PROFILE, Refused
from vault.people.enrol import Created, NewPerson, create_many
from vault.reading.history import VersionLine, Window, history, masked, standing, windows
from vault.tables import person, value

__all__ = [
    "PROFILE",
    "Change",
    "Created",
    "NewPerson",
    "Refused",
    "Updated",
    "VersionLine",
    "Window",
    "count_ever",
    "count_holding",
    "count_people",
    "create_many",
    "history",
    "masked",
    "people",
    "standing",
    "update_many",
    "update_value",
    "windows",
]

_PAGE = 5_000


def count_people(conn: Connection, before_ms: int | None = None) -> int:
    """How many people there are who have been neither erased nor merged into another; before an instant, if given.

    Those merged since then are not counted: when that was is not kept.
    """
    there = person.c.state == "active"
    if before_ms is not None:
        there = (person.c.created_at < before_ms) & (there | (person.c.erased_at >= before_ms))
    return conn.execute(select(func.count()).select_from(person).where(there)).scalar_one()


def count_ever(conn: Connection, before_ms: int) -> int:
    """How many people there were ever, erased and merged ones included, who came before an instant."""
    return conn.execute(
        select(func.count()).select_from(person).where(person.c.created_at < before_ms)
    ).scalar_one()


def count_holding(conn: Connection, before_ms: int) -> dict[str, tuple[int, int]]:
    """By field: people a value of whom came in before an instant, and those of them of whom more than one version did."""
    c = value.c
    each = select(c.field, func.max(c.version).label("newest")).where(c.valid_from < before_ms)
    people = each.group_by(c.field, c.bucket, c.subject).subquery()
    changed = func.sum(case((people.c.newest > 1, 1), else_=0))
    counted = select(people.c.field, func.count(), changed).group_by(people.c.field)
    return {field: (int(all_), int(some)) for field, all_, some in conn.execute(counted)}


def people(conn: Connection) -> Iterator[tuple[Bucket, SubjectId]]:
    """Everybody who has been neither erased nor merged, in an order that has nothing to do with who they are."""
    after: tuple[int, bytes] = (-1, b"")
    listed = select(person.c.bucket, person.c.subject).where(person.c.state == "active")
    listed = listed.order_by(person.c.bucket, person.c.subject).limit(_PAGE)
    while True:
        beyond = (person.c.bucket > after[0]) | (
            (person.c.bucket == after[0]) & (person.c.subject > after[1])
        )
        page = conn.execute(listed.where(beyond)).all()
        for row in page:
            yield Bucket(row.bucket), SubjectId(row.subject)
        if len(page) < _PAGE:
            return
        after = (page[-1].bucket, page[-1].subject)
