CREATE TABLE tenant_role (
	tenant BYTEA NOT NULL,
	role TEXT NOT NULL,
	CONSTRAINT pk_tenant_role PRIMARY KEY (tenant),
	CONSTRAINT uq_tenant_role_role UNIQUE (role),
	CONSTRAINT ck_tenant_role_tenant CHECK (length(tenant) = 16)
)
-- end
CREATE FUNCTION perusal_key_tenant() RETURNS bytea LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE AS $$ BEGIN RETURN (SELECT t.tenant FROM tenant_role t WHERE t.role = session_user::text); END $$
-- end
DO $$ BEGIN EXECUTE 'ALTER FUNCTION perusal_key_tenant() SET search_path = pg_catalog, ' || quote_ident(current_schema()) || ', pg_temp'; END $$
-- end
ALTER TABLE tenant_role ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON tenant_role USING (tenant = (SELECT perusal_key_tenant())) WITH CHECK (tenant = (SELECT perusal_key_tenant()))
-- end
CREATE TABLE index_root (
	tenant BYTEA NOT NULL,
	epoch INTEGER NOT NULL,
	kek_version INTEGER NOT NULL,
	wrapped BYTEA NOT NULL,
	state TEXT NOT NULL,
	CONSTRAINT pk_index_root PRIMARY KEY (tenant, epoch),
	CONSTRAINT ck_index_root_state CHECK (state IN ('active', 'retired'))
)
-- end
ALTER TABLE index_root ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON index_root USING (tenant = (SELECT perusal_key_tenant())) WITH CHECK (tenant = (SELECT perusal_key_tenant()))
-- end
CREATE TABLE service_key (
	tenant BYTEA NOT NULL,
	name TEXT NOT NULL,
	version INTEGER NOT NULL,
	kek_version INTEGER NOT NULL,
	wrapped BYTEA NOT NULL,
	state TEXT NOT NULL,
	CONSTRAINT pk_service_key PRIMARY KEY (tenant, name, version),
	CONSTRAINT ck_service_key_state CHECK (state IN ('active', 'retired'))
)
-- end
ALTER TABLE service_key ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON service_key USING (tenant = (SELECT perusal_key_tenant())) WITH CHECK (tenant = (SELECT perusal_key_tenant()))
-- end
CREATE TABLE subject_key (
	bucket INTEGER NOT NULL,
	tenant BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	kind TEXT NOT NULL,
	epoch INTEGER NOT NULL,
	kek_version INTEGER NOT NULL,
	wrapped BYTEA NOT NULL,
	CONSTRAINT pk_subject_key PRIMARY KEY (bucket, tenant, subject, kind, epoch),
	CONSTRAINT ck_subject_key_kind CHECK (kind IN ('data', 'ledger'))
)
-- end
ALTER TABLE subject_key ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON subject_key USING (tenant = (SELECT perusal_key_tenant())) WITH CHECK (tenant = (SELECT perusal_key_tenant()))
-- end
CREATE TABLE tenant_kek (
	tenant BYTEA NOT NULL,
	version INTEGER NOT NULL,
	provider TEXT NOT NULL,
	wrapped BYTEA NOT NULL,
	state TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_tenant_kek PRIMARY KEY (tenant, version),
	CONSTRAINT ck_tenant_kek_state CHECK (state IN ('active', 'retired'))
)
-- end
ALTER TABLE tenant_kek ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON tenant_kek USING (tenant = (SELECT perusal_key_tenant())) WITH CHECK (tenant = (SELECT perusal_key_tenant()))
-- end
