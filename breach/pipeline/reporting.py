"""Writing the report of a trace (`report`) from everything its stages found."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from breach.intake.dialect import Dialect
from breach.intake.quarantine import PREFIX as DUMP
from breach.intake.quarantine import Quarantined
from breach.matching.cells import Cells
from breach.matching.reposts import Repost
from breach.pipeline.linking import Linked
from breach.pipeline.method import method
from breach.pipeline.report import PREFIX, TraceReport, inside
from breach.trace.attribute import Attribution, Finding, MaskedRows, Rules
from breach.trace.codes import Decoded
from breach.trace.copies import Copies
from breach.trace.dating import Dated
from breach.trace.evidence import Evidence
from breach.trace.scale import propositions, support
from breach.trace.statement import Facts, assumptions, statement
from breach.weighing.contacts import Found as Contacts
from breach.weighing.exposure import Exposure, Ways
from breach.weighing.planted import Weighed
from vault.ids import encode_id

VERSION = 6


@dataclass(frozen=True, slots=True)
class Masked:
    """What agreeing masked rows add: how they are weighed, and the counts with them."""

    rows: MaskedRows
    exposure: Exposure


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a dump shows. `candidates`: what the candidate sets of masked rows weigh, in people, all together and by
    recipient; `linked`: what comparing by blind codes counted, and the same weights of it; `copies`: our own store as
    the source.
    """

    cells: Cells
    evidence: Evidence
    exposure: Exposure
    candidates: tuple[float, Mapping[str, float]]
    masked: Masked | None
    contacts: Contacts
    linked: tuple[Linked, tuple[float, Mapping[str, float]]] | None = None
    planted: Weighed
    copies: Copies

    @property
    def only_masked(self) -> int:
        """People whom only masked rows show."""
        return self.masked.exposure.people_found - self.exposure.people_found if self.masked else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Everything a report is written from."""

    trace_id: bytes
    quarantined: Quarantined
    parameters: Mapping[str, Any]
    rules: Rules
    dialect: Dialect
    tally: Mapping[str, Any]
    seen: Seen
    result: Attribution
    dated: Mapping[int, Dated]
    repost: Repost | None
    openings: str | None


def write(m: Material) -> TraceReport:
    """The report of one trace."""
    facts = Facts(
        names=m.seen.exposure.recipient_names,
        fields=m.seen.exposure.fields,
        people_found=m.seen.exposure.people_found,
        dark=m.seen.evidence.dark,
        dark_found=m.seen.evidence.dark_found,
        masked=_masked(m.seen),
        dated=m.dated,
        repost=_repost(m.repost),
        aliases=m.seen.contacts.counts(),
        linked=_linked(m.seen).get("linked"),
        planted=m.seen.planted.counts(),
        planted_dark=m.seen.planted.dark(),
        copies=m.seen.copies,
        unreceived=m.seen.evidence.unreceived,
    )
    body = {
        "version": VERSION,
        "trace": encode_id(PREFIX, m.trace_id),
        "dump": {
            "id": m.quarantined.name,
            "sha256": m.quarantined.sha256.hex(),
            "bytes": m.quarantined.size,
            "received_at": m.quarantined.received_at,
        },
        "parameters": dict(m.parameters),
        "method": method(),
        "format": m.dialect.as_dict(),
        "lines": dict(m.tally),
        "cells": m.seen.cells.as_dict(),
        "people": _people(m),
        "masked": _masked(m.seen),
        "aliases": m.seen.contacts.as_dict(m.seen.exposure.recipient_ids),
        **_linked(m.seen),
        "planted": m.seen.planted.as_dict(m.seen.exposure.recipient_ids),
        "outcome": m.result.outcome.value,
        "threshold": _figure(m.result.threshold),
        "outside_limit": _figure(m.result.outside_limit, 9),
        "ranking": _ranking(m),
        "marks": _marks(m),
        "sets": [[m.seen.exposure.recipient_ids[k] for k in one] for one in m.result.sets],
        "repost": _repost(m.repost),
        "own_store": _copies(m.seen.copies),
        "dating": [_dated(m, k) for k in sorted(m.dated)],
        "propositions": propositions(
            {
                m.seen.exposure.recipient_ids[f.recipient]: m.seen.exposure.recipient_names[f.recipient]
                for f in m.result.findings
                if f.ln_e_total is not None and (f.named or f.ln_e > 0)
            }
        ),
        "statement": statement(m.result, facts, m.rules),
        "assumptions": assumptions(m.result, facts, m.rules),
    }
    return TraceReport(id=m.trace_id, body=body)


def parameters(rules: Rules, before_ms: int) -> dict[str, Any]:
    """What a trace was asked, as JSON: with the dump's hash it decides whether it has been done already."""
    return {"method": VERSION, "before": before_ms, **asdict(rules)}


