"""Token Status List: what became of many tokens at once, in two bits each, for whoever may not ask about one by one.

A token gets its place when its client first asks about it and is told of it then; tokens nobody asks about need
none, and redemption does not know of lists at all. A list is one bucket's tokens of ten minutes of minting,
computed from rows whenever it is asked for; when the last of them has expired nobody serves it any more. The
place is a keyed digest of the token's digest: two tokens that fall on one place are rare, and the later one
simply has none.

| value | meaning                                                                    |
|-------|----------------------------------------------------------------------------|
| 0     | valid                                                                      |
| 1     | invalid: expired, given back, or its consent has ended                     |
| 2     | suspended: the consent, the client or its recipient is                     |
| 3     | consumed: every use of it is spent                                         |

* `assign(conn, vault, tokens) -> dict[token_hash, Place]`, inside the transaction that answers.
* `status_list(conn, vault, number, now_ms) -> bytes | None`: the packed list; None when there is none by this number.
* `living(conn, vault, now_ms) -> list[int]`: the numbers of all lists that are served.
* `encoded(packed) -> str`: for `lst`, deflated and base64url.
"""

import base64
import hmac
import zlib
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, literal_column, select

from consent.schema.grant_chains import stands
from consent.schema.grant_states import GrantState
from consent.schema.status_tables import status_entry
from consent.schema.tables import client, consent_grant, recipient, token, use
from consent.tokens.minting import TOKEN_LIFETIME_MS
from vault.ids import MAX_BUCKETS, Bucket
from vault.opening import Vault
from vault.storage.rowset import RowSet

BITS: Final = 2
SIZE: Final = 1 << 18
SLOT_MS: Final = 600_000
_PER_BYTE: Final = 8 // BITS

# In the order of places: two batches that meet at a token meet at its place, and never wait for each other crosswise.
_ASSIGN = RowSet(
    "WITH {rows} INSERT INTO status_entry (bucket, list, idx, token_hash) "
    "SELECT rows.bucket, rows.list, rows.idx, rows.token FROM rows WHERE true "
    "ORDER BY rows.bucket, rows.list, rows.idx ON CONFLICT DO NOTHING RETURNING token_hash, list, idx",
    bucket="int",
    list="int",
    idx="int",
    token="bytes",  # noqa: S106  # a column's type
)


class Status(IntEnum):
    VALID = 0
    INVALID = 1
    SUSPENDED = 2
    CONSUMED = 3


class Place(NamedTuple):
    """Where a token stands."""

    number: int
    idx: int


class Minted(NamedTuple):
    """A token that has no place yet; Unix milliseconds."""

    bucket: Bucket
    token_hash: bytes
    minted_at: int


def assign(conn: Connection, vault: Vault, tokens: Sequence[Minted]) -> dict[bytes, Place]:
    """Give each token its place; absent is whose place is taken, and who got one in another transaction just now."""
    key = vault.keyring.service_key("status")
    rows = {
        (one.bucket, number_of(one.bucket, one.minted_at), _idx(key, one), one.token_hash) for one in tokens
    }
    return {raw: Place(number, idx) for raw, number, idx in _ASSIGN(conn, sorted(rows))}


def number_of(bucket: Bucket, minted_at: int) -> int:
    """The list of a bucket's tokens of one stretch of time."""
    return minted_at // SLOT_MS * MAX_BUCKETS + bucket


def status_list(conn: Connection, vault: Vault, number: int, now_ms: int) -> bytes | None:
    """Every token's status, packed from the lowest bits of each byte on."""
    bucket = number % MAX_BUCKETS
    if bucket not in vault.installation.buckets or number < _oldest(now_ms):
        return None
    rows = conn.execute(_standing(bucket, number)).all()
    if not rows:
        return None
    packed = bytearray(SIZE // _PER_BYTE)
    for row in rows:
        packed[row.idx // _PER_BYTE] |= _status(row, now_ms) << row.idx % _PER_BYTE * BITS
    return bytes(packed)


def living(conn: Connection, vault: Vault, now_ms: int) -> list[int]:
    """Lists with a token that may still be alive."""
    entry, buckets = status_entry.c, vault.installation.buckets
    mine = entry.bucket.between(buckets.first, buckets.first + buckets.many - 1)
    found = select(entry.list).distinct().where(mine, entry.list >= _oldest(now_ms))
    return list(conn.execute(found.order_by(entry.list)).scalars())


def encoded(packed: bytes) -> str:
    """Zlib's form of DEFLATE at its highest level, in base64url without padding."""
    return base64.urlsafe_b64encode(zlib.compress(packed, 9)).decode().rstrip("=")


def _idx(key: bytes, one: Minted) -> int:
    return int.from_bytes(hmac.digest(key, b"pv1/place" + one.token_hash, "sha256")[:8]) % SIZE


def _oldest(now_ms: int) -> int:
    """The lowest number of a list with a token that may not have expired; one stretch more for slow clocks."""
    return ((now_ms - TOKEN_LIFETIME_MS) // SLOT_MS - 1) * MAX_BUCKETS


def _standing(bucket: int, number: int) -> Any:
    entry, grant, app, legal = status_entry.c, consent_grant.c, client.c, recipient.c
    return (
        select(
            entry.idx,
            token.c.expires_at,
            use.c.spent,
            use.c.quota,
            use.c.voided_at,
            grant.state,
            literal_column(stands("consent_grant")).label("above"),
            app.suspended_at.label("app_suspended_at"),
            legal.suspended_at.label("recipient_suspended_at"),
        )
        .join(token, (token.c.bucket == entry.bucket) & (token.c.hash == entry.token_hash))
        .join(use, (use.c.bucket == token.c.bucket) & (use.c.id == token.c.use_id))
        .join(consent_grant, (grant.bucket == use.c.bucket) & (grant.id == use.c.grant_id))
        .join(client, app.client_id == token.c.client_id)
        .join(recipient, legal.id == token.c.recipient_id)
        .where(entry.bucket == bucket, entry.list == number)
    )


def _status(row: Any, now_ms: int) -> Status:
    if row.spent >= row.quota:
        return Status.CONSUMED
    state = GrantState(row.state)
    over = row.voided_at is not None or now_ms >= row.expires_at
    if over or not row.above or state not in {GrantState.ACTIVE, GrantState.SUSPENDED}:
        return Status.INVALID
    stopped = (row.app_suspended_at, row.recipient_suspended_at) != (None, None)
    return Status.SUSPENDED if stopped or state is GrantState.SUSPENDED else Status.VALID
