"""How far "these are all" reaches: the logs that a bundle leaves out, and whether what was proven before is
still counted.

A bundle that counts everything in one year's log says nothing of the year before; and whoever had an entry
proven once can hold a later count against it. A contradiction between two sound bundles is the log's, under its
own signatures.
"""

from collections.abc import Iterator
from dataclasses import replace

from consent.ledger.bundles.verify import Check, Complete, ProvenEntry, Verdict
from consent.ledger.errors import Malformed
from consent.ledger.formats.policy import Policy
from consent.ledger.origin import parse_origin

_NAME = "still counted"


def uncovered(verdict: Verdict, trusted: Policy) -> tuple[str, ...]:
    """The trusted logs that hold entries of the same people as those counted here, and of which nothing is counted."""
    counted = {one.origin for one in verdict.complete}
    places = {place for place in map(_place, counted) if place is not None}
    return tuple(sorted({key.name for key in trusted.logs if _place(key.name) in places} - counted))


def against(new: Verdict, old: Verdict) -> Verdict:
    """The verdict on `new` with a check for each entry that `old` proves or counts: it is counted, or came later."""
    if not new.ok:
        return new
    checks = [*_entries(new, old), *_counts(new, old)]
    bad = next((check for check in checks if not check.ok), None)
    if bad is None:
        return replace(new, checks=(*new.checks, *checks))
    held = (check for check in checks if check.ok)
    return Verdict(checks=(*new.checks, *held, bad), anchored=new.anchored)


def _entries(new: Verdict, old: Verdict) -> Iterator[Check]:
    shown = {(one.origin, one.index): one.leaf for one in new.entries}
    wholes = {(one.origin, one.tag): one for one in new.complete}
    for item in old.entries:
        whole = wholes.get((item.origin, item.entry.tag))
        leaf = shown.get((item.origin, item.index), item.leaf)
        fault = "another entry stands in its place" if leaf != item.leaf else _left_out(item, whole)
        yield Check(_NAME, f"entry {item.index} of {item.origin}", ok=not fault, detail=fault)


def _left_out(item: ProvenEntry, whole: Complete | None) -> str:
    """What is wrong with a count and an entry that was proven before; empty where they agree."""
    if whole is None:
        return "the newer file counts nothing of its tag in that log"
    if item.index >= whole.upto:
        return ""  # it came after the count
    if whole.leaves[item.entry.n - 1 : item.entry.n] == (item.leaf,):
        return ""
    return "the count leaves it out: the two files together prove that the log lied"


def _counts(new: Verdict, old: Verdict) -> Iterator[Check]:
    wholes = {(one.origin, one.tag): one for one in new.complete}
    for known in old.complete:
        whole = wholes.get((known.origin, known.tag))
        fault = ""
        if whole is None:
            fault = "the newer file counts nothing of its tag in that log"
        elif whole.upto < known.upto:
            fault = "the newer file rests on an older count"
        elif whole.leaves[: known.count] != known.leaves:
            fault = "the counts contradict each other: the two files together prove that the log lied"
        yield Check(_NAME, f"the count of {known.origin}", ok=not fault, detail=fault)


def _place(origin: str) -> tuple[str, int] | None:
    """Host and bucket of a log of ours; None for a log that is named otherwise."""
    try:
        host, log = parse_origin(origin)
    except Malformed:
        return None
    return host, log.bucket
