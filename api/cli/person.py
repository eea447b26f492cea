"""`perusal person`: a person's own copy, corrections' history, duplicates, guardians, and how long things are kept.

Its values are changed and shown in `person_values`.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path

import click

from api.cli.failures import Failure, told
from api.cli.installation import dir_option, settings_of, write_private
from api.cli.output import emit, json_option, progress, table_of
from api.cli.person_values import change, show
from api.cli.subjects import PERSON
from api.clock import system_clock
from api.i18n import Lang
from api.jobs.retention import rules_of
from api.portal import own_data
from api.sealing.opening import opened_vault
from consent.erasure import retention
from consent.erasure.retention import Term
from consent.export.document import Export, export
from consent.families import ties as families
from consent.families.ties import Tie
from consent.instants import instant
from vault.ids import SubjectId, bucket_for, encode_id
from vault.people.drafts import Refused
from vault.reading.history import history

_ACTOR = "operator"


@click.group("person")
def command() -> None:
    """One person's data: copy it, see how it changed, merge duplicates, link guardians, limit how long it is kept."""


command.add_command(change)
command.add_command(show)


@command.command("export")
@dir_option
@click.option("--subject", required=True, type=PERSON)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="New files (0600)."
)
@click.option(
    "--lang", type=click.Choice([lang.value for lang in Lang]), default=Lang.ZH_CN.value, show_default=True
)
@click.option("--actor", default=_ACTOR, show_default=True, help="Who makes the copy, for the ledger.")
@json_option
def copy(home: Path | None, subject: SubjectId, out: Path, lang: str, actor: str, as_json: bool) -> None:
    """Write everything held about a person as copy.json and copy.html; the ledger shows that it was done."""
    with opened_vault(settings_of(home)) as vault:
        made, fields = export(vault, subject, system_clock(), actor=actor), vault.catalogue
    if not isinstance(made, Export):
        raise _refused(made)
    out.mkdir(parents=True, exist_ok=True)
    write_private(out / "copy.json", own_data.as_json(made))
    write_private(out / "copy.html", own_data.as_page(made, Lang(lang), fields))
    counts = {name: len(made.document[name]) for name in ("values", "permissions", "uses", "ledger")}
    emit(
        {"files": ["copy.json", "copy.html"], **counts},
        as_json=as_json,
        lines=(
            f"{out / 'copy.json'} and copy.html: " + ", ".join(f"{n:,} {what}" for what, n in counts.items()),
        ),
    )


@command.command("history")
@dir_option
@click.option("--subject", required=True, type=PERSON)
@click.option("--field", required=True)
@json_option
def versions(home: Path | None, subject: SubjectId, field: str, as_json: bool) -> None:
    """Show how a field changed; values are masked."""
    with opened_vault(settings_of(home)) as vault:
        lines = history(vault, subject, field)
    rows = [
        {
            "version": one.version,
            "from": instant(one.valid_from),
            "to": None if one.valid_to is None else instant(one.valid_to),
            "masked": one.masked,
            "destroyed_at": None if one.struck_at is None else instant(one.struck_at),
        }
        for one in lines
    ]
    emit(
        {"versions": rows},
        as_json=as_json,
        table=table_of(
            "versions",
            ("version", "from", "to", "masked"),
            [(one["version"], one["from"], one["to"] or "", one["masked"] or "destroyed") for one in rows],
        ),
    )


@command.command("merge")
@dir_option
@click.option("--keep", required=True, type=PERSON, help="The person that stays.")
@click.option(
    "--drop", required=True, type=PERSON, help="The duplicate, which stands for the other from then on."
)
@click.option("--yes", is_flag=True, help="Do not ask; there is no way back.")
@json_option
def merge(home: Path | None, keep: SubjectId, drop: SubjectId, yes: bool, as_json: bool) -> None:
    """Make one person of two, for good: consents given in the duplicate's name end."""
    if not yes:
        click.confirm("This cannot be undone. Merge?", abort=True, err=True)
    with opened_vault(settings_of(home)) as vault:
        done = families.merge(vault, keep, drop, system_clock())
    if isinstance(done, Refused):
        raise _refused(done)
    moved = sorted(new.field for new in done.moved)
    emit(
        {"moved": moved, "apart": list(done.apart), "merged_at": instant(done.merged_at)},
        as_json=as_json,
        lines=[
            f"merged; taken over: {', '.join(moved) or 'nothing'}",
            f"kept apart: {', '.join(done.apart) or 'nothing'}",
        ],
    )


