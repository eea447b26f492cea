"""Which checkpoints the operator's witnesses have cosigned, told from the stored cosignatures.

A log is signed every second and cosigned every few, so most checkpoints are nobody's but ours; those that a quorum
cosigned are found among the newest cosignatures, or among the first that cover an entry. Neither search reads more
than `_WINDOW` rows, however long a witness has been away. Lines of witnesses the policy does not name are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from sqlalchemy import Connection, Row, and_, or_, select

from consent.ledger import published
from consent.ledger.errors import Malformed, Unproven
from consent.ledger.formats import cosignature as cosignatures
from consent.ledger.formats import note
from consent.ledger.formats.note import VerifierKey
from consent.ledger.formats.policy import NOBODY, Policy
from consent.ledger.origin import LogId
from consent.ledger.published import Published
from consent.ledger.tables import checkpoint, cosignature, cosigned_last

PATIENCE_MS: Final = 60_000
"""How long a checkpoint waits for its quorum before outsiders are shown it without."""

_WINDOW: Final = 4096

_PAGES: Final = (16, 256, _WINDOW)
"""How many cosignatures are read at first, and how many where the quorum is not among them."""

type _Cosigned = Row[int, str, bytes]
"""(size, witness, key id) of a stored cosignature."""

type _Signers = tuple[int, set[VerifierKey]]
"""A size, and which witnesses of the policy cosigned it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """A stored checkpoint, its note with the lines of the policy's witnesses, and whose lines those are."""

    at: Published
    note: bytes
    cosigners: tuple[VerifierKey, ...]


@dataclass(frozen=True, slots=True)
class _Search:
    """The size that was found, every size looked at with its cosigners, and whether there are no others."""

    size: int | None
    seen: list[_Signers]
    all: bool


def covering(conn: Connection, log: LogId, idx: int, policy: Policy) -> Witnessed:
    """The newest checkpoint with the quorum that covers the entry at `idx`, else the newest that covers it.

    Raises NotYetPublished.
    """
    newest = published.covering(conn, log, idx)
    size = _quorum_size(conn, log, policy, above=idx)
    at = newest if size in {None, newest.size} else published.at_size(conn, log, size)
    return _with_lines(conn, at or newest, policy)


def shown(conn: Connection, log: LogId, policy: Policy, now_ms: int) -> Published | None:
    """The checkpoint outsiders are shown: the newest with the quorum, or that has waited a minute for it.

    What may be shown once may be shown for ever, so its size never goes back.
    """
    newest = published.newest(conn, log)
    if newest is None or policy.quorum == NOBODY:
        return newest
    sizes = (_quorum_size(conn, log, policy), _waited_size(conn, log, now_ms))
    return published.at_size(conn, log, max((size for size in sizes if size is not None), default=0))


def told(conn: Connection, at: Published, policy: Policy) -> bytes:
    """A signed checkpoint with what each witness of the policy said of it last, by name.

    A line that does not hold is left out: whoever knows the witness would refuse the whole checkpoint for it.
    What the same key said first stands in for it.
    """
    c, last = cosignature.c, cosigned_last.c
    mine = (c.bucket == at.log.bucket, c.year == at.log.year, c.size == at.size)
    same = and_(*(last[name] == c[name] for name in ("bucket", "year", "size", "witness", "key_id")))
    query = select(c.witness, c.key_id, c.line, last.line.label("renewed"))
    rows = conn.execute(
        query.select_from(cosignature.outerjoin(cosigned_last, same))
        .where(*mine)
        .order_by(c.witness, c.key_id)
    )
    known, lines = _known(policy), ""
    for row in rows:
        key = known.get((row.witness, row.key_id))
        if key is not None:
            said = (line for line in (row.renewed, row.line) if line and _holds(at.note, line, key))
            lines += next(said, "")
    return at.note + lines.encode()


