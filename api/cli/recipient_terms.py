"""`perusal recipient terms` and `sign`: what a recipient owes, and its own signature under it.

Nobody is asked to agree to terms that their recipient has not signed. It signs the hash of the terms (see the
guide for recipients) with a key one of its clients is registered with, and sends the signature to whoever keeps
this installation; or it signs every request instead.
"""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from sqlalchemy import Connection

from api.cli.documents import read_document
from api.cli.failures import Failure
from api.cli.installation import databases, dir_option, settings_of
from api.cli.output import emit, json_option, table_of
from api.clock import system_clock
from api.oauth.client_keys import ClientKeys
from api.settings import Settings
from consent.asking import terms_signing
from consent.recipients import register as recipients
from consent.wording import terms
from consent.wording.rates import rates
from vault.storage.database import Database

_FILE = click.Path(path_type=Path, allow_dash=True, dir_okay=False, exists=True)


class TermsText(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What the recipient owes per person if what it was given leaks; sums are decimal texts.

    `per_field` may name `ordinary` and `sensitive`, `per_event` the kinds of events that cost something.
    """

    version: int
    text: str
    per_record: str
    currency: str
    cap: str
    per_field: dict[str, str] = {}
    per_event: dict[str, str] = {}

    def publish(self, conn: Connection, recipient_id: str, now_ms: int) -> terms.Terms:
        """Write this version, or find it again; raises BadTerms and UnfairTerms."""
        given = rates(self.per_field, self.per_event, self.currency)
        sums = self.per_record, self.currency, self.cap
        return terms.publish(conn, recipient_id, self.version, self.text, *sums, now_ms, rates=given)


class Signed(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A detached signature (compact JWS) under published terms."""

    terms: str
    signature: str


@click.command("terms")
@dir_option
@click.argument("recipient_id")
@click.argument("file", type=_FILE)
@click.option("--signature", help="The recipient's detached JWS over the hash of these terms.")
@json_option
def publish(home: Path | None, recipient_id: str, file: Path, signature: str | None, as_json: bool) -> None:
    """Publish a version of RECIPIENT_ID's liability terms from FILE, signed or to be signed."""
    settings, text = settings_of(home), read_document(file, TermsText)
    now_ms = system_clock()
    with databases(settings) as (data, _keys):
        _known(data, recipient_id)
        if signature is not None:
            _fetch_keys(data, settings, recipient_id, signature, now_ms)
        with data.write() as conn:
            owed = text.publish(conn, recipient_id, now_ms)
            signed = None if signature is None else terms_signing.sign(conn, owed.id, signature, now_ms)
    emit(
        {"terms": owed.id, "version": owed.version, "hash": owed.hash, "signature_hash": signed},
        as_json=as_json,
        lines=[f"{owed.id} {owed.hash} {'signed' if signed else 'not signed yet'}"],
    )


@click.command("sign")
@dir_option
@click.argument("file", type=_FILE)
@json_option
def sign(home: Path | None, file: Path, as_json: bool) -> None:
    """Keep the signatures in FILE, a JSON list of {"terms": "lt_…", "signature": "…"}; all of them or none."""
    settings, wanted = settings_of(home), read_document(file, list[Signed])
    now_ms = system_clock()
    with databases(settings) as (data, _keys):
        for one in wanted:
            with data.read() as conn:
                owed = terms.terms(conn, one.terms)
            if owed is not None:
                _fetch_keys(data, settings, owed.recipient_id, one.signature, now_ms)
        with data.write() as conn:
            kept = [(one.terms, terms_signing.sign(conn, one.terms, one.signature, now_ms)) for one in wanted]
    emit(
        {"signed": [{"terms": name, "signature_hash": digest} for name, digest in kept]},
        as_json=as_json,
        table=table_of("signed", ("terms", "signature"), kept),
    )


def _known(data: Database, recipient_id: str) -> None:
    with data.read() as conn:
        if recipients.recipient(conn, recipient_id) is None:
            raise Failure("no recipient is known by this id", code="unknown_recipient")


def _fetch_keys(data: Database, settings: Settings, recipient_id: str, signature: str, now_ms: int) -> None:
    """Before anything is written: keys that are published elsewhere are asked for there."""
    with data.read() as conn:
        own = recipients.clients(conn, recipient_id)
    for client in own:
        ClientKeys().of(data, settings.guard, client, signature, now_ms)
