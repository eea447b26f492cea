"""The steps of dual control in the ledger, and the attempts that are turned down.

Each step is an entry of the person's chain, or of the house's when it is about nobody in particular. A denied
attempt is counted by request and day; the first of its class enters the ledger while the request is fresh.
"""

from sqlalchemy import Connection

from consent.denials import DAY_MS, DenialClass, DenialCode, Denied, about_nothing, record, worth_an_entry
from consent.dual.requests import DualRequest
from consent.house import house_item
from consent.ids import DualId, dual_text
from consent.ledger.append import Item, append
from consent.ledger.entries.commitment import Field
from consent.ledger.entries.entry import Kind
from consent.ledgering import entry_item
from consent.staff_members import Staffer
from vault.ids import Bucket, new_id
from vault.keys.keyring import SubjectKey
from vault.opening import Vault


def step_item(
    vault: Vault,
    key: SubjectKey | None,
    kind: Kind,
    about: tuple[Bucket, bytes, tuple[Field, ...]],
    now_ms: int,
) -> Item:
    """The ledger item of one step, (bucket, 16-byte id, fields): of the person's chain, or of the house's."""
    bucket, entry_id, fields = about
    if key is None:
        return house_item(vault, kind, entry_id, fields, now_ms)
    return entry_item(vault, kind, key, (bucket, key.subject, entry_id, fields), now_ms)


def deny(
    conn: Connection,
    vault: Vault,
    key: SubjectKey | None,
    attempt: tuple[DualRequest, Staffer, DenialCode],
    now_ms: int,
) -> Denied:
    """Count a turned-down attempt; the day's first of its class enters the ledger while the request is fresh."""
    request, staffer, code = attempt
    first = record(conn, [DenialClass(bucket=request.bucket, code=code, grant=request.id)], now_ms)
    if first and worth_an_entry(request.ends_at, now_ms):
        fields = (("outcome", code.value), *told(request.id, staffer), ("day", str(now_ms // DAY_MS)))
        about = (request.bucket, new_id(request.bucket, now_ms), fields)
        append(
            conn, [step_item(vault, key, Kind.REFUSE, about, now_ms)], now_ms, vault.installation.ledger_host
        )
    return Denied(code=code)


def deny_erased(vault: Vault, request: DualRequest, staffer: Staffer, now_ms: int) -> Denied:
    """Turn down an attempt about somebody whose keys are gone: their chain is closed, so the house's has it."""
    with vault.data.write() as conn:
        return deny(conn, vault, None, (request, staffer, DenialCode.PERSON_ERASED), now_ms)


def deny_unknown(vault: Vault, bucket: Bucket, code: DenialCode, now_ms: int) -> Denied:
    """Count an attempt that named nothing we know."""
    with vault.data.write() as conn:
        record(conn, [about_nothing(bucket, vault.installation.buckets, code)], now_ms)
    return Denied(code=code)


def told(request_id: DualId, staffer: Staffer) -> tuple[Field, Field]:
    """What every entry of a request says first: which request, and which key acted."""
    return ("request", dual_text(request_id)), ("staff", staffer.name)
