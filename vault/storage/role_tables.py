"""The key data base's own list of which role may use which tenant's keys; its roles are not the data's."""

from sqlalchemy import CheckConstraint, Table, UniqueConstraint

from vault.storage import columns as col
from vault.storage.database import key_metadata
from vault.storage.tenancy import attach_to_key_roles

tenant_role = Table(
    "tenant_role",
    key_metadata,
    col.key("tenant"),
    col.text("role"),
    UniqueConstraint("role"),
    CheckConstraint("length(tenant) = 16", name="tenant"),
)
attach_to_key_roles(tenant_role)
