"""The vault: keys, sealed values, canonical forms, blind tags, and the storage everything else stands on.

These names are what the floors above may rely on; every other module of the package may change.
"""

from vault.errors import VaultError
from vault.fields import FIELDS, Field, InvalidValue, canonical
from vault.ids import Bucket, RecordId, SubjectId, TenantId
from vault.keys.keyring import Keyring, SubjectKey
from vault.masks import mask
from vault.opening import Installation, Vault, create_vault, open_vault
from vault.people.holds import share_people
from vault.permit import AccessKind, AccessPermit, AccessStatement
from vault.reader import Unreadable, UnreadableCode, open_many
from vault.reading.records import Created, NewPerson, Refused, Updated, create_many, masked, update_value
from vault.sealing.sealed import Place, Unopenable
from vault.storage.database import Database, open_database
from vault.tags import Hit, Probe, confirm, match

__all__ = [
    "FIELDS",
    "AccessKind",
    "AccessPermit",
    "AccessStatement",
    "Bucket",
    "Created",
    "Database",
    "Field",
    "Hit",
    "Installation",
    "InvalidValue",
    "Keyring",
    "NewPerson",
    "Place",
    "Probe",
    "RecordId",
    "Refused",
    "SubjectId",
    "SubjectKey",
    "TenantId",
    "Unopenable",
    "Unreadable",
    "UnreadableCode",
    "Updated",
    "Vault",
    "VaultError",
    "canonical",
    "confirm",
    "create_many",
    "create_vault",
    "mask",
    "masked",
    "match",
    "open_database",
    "open_many",
    "open_vault",
    "share_people",
    "update_value",
]
