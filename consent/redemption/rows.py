"""The statements of a redemption and what their rows mean; each handles a whole batch at once.

The order in which `redeem` runs them is the order of locks: proofs, grants, people, denial counters,
idempotency keys, ledger heads, each sorted, so that no two batches can wait for each other in a circle.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection

from consent.ids import ClientId, DisclosureId, GrantId, RecipientId, UseId, fields_of
from consent.ledger.append import Position
from consent.ledger.entries.entry import parse
from consent.ledger.origin import LogId, origin_of
from consent.marks.planning import SERVE
from consent.marks.tolerance import HOLDS
from consent.redemption.decide import Earlier, Facts, IdempotencyKey, RedeemRequest, Standing
from consent.schema.grant_chains import stands
from consent.schema.grant_states import GrantState
from consent.signing.replay import remembering
from vault.ids import Bucket, SubjectId
from vault.storage.rowset import Call, RowSet, Together, volley

FACTS = RowSet(
    "WITH {rows} SELECT rows.i, t.use_id, g.id, g.subject, g.recipient_id, t.client_id, g.purpose, "
    f"u.fields, t.jkt, t.expires_at, u.quota, g.max_uses, g.window_from, g.window_to, {HOLDS.format(purpose='g.purpose')} "
    "FROM rows JOIN token t ON t.bucket = rows.bucket AND t.hash = rows.token "
    "JOIN use u ON u.bucket = t.bucket AND u.id = t.use_id "
    "JOIN consent_grant g ON g.bucket = u.bucket AND g.id = u.grant_id",
    bucket="int",
    token="bytes",  # noqa: S106  # a column's type
)
STANDING = RowSet(
    "WITH {rows} SELECT rows.i, g.state, g.used, u.spent, u.voided_at, "
    f"coalesce(c.suspended_at, r.suspended_at), {stands('g')}, "
    "k.request_hash, k.token_hash, k.created_at, d.id, d.slot, d.fields, d.committed_at, "
    "e.year, e.idx, e.leaf, e.body FROM rows "
    "JOIN use u ON u.bucket = rows.bucket AND u.id = rows.use_id "
    "JOIN consent_grant g ON g.bucket = u.bucket AND g.id = u.grant_id "
    "JOIN client c ON c.client_id = rows.client_id JOIN recipient r ON r.id = c.recipient_id "
    "LEFT JOIN idempotency k ON k.bucket = rows.bucket AND k.client_id = rows.client_id "
    "AND k.key_hash = rows.key_hash "
    "LEFT JOIN disclosure d ON d.bucket = k.bucket AND d.id = k.disclosure_id "
    "LEFT JOIN ledger_entry e ON e.bucket = d.bucket AND e.year = d.ledger_year AND e.id = d.id",
    bucket="int",
    use_id="bytes",
    client_id="text",
    key_hash="bytes",
)
DISCLOSE = RowSet(
    "WITH {rows} INSERT INTO disclosure (bucket, id, grant_id, use_id, slot, number, subject, recipient_id, purpose, "
    "fields, marks, committed_at, ledger_year) SELECT rows.bucket, rows.id, rows.grant_id, rows.use_id, rows.slot, "
    "rows.number, rows.subject, rows.recipient_id, rows.purpose, rows.fields, rows.marks, :now, rows.year FROM rows ORDER BY rows.i",
    bucket="int",
    id="bytes",
    grant_id="bytes",
    use_id="bytes",
    slot="int",
    number="int",
    subject="bytes",
    recipient_id="text",
    purpose="text",
    fields="text",
    marks="text",
    year="int",
)
REMEMBER = RowSet(
    "WITH {rows} INSERT INTO idempotency (bucket, client_id, key_hash, request_hash, token_hash, "
    "disclosure_id, created_at) SELECT rows.bucket, rows.client_id, rows.key_hash, rows.request_hash, "
    "rows.token_hash, rows.disclosure_id, :now FROM rows ORDER BY rows.bucket, rows.client_id, rows.key_hash",
    bucket="int",
    client_id="text",
    key_hash="bytes",
    request_hash="bytes",
    token_hash="bytes",  # noqa: S106  # a column's type
    disclosure_id="bytes",
)
SPEND = Together(disclosures=DISCLOSE, keys=REMEMBER, served=SERVE)
REDELIVER = RowSet(
    "WITH {rows} INSERT INTO redelivery (bucket, disclosure_id, attempts, first_at, last_at) "
    "SELECT rows.bucket, rows.disclosure_id, rows.attempts, :now, :now FROM rows WHERE true "
    "ORDER BY rows.bucket, rows.disclosure_id ON CONFLICT (bucket, disclosure_id) DO UPDATE "
    "SET attempts = redelivery.attempts + excluded.attempts, "
    "last_at = CASE WHEN excluded.last_at > redelivery.last_at THEN excluded.last_at "
    "ELSE redelivery.last_at END",
    bucket="int",
    disclosure_id="bytes",
    attempts="int",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What an earlier transaction disclosed, as its rows say."""

    disclosure_id: DisclosureId
    slot: int
    fields: tuple[str, ...]
    committed_at: int
    position: Position


