"""Writes docs/reference/ from the code: commands, settings, error codes, routes, the OpenAPI document.

`python docs/generate.py` writes the pages; `--check` changes nothing and ends with 1 when a page is out of step.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import click

from api.cli.main import COMMANDS, perusal
from api.openapi.document import document
from api.routes import MINE, PORTAL, PROTOCOL, PUBLIC, STAFF
from api.setting_texts import PREFIX
from api.settings import Settings
from breach.errors import Unreadable
from consent.denials import DenialCode
from consent.refusals import RefusalCode

FOLDER = Path(__file__).parent / "reference"
_WIDTH = 100
_NOTE = "Written by `make docs` from the code; do not edit.\n"


def cli_page() -> str:
    """Every command's own help, groups included."""
    parts = ["# Commands\n", _NOTE, _help("perusal", perusal)]
    for name in sorted(COMMANDS):
        command = perusal.get_command(click.Context(perusal), name)
        assert command is not None
        parts += _help_of(f"perusal {name}", command)
    return "\n".join(parts)


def _help_of(path: str, command: click.Command) -> Iterator[str]:
    yield _help(path, command)
    if isinstance(command, click.Group):
        for name, child in sorted(command.commands.items()):
            yield from _help_of(f"{path} {name}", child)


def _help(path: str, command: click.Command) -> str:
    context = click.Context(command, info_name=path, terminal_width=_WIDTH, max_content_width=_WIDTH)
    text = "\n".join(line.rstrip() for line in command.get_help(context).split("\n"))
    return f"## {path}\n\n```text\n{text}\n```\n"


def settings_page() -> str:
    """Every PERUSAL_ name with its default."""
    rows = [
        f"| `{PREFIX}{field.name.upper()}` | {_kind(field.type)} | {_default(field)} |"
        for field in dataclasses.fields(Settings)
    ]
    head = (
        "Read once, from the environment or from `settings.env` inside the installation's folder. An unknown "
        f"`{PREFIX}` name is refused. `{PREFIX}HOME` names the folder that gives every path its default; on the command "
        f"line `{PREFIX}TENANT` names the operator in its `tenants` folder whose settings are meant.\n"
    )
    table = ["| name | kind | default |", "|---|---|---|", f"| `{PREFIX}HOME` | folder | none |", *rows, ""]
    return "\n".join(["# Settings\n", _NOTE, head, *table])


def _kind(annotation: Any) -> str:
    kinds = {str: "text", int: "whole number", bool: "on or off", Path: "path"}
    plain, *_ = get_args(annotation) or (annotation,)
    return kinds[plain]


_INSIDE = {
    "database": "SQLite `data.db` in the folder",
    "keys": "SQLite `keys.db` in the folder",
    "root_file": "`root.sealed` in the folder",
    "passphrase_file": "`passphrase` in the folder",
    "quarantine": "`quarantine` in the folder",
    "checkpoint_state": "`checkpoints` in the folder",
    "backup_keys": "`backup-keys` in the folder",
    "erased_list": "`erased` in the folder",
    "tag_index": "`tag-index` in the folder",
}


def _default(field: dataclasses.Field[Any]) -> str:
    if field.name in _INSIDE:
        return _INSIDE[field.name]
    return "none" if field.default in {None, ""} else f"`{field.default}`"


def errors_page() -> str:
    """Every stable code an outsider can meet."""
    texts = tomllib.loads((files("api") / "locale/en.toml").read_text(encoding="utf-8"))
    problems = [
        f"| `{code}` | {text['title']} | {text['detail']} |" for code, text in _flat(texts["problem"])
    ]
    return "\n".join(
        [
            "# Codes\n",
            _NOTE,
            (
                "Every error is RFC 9457 problem details with a stable `code`; `/par` and `/token` answer in the form "
                "of RFC 6749 with the same `code` beside `error`. Texts exist in English and Chinese.\n"
            ),
            "## Problems\n",
            "| code | title | detail |",
            "|---|---|---|",
            *sorted(problems),
            "\n## Why a value is refused\n",
            *(f"- `{code}`: {text}" for code, text in texts["value"].items()),
            "\n## Why a person, a merge or a guardianship is refused\n",
            *(f"- `{code}`: {text}" for code, text in texts["refused"].items()),
            "\n## Why a request or an approval is refused\n",
            *(f"- `{code.value}`" for code in RefusalCode),
            "\n## Why a redemption, an exchange or an emergency is denied\n",
            (
                "Strangers see one answer for all of these that concern the token; the person's own pages and the "
                "ledger tell them apart.\n"
            ),
            *(f"- `{code.value}`" for code in DenialCode),
            "\n## Why a file is not taken in\n",
            *(f"- `{code.value}`" for code in Unreadable),
            "",
        ]
    )


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, str]]]:
    for name, value in table.items():
        if "title" in value and isinstance(value["title"], str):
            yield prefix + name, value
        else:
            yield from _flat(value, f"{prefix}{name}.")


def routes_page() -> str:
    """Every route with who may call it."""
    groups = {
        "Public": PUBLIC,
        "Protocol": PROTOCOL,
        "Staff": STAFF,
        "Portal, under `/en` and `/zh-CN`": PORTAL,
        "The signed-in person's own as JSON, under `/me`": MINE,
    }
    parts = ["# Routes\n", _NOTE]
    for title, handlers in groups.items():
        parts += [f"## {title}\n", "| method | path | who |", "|---|---|---|", *sorted(_rows(handlers)), ""]
    return "\n".join(parts)


def _rows(handlers: tuple[Any, ...]) -> Iterator[str]:
    for handler in handlers:
        methods = sorted(getattr(handler, "http_methods", None) or {"POST"})
        for path in sorted(handler.paths):
            yield f"| {', '.join(methods)} | `{path}` | {handler.opt['access'].value} |"


def openapi_page() -> str:
    """Everything that machines call, as an OpenAPI document."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


PAGES = {
    "cli.md": cli_page,
    "settings.md": settings_page,
    "errors.md": errors_page,
    "routes.md": routes_page,
    "openapi.json": openapi_page,
}


def main(arguments: list[str]) -> int:
    """Write or check every page; the exit code."""
    stale = 0
    for name, page in PAGES.items():
        path, text = FOLDER / name, page()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if "--check" in arguments:
            stale += 1
            sys.stdout.write(f"docs/reference/{name} is out of step: run make docs\n")
        else:
            FOLDER.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
