CREATE TABLE tenant_role (
	tenant BLOB NOT NULL,
	role TEXT NOT NULL,
	CONSTRAINT pk_tenant_role PRIMARY KEY (tenant),
	CONSTRAINT uq_tenant_role_role UNIQUE (role),
	CONSTRAINT ck_tenant_role_tenant CHECK (length(tenant) = 16)
)
-- end
CREATE TABLE cache_member (
	tenant BLOB NOT NULL,
	id BLOB NOT NULL,
	seen BIGINT NOT NULL,
	lease_until BIGINT NOT NULL,
	CONSTRAINT pk_cache_member PRIMARY KEY (tenant, id),
	CONSTRAINT ck_cache_member_id CHECK (length(id) = 16)
)
-- end
CREATE TABLE eviction (
	tenant BLOB NOT NULL,
	seq BIGINT NOT NULL,
	subject BLOB NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_eviction PRIMARY KEY (tenant, seq, subject),
	CONSTRAINT ck_eviction_subject CHECK (length(subject) IN (0, 16))
)
-- end
CREATE TABLE eviction_head (
	tenant BLOB NOT NULL,
	seq BIGINT NOT NULL,
	CONSTRAINT pk_eviction_head PRIMARY KEY (tenant),
	CONSTRAINT ck_eviction_head_seq CHECK (seq >= 0)
)
-- end
CREATE TABLE index_root (
	tenant BLOB NOT NULL,
	epoch INTEGER NOT NULL,
	kek_version INTEGER NOT NULL,
	wrapped BLOB NOT NULL,
	state TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_index_root PRIMARY KEY (tenant, epoch),
	CONSTRAINT ck_index_root_state CHECK (state IN ('building', 'active', 'leaving', 'retired'))
)
-- end
CREATE UNIQUE INDEX uq_index_root_active ON index_root (tenant) WHERE state = 'active'
-- end
CREATE UNIQUE INDEX uq_index_root_building ON index_root (tenant) WHERE state = 'building'
-- end
CREATE TRIGGER index_root_insert_under_active AFTER INSERT ON index_root WHEN TRUE AND NOT EXISTS (SELECT 1 FROM tenant_kek WHERE tenant = NEW.tenant AND version = NEW.kek_version AND state = 'active') BEGIN SELECT RAISE(ABORT, 'this tenant key is not active'); END
-- end
CREATE TRIGGER index_root_update_under_active AFTER UPDATE ON index_root WHEN (NEW.kek_version, NEW.tenant) <> (OLD.kek_version, OLD.tenant) AND NOT EXISTS (SELECT 1 FROM tenant_kek WHERE tenant = NEW.tenant AND version = NEW.kek_version AND state = 'active') BEGIN SELECT RAISE(ABORT, 'this tenant key is not active'); END
-- end
CREATE TABLE rotation (
	tenant BLOB NOT NULL,
	id BLOB NOT NULL,
	kind TEXT NOT NULL,
	state TEXT NOT NULL,
	stage TEXT NOT NULL,
	target INTEGER NOT NULL,
	cursor BLOB NOT NULL,
	done BIGINT NOT NULL,
	total BIGINT NOT NULL,
	left_over BIGINT NOT NULL,
	started_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	CONSTRAINT pk_rotation PRIMARY KEY (tenant, id),
	CONSTRAINT ck_rotation_kind CHECK (kind IN ('root', 'tenant', 'person', 'index')),
	CONSTRAINT ck_rotation_state CHECK (state IN ('running', 'done')),
	CONSTRAINT ck_rotation_counts CHECK (done >= 0 AND total >= 0 AND left_over >= 0)
)
-- end
CREATE UNIQUE INDEX uq_rotation_running ON rotation (tenant, kind) WHERE state = 'running'
-- end
CREATE TABLE service_key (
	tenant BLOB NOT NULL,
	name TEXT NOT NULL,
	version INTEGER NOT NULL,
	kek_version INTEGER NOT NULL,
	wrapped BLOB NOT NULL,
	state TEXT NOT NULL,
	CONSTRAINT pk_service_key PRIMARY KEY (tenant, name, version),
	CONSTRAINT ck_service_key_state CHECK (state IN ('active', 'retired'))
)
-- end
CREATE TRIGGER service_key_insert_under_active AFTER INSERT ON service_key WHEN TRUE AND NOT EXISTS (SELECT 1 FROM tenant_kek WHERE tenant = NEW.tenant AND version = NEW.kek_version AND state = 'active') BEGIN SELECT RAISE(ABORT, 'this tenant key is not active'); END
-- end
CREATE TRIGGER service_key_update_under_active AFTER UPDATE ON service_key WHEN (NEW.kek_version, NEW.tenant) <> (OLD.kek_version, OLD.tenant) AND NOT EXISTS (SELECT 1 FROM tenant_kek WHERE tenant = NEW.tenant AND version = NEW.kek_version AND state = 'active') BEGIN SELECT RAISE(ABORT, 'this tenant key is not active'); END
-- end
CREATE TABLE subject_key (
	bucket INTEGER NOT NULL,
	tenant BLOB NOT NULL,
	subject BLOB NOT NULL,
	kind TEXT NOT NULL,
	epoch INTEGER NOT NULL,
	kek_version INTEGER NOT NULL,
	wrapped BLOB NOT NULL,
	CONSTRAINT pk_subject_key PRIMARY KEY (bucket, tenant, subject, kind, epoch),
	CONSTRAINT ck_subject_key_kind CHECK (kind IN ('data', 'ledger'))
)
 WITHOUT ROWID
