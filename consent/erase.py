"""Erasing people: ordered in one transaction, carried out in steps that survive whoever runs them, then certified.

`order` tombstones in the caller's transaction: from its commit on nobody reads the person, and their account no
longer opens. `run` takes everything that was ordered as far as it goes: consents are withdrawn, so that every
recipient is told, and guardianships end; then tags, values and keys go (`vault.erase`); at last the ledger says
so (`certificates`). Whatever kills it, the next run goes on where the rows stand; whoever a step fails for is left
behind alone. `run_to_end` also waits for the caches.
"""

import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, Row, select, tuple_
from sqlalchemy.exc import InterfaceError, OperationalError

from consent.accounts import lock_out
from consent.certificates import certify
from consent.erasure_tables import erasure_order
from consent.errors import ConsentError
from consent.families import release
from consent.grants import WITHDRAWABLE
from consent.ids import GrantId
from consent.ledger.commitment import SECRET_BYTES
from consent.ledger.entry import Kind
from consent.ledger.openings import ENTROPY_BYTES, new_item, tag_of
from consent.ledger.origin import LogId, origin_of, year_of
from consent.tables import consent_grant
from consent.withdraw import ERASURE, withdraw
from vault import erase
from vault.drafts import Refused
from vault.erase import Begun, Erasing
from vault.erased_list import ErasedList
from vault.erasure_tables import Stage
from vault.horizon import Horizon
from vault.ids import Bucket, SubjectId, encode_id, new_id
from vault.keys import KeysUnavailable, SubjectKey
from vault.opening import Vault
from vault.rowset import RowSet

PAGE: Final = 100
"""How many erasures one step takes at a time."""

YEARS: Final = 10
"""For how many years' logs an order keeps the person's tag; later its entry stands under a tag of its own."""

_POLL_S: Final = 1.0
_NOBODYS_FAULT: Final = (OperationalError, InterfaceError, KeysUnavailable, OSError)
"""The data base, the keys or a disk is away: everybody's erasure waits for them."""

_log = logging.getLogger("perusal.consent")

type Report = Callable[[str, int, int], None]
type Person = tuple[Bucket, SubjectId]


class ErasureFailed(ConsentError):
    """Somebody's erasure meets an error that another try alone does not cure; everybody else's went on."""

    code = "erasure_failed"


class Reason(StrEnum):
    """Why somebody is erased."""

    REQUESTED = "requested"  # the person asked for it
    RETENTION = "retention"  # the time for which the data may be kept is over
    ORDERED = "ordered"  # an authority or the operator decided it


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who orders an erasure and why; `actor` is a role or a key's id and stands in the certificate."""

    actor: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Ordered:
    """A person whose erasure is ordered, or was before (`repeated`)."""

    bucket: Bucket
    subject: SubjectId
    repeated: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """What one run did: how many were certified, and how many have still to be.

    Most of those wait until caches are clear; `behind` of them met an error of their own, which the log names.
    """

    certified: int
    waiting: int
    behind: int


_ORDER = RowSet(
    "WITH {rows} INSERT INTO erasure_order "
    "(bucket, subject, id, actor, reason, secret, sealed, first_year, tags, requested_at) "
    "SELECT bucket, subject, id, :actor, :reason, secret, sealed, :first_year, tags, :now FROM rows",
    bucket="int",
    subject="bytes",
    id="bytes",
    secret="bytes",  # noqa: S106  # a column's type
    sealed="bytes",
    tags="bytes",
)


