"""`perusal fields`: the kinds of value this installation knows, and an operator's own.

`add` reads definitions from a TOML file (docs/operators.md) and takes all of them or none. It refuses fields
whose tags would tell a thief of the data base too much, or would find nobody in particular, among as many
people as the vault is to hold; `check` asks the same of every field. A running server learns of new fields at
its next start. `offer` lets recipients with a purpose ask for a field of one's own, `withhold` ends that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from api.cli.failures import Exit, Failure
from api.cli.installation import databases, dir_option, settings_of
from api.cli.output import emit, json_option, table_of
from api.clock import system_clock
from api.i18n import Lang, catalogue
from api.sealing.opening import opened_vault
from consent.wording import own_fields
from vault.fields import Catalogue, Field
from vault.fields.custom import Definition, parse
from vault.fields.defined import catalogue_of, define
from vault.fields.measure import Measured
from vault.opening import installation_seen
from vault.tags.planner import PART_BITS, Finding, Reason
from vault.tags.planner import check as check_catalogue

people_option = click.option(
    "--people", required=True, type=click.IntRange(1), help="How many people the vault is to hold."
)


@click.group("fields")
def command() -> None:
    """Kinds of value: what is known here, and what you define yourself."""


@command.command("list")
@dir_option
@json_option
def list_fields(home: Path | None, as_json: bool) -> None:
    """Every field with its number, how sensitive it is, how it is found, and to which purposes your own are offered."""
    with databases(settings_of(home)) as (data, _keys), data.read() as conn:
        known = list(catalogue_of(conn, installation_seen(conn).tenant))
        offers = own_fields.every_offer(conn)
    offered = {f.code: [purpose for purpose, codes in offers.items() if f.code in codes] for f in known}
    emit(
        {"fields": [_described(field) | {"offered": offered[field.code]} for field in known]},
        as_json=as_json,
        table=table_of(
            "fields",
            ("number", "code", "name", "sensitivity", "found by", "unique", "true to", "offered to"),
            [
                (
                    str(f.number),
                    f.code,
                    _name(f),
                    f.sensitivity.value,
                    _found_by(f),
                    _yes(f.unique),
                    _precision(f),
                    ", ".join(offered[f.code]),
                )
                for f in known
            ],
        ),
    )


@command.command("add")
@dir_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@people_option
@json_option
def add(home: Path | None, file: Path, people: int, as_json: bool) -> None:
    """Define the fields in FILE (TOML), or new versions of them; all or none."""
    wanted = parse(file.read_text(encoding="utf-8"))
    found = check_catalogue(Catalogue(each.field() for each in wanted), people)
    if found:
        raise Failure(_told(found[0]), code=found[0].reason.value)
    now_ms = system_clock()
    with databases(settings_of(home)) as (data, _keys), data.write() as conn:
        tenant = installation_seen(conn).tenant
        versions = {each.code: define(conn, tenant, each, now_ms) for each in wanted}
    emit(
        {"fields": [{"code": code, "version": version} for code, version in versions.items()]},
        as_json=as_json,
        lines=_added(wanted, versions),
    )


@command.command("check")
@dir_option
@people_option
@json_option
def check(home: Path | None, people: int, as_json: bool) -> int:
    """Whether the tags of every field suit so many people; 1 if those of one do not."""
    with databases(settings_of(home)) as (data, _keys), data.read() as conn:
        known = catalogue_of(conn, installation_seen(conn).tenant)
    found = check_catalogue(known, people)
    emit(
        {"people": people, "findings": [asdict(each) for each in found]},
        as_json=as_json,
        lines=map(_told, found)
        if found
        else (f"the tags of all {len(known)} fields suit {people:,} people",),
    )
    return Exit.WRONG if found else Exit.OK


@command.command("offer")
@dir_option
@click.argument("field")
@click.argument("purposes", nargs=-1, required=True)
@json_option
def offer(home: Path | None, field: str, purposes: tuple[str, ...], as_json: bool) -> None:
    """Let recipients with each of PURPOSES ask people for your own FIELD."""
    with opened_vault(settings_of(home)) as vault:
        for purpose in purposes:
            own_fields.offer(vault, purpose, field, system_clock())
    emit(
        {"field": field, "offered": list(purposes)},
        as_json=as_json,
        lines=(f"{field} may be asked for: {', '.join(purposes)}",),
    )


@command.command("withhold")
@dir_option
@click.argument("field")
@click.argument("purpose")
@json_option
def withhold(home: Path | None, field: str, purpose: str, as_json: bool) -> None:
    """Let nobody ask for FIELD with PURPOSE from now on; what was asked or granted stands."""
    with opened_vault(settings_of(home)) as vault:
        if not own_fields.withhold(vault, purpose, field, system_clock()):
            raise Failure(f"{field} was not offered for {purpose}", code="field.unknown")
    emit({"field": field, "withheld": purpose}, as_json=as_json, lines=(f"{field}: not for {purpose}",))


_WHY = {
    Reason.TOO_FINE: "its tags would single people out",
    Reason.TOO_COARSE: "its tags would find too many people at once",
    Reason.TOO_FEW_PEOPLE: "among so few people every tag singles somebody out",
    Reason.PART_TOO_COARSE: "one of its partial tags covers too little to find anybody by",
}


def _told(found: Finding) -> str:
    suits = f"it tells {found.bits:.1f} bits, and {PART_BITS} are the fewest"
    if found.fewest_people is not None and found.most_people is not None:
        suits = f"they suit {found.fewest_people:,} to {found.most_people:,} people"
    return f"{found.field}: {_WHY[found.reason]}; {suits}"


def _added(wanted: tuple[Definition, ...], versions: dict[str, int]) -> Iterator[str]:
    for each in wanted:
        yield f"{each.code} (number {each.number}): version {versions[each.code]}"
    yield "a running server knows them after its next start"


def _described(field: Field) -> dict[str, object]:
    return {
        "code": field.code,
        "number": field.number,
        "name": _name(field),
        "sensitivity": field.sensitivity.value,
        "unique": field.unique,
        "searchable": field.searchable,
        "identifying": field.identifying,
        "bits": field.bits,
        "reasons": list(field.reasons),
        "measures": field.measure and field.measure.of.value,
        "precision": field.measure and field.measure.precision,
    }


def _name(field: Field) -> str:
    return field.label("en") or catalogue(Lang.EN).text(f"field.{field.code}")


def _found_by(field: Field) -> str:
    return "its own tags" if field.searchable else "nothing by itself"


def _precision(field: Field) -> str:
    """To what a measured value is true; nothing for the others."""
    if field.measure is None:
        return ""
    return f"{field.measure.precision}{' decimals' if field.measure.of is Measured.COORDINATES else ''}"


def _yes(said: bool) -> str:
    return "yes" if said else ""
