"""`perusal trace FILE`: whose data a file holds, who had received exactly that, and who most likely let it out.

Works on any file without a server, against the installation in --dir. The file is sealed into the quarantine
first, so a second run on the same file answers from the first, and goes on where that was broken off; with
--resume FILE is not sealed once more for it. Unless --no-claims is given, an incident is opened with one draft
claim for each affected person. With --out the report and an evidence pack are written there, and what is opened
of the marks that were weighed (`perusal marks check` weighs them again). Nothing printed names a person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from api.cli.claims import open_claims, write_packs
from api.cli.failures import Exit, Failure
from api.cli.installation import dir_option, settings_of
from api.cli.output import Tick, emit, json_option, progress, table_of
from api.cli.trace_replay import replay_report
from api.clock import system_clock
from api.i18n import Lang
from api.sealing.opening import opened_vault
from api.settings import Settings
from api.tracing.page import page
from breach.intake.dialect import Hurdle
from breach.intake.quarantine import Quarantined, custody, known, receive
from breach.matching.engines import Engine, Way
from breach.pipeline.report import TraceReport, report_json
from breach.pipeline.run import openings, trace
from vault.opening import Vault

PIECE = 1 << 20
REPORT_FILE = "trace.json"
MARKS_FILE = "marks.jsonl"
STAGES = {"match": "matching", "link": "comparing", "weigh": "weighing", "report": "writing"}
HURDLES = {
    Hurdle.NO_INDEX: "there is no place for an index of tags",
    Hurdle.LINKING: "every row is compared by blind codes",
    Hurdle.BEGUN: "the trace was begun so",
    Hurdle.SHAPE: "the file is no delimited text by itself",
    Hurdle.ENCODING: "the file is in an encoding of two or four bytes a character",
    Hurdle.LINE_ENDS: "lines end with a carriage return alone",
}
KINDS = {"own_store": "our own store", "elsewhere": "somewhere else"}


@click.command("trace")
@dir_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True), required=False)
@click.option(
    "--replay", metavar="REPORT", help="Run the trace of a report, or trace id, again; tell what differs."
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the report and the packs."
)
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write the report as a page, too."
)
@click.option(
    "--language",
    type=click.Choice([one.value for one in Lang]),
    default=Lang.EN.value,
    show_default=True,
    help="Of the page.",
)
@click.option("--no-claims", is_flag=True, help="Only trace: open no incident and no claims.")
@click.option(
    "--packs", default=1, show_default=True, type=click.IntRange(0), help="Evidence packs to write."
)
@click.option(
    "--actor", default="operator", show_default=True, help="Role or key id for the chain of custody."
)
@click.option(
    "--engine",
    type=click.Choice([engine.value for engine in Engine]),
    default=Engine.AUTO.value,
    show_default=True,
    help="What looks tags up: row by row, or in columns by the index of tags; the answer is the same.",
)
@click.option(
    "--resume", is_flag=True, help="Go on with what an earlier run took in of this FILE; take nothing in."
)
@json_option
def command(
    home: Path | None,
    file: Path | None,
    replay: str | None,
    out: Path | None,
    html: Path | None,
    language: str,
    no_claims: bool,
    packs: int,
    actor: str,
    engine: str,
    resume: bool,
    as_json: bool,
) -> Exit:
    """Trace FILE, whatever its shape, and open claims for those whose data it holds."""
    settings = settings_of(home)
    if replay is not None and file is None:
        return replay_report(settings, replay, actor, as_json=as_json)
    if file is None or replay is not None:
        raise click.UsageError("give either FILE or --replay REPORT")
    with opened_vault(settings) as vault, progress(quiet=as_json) as tick:
        take_in = _taken_in if resume else _take_in
        dump = take_in(vault, settings, file, actor, tick)
        report = _trace(vault, settings, dump, actor, tick, Engine(engine))
        claims = None if no_claims else open_claims(vault, report, tick)
        if html:
            kept = custody(vault, dump.id)
            html.write_text(page(report.body, Lang(language), kept), encoding="utf-8")
        if out:
            out.mkdir(parents=True, exist_ok=True)
            (out / REPORT_FILE).write_text(report_json(report) + "\n", encoding="utf-8")
            _write_marks(vault, report, out)
        if out and claims:
            claims = {**claims, "packs": write_packs(vault, settings, report, out, packs)}
    emit(
        {"report": report.body, "claims": claims, "matched": _matched(report.way)},
        as_json=as_json,
        lines=(*_by_row(report.way), *_lines(report.body), *_claim_lines(claims, out)),
        table=_ranking(report.body),
    )
    return Exit.OK


def _take_in(vault: Vault, settings: Settings, file: Path, actor: str, tick: Tick) -> Quarantined:
    return receive(
        vault,
        _pieces(file, "sealing", tick),
        settings.quarantine,
        now_ms=system_clock(),
        actor=actor,
        limit=settings.dump_limit,
    )


def _taken_in(vault: Vault, settings: Settings, file: Path, _actor: str, tick: Tick) -> Quarantined:
    """The dump that an earlier run made of this file; it is only read for its hash."""
    digest = hashlib.sha256()
    for piece in _pieces(file, "looking for it", tick):
        digest.update(piece)
    found = known(vault, settings.quarantine, digest.digest())
    if found is None:
        raise Failure("no run has taken this file in; trace it without --resume", code="nothing_to_resume")
    return found


def _pieces(file: Path, what: str, tick: Tick) -> Iterator[bytes]:
    size, done = file.stat().st_size, 0
    with file.open("rb") as source:
        while piece := source.read(PIECE):
            done += len(piece)
            tick(what, done, size)
            yield piece


def _trace(
    vault: Vault, settings: Settings, dump: Quarantined, actor: str, tick: Tick, engine: Engine
) -> TraceReport:
    def told(stage: str, done: int, total: int) -> None:
        tick(STAGES.get(stage, stage), done, total)

    return trace(
        vault,
        dump,
        now_ms=system_clock(),
        progress=told,
        actor=actor,
        engine=engine,
        index=settings.tag_index,
    )


def _write_marks(vault: Vault, report: TraceReport, out: Path) -> None:
    opened = openings(vault, report)
    if opened:
        (out / MARKS_FILE).write_text("".join(opened), encoding="utf-8")


def _matched(way: Way | None) -> Mapping[str, Any] | None:
    """How this run matched the file; nothing where the report was there already."""
    return None if way is None else {"engine": way.engine, "not_in_columns": way.hurdle}


def _by_row(way: Way | None) -> Iterator[str]:
    if way and way.hurdle:
        yield f"matched row by row and not in columns: {HURDLES[way.hurdle]}"


def _lines(body: Mapping[str, Any]) -> Iterator[str]:
    people, lines = body["people"], body["lines"]
    yield f"{lines['lines']:,} lines; {people['found']:,} of {people['in_vault']:,} people found"
    by_digest = sum(body["cells"]["matched_by_digest"].values())
    if by_digest:
        yield f"{by_digest:,} values were found by their digests"
    by_mailbox = body["cells"]["rows_by_mailbox"]
    if by_mailbox:
        yield f"{by_mailbox:,} rows show another spelling of somebody's mailbox, and nothing else that is known"
    yield from _passed_on(body["ranking"])
    yield from body["statement"]["en"]


def _passed_on(ranking: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Who had data passed on to it, by whom: such a recipient stands under the one that named it."""
    names = {line["recipient"]: line["name"] for line in ranking if "recipient" in line}
    for line in ranking:
        for above, count in line.get("under", {}).items():
            yield f"{line['name']} had data of {count:,} of them passed on under the consent given to {names[above]}"


