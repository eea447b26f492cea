"""Redeeming: the one transaction in which uses are spent and enter the ledger; nothing is decrypted here.

`redeem_many(vault, requests, now_ms) -> list[Disclosed | Denied]` takes everything that is waiting, in a
constant number of statements, and gives each request its own answer. One proof is accepted once, one slot
is spent once, one Idempotency-Key stands for one disclosure, whether the rivals are in this batch, in
another thread or in another process: grants are locked in sorted order and read again under the lock, and
triggers enforce the same rules once more. If the data base turns the set down, each request is tried alone.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from consent.denials import DenialClass, DenialCode, Denied, about_nothing, record, worth_an_entry
from consent.ids import (
    DisclosureId,
    GrantId,
    RecipientId,
    UseId,
    fields_json,
    grant_text,
)
from consent.ledger.append import Item, Position, append
from consent.ledger.entries.entry import Kind
from consent.ledgering import access_fields, entry_item, refusal_item
from consent.marks.planning import Disclosing, Marked, plan, rows_of
from consent.marks.served import Mark, lines
from consent.redemption import rows as redeem_rows
from consent.redemption.decide import Allowed, Attempt, Facts, IdempotencyKey, RedeemRequest, Verdict, decide
from consent.schema.grant_lock import LOCK
from consent.signing.replay import replay_hash
from vault.ids import Bucket, SubjectId, new_id
from vault.keys.keyring import SubjectKey
from vault.opening import Vault
from vault.people.holds import sharing
from vault.storage.database import Dialect
from vault.storage.rowset import Call

__all__ = ["Disclosed", "IdempotencyKey", "RedeemRequest", "redeem_many"]


class Disclosed(NamedTuple):
    """A spent use, committed and in the ledger at `position`; `slot` of `quota`, times in Unix ms."""

    disclosure_id: DisclosureId
    grant_id: GrantId
    use_id: UseId
    subject: SubjectId
    bucket: Bucket
    recipient_id: RecipientId
    purpose: str
    fields: tuple[str, ...]
    slot: int
    quota: int
    committed_at: int
    position: Position
    redelivered: bool = False


def redeem_many(vault: Vault, requests: Sequence[RedeemRequest], now_ms: int) -> list[Disclosed | Denied]:
    """One answer per request, in order; see the module's promise."""
    if not requests:
        return []
    try:
        with vault.data.write() as conn:
            batch, facts = _begin(vault, conn, requests, now_ms)
            return batch.settle(requests, facts)
    except IntegrityError:
        # Nothing of that transaction remains. Again in one, so that all answers still stand or fall together.
        with vault.data.write() as conn:
            batch, facts = _begin(vault, conn, requests, now_ms)
            return [batch.settle_alone(request, facts.get(at)) for at, request in enumerate(requests)]


def _begin(
    vault: Vault, conn: Connection, requests: Sequence[RedeemRequest], now_ms: int
) -> tuple["_Batch", dict[int, Facts]]:
    """What the tokens stand for, by position."""
    facts = redeem_rows.read_facts(conn, requests)
    people = {(requests[at].bucket, fact.subject): None for at, fact in _held(requests, facts).items()}
    keys = vault.keyring.subject_keys(list(people))
    facts = {at: fact for at, fact in facts.items() if fact.subject in keys or requests[at].jkt != fact.jkt}
    return _Batch(vault, conn, keys, now_ms), facts


def _held(requests: Sequence[RedeemRequest], facts: Mapping[int, Facts]) -> dict[int, Facts]:
    """The tokens shown together with their key.

    A token without its key is worth no more work than one that nobody was given: neither locks nor keys nor a row for
    its proof, so that the time an answer takes tells a thief nothing (consent.md §2.7).
    """
    return {at: fact for at, fact in facts.items() if requests[at].jkt == fact.jkt}


def _proofs(requests: Sequence[RedeemRequest], held: Mapping[int, Facts]) -> redeem_rows.Proofs:
    first: dict[tuple[int, bytes], int] = {}
    for at in held:
        first.setdefault((requests[at].bucket, replay_hash("dpop", requests[at].proof)), at)
    return first


@dataclass(frozen=True, slots=True)
class _Spend:
    """An allowed attempt on its way into the data base."""

    request: RedeemRequest
    facts: Facts
    verdict: Allowed
    id: DisclosureId
    marks: tuple[Mark, ...] = ()

    @property
    def disclosing(self) -> Disclosing:
        facts, fields = self.facts, self.verdict.fields
        return Disclosing(self.request.bucket, facts.subject, facts.recipient_id, fields, facts.carriers)


