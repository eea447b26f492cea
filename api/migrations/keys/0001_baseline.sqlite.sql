CREATE TABLE tenant_role (
	tenant BLOB NOT NULL,
	role TEXT NOT NULL,
	CONSTRAINT pk_tenant_role PRIMARY KEY (tenant),
	CONSTRAINT uq_tenant_role_role UNIQUE (role),
	CONSTRAINT ck_tenant_role_tenant CHECK (length(tenant) = 16)
)
-- end
CREATE TABLE index_root (
	tenant BLOB NOT NULL,
	epoch INTEGER NOT NULL,
	kek_version INTEGER NOT NULL,
	wrapped BLOB NOT NULL,
	state TEXT NOT NULL,
	CONSTRAINT pk_index_root PRIMARY KEY (tenant, epoch),
	CONSTRAINT ck_index_root_state CHECK (state IN ('active', 'retired'))
)
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
CREATE TABLE tenant_kek (
	tenant BLOB NOT NULL,
	version INTEGER NOT NULL,
	provider TEXT NOT NULL,
	wrapped BLOB NOT NULL,
	state TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_tenant_kek PRIMARY KEY (tenant, version),
	CONSTRAINT ck_tenant_kek_state CHECK (state IN ('active', 'retired'))
)
-- end
