"""Onward provision: what another recipient may ask for under a consent that a person gave to the first (PIPL 23).

A recipient names in its own request whom it may pass data on to. Each of those then asks for itself, with a
request that names the grant: it may have fewer fields and a shorter time, never more, and the person decides
about it in an act of its own (consent.md §6, invariants 15 and 21). Whoever was not named hears of an unknown
grant, whatever it is. The data base holds all of it again (`triggers`).

* `refuse(conn, asking, details) -> Refusal | None` when a request is made.
* `chain(conn, grant)`: the grant and all above it; `hold(conn, parent)` keeps everything above as it is until the
  transaction ends; grants are locked before people.
* `may_stand(conn, grant) -> bool` when it becomes active later than it was given.
* `lost(conn, subject, details) -> bool` when it is shown and when it is answered: whether the grant above it is gone.
* `parent(conn, name) -> Parent | None`, `recipients_named(conn, details)` for pages.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, literal_column, select

from consent.asking.details import Details
from consent.ids import GrantId, RecipientId, fields_of, parse_grant
from consent.recipients.register import Recipient, recipient
from consent.refusals import Refusal, RefusalCode
from consent.schema.grant_chains import MOST_HOPS, stands
from consent.schema.grant_lock import LOCK
from consent.schema.tables import consent_grant
from vault.errors import MalformedId
from vault.ids import Bucket, SubjectId, bucket_of
from vault.storage.rowset import RowSet

_PARENT = RowSet(
    "WITH {rows} SELECT g.id, g.bucket, g.subject, g.recipient_id, r.legal_name, g.fields, g.window_from, "
    f"g.window_to, g.onward, g.hops, g.state = 'active' AND {stands('g')} FROM rows "
    "JOIN consent_grant g ON g.bucket = rows.bucket AND g.id = rows.id JOIN recipient r ON r.id = g.recipient_id",
    bucket="int",
    id="bytes",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A grant that another is asked for under; `stands` says that it and everything above it is active."""

    id: GrantId
    bucket: Bucket
    subject: SubjectId
    recipient_id: RecipientId
    recipient: str
    fields: tuple[str, ...]
    window: tuple[int, int]
    onward: tuple[str, ...]
    hops: int
    stands: bool


def parent(conn: Connection, name: str) -> Parent | None:
    """The grant of this name in text, whoever it was given to."""
    try:
        grant = parse_grant(name)
    except MalformedId:
        return None
    found = _PARENT(conn, [(bucket_of(grant), grant)])
    return _parent(found[0]) if found else None


def refuse(conn: Connection, asking: Recipient, details: Details) -> Refusal | None:
    """Why a recipient may not ask like this, judged by whom it names and by the grant above; None when it may."""
    for at, name in enumerate(details.onward):
        if name == asking.id or recipient(conn, name) is None:
            return Refusal(code=RefusalCode.DETAILS_UNKNOWN_ONWARD, at=f"/0/onward/{at}")
    if details.parent_grant is None:
        return None
    return weigh(parent(conn, details.parent_grant), asking.id, details)


def weigh(above: Parent | None, asking: RecipientId, details: Details) -> Refusal | None:
    """The same for the grant above alone; pure. The request's window is complete."""
    if above is None or not above.stands or asking not in above.onward:
        return Refusal(code=RefusalCode.DETAILS_UNKNOWN_PARENT, at="/0/parent_grant")
    if above.hops >= MOST_HOPS:
        return Refusal(code=RefusalCode.DETAILS_CHAIN_TOO_LONG, at="/0/parent_grant")
    for member, fields in (
        ("datatypes", details.fields),
        ("optional_datatypes", details.optional_fields),
    ):
        if set(fields) - set(above.fields):
            return Refusal(code=RefusalCode.DETAILS_BEYOND_PARENT, at=f"/0/{member}")
    opens, closes = above.window
    if details.window_from is None or details.window_from < opens or details.window_to > closes:
        return Refusal(code=RefusalCode.DETAILS_BEYOND_PARENT, at="/0/window")
    return None


def lost(conn: Connection, subject: SubjectId, details: Details) -> bool:
    """Whether a request stands under a grant that has ended or was never this person's."""
    if details.parent_grant is None:
        return False
    above = parent(conn, details.parent_grant)
    return above is None or not above.stands or above.subject != subject


def hold(conn: Connection, above: Parent | None) -> None:
    """Lock the grants above, so that a withdrawal of one sees what is written under it, or is seen."""
    if above is not None:
        LOCK(conn, sorted((above.bucket, one) for one in chain(conn, above.id)))


def chain(conn: Connection, grant: GrantId) -> list[GrantId]:
    """The grant and those above it, nearest first; a place in a chain never changes, so nothing is locked for it."""
    found, above = [], [grant]
    while above:
        found += above
        own = (consent_grant.c.bucket == bucket_of(grant), consent_grant.c.id == above[0])
        rows = conn.execute(select(consent_grant.c.parent_grant).where(*own)).scalars()
        above = [GrantId(one) for one in rows if one is not None]
    return found


def may_stand(conn: Connection, grant: GrantId) -> bool:
    """Whether everything above a grant is active, so that it may be too; its caller holds the whole chain."""
    own = (consent_grant.c.bucket == bucket_of(grant), consent_grant.c.id == grant)
    return bool(conn.execute(select(literal_column(stands("consent_grant"))).where(*own)).scalar_one())


def recipients_named(conn: Connection, details: Details) -> list[Recipient]:
    """Those the data may be passed on to, in the order of their ids."""
    found = [recipient(conn, name) for name in details.onward]
    return [one for one in found if one is not None]


def _parent(row: Any) -> Parent:
    grant, bucket, subject, recipient_id, name, fields, opens, closes, named, hops, standing = row
    return Parent(
        id=GrantId(grant),
        bucket=Bucket(bucket),
        subject=SubjectId(subject),
        recipient_id=RecipientId(recipient_id),
        recipient=name,
        fields=fields_of(fields),
        window=(opens, closes),
        onward=fields_of(named),
        hops=hops,
        stands=bool(standing),
    )
