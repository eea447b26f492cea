"""Whether a stored entry bears out what a row claims: whom it is about, what it commits to, and when.

The commitment says what happened and not to whom. Whom is said by the tag, which only that person's ledger key
makes, and by the opening, which is sealed for that person: rows that were pointed at somebody else agree with
neither. When is said by the entry's id, which carries the millisecond it was made in; the entry's own time is
never before it, but may be after it, because a log's time does not run back.
"""

import hmac
from typing import NamedTuple

from consent.ledger.entries.entry import Entry, Kind, parse
from consent.ledger.errors import LedgerError
from consent.ledger.openings import tag_of
from consent.ledger.origin import LogId, origin_of
from consent.ledger.tree import leaf_hash
from vault.ids import minted_at
from vault.keys.keyring import SubjectKey


class Claim(NamedTuple):
    """What a row says that the entry `id` (16 bytes) of a log records, at `at_ms` (Unix ms), and the stored entry."""

    kind: Kind
    id: bytes
    at_ms: int
    log: LogId
    leaf: bytes
    body: bytes


def bears_out(claim: Claim, key: SubjectKey, ledger_host: str, commitment: bytes) -> bool:
    """Whether the stored entry is exactly this, about the owner of `key`; every other one is False."""
    entry = _stored(claim, key, ledger_host)
    return entry is not None and hmac.compare_digest(entry.commitment, commitment)


def concerns(claim: Claim, key: SubjectKey, ledger_host: str) -> bool:
    """The same but for what the entry commits to: of this kind, id, time and person."""
    return _stored(claim, key, ledger_host) is not None


def _stored(claim: Claim, key: SubjectKey, ledger_host: str) -> Entry | None:
    try:
        entry = parse(claim.body)
    except LedgerError:
        return None
    fits = (
        entry.kind is claim.kind
        and entry.id == claim.id
        and minted_at(claim.id) == claim.at_ms <= entry.ts
        and leaf_hash(claim.body) == claim.leaf
        and hmac.compare_digest(entry.tag, tag_of(key.ledger, origin_of(ledger_host, claim.log)))
    )
    return entry if fits else None
