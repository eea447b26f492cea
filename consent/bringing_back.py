"""Bringing uses back from their receipts, where an older copy of the data base was put back and nothing else is
left of them.

A receipt is our own signed word that a use was committed in a log. If that log was given up and the use is not
stored, its rows are written again, which spends its consent, and so is its entry, in the log that is open now:
the same id and the same fields under a commitment of its own, because the secret of the lost one is lost. How
values were marked, no receipt says. The data base weighs each use like a new one, as of its own moment: what it
turns down stays out and is counted.

* `bring_back(vault, log, texts, now_ms) -> list[Outcome]`, in order; giving the same receipts again changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import batched

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from consent.ids import (
    DisclosureId,
    GrantId,
    UseId,
    fields_json,
    grant_text,
    parse_disclosure,
    parse_grant,
    parse_use,
)
from consent.ledger.append import Item, append
from consent.ledger.entries.entry import Kind
from consent.ledger.errors import LedgerError
from consent.ledger.formats import jws
from consent.ledger.origin import LogId, origin_of
from consent.ledgering import access_fields, entry_item
from consent.redemption.rows import DISCLOSE
from consent.relogging import BATCH, NOTE
from consent.signing.keys import receipt_keys
from vault.errors import MalformedId
from vault.ids import Bucket, SubjectId, bucket_of, minted_at
from vault.keys.keyring import SubjectKey
from vault.opening import Vault
from vault.people.holds import share_people
from vault.storage.rowset import RowSet

_KNOWN = RowSet(
    "WITH {rows} SELECT rows.i, g.subject, d.id FROM rows "
    "JOIN consent_grant g ON g.bucket = rows.bucket AND g.id = rows.grant_id "
    "JOIN use u ON u.bucket = g.bucket AND u.id = rows.use_id AND u.grant_id = g.id "
    "LEFT JOIN disclosure d ON d.bucket = g.bucket AND d.id = rows.id",
    bucket="int",
    id="bytes",
    grant_id="bytes",
    use_id="bytes",
)


class Outcome(StrEnum):
    """What became of a receipt."""

    BROUGHT_BACK = "brought_back"
    STORED = "stored"
    FOREIGN = "foreign"
    NO_CONSENT = "no_consent"
    REFUSED = "refused"
    ERASED = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """The use that a receipt is about."""

    bucket: Bucket
    id: DisclosureId
    grant: GrantId
    use: UseId
    slot: int
    number: int
    recipient: str
    purpose: str
    fields: tuple[str, ...]


def bring_back(vault: Vault, log: LogId, texts: Sequence[str], now_ms: int) -> list[Outcome]:
    """What became of each receipt, at `now_ms` (Unix ms); `log` is one that was given up. WrongLog as `append` says."""
    keys, origin = receipt_keys(vault), origin_of(vault.installation.ledger_host, log)
    read = [_told(text, keys, origin) for text in texts]
    found = dict.fromkeys(range(len(texts)), Outcome.FOREIGN)
    # The uses of a consent are numbered, and the data base takes each number after the one before it.
    order = sorted((told.grant, told.number, at) for at, told in enumerate(read) if told)
    told = {at: one for *_, at in order if (one := read[at])}
    for some in batched(told.items(), BATCH):
        with vault.data.write() as conn:
            found |= _write(conn, vault, dict(some), now_ms)
    return list(found.values())


def _told(text: str, keys: Sequence[bytes], origin: str) -> _Told | None:
    """None for what is no receipt of ours of a use in this log."""
    try:
        said, _ = jws.verify(text, keys)
        use = DisclosureId(parse_disclosure(said["disclosure"]))
        told = _Told(
            bucket=bucket_of(use),
            id=use,
            grant=parse_grant(said["grant"]),
            use=parse_use(said["use"]),
            slot=said["slot"],
            number=said["number"],
            recipient=said["aud"],
            purpose=said["purpose"],
            fields=tuple(said["fields"]),
        )
    except (LedgerError, MalformedId, KeyError):
        return None
    return told if said.get("log") == origin else None


def _write(conn: Connection, vault: Vault, told: Mapping[int, _Told], now_ms: int) -> dict[int, Outcome]:
    wanted = list(told)
    rows = _KNOWN(conn, [(told[at].bucket, told[at].id, told[at].grant, told[at].use) for at in wanted])
    owners = {wanted[i]: SubjectId(subject) for i, subject, stored in rows if stored is None}
    found = {wanted[i]: Outcome.STORED for i, _, stored in rows if stored is not None}
    people = sorted({(told[at].bucket, who) for at, who in owners.items()})
    keys = vault.keyring.subject_keys(people)
    share_people(conn, people)
    items: dict[DisclosureId, Item] = {}
    for at in (at for at in told if at not in found):
        one, who = told[at], owners.get(at)
        if who is None:
            found[at] = Outcome.NO_CONSENT
        elif who not in keys:
            found[at] = Outcome.ERASED
        elif one.id in items:  # the same receipt twice
            found[at] = Outcome.STORED
        else:
            item = _item(vault, one, keys[who], now_ms)
            found[at] = _spend(conn, one, who, item.year)
            if found[at] is Outcome.BROUGHT_BACK:
                items[one.id] = item
    positions = append(conn, list(items.values()), now_ms, vault.installation.ledger_host)
    NOTE(conn, [(at.bucket, at.year, at.idx, None, None) for at in positions])
    return found


def _item(vault: Vault, one: _Told, key: SubjectKey, now_ms: int) -> Item:
    fields = access_fields(
        recipient=one.recipient, purpose=one.purpose, fields=one.fields, grant=grant_text(one.grant)
    )
    return entry_item(vault, Kind.ACCESS, key, (one.bucket, key.subject, one.id, fields), now_ms)


def _spend(conn: Connection, one: _Told, who: SubjectId, year: int) -> Outcome:
    numbers, names = (one.slot, one.number), (one.recipient, one.purpose, fields_json(one.fields))
    row = (one.bucket, one.id, one.grant, one.use, *numbers, who, *names, None, year)
    try:
        with conn.begin_nested():
            DISCLOSE(conn, [row], now=minted_at(one.id))
    except IntegrityError:
        return Outcome.REFUSED
    return Outcome.BROUGHT_BACK
