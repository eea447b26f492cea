"""Counts what really happened, from the rows alone and by the ledger's order, never by a clock.

`late` are disclosures whose entry stands after the withdrawal of their grant in the same log. The other
figures are ways in which uses could be lost, spent twice, or spent without a trace; all must be zero or equal.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, select

from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.entries.log_entry import is_about_log
from consent.ledger.publishing.signer import Signer
from consent.ledger.tables import entry
from consent.schema.tables import consent_grant, disclosure, use, withdrawal
from vault.opening import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """`spent` sums the uses' counters, `used` the grants'; `findings` is what a full rebuild of the ledger says."""

    disclosures: int
    distinct: int
    entries: int
    unledgered: int
    spent: int
    used: int
    miscounted: int
    late: int
    withdrawals: int
    findings: tuple[str, ...]

    def sound(self) -> bool:
        """Whether every use is spent once, counted once and in the ledger once, and none after a withdrawal."""
        counts = {self.disclosures, self.distinct, self.entries, self.spent, self.used}
        return len(counts) == 1 and not (self.unledgered or self.miscounted or self.late or self.findings)


def audit(vault: Vault) -> Audit:
    """Take stock of the whole installation in one snapshot; the ledger is rebuilt from its entries."""
    findings = tuple(
        f"{found.what} at {found.at}"
        for found in fsck(vault.data, Signer.of(vault))
        if isinstance(found, Finding)
    )
    d, u, g = disclosure.c, use.c, consent_grant.c
    slots = select(d.bucket, d.use_id, d.slot).distinct().subquery()
    with vault.data.read() as conn:
        return Audit(
            disclosures=_number(conn, select(func.count()).select_from(disclosure)),
            distinct=_number(conn, select(func.count()).select_from(slots)),
            entries=_access_entries(conn),
            unledgered=_number(conn, _unledgered()),
            spent=_number(conn, select(func.coalesce(func.sum(u.spent), 0))),
            used=_number(conn, select(func.coalesce(func.sum(g.used), 0))),
            miscounted=_number(conn, _miscounted()),
            late=_number(conn, _late()),
            withdrawals=_number(conn, select(func.count()).select_from(withdrawal)),
            findings=findings,
        )


def _number(conn: Connection, query: Select[Any]) -> int:
    return int(conn.execute(query).scalar_one())


def _access_entries(conn: Connection) -> int:
    bodies = conn.execute(select(entry.c.body)).scalars()
    return sum(not is_about_log(body) and parse(body).kind is Kind.ACCESS for body in bodies)


def _unledgered() -> Select[Any]:
    """Disclosures without an entry of their id."""
    d, e = disclosure.c, entry.c
    same = (e.bucket == d.bucket) & (e.year == d.ledger_year) & (e.id == d.id)
    return select(func.count()).select_from(disclosure.outerjoin(entry, same)).where(e.id.is_(None))


def _miscounted() -> Select[Any]:
    """Uses whose counter is not the number of their disclosures."""
    d, u = disclosure.c, use.c
    rows = select(func.count()).where(d.bucket == u.bucket, d.use_id == u.id).scalar_subquery()
    return select(func.count()).select_from(use).where(u.spent != rows)


def _late() -> Select[Any]:
    """Disclosures that stand behind the withdrawal of their grant."""
    d, w = disclosure.c, withdrawal.c
    spent, ended = entry.alias("spent"), entry.alias("ended")
    return (
        select(func.count())
        .select_from(disclosure)
        .join(withdrawal, (w.bucket == d.bucket) & (w.grant_id == d.grant_id))
        .join(spent, (spent.c.bucket == d.bucket) & (spent.c.id == d.id))
        .join(ended, (ended.c.bucket == w.bucket) & (ended.c.id == w.id))
        .where((spent.c.year == ended.c.year) & (spent.c.idx > ended.c.idx))
    )
