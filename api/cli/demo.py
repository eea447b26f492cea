"""`perusal demo`: the whole story on a real server, from an empty folder to a claim that verifies.

Needs no network, no root and no settings. Ends with 0 only if the leaking app was ranked first and named,
nobody else was, every attempt that had to fail failed, and every proof held; otherwise each thing that is wrong
is said in a sentence.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from api.cli.failures import Exit, Failure
from api.cli.output import Tick, console, emit, json_option, progress

DEFAULT_PEOPLE = 2_400
DEFAULT_SEED = 20_261_122


@click.command("demo")
@click.option(
    "--out", default="report", type=click.Path(path_type=Path, file_okay=False), help="Report folder."
)
@click.option("--people", default=DEFAULT_PEOPLE, show_default=True, type=click.IntRange(600, 1_000_000))
@click.option("--seed", default=DEFAULT_SEED, show_default=True, type=click.IntRange(0))
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the installation in this new folder.",
)
@json_option
def command(out: Path, people: int, seed: int, keep: Path | None, as_json: bool) -> int:
    """Make a city, let its apps ask, let one of them leak, and find out which; leaves a report to open."""
    if find_spec("faker") is None:
        raise Failure("install the extra named demo first", code="extra_missing", exit_code=Exit.ENVIRONMENT)
    from api.demo.judge import complaints  # noqa: PLC0415 - the demo's parts are loaded by this command only

    if keep is not None and keep.exists():
        raise Failure(f"{keep.name} exists already", code="already_there", exit_code=Exit.USAGE)
    with _home(keep) as home, progress(quiet=as_json) as tick:
        story = _tell(out, home, people, seed, tick, quiet=as_json)
    wrong = complaints(story)
    if as_json:
        emit({**story, "complaints": wrong}, as_json=True)
    else:
        _print(story, wrong, out)
    return Exit.WRONG if wrong else Exit.OK


@contextmanager
def _home(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        yield keep.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="perusal-demo-") as folder:
        yield Path(folder) / "home"


def _tell(out: Path, home: Path, people: int, seed: int, tick: Tick, *, quiet: bool) -> dict[str, Any]:
    from api.demo.chapters import Chapters  # noqa: PLC0415
    from api.demo.report import clear_report, describe_files, write_report  # noqa: PLC0415
    from api.demo.story import Wish, tell  # noqa: PLC0415

    chapters = Chapters(_teller(tick, quiet=quiet))
    clear_report(out)
    story = tell(Wish(people=people, seed=seed), home, out, chapters, tick)
    story |= {"files": describe_files(out), "seconds": round(chapters.seconds, 2)}
    write_report(out, story)
    return story


def _teller(tick: Tick, *, quiet: bool) -> Callable[[str, bool], None]:
    """Chapters are bars on a terminal, and one line each elsewhere."""

    def say(label: str, done: bool) -> None:
        if sys.stderr.isatty():
            tick(label, int(done), 1)
        elif not (quiet or done):
            click.echo(f"{label} …", err=True)

    return say


def _print(story: dict[str, Any], wrong: list[str], out: Path) -> None:
    from api.demo.figures import tables  # noqa: PLC0415

    for table in tables(story):
        console().print(table)
    for sentence in wrong:
        click.echo(f"WRONG: {sentence}")
    click.echo(f"{story['seconds']:.1f} s from nothing; open {out / 'report.html'}")