def order(
    conn: Connection, vault: Vault, subjects: Sequence[SubjectId], by: By, now_ms: int
) -> list[tuple[Ordered, ...] | Refused]:
    """Order people's erasure in this transaction; positions match, each with everybody merged into the person.

    Refusals are those of `vault.erase.begin`. Ordering twice changes nothing and answers `repeated`.
    """
    begun = erase.begin(conn, vault, subjects, now_ms)
    fresh = [one for family in begun if not isinstance(family, Refused) for one in family if not one.repeated]
    rows = [_row(vault, one, now_ms) for one in fresh]
    _ORDER(conn, rows, actor=by.actor, reason=by.reason.value, first_year=year_of(now_ms), now=now_ms)
    lock_out(conn, [(one.bucket, one.subject) for one in fresh])
    return [
        family
        if isinstance(family, Refused)
        else tuple(Ordered(one.bucket, one.subject, one.repeated) for one in family)
        for family in begun
    ]


def _row(vault: Vault, one: Begun, now_ms: int) -> tuple[Bucket, SubjectId, bytes, bytes, bytes, bytes]:
    """What the certificate's entry will need of keys that are gone by then."""
    # Somebody whose keys were lost has no tag that anybody could know: a throw-away key gives one of its own.
    key = one.key or SubjectKey(one.subject, 1, secrets.token_bytes(32), secrets.token_bytes(32))
    host, year = vault.installation.ledger_host, year_of(now_ms)
    origins = [origin_of(host, LogId(one.bucket, year + later)) for later in range(YEARS)]
    entry_id, entropy = new_id(one.bucket, now_ms), secrets.token_bytes(ENTROPY_BYTES)
    item, opening = new_item(
        key,
        tenant=vault.installation.tenant,
        origin=origins[0],
        kind=Kind.ERASE,
        entry_id=entry_id,
        fields=(("outcome", "ordered"),),
        entropy=entropy,
        suite=vault.installation.suite,
    )
    assert len(opening.secret) == SECRET_BYTES
    tags = b"".join(tag_of(key.ledger, origin) for origin in origins)
    return one.bucket, one.subject, entry_id, opening.secret, item.sealed_secret, tags


def run(
    vault: Vault,
    clock: Callable[[], int],
    horizon: Horizon,
    report: Report | None = None,
    *,
    erased: ErasedList | None = None,
) -> Progress:
    """Take every ordered erasure as far as it goes now; `clock` gives Unix ms.

    `erased` is told of people before their keys are destroyed, for restores that come from before.
    """
    certified = waiting = 0
    this = _Run(vault=vault, clock=clock, horizon=horizon, erased=erased)
    for page in _pages(vault):
        certified += this.advance(page)
        waiting += len(_of(vault, page))
        if report:
            report("erasing", certified, certified + waiting)
    return Progress(certified, waiting, len(this.behind))


def run_to_end(
    vault: Vault,
    clock: Callable[[], int],
    horizon: Horizon,
    sleep: Callable[[float], None],
    report: Report | None = None,
    *,
    erased: ErasedList | None = None,
) -> int:
    """`run` until nothing waits; `sleep` takes seconds. Returns how many were certified.

    Raises ErasureFailed when only people are left for whom a step fails, after everybody else is done.
    """
    certified = 0
    while True:
        done = run(vault, clock, horizon, erased=erased)
        certified += done.certified
        if report:
            report("erasing", certified, certified + done.waiting)
        if done.waiting <= done.behind:
            if done.behind:
                raise ErasureFailed("some erasures cannot go on: the log names them")
            return certified
        sleep(_POLL_S)


