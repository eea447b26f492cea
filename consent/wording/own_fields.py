"""Fields of an operator's own that recipients with a purpose may ask for, beside those of the vocabulary.

An operator offers a field to a purpose and may withhold it again: then nobody can ask for it from now on, and what
was asked or granted before stands.

* `offer(vault, purpose, field, now_ms)`: raises UnknownPurpose, UnknownField.
* `withhold(vault, purpose, field, now_ms) -> bool`: whether it was offered until now.
* `offered(conn, purpose) -> frozenset[str]`; `every_offer(conn) -> dict[str, tuple[str, ...]]` by purpose.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import Connection, select, update

from consent.errors import UnknownPurpose
from consent.schema.tables import own_field
from consent.wording.purposes import PURPOSES
from vault.fields.catalogue import UnknownField
from vault.fields.custom import CODE
from vault.opening import Vault
from vault.storage.rowset import RowSet

PATTERN: Final = f"^{CODE}$"
"""What the code of an operator's own field looks like."""

_OFFER = RowSet(
    "WITH {rows} INSERT INTO own_field (tenant, purpose, field, offered_at) "
    "SELECT tenant, purpose, field, offered_at FROM rows WHERE true "
    "ON CONFLICT (tenant, purpose, field) DO UPDATE SET withheld_at = NULL",
    tenant="bytes",
    purpose="text",
    field="text",
    offered_at="int",
)


def offer(vault: Vault, purpose: str, field: str, now_ms: int) -> None:
    """Let recipients with this purpose ask for this field from now on."""
    if purpose not in PURPOSES:
        raise UnknownPurpose("not in the vocabulary")
    if field not in vault.catalogue or not own({field}):
        raise UnknownField("no field of the operator's own")
    with vault.data.write() as conn:
        _OFFER(conn, [(vault.installation.tenant, purpose, field, now_ms)])


def withhold(vault: Vault, purpose: str, field: str, now_ms: int) -> bool:
    """Let nobody ask for this field for this purpose any more."""
    c = own_field.c
    here = (c.tenant == vault.installation.tenant, c.purpose == purpose, c.field == field)
    with vault.data.write() as conn:
        changed = conn.execute(
            update(own_field).where(*here, c.withheld_at.is_(None)).values(withheld_at=now_ms)
        )
        return changed.rowcount > 0


def own(fields: Iterable[str]) -> frozenset[str]:
    """Those of these codes that an operator made."""
    return frozenset(code for code in fields if code.startswith("x_"))


def offered(conn: Connection, purpose: str) -> frozenset[str]:
    """What may be asked for with this purpose now, beside the fields of the vocabulary."""
    return frozenset(every_offer(conn).get(purpose, ()))


def every_offer(conn: Connection) -> Mapping[str, tuple[str, ...]]:
    """The fields offered now, by purpose, in order."""
    c = own_field.c
    rows = conn.execute(
        select(c.purpose, c.field).where(c.withheld_at.is_(None)).order_by(c.purpose, c.field)
    )
    found: dict[str, tuple[str, ...]] = {}
    for purpose, field in rows:
        found[purpose] = (*found.get(purpose, ()), field)
    return found
