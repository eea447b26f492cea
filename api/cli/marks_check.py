"""`perusal marks check`: weigh the marks of a trace again from what was opened of them, without an installation."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import click

from api.cli.failures import Failure
from api.cli.output import emit, json_option
from breach.weighing.openings import BadOpenings, differences


@click.command("check")
@click.argument("report", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.argument("opened", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@json_option
def check(report: Path, opened: Path, as_json: bool) -> None:
    """Weigh the marks in OPENED (marks.jsonl) again and compare with REPORT (trace.json)."""
    raw = opened.read_bytes()
    try:
        body = json.loads(report.read_bytes())
        stated = body["marks"]["openings_sha256"]
        other = differences(raw.decode().splitlines(keepends=True), body)
    except (ValueError, KeyError, TypeError) as error:
        raise BadOpenings("these are not a report and the marks opened for it") from error
    if hashlib.sha256(raw).hexdigest() != stated:
        raise Failure("this is not the file of marks that the report names", code="marks_differ")
    if other:
        raise Failure(f"the marks give other figures for {', '.join(other)}", code="marks_differ")
    emit(
        {"openings_sha256": stated, "agree": True},
        as_json=as_json,
        lines=("the marks are those the report names, and give its figures",),
    )
