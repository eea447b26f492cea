"""Which carriers each purpose tolerates, and who wants none at all.

The default is none. An operator decides for a purpose that a recipient is served as well by `+86 138 1234 5678` as by
`13812345678` (the duty of accuracy, PIPL 8 and GDPR 5(1)(d), stays theirs); what holds is published to recipients and
people. Every decision is kept. A person who opts out is served what is stored, from the next disclosure on.

* `allow(vault, purpose, carriers, now_ms)`: raises UnknownPurpose, UnsuitableCarrier.
* `allowed(conn) -> dict[str, tuple[str, ...]]`: by purpose, as it holds now; purposes that tolerate none are absent.
* `ever_allowed(conn) -> frozenset[str]`: every carrier that any purpose ever tolerated.
* `opt_out(vault, subject, now_ms)`, `opt_in(vault, subject)`, `opted_out(vault, subject) -> bool`.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, delete, func, insert, select

from consent.errors import UnsuitableCarrier
from consent.marks import epochs
from consent.marks.carriers import carriers_of
from consent.marks.tables import mark_opt_out, mark_rule
from consent.wording.purposes import purpose as purpose_of
from vault.ids import SubjectId, bucket_for
from vault.opening import Vault
from vault.storage.rowset import RowSet

HOLDS = "(SELECT m.carriers FROM mark_rule m WHERE m.purpose = {purpose} ORDER BY m.number DESC LIMIT 1)"
"""For a hot statement: what a purpose tolerates, as a column of its own; NULL or empty for nothing."""

_OPT_OUT = RowSet(
    "WITH {rows} INSERT INTO mark_opt_out (bucket, subject, chosen_at) SELECT bucket, subject, chosen_at FROM rows "
    "WHERE true ON CONFLICT DO NOTHING",
    bucket="int",
    subject="bytes",
    chosen_at="int",
)


def allow(vault: Vault, purpose: str, carriers: Iterable[str], now_ms: int) -> tuple[str, ...]:
    """From now on recipients with this purpose tolerate exactly these carriers; the first decision begins an epoch."""
    wanted = tuple(sorted(set(carriers)))
    with vault.data.read() as conn:
        fields = purpose_of(conn, purpose).fields
    if not {code for field in fields for code in carriers_of(field, vault.catalogue)}.issuperset(wanted):
        raise UnsuitableCarrier("no such carrier, or of a field that this purpose never asks for")
    if wanted and not epochs.epochs(vault):
        epochs.roll(vault, now_ms)
    tenant, c = vault.installation.tenant, mark_rule.c
    with vault.data.write() as conn:
        mine = select(func.max(c.number)).where(c.purpose == purpose, c.tenant == tenant)
        number = (conn.execute(mine).scalar() or 0) + 1
        row = {"purpose": purpose, "tenant": tenant, "number": number, "carriers": " ".join(wanted)}
        conn.execute(insert(mark_rule).values(**row, decided_at=now_ms))
    return wanted


def allowed(conn: Connection) -> dict[str, tuple[str, ...]]:
    """What each purpose tolerates now."""
    c = mark_rule.c
    rows = conn.execute(select(c.purpose, c.carriers).order_by(c.purpose, c.number))
    newest = {purpose: tuple(carriers.split()) for purpose, carriers in rows}
    return {purpose: carriers for purpose, carriers in newest.items() if carriers}


def ever_allowed(conn: Connection) -> frozenset[str]:
    """Whatever some value may have been served with at some time."""
    decided = conn.execute(select(mark_rule.c.carriers)).scalars()
    return frozenset(code for carriers in decided for code in carriers.split())


def opt_out(vault: Vault, subject: SubjectId, now_ms: int) -> None:
    """Serve this person's values as they are stored from now on."""
    with vault.data.write() as conn:
        _OPT_OUT(conn, [(bucket_for(subject, vault.installation.buckets), subject, now_ms)])


def opt_in(vault: Vault, subject: SubjectId) -> None:
    """Take an opt-out back."""
    c, bucket = mark_opt_out.c, bucket_for(subject, vault.installation.buckets)
    with vault.data.write() as conn:
        conn.execute(delete(mark_opt_out).where(c.bucket == bucket, c.subject == subject))


def opted_out(vault: Vault, subject: SubjectId) -> bool:
    """Whether this person wants no marks."""
    c, bucket = mark_opt_out.c, bucket_for(subject, vault.installation.buckets)
    with vault.data.read() as conn:
        found = conn.execute(select(c.subject).where(c.bucket == bucket, c.subject == subject))
        return found.first() is not None
