"""Deciding redemptions: pure, one verdict per attempt, in order, aware of the other attempts of the batch.

An attempt is allowed when its token is known and bound to this key, its proof is new, the grant is active
inside its window, the fields were granted, and a slot is left after everything decided before it. A retry under
an Idempotency-Key gets the first answer again for five minutes, as often as it is asked for (ADR 0038),
whatever became of the token meanwhile, unless the consent itself has ended. Same key, other request: a
mismatch. While a client or its recipient is suspended, nothing is answered at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from consent.denials import DenialCode
from consent.ids import ClientId, GrantId, RecipientId, UseId
from consent.schema.grant_states import GrantState
from consent.wording.alias_fields import INSTEAD
from vault.ids import Bucket, SubjectId

RETRY_MS = 300_000


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """Digests of the client's key and of the request it stands for (32 bytes each)."""

    key_hash: bytes
    request_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeemRequest:
    """One redemption whose proof the edge has verified.

    `jkt` is the proof key's thumbprint, `proof` a 32-byte digest of (jkt, jti), `proof_expires` Unix ms;
    `fields` None asks for everything granted.
    """

    token_hash: bytes
    bucket: Bucket
    jkt: str
    proof: bytes
    proof_expires: int
    fields: tuple[str, ...] | None = None
    idempotency: IdempotencyKey | None = None


class Facts(NamedTuple):
    """What a token stands for; none of it ever changes, so it is read without a lock."""

    use_id: UseId
    grant_id: GrantId
    subject: SubjectId
    recipient_id: RecipientId
    client_id: ClientId
    purpose: str
    fields: tuple[str, ...]
    jkt: str
    expires_at: int
    quota: int
    max_uses: int
    window_from: int
    window_to: int
    carriers: tuple[str, ...] = ()
    """What the purpose tolerates (`marks.tolerance`): decisions of operators, which may change from batch to batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The disclosure an Idempotency-Key already stands for."""

    key: IdempotencyKey
    token_hash: bytes
    created_at: int
    row: int
    """Where the caller keeps the rest of it."""


class Standing(NamedTuple):
    """What may change between two redemptions, read under the grant's lock."""

    state: GrantState
    used: int
    spent: int
    voided: bool
    above: bool = True
    """Whether every grant above this one is active."""
    suspended: bool = False
    """Whether the client or its recipient is, which ends nothing and stops everything."""
    earlier: Earlier | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request with what is known of it; `facts` and `standing` are None for a token nobody issued."""

    request: RedeemRequest
    facts: Facts | None
    standing: Standing | None
    fresh_proof: bool


@dataclass(frozen=True, slots=True)
class Allowed:
    """Disclose these fields as number `slot` of the token's use and number `number` of its grant."""

    fields: tuple[str, ...]
    slot: int
    number: int


@dataclass(frozen=True, slots=True)
class Repeated:
    """Answer again what was answered before: `row` of an earlier transaction, or `first` of this batch."""

    row: int | None = None
    first: int | None = None


type Verdict = Allowed | Repeated | DenialCode


@dataclass(slots=True)
class _Tally:
    """What this batch has allowed so far."""

    by_use: dict[UseId, int] = field(default_factory=dict)
    by_grant: dict[GrantId, int] = field(default_factory=dict)
    by_key: dict[tuple[Bucket, ClientId, bytes], int] = field(default_factory=dict)


def decide(attempts: Sequence[Attempt], now_ms: int) -> list[Verdict]:
    """One verdict per attempt; an allowed attempt counts against the ones after it."""
    tally = _Tally()
    verdicts: list[Verdict] = []
    for at, attempt in enumerate(attempts):
        verdict = _decide_one(attempts, attempt, tally, now_ms)
        if isinstance(verdict, Allowed) and attempt.facts:
            _count(tally, attempt, attempt.facts, at)
        verdicts.append(verdict)
    return verdicts


def refuse_early(attempt: Attempt) -> DenialCode | None:
    """What no lock can change: nobody's token, another key's token, a proof seen before."""
    if attempt.facts is None:
        return DenialCode.UNKNOWN_TOKEN
    if attempt.request.jkt != attempt.facts.jkt:
        return DenialCode.WRONG_KEY  # nothing else was read of it
    if attempt.standing is None:
        return DenialCode.UNKNOWN_TOKEN
    return None if attempt.fresh_proof else DenialCode.REPLAYED_PROOF