@command.command("guard")
@dir_option
@click.option("--ward", required=True, type=PERSON)
@click.option("--guardian", required=True, type=PERSON)
@click.option("--as", "kind", type=click.Choice([tie.value for tie in Tie]), required=True)
@click.option(
    "--evidence",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The document this rests on; only its SHA-256 is kept.",
)
@json_option
def guard(
    home: Path | None, ward: SubjectId, guardian: SubjectId, kind: str, evidence: Path, as_json: bool
) -> None:
    """Make somebody a guardian; a parent's ends by itself when the ward comes of age."""
    with evidence.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    with opened_vault(settings_of(home)) as vault:
        tie = families.appoint(vault, ward, guardian, Tie(kind), digest, system_clock())
    if isinstance(tie, Refused):
        raise _refused(tie)
    until = None if tie.valid_until is None else instant(tie.valid_until)
    emit(
        {"from": instant(tie.valid_from), "until": until, "evidence_sha256": digest.hex()},
        as_json=as_json,
        lines=(f"guardian until {until or 'further notice'}; evidence sha256 {digest.hex()}",),
    )


@command.command("unguard")
@dir_option
@click.option("--ward", required=True, type=PERSON)
@click.option("--guardian", required=True, type=PERSON)
@json_option
def unguard(home: Path | None, ward: SubjectId, guardian: SubjectId, as_json: bool) -> None:
    """End a guardianship."""
    with opened_vault(settings_of(home)) as vault:
        tie = families.dismiss(vault, ward, guardian, system_clock())
    if tie is None or tie.ended_at is None:
        raise Failure("there is no such guardianship", code="not_found")
    emit({"ended_at": instant(tie.ended_at)}, as_json=as_json, lines=("ended",))


@command.command("keep")
@dir_option
@click.option("--subject", required=True, type=PERSON)
@click.option("--field", default="", help="One field; without it, the whole person.")
@click.option("--until", required=True, type=click.DateTime(["%Y-%m-%d"]), help="The last day, UTC.")
@click.option("--reason", default="operator", show_default=True, help="A short code.")
@json_option
def keep(
    home: Path | None, subject: SubjectId, field: str, until: datetime, reason: str, as_json: bool
) -> None:
    """Set until when something may be kept; afterwards `perusal person expire` or the server destroys it."""
    expires_at = _after(until.date())
    with opened_vault(settings_of(home)) as vault:
        bucket = bucket_for(subject, vault.installation.buckets)
        if field and field not in vault.catalogue:
            raise Failure("no such field", code="field.unknown")
        term = Term(bucket=bucket, subject=subject, field=field, expires_at=expires_at, reason=reason)
        retention.keep_until(vault, [term], system_clock())
    what = field or "the whole person"
    emit(
        {"subject": encode_id("sub", subject), "field": field, "expires_at": instant(expires_at)},
        as_json=as_json,
        lines=(f"{what} is kept until {instant(expires_at)}",),
    )


@command.command("expire")
@dir_option
@json_option
def expire(home: Path | None, as_json: bool) -> None:
    """Destroy everything whose time is over; people due are ordered erased (`perusal erase` finishes that)."""
    settings = settings_of(home)
    with opened_vault(settings) as vault, progress(quiet=as_json) as tick:
        done = retention.run(vault, rules_of(settings), system_clock(), tick)
    emit(
        {"struck": done.struck, "erased": done.erased, "ended": done.ended},
        as_json=as_json,
        lines=[
            f"{done.struck:,} versions destroyed, {done.erased:,} people ordered erased",
            f"{done.ended:,} guardianships ended",
        ],
    )


def _after(day: date) -> int:
    """The first instant after a day, in Unix ms."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return int(midnight.timestamp() * 1000) + 86_400_000


def _refused(answer: Refused) -> Failure:
    return Failure(told(answer.code), code=answer.code)
