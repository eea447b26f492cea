"""Tables of the key data base: wrapped keys only, with backups of their own (vault.md §6.1, §6.7).

Beside the keys: who keeps unwrapped copies of them and what those have to forget (`evictions`), and the jobs
that replace keys while everything serves (`rotation`). A tenant has at most one active tenant key, one index
epoch that is read, one that is being built, and one running job of a kind. A key is stored under the active tenant
key only, whose row is held until the commit: nobody retires or destroys it in between.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, Table, text

from vault.storage import columns as col
from vault.storage.appendonly import install
from vault.storage.database import key_metadata

MAX_WRAPS = 1 << 32
"""AES-GCM under random nonces: one key never wraps more often than this (vault.md §2.7)."""

tenant_kek = Table(
    "tenant_kek",
    key_metadata,
    col.key("tenant"),
    Column("version", Integer, primary_key=True),
    col.text("provider"),
    col.raw("wrapped"),
    col.text("state"),
    col.time("created_at"),
    col.big("wraps"),
    CheckConstraint("state IN ('active', 'retired', 'destroyed')", name="state"),
    CheckConstraint("(state = 'destroyed') = (length(wrapped) = 0)", name="destroyed"),
    CheckConstraint(f"wraps >= 0 AND wraps <= {MAX_WRAPS}", name="wraps"),
)
"""`wraps` counts uses in blocks that processes reserve: never too low. A destroyed version keeps its row, so that
its number is never given again."""

subject_key = Table(
    "subject_key",
    key_metadata,
    col.bucket(),
    col.key("tenant"),
    col.key("subject"),
    col.text_key("kind"),
    Column("epoch", Integer, primary_key=True),
    col.number("kek_version"),
    col.raw("wrapped"),
    CheckConstraint("kind IN ('data', 'ledger')", name="kind"),
    sqlite_with_rowid=False,
)

index_root = Table(
    "index_root",
    key_metadata,
    col.key("tenant"),
    Column("epoch", Integer, primary_key=True),
    col.number("kek_version"),
    col.raw("wrapped"),
    col.text("state"),
    col.time("created_at"),
    CheckConstraint("state IN ('building', 'active', 'leaving', 'retired')", name="state"),
)
"""Tags are written under every epoch but the retired ones, and looked up under the active one."""

service_key = Table(
    "service_key",
    key_metadata,
    col.key("tenant"),
    col.text_key("name"),
    Column("version", Integer, primary_key=True),
    col.number("kek_version"),
    col.raw("wrapped"),
    col.text("state"),
    CheckConstraint("state IN ('active', 'retired')", name="state"),
)

cache_member = Table(
    "cache_member",
    key_metadata,
    col.key("tenant"),
    col.key(),
    col.big("seen"),
    col.time("lease_until"),
    CheckConstraint("length(id) = 16", name="id"),
)

eviction_head = Table(
    "eviction_head",
    key_metadata,
    col.key("tenant"),
    col.big("seq"),
    CheckConstraint("seq >= 0", name="seq"),
)
"""The last number given. Its row is held until the commit, so that numbers become visible in their order."""

eviction = Table(
    "eviction",
    key_metadata,
    col.key("tenant"),
    Column("seq", BigInteger, primary_key=True),
    col.key("subject"),
    col.time("at"),
    CheckConstraint("length(subject) IN (0, 16)", name="subject"),
)
"""Whose keys every cache has to forget; an empty subject stands for the tenant's own keys."""

rotation = Table(
    "rotation",
    key_metadata,
    col.key("tenant"),
    col.key(),
    col.text("kind"),
    col.text("state"),
    col.text("stage"),
    col.number("target"),
    col.raw("cursor"),
    col.big("done"),
    col.big("total"),
    col.big("left_over"),
    col.time("started_at"),
    col.time("updated_at"),
    CheckConstraint("kind IN ('root', 'tenant', 'person', 'index')", name="kind"),
    CheckConstraint("state IN ('running', 'done')", name="state"),
    CheckConstraint("done >= 0 AND total >= 0 AND left_over >= 0", name="counts"),
)

