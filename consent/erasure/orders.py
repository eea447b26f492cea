"""Ordering an erasure: who wants it and why, and what its certificate will need of keys that are gone by then.

`order` tombstones in the caller's transaction: from its commit on nobody reads the person, and their account no
longer opens. `erase` carries it out.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, select

from consent.accounts.keys import lock_out
from consent.ledger.entries.commitment import SECRET_BYTES
from consent.ledger.entries.entry import Kind
from consent.ledger.open_now import open_log
from consent.ledger.openings import ENTROPY_BYTES, new_item, tag_of
from consent.ledger.origin import LogId, origin_of
from consent.schema.erasure_tables import erasure_order
from vault.erasure import erase
from vault.erasure.erase import Begun
from vault.ids import Bucket, SubjectId, new_id
from vault.keys.keyring import SubjectKey
from vault.opening import Vault
from vault.people.drafts import Refused
from vault.storage.rowset import RowSet

YEARS: Final = 10
"""For how many years' logs an order keeps the person's tag; later its entry stands under a tag of its own."""


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


_ORDER = RowSet(
    "WITH {rows} INSERT INTO erasure_order "
    "(bucket, subject, id, actor, reason, secret, sealed, first_year, tags, requested_at) "
    "SELECT bucket, subject, id, :actor, :reason, secret, sealed, first_year, tags, :now FROM rows",
    bucket="int",
    subject="bytes",
    id="bytes",
    secret="bytes",  # noqa: S106  # a column's type
    sealed="bytes",
    first_year="int",
    tags="bytes",
)


def order(
    conn: Connection, vault: Vault, subjects: Sequence[SubjectId], by: By, now_ms: int
) -> list[tuple[Ordered, ...] | Refused]:
    """Order people's erasure in this transaction; positions match, each with everybody merged into the person.

    Refusals are those of `vault.erasure.erase.begin`. Ordering twice changes nothing and answers `repeated`.
    """
    begun = erase.begin(conn, vault, subjects, now_ms)
    fresh = [one for family in begun if not isinstance(family, Refused) for one in family if not one.repeated]
    rows = [_row(vault, one, now_ms) for one in fresh]
    _ORDER(conn, rows, actor=by.actor, reason=by.reason.value, now=now_ms)
    lock_out(conn, [(one.bucket, one.subject) for one in fresh])
    return [
        family
        if isinstance(family, Refused)
        else tuple(Ordered(one.bucket, one.subject, one.repeated) for one in family)
        for family in begun
    ]


def is_ordered(conn: Connection) -> bool:
    """Whether any erasure is still under way."""
    return conn.execute(select(erasure_order.c.id).limit(1)).first() is not None


def _row(vault: Vault, one: Begun, now_ms: int) -> tuple[Bucket, SubjectId, bytes, bytes, bytes, int, bytes]:
    """What the certificate's entry will need of keys that are gone by then."""
    # Somebody whose keys were lost has no tag that anybody could know: a throw-away key gives one of its own.
    key = one.key or SubjectKey(one.subject, 1, secrets.token_bytes(32), secrets.token_bytes(32))
    host, first = vault.installation.ledger_host, open_log(vault, one.bucket, now_ms)
    coming = [LogId(one.bucket, first.calendar_year + later) for later in range(1, YEARS)]
    origins = [origin_of(host, log) for log in (first, *coming)]
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
    return one.bucket, one.subject, entry_id, opening.secret, item.sealed_secret, first.year, tags
