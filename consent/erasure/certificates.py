"""Certificates of erasure: one entry of kind `erase` in the person's chain, and the opening that lets it be shown.

What the entry commits to, each a field of its own so that one can be shown without the others:

| field         | value                                                                   |
|---------------|-------------------------------------------------------------------------|
| subject       | the person's internal name, `sub_…`                                     |
| actor, reason | who ordered it, by role or key id; `requested`, `retention` or `ordered` |
| requested_at  | when it was ordered                                                     |
| erased_at     | when nothing was found any more                                         |
| keys          | how many wrapped keys were destroyed                                    |
| wrapped_sha256 | digest over those wrapped keys, see `vault.erasure.erase`                      |
| tags, values  | how many of each were deleted                                           |
| withdrawn     | how many consents it ended                                              |
| horizon_days  | how long backups may still hold something, see `vault.erasure.horizon`          |

An outsider checks it like any bundle: `perusal verify`.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, select, tuple_

from consent.instants import instant
from consent.ledger.append import Item, append
from consent.ledger.bundles.bundle import Evidence
from consent.ledger.entries.commitment import Field, Opening, commit
from consent.ledger.entries.entry import Kind
from consent.ledger.open_now import open_log
from consent.ledger.origin import LogId, origin_of
from consent.ledger.tables import entry, opening
from consent.schema.erasure_tables import erasure_certificate, erasure_order
from consent.schema.tables import withdrawal
from consent.withdrawal.withdraw import ERASURE
from vault.erasure.erase import Erasing
from vault.erasure.horizon import Horizon
from vault.ids import Bucket, SubjectId, encode_id
from vault.opening import Vault
from vault.storage.rowset import RowSet

_TAG_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What the ledger says about one erasure, where it says it, and how to prove it. Times in Unix ms."""

    bucket: Bucket
    subject: SubjectId
    origin: str
    log: LogId
    idx: int
    fields: tuple[Field, ...]
    certified_at: int
    secret: bytes

    def __repr__(self) -> str:
        return f"Certificate({self.origin!r}, {self.idx})"

    def evidence(self, show: Collection[str] | None = None) -> Evidence:
        """For `ledger.bundles.bundle.build`; `show` names the fields to reveal, all when None."""
        return Evidence(log=self.log, idx=self.idx, opening=Opening(self.secret, self.fields), show=show)

    def document(self) -> dict[str, Any]:
        """The certificate as one JSON document; what proves it is the bundle."""
        return {
            "type": "perusal-erasure-certificate",
            "v": 1,
            **dict(self.fields),
            "log": self.origin,
            "index": self.idx,
            "certified_at": instant(self.certified_at),
        }


_ORDERS = RowSet(
    "WITH {rows} SELECT o.bucket, o.subject, o.id, o.actor, o.reason, o.secret, o.sealed, o.first_year, "
    "o.tags, o.requested_at FROM rows JOIN erasure_order o ON o.bucket = rows.bucket "
    "AND o.subject = rows.subject ORDER BY o.bucket, o.subject {for_update:o}",
    bucket="int",
    subject="bytes",
)
_CERTIFY = RowSet(
    "WITH {rows} INSERT INTO erasure_certificate (bucket, subject, id, secret, fields, ledger_year, "
    "certified_at) SELECT bucket, subject, id, secret, fields, year, :now FROM rows",
    bucket="int",
    subject="bytes",
    id="bytes",
    secret="bytes",  # noqa: S106  # a column's type
    fields="text",
    year="int",
)


@dataclass(frozen=True, slots=True)
class _Order:
    """A row of `erasure_order`, its columns in the order of `_ORDERS`."""

    bucket: Bucket
    subject: SubjectId
    id: bytes
    actor: str
    reason: str
    secret: bytes
    sealed: bytes
    first_year: int
    tags: bytes
    requested_at: int

    def tag(self, log: LogId) -> bytes:
        """The person's tag in a log; where none was kept a tag that is this entry's alone.

        Kept are those in the log that was open at the order, and in the first log of each coming year.
        """
        first = LogId(self.bucket, self.first_year)
        later = log.calendar_year - first.calendar_year
        known = log == first if later == 0 else later > 0 and log.edition == 1
        kept = self.tags[_TAG_BYTES * later : _TAG_BYTES * (later + 1)] if known else b""
        return kept or self.id


