"""The whole schema in one place: importing this module registers every floor's tables on the metadata."""

from collections.abc import Mapping

from sqlalchemy import MetaData

import api.edge.kept_tables
import api.tables
import breach.selfcheck.tables
import breach.tables
import consent.accounts.passkey_tables
import consent.accounts.recovery_tables
import consent.accounts.tables
import consent.approving.act_tables
import consent.approving.step_up_tables
import consent.asking.backchannel_tables
import consent.asking.cooling_tables
import consent.asking.decoupled_tables
import consent.dual.tables
import consent.erasure.tables
import consent.families.guardian_tables
import consent.grants.management_tables
import consent.ledger.ended_tables
import consent.ledger.tables
import consent.marks.alias_tables
import consent.marks.tables
import consent.people.load_tables
import consent.planted.tables
import consent.protection.tables
import consent.signing.tables
import consent.staff.tables
import consent.tables
import consent.tokens.status_tables
import vault.erasure.tables
import vault.families.tables
import vault.fields.tables
import vault.finding.tag_index_tables
import vault.finding.tag_tables
import vault.honey.tables
import vault.keys.tables
import vault.linkage.tables
import vault.retention.tables
import vault.storage.role_tables
import vault.tables
from vault.storage.database import key_metadata, metadata
from vault.storage.policies import protect

TABLE_MODULES = (
    vault.tables,
    vault.finding.tag_tables,
    vault.finding.tag_index_tables,
    vault.keys.tables,
    vault.linkage.tables,
    vault.retention.tables,
    vault.storage.role_tables,
    vault.erasure.tables,
    vault.families.tables,
    vault.fields.tables,
    vault.honey.tables,
    consent.tables,
    consent.accounts.tables,
    consent.accounts.passkey_tables,
    consent.planted.tables,
    consent.protection.tables,
    consent.accounts.recovery_tables,
    consent.approving.step_up_tables,
    consent.approving.act_tables,
    consent.asking.backchannel_tables,
    consent.asking.decoupled_tables,
    consent.dual.tables,
    consent.ledger.tables,
    consent.ledger.ended_tables,
    consent.erasure.tables,
    consent.families.guardian_tables,
    consent.people.load_tables,
    consent.grants.management_tables,
    consent.marks.alias_tables,
    consent.marks.tables,
    consent.signing.tables,
    consent.tokens.status_tables,
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