def _people(m: Material) -> dict[str, Any]:
    return {
        "in_vault": m.seen.evidence.people,
        "found": m.seen.exposure.people_found,
        "found_fully": sum(count for pattern, count in m.seen.evidence.found.items() if not pattern.partly),
        "explained_by_no_recipient": m.result.explained_by_nobody,
        "never_disclosed": m.seen.evidence.dark,
        "never_disclosed_found": m.seen.evidence.dark_found,
        "test_fields": list(m.seen.exposure.fields),
        "found_values": dict(sorted(m.seen.exposure.cells.items())),
        "given_to_nobody": [
            {
                "field": one.field,
                "never": one.never,
                "never_found": one.never_found,
                "later": one.later,
                "later_found": one.later_found,
            }
            for one in m.seen.evidence.unreceived
            if one.never_found or one.later_found
        ],
    }


def _masked(seen: Seen) -> dict[str, Any]:
    """Rows that show only parts of values: how many, how many agree, how many would by chance, and what that means."""
    cells = seen.cells
    return {
        "rows": cells.rows_masked,
        "rows_agreed": cells.rows_agreed_masked,
        "agreed_by_parts": dict(sorted(cells.agreed_by.items())),
        "controls": cells.rows_controlled,
        "controls_agreed": cells.controls_agreed,
        "counted": bool(seen.masked and seen.masked.rows.evidence),
        "people_only_masked": seen.only_masked,
        "candidate_sets": dict(sorted(cells.candidates.items())),
        "candidate_weight": _figure(seen.candidates[0]),
    }


def _linked(seen: Seen) -> dict[str, Any]:
    """Rows compared by blind codes, where the operator has them made."""
    if seen.linked is None:
        return {}
    linked, (weight, _) = seen.linked
    counts = {"rows_left_out": seen.cells.rows_not_linked, "candidate_weight": _figure(weight)}
    return {"linked": {**linked.as_dict(), **counts}}


def _ranking(m: Material) -> list[dict[str, Any]]:
    """Recipients and the two other origins, strongest first; "elsewhere" is the reference, ln e = 0."""
    lines = [_line(finding, m) for finding in m.result.findings]
    own = {
        "ln_e": _figure(m.result.own_store),
        "ln_e_values": _figure(m.result.own_values),
        "ln_e_total": _figure(m.result.own_total),
    }
    lines.append({"kind": "own_store", **own})
    lines.append({"kind": "elsewhere", "ln_e": 0.0})
    return sorted(lines, key=lambda line: (not line.get("named", False), -line["ln_e"]))


def _copies(copies: Copies) -> dict[str, Any]:
    """When a copy of our store was taken, if it is the source, and which backups held what was found."""
    return {
        "values_found": copies.values,
        "copied": None if copies.dated is None else _moments(copies.dated),
        "backups_made": copies.made,
        "backups": [
            {"made_at": one.at, "values_held_then": one.fitting, "ln_e": _figure(one.ln_e)}
            for one in copies.backups
        ],
    }