def certify(
    conn: Connection, vault: Vault, verified: Sequence[Erasing], now_ms: int, horizon: Horizon
) -> int:
    """Write the certificates of erasures that were verified, in this transaction; answers how many were new."""
    rows = {row.subject: row for row in verified}
    orders = [_Order(*found) for found in _ORDERS(conn, [row.who for row in verified])]
    people = [(one.bucket, one.subject) for one in orders]
    ended = _withdrawn(conn, people)
    made = [(one, _fields(one, rows[one.subject], ended[one.subject], horizon)) for one in orders]
    items = [_item(vault, one, fields, now_ms) for one, fields in made]
    _CERTIFY(
        conn,
        [
            (one.bucket, one.subject, one.id, one.secret, json.dumps(fields), item.year)
            for (one, fields), item in zip(made, items, strict=True)
        ],
        now=now_ms,
    )
    # Nothing opens them any more; they would only say whose entries those were.
    conn.execute(delete(opening).where(tuple_(opening.c.bucket, opening.c.subject).in_(people)))
    mine = tuple_(erasure_order.c.bucket, erasure_order.c.subject).in_(people)
    conn.execute(delete(erasure_order).where(mine))
    append(conn, items, now_ms, vault.installation.ledger_host)
    return len(made)


def certificate(conn: Connection, vault: Vault, bucket: Bucket, subject: SubjectId) -> Certificate | None:
    """The certificate of a person's erasure, once there is one."""
    c = erasure_certificate.c
    same = (entry.c.bucket == c.bucket) & (entry.c.year == c.ledger_year) & (entry.c.id == c.id)
    found = conn.execute(
        select(erasure_certificate, entry.c.idx)
        .join(entry, same)
        .where(c.bucket == bucket, c.subject == subject)
    )
    row = found.mappings().one_or_none()
    return None if row is None else _certificate(vault, row)


def _certificate(vault: Vault, row: RowMapping) -> Certificate:
    log = LogId(row["bucket"], row["ledger_year"])
    return Certificate(
        bucket=Bucket(row["bucket"]),
        subject=SubjectId(row["subject"]),
        origin=origin_of(vault.installation.ledger_host, log),
        log=log,
        idx=row["idx"],
        fields=tuple((name, value) for name, value in json.loads(row["fields"])),
        certified_at=row["certified_at"],
        secret=row["secret"],
    )


def _fields(order: _Order, row: Erasing, withdrawn: int, horizon: Horizon) -> tuple[Field, ...]:
    assert row.verified_at is not None
    assert row.wrapped_sha256 is not None
    return (
        ("subject", encode_id("sub", order.subject)),
        ("actor", order.actor),
        ("reason", order.reason),
        ("requested_at", instant(order.requested_at)),
        ("erased_at", instant(row.verified_at)),
        ("keys", str(row.keys)),
        ("wrapped_sha256", row.wrapped_sha256.hex()),
        ("tags", str(row.tags)),
        ("values", str(row.versions)),
        ("withdrawn", str(withdrawn)),
        ("horizon_days", str(horizon.days)),
    )


def _item(vault: Vault, order: _Order, fields: Sequence[Field], now_ms: int) -> Item:
    log = open_log(vault, order.bucket, now_ms)
    return Item(
        bucket=log.bucket,
        year=log.year,
        kind=Kind.ERASE,
        tag=order.tag(log),
        id=order.id,
        commitment=commit(order.secret, fields),
        subject=order.subject,
        sealed_secret=order.sealed,
        editions=vault.editions,
    )


def _withdrawn(conn: Connection, people: Sequence[tuple[Bucket, SubjectId]]) -> Mapping[SubjectId, int]:
    w = withdrawal.c
    mine = select(w.subject).where(tuple_(w.bucket, w.subject).in_(people), w.channel == ERASURE)
    return Counter(SubjectId(subject) for subject in conn.execute(mine).scalars())