class _Batch:
    """One open transaction and what it needs to settle requests."""

    __slots__ = ("_conn", "_keys", "_now_ms", "_vault")

    def __init__(
        self, vault: Vault, conn: Connection, keys: Mapping[SubjectId, SubjectKey], now_ms: int
    ) -> None:
        self._vault, self._conn, self._keys, self._now_ms = vault, conn, keys, now_ms

    def settle(
        self, requests: Sequence[RedeemRequest], facts: Mapping[int, Facts]
    ) -> list[Disclosed | Denied]:
        """Accept proofs, lock, read again, decide, write; raises IntegrityError when the data base disagrees."""
        host = self._vault.installation.ledger_host
        held = _held(requests, facts)
        about = redeem_rows.Asked(requests, held, _proofs(requests, held))
        now = redeem_rows.read_standings(self._conn, host, about, self._locks(requests, held))
        attempts = [
            Attempt(
                request=request,
                facts=facts.get(at),
                standing=now.standings.get(at),
                fresh_proof=at in now.fresh,
            )
            for at, request in enumerate(requests)
        ]
        verdicts = decide(attempts, self._now_ms)
        refusals = self._count_denials(attempts, verdicts)
        spends = self._spends(attempts, verdicts)
        asked = {at: spend.disclosing for at, spend in spends.items() if spend.facts.carriers}
        spends |= {
            at: replace(spends[at], marks=of)
            for at, of in plan(self._conn, asked, self._vault.catalogue, self._now_ms).items()
        }
        items = [self._access(spend) for spend in spends.values()]
        # The last step, so that ledger heads are held as briefly as can be.
        spending = [self._insertion(spends.values(), items)]
        positions = append(self._conn, items + refusals, self._now_ms, host, ahead=spending)
        answers = self._answers(attempts, verdicts, dict(zip(spends, positions, strict=False)), spends, now)
        self._redeliver(requests, answers)
        return answers

    def settle_alone(self, request: RedeemRequest, facts: Facts | None) -> Disclosed | Denied:
        """The same for one request: what spoils a set must not spoil its neighbours."""
        known = {} if facts is None else {0: facts}
        for _ in range(2):  # a rival that committed meanwhile is seen by the second reading
            try:
                with self._conn.begin_nested():
                    return self.settle([request], known)[0]
            except IntegrityError:
                continue
        redeem_rows.accept(
            self._conn, [request], _proofs([request], _held([request], known))
        )  # that it was shown stays on record
        return Denied(code=DenialCode.GRANT_NOT_ACTIVE)

    def _locks(self, requests: Sequence[RedeemRequest], facts: Mapping[int, Facts]) -> Sequence[Call]:
        # SQLite's one writer already holds everything.
        if self._vault.data.dialect is Dialect.SQLITE:
            return ()
        grants = {(requests[at].bucket, fact.grant_id) for at, fact in facts.items()}
        # What is read after the commit, and read again by a retry, must not be given another past meanwhile.
        people = ((requests[at].bucket, fact.subject) for at, fact in facts.items())
        return Call(LOCK, sorted(grants)), sharing(self._conn, people)

    def _count_denials(self, attempts: Sequence[Attempt], verdicts: Sequence[Verdict]) -> list[Item]:
        """Count what is denied; returns ledger items for the classes first seen this day."""
        denied: list[DenialClass] = []
        subjects: dict[bytes, tuple[Bucket, SubjectId]] = {}
        for attempt, verdict in zip(attempts, verdicts, strict=True):
            if isinstance(verdict, DenialCode):
                denied.append(self._denial_class(attempt, verdict))
                if attempt.facts and worth_an_entry(attempt.facts.expires_at, self._now_ms):
                    subjects[attempt.facts.grant_id] = (attempt.request.bucket, attempt.facts.subject)
        first = [one for one in record(self._conn, denied, self._now_ms) if one.grant in subjects]
        # Keys that strangers' attempts were not worth until now; an erased person's ledger has ended.
        keys = self._vault.keyring.subject_keys([subjects[one.grant] for one in first])
        return [
            refusal_item(self._vault, keys[subjects[one.grant][1]], one, self._now_ms)
            for one in first
            if subjects[one.grant][1] in keys
        ]

    def _denial_class(self, attempt: Attempt, code: DenialCode) -> DenialClass:
        bucket = attempt.request.bucket
        if attempt.facts:
            return DenialClass(bucket=bucket, code=code, grant=attempt.facts.grant_id)
        return about_nothing(bucket, self._vault.installation.buckets, code)

    def _spends(self, attempts: Sequence[Attempt], verdicts: Sequence[Verdict]) -> dict[int, _Spend]:
        return {
            at: _Spend(
                attempt.request,
                attempt.facts,
                verdict,
                DisclosureId(new_id(attempt.request.bucket, self._now_ms)),
            )
            for at, (attempt, verdict) in enumerate(zip(attempts, verdicts, strict=True))
            if isinstance(verdict, Allowed) and attempt.facts
        }

    def _insertion(self, spends: Iterable[_Spend], items: Iterable[Item]) -> Call:
        rows: list[tuple[Any, ...]] = []
        keys: list[tuple[Any, ...]] = []
        served: list[tuple[Any, ...]] = []
        made: set[Marked] = set()
        for spend, item in zip(spends, items, strict=True):
            request, facts, verdict = spend.request, spend.facts, spend.verdict
            names = (facts.subject, facts.recipient_id, facts.purpose, fields_json(verdict.fields))
            numbers = verdict.slot, verdict.number
            place = (request.bucket, spend.id, facts.grant_id, facts.use_id)
            rows.append((*place, *numbers, *names, lines(spend.marks), item.year))
            served += rows_of(spend.disclosing, spend.id, spend.marks, made) if spend.marks else ()
            key = request.idempotency
            if key:
                stands_for = (key.key_hash, key.request_hash, request.token_hash, spend.id)
                keys.append((request.bucket, facts.client_id, *stands_for))
        spent = {"disclosures": rows, "keys": keys, "served": served}
        return Call(redeem_rows.SPEND, spent, {"now": self._now_ms})

    def _access(self, spend: _Spend) -> Item:
        facts = spend.facts
        fields = access_fields(
            recipient=facts.recipient_id,
            purpose=facts.purpose,
            fields=spend.verdict.fields,
            grant=grant_text(facts.grant_id),
            marks=lines(spend.marks),
        )
        about = (spend.request.bucket, facts.subject, spend.id, fields)
        return entry_item(self._vault, Kind.ACCESS, self._keys[facts.subject], about, self._now_ms)

    def _answers(
        self,
        attempts: Sequence[Attempt],
        verdicts: Sequence[Verdict],
        positions: Mapping[int, Position],
        spends: Mapping[int, _Spend],
        now: redeem_rows.Now,
    ) -> list[Disclosed | Denied]:
        answers: list[Disclosed | Denied] = []
        for at, (attempt, verdict) in enumerate(zip(attempts, verdicts, strict=True)):
            facts, bucket = attempt.facts, attempt.request.bucket
            if isinstance(verdict, DenialCode) or facts is None:
                code = verdict if isinstance(verdict, DenialCode) else DenialCode.UNKNOWN_TOKEN
                answers.append(Denied(code=code))
            elif isinstance(verdict, Allowed):
                said = self._said(spends[at], positions[at])
                answers.append(_disclosed(bucket, facts, said, redelivered=False))
            elif verdict.first is not None:
                answers.append(_again(answers[verdict.first]))
            else:
                answers.append(_disclosed(bucket, facts, now.committed[verdict.row or 0], redelivered=True))
        return answers

    def _said(self, spend: _Spend, position: Position) -> redeem_rows.Committed:
        return redeem_rows.Committed(
            disclosure_id=spend.id,
            slot=spend.verdict.slot,
            fields=spend.verdict.fields,
            committed_at=self._now_ms,
            position=position,
        )

    def _redeliver(self, requests: Sequence[RedeemRequest], answers: Sequence[Disclosed | Denied]) -> None:
        again = Counter(
            (request.bucket, answer.disclosure_id)
            for request, answer in zip(requests, answers, strict=True)
            if isinstance(answer, Disclosed) and answer.redelivered
        )
        rows = sorted((bucket, disclosure, times) for (bucket, disclosure), times in again.items())
        redeem_rows.REDELIVER(self._conn, rows, now=self._now_ms)


def _again(first: Disclosed | Denied) -> Disclosed | Denied:
    return first._replace(redelivered=True) if isinstance(first, Disclosed) else first


def _disclosed(bucket: Bucket, facts: Facts, said: redeem_rows.Committed, *, redelivered: bool) -> Disclosed:
    return Disclosed(
        disclosure_id=said.disclosure_id,
        grant_id=facts.grant_id,
        use_id=facts.use_id,
        subject=facts.subject,
        bucket=bucket,
        recipient_id=facts.recipient_id,
        purpose=facts.purpose,
        fields=said.fields,
        slot=said.slot,
        quota=facts.quota,
        committed_at=said.committed_at,
        position=said.position,
        redelivered=redelivered,
    )