for _name, _table, _state in (
    ("uq_tenant_kek_active", tenant_kek, "active"),
    ("uq_index_root_active", index_root, "active"),
    ("uq_index_root_building", index_root, "building"),
):
    _rule = text(f"state = '{_state}'")
    Index(_name, _table.c.tenant, unique=True, sqlite_where=_rule, postgresql_where=_rule)

_running = text("state = 'running'")
Index(
    "uq_rotation_running",
    rotation.c.tenant,
    rotation.c.kind,
    unique=True,
    sqlite_where=_running,
    postgresql_where=_running,
)

_IN_USE = " OR ".join(
    f"EXISTS (SELECT 1 FROM {name} WHERE tenant = OLD.tenant AND kek_version = OLD.version)"
    for name in ("subject_key", "index_root", "service_key")
)
_LOSS = "this tenant key still wraps other keys"

install(
    tenant_kek,
    sqlite=f"CREATE TRIGGER tenant_kek_in_use BEFORE UPDATE OF wrapped ON tenant_kek "
    f"WHEN NEW.state = 'destroyed' AND ({_IN_USE}) BEGIN SELECT RAISE(ABORT, '{_LOSS}'); END",
    postgresql=f"CREATE FUNCTION tenant_kek_in_use() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN IF NEW.state = 'destroyed' AND ({_IN_USE}) THEN "
    f"RAISE EXCEPTION '{_LOSS}' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$",
)
install(
    tenant_kek,
    postgresql="CREATE TRIGGER tenant_kek_in_use BEFORE UPDATE ON tenant_kek "
    "FOR EACH ROW EXECUTE FUNCTION tenant_kek_in_use()",
)

_INACTIVE = "this tenant key is not active"
_MORE_THAN_BEFORE = (  # what only stays where it was may lie under a retired key
    "HAVING count(*) > (SELECT count(*) FROM before b "
    "WHERE b.tenant = f.tenant AND b.kek_version = f.kek_version)"
)

for _table in (subject_key, index_root, service_key):
    _name = _table.name
    for _verb, _moved in (
        ("INSERT", "TRUE"),
        ("UPDATE", "(NEW.kek_version, NEW.tenant) <> (OLD.kek_version, OLD.tenant)"),
    ):
        install(
            _table,
            sqlite=f"CREATE TRIGGER {_name}_{_verb.lower()}_under_active AFTER {_verb} ON {_name} "
            f"WHEN {_moved} AND NOT EXISTS (SELECT 1 FROM tenant_kek WHERE tenant = NEW.tenant "
            f"AND version = NEW.kek_version AND state = 'active') "
            f"BEGIN SELECT RAISE(ABORT, '{_INACTIVE}'); END",
        )
    for _verb, _before, _more in (
        ("INSERT", "", ""),
        ("UPDATE", "OLD TABLE AS before ", _MORE_THAN_BEFORE),
    ):
        install(
            _table,
            postgresql=f"CREATE FUNCTION {_name}_{_verb.lower()}_under_active() RETURNS trigger "
            f"LANGUAGE plpgsql AS $$ DECLARE used record; BEGIN "
            f"FOR used IN SELECT f.tenant, f.kek_version FROM fresh f GROUP BY 1, 2 {_more} LOOP "
            # Waits for whoever is just changing the row, and looks at its state again afterwards.
            f"PERFORM 1 FROM tenant_kek WHERE tenant = used.tenant AND version = used.kek_version "
            f"AND state = 'active' FOR SHARE; "
            f"IF NOT FOUND THEN RAISE EXCEPTION '{_INACTIVE}' USING ERRCODE = '23514'; END IF; "
            f"END LOOP; RETURN NULL; END $$",
        )
        install(
            _table,
            postgresql=f"CREATE TRIGGER {_name}_{_verb.lower()}_under_active AFTER {_verb} ON {_name} "
            f"REFERENCING {_before}NEW TABLE AS fresh "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {_name}_{_verb.lower()}_under_active()",
        )
