"""From evidence to a ranking: who may be named, which sets cannot be told apart, and what speaks for no recipient.

Two figures per recipient: `ln_e` against "the outside alone" (mixture over leaked fractions, outside rate from
dark controls), and `ln_e_strict` against every story in which this recipient is innocent, whatever all others
did. Only the strict figure names, from ln(n/eps), and it is asked about only where chance is a worse story.
Whom the ledger cannot separate is reported as a set and never as a name. Two further sources are always listed:
our own store, and somewhere else, the reference against which the others stand.

Where marks were read, or aliases or planted persons are out, what they say is multiplied on, and the product
names. Each of them is an e-value whatever set of people was found, so the product is one. What the ledger says
then counts as the mean of its e-value and 1: marks must be able to tell apart those whom it cannot, at a price
of ln 2.

Where masked rows agree there are two readings of the dump, without them and with them, and both figures are means of
the readings' e-values (`chance` says why that keeps the error bounded). Our own store is judged without them: a dark
person whom a mask fits by chance says nothing about it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from threadpoolctl import threadpool_limits

from breach.trace.codes import Decoded, Marks, Scorer, decode
from breach.trace.evidence import Evidence
from breach.trace.guilt import ln_e, ln_mean_exp, ln_sum_exp, threshold, upper_limit
from breach.trace.mixture import accuse
from breach.trace.rivals import Defence
from breach.trace.store import most_outside, never_disclosed, never_received, together

_EXAMINED = 20
_LARGEST_SET = 8
_REMARKABLE = 3.0


class Outcome(StrEnum):
    """What a trace may say."""

    NAMED = "named"
    ONE_OF_A_SET = "one_of_a_set"
    OWN_STORE = "own_store"
    NOT_ATTRIBUTED = "not_attributed"
    REPOST = "repost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What was fixed before the dump was looked at.

    `eps`: share of traces that may name an innocent. `level`: of the confidence limit for the outside rate.
    `outside_rate`: the highest share of people never disclosed that an ordinary outside source may know;
    `outside_share`: the highest share of the rows of an ordinary outside file that may be about people of ours.
    `collectors`: the own collections of how many recipients, at most, an ordinary file may hold.
    `field_sets`: between how many sets of test fields the dump chose; the choice is paid for.
    """

    eps: float = 1e-6
    level: float = 1e-7
    outside_rate: float = 1e-2
    outside_share: float = 0.25
    collectors: int = 8
    field_sets: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What speaks against one recipient. `ln_e_strict` is None where `ln_e` gave no reason to compute it.

    `hits`: found people it can explain, `hits_masked` those more whom only masked rows show; `ln_e_whole`: the
    strict figure without masked rows. `ln_e_marks`, `ln_e_contacts` (aliases and planted persons): None where there
    are none to weigh. `ln_e_total`: what is compared with the line.
    """

    recipient: int
    held: int
    hits: int
    hits_masked: int
    ln_e: float
    ln_e_strict: float | None
    ln_e_whole: float | None
    ln_e_marks: float | None
    ln_e_contacts: float | None
    ln_e_total: float | None
    named: bool

    @property
    def weight(self) -> float:
        """Ln e-value against the outside alone, with everything."""
        return self.ln_e + (self.ln_e_marks or 0.0) + (self.ln_e_contacts or 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """The whole ranking, best first, with the figures every sentence of the statement rests on.

    `outside_limit`: of whole values, or with masked rows where those count as well, whichever is higher.
    `own_store`: ln e-value of our own store from people nobody was given anything of, `own_values` from values
    nobody was given; `own_total`: their mean, which is compared with the line. `marks`: how they were decoded, None where none were read.
    """

    outcome: Outcome
    threshold: float
    outside_limit: float
    findings: tuple[Finding, ...]
    sets: tuple[tuple[int, ...], ...]
    own_store: float
    own_values: float
    own_total: float
    explained_by_nobody: int
    marks: Decoded | None = None


@dataclass(frozen=True, slots=True)
class MaskedRows:
    """That there are agreeing masked rows: the evidence with them, or None where they may not count."""

    evidence: Evidence | None


class _Reading(NamedTuple):
    """One way to read the dump, and the outside limit under it."""

    evidence: Evidence
    limit: float


def attribute(
    evidence: Evidence,
    rules: Rules,
    masked: MaskedRows | None = None,
    marks: Marks | None = None,
    beside: Mapping[int, float] | None = None,
    store_beside: float = 0.0,
) -> Attribution:
    """Rank every recipient by whole values, and by all else there is; pure, repeatable to the digit.

    `beside`: ln e-values from aliases and planted persons by recipient, of whom any were issued; None where
    none were. `store_beside`: that of persons planted with nobody, which only our own store has.
    """
    # Sums of several threads differ in the last digits; and for matrices of this size one thread is the fastest.
    with threadpool_limits(limits=1, user_api="blas"):
        return _attribute(evidence, rules, masked, marks, beside, store_beside)


def _attribute(
    evidence: Evidence,
    rules: Rules,
    masked: MaskedRows | None,
    marks: Marks | None,
    beside: Mapping[int, float] | None,
    store_beside: float,
) -> Attribution:
    bar = threshold(len(evidence.held) + 1, rules.eps)
    readings = [_reading(one, rules) for one in (evidence, masked and masked.evidence) if one]
    parts = 1 if masked is None else 2
    hits = [_hits(reading.evidence) for reading in readings]
    plain = {k: _plain(readings, [each[k] for each in hits], k, parts) for k in range(len(evidence.held))}
    order = sorted(plain, key=lambda k: (-plain[k], k))
    scorer = Scorer(marks) if marks is not None and len(marks.bits) else None
    first = dict.fromkeys((*_pointed_at(scorer, beside or {}), *order))
    suspects = [k for k in first if hits[-1][k] and plain[k] > 0][:_EXAMINED]
    court = _Court(readings, suspects, rules, bar, parts)
    verdict = _verdict(court, len(order), scorer, beside)
    findings = [
        _finding(readings[-1].evidence, k, plain[k], [each[k] for each in hits], court, verdict)
        for k in order
    ]
    findings.sort(key=lambda f: (not f.named, -f.weight, f.recipient))
    unclear = [f.recipient for f in findings if not f.named and f.ln_e >= bar]
    sets = court.sets(unclear, {f.recipient for f in findings if f.named})
    most = most_outside(evidence, rules.outside_rate, rules.outside_share)
    own = never_disclosed(evidence, most) + store_beside
    values = never_received(evidence.unreceived, most, rules.collectors)
    total = together(own, values)
    widest = readings[-1].evidence.found
    return Attribution(
        outcome=_outcome(findings, sets, total, bar),
        threshold=bar,
        outside_limit=max(reading.limit for reading in readings),
        findings=tuple(findings),
        sets=sets,
        own_store=own,
        own_values=values,
        own_total=total,
        explained_by_nobody=sum(count for p, count in widest.items() if not p.suspects),
        marks=verdict.marks,
    )


def of_repost(result: Attribution) -> Attribution:
    """The same ranking of a dump that is in an older one: it accuses nobody, neither by name nor in a set."""
    findings = tuple(replace(finding, named=False) for finding in result.findings)
    return replace(result, outcome=Outcome.REPOST, findings=findings, sets=())


class _Court:
    """The strict e-values of one trace. No further price for sets: a set without a leaker is accused only when the
    mixture of one of its members stands above the line over the truth, and the line pays for every recipient.

    `parts`: of how many readings the mean is taken; one that may not count adds nothing to it.
    """

    def __init__(
        self, readings: Sequence[_Reading], suspects: Sequence[int], rules: Rules, bar: float, parts: int
    ) -> None:
        self.suspects = suspects
        self.bar = bar
        self._people = readings[-1].evidence
        self._price = math.log(rules.field_sets * parts)
        asked = readings if suspects else ()
        self._readings = [(accuse(each.evidence, suspects), Defence(each.evidence)) for each in asked]
        each = {k: self._weighed({k}) for k in suspects}
        self.strict = {k: ln_sum_exp(values) for k, values in each.items()}
        self.whole = {k: values[0] + math.log(parts) for k, values in each.items()}

    def weigh(self, members: set[int]) -> float:
        """Ln e-value of "at least one of these leaked"."""
        return ln_sum_exp(self._weighed(members))

    def _weighed(self, members: set[int]) -> list[float]:
        claims = [accusation.of(members) - self._price for accusation, _ in self._readings]
        return [
            claim - defence.strongest(members, claim).bound
            for claim, (_, defence) in zip(claims, self._readings, strict=True)
        ]

    def sets(self, unclear: Sequence[int], named: set[int]) -> tuple[tuple[int, ...], ...]:
        """Sets, made small by greedy search, of each of which at least one member must have leaked."""
        spoken_for = set(named)
        found: list[tuple[int, ...]] = []
        for suspect in unclear:
            if suspect in self.strict and suspect not in spoken_for and self._open(spoken_for):
                members = self._set_around(suspect, spoken_for)
                spoken_for |= set(members)
                found += [members] if members else []
        return tuple(found)

    def _open(self, spoken_for: set[int]) -> bool:
        """Whether those named so far, and the members of sets found so far, leave something to explain."""
        left = set(range(len(self._people.held))) - spoken_for
        return bool(left) and self.weigh(left) >= self.bar

    def _set_around(self, suspect: int, spoken_for: set[int]) -> tuple[int, ...]:
        members = {suspect}
        while len(members) < _LARGEST_SET:
            shares = self._readings[-1][1].strongest(members).shares
            rivals = {k: share for k, share in shares.items() if k not in spoken_for and share >= 1}
            if not rivals:
                return ()
            members.add(max(rivals, key=lambda k: (rivals[k], -k)))
            if self.weigh(members) >= self.bar:
                return self._pared(members)
        return ()

    def _pared(self, members: set[int]) -> tuple[int, ...]:
        for member in sorted(members):
            fewer = members - {member}
            if len(fewer) > 1 and self.weigh(fewer) >= self.bar:
                members = fewer
        return tuple(sorted(members))


class _Verdict(NamedTuple):
    """By recipient, where it was weighed: all evidence together; aliases and planted persons; and the marks."""

    total: Mapping[int, float]
    contacts: Mapping[int, float]
    marks: Decoded | None


def _pointed_at(scorer: Scorer | None, beside: Mapping[int, float]) -> list[int]:
    """Whom other evidence speaks against more than chance does everywhere, strongest first: half a court at most."""
    scores = dict(beside)
    if scorer is not None:
        for k, score in enumerate(scorer.score()):
            scores[k] = scores.get(k, 0.0) + float(score)
    pointed = [k for k, score in scores.items() if score > _REMARKABLE]
    return sorted(pointed, key=lambda k: (-scores[k], k))[: _EXAMINED // 2]


def _verdict(
    court: _Court, recipients: int, scorer: Scorer | None, beside: Mapping[int, float] | None
) -> _Verdict:
    """The product of all evidence. Whether there is a further factor never depends on an innocent's own marks."""
    if scorer is None and beside is None:
        return _Verdict(court.strict, {}, None)
    contacts = beside or {}
    # A ledger that was not asked about somebody counts as if it spoke against their guilt as loudly as it can.
    ledger = [ln_mean_exp((0.0, court.strict.get(k, -math.inf))) for k in range(recipients)]
    known = [said + contacts.get(k, 0.0) for k, said in enumerate(ledger)]
    decoded = None if scorer is None else decode(scorer, court.bar, known)
    total = known if decoded is None else [sum(both) for both in zip(known, decoded.ln_e, strict=True)]
    return _Verdict(dict(enumerate(total)), contacts, decoded)


