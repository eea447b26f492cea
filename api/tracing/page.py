"""The page of a trace report. Every figure in it comes from the JSON document; it runs no script and asks for
no other file.

The style sheet stands in the page, so that one file is the whole report, on a screen and on paper. `policy` is the
Content-Security-Policy that allows exactly this sheet.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from api.i18n import Lang, catalogue
from api.sheet.bars import WIDTH
from api.sheet.style import with_own
from api.tracing import drawn

_TEMPLATES = files("api.tracing") / "templates"


def page(body: Mapping[str, Any], lang: Lang, custody: Sequence[Mapping[str, Any]] = ()) -> str:
    """The report in one language; `custody`: the record of the dump so far, where it is at hand."""
    texts = catalogue(lang)
    ranking = body["ranking"]

    def label(line: Mapping[str, Any]) -> str:
        kind = line["kind"]
        return (
            str(line["name"])
            if kind == "recipient"
            else texts.text(f"trace_page.{kind}", name=line.get("name"))
        )

    drawn_page: str = _template().render(
        r=body,
        t=lambda key, **values: texts.text(f"trace_page.{key}", **values),
        lang=lang.value,
        style=_style(),
        bars=drawn.ranking(ranking, body["threshold"], label),
        curves=[(one, drawn.posterior(one)) for one in body["dating"]],
        fields=drawn.shares(body["people"]["found_values"]),
        width=WIDTH,
        label=label,
        names={line["recipient"]: label(line) for line in ranking if "recipient" in line},
        counts=_counts(body["lines"]),
        custody=custody,
        moment=_moment,
    )
    return drawn_page


def policy() -> str:
    """What a browser may load for this page: its own style sheet, by hash."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@cache
def _template() -> Any:
    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters["thousands"] = lambda value: f"{value:,}"
    made.filters["nats"] = lambda value: "" if value is None else f"{value:,.1f}"
    return made.from_string((_TEMPLATES / "trace.html").read_text(encoding="utf-8"))


@cache
def _style() -> str:
    return with_own(_TEMPLATES / "trace.css")


def _counts(tally: Mapping[str, Any], prefix: str = "") -> list[tuple[str, int]]:
    """Every count of rows, by the name it has in the document."""
    found: list[tuple[str, int]] = []
    for name, value in sorted(tally.items()):
        if isinstance(value, Mapping):
            found += _counts(value, f"{prefix}{name}.")
        elif isinstance(value, int) and not isinstance(value, bool):
            found.append((f"{prefix}{name}", value))
    return found


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
