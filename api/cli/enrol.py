"""`perusal enrol FILE.jsonl --keys-out F`: take people in, in bulk, and hand out one sign-in key for each.

One JSON object a line: field codes to texts, and optionally `lang`. A line that cannot be taken is reported by its number
and a code, never by its content, and spoils no other line. The keys go to a new file that only its owner can read, as
`{"line": n, "subject": "sub_…", "key": "sik_…"}`; they exist nowhere else.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec

from api.cli.failures import Exit
from api.cli.installation import dir_option, private_file, settings_of
from api.cli.output import Tick, emit, json_option, progress, table_of
from api.opening import opened_vault
from consent.accounts import DEFAULT_LANG
from consent.keeping import NewPerson, Refused, enrol_people
from consent.notices import LANGUAGES
from vault.ids import encode_id
from vault.opening import Vault

BATCH = 2_000
SHOWN_REFUSALS = 20
_decode = msgspec.json.Decoder(dict[str, str]).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the file, understood."""

    number: int
    lang: str
    person: NewPerson


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLine:
    """One line that was not taken: its number, why, and the field it is about."""

    number: int
    code: str
    field: str = ""


@click.command("enrol")
@dir_option
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True, dir_okay=False, exists=True))
@click.option(
    "--keys-out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="New file (0600)."
)
@json_option
def command(home: Path | None, file: Path, keys_out: Path, as_json: bool) -> int:
    """Take in the people in FILE (JSON lines; "-" reads standard input); 1 if a line was refused."""
    settings = settings_of(home)
    refused: list[BadLine] = []
    with (
        opened_vault(settings) as vault,
        click.open_file(str(file), "rb") as lines,
        private_file(keys_out) as keys,
        progress(quiet=as_json) as tick,
    ):
        count = _enrol(vault, parse_lines(lines, refused), keys, refused, tick)
    refused.sort(key=lambda bad: bad.number)
    emit(
        {"enrolled": count, "refused": [_row(bad) for bad in refused], "keys_file": keys_out.name},
        as_json=as_json,
        lines=_summary(count, refused, keys_out),
        table=table_of(
            "refused",
            ("line", "code", "field"),
            [(b.number, b.code, b.field) for b in refused[:SHOWN_REFUSALS]],
        )
        if refused
        else None,
    )
    return Exit.WRONG if refused else Exit.OK


def parse_lines(lines: Iterable[bytes], refused: list[BadLine]) -> Iterator[Line]:
    """The lines that are people; the others are added to `refused`. Empty lines are no lines."""
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        try:
            values = _decode(raw)
        except msgspec.MsgspecError:
            refused.append(BadLine(number=number, code="malformed_line"))
            continue
        lang = values.pop("lang", DEFAULT_LANG)
        if lang not in LANGUAGES:
            refused.append(BadLine(number=number, code="unknown_language", field="lang"))
            continue
        yield Line(number=number, lang=lang, person=NewPerson(values))


def _enrol(vault: Vault, lines: Iterator[Line], keys: TextIO, refused: list[BadLine], tick: Tick) -> int:
    count = 0
    for batch in batched(lines, BATCH):
        now_ms = time.time_ns() // 1_000_000
        answers = enrol_people(vault, [line.person for line in batch], now_ms, [line.lang for line in batch])
        for line, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Refused):
                refused.append(BadLine(number=line.number, code=answer.code, field=answer.field))
            else:
                row = {"line": line.number, "subject": encode_id("sub", answer.subject), "key": answer.key}
                keys.write(json.dumps(row) + "\n")
                count += 1
        keys.flush()
        tick("people enrolled", count, None)
    return count


def _row(bad: BadLine) -> dict[str, Any]:
    return {"line": bad.number, "code": bad.code, "field": bad.field}


def _summary(count: int, refused: Sequence[BadLine], keys_out: Path) -> Iterator[str]:
    yield f"{count:,} people enrolled; their sign-in keys are in {keys_out}"
    if refused:
        reasons = Counter(bad.code for bad in refused)
        yield f"{len(refused):,} lines refused: " + ", ".join(
            f"{n:,} {code}" for code, n in reasons.most_common()
        )
