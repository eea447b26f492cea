"""The whole schema in one place: importing this module registers every floor's tables on the metadata."""

from collections.abc import Mapping

from sqlalchemy import MetaData

import api.kept_tables
import api.tables
import breach.selfcheck.tables
import breach.tables
import consent.account_tables
import consent.act_tables
import consent.backchannel_tables
import consent.cooling_tables
import consent.decoupled_tables
import consent.dual_tables
import consent.erasure_tables
import consent.guardian_tables
import consent.ledger.ended_tables
import consent.ledger.tables
import consent.load_tables
import consent.management_tables
import consent.marks.alias_tables
import consent.marks.tables
import consent.passkey_tables
import consent.planted.tables
import consent.protection_tables
import consent.recovery_tables
import consent.signing_tables
import consent.staff_tables
import consent.status_tables
import consent.step_up_tables
import consent.tables
import vault.erasure_tables
import vault.family_tables
import vault.field_tables
import vault.honey_tables
import vault.key_tables
import vault.linkage_tables
import vault.retention_tables
import vault.role_tables
import vault.tables
import vault.tag_index_tables
import vault.tag_tables
from vault.policies import protect
from vault.storage import key_metadata, metadata

TABLE_MODULES = (
    vault.tables,
    vault.tag_tables,
    vault.tag_index_tables,
    vault.key_tables,
    vault.linkage_tables,
    vault.retention_tables,
    vault.role_tables,
    vault.erasure_tables,
    vault.family_tables,
    vault.field_tables,
    vault.honey_tables,
    consent.tables,
    consent.account_tables,
    consent.passkey_tables,
    consent.planted.tables,
    consent.protection_tables,
    consent.recovery_tables,
    consent.step_up_tables,
    consent.act_tables,
    consent.backchannel_tables,
    consent.decoupled_tables,
    consent.dual_tables,
    consent.ledger.tables,
    consent.ledger.ended_tables,
    consent.erasure_tables,
    consent.guardian_tables,
    consent.load_tables,
    consent.management_tables,
    consent.marks.alias_tables,
    consent.marks.tables,
    consent.signing_tables,
    consent.status_tables,
    breach.selfcheck.tables,
    breach.tables,
    api.kept_tables,
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