-- end
CREATE TRIGGER subject_key_insert_under_active AFTER INSERT ON subject_key WHEN TRUE AND NOT EXISTS (SELECT 1 FROM tenant_kek WHERE tenant = NEW.tenant AND version = NEW.kek_version AND state = 'active') BEGIN SELECT RAISE(ABORT, 'this tenant key is not active'); END
-- end
CREATE TRIGGER subject_key_update_under_active AFTER UPDATE ON subject_key WHEN (NEW.kek_version, NEW.tenant) <> (OLD.kek_version, OLD.tenant) AND NOT EXISTS (SELECT 1 FROM tenant_kek WHERE tenant = NEW.tenant AND version = NEW.kek_version AND state = 'active') BEGIN SELECT RAISE(ABORT, 'this tenant key is not active'); END
-- end
CREATE TABLE tenant_kek (
	tenant BLOB NOT NULL,
	version INTEGER NOT NULL,
	provider TEXT NOT NULL,
	wrapped BLOB NOT NULL,
	state TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	wraps BIGINT NOT NULL,
	CONSTRAINT pk_tenant_kek PRIMARY KEY (tenant, version),
	CONSTRAINT ck_tenant_kek_state CHECK (state IN ('active', 'retired', 'destroyed')),
	CONSTRAINT ck_tenant_kek_destroyed CHECK ((state = 'destroyed') = (length(wrapped) = 0)),
	CONSTRAINT ck_tenant_kek_wraps CHECK (wraps >= 0 AND wraps <= 4294967296)
)
-- end
CREATE UNIQUE INDEX uq_tenant_kek_active ON tenant_kek (tenant) WHERE state = 'active'
-- end
CREATE TRIGGER tenant_kek_in_use BEFORE UPDATE OF wrapped ON tenant_kek WHEN NEW.state = 'destroyed' AND (EXISTS (SELECT 1 FROM subject_key WHERE tenant = OLD.tenant AND kek_version = OLD.version) OR EXISTS (SELECT 1 FROM index_root WHERE tenant = OLD.tenant AND kek_version = OLD.version) OR EXISTS (SELECT 1 FROM service_key WHERE tenant = OLD.tenant AND kek_version = OLD.version)) BEGIN SELECT RAISE(ABORT, 'this tenant key still wraps other keys'); END
-- end
