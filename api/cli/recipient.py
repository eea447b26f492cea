"""`perusal recipient add FILE.json`: who may ask, with which keys, under which notices and which liability terms.

The file holds one registration or a list of them; all are written in one transaction or none is. Only public
keys are accepted. What is printed is what the recipient's own program needs: its client id, and the ids and
hashes of its texts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec
from sqlalchemy import Connection

from api.cli.failures import Exit, Failure
from api.cli.installation import databases, dir_option, settings_of
from api.cli.output import emit, json_option, table_of
from api.cli.recipient_clients import change, client, keys, listing, ping, resume, suspend
from api.cli.recipient_terms import TermsText, publish, sign
from api.cli.recipient_texts import retire
from api.clock import system_clock
from consent.recipients import register as recipients
from consent.recipients.registering import FIRST_LABEL, RecipientKind
from consent.wording import notices


class NoticeText(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One wording people will be shown."""

    purpose: str
    version: int
    lang: str
    text: str
    method: str = ""
    rights: str = ""

    def publish(self, conn: Connection, recipient_id: str, now_ms: int) -> notices.Notice:
        """Write it as a version of this recipient's; raises ConsentError."""
        handling = notices.Handling(method=self.method, rights=self.rights)
        said = (self.purpose, self.version, self.lang, self.text)
        return notices.publish(conn, recipient_id, *said, now_ms, handling)


class RecipientFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One registration as it stands in the file."""

    legal_name: str
    contact: str
    registration_no: str
    redirect_uris: list[str]
    notices: list[NoticeText]
    terms: list[TermsText]
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None
    backchannel_token_delivery_mode: recipients.DeliveryMode = recipients.DeliveryMode.POLL
    backchannel_client_notification_endpoint: str | None = None
    event_uri: str | None = None
    label: str = FIRST_LABEL
    kind: RecipientKind = RecipientKind.ORGANISATION
    jurisdiction: str = "CN"
    erase_days: int = 15
    country: str | None = None


@click.group("recipient")
def command() -> None:
    """Those who may ask people for data."""


for _command in (change, client, keys, listing, ping, publish, resume, retire, sign, suspend):
    command.add_command(_command)


@command.command("add")
@dir_option
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True, dir_okay=False, exists=True))
@json_option
def add(home: Path | None, file: Path, as_json: bool) -> None:
    """Register the recipients described in FILE (a JSON object or a list of them)."""
    settings = settings_of(home)
    with click.open_file(str(file), "rb") as document:
        wanted = parse(document.read())
    now_ms = system_clock()
    with databases(settings) as (data, _keys), data.write() as conn:
        made = [register(conn, recipient, now_ms) for recipient in wanted]
    emit(
        {"recipients": made},
        as_json=as_json,
        table=table_of(
            "registered", ("name", "client id"), [(one["legal_name"], one["client_id"]) for one in made]
        ),
    )


def parse(raw: bytes) -> list[RecipientFile]:
    """The registrations of a file; a Failure says where the document is not as it must be."""
    kind: Any = list[RecipientFile] if raw.lstrip().startswith(b"[") else RecipientFile
    try:
        found = msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError as error:
        raise Failure(
            f"the file is not a registration: {error}", code="bad_file", exit_code=Exit.USAGE
        ) from None
    return found if isinstance(found, list) else [found]


def register(conn: Connection, wanted: RecipientFile, now_ms: int) -> dict[str, Any]:
    """Write one recipient, its client, notices and terms; returns their ids and hashes. Raises ConsentError."""
    registration = recipients.Registration(
        legal_name=wanted.legal_name,
        contact=wanted.contact,
        registration_no=wanted.registration_no,
        redirect_uris=wanted.redirect_uris,
        jwks=wanted.jwks,
        jwks_uri=wanted.jwks_uri,
        delivery=wanted.backchannel_token_delivery_mode,
        notification_uri=wanted.backchannel_client_notification_endpoint,
        event_uri=wanted.event_uri,
        label=wanted.label,
        kind=wanted.kind,
        jurisdiction=wanted.jurisdiction,
        erase_days=wanted.erase_days,
        country=wanted.country,
    )
    who = recipients.register(conn, registration, now_ms)
    shown = [one.publish(conn, who.recipient_id, now_ms) for one in wanted.notices]
    owed = [one.publish(conn, who.recipient_id, now_ms) for one in wanted.terms]
    return {
        "legal_name": wanted.legal_name,
        "recipient_id": who.recipient_id,
        "client_id": who.client_id,
        "notices": [
            {"id": n.id, "purpose": n.purpose, "version": n.version, "lang": n.lang, "hash": n.hash}
            for n in shown
        ],
        "terms": [
            {
                "id": t.id,
                "version": t.version,
                "hash": t.hash,
                "per_record": str(t.per_record),
                "currency": t.currency,
                **t.rates.document(),
            }
            for t in owed
        ],
    }