def _ranking(body: Mapping[str, Any]) -> Any:
    rows = [
        (
            line.get("name") or KINDS[line["kind"]],
            line.get("people_held", ""),
            line.get("people_found", ""),
            line.get("people_found_masked", ""),
            line["ln_e"],
            _figure(line, "ln_e_strict"),
            _agreeing(line.get("marks")),
            _figure(line, "ln_e_marks"),
            _figure(line, "ln_e_total"),
            "YES" if line.get("named") else "",
        )
        for line in body["ranking"]
    ]
    columns = (
        "hypothesis",
        "held",
        "found",
        "by masks",
        "ln E, chance",
        "ln E, strict",
        "its marks",
        "ln E, marks",
        "ln E, all",
        "named",
    )
    return table_of("who most likely let it out", columns, rows)


def _figure(line: Mapping[str, Any], name: str) -> Any:
    return "" if line.get(name) is None else line[name]


def _agreeing(marks: Mapping[str, Any] | None) -> str:
    """Of the marks it was served how many the file shows in its own form; in brackets how many by chance."""
    return f"{marks['agreeing']}/{marks['held']} ({marks['expected']:.0f})" if marks else ""


def _claim_lines(claims: Mapping[str, Any] | None, out: Path | None) -> Iterator[str]:
    if claims is not None:
        yield f"incident {claims['incident']}: {claims['opened']:,} people affected, a draft claim for each"
    if out:
        yield f"the report{' and evidence packs are' if claims and claims['packs'] else ' is'} in {out}"
