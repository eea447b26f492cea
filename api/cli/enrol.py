"""`perusal enrol FILE.jsonl --keys-out F`: take people in, in bulk, and hand out one sign-in key for each.

One JSON object a line: field codes to texts, and optionally `lang`. A line that cannot be taken is reported by
its number and a code, never by its content, and spoils no other line. The keys go to a new file that only its
owner can read, as `{"line": n, "subject": "sub_…", "key": "sik_…", "ledger_key": "…"}`; the sign-in key exists
nowhere else, and with the ledger key the person tells what is said of them in the ledger. Broken off anywhere,
a load goes on with --resume.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec

from api.cli.failures import Exit, Failure, told
from api.cli.installation import dir_option, private_file, settings_of
from api.cli.output import Tick, emit, json_option, progress, table_of
from api.clock import system_clock
from api.sealing.opening import opened_vault
from consent.accounts.keys import DEFAULT_LANG
from consent.ledger.bundles import person_key
from consent.people import loads
from consent.people.keeping import NewPerson, Refused
from consent.wording.notices import LANGUAGES
from vault.ids import bucket_for, encode_id
from vault.opening import Vault

SHOWN_REFUSALS = 20
KEPT_REFUSALS = 10_000
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
@click.option("--resume", is_flag=True, help="Go on with a load of this FILE that was broken off.")
@json_option
def command(home: Path | None, file: Path, keys_out: Path, resume: bool, as_json: bool) -> int:
    """Take in the people in FILE (JSON lines; "-" reads standard input); 1 if a line was refused.

    A line is field codes (`perusal fields list`) with a text each, and "lang" if not the usual one:
    {"name": "…", "phone": "…", "lang": "en"}.
    """
    settings = settings_of(home)
    refused = Refusals()
    with opened_vault(settings) as vault, progress(quiet=as_json) as tick:
        load = loads.name_of(vault, _digest(file))
        begun = loads.progress(vault, load)
        keys_file = _keys_file(vault, keys_out, begun, resume=resume)
        with click.open_file(str(file), "rb") as lines, keys_file as keys:
            done = 0 if begun is None else begun.done
            count = _enrol(vault, load, parse_lines(lines, refused, done), keys, refused, tick)
        loads.finish(vault, load)
    before = (0, 0) if begun is None else (begun.enrolled, begun.refused)
    _tell(count + before[0], refused, before[1], keys_out, as_json=as_json)
    return Exit.WRONG if refused.count + before[1] else Exit.OK


@dataclass(slots=True)
class Refusals:
    """Lines that were not taken: all are counted, the first are kept."""

    count: int = 0
    kept: list[BadLine] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, bad: BadLine) -> None:
        self.count += 1
        self.reasons[bad.code] += 1
        if len(self.kept) < KEPT_REFUSALS:
            self.kept.append(bad)


def _digest(file: Path) -> bytes:
    """What tells one source from another: its size and how it begins. Standard input can never be resumed."""
    if str(file) == "-":
        return secrets.token_bytes(32)
    with file.open("rb") as source:
        head = source.read(1 << 20)
    return hashlib.sha256(file.stat().st_size.to_bytes(8) + head).digest()


@contextmanager
def _keys_file(vault: Vault, path: Path, begun: loads.Progress | None, *, resume: bool) -> Iterator[TextIO]:
    """The file of sign-in keys: new, or the one of the load that is resumed, with nobody missing or twice."""
    if begun is None:
        with private_file(path) as file:
            yield file
        return
    if not resume:
        raise Failure("a load of this file was broken off; say --resume to go on with it", code="load_begun")
    if not path.exists():
        raise Failure(f"{path.name} is not there: it holds the keys so far", code="no_keys_file")
    with path.open("r+", encoding="utf-8") as file:
        last = _cut_to_whole_lines(file)
        _write(vault, file, [one for one in begun.last if one.line > last])
        yield file


def _cut_to_whole_lines(file: TextIO) -> int:
    """Drop a last line that was cut short; the line number of the last whole one, the file open behind it."""
    last, end = 0, 0
    while (text := file.readline()).endswith("\n"):
        last, end = int(json.loads(text)["line"]), file.tell()
    file.seek(end)
    file.truncate()
    return last


def _write(vault: Vault, file: TextIO, handed: Sequence[loads.Handed]) -> None:
    """Keys, on disk before this returns; the ledger key is left out of whoever was erased since."""
    people = [(bucket_for(one.subject, vault.installation.buckets), one.subject) for one in handed]
    own = vault.keyring.subject_keys(people)
    for one in handed:
        row = {"line": one.line, "subject": encode_id("sub", one.subject), "key": one.key}
        if one.subject in own:
            row[person_key.FIELD] = person_key.text_of(own[one.subject].ledger)
        file.write(json.dumps(row) + "\n")
    file.flush()
    os.fsync(file.fileno())


def parse_lines(lines: Iterable[bytes], refused: Refusals, done: int = 0) -> Iterator[Line]:
    """The lines that are people; the others are added to `refused`. Empty lines, and lines up to `done`, are none."""
    for number, raw in enumerate(lines, 1):
        if number <= done or not raw.strip():
            continue
        try:
            values = _decode(raw)
        except msgspec.MsgspecError:
            refused.add(BadLine(number=number, code="malformed_line"))
            continue
        lang = values.pop("lang", DEFAULT_LANG)
        if lang not in LANGUAGES:
            refused.add(BadLine(number=number, code="unknown_language", field="lang"))
            continue
        yield Line(number=number, lang=lang, person=NewPerson(values))


def _enrol(
    vault: Vault, load: bytes, lines: Iterator[Line], keys: TextIO, refused: Refusals, tick: Tick
) -> int:
    count = 0
    for batch in batched(lines, loads.CHUNK):
        now_ms = system_clock()
        people = [(line.number, line.lang, line.person) for line in batch]
        answers = loads.take_in(vault, load, people, batch[-1].number, now_ms)
        handed = []
        for line, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Refused):
                refused.add(BadLine(number=line.number, code=answer.code, field=answer.field))
            else:
                handed.append(loads.Handed(line=line.number, subject=answer.subject, key=answer.key))
        _write(vault, keys, handed)
        count += len(handed)
        tick("people enrolled", count, None)
    return count


def _tell(count: int, refused: Refusals, before: int, keys_out: Path, *, as_json: bool) -> None:
    kept = sorted(refused.kept, key=lambda bad: bad.number)
    emit(
        {
            "enrolled": count,
            "refused": [_row(bad) for bad in kept],
            "refused_count": refused.count + before,
            "keys_file": keys_out.name,
        },
        as_json=as_json,
        lines=_summary(count, refused, keys_out),
        table=table_of(
            "refused",
            ("line", "field", "code", "why"),
            [(b.number, b.field, b.code, told(b.code)) for b in kept[:SHOWN_REFUSALS]],
        )
        if kept
        else None,
    )


def _row(bad: BadLine) -> dict[str, Any]:
    return {"line": bad.number, "code": bad.code, "field": bad.field}


def _summary(count: int, refused: Refusals, keys_out: Path) -> Iterator[str]:
    yield f"{count:,} people enrolled; their sign-in keys are in {keys_out}"
    if refused.count:
        reasons = ", ".join(f"{n:,} {code}" for code, n in refused.reasons.most_common())
        yield f"{refused.count:,} lines refused: {reasons}"
