"""The whole schema in one place: importing this module registers every floor's tables on the metadata."""

from collections.abc import Mapping

from sqlalchemy import MetaData

import api.edge.kept_tables
import api.tables
import breach.selfcheck.tables
import breach.tables
import consent.ledger.ended_tables
import consent.ledger.tables
import consent.marks.alias_tables
import consent.marks.tables
import consent.planted.tables
import consent.schema.account_tables
import consent.schema.act_tables
import consent.schema.backchannel_tables
import consent.schema.cooling_tables
import consent.schema.decoupled_tables
import consent.schema.dual_tables
import consent.schema.erasure_tables
import consent.schema.guardian_tables
import consent.schema.load_tables
import consent.schema.management_tables
import consent.schema.passkey_tables
import consent.schema.protection_tables
import consent.schema.recovery_tables
import consent.schema.service_denial_tables
import consent.schema.signing_tables
import consent.schema.staff_tables
import consent.schema.status_tables
import consent.schema.step_up_tables
import consent.schema.tables
import vault.backups.tables
import vault.erasure.tables
import vault.families.tables
import vault.fields.tables
import vault.finding.tag_tables
import vault.honey.tables
import vault.keys.tables
import vault.linkage.tables
import vault.people.retention_tables
import vault.storage.role_tables
import vault.tables
import vault.tag_index.tables
from vault.storage.database import key_metadata, metadata
from vault.storage.policies import protect

TABLE_MODULES = (
    vault.tables,
    vault.finding.tag_tables,
    vault.tag_index.tables,
    vault.keys.tables,
    vault.linkage.tables,
    vault.people.retention_tables,
    vault.storage.role_tables,
    vault.erasure.tables,
    vault.families.tables,
    vault.backups.tables,
    vault.fields.tables,
    vault.honey.tables,
    consent.schema.tables,
    consent.schema.account_tables,
    consent.schema.passkey_tables,
    consent.planted.tables,
    consent.schema.protection_tables,
    consent.schema.recovery_tables,
    consent.schema.step_up_tables,
    consent.schema.act_tables,
    consent.schema.backchannel_tables,
    consent.schema.decoupled_tables,
    consent.schema.dual_tables,
    consent.ledger.tables,
    consent.ledger.ended_tables,
    consent.schema.erasure_tables,
    consent.schema.guardian_tables,
    consent.schema.load_tables,
    consent.schema.management_tables,
    consent.marks.alias_tables,
    consent.marks.tables,
    consent.schema.service_denial_tables,
    consent.schema.signing_tables,
    consent.schema.status_tables,
    breach.selfcheck.tables,
    breach.tables,
    api.edge.kept_tables,
    api.tables,
)

METADATA: Mapping[str, MetaData] = {"data": metadata, "keys": key_metadata}

SHARED: Mapping[str, frozenset[str]] = {
    "data": frozenset({"installation", "purpose", "purpose_field", "grant_transition"}),
    "keys": frozenset(),
}
"""The reviewed list of tables that belong to no tenant: every tenant reads them, none writes them."""

protect(metadata, "data", SHARED["data"])
protect(key_metadata, "keys", SHARED["keys"])