@dataclass(slots=True)
class Now:
    """The standings of a batch and the earlier disclosures they point at."""

    standings: dict[int, Standing] = field(default_factory=dict)
    committed: list[Committed] = field(default_factory=list)
    fresh: set[int] = field(default_factory=set)
    """Positions whose proof was accepted here and now."""


type Proofs = Mapping[tuple[int, bytes], int]
"""(bucket, hash) of each proof to be accepted, and the position that shows it first."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A batch, what is known of its tokens by position, and the proofs it shows."""

    requests: Sequence[RedeemRequest]
    facts: Mapping[int, Facts]
    proofs: Proofs


def read_facts(conn: Connection, requests: Sequence[RedeemRequest]) -> dict[int, Facts]:
    """What each known token stands for, by position and in the order of the requests: first come, first served."""
    found = FACTS(conn, [(r.bucket, r.token_hash) for r in requests])
    return {row[0]: _facts(row) for row in sorted(found, key=itemgetter(0))}


def accept(conn: Connection, requests: Sequence[RedeemRequest], proofs: Proofs) -> set[int]:
    """Positions whose proof is new, and was not until now."""
    return _accepted(proofs, _accepting(requests, proofs).alone(conn))


def read_standings(conn: Connection, ledger_host: str, asked: Asked, locks: Sequence[Call] = ()) -> Now:
    """Which proofs are new, and what may have changed since the facts were read, under the grants' `locks`."""
    requests, facts, order = asked.requests, asked.facts, list(asked.facts)
    rows = [
        (requests[at].bucket, facts[at].use_id, facts[at].client_id, _key_hash(requests[at])) for at in order
    ]
    now = Now()
    fresh, *_, standings = volley(conn, _accepting(requests, asked.proofs), *locks, Call(STANDING, rows))
    now.fresh = _accepted(asked.proofs, fresh)
    for i, state, used, spent, voided_at, suspended_at, above, *earlier in standings:
        at = order[i]
        now.standings[at] = Standing(
            state=GrantState(state),
            used=used,
            spent=spent,
            voided=voided_at is not None,
            suspended=suspended_at is not None,
            above=bool(above),
            earlier=_earlier(now, ledger_host, requests[at], earlier) if earlier[0] is not None else None,
        )
    return now


def _accepting(requests: Sequence[RedeemRequest], proofs: Proofs) -> Call:
    return remembering(
        [(Bucket(b), digest, requests[at].proof_expires) for (b, digest), at in proofs.items()]
    )


def _accepted(proofs: Proofs, new: Iterable[Sequence[Any]]) -> set[int]:
    return {proofs[bucket, digest] for bucket, digest in new}


def _key_hash(request: RedeemRequest) -> bytes | None:
    return request.idempotency.key_hash if request.idempotency else None


def _facts(row: Sequence[object]) -> Facts:
    (_, use, grant, subject, recipient, client, purpose, fields, jkt, expires, *rest) = row
    quota, uses, opens, closes, carriers = rest
    return Facts(
        use_id=UseId(_raw(use)),
        grant_id=GrantId(_raw(grant)),
        subject=SubjectId(_raw(subject)),
        recipient_id=RecipientId(str(recipient)),
        client_id=ClientId(str(client)),
        purpose=str(purpose),
        fields=fields_of(str(fields)),
        jkt=str(jkt),
        expires_at=_number(expires),
        quota=_number(quota),
        max_uses=_number(uses),
        window_from=_number(opens),
        window_to=_number(closes),
        carriers=tuple(str(carriers or "").split()),
    )


def _raw(value: object) -> bytes:
    assert isinstance(value, bytes)
    return value


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value


def _earlier(now: Now, ledger_host: str, request: RedeemRequest, row: Sequence[object]) -> Earlier:
    (request_hash, token_hash, created_at, disclosure, slot, fields, committed_at, year, idx, leaf, body) = (
        row
    )
    log = LogId(request.bucket, _number(year))
    now.committed.append(
        Committed(
            disclosure_id=DisclosureId(_raw(disclosure)),
            slot=_number(slot),
            fields=fields_of(str(fields)),
            committed_at=_number(committed_at),
            position=Position(
                bucket=log.bucket,
                year=log.year,
                origin=origin_of(ledger_host, log),
                idx=_number(idx),
                n=parse(_raw(body)).n,
                leaf=_raw(leaf),
                body=_raw(body),
            ),
        )
    )
    key_hash = _key_hash(request) or b""
    return Earlier(
        key=IdempotencyKey(key_hash=key_hash, request_hash=_raw(request_hash)),
        token_hash=_raw(token_hash),
        created_at=_number(created_at),
        row=len(now.committed) - 1,
    )