def _decide_one(attempts: Sequence[Attempt], attempt: Attempt, tally: _Tally, now_ms: int) -> Verdict:
    early = refuse_early(attempt)
    if early or attempt.facts is None or attempt.standing is None:
        return early or DenialCode.UNKNOWN_TOKEN
    facts, standing = attempt.facts, attempt.standing
    repeated = _repeat(attempt, standing, now_ms) or _repeat_within(attempts, attempt, facts, tally)
    if repeated is not None:
        return repeated
    denied = _closed(facts, standing, now_ms)
    if denied:
        return denied
    fields = _fields(attempt.request, facts)
    if fields is None:
        return DenialCode.FIELD_NOT_GRANTED
    slot = standing.spent + tally.by_use.get(facts.use_id, 0) + 1
    used = standing.used + tally.by_grant.get(facts.grant_id, 0) + 1
    if slot > facts.quota or used > facts.max_uses:
        return DenialCode.SPENT
    return Allowed(fields, slot, used)


def _repeat(attempt: Attempt, standing: Standing, now_ms: int) -> Verdict | None:
    """A retry of something committed before this batch."""
    key, earlier = attempt.request.idempotency, standing.earlier
    if key is None or earlier is None:
        return None
    if standing.suspended:
        return DenialCode.SUSPENDED
    if earlier.key != key or earlier.token_hash != attempt.request.token_hash:
        return DenialCode.IDEMPOTENCY_MISMATCH
    if standing.state is GrantState.WITHDRAWN:
        return DenialCode.WITHDRAWN
    if standing.state not in {GrantState.ACTIVE, GrantState.EXHAUSTED, GrantState.EXPIRED}:
        return DenialCode.GRANT_NOT_ACTIVE
    return Repeated(row=earlier.row) if now_ms < earlier.created_at + RETRY_MS else DenialCode.EXPIRED


def _repeat_within(
    attempts: Sequence[Attempt], attempt: Attempt, facts: Facts, tally: _Tally
) -> Verdict | None:
    """A retry of something this very batch has just allowed."""
    key = attempt.request.idempotency
    if key is None:
        return None
    first = tally.by_key.get((attempt.request.bucket, facts.client_id, key.key_hash))
    if first is None:
        return None
    before = attempts[first].request
    if before.idempotency != key or before.token_hash != attempt.request.token_hash:
        return DenialCode.IDEMPOTENCY_MISMATCH
    return Repeated(first=first)


_BY_STATE = {GrantState.WITHDRAWN: DenialCode.WITHDRAWN, GrantState.EXHAUSTED: DenialCode.SPENT}


def _closed(facts: Facts, standing: Standing, now_ms: int) -> DenialCode | None:
    if standing.suspended:
        return DenialCode.SUSPENDED
    if standing.state is not GrantState.ACTIVE:
        return _BY_STATE.get(standing.state, DenialCode.GRANT_NOT_ACTIVE)
    if standing.voided or not standing.above:
        return DenialCode.VOIDED if standing.voided else DenialCode.PARENT_NOT_ACTIVE
    if now_ms >= facts.expires_at:
        return DenialCode.EXPIRED
    if not facts.window_from <= now_ms < facts.window_to:
        return DenialCode.WINDOW
    return None


def _fields(request: RedeemRequest, facts: Facts) -> tuple[str, ...] | None:
    """The fields to disclose, sorted; None when one was not granted or none was asked for.

    Of a field that the person gave an alias for, the alias is what was granted.
    """
    if request.fields is None:
        return facts.fields
    granted = set(facts.fields)
    wanted = tuple(sorted({code if code in granted else INSTEAD.get(code, code) for code in request.fields}))
    return wanted if wanted and set(wanted) <= granted else None


def _count(tally: _Tally, attempt: Attempt, facts: Facts, at: int) -> None:
    tally.by_use[facts.use_id] = tally.by_use.get(facts.use_id, 0) + 1
    tally.by_grant[facts.grant_id] = tally.by_grant.get(facts.grant_id, 0) + 1
    key = attempt.request.idempotency
    if key:  # scoped as the table scopes it: the same key in another bucket is another key
        tally.by_key[attempt.request.bucket, facts.client_id, key.key_hash] = at