def _reading(evidence: Evidence, rules: Rules) -> _Reading:
    limit = upper_limit(evidence.dark_found, evidence.dark, rules.level) if evidence.dark else 1.0
    return _Reading(evidence, limit)


def _hits(evidence: Evidence) -> list[int]:
    """Per recipient, the found people it is able to have leaked."""
    hits = [0] * len(evidence.held)
    for pattern, count in evidence.found.items():
        for k, _ in pattern.able:
            hits[k] += count
    return hits


def _plain(readings: Sequence[_Reading], hits: Sequence[int], k: int, parts: int) -> float:
    """Ln e-value of one recipient against the outside alone."""
    each = (ln_e(n, one.evidence.held[k], one.limit) for n, one in zip(hits, readings, strict=True))
    return ln_sum_exp(each) - math.log(parts)


def _finding(
    evidence: Evidence, k: int, plain: float, hits: Sequence[int], court: _Court, verdict: _Verdict
) -> Finding:
    total = verdict.total.get(k)
    marked = verdict.marks is not None and verdict.marks.held[k] > 0
    return Finding(
        recipient=k,
        held=evidence.held[k],
        hits=hits[0],
        hits_masked=max(hits[-1] - hits[0], 0),
        ln_e=plain,
        ln_e_strict=court.strict.get(k),
        ln_e_whole=court.whole.get(k),
        ln_e_marks=verdict.marks.ln_e[k] if verdict.marks and marked else None,
        ln_e_contacts=verdict.contacts.get(k),
        ln_e_total=total,
        named=total is not None and total >= court.bar,
    )


def _outcome(findings: Sequence[Finding], sets: Sequence[tuple[int, ...]], own: float, bar: float) -> Outcome:
    if any(finding.named for finding in findings):
        return Outcome.NAMED
    if own >= bar:
        return Outcome.OWN_STORE
    return Outcome.ONE_OF_A_SET if sets else Outcome.NOT_ATTRIBUTED