def unwitnessed_since(conn: Connection, log: LogId, policy: Policy) -> int | None:
    """When the oldest checkpoint was signed (Unix ms) that no quorum covers yet; None when all are covered.

    After a very long time it is the oldest that some witness has cosigned: since then at least.
    """
    newest = published.newest(conn, log)
    if newest is None or policy.quorum == NOBODY:
        return None
    found = _search(conn, log, policy)
    reached = found.size
    if reached == newest.size:
        return None
    if reached is None and len(found.seen) > 1:
        reached = found.seen[-1][0] - 1
    c = checkpoint.c
    query = (
        select(c.created_at)
        .where(c.bucket == log.bucket, c.year == log.year, c.size > (reached or 0))
        .order_by(c.size)
        .limit(1)
    )
    return conn.execute(query).scalar()


def _quorum_size(conn: Connection, log: LogId, policy: Policy, *, above: int = 0) -> int | None:
    """A size larger than `above` that the quorum has cosigned: the newest, or else the first found from `above` on."""
    if policy.quorum == NOBODY:
        return None
    found = _search(conn, log, policy, above=above)
    if found.size is None and not found.all:
        found = _search(conn, log, policy, above=above, back=False)
    return found.size


def _search(conn: Connection, log: LogId, policy: Policy, *, above: int = 0, back: bool = True) -> _Search:
    """The first size with the quorum, from the newest back or from the oldest on: nearly always among the first few."""
    *few, most = _PAGES
    for page in few:
        found = _among(conn, log, policy, page, above=above, back=back)
        if found.size is not None or found.all:
            return found
    return _among(conn, log, policy, most, above=above, back=back)


def _among(conn: Connection, log: LogId, policy: Policy, most: int, *, above: int, back: bool) -> _Search:
    rows = _rows(conn, log, most, above=above, back=back)
    sizes = _sizes(rows, policy)
    size = next((size for size, signers in sizes if policy.witnessed_by(signers)), None)
    return _Search(size, sizes, all=len(rows) < most)


def _rows(conn: Connection, log: LogId, most: int, *, above: int, back: bool) -> Sequence[_Cosigned]:
    c = cosignature.c
    query = (
        select(c.size, c.witness, c.key_id)
        .where(c.bucket == log.bucket, c.year == log.year, c.size > above)
        .order_by(c.size.desc() if back else c.size)
        .limit(most)
    )
    return conn.execute(query).all()


def _sizes(rows: Sequence[_Cosigned], policy: Policy) -> list[_Signers]:
    known = _known(policy)
    return [
        (size, {known[row.witness, row.key_id] for row in group if (row.witness, row.key_id) in known})
        for size, group in groupby(rows, key=lambda row: row.size)
    ]


def _waited_size(conn: Connection, log: LogId, now_ms: int) -> int | None:
    c = checkpoint.c
    # One from the future was signed before a clock was set back: what was shown then stays.
    waited = or_(c.created_at <= now_ms - PATIENCE_MS, c.created_at > now_ms)
    query = (
        select(c.size)
        .where(c.bucket == log.bucket, c.year == log.year, waited)
        .order_by(c.size.desc())
        .limit(1)
    )
    return conn.execute(query).scalar()


def _with_lines(conn: Connection, at: Published, policy: Policy) -> Witnessed:
    """With every stored line that holds: a damaged one proves nothing and is left out."""
    known = _known(policy)
    c = cosignature.c
    mine = (c.bucket == at.log.bucket, c.year == at.log.year, c.size == at.size)
    rows = conn.execute(select(c.witness, c.key_id, c.line).where(*mine).order_by(c.witness, c.key_id)).all()
    lines, cosigners = "", []
    for row in rows:
        key = known.get((row.witness, row.key_id))
        if key is not None and _holds(at.note, row.line, key):
            lines += row.line
            cosigners.append(key)
    return Witnessed(at=at, note=at.note + lines.encode(), cosigners=tuple(cosigners))


def _holds(signed: bytes, line: str, key: VerifierKey) -> bool:
    try:
        return len(cosignatures.verify(note.parse(signed + line.encode()), [key])) == 1
    except (Malformed, Unproven):
        return False


def _known(policy: Policy) -> dict[tuple[str, bytes], VerifierKey]:
    return {(one.key.name, one.key.key_id): one.key for one in policy.witnesses}
