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
CREATE TABLE cache_member (
	tenant BYTEA NOT NULL,
	id BYTEA NOT NULL,
	seen BIGINT NOT NULL,
	lease_until BIGINT NOT NULL,
	CONSTRAINT pk_cache_member PRIMARY KEY (tenant, id),
	CONSTRAINT ck_cache_member_id CHECK (length(id) = 16)
)
-- end
ALTER TABLE cache_member ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON cache_member USING (tenant = (SELECT perusal_key_tenant())) WITH CHECK (tenant = (SELECT perusal_key_tenant()))
-- end
CREATE TABLE eviction (
	tenant BYTEA NOT NULL,
	seq BIGINT NOT NULL,
	subject BYTEA NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_eviction PRIMARY KEY (tenant, seq, subject),
	CONSTRAINT ck_eviction_subject CHECK (length(subject) IN (0, 16))
)
-- end
ALTER TABLE eviction ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON eviction USING (tenant = (SELECT perusal_key_tenant())) WITH CHECK (tenant = (SELECT perusal_key_tenant()))
-- end
CREATE TABLE eviction_head (
	tenant BYTEA NOT NULL,
	seq BIGINT NOT NULL,
	CONSTRAINT pk_eviction_head PRIMARY KEY (tenant),
	CONSTRAINT ck_eviction_head_seq CHECK (seq >= 0)
)
-- end
ALTER TABLE eviction_head ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON eviction_head USING (tenant = (SELECT perusal_key_tenant())) WITH CHECK (tenant = (SELECT perusal_key_tenant()))
-- end
CREATE TABLE index_root (
	tenant BYTEA NOT NULL,
	epoch INTEGER NOT NULL,
	kek_version INTEGER NOT NULL,
	wrapped BYTEA NOT NULL,
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
CREATE FUNCTION index_root_insert_under_active() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE used record; BEGIN FOR used IN SELECT f.tenant, f.kek_version FROM fresh f GROUP BY 1, 2  LOOP PERFORM 1 FROM tenant_kek WHERE tenant = used.tenant AND version = used.kek_version AND state = 'active' FOR SHARE; IF NOT FOUND THEN RAISE EXCEPTION 'this tenant key is not active' USING ERRCODE = '23514'; END IF; END LOOP; RETURN NULL; END $$
-- end
CREATE TRIGGER index_root_insert_under_active AFTER INSERT ON index_root REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION index_root_insert_under_active()
-- end
CREATE FUNCTION index_root_update_under_active() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE used record; BEGIN FOR used IN SELECT f.tenant, f.kek_version FROM fresh f GROUP BY 1, 2 HAVING count(*) > (SELECT count(*) FROM before b WHERE b.tenant = f.tenant AND b.kek_version = f.kek_version) LOOP PERFORM 1 FROM tenant_kek WHERE tenant = used.tenant AND version = used.kek_version AND state = 'active' FOR SHARE; IF NOT FOUND THEN RAISE EXCEPTION 'this tenant key is not active' USING ERRCODE = '23514'; END IF; END LOOP; RETURN NULL; END $$
-- end
CREATE TRIGGER index_root_update_under_active AFTER UPDATE ON index_root REFERENCING OLD TABLE AS before NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION index_root_update_under_active()
-- end
ALTER TABLE index_root ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON index_root USING (tenant = (SELECT perusal_key_tenant())) WITH CHECK (tenant = (SELECT perusal_key_tenant()))
-- end
CREATE TABLE rotation (
	tenant BYTEA NOT NULL,
	id BYTEA NOT NULL,
	kind TEXT NOT NULL,
	state TEXT NOT NULL,
	stage TEXT NOT NULL,
	target INTEGER NOT NULL,
	cursor BYTEA NOT NULL,
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
ALTER TABLE rotation ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON rotation USING (tenant = (SELECT perusal_key_tenant())) WITH CHECK (tenant = (SELECT perusal_key_tenant()))
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
CREATE FUNCTION service_key_insert_under_active() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE used record; BEGIN FOR used IN SELECT f.tenant, f.kek_version FROM fresh f GROUP BY 1, 2  LOOP PERFORM 1 FROM tenant_kek WHERE tenant = used.tenant AND version = used.kek_version AND state = 'active' FOR SHARE; IF NOT FOUND THEN RAISE EXCEPTION 'this tenant key is not active' USING ERRCODE = '23514'; END IF; END LOOP; RETURN NULL; END $$
-- end
CREATE TRIGGER service_key_insert_under_active AFTER INSERT ON service_key REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION service_key_insert_under_active()
-- end
CREATE FUNCTION service_key_update_under_active() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE used record; BEGIN FOR used IN SELECT f.tenant, f.kek_version FROM fresh f GROUP BY 1, 2 HAVING count(*) > (SELECT count(*) FROM before b WHERE b.tenant = f.tenant AND b.kek_version = f.kek_version) LOOP PERFORM 1 FROM tenant_kek WHERE tenant = used.tenant AND version = used.kek_version AND state = 'active' FOR SHARE; IF NOT FOUND THEN RAISE EXCEPTION 'this tenant key is not active' USING ERRCODE = '23514'; END IF; END LOOP; RETURN NULL; END $$
-- end
CREATE TRIGGER service_key_update_under_active AFTER UPDATE ON service_key REFERENCING OLD TABLE AS before NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION service_key_update_under_active()
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
CREATE FUNCTION subject_key_insert_under_active() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE used record; BEGIN FOR used IN SELECT f.tenant, f.kek_version FROM fresh f GROUP BY 1, 2  LOOP PERFORM 1 FROM tenant_kek WHERE tenant = used.tenant AND version = used.kek_version AND state = 'active' FOR SHARE; IF NOT FOUND THEN RAISE EXCEPTION 'this tenant key is not active' USING ERRCODE = '23514'; END IF; END LOOP; RETURN NULL; END $$
-- end
CREATE TRIGGER subject_key_insert_under_active AFTER INSERT ON subject_key REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION subject_key_insert_under_active()
-- end
CREATE FUNCTION subject_key_update_under_active() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE used record; BEGIN FOR used IN SELECT f.tenant, f.kek_version FROM fresh f GROUP BY 1, 2 HAVING count(*) > (SELECT count(*) FROM before b WHERE b.tenant = f.tenant AND b.kek_version = f.kek_version) LOOP PERFORM 1 FROM tenant_kek WHERE tenant = used.tenant AND version = used.kek_version AND state = 'active' FOR SHARE; IF NOT FOUND THEN RAISE EXCEPTION 'this tenant key is not active' USING ERRCODE = '23514'; END IF; END LOOP; RETURN NULL; END $$
-- end
CREATE TRIGGER subject_key_update_under_active AFTER UPDATE ON subject_key REFERENCING OLD TABLE AS before NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION subject_key_update_under_active()
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
	wraps BIGINT NOT NULL,
	CONSTRAINT pk_tenant_kek PRIMARY KEY (tenant, version),
	CONSTRAINT ck_tenant_kek_state CHECK (state IN ('active', 'retired', 'destroyed')),
	CONSTRAINT ck_tenant_kek_destroyed CHECK ((state = 'destroyed') = (length(wrapped) = 0)),
	CONSTRAINT ck_tenant_kek_wraps CHECK (wraps >= 0 AND wraps <= 4294967296)
)
-- end
CREATE UNIQUE INDEX uq_tenant_kek_active ON tenant_kek (tenant) WHERE state = 'active'
-- end
CREATE FUNCTION tenant_kek_in_use() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.state = 'destroyed' AND (EXISTS (SELECT 1 FROM subject_key WHERE tenant = OLD.tenant AND kek_version = OLD.version) OR EXISTS (SELECT 1 FROM index_root WHERE tenant = OLD.tenant AND kek_version = OLD.version) OR EXISTS (SELECT 1 FROM service_key WHERE tenant = OLD.tenant AND kek_version = OLD.version)) THEN RAISE EXCEPTION 'this tenant key still wraps other keys' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER tenant_kek_in_use BEFORE UPDATE ON tenant_kek FOR EACH ROW EXECUTE FUNCTION tenant_kek_in_use()
-- end
ALTER TABLE tenant_kek ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON tenant_kek USING (tenant = (SELECT perusal_key_tenant())) WITH CHECK (tenant = (SELECT perusal_key_tenant()))
-- end
