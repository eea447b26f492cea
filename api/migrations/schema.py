"""The whole schema in one place: importing this module registers every floor's tables on the metadata."""

from collections.abc import Mapping

from sqlalchemy import MetaData

import api.tables
import breach.tables
import consent.erasure_tables
import consent.ledger.tables
import consent.tables
import vault.honey_tables
import vault.erasure_tables
import vault.key_tables
import vault.tables
import vault.tag_tables
from vault.storage import key_metadata, metadata

TABLE_MODULES = (
    vault.tables,
    vault.tag_tables,
    vault.erasure_tables,
    vault.key_tables,
    vault.honey_tables,
    consent.tables,
    consent.ledger.tables,
    consent.erasure_tables,
    breach.tables,
    api.tables,
)

METADATA: Mapping[str, MetaData] = {"data": metadata, "keys": key_metadata}
