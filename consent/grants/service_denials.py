"""Services refused for want of data they do not need: the person says so, and it is on record against the recipient.

Nobody may refuse a service because somebody keeps to themselves what it does not need (PIPL 16). What it does not need is
taken from the recipient's own words: the fields its request called optional. Whoever gave the rest and left some of those
off can say, once of each consent, that they were refused for it. It is their word, kept with its day, and counts in the
recipient's record (`track_records`). Of what a recipient calls necessary nobody says so here: that it asks for nothing
beyond its purpose is looked at before anybody is asked (`details`).

* `left_off(conn, who) -> {grant: fields}`: what each consent of somebody's was given without.
* `say(conn, who, grant_id, now_ms) -> bool`: False where nothing was left off, or there is no such consent of theirs.
* `said(conn, who) -> {grant: Denial}`.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from consent.asking.ask import details_of
from consent.ids import GrantId, canonical_json, fields_of
from consent.schema.grant_states import GrantState
from consent.schema.service_denial_tables import service_denial
from consent.schema.tables import consent_grant, notice_showing
from consent.wording.alias_fields import ALIASES
from vault.ids import Person
from vault.storage.rowset import RowSet

_NOT_GIVEN = (GrantState.REQUESTED, GrantState.DEFERRED, GrantState.REFUSED, GrantState.LAPSED)

_SAY = RowSet(
    "WITH {rows} INSERT INTO service_denial (bucket, grant_id, subject, recipient_id, client_id, fields, said_at) "
    "SELECT g.bucket, g.id, g.subject, g.recipient_id, g.client_id, rows.fields, :now FROM rows "
    "JOIN consent_grant g ON g.bucket = rows.bucket AND g.id = rows.id WHERE true ON CONFLICT DO NOTHING",
    bucket="int",
    id="bytes",
    fields="text",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """What somebody said: the fields they had left off, and when they said it (Unix milliseconds)."""

    fields: tuple[str, ...]
    said_at: int


def left_off(conn: Connection, who: Person) -> dict[GrantId, tuple[str, ...]]:
    """By consent, the optional fields that were not given; consents given whole are not in it."""
    bucket, subject = who
    grant, shown = consent_grant.c, notice_showing.c
    rows = conn.execute(
        select(grant.id, grant.fields, shown.details)
        .join(notice_showing, (shown.bucket == grant.bucket) & (shown.id == grant.showing_id))
        .where(
            grant.bucket == bucket,
            grant.subject == subject,
            grant.state.not_in(_NOT_GIVEN),
            # Canonical JSON: most requests call nothing optional, and are not parsed for it.
            shown.details.not_like('%"optional_fields":[]%'),
        )
    )
    found = {GrantId(row.id): _kept_back(row.details, fields_of(row.fields)) for row in rows}
    return {grant_id: fields for grant_id, fields in found.items() if fields}


def say(conn: Connection, who: Person, grant_id: GrantId, now_ms: int) -> bool:
    """Keep the person's word; a second time changes nothing."""
    fields = left_off(conn, who).get(grant_id)
    if fields is None:
        return False
    _SAY(conn, [(who[0], grant_id, canonical_json(fields))], now=now_ms)
    return True


def said(conn: Connection, who: Person) -> dict[GrantId, Denial]:
    """What somebody has said, by consent."""
    row = service_denial.c
    mine = select(row.grant_id, row.fields, row.said_at).where(row.bucket == who[0], row.subject == who[1])
    return {
        GrantId(one.grant_id): Denial(fields=fields_of(one.fields), said_at=one.said_at)
        for one in conn.execute(mine)
    }


def _kept_back(details: str, given: tuple[str, ...]) -> tuple[str, ...]:
    """Optional fields that were given neither themselves nor by an alias."""
    had = {*given, *(ALIASES[code] for code in given if code in ALIASES)}
    return tuple(sorted(set(details_of(details).optional_fields) - had))
