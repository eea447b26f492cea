"""`perusal canaries plan`, `plant`, `lists`, `retire`: persons who do not exist, planted with a recipient or
with nobody.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from api.cli.failures import Exit, Failure
from api.cli.installation import dir_option, settings_of, write_private
from api.cli.output import emit, json_option, moment, table_of
from api.clock import system_clock
from api.sealing.opening import opened_vault
from breach.trace.canaries import SHARED, detection, planned
from consent.accounts.keys import Consumer
from consent.decoupled.handles import allow
from consent.exposure import recipient_totals
from consent.ids import RecipientId
from consent.planted.planting import MOST, PREFIX, Kind, Listed, Order, Planting, lists, plant, retire
from consent.recipients.register import recipient, recipients
from vault.errors import MalformedId
from vault.ids import decode_id, encode_id
from vault.opening import Vault

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
DARK = 1_000


@click.command("plan")
@dir_option
@json_option
def plan(home: Path | None, as_json: bool) -> None:
    """How many persons to plant with each recipient, and how probably a leak of so many of its rows shows one."""
    with opened_vault(settings_of(home)) as vault, vault.data.read() as conn:
        held = recipient_totals(conn)
        known = [(one.id, one.legal_name, held.get(one.id, 0)) for one in recipients(conn)]
        there = _planted(lists(conn))
    rows = [_planned(whom, name, many, there.get(whom, 0)) for whom, name, many in known]
    shown = [
        (row["name"], row["people"], row["planted"], row["plan"], *row["shows"].values()) for row in rows
    ]
    columns = ("recipient", "people", "planted", "plan", *(f"leak of {share:.0%}" for share in SHARES))
    emit(
        {"recipients": rows, "dark": DARK, "shared": SHARED},
        as_json=as_json,
        table=table_of("persons to plant, and the chance that a leak shows one", columns, shown),
    )


@click.command("plant")
@dir_option
@click.argument("recipient_id", required=False)
@click.option("--dark", "kind", flag_value=Kind.DARK.value, help="For nobody: only our own store has them.")
@click.option("--shared", "kind", flag_value=Kind.SHARED.value, help="For half of the recipients each.")
@click.option("--domain", "domains", multiple=True, required=True, help="Of mailboxes that are yours.")
@click.option("--people", type=click.IntRange(1, MOST), help="How many; as planned by default.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="New file (0600)."
)
@json_option
def plant_people(
    home: Path | None,
    recipient_id: str | None,
    kind: str | None,
    domains: tuple[str, ...],
    people: int | None,
    out: Path,
    as_json: bool,
) -> None:
    """Plant persons with RECIPIENT_ID (org_…), or with --dark or --shared ones.

    The list's hash is in the ledger when this ends. OUT has what it takes to sign up with the recipient as each
    of them: values, sign-in key, and the handle to be asked by. It is the only list of who they are: keep it
    elsewhere.
    """
    if (recipient_id is None) == (kind is None):
        raise Failure("name a recipient, or say --dark or --shared", code="usage", exit_code=Exit.USAGE)
    if out.exists():
        raise Failure(f"{out.name} is already there", code="already_there", exit_code=Exit.USAGE)
    with opened_vault(settings_of(home)) as vault:
        now_ms = system_clock()
        whom = None if recipient_id is None else _known(vault, recipient_id)
        order = Order(
            kind=Kind(kind or Kind.UNIQUE),
            people=people or _usual(vault, kind, whom),
            domains=domains,
            recipient_id=whom,
        )
        done = plant(vault, order, secrets.SystemRandom(), now_ms)
        write_private(
            out,
            "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in _file(vault, done, whom, now_ms)),
        )
    name = encode_id(PREFIX, done.list_id)
    told = f"{name}: {len(done.made)} persons planted, sealed in the ledger; who they are is in {out}"
    data = {"list": name, "planted": len(done.made), "hash": done.hash.hex()}
    emit(data, as_json=as_json, lines=(told,))


@click.command("lists")
@dir_option
@json_option
def show_lists(home: Path | None, as_json: bool) -> None:
    """Every list of planted persons: for whom, since when, sealed and retired or not; never who they are."""
    with opened_vault(settings_of(home)) as vault, vault.data.read() as conn:
        rows = [_listed(one) for one in lists(conn)]
    columns = ("list", "kind", "recipient", "people", "made", "sealed", "retired")
    shown = [tuple("" if row[name] is None else row[name] for name in columns) for row in rows]
    table = table_of("planted persons", columns, shown) if rows else None
    emit({"lists": rows}, as_json=as_json, lines=() if rows else ("nobody is planted",), table=table)


@click.command("retire")
@dir_option
@click.argument("name")
@json_option
def retire_list(home: Path | None, name: str, as_json: bool) -> int:
    """Let nobody on the list NAME (pll_…) answer any more; what they prove stands. 1 when there is none."""
    try:
        list_id = decode_id(PREFIX, name)
    except MalformedId:
        raise Failure("not the name of a list", code="malformed_id", exit_code=Exit.USAGE) from None
    with opened_vault(settings_of(home)) as vault, vault.data.write() as conn:
        done = retire(conn, list_id, system_clock())
    said = f"{name} is retired" if done else f"{name} is not there, or was retired before"
    emit({"list": name, "retired": done}, as_json=as_json, lines=(said,))
    return Exit.OK if done else Exit.WRONG


def _known(vault: Vault, name: str) -> RecipientId:
    with vault.data.read() as conn:
        found = recipient(conn, RecipientId(name))
    if found is None:
        raise Failure("no such recipient", code="unknown_recipient", exit_code=Exit.USAGE)
    return found.id


def _usual(vault: Vault, kind: str | None, whom: RecipientId | None) -> int:
    if whom is None:
        return DARK if kind == Kind.DARK else SHARED
    with vault.data.read() as conn:
        return planned(recipient_totals(conn).get(whom, 0))


def _planted(known: list[Listed]) -> dict[RecipientId, int]:
    found: dict[RecipientId, int] = {}
    for one in known:
        if one.recipient_id is not None and one.retired_at is None:
            found[one.recipient_id] = found.get(one.recipient_id, 0) + one.people
    return found


def _planned(whom: str, name: str, held: int, there: int) -> dict[str, Any]:
    many = planned(held)
    people = held + many
    shows = {f"{share:g}": round(detection(many, people, round(share * people)), 4) for share in SHARES}
    return {"recipient": whom, "name": name, "people": held, "planted": there, "plan": many, "shows": shows}


def _file(vault: Vault, done: Planting, whom: RecipientId | None, now_ms: int) -> Iterator[Mapping[str, Any]]:
    """The list and what opens its hash, then a line for each person."""
    yield {"list": encode_id(PREFIX, done.list_id), "nonce": done.nonce.hex(), "hash": done.hash.hex()}
    for enrolled, made in done.made:
        line = {"subject": encode_id("sub", enrolled.subject), "key": enrolled.key, "lang": made.lang}
        if whom is not None:
            who = Consumer(bucket=enrolled.bucket, subject=enrolled.subject, lang=made.lang)
            with vault.data.write() as conn:
                line["handle"] = allow(conn, vault, who, whom, now_ms)
        yield {**line, **made.values}


def _listed(one: Listed) -> dict[str, Any]:
    return {
        "list": encode_id(PREFIX, one.id),
        "kind": one.kind.value,
        "recipient": one.recipient_id,
        "people": one.people,
        "made": moment(one.made_at),
        "sealed": one.sealed,
        "retired": None if one.retired_at is None else moment(one.retired_at),
    }
