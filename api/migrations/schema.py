"""The whole schema in one place: importing this module registers every floor's tables on the metadata."""

from collections.abc import Mapping

from sqlalchemy import MetaData

import api.tables
import breach.tables
import consent.ledger.tables
import consent.tables
import vault.tables
from vault.storage import key_metadata, metadata

TABLE_MODULES = (vault.tables, consent.tables, consent.ledger.tables, breach.tables, api.tables)

METADATA: Mapping[str, MetaData] = {"data": metadata, "keys": key_metadata}