def _line(finding: Finding, m: Material) -> dict[str, Any]:
    strict, whole = finding.ln_e_strict, finding.ln_e_whole
    return {
        "kind": "insider" if inside(m.seen.exposure.recipient_ids[finding.recipient]) else "recipient",
        "recipient": m.seen.exposure.recipient_ids[finding.recipient],
        "name": m.seen.exposure.recipient_names[finding.recipient],
        "people_held": finding.held,
        "people_found": finding.hits,
        "people_found_masked": finding.hits_masked,
        "candidate_weight": _figure(
            m.seen.candidates[1].get(m.seen.exposure.recipient_ids[finding.recipient], 0.0)
        ),
        **_ways_of(m.seen.exposure.ways.get(finding.recipient)),
        **_linked_of(m.seen, m.seen.exposure.recipient_ids[finding.recipient]),
        "values_never_received": m.seen.exposure.unexplained[finding.recipient],
        "ln_e": _figure(finding.ln_e),
        "ln_e_strict": None if strict is None else _figure(strict),
        "ln_e_whole_values": None if whole is None else _figure(whole),
        "ln_e_marks": _figure_if(finding.ln_e_marks),
        "ln_e_contacts": _figure_if(finding.ln_e_contacts),
        "ln_e_total": _figure_if(finding.ln_e_total),
        "marks": _marks_of(m.result.marks, finding.recipient),
        "support": None if finding.ln_e_total is None else support(finding.ln_e_total),
        "named": finding.named,
    }


def _ways_of(ways: Ways | None) -> dict[str, dict[str, int]]:
    """Of the people found, how many each of its programs received, and of how many it has data passed on by whom."""
    if ways is None:
        return {}
    return {"programs": dict(sorted(ways.programs.items())), "under": dict(sorted(ways.under.items()))}


def _marks_of(decoded: Decoded | None, k: int) -> dict[str, Any] | None:
    """Marks read that a recipient holds, those that show its bit, and how many would by chance."""
    if decoded is None or not decoded.held[k]:
        return None
    expected = _figure(decoded.expected[k], 3)
    return {"held": decoded.held[k], "agreeing": decoded.agreeing[k], "expected": expected}


def _marks(m: Material) -> dict[str, Any] | None:
    """How many marks were read, about how many people; the rounds in which they were weighed: whose bits were known in
    each, and who passed the line by it (not of a repost, which accuses nobody); SHA-256 of the file of opened marks.
    """
    decoded, ids = m.result.marks, m.seen.exposure.recipient_ids
    if decoded is None:
        return None
    rounds = [
        {"given": [ids[k] for k in one.given], "accused": [ids[k] for k in one.accused]}
        for one in decoded.rounds
        if m.repost is None
    ]
    return {
        "read": decoded.positions,
        "people": decoded.leaked_rows,
        "rounds": rounds,
        "openings_sha256": m.openings,
    }


def _figure_if(value: float | None) -> float | None:
    return None if value is None else _figure(value)


def _linked_of(seen: Seen, recipient: str) -> dict[str, float]:
    return {} if seen.linked is None else {"linked_weight": _figure(seen.linked[1][1].get(recipient, 0.0))}


def _repost(found: Repost | None) -> dict[str, Any] | None:
    """The older dump this one is in, and the share of its values found there."""
    return None if found is None else {"of": encode_id(DUMP, found.of), "share": _figure(found.share)}


def _dated(m: Material, k: int) -> dict[str, Any]:
    """When a recipient's copy was taken, if it is the source: the middle and 90 % of the posterior, Unix ms.

    `posterior`: its 5 %, 10 %, ... 95 % points.
    """
    return {"recipient": m.seen.exposure.recipient_ids[k], **_moments(m.dated[k])}


def _moments(dated: Dated) -> dict[str, Any]:
    return {
        "median": dated.median,
        "from": dated.low,
        "until": dated.high,
        "values_held": dated.rows,
        "values_held_then": dated.fitting,
        "posterior": list(dated.points),
    }


def _figure(value: float, digits: int = 6) -> float:
    return round(value, digits) + 0.0
