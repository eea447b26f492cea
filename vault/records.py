"""People and their values over time: the names by which the floors above create, change, count and look.

Creating lives in `enrol`, changing in `changes`, the person's own masked view in `history`; here is who there
is at all.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from vault.changes import Change, Updated, update_many, update_value
from vault.drafts import PROFILE, Refused
from vault.enrol import Created, NewPerson, create_many
from vault.history import VersionLine, Window, history, masked, standing, windows
from vault.ids import Bucket, SubjectId
from vault.tables import person

__all__ = [
    "PROFILE",
    "Change",
    "Created",
    "NewPerson",
    "Refused",
    "Updated",
    "VersionLine",
    "Window",
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
