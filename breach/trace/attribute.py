"""From evidence to a ranking: who may be named, which sets cannot be told apart, and what speaks for no recipient.

Two figures per recipient: `ln_e` against "the outside alone" (mixture over leaked fractions, outside rate from dark
controls), and `ln_e_strict` against every story in which this recipient is innocent, whatever all others did. Only the
strict figure names, from ln(n/eps). Whom the ledger cannot separate is reported as a set and never as a name. Two
further sources are always listed: our own store, and somewhere else, the reference against which the others stand.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from breach.trace.evidence import Evidence
from breach.trace.guilt import FRACTIONS, ln_e, ln_mean_exp, threshold, upper_limit
from breach.trace.mixture import accuse
from breach.trace.rivals import strongest

_EXAMINED = 20
_LARGEST_SET = 8


class Outcome(StrEnum):
    """What a trace may say."""

    NAMED = "named"
    ONE_OF_A_SET = "one_of_a_set"
    OWN_STORE = "own_store"
    NOT_ATTRIBUTED = "not_attributed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What was fixed before the dump was looked at.

    `eps`: share of traces that may name an innocent. `level`: of the confidence limit for the outside rate.
    `outside_rate`: the highest share of people never disclosed that an ordinary outside source may know.
    `field_sets`: between how many sets of test fields the dump chose; the choice is paid for.
    """

    eps: float = 1e-6
    level: float = 1e-7
    outside_rate: float = 1e-2
    field_sets: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What speaks against one recipient. `ln_e_strict` is None where `ln_e` gave no reason to compute it."""

    recipient: int
    held: int
    hits: int
    ln_e: float
    ln_e_strict: float | None
    named: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """The whole ranking, best first, with the figures every sentence of the statement rests on."""

    outcome: Outcome
    threshold: float
    outside_limit: float
    findings: tuple[Finding, ...]
    sets: tuple[tuple[int, ...], ...]
    own_store: float
    explained_by_nobody: int


def attribute(evidence: Evidence, rules: Rules) -> Attribution:
    """Rank every recipient; pure and repeatable to the last digit."""
    bar = threshold(len(evidence.held) + 1, rules.eps)
    limit = upper_limit(evidence.dark_found, evidence.dark, rules.level) if evidence.dark else 1.0
    plain = _plain(evidence, limit)
    order = sorted(plain, key=lambda k: (-plain[k][1], k))
    court = _Court(evidence, [k for k in order if plain[k][0]][:_EXAMINED], rules, bar)
    findings = tuple(_finding(evidence, k, plain[k], court) for k in order)
    findings = tuple(sorted(findings, key=lambda f: (not f.named, -f.ln_e, f.recipient)))
    sets = court.sets([f.recipient for f in findings if not f.named and f.ln_e >= bar])
    own = _own_store(evidence, rules.outside_rate)
    return Attribution(
        outcome=_outcome(findings, sets, own, bar),
        threshold=bar,
        outside_limit=limit,
        findings=findings,
        sets=sets,
        own_store=own,
        explained_by_nobody=sum(count for p, count in evidence.found.items() if not p.suspects),
    )


class _Court:
    """The strict e-values of one trace; every set asked about is weighed against the same accusation."""

    def __init__(self, evidence: Evidence, suspects: Sequence[int], rules: Rules, bar: float) -> None:
        self.suspects = suspects
        self._evidence = evidence
        self.bar = bar
        accused = accuse(evidence, suspects) if suspects else -math.inf
        self._accused = accused - math.log(rules.field_sets)
        self.strict = {k: self.weigh({k}) for k in suspects}

    def weigh(self, members: set[int]) -> float:
        """Ln e-value of "at least one of these leaked"."""
        return self._accused - strongest(self._evidence, members).bound

    def sets(self, unclear: Sequence[int]) -> tuple[tuple[int, ...], ...]:
        """Sets, made small by greedy search, of each of which at least one member must have leaked."""
        spoken_for = {k for k, value in self.strict.items() if value >= self.bar}
        found: list[tuple[int, ...]] = []
        for suspect in unclear:
            if suspect in self.strict and suspect not in spoken_for and self._open(spoken_for):
                members = self._set_around(suspect, spoken_for)
                spoken_for |= set(members)
                found += [members] if members else []
        return tuple(found)

    def _open(self, spoken_for: set[int]) -> bool:
        """Whether those named so far, and the members of sets found so far, leave something to explain."""
        return self.weigh(set(range(len(self._evidence.held))) - spoken_for) >= self.bar

    def _set_around(self, suspect: int, spoken_for: set[int]) -> tuple[int, ...]:
        members = {suspect}
        while len(members) < _LARGEST_SET:
            shares = strongest(self._evidence, members).shares
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


def _plain(evidence: Evidence, limit: float) -> dict[int, tuple[int, float]]:
    """Per recipient its hits and ln e-value against the outside alone."""
    hits = [0] * len(evidence.held)
    for pattern, count in evidence.found.items():
        for k, _ in pattern.able:
            hits[k] += count
    return {k: (hits[k], ln_e(hits[k], held, limit)) for k, held in enumerate(evidence.held)}


def _finding(evidence: Evidence, k: int, plain: tuple[int, float], court: _Court) -> Finding:
    strict = court.strict.get(k)
    named = strict is not None and strict >= court.bar
    return Finding(
        recipient=k,
        held=evidence.held[k],
        hits=plain[0],
        ln_e=plain[1],
        ln_e_strict=strict,
        named=named,
    )


def _own_store(evidence: Evidence, outside_rate: float) -> float:
    """Ln e-value of "the store itself leaked" from people never disclosed, against an ordinary outside source."""
    hits, misses = evidence.dark_found, evidence.dark - evidence.dark_found
    if not hits:
        return 0.0
    rate = min(outside_rate, hits / evidence.dark)
    outside = hits * math.log(rate) + (misses * math.log1p(-rate) if misses else 0.0)
    return ln_mean_exp(hits * math.log(f) + misses * math.log1p(-f) for f in FRACTIONS) - outside


def _outcome(findings: Sequence[Finding], sets: Sequence[tuple[int, ...]], own: float, bar: float) -> Outcome:
    if any(finding.named for finding in findings):
        return Outcome.NAMED
    if own >= bar:
        return Outcome.OWN_STORE
    return Outcome.ONE_OF_A_SET if sets else Outcome.NOT_ATTRIBUTED