def is_ordered(conn: Connection) -> bool:
    """Whether any erasure is still under way."""
    return conn.execute(select(erasure_order.c.id).limit(1)).first() is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What a run works with; `behind` collects whoever a step failed for."""

    vault: Vault
    clock: Callable[[], int]
    horizon: Horizon
    erased: ErasedList | None
    behind: set[SubjectId] = field(default_factory=set)

    def advance(self, page: Sequence[Person]) -> int:
        """One page through all the stages; answers how many reached their certificate."""
        self._each(_of(self.vault, page, Stage.TOMBSTONED), self._clear)
        self._each(_of(self.vault, page, Stage.UNTAGGED), self._destroy)
        self._each(_of(self.vault, page, Stage.KEYLESS), self._verify)
        return self._each(_of(self.vault, page, Stage.VERIFIED), self._certify)

    def _each(self, rows: Sequence[Erasing], step: Callable[[Sequence[Erasing]], int]) -> int:
        """`step` for all of them at once; where that fails one by one, so that nobody waits for another's fault."""
        if not rows:
            return 0
        try:
            return step(rows)
        except _NOBODYS_FAULT:
            raise
        except Exception as error:  # noqa: BLE001  # whatever is wrong with one person must not keep others here
            if len(rows) > 1:
                return sum(self._each([row], step) for row in rows)
            subject = rows[0].subject
            self.behind.add(subject)
            _log.critical("the erasure of %s fails: %s", encode_id("sub", subject), type(error).__name__)
            return 0

    def _clear(self, rows: Sequence[Erasing]) -> int:
        _withdraw(self.vault, rows, self.clock)
        for row in rows:
            release(self.vault, row.subject, self.clock())
        left = erase.unforeseen(self.vault, rows)
        with self.vault.data.write() as conn:
            erase.untag(conn, self.vault, rows, left)
        return len(rows)

    def _destroy(self, rows: Sequence[Erasing]) -> int:
        if self.erased:
            self.erased.add(row.subject for row in rows)
        erase.destroy(self.vault, rows, self.clock())
        return len(rows)

    def _verify(self, rows: Sequence[Erasing]) -> int:
        if clear := erase.settled(self.vault, rows, self.clock()):
            erase.verify(self.vault, clear, self.clock())
        return len(clear)

    def _certify(self, rows: Sequence[Erasing]) -> int:
        with self.vault.data.write() as conn:
            return certify(conn, self.vault, rows, self.clock(), self.horizon)


def _withdraw(vault: Vault, rows: Sequence[Erasing], clock: Callable[[], int]) -> None:
    """End every consent, so that its recipient is told; whoever has no keys left cannot be disclosed anyway."""
    keyed = vault.keyring.subject_keys([row.who for row in rows])
    with vault.data.read() as conn:
        live = _live_grants(conn, [row.who for row in rows if row.subject in keyed])
    for grant in live:
        withdraw(
            vault, SubjectId(grant.subject), Bucket(grant.bucket), GrantId(grant.id), clock(), channel=ERASURE
        )


def _live_grants(conn: Connection, people: Sequence[Person]) -> Sequence[Row[int, bytes, bytes]]:
    grant = consent_grant.c
    return conn.execute(
        select(grant.bucket, grant.id, grant.subject).where(
            tuple_(grant.bucket, grant.subject).in_(people), grant.state.in_(sorted(WITHDRAWABLE))
        )
    ).all()


def _of(vault: Vault, page: Sequence[Person], stage: Stage | None = None) -> list[Erasing]:
    """The erasures of a page that still have an order, at a stage or at any."""
    order_ = erasure_order.c
    with vault.data.read() as conn:
        mine = select(order_.bucket, order_.subject).where(tuple_(order_.bucket, order_.subject).in_(page))
        still = [(Bucket(row.bucket), SubjectId(row.subject)) for row in conn.execute(mine)]
        found = erase.find_many(conn, still)
    return [row for row in found if stage in {None, row.stage}]


def _pages(vault: Vault) -> Iterator[list[Person]]:
    """Everything ordered, oldest first."""
    at = erasure_order.c
    columns = (at.requested_at, at.bucket, at.subject)
    listed = select(*columns).order_by(*columns).limit(PAGE)
    after: tuple[int, int, bytes] = (-1, -1, b"")
    while True:
        with vault.data.read() as conn:
            rows = conn.execute(listed.where(tuple_(*columns) > after)).all()
        if not rows:
            return
        yield [(Bucket(row.bucket), SubjectId(row.subject)) for row in rows]
        after = (rows[-1].requested_at, rows[-1].bucket, rows[-1].subject)
