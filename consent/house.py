"""The house's own chain: ledger entries about what was done to nobody in particular.

A population scan or a search that found nobody concerns no single person, and still must not happen without a
trace. Such steps have a chain of their own in the log of the first bucket: its tag and the keys of its openings
come from a service key, as a person's come from theirs, so that an auditor can later be shown exactly these.
"""

import hmac
import secrets
from collections.abc import Sequence

from consent.ledger.append import Item, append
from consent.ledger.entries.commitment import SECRET_BYTES, Field, Opening, commit
from consent.ledger.entries.entry import Kind
from consent.ledger.open_now import open_log
from consent.ledger.openings import tag_of
from consent.ledger.origin import origin_of
from vault.ids import Bucket, RecordId, SubjectId, new_id
from vault.opening import Vault
from vault.sealing.sealed import SALT_BYTES, Place, Unopenable, open_sealed, seal

_FIELD = "house.secret"


def house_bucket(vault: Vault) -> Bucket:
    """Where what concerns nobody in particular is kept."""
    return Bucket(vault.installation.buckets.first)


def house_item(vault: Vault, kind: Kind, entry_id: bytes, fields: Sequence[Field], now_ms: int) -> Item:
    """A ledger item of the house's chain, for its log at `now_ms` (Unix milliseconds)."""
    log = open_log(vault, house_bucket(vault), now_ms)
    origin = origin_of(vault.installation.ledger_host, log)
    secret, salt = secrets.token_bytes(SECRET_BYTES), secrets.token_bytes(SALT_BYTES)
    return Item(
        bucket=log.bucket,
        year=log.year,
        kind=kind,
        tag=house_tag(vault, origin),
        id=entry_id,
        commitment=commit(secret, fields),
        subject=nobody(vault),
        sealed_secret=seal(
            _key(vault, b"data"), 1, _place(vault, entry_id), secret, salt, suite=vault.installation.suite
        ),
        editions=vault.editions,
    )


def record_in_house(vault: Vault, kind: Kind, fields: Sequence[Field], now_ms: int) -> bytes:
    """Commit an entry of the house's chain by itself; its id."""
    entry_id = new_id(house_bucket(vault), now_ms)
    with vault.data.write() as conn:
        item = house_item(vault, kind, entry_id, fields, now_ms)
        append(conn, [item], now_ms, vault.installation.ledger_host)
    return entry_id


def house_tag(vault: Vault, origin: str) -> bytes:
    """The tag of the house's chain (16 bytes) in the log of this origin."""
    return tag_of(_key(vault, b"ledger"), origin)


def house_secret(vault: Vault, entry_id: bytes, sealed: bytes) -> bytes | None:
    """The secret of an entry of the house's chain; None where it does not open."""
    try:
        return open_sealed(_key(vault, b"data"), _place(vault, entry_id), sealed)
    except Unopenable:
        return None


def house_opening(vault: Vault, entry_id: bytes, sealed: bytes, fields: Sequence[Field]) -> Opening:
    """Back from a stored opening of the house's chain; raises Unopenable."""
    return Opening(open_sealed(_key(vault, b"data"), _place(vault, entry_id), sealed), tuple(fields))


def _key(vault: Vault, what: bytes) -> bytes:
    return hmac.digest(vault.keyring.service_key("dual"), b"pv1/house/" + what, "sha256")


def nobody(vault: Vault) -> SubjectId:
    """The subject of the house's chain, who is nobody: no person and no keys are stored for it."""
    return SubjectId(_key(vault, b"subject")[:16])


def _place(vault: Vault, entry_id: bytes) -> Place:
    return Place(vault.installation.tenant, nobody(vault), RecordId(entry_id), _FIELD, 1, 1)
