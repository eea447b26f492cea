"""`perusal recipient client`, `keys`, `ping`, `change`, `suspend`, `resume` and `list`: a recipient's programs,
and stopping them.

A recipient may have several programs, each with keys and redirect addresses of its own. Keys are replaced as a
set: to change one without a gap, first give both, then the new one alone. A suspension holds for the next
request on every worker; what people granted is still there when it ends.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from api.cli.documents import read_document
from api.cli.failures import Exit, Failure
from api.cli.installation import databases, dir_option, settings_of
from api.cli.output import emit, json_option, table_of
from api.clock import system_clock
from consent.recipients import register as recipients
from consent.recipients import suspensions
from consent.recipients.register import Client, DeliveryMode, Program, Recipient

_FILE = click.Path(path_type=Path, allow_dash=True, dir_okay=False, exists=True)


class ProgramFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A further client of a recipient, as it stands in a file."""

    label: str
    redirect_uris: list[str]
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None
    backchannel_token_delivery_mode: DeliveryMode = DeliveryMode.POLL
    backchannel_client_notification_endpoint: str | None = None


@click.command("client")
@dir_option
@click.argument("recipient_id")
@click.argument("file", type=_FILE)
@json_option
def client(home: Path | None, recipient_id: str, file: Path, as_json: bool) -> None:
    """Register another program of RECIPIENT_ID, described in FILE (a JSON object)."""
    wanted = read_document(file, ProgramFile)
    program = Program(
        label=wanted.label,
        redirect_uris=wanted.redirect_uris,
        jwks=wanted.jwks,
        jwks_uri=wanted.jwks_uri,
        delivery=wanted.backchannel_token_delivery_mode,
        notification_uri=wanted.backchannel_client_notification_endpoint,
    )
    with databases(settings_of(home)) as (data, _keys), data.write() as conn:
        made = recipients.add_client(conn, recipient_id, program, system_clock())
    emit(
        {"recipient_id": recipient_id, "client_id": made, "label": wanted.label},
        as_json=as_json,
        lines=[f"registered {made} ({wanted.label})"],
    )


@click.command("keys")
@dir_option
@click.argument("client_id")
@click.argument("file", type=_FILE, required=False)
@click.option("--uri", help="Where the client publishes its keys, instead of FILE.")
@json_option
def keys(home: Path | None, client_id: str, file: Path | None, uri: str | None, as_json: bool) -> None:
    """Let CLIENT_ID be known by the keys in FILE (a JWK set) or at an address, and by no others from now on."""
    if (file is None) == (uri is None):
        raise Failure("name either a file or --uri", code="usage", exit_code=Exit.USAGE)
    jwks = None if file is None else read_document(file, dict[str, Any])
    with databases(settings_of(home)) as (data, _keys), data.write() as conn:
        known = recipients.replace_keys(conn, client_id, jwks, uri)
    named = [key.thumbprint if key.kid is None else key.kid for key in known]
    emit(
        {"client_id": client_id, "jwks_uri": uri, "keys": named},
        as_json=as_json,
        lines=[f"{client_id} is known by {', '.join(named) or uri}"],
    )


@click.command("ping")
@dir_option
@click.argument("client_id")
@click.option("--uri", help="Where the client is pinged; without it the client polls.")
@json_option
def ping(home: Path | None, client_id: str, uri: str | None, as_json: bool) -> None:
    """Ping CLIENT_ID at an address when a person it asked directly has answered, or let it poll only."""
    with databases(settings_of(home)) as (data, _keys), data.write() as conn:
        recipients.notify_at(conn, client_id, uri)
    mode = DeliveryMode.POLL if uri is None else DeliveryMode.PING
    emit(
        {"client_id": client_id, **_told_by(mode, uri)},
        as_json=as_json,
        lines=[f"{client_id} polls" if uri is None else f"{client_id} is pinged at {uri}"],
    )


