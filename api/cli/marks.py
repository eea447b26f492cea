"""`perusal marks`: what recipients are served in forms of their own, under which keys, and whose a name in a file is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from sqlalchemy import func, select

from api.cli.failures import Exit, Failure
from api.cli.installation import dir_option, settings_of
from api.cli.marks_check import check
from api.cli.output import emit, json_option, moment, progress, table_of
from api.cli.subjects import PERSON
from api.clock import system_clock
from api.i18n import Lang, catalogue
from api.public.marking import rules_document
from api.sealing.opening import opened_vault
from consent.ids import RecipientId, parse_disclosure
from consent.marks import epochs, seals, tolerance
from consent.marks.tables import mark_opt_out, mark_served, served_hash
from consent.recipients.pairwise import PREFIX, resolve
from consent.schema.tables import disclosure
from vault.errors import MalformedId
from vault.ids import Bucket, SubjectId, bucket_of, encode_id
from vault.opening import Vault


@click.group("marks")
def command() -> None:
    """Values in forms of their own for each recipient, by which a leaked copy is known."""


@command.command("status")
@dir_option
@json_option
def status(home: Path | None, as_json: bool) -> None:
    """Which keys have been in use since when, and how much was served under them."""
    with opened_vault(settings_of(home)) as vault:
        known, counts = epochs.epochs(vault), _counts(vault)
        buckets = vault.installation.buckets.many
    listed = [
        {
            "epoch": one.number,
            "begun_at": one.begun_at,
            "everywhere": one.buckets == buckets,
            "commitment": one.commitment.hex(),
        }
        for one in known
    ]
    rows = [
        (one.number, moment(one.begun_at), f"{one.buckets}/{buckets}", one.commitment.hex()) for one in known
    ]
    emit(
        {"epochs": listed, **counts},
        as_json=as_json,
        lines=(
            f"{counts['versions']:,} versions served with marks, each counted once for a recipient",
            f"{counts['open']:,} hashes of served values wait for their seal; {counts['opted_out']:,} people opted out",
        ),
        table=table_of("keys of marks", ("epoch", "since", "buckets", "commitment in the ledger"), rows),
    )


def _counts(vault: Vault) -> dict[str, int]:
    with vault.data.read() as conn:
        return {
            "versions": conn.execute(select(func.count()).select_from(mark_served)).scalar_one(),
            "open": conn.execute(
                select(func.count()).select_from(served_hash).where(served_hash.c.seal.is_(None))
            ).scalar_one(),
            "opted_out": conn.execute(select(func.count()).select_from(mark_opt_out)).scalar_one(),
        }


@command.command("roll")
@dir_option
@json_option
def roll(home: Path | None, as_json: bool) -> None:
    """Begin the next epoch: versions served from now on for the first time are marked under another key."""
    with opened_vault(settings_of(home)) as vault:
        number = epochs.roll(vault, system_clock())
    emit(
        {"epoch": number},
        as_json=as_json,
        lines=(f"epoch {number} has begun; what was served before keeps its form",),
    )


@command.command("rules")
@dir_option
@json_option
def rules(home: Path | None, as_json: bool) -> None:
    """What recipients with each purpose tolerate, as it is published."""
    with opened_vault(settings_of(home)) as vault:
        document = rules_document(vault)
    emit(document, as_json=as_json, lines=tuple(_rule_lines(document)))


def _rule_lines(document: dict[str, Any]) -> Iterator[str]:
    texts = catalogue(Lang.EN)
    for purpose, carriers in document["purposes"].items():
        yield f"{purpose}: {', '.join(carriers)}"
    if not document["purposes"]:
        yield "no purpose tolerates any; values are served as they are stored"
    yield from (f"  {code}: {texts.text(f'carrier.{code}')}" for code in document["carriers"])


@command.command("allow")
@dir_option
@click.argument("purpose")
@click.argument("carriers", nargs=-1)
@json_option
def allow(home: Path | None, purpose: str, carriers: tuple[str, ...], as_json: bool) -> None:
    """Have recipients with PURPOSE served in these forms from now on; without CARRIERS in none.

    You answer for it that the purpose is served as well.
    """
    with opened_vault(settings_of(home)) as vault:
        held = tolerance.allow(vault, purpose, carriers, system_clock())
    emit(
        {"purpose": purpose, "carriers": list(held)},
        as_json=as_json,
        lines=(f"{purpose}: {', '.join(held) if held else 'nothing is marked from now on'}",),
    )


@command.command("seal")
@dir_option
@json_option
def seal(home: Path | None, as_json: bool) -> None:
    """Put the hashes that wait into the ledger now; a server does it every minute."""
    with opened_vault(settings_of(home)) as vault:
        count = seals.seal_due(vault, system_clock())
    emit({"sealed": count}, as_json=as_json, lines=(f"{count:,} hashes sealed",))


@command.command("resolve")
@dir_option
@click.argument("name")
@json_option
def resolve_name(home: Path | None, name: str, as_json: bool) -> None:
    """Whose NAME this is that stands in a file, and for whom: `pairwise:...` or the id of a disclosure.

    Exit code 1 when nobody was ever given it.
    """
    with opened_vault(settings_of(home)) as vault, progress(quiet=as_json) as tick:
        if name.startswith(PREFIX):
            found = resolve(vault, name, lambda done, total: tick("comparing", done, total))
            answer = None if found is None else (found[0], found[1][1])
        else:
            answer = _of_disclosure(vault, name)
    if answer is None:
        raise Failure("no recipient was ever given this name", code="unknown_name", exit_code=Exit.WRONG)
    recipient, subject = str(answer[0]), encode_id("sub", answer[1])
    emit(
        {"recipient": recipient, "subject": subject},
        as_json=as_json,
        lines=(f"{recipient} was given it for {subject}",),
    )


def _of_disclosure(vault: Vault, name: str) -> tuple[RecipientId, SubjectId] | None:
    try:
        wanted = parse_disclosure(name)
    except MalformedId:
        return None
    c = disclosure.c
    query = select(c.recipient_id, c.subject).where(c.bucket == Bucket(bucket_of(wanted)), c.id == wanted)
    with vault.data.read() as conn:
        row = conn.execute(query).one_or_none()
    return None if row is None else (RecipientId(row.recipient_id), SubjectId(row.subject))


@command.command("opt-out")
@dir_option
@click.argument("person", type=PERSON)
@click.option("--back", is_flag=True, help="Take an opt-out back.")
@json_option
def opt_out(home: Path | None, person: SubjectId, back: bool, as_json: bool) -> None:
    """Serve PERSON's values exactly as they are stored from now on; they can say so themselves on their account page."""
    with opened_vault(settings_of(home)) as vault:
        if back:
            tolerance.opt_in(vault, person)
        else:
            tolerance.opt_out(vault, person, system_clock())
    said = "may be marked again" if back else "are served as they are stored"
    emit({"opted_out": not back}, as_json=as_json, lines=(f"values {said}",))


command.add_command(check)
