"""Who decides for whom: guardians' links, each on evidence of which only the SHA-256 is kept (PIPL 31, 14 and 18).

A person is nobody's guardian while known to be a minor, nobody guards themselves, and guardianship makes no
circles. A parent's ends by itself when the ward comes of age (`due`); for a ward known to be of age somebody
can only be appointed. A parent decides for a child until the day after the fourteenth birthday (PIPL 31), or for as
long as the link lasts where no birthday is known; whoever was appointed decides for as long as the link lasts.
Ages come from the birth date or the resident number, opened in here and not let out.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, select, update

from vault.days import begins, day_at
from vault.families.tables import guardianship
from vault.fields import birth_date
from vault.fields.field import CHILD_BELOW
from vault.ids import Bucket, SubjectId, bucket_for
from vault.opening import Vault
from vault.people.ages import births_of
from vault.people.drafts import Refused
from vault.people.holds import take_people
from vault.storage.rowset import RowSet

ADULT: Final = 18
DIGEST_BYTES: Final = 32
NAME_BYTES: Final = 16
_LABEL: Final = b"pv1/guardianship"
_PAGE: Final = 500


class Tie(StrEnum):
    """What makes somebody a guardian: being a parent, or the appointment by an authority."""

    PARENT = "parent"
    APPOINTED = "appointed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardianship:
    """One link; times are Unix milliseconds, `valid_until` None when nothing is known that would end it.

    `decides_until`: from then on the ward decides themselves; None for as long as the link lasts.
    """

    bucket: Bucket
    ward: SubjectId
    guardian_bucket: Bucket
    guardian: SubjectId
    kind: Tie
    evidence_sha256: bytes
    valid_from: int
    valid_until: int | None
    decides_until: int | None
    ended_at: int | None

    @property
    def name(self) -> bytes:
        """16 bytes that stand for this link, and tell nobody whose it is."""
        return link_name(self.ward, self.guardian, self.valid_from)

    def holds_at(self, at_ms: int) -> bool:
        """Whether the guardian stands for the ward at this instant."""
        over = [end for end in (self.valid_until, self.ended_at) if end is not None]
        return self.valid_from <= at_ms < min(over, default=at_ms + 1)

    def decides_at(self, at_ms: int) -> bool:
        """Whether the guardian, and not the ward, decides at this instant."""
        return self.holds_at(at_ms) and (self.decides_until is None or at_ms < self.decides_until)


def link_name(ward: SubjectId, guardian: SubjectId, valid_from: int) -> bytes:
    """16 bytes that stand for a link: of SHA-256 over both people's random names and its beginning."""
    whole = ward + guardian + valid_from.to_bytes(8, "big")
    return hashlib.sha256(_LABEL + whole).digest()[:NAME_BYTES]


type Within = Callable[[Connection, Guardianship], None]
"""What else the transaction of a link writes, as its last step."""

_COLUMNS = tuple(column.name for column in guardianship.c)
_OF = RowSet(
    f"WITH {{rows}} SELECT {', '.join(f'g.{name}' for name in _COLUMNS)} FROM rows JOIN guardianship g "
    "ON g.bucket = rows.bucket AND g.ward = rows.ward",
    bucket="int",
    ward="bytes",
)
_FORGET = RowSet(
    "WITH {rows} DELETE FROM guardianship WHERE (bucket, ward) IN (SELECT bucket, ward FROM rows)",
    bucket="int",
    ward="bytes",
)
_ABOVE = RowSet(
    "WITH {rows} SELECT DISTINCT g.guardian_bucket, g.guardian FROM rows JOIN guardianship g "
    "ON g.bucket = rows.bucket AND g.ward = rows.ward WHERE g.ended_at IS NULL",
    bucket="int",
    ward="bytes",
)


def link(
    vault: Vault,
    ward: SubjectId,
    guardian: SubjectId,
    kind: Tie,
    evidence_sha256: bytes,
    now_ms: int,
    *,
    within: Within | None = None,
) -> Guardianship | Refused:
    """Make `guardian` a guardian of `ward` from `now_ms` on; in one transaction.

    Refusals: `guardian_self`, `guardian_minor`, `guardian_circle`, `guardian_exists`, `ward_adult` (a parent's
    link to somebody known to be of age), `person_unknown`.
    """
    if len(evidence_sha256) != DIGEST_BYTES:
        raise ValueError("evidence is named by a SHA-256 of 32 bytes")
    if ward == guardian:
        return Refused("guardian_self", "")
    buckets = vault.installation.buckets
    pair = [(bucket_for(who, buckets), who) for who in (ward, guardian)]
    keys = vault.keyring.subject_keys(pair)
    with vault.data.write() as conn:
        # Both rows are held: two links that would close a circle of two come one after the other.
        if len(take_people(conn, pair)) < 2 or len(keys) < 2:
            return Refused("person_unknown", "")
        births = births_of(conn, vault, [(bucket, keys[who]) for bucket, who in pair])
        wanted = Guardianship(
            bucket=pair[0][0],
            ward=ward,
            guardian_bucket=pair[1][0],
            guardian=guardian,
            kind=kind,
            evidence_sha256=evidence_sha256,
            valid_from=now_ms,
            valid_until=_completes(births.get(ward), ADULT, vault.zone) if kind is Tie.PARENT else None,
            decides_until=_completes(births.get(ward), CHILD_BELOW, vault.zone)
            if kind is Tie.PARENT
            else None,
            ended_at=None,
        )
        refusal = _refusal(conn, wanted, _age(births.get(guardian), vault.zone, now_ms), now_ms)
        if refusal is not None:
            return Refused(refusal, "")
        conn.execute(guardianship.insert().values(_row(wanted)))
        if within is not None:
            within(conn, wanted)
        return wanted


