"""The ranking of a trace as rows for people: recipients by name, and the two origins that are always possible.

`weight` is the figure that decides: against every story in which the recipient is innocent where that was
computed, else against chance alone. A recipient whose weight against chance is low needs no stricter test.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAMES = {"own_store": "our own store 我方存储", "elsewhere": "somewhere else 其他来源"}


def rows(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row for each hypothesis, strongest first; counts are None where the hypothesis has none."""
    return sorted(
        (_row(line, report["people"]) for line in report["ranking"]),
        key=lambda row: (not row["named"], -row["ln_e"]),
    )


def _row(line: Mapping[str, Any], people: Mapping[str, Any]) -> dict[str, Any]:
    strict = line.get("ln_e_strict")
    named = bool(line.get("named"))
    row = {
        "ln_e": line["ln_e"],
        "strict": strict,
        "weight": line["ln_e"] if strict is None else strict,
        "named": named,
    }
    if line["kind"] in ("recipient", "insider"):
        kind = "leaker" if named else "recipient"
        return {
            **row,
            "name": line["name"],
            "kind": kind,
            "received": line["people_held"],
            "found": line["people_found"],
        }
    dark = line["kind"] == "own_store"
    return {
        **row,
        "name": NAMES[line["kind"]],
        "kind": "control",
        "received": people["never_disclosed"] if dark else None,
        "found": people["never_disclosed_found"] if dark else None,
    }


def summary(report: Mapping[str, Any]) -> dict[str, Any]:
    """What the demo's page says about a trace, beside the ranking."""
    return {
        "id": report["trace"],
        "outcome": report["outcome"],
        "people": report["people"]["found"],
        "explained_by_nobody": report["people"]["explained_by_no_recipient"],
        "threshold": report["threshold"],
        "cleared": sum(
            line["kind"] == "recipient" and line["ln_e"] >= report["threshold"] and not line["named"]
            for line in report["ranking"]
        ),
        "false_accusation": report["parameters"]["eps"],
        "lines": report["lines"],
        "format": report["format"],
        "statement": {"en": report["statement"]["en"], "zh": report["statement"]["zh-CN"]},
        "assumptions": {"en": report["assumptions"]["en"], "zh": report["assumptions"]["zh-CN"]},
    }
