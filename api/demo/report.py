"""The report folder of a demo: `report.html` with its own style sheet, `report.json`, and the files the story left.

Decides: the page is drawn from the JSON document and nothing else, so that both always say the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from api.demo.chart import time_line
from api.sheet.bars import Line, bars
from api.sheet.style import with_own

FILES = {
    "leaked.csv": "the leaked file (GB18030)",
    "trace.json": "what tracing found",
    "claim-pack.zip": "one person's draft claim with its proofs",
    "use-proof.zip": "one person's proof of one use",
    "policy.txt": "the log key to check them with",
    "keys.json": "the receipt key to check them with",
    "checkpoint.txt": "the signed head of the ledger",
}
"""What the story leaves beside the page."""

_OWN = ("report.html", "report.css", "report.json")
_TEMPLATES = files("api.demo") / "templates"


def clear_report(folder: Path) -> None:
    """Remove what an earlier telling left in the report folder, and nothing else."""
    for name in (*FILES, *_OWN):
        (folder / name).unlink(missing_ok=True)


def describe_files(folder: Path) -> list[dict[str, Any]]:
    """One row for each file the story left."""
    return [describe_file(folder / name, what) for name, what in FILES.items() if (folder / name).is_file()]


def describe_file(path: Path, what: str) -> dict[str, Any]:
    """Name, purpose, size and SHA-256 of one file of the folder."""
    raw = path.read_bytes()
    return {"name": path.name, "what": what, "bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}


def write_report(folder: Path, story: Mapping[str, Any]) -> None:
    """Write report.json, report.html and report.css into `folder`."""
    text = json.dumps(story, ensure_ascii=False, indent=1, sort_keys=True)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    (folder / "report.html").write_text(render(story), encoding="utf-8")
    (folder / "report.css").write_text(with_own(_TEMPLATES / "report.css"), encoding="utf-8")


def render(story: Mapping[str, Any]) -> str:
    """The page of one story."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["thousands"] = _thousands
    source = (_TEMPLATES / "report.html").read_text(encoding="utf-8")
    suspects = [Line(row["name"], row["kind"], row["ln_e"], row["strict"]) for row in story["suspects"]]
    phases = [(phase["label"], phase["begin"], phase["end"]) for phase in story["phases"]]
    return environment.from_string(source).render(
        s=story, bars=bars(suspects, story["trace"]["threshold"]), line=time_line(phases)
    )


def _thousands(number: float | None) -> str:
    return "" if number is None else f"{number:,}"