@click.command("change")
@dir_option
@click.argument("recipient_id")
@click.option("--contact", help="How people reach it.")
@click.option("--event-uri", help="Where it wants to be told of withdrawals; empty for nowhere.")
@click.option("--erase-days", type=int, help="How long it may take to erase when a consent ends, at most.")
@json_option
def change(
    home: Path | None,
    recipient_id: str,
    contact: str | None,
    event_uri: str | None,
    erase_days: int | None,
    as_json: bool,
) -> None:
    """Give RECIPIENT_ID another contact, address for events or time to erase; its name, number and law never change."""
    with databases(settings_of(home)) as (data, _keys), data.write() as conn:
        recipients.change(conn, recipient_id, contact=contact, event_uri=event_uri, erase_days=erase_days)
        who = recipients.recipient(conn, recipient_id)
        assert who is not None  # it was changed a moment ago
    emit(
        {
            "recipient_id": recipient_id,
            "contact": who.contact,
            "event_uri": who.event_uri,
            "erase_days": who.erase_days,
        },
        as_json=as_json,
        lines=[f"{recipient_id}: {who.contact}, events to {who.event_uri or 'nowhere'}"],
    )


@click.command("suspend")
@dir_option
@click.argument("name")
@click.option("--reason", required=True, help="Why, in one line; it is kept, and the recipient is told.")
@json_option
def suspend(home: Path | None, name: str, reason: str, as_json: bool) -> None:
    """Stop a client, or a recipient with all its clients (NAME is its id): it gets nothing until it is resumed."""
    with databases(settings_of(home)) as (data, _keys), data.write() as conn:
        changed = suspensions.suspend(conn, name, reason, system_clock())
    _told(name, "suspended", changed=changed, as_json=as_json)


@click.command("resume")
@dir_option
@click.argument("name")
@click.option("--reason", required=True, help="Why, in one line; it is kept, and the recipient is told.")
@json_option
def resume(home: Path | None, name: str, reason: str, as_json: bool) -> None:
    """Let a client or a recipient that was suspended in again; what people granted it is as it was."""
    with databases(settings_of(home)) as (data, _keys), data.write() as conn:
        changed = suspensions.resume(conn, name, reason, system_clock())
    _told(name, "resumed", changed=changed, as_json=as_json)


@click.command("list")
@dir_option
@json_option
def listing(home: Path | None, as_json: bool) -> None:
    """Every recipient with its clients, their keys, and who is suspended."""
    with databases(settings_of(home)) as (data, _keys), data.read() as conn:
        known = [(one, recipients.clients(conn, one.id)) for one in recipients.recipients(conn)]
    rows = [
        (who.legal_name, app.client_id, app.label, _known_by(app), "suspended" if app.suspended else "")
        for who, apps in known
        for app in apps
    ]
    emit(
        {"recipients": [_shown(who, apps) for who, apps in known]},
        as_json=as_json,
        table=table_of("recipients", ("name", "client id", "label", "keys", ""), rows),
    )


def _shown(who: Recipient, apps: list[Client]) -> dict[str, Any]:
    return {
        "recipient_id": who.id,
        "legal_name": who.legal_name,
        "registration_no": who.registration_no,
        "event_uri": who.event_uri,
        "kind": who.kind.value,
        "jurisdiction": who.jurisdiction,
        "country": who.country,
        "erase_days": who.erase_days,
        "suspended": who.suspended,
        "clients": [
            {
                "client_id": app.client_id,
                "label": app.label,
                "jwks_uri": app.jwks_uri,
                "keys": [key.jwk() for key in app.keys],
                "redirect_uris": app.redirect_uris,
                **_told_by(app.delivery, app.notification_uri),
                "suspended": app.suspended,
            }
            for app in apps
        ],
    }


def _told_by(mode: DeliveryMode, uri: str | None) -> dict[str, str | None]:
    """By the names of CIBA §4."""
    return {"backchannel_token_delivery_mode": mode, "backchannel_client_notification_endpoint": uri}


def _known_by(app: Client) -> str:
    return app.jwks_uri or ", ".join(f"{key.kid or key.thumbprint} ({key.algorithm})" for key in app.keys)


def _told(name: str, step: str, *, changed: bool, as_json: bool) -> None:
    said = f"{name} is {step}" if changed else f"{name} was {step} already"
    emit({"name": name, "step": step, "changed": changed}, as_json=as_json, lines=[said])
