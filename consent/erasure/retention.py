"""Carrying out what may be kept no longer (PIPL 19 and 47): fields are struck out, whole people are erased.

`run` takes everything that is over as far as it goes, in pages, each of which survives whoever runs it: a
struck field's entry is in the ledger by the commit that destroys the text; the person's key is replaced
afterwards, and until then the term waits. Erasure of whole people is ordered here and carried out by `erase`.
Whatever else has an end in time ends as well (`end_over`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from consent.erasure.orders import By, Reason, order
from consent.families.ties import end_due
from consent.ledger.entries.entry import Kind
from consent.ledgering import enter
from consent.people.writes import correction, struck_text
from consent.planted.answering import answer_due
from consent.protection.deferral import lapse
from vault.opening import Vault
from vault.retention import striking
from vault.retention import terms as retention
from vault.retention.striking import Struck
from vault.retention.terms import Rule, Term

__all__ = ["Done", "Rule", "Term", "end_over", "keep_until", "run"]

_ACTOR = "retention"

type Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What one run did: versions destroyed, people ordered erased, guardianships ended."""

    struck: int
    erased: int
    ended: int


def keep_until(vault: Vault, terms: Sequence[Term], now_ms: int) -> None:
    """Say how long fields or whole people (field "") may be kept; replaces what was said before.

    What is said of somebody who was merged away holds for whom they were merged into.
    """
    with vault.data.write() as conn:
        retention.keep_until(conn, vault, terms, now_ms)


def run(vault: Vault, rules: Sequence[Rule], now_ms: int, report: Report | None = None) -> Done:
    """Carry out every term that is over; `rules` are the defaults of this installation. Repeating it is harmless."""
    tell = report or _silent
    with vault.data.write() as conn:
        retention.apply_rules(conn, rules, now_ms)
    struck = _strike_due(vault, now_ms, tell)
    _renew_struck(vault, now_ms, tell)
    return Done(struck=struck, erased=_erase_due(vault, now_ms, tell), ended=end_over(vault, now_ms))


def end_over(vault: Vault, now_ms: int) -> int:
    """End guardianships of wards who came of age, and what waits for an answer no longer; answers how many of the former.

    What a parent gave for somebody who decides by now is suspended by it, so this is no work for once a day. Planted
    persons answer as often, while what they were asked still waits.
    """
    lapse(vault, now_ms)
    answer_due(vault, now_ms)
    return end_due(vault, now_ms)


def _strike_due(vault: Vault, now_ms: int, tell: Report) -> int:
    def within(conn: Connection, struck: Sequence[Struck]) -> None:
        about = [
            correction((one.bucket, one.subject), struck_text(one.field, one.version, one.at))
            for one in struck
        ]
        enter(conn, vault, Kind.CORRECT, about, now_ms)

    count = 0
    for terms in _due(vault, now_ms):
        count += len(striking.strike(vault, terms, now_ms, within=within))
        tell("striking out", count, count)
    return count


def _renew_struck(vault: Vault, now_ms: int, tell: Report) -> None:
    count = 0
    for terms in _due(vault, now_ms, state="struck"):
        count += striking.renew(vault, terms, now_ms)
        tell("replacing keys", count, count)


def _erase_due(vault: Vault, now_ms: int, tell: Report) -> int:
    """Whoever was merged away has no end of their own: the person they stand for is meant."""
    count = 0
    for terms in _due(vault, now_ms, whole=True):
        with vault.data.write() as conn:
            tops = retention.standing(conn, vault, ((term.bucket, term.subject) for term in terms))
            people = [tops[term.subject][1] for term in terms]
            wanted = list(dict.fromkeys(people))
            by = By(actor=_ACTOR, reason=Reason.RETENTION)
            answers = dict(zip(wanted, order(conn, vault, wanted, by, now_ms), strict=True))
            ordered = {who: family for who, family in answers.items() if isinstance(family, tuple)}
            over = [term for term, who in zip(terms, people, strict=True) if who in ordered]
            retention.settle(conn, over, now_ms)
        count += sum(not one.repeated for family in ordered.values() for one in family)
        tell("ordering erasures", count, count)
    return count


def _due(vault: Vault, now_ms: int, *, state: str = "set", whole: bool = False) -> Iterator[list[Term]]:
    """Page by page, each term once: what cannot be carried out now keeps its place for the next run."""
    after = None
    while True:
        with vault.data.read() as conn:
            terms = retention.due(conn, now_ms, state=state, whole=whole, after=after)
        if not terms:
            return
        yield terms
        after = terms[-1]


def _silent(_stage: str, _done: int, _total: int) -> None:
    pass