def end(
    conn: Connection, bucket: Bucket, ward: SubjectId, guardian: SubjectId, now_ms: int
) -> Guardianship | None:
    """End the link between these two in the caller's transaction; None when there is none."""
    g = guardianship.c
    here = (g.bucket == bucket) & (g.ward == ward) & (g.guardian == guardian) & g.ended_at.is_(None)
    row = conn.execute(select(guardianship).where(here).with_for_update()).mappings().one_or_none()
    if row is None:
        return None
    ended_at = max(now_ms, row["valid_from"])
    conn.execute(update(guardianship).where(here).values(ended_at=ended_at))
    return _guardianship({**row, "ended_at": ended_at})


def guardians_of(conn: Connection, bucket: Bucket, ward: SubjectId) -> list[Guardianship]:
    """Every link a ward has or had, oldest first."""
    g = guardianship.c
    listed = select(guardianship).where(g.bucket == bucket, g.ward == ward)
    return [_guardianship(row) for row in conn.execute(listed.order_by(g.valid_from, g.guardian)).mappings()]


def link_of(
    conn: Connection, bucket: Bucket, ward: SubjectId, guardian: SubjectId, valid_from: int
) -> Guardianship | None:
    """One link by its key, as it stands now."""
    g = guardianship.c
    here = (g.bucket == bucket, g.ward == ward, g.guardian == guardian, g.valid_from == valid_from)
    row = conn.execute(select(guardianship).where(*here)).mappings().one_or_none()
    return None if row is None else _guardianship(row)


def guardians_of_many(conn: Connection, wards: Sequence[tuple[Bucket, SubjectId]]) -> list[Guardianship]:
    """Every link these wards have or had, in no order; one statement."""
    return [_guardianship(dict(zip(_COLUMNS, row, strict=True))) for row in _OF(conn, wards)]


def forget(conn: Connection, wards: Sequence[tuple[Bucket, SubjectId]]) -> None:
    """Delete every link of wards who have been erased; the data base refuses it for anybody else."""
    _FORGET(conn, wards)


def wards_of(conn: Connection, bucket: Bucket, guardian: SubjectId) -> list[Guardianship]:
    """Every link in which somebody is or was the guardian, oldest first."""
    g = guardianship.c
    listed = select(guardianship).where(g.guardian == guardian, g.guardian_bucket == bucket)
    return [_guardianship(row) for row in conn.execute(listed.order_by(g.valid_from, g.ward)).mappings()]


def due(conn: Connection, now_ms: int) -> list[Guardianship]:
    """Links whose time is over and that nobody has ended yet, at most a page of them."""
    g = guardianship.c
    over = select(guardianship).where(g.ended_at.is_(None), g.valid_until <= now_ms)
    return [_guardianship(row) for row in conn.execute(over.order_by(g.valid_until).limit(_PAGE)).mappings()]


def _age(born: date | None, zone: tzinfo, now_ms: int) -> int | None:
    return None if born is None else birth_date.age_on(born, day_at(now_ms, zone))


def _refusal(conn: Connection, wanted: Guardianship, age: int | None, now_ms: int) -> str | None:
    """Why this link cannot be made; `age` is the guardian's in whole years, None where it is not known."""
    if age is not None and age < ADULT:
        return "guardian_minor"
    if wanted.valid_until is not None and wanted.valid_until <= now_ms:
        return "ward_adult"
    above = _everybody_above(conn, (wanted.guardian_bucket, wanted.guardian))
    if (wanted.bucket, wanted.ward) in above:
        return "guardian_circle"
    mine = guardians_of(conn, wanted.bucket, wanted.ward)
    if any(one.guardian == wanted.guardian and one.ended_at is None for one in mine):
        return "guardian_exists"
    return None


def _everybody_above(conn: Connection, who: tuple[Bucket, SubjectId]) -> set[tuple[Bucket, SubjectId]]:
    """The guardians of somebody, their guardians, and so on."""
    found: set[tuple[Bucket, SubjectId]] = set()
    edge: Iterable[tuple[Bucket, SubjectId]] = [who]
    while edge:
        higher = {(Bucket(bucket), SubjectId(one)) for bucket, one in _ABOVE(conn, sorted(edge))}
        edge = higher - found
        found |= higher
    return found


def _completes(born: date | None, years: int, zone: tzinfo) -> int | None:
    """The first instant (Unix ms) of the day on which so many years are complete, see `birth_date.age_on`."""
    if born is None:
        return None
    leap = (born.month, born.day) == (2, 29)
    birthday = date(born.year + years, 2, 28) if leap else born.replace(year=born.year + years)
    return begins(birthday + timedelta(days=1), zone)


def _row(link_: Guardianship) -> dict[str, Any]:
    return {name: getattr(link_, name) for name in _COLUMNS}


def _guardianship(row: Mapping[str, Any] | RowMapping) -> Guardianship:
    return Guardianship(**{**row, "kind": Tie(row["kind"])})
