"""From an event to an item of the ledger, and back from an entry to the secret that opens it.

A person's tag in a log is HMAC-SHA256(ledger key, "tag" ‖ origin) cut to 16 bytes: another one every year, and
gone with the key. The entry's secret is 32 random bytes sealed under HMAC-SHA256(ledger key, "seal") at the place
(person, entry id, "ledger.secret"). The ledger key stays the same for life, however often the data key moves on;
erasure destroys it, and with it every way to open the commitment.
"""

import hmac
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from consent.ledger.append import Item
from consent.ledger.entries.commitment import SECRET_BYTES, Field, Opening, commit
from consent.ledger.entries.entry import Kind
from consent.ledger.origin import LogId, parse_origin
from vault.editions import Editions
from vault.ids import Bucket, RecordId, SubjectId, TenantId
from vault.keys.keyring import SubjectKey
from vault.opening import Vault
from vault.sealing.sealed import SALT_BYTES, Place, Suite, Unopenable, open_sealed, seal
from vault.storage.rowset import RowSet

ENTROPY_BYTES = SECRET_BYTES + SALT_BYTES
_FIELD = "ledger.secret"
_SCHEMA = 1
_VERSION = 1
_EPOCH = 1
"""The ledger key has one epoch."""

_SEALED = RowSet(
    "WITH {rows} SELECT rows.i, o.subject, o.sealed, e.id FROM rows "
    "JOIN ledger_opening o ON o.bucket = rows.bucket AND o.year = rows.year AND o.idx = rows.idx "
    "JOIN ledger_entry e ON e.bucket = rows.bucket AND e.year = rows.year AND e.idx = rows.idx",
    bucket="int",
    year="int",
    idx="int",
)


def tag_of(ledger_key: bytes, origin: str) -> bytes:
    """A person's tag (16 bytes) in the log of this origin."""
    return hmac.digest(ledger_key, b"tag" + origin.encode(), "sha256")[:16]


def new_item(  # noqa: PLR0913 - each is a fact of its own
    key: SubjectKey,
    *,
    tenant: TenantId,
    origin: str,
    kind: Kind,
    entry_id: bytes,
    fields: Sequence[Field],
    entropy: bytes,
    suite: Suite,
    editions: Editions | None = None,
) -> tuple[Item, Opening]:
    """An item for `append` and its opening.

    `origin` is that of `open_now.open_log` with the very `now_ms` that `append` will get, and `editions` are
    what it went by; `entry_id` is 16 bytes made here, never by a client; `entropy` is ENTROPY_BYTES fresh
    random bytes; `suite` is the installation's.
    """
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"an entry takes {ENTROPY_BYTES} bytes of entropy")
    _, log = parse_origin(origin)
    secret, salt = entropy[:SECRET_BYTES], entropy[SECRET_BYTES:]
    item = Item(
        bucket=log.bucket,
        year=log.year,
        kind=kind,
        tag=tag_of(key.ledger, origin),
        id=entry_id,
        commitment=commit(secret, fields),
        subject=key.subject,
        sealed_secret=seal(
            _sealing_key(key), _EPOCH, _place(tenant, key.subject, entry_id), secret, salt, suite=suite
        ),
        editions=editions,
    )
    return item, Opening(secret, tuple(fields))


def reopen(
    conn: Connection, vault: Vault, entries: Sequence[tuple[LogId, int]]
) -> dict[tuple[LogId, int], bytes]:
    """The secrets of entries, by (log, index); absent: a person without keys, a secret that does not open."""
    rows = _SEALED(conn, [(*log, idx) for log, idx in entries])
    read = [
        SealedSecret(Bucket(entries[at][0].bucket), SubjectId(subject), RecordId(entry_id), sealed)
        for at, subject, sealed, entry_id in rows
    ]
    secrets = unsealed(vault, read)
    return {entries[row[0]]: secret for row, secret in zip(rows, secrets, strict=True) if secret is not None}


class SealedSecret(NamedTuple):
    """An entry's sealed secret as it was stored, and whose entry it is."""

    bucket: Bucket
    subject: SubjectId
    entry_id: RecordId
    sealed: bytes


def unsealed(vault: Vault, stored: Sequence[SealedSecret]) -> list[bytes | None]:
    """The secrets, in order; None for a person without keys and for a secret that does not open."""
    keys = vault.keyring.subject_keys(sorted({(one.bucket, one.subject) for one in stored}))
    tenant = vault.installation.tenant
    return [_open(tenant, keys, one.subject, one.entry_id, one.sealed) for one in stored]


def _open(
    tenant: TenantId,
    keys: Mapping[SubjectId, SubjectKey],
    subject: SubjectId,
    entry_id: RecordId,
    sealed: bytes,
) -> bytes | None:
    if subject not in keys:
        return None
    try:
        return open_sealed(_sealing_key(keys[subject]), _place(tenant, subject, entry_id), sealed)
    except Unopenable:  # one damaged row must not cost the others their answer
        return None


def _sealing_key(key: SubjectKey) -> bytes:
    return hmac.digest(key.ledger, b"seal", "sha256")


def _place(tenant: TenantId, subject: SubjectId, entry_id: bytes) -> Place:
    return Place(tenant, subject, RecordId(entry_id), _FIELD, _SCHEMA, _VERSION)
