"""Erasing whoever it is ordered for (`erasure.orders`), in steps that survive whoever runs them, then certified.

`run` takes everything that was ordered as far as it goes: consents are withdrawn, so that every recipient is
told, and guardianships end; then tags, values and keys go (`vault.erasure.erase`); at last the ledger says so
(`certificates`). Whatever kills it, the next run goes on where the rows stand; whoever a step fails for is left
behind alone. `run_to_end` also waits for the caches.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, Row, select, tuple_
from sqlalchemy.exc import InterfaceError, OperationalError

from consent.erasure.certificates import certify
from consent.erasure.demands import demand_erasure
from consent.errors import ConsentError
from consent.families.ties import release
from consent.ids import GrantId
from consent.marks.alias_giving import forget as forget_aliases
from consent.protection.deferral import drop
from consent.schema.erasure_tables import erasure_order
from consent.schema.grant_states import WITHDRAWABLE
from consent.schema.tables import consent_grant
from consent.withdrawal.guarded import forget
from consent.withdrawal.withdraw import ERASURE, withdraw
from vault.erasure import erase
from vault.erasure.erase import Erasing
from vault.erasure.erased_list import ErasedList
from vault.erasure.horizon import Horizon
from vault.erasure.tables import Stage
from vault.ids import Bucket, Person, SubjectId, encode_id
from vault.keys.keyring import KeysUnavailable
from vault.opening import Vault

PAGE: Final = 100
"""How many erasures one step takes at a time."""

_POLL_S: Final = 1.0
_NOBODYS_FAULT: Final = (OperationalError, InterfaceError, KeysUnavailable, OSError)
"""The data base, the keys or a disk is away: everybody's erasure waits for them."""

_log = logging.getLogger("perusal.consent")

type Report = Callable[[str, int, int], None]
type Above = Callable[[Connection, Sequence[Person]], None]


class ErasureFailed(ConsentError):
    """Somebody's erasure meets an error that another try alone does not cure; everybody else's went on."""

    code = "erasure_failed"


@dataclass(frozen=True, slots=True)
class Progress:
    """What one run did: how many were certified, and how many have still to be.

    Most of those wait until caches are clear; `behind` of them met an error of their own, which the log names.
    """

    certified: int
    waiting: int
    behind: int


def run(
    vault: Vault,
    clock: Callable[[], int],
    horizon: Horizon,
    report: Report | None = None,
    *,
    erased: ErasedList | None = None,
    above: Above | None = None,
) -> Progress:
    """Take every ordered erasure as far as it goes now; `clock` gives Unix ms.

    `erased` is told of people before their keys are destroyed, for restores that come from before; `above` deletes
    what the floors above keep of them, in the transaction that deletes their values.
    """
    certified = waiting = 0
    this = _Run(vault=vault, clock=clock, horizon=horizon, erased=erased, above=above)
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
    above: Above | None = None,
) -> int:
    """`run` until nothing waits; `sleep` takes seconds. Returns how many were certified.

    Raises ErasureFailed when only people are left for whom a step fails, after everybody else is done.
    """
    certified = 0
    while True:
        done = run(vault, clock, horizon, erased=erased, above=above)
        certified += done.certified
        if report:
            report("erasing", certified, certified + done.waiting)
        if done.waiting <= done.behind:
            if done.behind:
                raise ErasureFailed("some erasures cannot go on: the log names them")
            return certified
        sleep(_POLL_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What a run works with; `behind` collects whoever a step failed for."""

    vault: Vault
    clock: Callable[[], int]
    horizon: Horizon
    erased: ErasedList | None
    above: Above | None = None
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
            drop(self.vault, row.who, self.clock())
        for row in rows:
            release(self.vault, row.subject, self.clock())
        left = erase.unforeseen(self.vault, rows)
        with self.vault.data.write() as conn:
            forget(conn, [row.who for row in rows])
            if self.above:
                self.above(conn, [row.who for row in rows])
            forget_aliases(conn, [row.who for row in rows])
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
    with vault.data.write() as conn:
        demand_erasure(conn, vault, [row.who for row in rows], clock())


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
