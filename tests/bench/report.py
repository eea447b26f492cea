"""How a benchmark answers: one JSON object, or the same figures as a table for people."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def emit(name: str, result: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the result of one benchmark."""
    if as_json:
        print(json.dumps({"benchmark": name, **result}, ensure_ascii=False, indent=1))
        return
    table = Table(title=f"benchmark {name}", show_header=False)
    for label, value in _flat(result):
        table.add_row(label, value)
    Console().print(table)


def note(text: str) -> None:
    """Tell the waiting person what is going on; never part of the answer."""
    print(text, file=sys.stderr, flush=True)


def _flat(result: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in result.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", f"{value:,}" if isinstance(value, int | float) else str(value)
