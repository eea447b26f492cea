"""Making the codes that are missing: of new people, of changed ones, and of everybody in a new index epoch.

In steps of 500 people whose rows are held meanwhile, so that no code is made of values that are no longer so. Killed
anywhere, the next run makes what is still missing.
"""

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Connection, Select, and_, func, select, tuple_

from vault.ids import Bucket, Person, SubjectId
from vault.linkage.choice import is_on
from vault.linkage.codes import Codes, Record
from vault.linkage.keeping import MOST_STATES, Keeper
from vault.linkage.tables import linkage_code
from vault.opening import Vault
from vault.people.holds import lock_people
from vault.people.stored import StoredValue, every_values
from vault.storage.rowset import RowSet
from vault.tables import person

BATCH: Final = 500
_KEPT: Final = ("active", "merged")

type Report = Callable[[int, int], None]
"""Called after each step with how many codes are made, of how many that were missing."""

_STORE = RowSet(
    "WITH {rows} INSERT INTO linkage_code (bucket, subject, epoch, sealed) "
    "SELECT bucket, subject, epoch, sealed FROM rows WHERE true ON CONFLICT (bucket, subject) DO UPDATE SET "
    "epoch = excluded.epoch, sealed = excluded.sealed",
    bucket="int",
    subject="bytes",
    epoch="int",
    sealed="bytes",
)


def missing(conn: Connection, vault: Vault) -> int:
    """How many people have no code of the epoch that is read."""
    return int(conn.execute(select(func.count()).select_from(_without(vault).subquery())).scalar_one())


def fill(vault: Vault, *, report: Report | None = None) -> int:
    """Make every code that is missing; answers how many. None, where the operator has not turned them on."""
    with vault.data.read() as conn:
        wanted = missing(conn, vault) if is_on(conn) else 0
    made, after = 0, None
    while made < wanted and (people := _next(vault, after)):
        made += _make(vault, people)
        after = people[-1]
        if report:
            report(made, wanted)
    return made


def _without(vault: Vault) -> Select[int, bytes]:
    first, many = vault.installation.buckets
    code = linkage_code
    mine = and_(
        code.c.bucket == person.c.bucket,
        code.c.subject == person.c.subject,
        code.c.epoch == vault.keyring.index_epoch,
    )
    return (
        select(person.c.bucket, person.c.subject)
        .outerjoin(code, mine)
        .where(
            code.c.subject.is_(None),
            person.c.state.in_(_KEPT),
            person.c.bucket.between(first, first + many - 1),
        )
    )


def _next(vault: Vault, after: Person | None) -> list[Person]:
    columns = person.c.bucket, person.c.subject
    query = _without(vault).order_by(*columns).limit(BATCH)
    if after is not None:
        query = query.where(tuple_(*columns) > after)
    with vault.data.read() as conn:
        return [(Bucket(bucket), SubjectId(subject)) for bucket, subject in conn.execute(query)]


def _make(vault: Vault, people: Sequence[Person]) -> int:
    """Codes of these people, unless the operator has turned them off meanwhile; answers how many."""
    keys = vault.keyring.tag_keys
    keeper = Keeper(keys)
    with vault.data.write() as conn:
        states = lock_people(conn, people)
        if not is_on(conn):
            return 0
        kept = [(bucket, who) for bucket, who in people if states.get(who) in _KEPT]
        opening = vault.keyring.subject_keys(kept)
        homes = {who: (bucket, opening[who]) for bucket, who in kept if who in opening}
        values = every_values(conn, vault, homes)
        rows = _sealed(keeper, [((home[0], who), states_of(values[who])) for who, home in homes.items()])
        _STORE(conn, rows)
        vault.keyring.settle_tags(keys)
    return len(rows)


def _sealed(
    keeper: Keeper, people: Sequence[tuple[Person, Sequence[Record]]]
) -> list[tuple[Bucket, SubjectId, int, bytes]]:
    codes = keeper.encoder.encode([record for _, records in people for record in records])
    rows: list[tuple[Bucket, SubjectId, int, bytes]] = []
    start = 0
    for who, records in people:
        end = start + len(records)
        own = Codes(codes.words[start:end], codes.blocks[start:end])
        rows.append((who[0], who[1], keeper.epoch, keeper.seal(who, own)))
        start = end
    return rows


def states_of(values: Sequence[StoredValue]) -> list[Record]:
    """A person's values as they stand, and as they stood at the beginning of each of the last changes before.

    An old leak shows an old address beside the name of then; what two states share is in both.
    """
    instants = sorted({one.valid_from for one in values}, reverse=True)[:MOST_STATES]
    found: list[Record] = []
    for at in instants:
        state = {
            one.field: one.text
            for one in values
            if one.text is not None and one.valid_from <= at and (one.valid_to is None or one.valid_to > at)
        }
        if state and state not in found:
            found.append(state)
    return found
