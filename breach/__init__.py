"""Tracing leaks: intake of dumps, matching, attribution, incidents, claims and their evidence.

The way of a dump: `receive` (or `Upload`) into the quarantine, `pipeline.trace`, `open_incident`, `draft_many`,
`pack`.
"""

from breach.cases.claims import Claim, draft_many
from breach.cases.evidence import pack
from breach.cases.incidents import Incident, open_incident
from breach.errors import BreachError, DumpRefused
from breach.intake.quarantine import Quarantined, Upload, receive
from breach.pipeline.report import TraceReport, report_json

__all__ = [
    "BreachError",
    "Claim",
    "DumpRefused",
    "Incident",
    "Quarantined",
    "TraceReport",
    "Upload",
    "draft_many",
    "open_incident",
    "pack",
    "receive",
    "report_json",
]
