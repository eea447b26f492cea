"""Sweeping out what never came to anything: requests nobody took up, and uses that were minted again and never spent.

Both leave rows behind for ever otherwise, as many as a client cares to ask for. A day after they could last be
used they say nothing about anybody and prove nothing: whoever was shown a request, a code and its use, and
whatever was disclosed stay, with the tokens under which it was (the data base refuses their end, see
`triggers`). So does a token that was given a place in a status list. Retries end after five minutes (ADR 0038),
long before.

Ids say when their rows were made, so only those of the last eight days are read: what is over is swept every
day. Each batch is a transaction of its own.

* `sweep(vault, now_ms) -> Swept`
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from vault.ids import Bucket, mint_id
from vault.opening import Vault
from vault.storage.rowset import RowSet

KEPT_MS: Final = 86_400_000
_READ_MS: Final = 8 * 86_400_000
_BATCH: Final = 500

_USES = RowSet(
    "WITH {rows} SELECT u.bucket, u.id FROM rows JOIN use u ON u.bucket = rows.bucket AND u.id >= rows.low "
    "AND u.id < rows.high WHERE u.spent = 0 AND u.refresh_hash IS NOT NULL AND NOT EXISTS "
    "(SELECT 1 FROM token t JOIN status_entry s ON s.bucket = t.bucket AND s.token_hash = t.hash "
    "WHERE t.bucket = u.bucket AND t.use_id = u.id) LIMIT :most",
    bucket="int",
    low="bytes",
    high="bytes",
)
_REQUESTS = RowSet(
    "WITH {rows} SELECT q.bucket, q.id FROM rows JOIN consent_request q ON q.bucket = rows.bucket "
    "AND q.id >= rows.low AND q.id < rows.high WHERE NOT EXISTS "
    "(SELECT 1 FROM request_claim c WHERE c.bucket = q.bucket AND c.request_id = q.id) AND NOT EXISTS "
    "(SELECT 1 FROM request_outcome o WHERE o.bucket = q.bucket AND o.request_id = q.id) LIMIT :most",
    bucket="int",
    low="bytes",
    high="bytes",
)


def _deletion(table: str, key: str) -> RowSet:
    return RowSet(
        f"WITH {{rows}} DELETE FROM {table} WHERE (bucket, {key}) IN (SELECT rows.bucket, rows.id FROM rows)",
        bucket="int",
        id="bytes",
    )


_OF_USES: Final = (_deletion("token", "use_id"), _deletion("use", "id"))
_OF_REQUESTS: Final = (
    *(
        _deletion(table, "request_id")
        for table in ("signed_request", "device_request", "request_poll", "backchannel_ping")
    ),
    _deletion("backchannel_request", "request_id"),
    _deletion("consent_request", "id"),
)
_TURNS = RowSet(
    "WITH {rows} DELETE FROM backchannel_turn WHERE (bucket, hint_hash) IN (SELECT b.bucket, b.hint_hash FROM rows "
    "JOIN backchannel_turn b ON b.bucket = rows.bucket AND b.asked_at < rows.until LIMIT :most) RETURNING bucket",
    bucket="int",
    until="int",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How many of each: unspent uses with their tokens, requests nobody took up, hints nobody was asked by."""

    uses: int
    requests: int
    turns: int


def sweep(vault: Vault, now_ms: int) -> Swept:
    """Delete what was over a day ago and came to nothing; repeating it is harmless."""
    until = now_ms - KEPT_MS
    ids = [
        (bucket, mint_id(bucket, max(until - _READ_MS, 0), bytes(8)), mint_id(bucket, until, bytes(8)))
        for bucket in _buckets(vault)
    ]

    def uses(conn: Connection) -> int:
        return _gone(conn, _USES(conn, ids, most=_BATCH), _OF_USES)

    def requests(conn: Connection) -> int:
        return _gone(conn, _REQUESTS(conn, ids, most=_BATCH), _OF_REQUESTS)

    def turns(conn: Connection) -> int:
        return len(_TURNS(conn, [(bucket, until) for bucket in _buckets(vault)], most=_BATCH))

    return Swept(
        uses=_by_batches(vault, uses),
        requests=_by_batches(vault, requests),
        turns=_by_batches(vault, turns),
    )


def _buckets(vault: Vault) -> list[Bucket]:
    return [Bucket(number) for number in vault.installation.buckets.every()]


def _by_batches(vault: Vault, step: Callable[[Connection], int]) -> int:
    count = 0
    while True:
        with vault.data.write() as conn:
            done = step(conn)
        count += done
        if done < _BATCH:
            return count


def _gone(conn: Connection, found: list[tuple[Any, ...]], deletions: tuple[RowSet, ...]) -> int:
    keys = [(bucket, key) for bucket, key in found]
    for deletion in deletions:
        deletion(conn, keys)
    return len(keys)
