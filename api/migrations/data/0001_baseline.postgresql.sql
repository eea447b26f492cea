CREATE TABLE grant_transition (
	from_state TEXT NOT NULL,
	to_state TEXT NOT NULL,
	CONSTRAINT pk_grant_transition PRIMARY KEY (from_state, to_state)
)
-- end
INSERT INTO grant_transition (from_state, to_state) VALUES ('requested', 'active'), ('requested', 'deferred'), ('requested', 'lapsed'), ('requested', 'refused'), ('deferred', 'active'), ('deferred', 'lapsed'), ('deferred', 'refused'), ('active', 'exhausted'), ('active', 'expired'), ('active', 'invalidated'), ('active', 'revoked'), ('active', 'suspended'), ('active', 'terminated'), ('active', 'withdrawn'), ('suspended', 'active'), ('suspended', 'expired'), ('suspended', 'invalidated'), ('suspended', 'revoked'), ('suspended', 'terminated'), ('suspended', 'withdrawn'), ('exhausted', 'invalidated'), ('exhausted', 'revoked'), ('exhausted', 'terminated'), ('exhausted', 'withdrawn'), ('expired', 'invalidated'), ('expired', 'revoked'), ('expired', 'terminated'), ('expired', 'withdrawn'), ('terminated', 'invalidated'), ('terminated', 'revoked'), ('terminated', 'withdrawn')
-- end
CREATE FUNCTION grant_transition_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'grant_transition is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER grant_transition_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON grant_transition FOR EACH STATEMENT EXECUTE FUNCTION grant_transition_append_only()
-- end
CREATE FUNCTION grant_transition_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'grant_transition: the moves are fixed' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER grant_transition_before_insert BEFORE INSERT ON grant_transition FOR EACH ROW EXECUTE FUNCTION grant_transition_before_insert()
-- end
CREATE TABLE installation (
	id INTEGER NOT NULL,
	created_at BIGINT NOT NULL,
	format INTEGER NOT NULL,
	CONSTRAINT pk_installation PRIMARY KEY (id),
	CONSTRAINT ck_installation_one_row CHECK (id = 1)
)
-- end
CREATE TABLE purpose (
	code TEXT NOT NULL,
	dpv_iri TEXT NOT NULL,
	sensitive BOOLEAN NOT NULL,
	written BOOLEAN DEFAULT false NOT NULL,
	title_en TEXT NOT NULL,
	title_zh TEXT NOT NULL,
	CONSTRAINT pk_purpose PRIMARY KEY (code)
)
-- end
CREATE FUNCTION purpose_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'purpose is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER purpose_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON purpose FOR EACH STATEMENT EXECUTE FUNCTION purpose_append_only()
-- end
CREATE TABLE tenant (
	tenant BYTEA NOT NULL,
	name TEXT NOT NULL,
	first_bucket INTEGER NOT NULL,
	buckets INTEGER NOT NULL,
	ledger_host TEXT NOT NULL,
	role TEXT,
	created_at BIGINT NOT NULL,
	suite SMALLINT DEFAULT 1 NOT NULL,
	CONSTRAINT pk_tenant PRIMARY KEY (tenant),
	CONSTRAINT uq_tenant_name UNIQUE (name),
	CONSTRAINT uq_tenant_first_bucket UNIQUE (first_bucket),
	CONSTRAINT uq_tenant_role UNIQUE (role),
	CONSTRAINT ck_tenant_tenant CHECK (length(tenant) = 16),
	CONSTRAINT ck_tenant_suite CHECK (suite IN (1, 2)),
	CONSTRAINT ck_tenant_buckets CHECK (first_bucket >= 0 AND buckets >= 1 AND first_bucket + buckets <= 4096)
)
-- end
CREATE FUNCTION perusal_tenant() RETURNS bytea LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE AS $$ BEGIN RETURN (SELECT t.tenant FROM tenant t WHERE t.role = session_user::text); END $$
-- end
DO $$ BEGIN EXECUTE 'ALTER FUNCTION perusal_tenant() SET search_path = pg_catalog, ' || quote_ident(current_schema()) || ', pg_temp'; END $$
-- end
CREATE FUNCTION perusal_buckets() RETURNS int4range LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE AS $$ BEGIN RETURN (SELECT int4range(t.first_bucket, t.first_bucket + t.buckets) FROM tenant t WHERE t.role = session_user::text); END $$
-- end
DO $$ BEGIN EXECUTE 'ALTER FUNCTION perusal_buckets() SET search_path = pg_catalog, ' || quote_ident(current_schema()) || ', pg_temp'; END $$
-- end
CREATE FUNCTION perusal_home() RETURNS bytea LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE AS $$ BEGIN RETURN coalesce((SELECT t.tenant FROM tenant t WHERE t.role = session_user::text), (SELECT CASE count(*) WHEN 0 THEN ''::bytea WHEN 1 THEN (array_agg(t.tenant))[1] END FROM tenant t)); END $$
-- end
DO $$ BEGIN EXECUTE 'ALTER FUNCTION perusal_home() SET search_path = pg_catalog, ' || quote_ident(current_schema()) || ', pg_temp'; END $$
-- end
ALTER TABLE tenant ADD CONSTRAINT ex_tenant_buckets EXCLUDE USING gist (int4range(first_bucket, first_bucket + buckets) WITH &&)
-- end
CREATE FUNCTION tenant_fixed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'UPDATE' THEN IF NOT (NEW.tenant IS DISTINCT FROM OLD.tenant OR NEW.first_bucket IS DISTINCT FROM OLD.first_bucket OR NEW.buckets IS DISTINCT FROM OLD.buckets OR NEW.ledger_host IS DISTINCT FROM OLD.ledger_host OR NEW.created_at IS DISTINCT FROM OLD.created_at) THEN RETURN NEW; END IF; END IF; RAISE EXCEPTION 'a tenant keeps its id, its buckets and its ledger for ever' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER tenant_fixed BEFORE UPDATE OR DELETE ON tenant FOR EACH ROW EXECUTE FUNCTION tenant_fixed()
-- end
CREATE TRIGGER tenant_no_truncate BEFORE TRUNCATE ON tenant EXECUTE FUNCTION tenant_fixed()
-- end
ALTER TABLE tenant ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON tenant USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()))
-- end
CREATE TABLE alarm (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	mac BYTEA NOT NULL,
	source TEXT NOT NULL,
	who TEXT NOT NULL,
	place TEXT NOT NULL,
	at BIGINT NOT NULL,
	seen_at BIGINT,
	seen_by TEXT,
	CONSTRAINT pk_alarm PRIMARY KEY (bucket, id),
	CONSTRAINT ck_alarm_id CHECK (length(id) = 16),
	CONSTRAINT ck_alarm_seen CHECK ((seen_at IS NULL) = (seen_by IS NULL))
)
-- end
CREATE FUNCTION alarm_only_seen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.id IS DISTINCT FROM OLD.id OR NEW.mac IS DISTINCT FROM OLD.mac OR NEW.source IS DISTINCT FROM OLD.source OR NEW.who IS DISTINCT FROM OLD.who OR NEW.place IS DISTINCT FROM OLD.place OR NEW.at IS DISTINCT FROM OLD.at OR OLD.seen_at IS NOT NULL THEN RAISE EXCEPTION 'an alarm is seen once and never changes otherwise' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER alarm_only_seen BEFORE UPDATE ON alarm FOR EACH ROW EXECUTE FUNCTION alarm_only_seen()
-- end
CREATE FUNCTION alarm_no_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'alarms stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER alarm_no_delete BEFORE DELETE OR TRUNCATE ON alarm FOR EACH STATEMENT EXECUTE FUNCTION alarm_no_delete()
-- end
ALTER TABLE alarm ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON alarm USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE alias (
	bucket INTEGER NOT NULL,
	subject BYTEA NOT NULL,
	recipient_id TEXT NOT NULL,
	field TEXT NOT NULL,
	epoch BIGINT NOT NULL,
	domain TEXT NOT NULL,
	issued_at BIGINT NOT NULL,
	CONSTRAINT pk_alias PRIMARY KEY (bucket, subject, recipient_id, field, epoch),
	CONSTRAINT ck_alias_field CHECK (field IN ('email', 'phone')),
	CONSTRAINT ck_alias_domain CHECK ((field = 'email') = (domain <> ''))
)
-- end
CREATE FUNCTION alias_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'alias: an alias never changes' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER alias_before_update BEFORE UPDATE ON alias FOR EACH ROW EXECUTE FUNCTION alias_before_update()
-- end
ALTER TABLE alias ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON alias USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE alias_digest (
	bucket INTEGER NOT NULL,
	digest BYTEA NOT NULL,
	shape INTEGER NOT NULL,
	home INTEGER NOT NULL,
	subject BYTEA NOT NULL,
	recipient_id TEXT NOT NULL,
	field TEXT NOT NULL,
	epoch BIGINT NOT NULL,
	CONSTRAINT pk_alias_digest PRIMARY KEY (bucket, digest),
	CONSTRAINT ck_alias_digest_digest CHECK (length(digest) = 16),
	CONSTRAINT ck_alias_digest_field CHECK (field IN ('email', 'phone'))
)
-- end
CREATE INDEX ix_alias_digest_subject ON alias_digest (subject, bucket)
-- end
CREATE FUNCTION alias_digest_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'alias_digest: an alias never changes' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER alias_digest_before_update BEFORE UPDATE ON alias_digest FOR EACH ROW EXECUTE FUNCTION alias_digest_before_update()
-- end
ALTER TABLE alias_digest ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON alias_digest USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE alias_domain (
	id BYTEA NOT NULL,
	domain TEXT NOT NULL,
	added_at BIGINT NOT NULL,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_alias_domain PRIMARY KEY (id),
	CONSTRAINT uq_alias_domain_tenant_domain UNIQUE (tenant, domain)
)
-- end
CREATE FUNCTION alias_domain_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'alias_domain is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER alias_domain_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON alias_domain FOR EACH STATEMENT EXECUTE FUNCTION alias_domain_append_only()
-- end
ALTER TABLE alias_domain ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON alias_domain USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()))
-- end
CREATE TABLE alias_sighting (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	recipient_id TEXT NOT NULL,
	field TEXT NOT NULL,
	epoch BIGINT NOT NULL,
	source TEXT NOT NULL,
	place TEXT NOT NULL,
	note TEXT,
	actor TEXT NOT NULL,
	seen_at BIGINT NOT NULL,
	told_at BIGINT NOT NULL,
	CONSTRAINT pk_alias_sighting PRIMARY KEY (bucket, id),
	CONSTRAINT ck_alias_sighting_source CHECK (source IN ('message', 'dump'))
)
-- end
CREATE INDEX ix_alias_sighting_subject ON alias_sighting (subject, bucket)
-- end
CREATE FUNCTION alias_sighting_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'alias_sighting is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER alias_sighting_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON alias_sighting FOR EACH STATEMENT EXECUTE FUNCTION alias_sighting_append_only()
-- end
ALTER TABLE alias_sighting ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON alias_sighting USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE backchannel_turn (
	bucket INTEGER NOT NULL,
	hint_hash BYTEA NOT NULL,
	asked_at BIGINT NOT NULL,
	CONSTRAINT pk_backchannel_turn PRIMARY KEY (bucket, hint_hash)
)
-- end
CREATE FUNCTION backchannel_turn_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'backchannel_turn: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER backchannel_turn_before_update BEFORE UPDATE ON backchannel_turn FOR EACH ROW WHEN (NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.hint_hash IS DISTINCT FROM OLD.hint_hash) EXECUTE FUNCTION backchannel_turn_before_update()
-- end
CREATE FUNCTION backchannel_turn_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'backchannel_turn: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER backchannel_turn_stays BEFORE TRUNCATE ON backchannel_turn FOR EACH STATEMENT EXECUTE FUNCTION backchannel_turn_stays()
-- end
ALTER TABLE backchannel_turn ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON backchannel_turn USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE bulk_load (
	id BYTEA NOT NULL,
	done BIGINT NOT NULL,
	enrolled BIGINT NOT NULL,
	refused BIGINT NOT NULL,
	started_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	sealed BYTEA NOT NULL,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_bulk_load PRIMARY KEY (id),
	CONSTRAINT ck_bulk_load_id CHECK (length(id) = 32),
	CONSTRAINT ck_bulk_load_counts CHECK (done >= 0 AND enrolled >= 0 AND refused >= 0)
)
-- end
ALTER TABLE bulk_load ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON bulk_load USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()))
-- end
CREATE TABLE consumer (
	bucket INTEGER NOT NULL,
	subject BYTEA NOT NULL,
	sign_in_hash BYTEA NOT NULL,
	lang TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_consumer PRIMARY KEY (bucket, subject),
	CONSTRAINT uq_consumer_sign_in_hash_bucket UNIQUE (sign_in_hash, bucket)
)
-- end
CREATE FUNCTION consumer_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'consumer: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER consumer_before_update BEFORE UPDATE ON consumer FOR EACH ROW WHEN (NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.subject IS DISTINCT FROM OLD.subject OR NEW.created_at IS DISTINCT FROM OLD.created_at) EXECUTE FUNCTION consumer_before_update()
-- end
CREATE FUNCTION consumer_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'consumer: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER consumer_stays BEFORE DELETE OR TRUNCATE ON consumer FOR EACH STATEMENT EXECUTE FUNCTION consumer_stays()
-- end
ALTER TABLE consumer ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON consumer USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE custom_field (
	tenant BYTEA NOT NULL,
	code TEXT NOT NULL,
	number SMALLINT NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_custom_field PRIMARY KEY (tenant, code),
	CONSTRAINT uq_custom_field_tenant_number UNIQUE (tenant, number),
	CONSTRAINT ck_custom_field_number CHECK (number BETWEEN 32 AND 255),
	CONSTRAINT ck_custom_field_code CHECK (substr(code, 1, 2) = 'x_')
)
-- end
CREATE FUNCTION custom_field_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'custom_field is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER custom_field_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON custom_field FOR EACH STATEMENT EXECUTE FUNCTION custom_field_append_only()
-- end
ALTER TABLE custom_field ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON custom_field USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()))
-- end
CREATE TABLE denial (
	bucket INTEGER NOT NULL,
	day BIGINT NOT NULL,
	code TEXT NOT NULL,
	grant_id BYTEA NOT NULL,
	attempts BIGINT NOT NULL,
	first_at BIGINT NOT NULL,
	last_at BIGINT NOT NULL,
	CONSTRAINT pk_denial PRIMARY KEY (bucket, day, code, grant_id)
)
-- end
CREATE FUNCTION denial_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'denial: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER denial_before_update BEFORE UPDATE ON denial FOR EACH ROW WHEN (NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.day IS DISTINCT FROM OLD.day OR NEW.code IS DISTINCT FROM OLD.code OR NEW.grant_id IS DISTINCT FROM OLD.grant_id OR NEW.first_at IS DISTINCT FROM OLD.first_at) EXECUTE FUNCTION denial_before_update()
-- end
CREATE FUNCTION denial_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'denial: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER denial_stays BEFORE DELETE OR TRUNCATE ON denial FOR EACH STATEMENT EXECUTE FUNCTION denial_stays()
-- end
CREATE FUNCTION denial_before_update_of_attempts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'denial: denials are counted upwards' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER denial_before_update_of_attempts BEFORE UPDATE OF attempts ON denial FOR EACH ROW WHEN (NEW.attempts <= OLD.attempts) EXECUTE FUNCTION denial_before_update_of_attempts()
-- end
ALTER TABLE denial ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON denial USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE dump (
	id BYTEA NOT NULL,
	sha256 BYTEA NOT NULL,
	size BIGINT NOT NULL,
	file TEXT NOT NULL,
	received_at BIGINT NOT NULL,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_dump PRIMARY KEY (id),
	CONSTRAINT uq_dump_tenant_sha256 UNIQUE (tenant, sha256),
	CONSTRAINT ck_dump_sha256 CHECK (length(sha256) = 32),
	CONSTRAINT ck_dump_size CHECK (size > 0)
)
-- end
ALTER TABLE dump ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON dump USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()))
-- end
CREATE TABLE erasure_link (
	bucket INTEGER NOT NULL,
	id_hash BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_erasure_link PRIMARY KEY (bucket, id_hash, subject),
	CONSTRAINT ck_erasure_link_id_hash CHECK (length(id_hash) = 32)
)
-- end
CREATE FUNCTION erasure_link_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'erasure_link is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER erasure_link_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON erasure_link FOR EACH STATEMENT EXECUTE FUNCTION erasure_link_append_only()
-- end
ALTER TABLE erasure_link ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON erasure_link USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE erasure_order (
	bucket INTEGER NOT NULL,
	subject BYTEA NOT NULL,
	id BYTEA NOT NULL,
	actor TEXT NOT NULL,
	reason TEXT NOT NULL,
	secret BYTEA NOT NULL,
	sealed BYTEA NOT NULL,
	first_year INTEGER NOT NULL,
	tags BYTEA NOT NULL,
	requested_at BIGINT NOT NULL,
	CONSTRAINT pk_erasure_order PRIMARY KEY (bucket, subject),
	CONSTRAINT uq_erasure_order_id_bucket UNIQUE (id, bucket),
	CONSTRAINT ck_erasure_order_reason CHECK (reason IN ('requested', 'retention', 'ordered')),
	CONSTRAINT ck_erasure_order_secret CHECK (length(secret) = 32)
)
-- end
CREATE INDEX ix_erasure_order_oldest ON erasure_order (requested_at, bucket, subject)
-- end
ALTER TABLE erasure_order ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON erasure_order USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE failed_attempt (
	source BYTEA NOT NULL,
	period BIGINT NOT NULL,
	failures INTEGER NOT NULL,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_failed_attempt PRIMARY KEY (source, period)
)
-- end
ALTER TABLE failed_attempt ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON failed_attempt USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()))
-- end
CREATE TABLE honey (
	bucket INTEGER NOT NULL,
	mac BYTEA NOT NULL,
	planted_at BIGINT NOT NULL,
	CONSTRAINT pk_honey PRIMARY KEY (bucket, mac),
	CONSTRAINT ck_honey_mac CHECK (length(mac) = 32)
)
-- end
CREATE FUNCTION honey_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'honey is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER honey_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON honey FOR EACH STATEMENT EXECUTE FUNCTION honey_append_only()
-- end
ALTER TABLE honey ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON honey USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE job (
	id BYTEA NOT NULL,
	kind TEXT NOT NULL,
	payload TEXT NOT NULL,
	state TEXT NOT NULL,
	code TEXT,
	result TEXT,
	attempts INTEGER NOT NULL,
	owner TEXT,
	lease_until BIGINT,
	stage TEXT NOT NULL,
	done BIGINT NOT NULL,
	total BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_job PRIMARY KEY (id),
	CONSTRAINT ck_job_state CHECK (state IN ('queued', 'running', 'done', 'failed')),
	CONSTRAINT ck_job_owned CHECK ((state = 'running') = (owner IS NOT NULL)),
	CONSTRAINT ck_job_reason CHECK ((state = 'failed') = (code IS NOT NULL)),
	CONSTRAINT ck_job_result CHECK (result IS NULL OR state = 'done')
)
-- end
CREATE INDEX ix_job_state_created_at ON job (state, created_at)
-- end
ALTER TABLE job ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON job USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()))
-- end
CREATE TABLE kept_person (
	bucket INTEGER NOT NULL,
	key_hash BYTEA NOT NULL,
	at INTEGER NOT NULL,
	request_hash BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	sealed BYTEA NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_kept_person PRIMARY KEY (bucket, key_hash, at),
	CONSTRAINT ck_kept_person_hashes CHECK (length(key_hash) = 32 AND length(request_hash) = 32),
	CONSTRAINT ck_kept_person_at CHECK (at >= 0)
)
-- end
CREATE INDEX ix_kept_person_created_at ON kept_person (created_at)
-- end
ALTER TABLE kept_person ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON kept_person USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE key_backup (
	tenant BYTEA NOT NULL,
	made_at BIGINT NOT NULL,
	epoch BIGINT NOT NULL,
	CONSTRAINT pk_key_backup PRIMARY KEY (tenant, made_at),
	CONSTRAINT ck_key_backup_tenant CHECK (length(tenant) = 16),
	CONSTRAINT ck_key_backup_epoch CHECK (epoch <= made_at)
)
-- end
CREATE FUNCTION key_backup_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'key_backup is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER key_backup_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON key_backup FOR EACH STATEMENT EXECUTE FUNCTION key_backup_append_only()
-- end
ALTER TABLE key_backup ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON key_backup USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()))
-- end
CREATE TABLE leak_owner (
	bucket INTEGER NOT NULL,
	subject BYTEA NOT NULL,
	leak BYTEA NOT NULL,
	name BYTEA NOT NULL,
	home INTEGER NOT NULL,
	slot INTEGER NOT NULL,
	CONSTRAINT pk_leak_owner PRIMARY KEY (bucket, subject, leak, name)
)
-- end
ALTER TABLE leak_owner ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON leak_owner USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE leak_period (
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	period INTEGER NOT NULL,
	bits INTEGER NOT NULL,
	size INTEGER NOT NULL,
	begun_at BIGINT NOT NULL,
	current_since BIGINT,
	CONSTRAINT pk_leak_period PRIMARY KEY (tenant, period),
	CONSTRAINT ck_leak_period_shape CHECK (period > 0 AND bits BETWEEN 0 AND 16 AND size > 0)
)
-- end
ALTER TABLE leak_period ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON leak_period USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()))
-- end
CREATE TABLE leak_point (
	bucket INTEGER NOT NULL,
	slot INTEGER NOT NULL,
	leak BYTEA NOT NULL,
	name BYTEA NOT NULL,
	period INTEGER NOT NULL,
	based BYTEA NOT NULL,
	label BYTEA NOT NULL,
	CONSTRAINT pk_leak_point PRIMARY KEY (bucket, slot, leak, name, period),
	CONSTRAINT ck_leak_point_lengths CHECK (length(based) = 32 AND length(label) = 16 AND length(name) = 16)
)
-- end
ALTER TABLE leak_point ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON leak_point USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE ledger_checkpoint (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	size BIGINT NOT NULL,
	root BYTEA NOT NULL,
	frontier BYTEA NOT NULL,
	note BYTEA NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_ledger_checkpoint PRIMARY KEY (bucket, year, size)
)
-- end
CREATE FUNCTION ledger_checkpoint_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ledger_checkpoint is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER ledger_checkpoint_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_checkpoint FOR EACH STATEMENT EXECUTE FUNCTION ledger_checkpoint_append_only()
-- end
CREATE FUNCTION ledger_checkpoint_ended() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM ledger_given_up g WHERE g.bucket = NEW.bucket AND g.year = NEW.year) THEN RAISE EXCEPTION 'a log that was given up is signed no more' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER ledger_checkpoint_ended BEFORE INSERT ON ledger_checkpoint FOR EACH ROW EXECUTE FUNCTION ledger_checkpoint_ended()
-- end
ALTER TABLE ledger_checkpoint ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON ledger_checkpoint USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE ledger_entry (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	idx BIGINT NOT NULL,
	id BYTEA NOT NULL,
	leaf BYTEA NOT NULL,
	body BYTEA NOT NULL,
	CONSTRAINT pk_ledger_entry PRIMARY KEY (bucket, year, idx),
	CONSTRAINT uq_ledger_entry_id_bucket_year UNIQUE (id, bucket, year),
	CONSTRAINT ck_ledger_entry_idx CHECK (idx >= 0)
)
-- end
CREATE FUNCTION ledger_entry_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ledger_entry is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entry FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_append_only()
-- end
CREATE FUNCTION ledger_entry_closed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM (SELECT DISTINCT bucket, year FROM fresh) f JOIN ledger_head h ON h.bucket = f.bucket AND h.year = f.year WHERE h.closed_at IS NOT NULL) THEN RAISE EXCEPTION 'a closed log takes nothing any more' USING ERRCODE = '23514'; END IF; RETURN NULL; END $$
-- end
CREATE TRIGGER ledger_entry_closed AFTER INSERT ON ledger_entry REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_closed()
-- end
ALTER TABLE ledger_entry ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON ledger_entry USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE ledger_head (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	size BIGINT NOT NULL,
	root BYTEA NOT NULL,
	frontier BYTEA NOT NULL,
	ts BIGINT NOT NULL,
	closed_at BIGINT,
	carried_at BIGINT,
	CONSTRAINT pk_ledger_head PRIMARY KEY (bucket, year),
	CONSTRAINT ck_ledger_head_size CHECK (size >= 0),
	CONSTRAINT ck_ledger_head_carried CHECK (carried_at IS NULL OR closed_at IS NOT NULL)
)
-- end
CREATE FUNCTION ledger_head_closed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.closed_at IS NOT NULL AND (NEW.size <> OLD.size OR NEW.root <> OLD.root OR NEW.closed_at IS NULL OR OLD.carried_at IS NOT NULL) THEN RAISE EXCEPTION 'a closed log takes nothing any more' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER ledger_head_closed BEFORE UPDATE ON ledger_head FOR EACH ROW EXECUTE FUNCTION ledger_head_closed()
-- end
ALTER TABLE ledger_head ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON ledger_head USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE ledger_index_chunk (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	upto BIGINT NOT NULL,
	n BIGINT NOT NULL,
	first BYTEA NOT NULL,
	root BYTEA,
	data BYTEA NOT NULL,
	CONSTRAINT pk_ledger_index_chunk PRIMARY KEY (bucket, year, upto, n)
)
-- end
ALTER TABLE ledger_index_chunk ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON ledger_index_chunk USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE ledger_subject_head (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	tag BYTEA NOT NULL,
	n BIGINT NOT NULL,
	leaf BYTEA NOT NULL,
	idx BIGINT NOT NULL,
	CONSTRAINT pk_ledger_subject_head PRIMARY KEY (bucket, year, tag)
)
-- end
ALTER TABLE ledger_subject_head ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON ledger_subject_head USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE ledger_tile (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	level INTEGER NOT NULL,
	n BIGINT NOT NULL,
	root BYTEA NOT NULL,
	data BYTEA NOT NULL,
	CONSTRAINT pk_ledger_tile PRIMARY KEY (bucket, year, level, n),
	CONSTRAINT ck_ledger_tile_full CHECK (length(data) = 8192)
)
-- end
CREATE FUNCTION ledger_tile_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ledger_tile is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER ledger_tile_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_tile FOR EACH STATEMENT EXECUTE FUNCTION ledger_tile_append_only()
-- end
ALTER TABLE ledger_tile ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON ledger_tile USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE linkage_choice (
	id BYTEA NOT NULL,
	at BIGINT NOT NULL,
	choice TEXT NOT NULL,
	actor TEXT NOT NULL,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_linkage_choice PRIMARY KEY (id),
	CONSTRAINT ck_linkage_choice_choice CHECK (choice IN ('off', 'blind', 'plain'))
)
-- end
CREATE INDEX ix_linkage_choice_at ON linkage_choice (at)
-- end
CREATE FUNCTION linkage_choice_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'linkage_choice is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER linkage_choice_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON linkage_choice FOR EACH STATEMENT EXECUTE FUNCTION linkage_choice_append_only()
-- end
ALTER TABLE linkage_choice ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON linkage_choice USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()))
-- end
CREATE TABLE mark_opt_out (
	bucket INTEGER NOT NULL,
	subject BYTEA NOT NULL,
	chosen_at BIGINT NOT NULL,
	CONSTRAINT pk_mark_opt_out PRIMARY KEY (bucket, subject)
)
-- end
ALTER TABLE mark_opt_out ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON mark_opt_out USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE mark_rule (
	purpose TEXT NOT NULL,
	tenant BYTEA NOT NULL,
	number BIGINT NOT NULL,
	carriers TEXT NOT NULL,
	decided_at BIGINT NOT NULL,
	CONSTRAINT pk_mark_rule PRIMARY KEY (purpose, tenant, number),
	CONSTRAINT ck_mark_rule_number CHECK (number >= 1),
	CONSTRAINT fk_mark_rule_purpose FOREIGN KEY(purpose) REFERENCES purpose (code)
)
-- end
CREATE FUNCTION mark_rule_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'mark_rule is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER mark_rule_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON mark_rule FOR EACH STATEMENT EXECUTE FUNCTION mark_rule_append_only()
-- end
CREATE FUNCTION mark_rule_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.number > 1 AND NOT EXISTS (SELECT 1 FROM mark_rule m WHERE m.tenant = NEW.tenant AND m.purpose = NEW.purpose AND m.number = NEW.number - 1) THEN RAISE EXCEPTION 'mark_rule: decisions follow each other' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER mark_rule_before_insert BEFORE INSERT ON mark_rule FOR EACH ROW EXECUTE FUNCTION mark_rule_before_insert()
-- end
ALTER TABLE mark_rule ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON mark_rule USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()))
-- end
CREATE TABLE own_field (
	tenant BYTEA NOT NULL,
	purpose TEXT NOT NULL,
	field TEXT NOT NULL,
	offered_at BIGINT NOT NULL,
	withheld_at BIGINT,
	CONSTRAINT pk_own_field PRIMARY KEY (tenant, purpose, field),
	CONSTRAINT ck_own_field_field CHECK (substr(field, 1, 2) = 'x_'),
	CONSTRAINT fk_own_field_purpose FOREIGN KEY(purpose) REFERENCES purpose (code)
)
-- end
CREATE FUNCTION own_field_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'own_field: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER own_field_before_update BEFORE UPDATE ON own_field FOR EACH ROW WHEN (NEW.tenant IS DISTINCT FROM OLD.tenant OR NEW.purpose IS DISTINCT FROM OLD.purpose OR NEW.field IS DISTINCT FROM OLD.field OR NEW.offered_at IS DISTINCT FROM OLD.offered_at) EXECUTE FUNCTION own_field_before_update()
-- end
CREATE FUNCTION own_field_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'own_field: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER own_field_stays BEFORE DELETE OR TRUNCATE ON own_field FOR EACH STATEMENT EXECUTE FUNCTION own_field_stays()
-- end
ALTER TABLE own_field ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON own_field USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()))
-- end
CREATE TABLE passkey (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	credential_id BYTEA NOT NULL,
	public_key BYTEA NOT NULL,
	sign_count BIGINT NOT NULL,
	name TEXT NOT NULL,
	backed_up BOOLEAN NOT NULL,
	created_at BIGINT NOT NULL,
	used_at BIGINT,
	CONSTRAINT pk_passkey PRIMARY KEY (bucket, id),
	CONSTRAINT uq_passkey_credential_id_bucket UNIQUE (credential_id, bucket),
	CONSTRAINT ck_passkey_credential_id CHECK (length(credential_id) BETWEEN 16 AND 1023),
	CONSTRAINT ck_passkey_public_key CHECK (length(public_key) BETWEEN 1 AND 2048),
	CONSTRAINT ck_passkey_sign_count CHECK (sign_count >= 0),
	CONSTRAINT ck_passkey_name CHECK (length(name) BETWEEN 1 AND 100)
)
-- end
CREATE INDEX ix_passkey_subject ON passkey (subject, bucket)
-- end
CREATE FUNCTION passkey_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.bucket <> OLD.bucket OR NEW.id <> OLD.id OR NEW.subject <> OLD.subject OR NEW.credential_id <> OLD.credential_id OR NEW.public_key <> OLD.public_key OR NEW.backed_up <> OLD.backed_up OR NEW.created_at <> OLD.created_at THEN RAISE EXCEPTION 'passkey: these columns never change' USING ERRCODE = '23514'; END IF; IF NEW.sign_count < OLD.sign_count THEN RAISE EXCEPTION 'passkey: the counter only goes up' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER passkey_before_update BEFORE UPDATE ON passkey FOR EACH ROW EXECUTE FUNCTION passkey_before_update()
-- end
ALTER TABLE passkey ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON passkey USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE passkey_alarm (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	passkey_id BYTEA NOT NULL,
	stored_count BIGINT NOT NULL,
	given_count BIGINT NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_passkey_alarm PRIMARY KEY (bucket, id),
	CONSTRAINT ck_passkey_alarm_backwards CHECK (given_count <= stored_count)
)
-- end
CREATE INDEX ix_passkey_alarm_subject ON passkey_alarm (subject, bucket)
-- end
CREATE FUNCTION passkey_alarm_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'passkey_alarm is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER passkey_alarm_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON passkey_alarm FOR EACH STATEMENT EXECUTE FUNCTION passkey_alarm_append_only()
-- end
ALTER TABLE passkey_alarm ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON passkey_alarm USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE person (
	bucket INTEGER NOT NULL,
	subject BYTEA NOT NULL,
	tenant BYTEA NOT NULL,
	state TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	erased_at BIGINT,
	merged_into BYTEA,
	key_epoch INTEGER DEFAULT 1 NOT NULL,
	CONSTRAINT pk_person PRIMARY KEY (bucket, subject),
	CONSTRAINT ck_person_state CHECK (state IN ('active', 'merged', 'erased')),
	CONSTRAINT ck_person_merged_into CHECK ((merged_into IS NULL) OR state <> 'active'),
	CONSTRAINT ck_person_merged CHECK (state <> 'merged' OR merged_into IS NOT NULL),
	CONSTRAINT ck_person_erased_at CHECK ((state = 'erased') = (erased_at IS NOT NULL)),
	CONSTRAINT ck_person_subject CHECK (length(subject) = 16),
	CONSTRAINT ck_person_key_epoch CHECK (key_epoch >= 1)
)
-- end
CREATE INDEX ix_person_merged_into ON person (merged_into) WHERE merged_into IS NOT NULL
-- end
CREATE FUNCTION person_erased_for_good() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.state = 'erased' AND (NEW.state IS DISTINCT FROM OLD.state OR NEW.erased_at IS DISTINCT FROM OLD.erased_at) THEN RAISE EXCEPTION 'an erased person stays erased' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER person_erased_for_good BEFORE UPDATE ON person FOR EACH ROW EXECUTE FUNCTION person_erased_for_good()
-- end
CREATE FUNCTION person_erased_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.state = 'erased' THEN RAISE EXCEPTION 'an erased person stays erased' USING ERRCODE = '23514'; END IF; RETURN OLD; END $$
-- end
CREATE TRIGGER person_erased_is_kept BEFORE DELETE ON person FOR EACH ROW EXECUTE FUNCTION person_erased_is_kept()
-- end
ALTER TABLE person ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON person USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0 AND tenant = (SELECT perusal_tenant()))
-- end
CREATE TABLE person_notice (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	kind TEXT NOT NULL,
	about TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	seen_at BIGINT,
	CONSTRAINT pk_person_notice PRIMARY KEY (bucket, id),
	CONSTRAINT ck_person_notice_seen_at CHECK (seen_at >= created_at)
)
-- end
CREATE INDEX ix_person_notice_subject ON person_notice (subject, bucket)
-- end
CREATE FUNCTION person_notice_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'person_notice: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER person_notice_before_update BEFORE UPDATE ON person_notice FOR EACH ROW WHEN (NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.id IS DISTINCT FROM OLD.id OR NEW.subject IS DISTINCT FROM OLD.subject OR NEW.kind IS DISTINCT FROM OLD.kind OR NEW.about IS DISTINCT FROM OLD.about OR NEW.created_at IS DISTINCT FROM OLD.created_at) EXECUTE FUNCTION person_notice_before_update()
-- end
CREATE FUNCTION person_notice_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'person_notice: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER person_notice_stays BEFORE DELETE OR TRUNCATE ON person_notice FOR EACH STATEMENT EXECUTE FUNCTION person_notice_stays()
-- end
CREATE FUNCTION person_notice_before_update_of_seen_at() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'person_notice: a notice is seen once' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER person_notice_before_update_of_seen_at BEFORE UPDATE OF seen_at ON person_notice FOR EACH ROW WHEN (OLD.seen_at IS NOT NULL AND NEW.seen_at IS DISTINCT FROM OLD.seen_at) EXECUTE FUNCTION person_notice_before_update_of_seen_at()
-- end
ALTER TABLE person_notice ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON person_notice USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE portal_session (
	bucket INTEGER NOT NULL,
	id_hash BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	created_at BIGINT NOT NULL,
	seen_at BIGINT NOT NULL,
	CONSTRAINT pk_portal_session PRIMARY KEY (bucket, id_hash),
	CONSTRAINT ck_portal_session_order CHECK (seen_at >= created_at)
)
-- end
CREATE INDEX ix_portal_session_bucket_subject ON portal_session (bucket, subject)
-- end
CREATE INDEX ix_portal_session_seen_at ON portal_session (seen_at)
-- end
ALTER TABLE portal_session ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON portal_session USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE purpose_field (
	purpose TEXT NOT NULL,
	field TEXT NOT NULL,
	CONSTRAINT pk_purpose_field PRIMARY KEY (purpose, field),
	CONSTRAINT fk_purpose_field_purpose FOREIGN KEY(purpose) REFERENCES purpose (code)
)
-- end
CREATE FUNCTION purpose_field_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'purpose_field is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER purpose_field_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON purpose_field FOR EACH STATEMENT EXECUTE FUNCTION purpose_field_append_only()
-- end
CREATE TABLE recipient (
	id TEXT NOT NULL,
	legal_name TEXT NOT NULL,
	contact TEXT NOT NULL,
	registration_no TEXT NOT NULL,
	event_uri TEXT,
	created_at BIGINT NOT NULL,
	suspended_at BIGINT,
	kind TEXT DEFAULT 'organisation' NOT NULL,
	jurisdiction TEXT DEFAULT 'CN' NOT NULL,
	country TEXT DEFAULT 'CN' NOT NULL,
	erase_days INTEGER DEFAULT '15' NOT NULL,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_recipient PRIMARY KEY (id),
	CONSTRAINT ck_recipient_kind CHECK (kind IN ('organisation', 'staff')),
	CONSTRAINT ck_recipient_erase_days CHECK (erase_days BETWEEN 1 AND 3660),
	CONSTRAINT uq_recipient_registration_no UNIQUE (registration_no, tenant)
)
-- end
CREATE FUNCTION recipient_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'recipient: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER recipient_before_update BEFORE UPDATE ON recipient FOR EACH ROW WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.legal_name IS DISTINCT FROM OLD.legal_name OR NEW.registration_no IS DISTINCT FROM OLD.registration_no OR NEW.created_at IS DISTINCT FROM OLD.created_at OR NEW.kind IS DISTINCT FROM OLD.kind OR NEW.jurisdiction IS DISTINCT FROM OLD.jurisdiction OR NEW.country IS DISTINCT FROM OLD.country OR NEW.tenant IS DISTINCT FROM OLD.tenant) EXECUTE FUNCTION recipient_before_update()
-- end
CREATE FUNCTION recipient_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'recipient: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER recipient_stays BEFORE DELETE OR TRUNCATE ON recipient FOR EACH STATEMENT EXECUTE FUNCTION recipient_stays()
-- end
ALTER TABLE recipient ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON recipient USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()))
-- end
CREATE TABLE recovery (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	cancel_hash BYTEA NOT NULL,
	asked_at BIGINT NOT NULL,
	due_at BIGINT NOT NULL,
	lapses_at BIGINT NOT NULL,
	ended_at BIGINT,
	"end" TEXT,
	CONSTRAINT pk_recovery PRIMARY KEY (bucket, id),
	CONSTRAINT uq_recovery_cancel_hash_bucket UNIQUE (cancel_hash, bucket),
	CONSTRAINT ck_recovery_delay CHECK (due_at >= asked_at + 86400000 AND lapses_at > due_at),
	CONSTRAINT ck_recovery_ended CHECK ((ended_at IS NULL) = ("end" IS NULL)),
	CONSTRAINT ck_recovery_end CHECK ("end" IS NULL OR "end" IN ('taken', 'cancelled', 'lapsed')),
	CONSTRAINT ck_recovery_taken CHECK ("end" IS NULL OR "end" <> 'taken' OR (ended_at >= due_at AND ended_at < lapses_at)),
	CONSTRAINT ck_recovery_lengths CHECK (length(subject) = 16 AND length(cancel_hash) = 32)
)
-- end
CREATE INDEX ix_recovery_subject ON recovery (subject, bucket)
-- end
CREATE UNIQUE INDEX uq_recovery_open ON recovery (subject, bucket) WHERE ended_at IS NULL
-- end
CREATE FUNCTION recovery_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'recovery: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER recovery_before_update BEFORE UPDATE ON recovery FOR EACH ROW WHEN (NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.id IS DISTINCT FROM OLD.id OR NEW.subject IS DISTINCT FROM OLD.subject OR NEW.cancel_hash IS DISTINCT FROM OLD.cancel_hash OR NEW.asked_at IS DISTINCT FROM OLD.asked_at OR NEW.due_at IS DISTINCT FROM OLD.due_at OR NEW.lapses_at IS DISTINCT FROM OLD.lapses_at) EXECUTE FUNCTION recovery_before_update()
-- end
CREATE FUNCTION recovery_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'recovery: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER recovery_stays BEFORE DELETE OR TRUNCATE ON recovery FOR EACH STATEMENT EXECUTE FUNCTION recovery_stays()
-- end
CREATE FUNCTION recovery_before_insert_open() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'recovery: a replacement begins open' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER recovery_before_insert_open BEFORE INSERT ON recovery FOR EACH ROW WHEN (NEW.ended_at IS NOT NULL) EXECUTE FUNCTION recovery_before_insert_open()
-- end
CREATE FUNCTION recovery_before_update_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.ended_at IS NOT NULL THEN RAISE EXCEPTION 'recovery: a replacement ends once' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER recovery_before_update_once BEFORE UPDATE ON recovery FOR EACH ROW EXECUTE FUNCTION recovery_before_update_once()
-- end
ALTER TABLE recovery ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON recovery USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE relay_number (
	place BYTEA NOT NULL,
	number TEXT NOT NULL,
	added_at BIGINT NOT NULL,
	holder BYTEA,
	taken_at BIGINT,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_relay_number PRIMARY KEY (place),
	CONSTRAINT uq_relay_number_tenant_number UNIQUE (tenant, number),
	CONSTRAINT uq_relay_number_tenant_holder UNIQUE (tenant, holder),
	CONSTRAINT ck_relay_number_taken CHECK ((holder IS NULL) = (taken_at IS NULL))
)
-- end
CREATE FUNCTION relay_number_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'relay_number: a number is given once' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER relay_number_before_update BEFORE UPDATE ON relay_number FOR EACH ROW WHEN (OLD.holder IS NOT NULL) EXECUTE FUNCTION relay_number_before_update()
-- end
ALTER TABLE relay_number ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON relay_number USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()))
-- end
CREATE TABLE replay (
	bucket INTEGER NOT NULL,
	hash BYTEA NOT NULL,
	expires_at BIGINT NOT NULL,
	CONSTRAINT pk_replay PRIMARY KEY (bucket, hash)
)
-- end
CREATE INDEX ix_replay_expires_at ON replay (expires_at)
-- end
CREATE FUNCTION replay_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'replay: what was shown is remembered as it was' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER replay_before_update BEFORE UPDATE ON replay FOR EACH ROW EXECUTE FUNCTION replay_before_update()
-- end
ALTER TABLE replay ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON replay USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE sign_in_code (
	bucket INTEGER NOT NULL,
	address BYTEA NOT NULL,
	asked BYTEA NOT NULL,
	ticket_hash BYTEA NOT NULL,
	code_mac BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	tries INTEGER NOT NULL,
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	used_at BIGINT,
	CONSTRAINT pk_sign_in_code PRIMARY KEY (bucket, address, asked),
	CONSTRAINT uq_sign_in_code_ticket_hash_bucket UNIQUE (ticket_hash, bucket),
	CONSTRAINT ck_sign_in_code_lengths CHECK (length(address) = 32 AND length(asked) = 32 AND length(code_mac) = 32 AND length(subject) = 16),
	CONSTRAINT ck_sign_in_code_tries CHECK (tries >= 0 AND tries <= 5),
	CONSTRAINT ck_sign_in_code_order CHECK (created_at < expires_at)
)
-- end
CREATE INDEX ix_sign_in_code_expires_at ON sign_in_code (expires_at)
-- end
CREATE FUNCTION sign_in_code_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.used_at IS NOT NULL AND NEW.used_at IS DISTINCT FROM OLD.used_at THEN RAISE EXCEPTION 'sign_in_code: a code that is used stays used' USING ERRCODE = '23514'; END IF; IF NEW.used_at IS NOT NULL AND NEW.tries = 0 THEN RAISE EXCEPTION 'sign_in_code: a code is used by trying it' USING ERRCODE = '23514'; END IF; IF NEW.tries < OLD.tries THEN RAISE EXCEPTION 'sign_in_code: tries are counted upwards' USING ERRCODE = '23514'; END IF; IF NEW.code_mac <> OLD.code_mac OR NEW.subject <> OLD.subject OR NEW.created_at <> OLD.created_at OR NEW.expires_at <> OLD.expires_at THEN RAISE EXCEPTION 'sign_in_code: a code never changes' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER sign_in_code_before_update BEFORE UPDATE ON sign_in_code FOR EACH ROW WHEN (NEW.ticket_hash = OLD.ticket_hash) EXECUTE FUNCTION sign_in_code_before_update()
-- end
CREATE FUNCTION sign_in_code_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'sign_in_code: a code begins unused' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER sign_in_code_before_insert BEFORE INSERT ON sign_in_code FOR EACH ROW WHEN (NEW.tries <> 0 OR NEW.used_at IS NOT NULL) EXECUTE FUNCTION sign_in_code_before_insert()
-- end
ALTER TABLE sign_in_code ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON sign_in_code USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE sign_in_record (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	how TEXT NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_sign_in_record PRIMARY KEY (bucket, id),
	CONSTRAINT ck_sign_in_record_how CHECK (how IN ('key', 'code', 'passkey'))
)
-- end
CREATE INDEX ix_sign_in_record_subject ON sign_in_record (subject, bucket)
-- end
CREATE FUNCTION sign_in_record_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'sign_in_record is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER sign_in_record_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON sign_in_record FOR EACH STATEMENT EXECUTE FUNCTION sign_in_record_append_only()
-- end
ALTER TABLE sign_in_record ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON sign_in_record USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE signing_key (
	name TEXT NOT NULL,
	generation INTEGER NOT NULL,
	tenant BYTEA NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_signing_key PRIMARY KEY (name, generation, tenant),
	CONSTRAINT ck_signing_key_generation CHECK (generation >= 2)
)
-- end
CREATE FUNCTION signing_key_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'signing_key is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER signing_key_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON signing_key FOR EACH STATEMENT EXECUTE FUNCTION signing_key_append_only()
-- end
CREATE FUNCTION signing_key_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.generation > 2 AND NOT EXISTS (SELECT 1 FROM signing_key k WHERE k.tenant = NEW.tenant AND k.name = NEW.name AND k.generation = NEW.generation - 1 AND k.created_at < NEW.created_at) THEN RAISE EXCEPTION 'signing_key: generations follow each other' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER signing_key_before_insert BEFORE INSERT ON signing_key FOR EACH ROW EXECUTE FUNCTION signing_key_before_insert()
-- end
ALTER TABLE signing_key ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON signing_key USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()))
-- end
CREATE TABLE staff (
	key_hash BYTEA NOT NULL,
	actor TEXT NOT NULL,
	role TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	ended_at BIGINT,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_staff PRIMARY KEY (key_hash),
	CONSTRAINT ck_staff_role CHECK (role IN ('investigator', 'operator', 'auditor'))
)
-- end
ALTER TABLE staff ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON staff USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()))
-- end
CREATE TABLE staff_refusal (
	bucket INTEGER NOT NULL,
	subject BYTEA NOT NULL,
	day BIGINT NOT NULL,
	staff TEXT NOT NULL,
	code TEXT NOT NULL,
	reason TEXT NOT NULL,
	fields TEXT NOT NULL,
	attempts BIGINT NOT NULL,
	first_at BIGINT NOT NULL,
	last_at BIGINT NOT NULL,
	CONSTRAINT pk_staff_refusal PRIMARY KEY (bucket, subject, day, staff, code),
	CONSTRAINT ck_staff_refusal_reason CHECK (reason IN ('life_at_risk', 'court_order', 'authority_demand', 'person_asked', 'leak_investigation', 'fault_repair')),
	CONSTRAINT ck_staff_refusal_attempts CHECK (attempts >= 1 AND first_at <= last_at)
)
-- end
CREATE FUNCTION staff_refusal_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'staff_refusal: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER staff_refusal_before_update BEFORE UPDATE ON staff_refusal FOR EACH ROW WHEN (NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.subject IS DISTINCT FROM OLD.subject OR NEW.day IS DISTINCT FROM OLD.day OR NEW.staff IS DISTINCT FROM OLD.staff OR NEW.code IS DISTINCT FROM OLD.code OR NEW.reason IS DISTINCT FROM OLD.reason OR NEW.fields IS DISTINCT FROM OLD.fields OR NEW.first_at IS DISTINCT FROM OLD.first_at) EXECUTE FUNCTION staff_refusal_before_update()
-- end
CREATE FUNCTION staff_refusal_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'staff_refusal: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER staff_refusal_stays BEFORE DELETE OR TRUNCATE ON staff_refusal FOR EACH STATEMENT EXECUTE FUNCTION staff_refusal_stays()
-- end
CREATE FUNCTION staff_refusal_before_update_of_attempts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.attempts <= OLD.attempts OR NEW.last_at < OLD.last_at THEN RAISE EXCEPTION 'staff_refusal: attempts are counted upwards' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER staff_refusal_before_update_of_attempts BEFORE UPDATE OF attempts ON staff_refusal FOR EACH ROW EXECUTE FUNCTION staff_refusal_before_update_of_attempts()
-- end
ALTER TABLE staff_refusal ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON staff_refusal USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE tag_index (
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	epoch SMALLINT NOT NULL,
	begun_at BIGINT NOT NULL,
	manifest BYTEA,
	CONSTRAINT pk_tag_index PRIMARY KEY (tenant),
	CONSTRAINT ck_tag_index_manifest CHECK (manifest IS NULL OR length(manifest) = 32)
)
-- end
ALTER TABLE tag_index ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON tag_index USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()))
-- end
CREATE TABLE unique_key (
	bucket INTEGER NOT NULL,
	kind SMALLINT NOT NULL,
	epoch SMALLINT NOT NULL,
	tag BIGINT NOT NULL,
	subject BYTEA NOT NULL,
	CONSTRAINT pk_unique_key PRIMARY KEY (bucket, kind, epoch, tag)
)
-- end
ALTER TABLE unique_key ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON unique_key USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE ask_handle (
	bucket INTEGER NOT NULL,
	hash BYTEA NOT NULL,
	person_bucket INTEGER NOT NULL,
	subject BYTEA NOT NULL,
	recipient_id TEXT NOT NULL,
	allowed_at BIGINT NOT NULL,
	ended_at BIGINT,
	CONSTRAINT pk_ask_handle PRIMARY KEY (bucket, hash),
	CONSTRAINT uq_ask_handle_pair UNIQUE (subject, recipient_id, bucket),
	CONSTRAINT fk_ask_handle_recipient FOREIGN KEY(recipient_id) REFERENCES recipient (id)
)
-- end
CREATE FUNCTION ask_handle_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'ask_handle: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER ask_handle_before_update BEFORE UPDATE ON ask_handle FOR EACH ROW WHEN (NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.hash IS DISTINCT FROM OLD.hash OR NEW.person_bucket IS DISTINCT FROM OLD.person_bucket OR NEW.subject IS DISTINCT FROM OLD.subject OR NEW.recipient_id IS DISTINCT FROM OLD.recipient_id) EXECUTE FUNCTION ask_handle_before_update()
-- end
CREATE FUNCTION ask_handle_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ask_handle: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER ask_handle_stays BEFORE DELETE OR TRUNCATE ON ask_handle FOR EACH STATEMENT EXECUTE FUNCTION ask_handle_stays()
-- end
ALTER TABLE ask_handle ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON ask_handle USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0 AND (EXISTS (SELECT 1 FROM recipient r WHERE r.id = ask_handle.recipient_id)))
-- end
CREATE TABLE asking_again (
	bucket INTEGER NOT NULL,
	subject BYTEA NOT NULL,
	recipient_id TEXT NOT NULL,
	purpose TEXT NOT NULL,
	allowed_at BIGINT NOT NULL,
	CONSTRAINT pk_asking_again PRIMARY KEY (bucket, subject, recipient_id, purpose, allowed_at),
	CONSTRAINT fk_asking_again_consumer FOREIGN KEY(bucket, subject) REFERENCES consumer (bucket, subject),
	CONSTRAINT fk_asking_again_purpose FOREIGN KEY(purpose) REFERENCES purpose (code),
	CONSTRAINT fk_asking_again_recipient FOREIGN KEY(recipient_id) REFERENCES recipient (id)
)
-- end
CREATE FUNCTION asking_again_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'asking_again is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER asking_again_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON asking_again FOR EACH STATEMENT EXECUTE FUNCTION asking_again_append_only()
-- end
ALTER TABLE asking_again ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON asking_again USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0 AND (EXISTS (SELECT 1 FROM recipient r WHERE r.id = asking_again.recipient_id)))
-- end
CREATE TABLE client (
	client_id TEXT NOT NULL,
	recipient_id TEXT NOT NULL,
	label TEXT NOT NULL,
	jwks TEXT,
	jwks_uri TEXT,
	redirect_uris TEXT NOT NULL,
	notification_uri TEXT,
	created_at BIGINT NOT NULL,
	suspended_at BIGINT,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_client PRIMARY KEY (client_id),
	CONSTRAINT ck_client_one_source CHECK ((jwks IS NULL) <> (jwks_uri IS NULL)),
	CONSTRAINT uq_client_client_id_recipient_id UNIQUE (client_id, recipient_id),
	CONSTRAINT uq_client_label UNIQUE (recipient_id, label),
	CONSTRAINT fk_client_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipient (id)
)
-- end
CREATE FUNCTION client_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'client: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER client_before_update BEFORE UPDATE ON client FOR EACH ROW WHEN (NEW.client_id IS DISTINCT FROM OLD.client_id OR NEW.recipient_id IS DISTINCT FROM OLD.recipient_id OR NEW.label IS DISTINCT FROM OLD.label OR NEW.created_at IS DISTINCT FROM OLD.created_at OR NEW.tenant IS DISTINCT FROM OLD.tenant) EXECUTE FUNCTION client_before_update()
-- end
CREATE FUNCTION client_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'client: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER client_stays BEFORE DELETE OR TRUNCATE ON client FOR EACH STATEMENT EXECUTE FUNCTION client_stays()
-- end
ALTER TABLE client ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON client USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()) AND (EXISTS (SELECT 1 FROM recipient r WHERE r.id = client.recipient_id)))
-- end
CREATE TABLE custom_field_version (
	tenant BYTEA NOT NULL,
	code TEXT NOT NULL,
	version INTEGER NOT NULL,
	definition TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_custom_field_version PRIMARY KEY (tenant, code, version),
	CONSTRAINT fk_custom_field_version_tenant_code FOREIGN KEY(tenant, code) REFERENCES custom_field (tenant, code),
	CONSTRAINT ck_custom_field_version_version CHECK (version >= 1)
)
-- end
CREATE FUNCTION custom_field_version_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'custom_field_version is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER custom_field_version_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON custom_field_version FOR EACH STATEMENT EXECUTE FUNCTION custom_field_version_append_only()
-- end
ALTER TABLE custom_field_version ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON custom_field_version USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()) AND (EXISTS (SELECT 1 FROM custom_field r WHERE r.tenant = custom_field_version.tenant AND r.code = custom_field_version.code)))
-- end
CREATE TABLE dual_request (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	kind TEXT NOT NULL,
	subject BYTEA,
	staff TEXT NOT NULL,
	actor BYTEA NOT NULL,
	reason TEXT NOT NULL,
	fields TEXT NOT NULL,
	scope TEXT NOT NULL,
	note BYTEA NOT NULL,
	asked_at BIGINT NOT NULL,
	lapses_at BIGINT NOT NULL,
	state TEXT NOT NULL,
	approved_at BIGINT,
	window_to BIGINT,
	ledger_year INTEGER NOT NULL,
	CONSTRAINT pk_dual_request PRIMARY KEY (bucket, id),
	CONSTRAINT ck_dual_request_kind CHECK (kind IN ('break_glass', 'population_scan', 'minor_read')),
	CONSTRAINT ck_dual_request_reason CHECK (reason IN ('life_at_risk', 'court_order', 'authority_demand', 'person_asked', 'leak_investigation', 'fault_repair')),
	CONSTRAINT ck_dual_request_state CHECK (state IN ('asked', 'approved', 'refused')),
	CONSTRAINT ck_dual_request_subject CHECK ((kind <> 'population_scan') = (subject IS NOT NULL)),
	CONSTRAINT ck_dual_request_scope CHECK ((kind = 'population_scan') = (scope <> '')),
	CONSTRAINT ck_dual_request_actor CHECK (length(actor) = 32),
	CONSTRAINT ck_dual_request_lapses_at CHECK (lapses_at > asked_at),
	CONSTRAINT ck_dual_request_asked CHECK (state <> 'asked' OR approved_at IS NULL),
	CONSTRAINT ck_dual_request_approved CHECK (state <> 'approved' OR approved_at IS NOT NULL),
	CONSTRAINT ck_dual_request_window CHECK ((approved_at IS NULL) = (window_to IS NULL)),
	CONSTRAINT ck_dual_request_window_to CHECK (window_to = approved_at + 900000),
	CONSTRAINT fk_dual_request_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE INDEX ix_dual_request_asked_at ON dual_request (asked_at)
-- end
CREATE INDEX ix_dual_request_subject ON dual_request (subject, bucket)
-- end
CREATE FUNCTION dual_request_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'dual_request: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER dual_request_before_update BEFORE UPDATE ON dual_request FOR EACH ROW WHEN (NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.id IS DISTINCT FROM OLD.id OR NEW.kind IS DISTINCT FROM OLD.kind OR NEW.subject IS DISTINCT FROM OLD.subject OR NEW.staff IS DISTINCT FROM OLD.staff OR NEW.actor IS DISTINCT FROM OLD.actor OR NEW.reason IS DISTINCT FROM OLD.reason OR NEW.fields IS DISTINCT FROM OLD.fields OR NEW.scope IS DISTINCT FROM OLD.scope OR NEW.note IS DISTINCT FROM OLD.note OR NEW.asked_at IS DISTINCT FROM OLD.asked_at OR NEW.lapses_at IS DISTINCT FROM OLD.lapses_at OR NEW.ledger_year IS DISTINCT FROM OLD.ledger_year) EXECUTE FUNCTION dual_request_before_update()
-- end
CREATE FUNCTION dual_request_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'dual_request: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER dual_request_stays BEFORE DELETE OR TRUNCATE ON dual_request FOR EACH STATEMENT EXECUTE FUNCTION dual_request_stays()
-- end
CREATE FUNCTION dual_request_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'dual_request: a request is born asked' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER dual_request_before_insert BEFORE INSERT ON dual_request FOR EACH ROW WHEN (NEW.state <> 'asked' OR NEW.approved_at IS NOT NULL) EXECUTE FUNCTION dual_request_before_insert()
-- end
CREATE FUNCTION dual_request_before_update_of_state() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NOT ((OLD.state = 'asked' AND NEW.state IN ('approved', 'refused')) OR (OLD.state = 'approved' AND NEW.state = 'refused')) THEN RAISE EXCEPTION 'dual_request: illegal transition' USING ERRCODE = '23514'; END IF; IF NEW.state = 'approved' AND (CASE NEW.kind WHEN 'minor_read' THEN 1 ELSE 2 END) <> (SELECT count(*) FROM dual_vote v WHERE v.bucket = NEW.bucket AND v.request_id = NEW.id AND v.verdict = 'yes' AND v.actor <> NEW.actor AND v.staff <> NEW.staff) THEN RAISE EXCEPTION 'dual_request: approved without the others it takes' USING ERRCODE = '23514'; END IF; IF NEW.state = 'approved' AND NOT EXISTS (SELECT 1 FROM dual_vote v WHERE v.bucket = NEW.bucket AND v.request_id = NEW.id AND v.place = (CASE NEW.kind WHEN 'minor_read' THEN 1 ELSE 2 END) AND v.voted_at = NEW.approved_at) THEN RAISE EXCEPTION 'dual_request: approved at another time than by the last yes' USING ERRCODE = '23514'; END IF; IF NEW.state = 'refused' AND NOT EXISTS (SELECT 1 FROM dual_vote v WHERE v.bucket = NEW.bucket AND v.request_id = NEW.id AND v.verdict = 'no') THEN RAISE EXCEPTION 'dual_request: refused without a no' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER dual_request_before_update_of_state BEFORE UPDATE OF state ON dual_request FOR EACH ROW WHEN (NEW.state <> OLD.state) EXECUTE FUNCTION dual_request_before_update_of_state()
-- end
CREATE FUNCTION dual_request_before_update_of_approved_at() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'dual_request: an approval is given once' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER dual_request_before_update_of_approved_at BEFORE UPDATE OF approved_at ON dual_request FOR EACH ROW WHEN (NEW.approved_at IS DISTINCT FROM OLD.approved_at AND NOT (OLD.state = 'asked' AND NEW.state = 'approved')) EXECUTE FUNCTION dual_request_before_update_of_approved_at()
-- end
ALTER TABLE dual_request ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON dual_request USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE dump_custody (
	id BYTEA NOT NULL,
	dump BYTEA NOT NULL,
	at BIGINT NOT NULL,
	event TEXT NOT NULL,
	actor TEXT NOT NULL,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_dump_custody PRIMARY KEY (id),
	CONSTRAINT ck_dump_custody_event CHECK (event IN ('received', 'received_again', 'read')),
	CONSTRAINT fk_dump_custody_dump FOREIGN KEY(dump) REFERENCES dump (id)
)
-- end
CREATE INDEX ix_dump_custody_dump_at ON dump_custody (dump, at)
-- end
CREATE FUNCTION dump_custody_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'dump_custody is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER dump_custody_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON dump_custody FOR EACH STATEMENT EXECUTE FUNCTION dump_custody_append_only()
-- end
ALTER TABLE dump_custody ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON dump_custody USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()) AND (EXISTS (SELECT 1 FROM dump r WHERE r.id = dump_custody.dump)))
-- end
CREATE TABLE dump_sketch (
	dump BYTEA NOT NULL,
	epoch INTEGER NOT NULL,
	hashes BYTEA NOT NULL,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_dump_sketch PRIMARY KEY (dump),
	CONSTRAINT ck_dump_sketch_hashes CHECK (length(hashes) <= 32768),
	CONSTRAINT fk_dump_sketch_dump FOREIGN KEY(dump) REFERENCES dump (id)
)
-- end
ALTER TABLE dump_sketch ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON dump_sketch USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()) AND (EXISTS (SELECT 1 FROM dump r WHERE r.id = dump_sketch.dump)))
-- end
CREATE TABLE erasure (
	bucket INTEGER NOT NULL,
	subject BYTEA NOT NULL,
	stage SMALLINT NOT NULL,
	probes BYTEA,
	tags BIGINT NOT NULL,
	versions BIGINT NOT NULL,
	keys INTEGER NOT NULL,
	wrapped_sha256 BYTEA,
	eviction BIGINT,
	ordered_at BIGINT NOT NULL,
	keyless_at BIGINT,
	verified_at BIGINT,
	CONSTRAINT pk_erasure PRIMARY KEY (bucket, subject),
	CONSTRAINT fk_erasure_bucket_subject FOREIGN KEY(bucket, subject) REFERENCES person (bucket, subject),
	CONSTRAINT ck_erasure_stage CHECK (stage BETWEEN 1 AND 4),
	CONSTRAINT ck_erasure_counts CHECK (tags >= 0 AND versions >= 0 AND keys >= 0),
	CONSTRAINT ck_erasure_keyless CHECK ((stage >= 3) = (keyless_at IS NOT NULL)),
	CONSTRAINT ck_erasure_wrapped CHECK (stage < 3 OR wrapped_sha256 IS NOT NULL),
	CONSTRAINT ck_erasure_wrapped_sha256 CHECK (wrapped_sha256 IS NULL OR length(wrapped_sha256) = 32),
	CONSTRAINT ck_erasure_verified CHECK ((stage = 4) = (verified_at IS NOT NULL)),
	CONSTRAINT ck_erasure_probes CHECK ((stage = 4) = (probes IS NULL))
)
-- end
CREATE INDEX ix_erasure_pending ON erasure (stage, bucket) WHERE stage < 4
-- end
CREATE FUNCTION erasure_forward() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.stage < OLD.stage OR OLD.stage = 4 OR NEW.tags < OLD.tags OR NEW.keys < OLD.keys OR NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.subject IS DISTINCT FROM OLD.subject OR NEW.ordered_at IS DISTINCT FROM OLD.ordered_at THEN RAISE EXCEPTION 'an erasure only goes forward' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER erasure_forward BEFORE UPDATE ON erasure FOR EACH ROW EXECUTE FUNCTION erasure_forward()
-- end
CREATE FUNCTION erasure_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'an erasure only goes forward' USING ERRCODE = '23514'; END IF; RETURN OLD; END $$
-- end
CREATE TRIGGER erasure_stays BEFORE DELETE ON erasure FOR EACH ROW EXECUTE FUNCTION erasure_stays()
-- end
ALTER TABLE erasure ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON erasure USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE erasure_certificate (
	bucket INTEGER NOT NULL,
	subject BYTEA NOT NULL,
	id BYTEA NOT NULL,
	secret BYTEA NOT NULL,
	fields TEXT NOT NULL,
	ledger_year INTEGER NOT NULL,
	certified_at BIGINT NOT NULL,
	CONSTRAINT pk_erasure_certificate PRIMARY KEY (bucket, subject),
	CONSTRAINT ck_erasure_certificate_secret CHECK (length(secret) = 32),
	CONSTRAINT fk_erasure_certificate_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE FUNCTION erasure_certificate_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'erasure_certificate is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER erasure_certificate_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON erasure_certificate FOR EACH STATEMENT EXECUTE FUNCTION erasure_certificate_append_only()
-- end
ALTER TABLE erasure_certificate ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON erasure_certificate USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE guardianship (
	bucket INTEGER NOT NULL,
	ward BYTEA NOT NULL,
	guardian BYTEA NOT NULL,
	valid_from BIGINT NOT NULL,
	guardian_bucket INTEGER NOT NULL,
	kind TEXT NOT NULL,
	evidence_sha256 BYTEA NOT NULL,
	valid_until BIGINT,
	decides_until BIGINT,
	ended_at BIGINT,
	CONSTRAINT pk_guardianship PRIMARY KEY (bucket, ward, guardian, valid_from),
	CONSTRAINT fk_guardianship_bucket_ward FOREIGN KEY(bucket, ward) REFERENCES person (bucket, subject),
	CONSTRAINT fk_guardianship_guardian_bucket_guardian FOREIGN KEY(guardian_bucket, guardian) REFERENCES person (bucket, subject),
	CONSTRAINT ck_guardianship_other CHECK (ward <> guardian),
	CONSTRAINT ck_guardianship_kind CHECK (kind IN ('parent', 'appointed')),
	CONSTRAINT ck_guardianship_evidence CHECK (length(evidence_sha256) = 32),
	CONSTRAINT ck_guardianship_window CHECK (valid_until > valid_from),
	CONSTRAINT ck_guardianship_ended_at CHECK (ended_at >= valid_from)
)
-- end
CREATE INDEX ix_guardianship_guardian ON guardianship (guardian, guardian_bucket)
-- end
CREATE INDEX ix_guardianship_over ON guardianship (valid_until) WHERE ended_at IS NULL
-- end
CREATE UNIQUE INDEX uq_guardianship_live ON guardianship (bucket, ward, guardian) WHERE ended_at IS NULL
-- end
CREATE FUNCTION guardianship_ends() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL OR NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.ward IS DISTINCT FROM OLD.ward OR NEW.guardian IS DISTINCT FROM OLD.guardian OR NEW.valid_from IS DISTINCT FROM OLD.valid_from OR NEW.guardian_bucket IS DISTINCT FROM OLD.guardian_bucket OR NEW.kind IS DISTINCT FROM OLD.kind OR NEW.evidence_sha256 IS DISTINCT FROM OLD.evidence_sha256 OR NEW.valid_until IS DISTINCT FROM OLD.valid_until OR NEW.decides_until IS DISTINCT FROM OLD.decides_until THEN RAISE EXCEPTION 'a guardianship only ends, and only once' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER guardianship_ends BEFORE UPDATE ON guardianship FOR EACH ROW EXECUTE FUNCTION guardianship_ends()
-- end
CREATE FUNCTION guardianship_no_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'DELETE' THEN IF NOT EXISTS (SELECT 1 FROM person WHERE bucket = OLD.bucket AND subject = OLD.ward AND state <> 'erased') THEN RETURN OLD; END IF; END IF; RAISE EXCEPTION 'guardianships of a living ward stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER guardianship_no_delete BEFORE DELETE ON guardianship FOR EACH ROW EXECUTE FUNCTION guardianship_no_delete()
-- end
CREATE TRIGGER guardianship_no_truncate BEFORE TRUNCATE ON guardianship EXECUTE FUNCTION guardianship_no_delete()
-- end
ALTER TABLE guardianship ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON guardianship USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0 AND (EXISTS (SELECT 1 FROM person r WHERE r.bucket = guardianship.guardian_bucket AND r.subject = guardianship.guardian)))
-- end
CREATE TABLE leak (
	id BYTEA NOT NULL,
	dump BYTEA NOT NULL,
	done BIGINT NOT NULL,
	begun_at BIGINT NOT NULL,
	published_at BIGINT,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_leak PRIMARY KEY (id),
	CONSTRAINT uq_leak_dump UNIQUE (dump),
	CONSTRAINT ck_leak_done CHECK (done >= 0),
	CONSTRAINT fk_leak_dump FOREIGN KEY(dump) REFERENCES dump (id)
)
-- end
ALTER TABLE leak ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON leak USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()) AND (EXISTS (SELECT 1 FROM dump r WHERE r.id = leak.dump)))
-- end
CREATE TABLE ledger_again (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	idx BIGINT NOT NULL,
	was_year INTEGER,
	was_idx BIGINT,
	CONSTRAINT pk_ledger_again PRIMARY KEY (bucket, year, idx),
	CONSTRAINT ck_ledger_again_was CHECK ((was_year IS NULL) = (was_idx IS NULL)),
	CONSTRAINT uq_ledger_again_bucket_was_year_was_idx UNIQUE (bucket, was_year, was_idx),
	CONSTRAINT fk_ledger_again_bucket_year_idx FOREIGN KEY(bucket, year, idx) REFERENCES ledger_entry (bucket, year, idx),
	CONSTRAINT fk_ledger_again_was FOREIGN KEY(bucket, was_year, was_idx) REFERENCES ledger_entry (bucket, year, idx)
)
-- end
CREATE FUNCTION ledger_again_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ledger_again is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER ledger_again_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_again FOR EACH STATEMENT EXECUTE FUNCTION ledger_again_append_only()
-- end
ALTER TABLE ledger_again ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON ledger_again USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE ledger_cosignature (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	size BIGINT NOT NULL,
	witness TEXT NOT NULL,
	key_id BYTEA NOT NULL,
	line TEXT NOT NULL,
	at_s BIGINT NOT NULL,
	received_at BIGINT NOT NULL,
	CONSTRAINT pk_ledger_cosignature PRIMARY KEY (bucket, year, size, witness, key_id),
	CONSTRAINT fk_ledger_cosignature_bucket_year_size FOREIGN KEY(bucket, year, size) REFERENCES ledger_checkpoint (bucket, year, size)
)
-- end
CREATE FUNCTION ledger_cosignature_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ledger_cosignature is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER ledger_cosignature_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_cosignature FOR EACH STATEMENT EXECUTE FUNCTION ledger_cosignature_append_only()
-- end
ALTER TABLE ledger_cosignature ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON ledger_cosignature USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE ledger_given_up (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	next_year INTEGER NOT NULL,
	size BIGINT NOT NULL,
	root BYTEA NOT NULL,
	note BYTEA NOT NULL,
	kept BIGINT NOT NULL,
	stolen BOOLEAN NOT NULL,
	incident TEXT NOT NULL,
	given_up_at BIGINT NOT NULL,
	CONSTRAINT pk_ledger_given_up PRIMARY KEY (bucket, year),
	CONSTRAINT ck_ledger_given_up_size CHECK (kept >= 0 AND size >= 0),
	CONSTRAINT fk_ledger_given_up_bucket_year FOREIGN KEY(bucket, year) REFERENCES ledger_head (bucket, year),
	CONSTRAINT fk_ledger_given_up_next FOREIGN KEY(bucket, next_year) REFERENCES ledger_head (bucket, year)
)
-- end
CREATE FUNCTION ledger_given_up_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ledger_given_up is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER ledger_given_up_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_given_up FOR EACH STATEMENT EXECUTE FUNCTION ledger_given_up_append_only()
-- end
CREATE FUNCTION ledger_given_up_ends() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM ledger_head h WHERE h.bucket = NEW.bucket AND h.year = NEW.year AND h.closed_at IS NULL) THEN RAISE EXCEPTION 'a log that is given up takes nothing any more' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER ledger_given_up_ends BEFORE INSERT ON ledger_given_up FOR EACH ROW EXECUTE FUNCTION ledger_given_up_ends()
-- end
ALTER TABLE ledger_given_up ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON ledger_given_up USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE ledger_index (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	upto BIGINT NOT NULL,
	idx BIGINT NOT NULL,
	rows BIGINT NOT NULL,
	root BYTEA NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_ledger_index PRIMARY KEY (bucket, year, upto),
	CONSTRAINT ck_ledger_index_upto CHECK (upto <= idx),
	CONSTRAINT fk_ledger_index_bucket_year_idx FOREIGN KEY(bucket, year, idx) REFERENCES ledger_entry (bucket, year, idx)
)
-- end
CREATE FUNCTION ledger_index_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ledger_index is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER ledger_index_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_index FOR EACH STATEMENT EXECUTE FUNCTION ledger_index_append_only()
-- end
ALTER TABLE ledger_index ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON ledger_index USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE ledger_key (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	idx BIGINT NOT NULL,
	begun_at BIGINT NOT NULL,
	alone_at BIGINT NOT NULL,
	CONSTRAINT pk_ledger_key PRIMARY KEY (bucket, year, generation),
	CONSTRAINT ck_ledger_key_generation CHECK (generation >= 2),
	CONSTRAINT ck_ledger_key_alone CHECK (alone_at >= begun_at),
	CONSTRAINT fk_ledger_key_bucket_year_idx FOREIGN KEY(bucket, year, idx) REFERENCES ledger_entry (bucket, year, idx)
)
-- end
CREATE FUNCTION ledger_key_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ledger_key is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER ledger_key_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_key FOR EACH STATEMENT EXECUTE FUNCTION ledger_key_append_only()
-- end
ALTER TABLE ledger_key ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON ledger_key USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE ledger_opening (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	idx BIGINT NOT NULL,
	subject BYTEA NOT NULL,
	sealed BYTEA NOT NULL,
	CONSTRAINT pk_ledger_opening PRIMARY KEY (bucket, year, idx),
	CONSTRAINT fk_ledger_opening_bucket_year_idx FOREIGN KEY(bucket, year, idx) REFERENCES ledger_entry (bucket, year, idx)
)
-- end
CREATE INDEX ix_ledger_opening_subject_bucket ON ledger_opening (subject, bucket)
-- end
ALTER TABLE ledger_opening ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON ledger_opening USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE mark_epoch (
	bucket INTEGER NOT NULL,
	number INTEGER NOT NULL,
	id BYTEA NOT NULL,
	commitment BYTEA NOT NULL,
	begun_at BIGINT NOT NULL,
	ledger_year INTEGER NOT NULL,
	CONSTRAINT pk_mark_epoch PRIMARY KEY (bucket, number),
	CONSTRAINT uq_mark_epoch_id_bucket UNIQUE (id, bucket),
	CONSTRAINT ck_mark_epoch_number CHECK (number >= 1),
	CONSTRAINT ck_mark_epoch_commitment CHECK (length(commitment) = 32),
	CONSTRAINT fk_mark_epoch_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE FUNCTION mark_epoch_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'mark_epoch is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER mark_epoch_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON mark_epoch FOR EACH STATEMENT EXECUTE FUNCTION mark_epoch_append_only()
-- end
CREATE FUNCTION mark_epoch_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.number > 1 AND NOT EXISTS (SELECT 1 FROM mark_epoch m WHERE m.bucket = NEW.bucket AND m.number = NEW.number - 1 AND m.begun_at <= NEW.begun_at) THEN RAISE EXCEPTION 'mark_epoch: epochs follow each other' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER mark_epoch_before_insert BEFORE INSERT ON mark_epoch FOR EACH ROW EXECUTE FUNCTION mark_epoch_before_insert()
-- end
ALTER TABLE mark_epoch ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON mark_epoch USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE mark_seal (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	count INTEGER NOT NULL,
	root BYTEA NOT NULL,
	sealed_at BIGINT NOT NULL,
	ledger_year INTEGER NOT NULL,
	CONSTRAINT pk_mark_seal PRIMARY KEY (bucket, id),
	CONSTRAINT ck_mark_seal_count CHECK (count >= 1),
	CONSTRAINT fk_mark_seal_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE FUNCTION mark_seal_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'mark_seal is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER mark_seal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON mark_seal FOR EACH STATEMENT EXECUTE FUNCTION mark_seal_append_only()
-- end
ALTER TABLE mark_seal ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON mark_seal USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE notice_version (
	id TEXT NOT NULL,
	recipient_id TEXT NOT NULL,
	purpose TEXT NOT NULL,
	version INTEGER NOT NULL,
	lang TEXT NOT NULL,
	text TEXT NOT NULL,
	method TEXT DEFAULT '' NOT NULL,
	rights TEXT DEFAULT '' NOT NULL,
	hash TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_notice_version PRIMARY KEY (id),
	CONSTRAINT uq_notice_version UNIQUE (recipient_id, purpose, version, lang),
	CONSTRAINT uq_notice_version_shown UNIQUE (id, hash, recipient_id, purpose),
	CONSTRAINT fk_notice_version_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipient (id),
	CONSTRAINT fk_notice_version_purpose FOREIGN KEY(purpose) REFERENCES purpose (code)
)
-- end
CREATE FUNCTION notice_version_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'notice_version is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER notice_version_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON notice_version FOR EACH STATEMENT EXECUTE FUNCTION notice_version_append_only()
-- end
ALTER TABLE notice_version ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON notice_version USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()) AND (EXISTS (SELECT 1 FROM recipient r WHERE r.id = notice_version.recipient_id)))
-- end
CREATE TABLE person_merge (
	bucket INTEGER NOT NULL,
	subject BYTEA NOT NULL,
	keep BYTEA NOT NULL,
	keep_bucket INTEGER NOT NULL,
	merged_at BIGINT NOT NULL,
	CONSTRAINT pk_person_merge PRIMARY KEY (bucket, subject, keep),
	CONSTRAINT fk_person_merge_bucket_subject FOREIGN KEY(bucket, subject) REFERENCES person (bucket, subject),
	CONSTRAINT fk_person_merge_keep_bucket_keep FOREIGN KEY(keep_bucket, keep) REFERENCES person (bucket, subject),
	CONSTRAINT ck_person_merge_other CHECK (subject <> keep)
)
-- end
CREATE INDEX ix_person_merge_keep ON person_merge (keep, keep_bucket)
-- end
CREATE FUNCTION person_merge_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'person_merge is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER person_merge_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON person_merge FOR EACH STATEMENT EXECUTE FUNCTION person_merge_append_only()
-- end
CREATE FUNCTION person_merge_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NOT EXISTS (SELECT 1 FROM person WHERE bucket = NEW.keep_bucket AND subject = NEW.keep AND state = 'active') THEN RAISE EXCEPTION 'whoever others are merged into is active' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER person_merge_keep BEFORE INSERT ON person_merge FOR EACH ROW EXECUTE FUNCTION person_merge_keep()
-- end
CREATE FUNCTION person_merge_final() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF (OLD.state = 'merged' AND NEW.state = 'active') OR (NEW.state = 'merged' AND (NOT EXISTS (SELECT 1 FROM person_merge m WHERE m.bucket = NEW.bucket AND m.subject = NEW.subject AND m.keep = NEW.merged_into) OR EXISTS (SELECT 1 FROM person p WHERE p.merged_into = NEW.subject AND p.state = 'merged'))) THEN RAISE EXCEPTION 'a merge is final and makes no chains' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER person_merge_final BEFORE UPDATE OF state, merged_into ON person FOR EACH ROW EXECUTE FUNCTION person_merge_final()
-- end
ALTER TABLE person_merge ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON person_merge USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0 AND (EXISTS (SELECT 1 FROM person r WHERE r.bucket = person_merge.keep_bucket AND r.subject = person_merge.keep)))
-- end
CREATE TABLE planted_list (
	id BYTEA NOT NULL,
	kind TEXT NOT NULL,
	recipient_id TEXT,
	people INTEGER NOT NULL,
	nonce BYTEA NOT NULL,
	hash BYTEA NOT NULL,
	made_at BIGINT NOT NULL,
	entry BYTEA,
	retired_at BIGINT,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_planted_list PRIMARY KEY (id),
	CONSTRAINT ck_planted_list_kind CHECK (kind IN ('unique', 'shared', 'dark')),
	CONSTRAINT ck_planted_list_whose CHECK ((kind = 'unique') = (recipient_id IS NOT NULL)),
	CONSTRAINT ck_planted_list_sealed CHECK (people > 0 AND length(nonce) = 32 AND length(hash) = 32),
	CONSTRAINT fk_planted_list_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipient (id)
)
-- end
CREATE FUNCTION planted_list_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'planted_list: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER planted_list_before_update BEFORE UPDATE ON planted_list FOR EACH ROW WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.kind IS DISTINCT FROM OLD.kind OR NEW.recipient_id IS DISTINCT FROM OLD.recipient_id OR NEW.people IS DISTINCT FROM OLD.people OR NEW.nonce IS DISTINCT FROM OLD.nonce OR NEW.hash IS DISTINCT FROM OLD.hash OR NEW.made_at IS DISTINCT FROM OLD.made_at OR NEW.tenant IS DISTINCT FROM OLD.tenant) EXECUTE FUNCTION planted_list_before_update()
-- end
CREATE FUNCTION planted_list_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted_list: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER planted_list_stays BEFORE DELETE OR TRUNCATE ON planted_list FOR EACH STATEMENT EXECUTE FUNCTION planted_list_stays()
-- end
ALTER TABLE planted_list ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON planted_list USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()) AND (recipient_id IS NULL OR EXISTS (SELECT 1 FROM recipient r WHERE r.id = planted_list.recipient_id)))
-- end
CREATE TABLE protection (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	trusted_bucket INTEGER NOT NULL,
	trusted BYTEA NOT NULL,
	most TEXT NOT NULL,
	currency TEXT NOT NULL,
	asked_at BIGINT NOT NULL,
	accepted_at BIGINT,
	off_asked_at BIGINT,
	off_at BIGINT,
	CONSTRAINT pk_protection PRIMARY KEY (bucket, id),
	CONSTRAINT ck_protection_other CHECK (trusted <> subject),
	CONSTRAINT ck_protection_accepted CHECK (accepted_at >= asked_at),
	CONSTRAINT ck_protection_cooling CHECK (off_at IS NULL OR accepted_at IS NULL OR (off_asked_at IS NOT NULL AND off_at >= off_asked_at + 86400000)),
	CONSTRAINT fk_protection_consumer FOREIGN KEY(bucket, subject) REFERENCES consumer (bucket, subject)
)
-- end
CREATE INDEX ix_protection_trusted ON protection (trusted, trusted_bucket)
-- end
CREATE UNIQUE INDEX uq_protection_live ON protection (bucket, subject) WHERE off_at IS NULL
-- end
CREATE FUNCTION protection_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'protection: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER protection_before_update BEFORE UPDATE ON protection FOR EACH ROW WHEN (NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.id IS DISTINCT FROM OLD.id OR NEW.subject IS DISTINCT FROM OLD.subject OR NEW.trusted_bucket IS DISTINCT FROM OLD.trusted_bucket OR NEW.trusted IS DISTINCT FROM OLD.trusted OR NEW.most IS DISTINCT FROM OLD.most OR NEW.currency IS DISTINCT FROM OLD.currency OR NEW.asked_at IS DISTINCT FROM OLD.asked_at) EXECUTE FUNCTION protection_before_update()
-- end
CREATE FUNCTION protection_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'protection: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER protection_stays BEFORE DELETE OR TRUNCATE ON protection FOR EACH STATEMENT EXECUTE FUNCTION protection_stays()
-- end
ALTER TABLE protection ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON protection USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE recipient_record (
	recipient_id TEXT NOT NULL,
	erased_in_time INTEGER NOT NULL,
	erased_late INTEGER NOT NULL,
	not_erased INTEGER NOT NULL,
	service_denied BIGINT DEFAULT '0' NOT NULL,
	counted_at BIGINT NOT NULL,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_recipient_record PRIMARY KEY (recipient_id),
	CONSTRAINT ck_recipient_record_counts CHECK (erased_in_time >= 0 AND erased_late >= 0 AND not_erased >= 0 AND service_denied >= 0),
	CONSTRAINT fk_recipient_record_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipient (id)
)
-- end
ALTER TABLE recipient_record ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON recipient_record USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()) AND (EXISTS (SELECT 1 FROM recipient r WHERE r.id = recipient_record.recipient_id)))
-- end
CREATE TABLE retention (
	bucket INTEGER NOT NULL,
	subject BYTEA NOT NULL,
	field TEXT NOT NULL,
	expires_at BIGINT NOT NULL,
	reason TEXT NOT NULL,
	state TEXT NOT NULL,
	set_at BIGINT NOT NULL,
	done_at BIGINT,
	CONSTRAINT pk_retention PRIMARY KEY (bucket, subject, field),
	CONSTRAINT fk_retention_bucket_subject FOREIGN KEY(bucket, subject) REFERENCES person (bucket, subject),
	CONSTRAINT ck_retention_state CHECK (state IN ('set', 'struck', 'done')),
	CONSTRAINT ck_retention_done_at CHECK ((state = 'done') = (done_at IS NOT NULL))
)
-- end
CREATE INDEX ix_retention_due ON retention (expires_at) WHERE state <> 'done'
-- end
ALTER TABLE retention ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON retention USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE retired_text (
	text_id TEXT NOT NULL,
	recipient_id TEXT NOT NULL,
	reason TEXT NOT NULL,
	at BIGINT NOT NULL,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_retired_text PRIMARY KEY (text_id),
	CONSTRAINT fk_retired_text_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipient (id)
)
-- end
CREATE FUNCTION retired_text_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'retired_text is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER retired_text_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON retired_text FOR EACH STATEMENT EXECUTE FUNCTION retired_text_append_only()
-- end
ALTER TABLE retired_text ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON retired_text USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()) AND (EXISTS (SELECT 1 FROM recipient r WHERE r.id = retired_text.recipient_id)))
-- end
CREATE TABLE staff_lookup (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	staff TEXT NOT NULL,
	actor BYTEA NOT NULL,
	how TEXT NOT NULL,
	reason TEXT NOT NULL,
	fields TEXT NOT NULL,
	committed_at BIGINT NOT NULL,
	ledger_year INTEGER NOT NULL,
	CONSTRAINT pk_staff_lookup PRIMARY KEY (bucket, id),
	CONSTRAINT ck_staff_lookup_how CHECK (how IN ('find', 'scan')),
	CONSTRAINT ck_staff_lookup_reason CHECK (reason IN ('life_at_risk', 'court_order', 'authority_demand', 'person_asked', 'leak_investigation', 'fault_repair')),
	CONSTRAINT fk_staff_lookup_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE INDEX ix_staff_lookup_subject ON staff_lookup (subject, bucket)
-- end
CREATE FUNCTION staff_lookup_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'staff_lookup is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER staff_lookup_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON staff_lookup FOR EACH STATEMENT EXECUTE FUNCTION staff_lookup_append_only()
-- end
ALTER TABLE staff_lookup ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON staff_lookup USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE tag_touched (
	bucket INTEGER NOT NULL,
	kind SMALLINT NOT NULL,
	epoch SMALLINT NOT NULL,
	tag BIGINT NOT NULL,
	times BIGINT NOT NULL,
	CONSTRAINT pk_tag_touched PRIMARY KEY (bucket, kind, epoch, tag)
)
-- end
CREATE FUNCTION tag_touched() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM tag_index) THEN INSERT INTO tag_touched (bucket, kind, epoch, tag, times) SELECT bucket, kind, epoch, tag, 1 FROM moved WHERE kind IN (65, 129, 193, 321, 385, 577) AND epoch IN (SELECT i.epoch FROM tag_index i) GROUP BY bucket, kind, epoch, tag ORDER BY bucket, kind, epoch, tag ON CONFLICT (bucket, kind, epoch, tag) DO UPDATE SET times = tag_touched.times + 1; END IF; RETURN NULL; END $$
-- end
ALTER TABLE tag_touched ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON tag_touched USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE terms_version (
	id TEXT NOT NULL,
	recipient_id TEXT NOT NULL,
	version INTEGER NOT NULL,
	text TEXT NOT NULL,
	per_record TEXT NOT NULL,
	currency TEXT NOT NULL,
	cap TEXT NOT NULL,
	rates TEXT DEFAULT '{}' NOT NULL,
	hash TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_terms_version PRIMARY KEY (id),
	CONSTRAINT uq_terms_version UNIQUE (recipient_id, version),
	CONSTRAINT uq_terms_version_shown UNIQUE (id, hash, recipient_id),
	CONSTRAINT fk_terms_version_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipient (id)
)
-- end
CREATE FUNCTION terms_version_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'terms_version is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER terms_version_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terms_version FOR EACH STATEMENT EXECUTE FUNCTION terms_version_append_only()
-- end
ALTER TABLE terms_version ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON terms_version USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()) AND (EXISTS (SELECT 1 FROM recipient r WHERE r.id = terms_version.recipient_id)))
-- end
CREATE TABLE trace (
	id BYTEA NOT NULL,
	dump BYTEA NOT NULL,
	parameters_hash BYTEA NOT NULL,
	parameters TEXT NOT NULL,
	started_at BIGINT NOT NULL,
	finished_at BIGINT,
	report TEXT,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_trace PRIMARY KEY (id),
	CONSTRAINT uq_trace_dump_parameters_hash UNIQUE (dump, parameters_hash),
	CONSTRAINT ck_trace_finished CHECK ((report IS NULL) = (finished_at IS NULL)),
	CONSTRAINT fk_trace_dump FOREIGN KEY(dump) REFERENCES dump (id)
)
-- end
ALTER TABLE trace ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON trace USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()) AND (EXISTS (SELECT 1 FROM dump r WHERE r.id = trace.dump)))
-- end
CREATE TABLE value (
	bucket INTEGER NOT NULL,
	subject BYTEA NOT NULL,
	record BYTEA NOT NULL,
	field TEXT NOT NULL,
	version BIGINT NOT NULL,
	schema SMALLINT NOT NULL,
	epoch INTEGER NOT NULL,
	blob BYTEA NOT NULL,
	blob_sha256 BYTEA NOT NULL,
	valid_from BIGINT NOT NULL,
	valid_to BIGINT,
	struck_at BIGINT,
	CONSTRAINT pk_value PRIMARY KEY (bucket, subject, record, field, version),
	CONSTRAINT fk_value_bucket_subject FOREIGN KEY(bucket, subject) REFERENCES person (bucket, subject),
	CONSTRAINT ck_value_version CHECK (version >= 1),
	CONSTRAINT ck_value_record CHECK (length(record) = 16),
	CONSTRAINT ck_value_blob CHECK (length(blob) >= 78 OR (length(blob) = 0 AND struck_at IS NOT NULL)),
	CONSTRAINT ck_value_struck CHECK (struck_at IS NULL OR (length(blob) = 0 AND valid_to IS NOT NULL)),
	CONSTRAINT ck_value_blob_sha256 CHECK (length(blob_sha256) = 32),
	CONSTRAINT ck_value_valid_to CHECK (valid_to >= valid_from)
)
-- end
CREATE UNIQUE INDEX uq_value_head ON value (bucket, subject, record, field) WHERE valid_to IS NULL
-- end
CREATE FUNCTION value_only_close() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.subject IS DISTINCT FROM OLD.subject OR NEW.record IS DISTINCT FROM OLD.record OR NEW.field IS DISTINCT FROM OLD.field OR NEW.version IS DISTINCT FROM OLD.version OR NEW.schema IS DISTINCT FROM OLD.schema OR NEW.valid_from IS DISTINCT FROM OLD.valid_from OR (OLD.valid_to IS NOT NULL AND NEW.valid_to IS DISTINCT FROM OLD.valid_to) OR OLD.struck_at IS NOT NULL OR (NEW.struck_at IS NULL AND NEW.epoch <= OLD.epoch AND (NEW.epoch IS DISTINCT FROM OLD.epoch OR NEW.blob IS DISTINCT FROM OLD.blob OR NEW.blob_sha256 IS DISTINCT FROM OLD.blob_sha256)) OR (NEW.struck_at IS NOT NULL AND (NEW.epoch IS DISTINCT FROM OLD.epoch OR NEW.blob_sha256 IS DISTINCT FROM OLD.blob_sha256)) THEN RAISE EXCEPTION 'a value version is closed once, sealed again under a later key, or struck out' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER value_only_close BEFORE UPDATE ON value FOR EACH ROW EXECUTE FUNCTION value_only_close()
-- end
CREATE FUNCTION value_no_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'DELETE' THEN IF NOT EXISTS (SELECT 1 FROM person WHERE bucket = OLD.bucket AND subject = OLD.subject AND state = 'active') THEN RETURN OLD; END IF; END IF; RAISE EXCEPTION 'value versions of an active person stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER value_no_delete BEFORE DELETE ON value FOR EACH ROW EXECUTE FUNCTION value_no_delete()
-- end
CREATE TRIGGER value_no_truncate BEFORE TRUNCATE ON value EXECUTE FUNCTION value_no_delete()
-- end
CREATE FUNCTION value_key_epoch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM written w JOIN person p ON p.bucket = w.bucket AND p.subject = w.subject WHERE w.epoch < p.key_epoch) THEN RAISE EXCEPTION 'this epoch of the person''s key is no longer in use' USING ERRCODE = '23514'; END IF; RETURN NULL; END $$
-- end
CREATE TRIGGER value_key_epoch AFTER INSERT ON value REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION value_key_epoch()
-- end
ALTER TABLE value ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON value USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE consent_request (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	secret_hash BYTEA NOT NULL,
	client_id TEXT NOT NULL,
	recipient_id TEXT NOT NULL,
	via TEXT NOT NULL,
	redirect_uri TEXT NOT NULL,
	state TEXT NOT NULL,
	code_challenge TEXT NOT NULL,
	dpop_jkt TEXT,
	details TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	CONSTRAINT pk_consent_request PRIMARY KEY (bucket, id),
	CONSTRAINT uq_consent_request_secret_hash_bucket UNIQUE (secret_hash, bucket),
	CONSTRAINT ck_consent_request_pkce CHECK ((via = 'code' AND redirect_uri <> '' AND code_challenge <> '') OR (via IN ('device', 'backchannel') AND redirect_uri = '' AND code_challenge = '')),
	CONSTRAINT fk_consent_request_client FOREIGN KEY(client_id, recipient_id) REFERENCES client (client_id, recipient_id)
)
-- end
CREATE FUNCTION consent_request_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'consent_request is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER consent_request_append_only BEFORE UPDATE OR TRUNCATE ON consent_request FOR EACH STATEMENT EXECUTE FUNCTION consent_request_append_only()
-- end
CREATE FUNCTION consent_request_before_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM request_claim c WHERE c.bucket = OLD.bucket AND c.request_id = OLD.id) THEN RAISE EXCEPTION 'consent_request: rows stay: somebody took it up' USING ERRCODE = '23514'; END IF; RETURN OLD; END $$
-- end
CREATE TRIGGER consent_request_before_delete BEFORE DELETE ON consent_request FOR EACH ROW EXECUTE FUNCTION consent_request_before_delete()
-- end
ALTER TABLE consent_request ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON consent_request USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0 AND (EXISTS (SELECT 1 FROM client r WHERE r.client_id = consent_request.client_id AND r.recipient_id = consent_request.recipient_id)))
-- end
CREATE TABLE dual_vote (
	bucket INTEGER NOT NULL,
	request_id BYTEA NOT NULL,
	actor BYTEA NOT NULL,
	verdict TEXT NOT NULL,
	id BYTEA NOT NULL,
	staff TEXT NOT NULL,
	place INTEGER,
	voted_at BIGINT NOT NULL,
	ledger_year INTEGER NOT NULL,
	CONSTRAINT pk_dual_vote PRIMARY KEY (bucket, request_id, actor, verdict),
	CONSTRAINT ck_dual_vote_verdict CHECK (verdict IN ('yes', 'no')),
	CONSTRAINT ck_dual_vote_placed CHECK ((verdict = 'yes') = (place IS NOT NULL)),
	CONSTRAINT ck_dual_vote_place CHECK (place IN (1, 2)),
	CONSTRAINT ck_dual_vote_actor CHECK (length(actor) = 32),
	CONSTRAINT uq_dual_vote_request_id_place_bucket UNIQUE (request_id, place, bucket),
	CONSTRAINT fk_dual_vote_dual_request FOREIGN KEY(bucket, request_id) REFERENCES dual_request (bucket, id),
	CONSTRAINT fk_dual_vote_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE FUNCTION dual_vote_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'dual_vote is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER dual_vote_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON dual_vote FOR EACH STATEMENT EXECUTE FUNCTION dual_vote_append_only()
-- end
CREATE FUNCTION dual_vote_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.verdict = 'yes' AND EXISTS (SELECT 1 FROM dual_request r WHERE r.bucket = NEW.bucket AND r.id = NEW.request_id AND (r.actor = NEW.actor OR r.staff = NEW.staff)) THEN RAISE EXCEPTION 'dual_vote: nobody approves a request of their own' USING ERRCODE = '23514'; END IF; IF NEW.verdict = 'yes' AND NOT EXISTS (SELECT 1 FROM dual_request r WHERE r.bucket = NEW.bucket AND r.id = NEW.request_id AND r.state = 'asked' AND NEW.voted_at >= r.asked_at AND NEW.voted_at < r.lapses_at) THEN RAISE EXCEPTION 'dual_vote: nothing to say yes to' USING ERRCODE = '23514'; END IF; IF NEW.verdict = 'no' AND NOT EXISTS (SELECT 1 FROM dual_request r WHERE r.bucket = NEW.bucket AND r.id = NEW.request_id AND r.state IN ('asked', 'approved')) THEN RAISE EXCEPTION 'dual_vote: nothing to say no to' USING ERRCODE = '23514'; END IF; IF NEW.verdict = 'yes' AND NEW.place <> 1 + (SELECT count(*) FROM dual_vote v WHERE v.bucket = NEW.bucket AND v.request_id = NEW.request_id AND v.verdict = 'yes') THEN RAISE EXCEPTION 'dual_vote: a yes out of turn' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER dual_vote_before_insert BEFORE INSERT ON dual_vote FOR EACH ROW EXECUTE FUNCTION dual_vote_before_insert()
-- end
CREATE FUNCTION dual_vote_after_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE dual_request SET state = 'approved', approved_at = NEW.voted_at, window_to = NEW.voted_at + 900000 WHERE bucket = NEW.bucket AND id = NEW.request_id AND NEW.place = (CASE kind WHEN 'minor_read' THEN 1 ELSE 2 END); UPDATE dual_request SET state = 'refused' WHERE bucket = NEW.bucket AND id = NEW.request_id AND NEW.verdict = 'no'; RETURN NEW; END $$
-- end
CREATE TRIGGER dual_vote_after_insert AFTER INSERT ON dual_vote FOR EACH ROW EXECUTE FUNCTION dual_vote_after_insert()
-- end
ALTER TABLE dual_vote ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON dual_vote USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE emergency_read (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	request_id BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	staff TEXT NOT NULL,
	actor BYTEA NOT NULL,
	fields TEXT NOT NULL,
	committed_at BIGINT NOT NULL,
	times INTEGER NOT NULL,
	last_at BIGINT NOT NULL,
	ledger_year INTEGER NOT NULL,
	CONSTRAINT pk_emergency_read PRIMARY KEY (bucket, id),
	CONSTRAINT ck_emergency_read_times CHECK (times >= 1 AND last_at >= committed_at),
	CONSTRAINT uq_emergency_read_request_id_bucket UNIQUE (request_id, bucket),
	CONSTRAINT fk_emergency_read_dual_request FOREIGN KEY(bucket, request_id) REFERENCES dual_request (bucket, id),
	CONSTRAINT fk_emergency_read_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE INDEX ix_emergency_read_subject ON emergency_read (subject, bucket)
-- end
CREATE FUNCTION emergency_read_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'emergency_read: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER emergency_read_before_update BEFORE UPDATE ON emergency_read FOR EACH ROW WHEN (NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.id IS DISTINCT FROM OLD.id OR NEW.request_id IS DISTINCT FROM OLD.request_id OR NEW.subject IS DISTINCT FROM OLD.subject OR NEW.staff IS DISTINCT FROM OLD.staff OR NEW.actor IS DISTINCT FROM OLD.actor OR NEW.fields IS DISTINCT FROM OLD.fields OR NEW.committed_at IS DISTINCT FROM OLD.committed_at OR NEW.ledger_year IS DISTINCT FROM OLD.ledger_year) EXECUTE FUNCTION emergency_read_before_update()
-- end
CREATE FUNCTION emergency_read_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'emergency_read: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER emergency_read_stays BEFORE DELETE OR TRUNCATE ON emergency_read FOR EACH STATEMENT EXECUTE FUNCTION emergency_read_stays()
-- end
CREATE FUNCTION emergency_read_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.times <> 1 OR NOT EXISTS (SELECT 1 FROM dual_request r WHERE r.bucket = NEW.bucket AND r.id = NEW.request_id AND r.kind = 'break_glass' AND r.subject = NEW.subject AND r.staff = NEW.staff AND r.actor = NEW.actor AND r.state = 'approved' AND NEW.committed_at >= r.approved_at AND NEW.committed_at < r.window_to) THEN RAISE EXCEPTION 'emergency_read: no open approval of this person for who asked' USING ERRCODE = '23514'; END IF; IF NEW.fields = '[]' OR EXISTS (SELECT 1 FROM jsonb_array_elements_text(NEW.fields::jsonb) AS e(value) WHERE value NOT IN (SELECT value FROM dual_request r, jsonb_array_elements_text(r.fields::jsonb) AS e(value) WHERE r.bucket = NEW.bucket AND r.id = NEW.request_id)) THEN RAISE EXCEPTION 'emergency_read: fields beyond the request' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER emergency_read_before_insert BEFORE INSERT ON emergency_read FOR EACH ROW EXECUTE FUNCTION emergency_read_before_insert()
-- end
CREATE FUNCTION emergency_read_before_update_of_times() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.times <> OLD.times + 1 OR NEW.last_at < OLD.last_at OR NOT EXISTS (SELECT 1 FROM dual_request r WHERE r.bucket = NEW.bucket AND r.id = NEW.request_id AND r.state = 'approved' AND NEW.last_at >= r.approved_at AND NEW.last_at < r.window_to) THEN RAISE EXCEPTION 'emergency_read: one answer at a time, inside the window' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER emergency_read_before_update_of_times BEFORE UPDATE OF times ON emergency_read FOR EACH ROW WHEN (NEW.times <> OLD.times) EXECUTE FUNCTION emergency_read_before_update_of_times()
-- end
CREATE FUNCTION emergency_read_before_update_of_last_at() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'emergency_read: the time moves with the counter' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER emergency_read_before_update_of_last_at BEFORE UPDATE OF last_at ON emergency_read FOR EACH ROW WHEN (NEW.last_at <> OLD.last_at AND NEW.times = OLD.times) EXECUTE FUNCTION emergency_read_before_update_of_last_at()
-- end
ALTER TABLE emergency_read ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON emergency_read USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE fetched_keys (
	client_id TEXT NOT NULL,
	jwks TEXT,
	fetched_at BIGINT,
	tried_at BIGINT NOT NULL,
	strange_at BIGINT,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_fetched_keys PRIMARY KEY (client_id),
	CONSTRAINT ck_fetched_keys_fetched CHECK ((jwks IS NULL) = (fetched_at IS NULL)),
	CONSTRAINT fk_fetched_keys_client_id FOREIGN KEY(client_id) REFERENCES client (client_id)
)
-- end
ALTER TABLE fetched_keys ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON fetched_keys USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()) AND (EXISTS (SELECT 1 FROM client r WHERE r.client_id = fetched_keys.client_id)))
-- end
CREATE TABLE incident (
	id BYTEA NOT NULL,
	trace BYTEA NOT NULL,
	opened_at BIGINT NOT NULL,
	respondents TEXT NOT NULL,
	report_sha256 TEXT NOT NULL,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_incident PRIMARY KEY (id),
	CONSTRAINT uq_incident_trace UNIQUE (trace),
	CONSTRAINT fk_incident_trace FOREIGN KEY(trace) REFERENCES trace (id)
)
-- end
ALTER TABLE incident ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON incident USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()) AND (EXISTS (SELECT 1 FROM trace r WHERE r.id = incident.trace)))
-- end
CREATE TABLE ledger_cosigned_last (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	witness TEXT NOT NULL,
	key_id BYTEA NOT NULL,
	size BIGINT NOT NULL,
	line TEXT NOT NULL,
	at_s BIGINT NOT NULL,
	CONSTRAINT pk_ledger_cosigned_last PRIMARY KEY (bucket, year, witness, key_id),
	CONSTRAINT fk_ledger_cosigned_last_bucket_year_size_witness_key_id FOREIGN KEY(bucket, year, size, witness, key_id) REFERENCES ledger_cosignature (bucket, year, size, witness, key_id)
)
-- end
CREATE FUNCTION ledger_cosigned_last_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.size < OLD.size OR (NEW.size = OLD.size AND NEW.at_s <= OLD.at_s) THEN RAISE EXCEPTION 'a witness does not take its word back' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER ledger_cosigned_last_goes_on BEFORE UPDATE ON ledger_cosigned_last FOR EACH ROW EXECUTE FUNCTION ledger_cosigned_last_goes_on()
-- end
ALTER TABLE ledger_cosigned_last ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON ledger_cosigned_last USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE linkage_code (
	bucket INTEGER NOT NULL,
	subject BYTEA NOT NULL,
	epoch SMALLINT NOT NULL,
	sealed BYTEA NOT NULL,
	CONSTRAINT pk_linkage_code PRIMARY KEY (bucket, subject),
	CONSTRAINT fk_linkage_code_bucket_subject FOREIGN KEY(bucket, subject) REFERENCES person (bucket, subject),
	CONSTRAINT ck_linkage_code_sealed CHECK (length(sealed) >= 29),
	CONSTRAINT ck_linkage_code_epoch CHECK (epoch >= 1)
)
-- end
CREATE FUNCTION linkage_code_stale() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'UPDATE' THEN DELETE FROM linkage_code c USING changed w WHERE c.bucket = w.bucket AND c.subject = w.subject AND w.struck_at IS NOT NULL; ELSE DELETE FROM linkage_code c USING changed w WHERE c.bucket = w.bucket AND c.subject = w.subject; END IF; RETURN NULL; END $$
-- end
CREATE TRIGGER linkage_code_after_insert AFTER INSERT ON value REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION linkage_code_stale()
-- end
CREATE TRIGGER linkage_code_after_update AFTER UPDATE ON value REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION linkage_code_stale()
-- end
CREATE TRIGGER linkage_code_after_delete AFTER DELETE ON value REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION linkage_code_stale()
-- end
ALTER TABLE linkage_code ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON linkage_code USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE management_token (
	hash BYTEA NOT NULL,
	client_id TEXT NOT NULL,
	recipient_id TEXT NOT NULL,
	jkt TEXT NOT NULL,
	scope TEXT NOT NULL,
	minted_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_management_token PRIMARY KEY (hash),
	CONSTRAINT fk_management_token_client FOREIGN KEY(client_id, recipient_id) REFERENCES client (client_id, recipient_id)
)
-- end
CREATE INDEX ix_management_token_client_id ON management_token (client_id, expires_at)
-- end
ALTER TABLE management_token ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON management_token USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()) AND (EXISTS (SELECT 1 FROM client r WHERE r.client_id = management_token.client_id AND r.recipient_id = management_token.recipient_id)))
-- end
CREATE TABLE notice_showing (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	request_id BYTEA NOT NULL,
	recipient_id TEXT NOT NULL,
	client_id TEXT NOT NULL,
	purpose TEXT NOT NULL,
	notice_id TEXT NOT NULL,
	notice_hash TEXT NOT NULL,
	terms_id TEXT NOT NULL,
	terms_hash TEXT NOT NULL,
	via TEXT NOT NULL,
	redirect_uri TEXT NOT NULL,
	state TEXT NOT NULL,
	code_challenge TEXT NOT NULL,
	dpop_jkt TEXT,
	details TEXT NOT NULL,
	lang TEXT NOT NULL,
	channel TEXT NOT NULL,
	shown_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	CONSTRAINT pk_notice_showing PRIMARY KEY (bucket, id),
	CONSTRAINT uq_notice_showing_shown UNIQUE (bucket, id, subject, recipient_id, client_id, purpose, notice_id, notice_hash, terms_id, terms_hash),
	CONSTRAINT ck_notice_showing_pkce CHECK ((via = 'code' AND redirect_uri <> '' AND code_challenge <> '') OR (via IN ('device', 'backchannel') AND redirect_uri = '' AND code_challenge = '')),
	CONSTRAINT fk_notice_showing_client FOREIGN KEY(client_id, recipient_id) REFERENCES client (client_id, recipient_id),
	CONSTRAINT fk_notice_showing_notice FOREIGN KEY(notice_id, notice_hash, recipient_id, purpose) REFERENCES notice_version (id, hash, recipient_id, purpose),
	CONSTRAINT fk_notice_showing_terms FOREIGN KEY(terms_id, terms_hash, recipient_id) REFERENCES terms_version (id, hash, recipient_id)
)
-- end
CREATE FUNCTION notice_showing_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'notice_showing is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER notice_showing_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON notice_showing FOR EACH STATEMENT EXECUTE FUNCTION notice_showing_append_only()
-- end
ALTER TABLE notice_showing ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON notice_showing USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0 AND (EXISTS (SELECT 1 FROM client r WHERE r.client_id = notice_showing.client_id AND r.recipient_id = notice_showing.recipient_id)) AND (EXISTS (SELECT 1 FROM notice_version r WHERE r.id = notice_showing.notice_id AND r.hash = notice_showing.notice_hash AND r.recipient_id = notice_showing.recipient_id AND r.purpose = notice_showing.purpose)) AND (EXISTS (SELECT 1 FROM terms_version r WHERE r.id = notice_showing.terms_id AND r.hash = notice_showing.terms_hash AND r.recipient_id = notice_showing.recipient_id)))
-- end
CREATE TABLE planted (
	bucket INTEGER NOT NULL,
	mac BYTEA NOT NULL,
	list BYTEA NOT NULL,
	CONSTRAINT pk_planted PRIMARY KEY (bucket, mac),
	CONSTRAINT ck_planted_mac CHECK (length(mac) = 32),
	CONSTRAINT fk_planted_list FOREIGN KEY(list) REFERENCES planted_list (id)
)
-- end
CREATE FUNCTION planted_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER planted_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON planted FOR EACH STATEMENT EXECUTE FUNCTION planted_append_only()
-- end
ALTER TABLE planted ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON planted USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0 AND (EXISTS (SELECT 1 FROM planted_list r WHERE r.id = planted.list)))
-- end
CREATE TABLE scan_run (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	request_id BYTEA NOT NULL,
	staff TEXT NOT NULL,
	actor BYTEA NOT NULL,
	wanted INTEGER NOT NULL,
	committed_at BIGINT NOT NULL,
	opened BIGINT NOT NULL,
	found INTEGER NOT NULL,
	cursor_bucket INTEGER,
	cursor_subject BYTEA,
	finished_at BIGINT,
	ledger_year INTEGER NOT NULL,
	CONSTRAINT pk_scan_run PRIMARY KEY (bucket, id),
	CONSTRAINT ck_scan_run_wanted CHECK (wanted >= 1),
	CONSTRAINT ck_scan_run_counts CHECK (opened >= 0 AND found >= 0),
	CONSTRAINT ck_scan_run_cursor CHECK ((cursor_bucket IS NULL) = (cursor_subject IS NULL)),
	CONSTRAINT uq_scan_run_request_id_bucket UNIQUE (request_id, bucket),
	CONSTRAINT fk_scan_run_dual_request FOREIGN KEY(bucket, request_id) REFERENCES dual_request (bucket, id),
	CONSTRAINT fk_scan_run_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE FUNCTION scan_run_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'scan_run: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER scan_run_before_update BEFORE UPDATE ON scan_run FOR EACH ROW WHEN (NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.id IS DISTINCT FROM OLD.id OR NEW.request_id IS DISTINCT FROM OLD.request_id OR NEW.staff IS DISTINCT FROM OLD.staff OR NEW.actor IS DISTINCT FROM OLD.actor OR NEW.wanted IS DISTINCT FROM OLD.wanted OR NEW.committed_at IS DISTINCT FROM OLD.committed_at OR NEW.ledger_year IS DISTINCT FROM OLD.ledger_year) EXECUTE FUNCTION scan_run_before_update()
-- end
CREATE FUNCTION scan_run_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'scan_run: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER scan_run_stays BEFORE DELETE OR TRUNCATE ON scan_run FOR EACH STATEMENT EXECUTE FUNCTION scan_run_stays()
-- end
CREATE FUNCTION scan_run_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.opened <> 0 OR NEW.found <> 0 OR NOT EXISTS (SELECT 1 FROM dual_request r WHERE r.bucket = NEW.bucket AND r.id = NEW.request_id AND r.kind = 'population_scan' AND r.staff = NEW.staff AND r.actor = NEW.actor AND r.state = 'approved' AND NEW.committed_at >= r.approved_at AND NEW.committed_at < r.window_to) THEN RAISE EXCEPTION 'scan_run: no open approval of a scan for who asked' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER scan_run_before_insert BEFORE INSERT ON scan_run FOR EACH ROW EXECUTE FUNCTION scan_run_before_insert()
-- end
CREATE FUNCTION scan_run_before_update_of_opened() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'scan_run: a scan only goes on, until it has ended' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER scan_run_before_update_of_opened BEFORE UPDATE OF opened ON scan_run FOR EACH ROW WHEN (OLD.finished_at IS NOT NULL OR NEW.opened < OLD.opened OR NEW.found < OLD.found) EXECUTE FUNCTION scan_run_before_update_of_opened()
-- end
CREATE FUNCTION scan_run_before_update_of_finished_at() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'scan_run: a scan ends once' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER scan_run_before_update_of_finished_at BEFORE UPDATE OF finished_at ON scan_run FOR EACH ROW WHEN (OLD.finished_at IS NOT NULL AND NEW.finished_at IS DISTINCT FROM OLD.finished_at) EXECUTE FUNCTION scan_run_before_update_of_finished_at()
-- end
ALTER TABLE scan_run ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON scan_run USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE suspension (
	id TEXT NOT NULL,
	recipient_id TEXT NOT NULL,
	client_id TEXT,
	step TEXT NOT NULL,
	reason TEXT NOT NULL,
	at BIGINT NOT NULL,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_suspension PRIMARY KEY (id),
	CONSTRAINT ck_suspension_step CHECK (step IN ('suspended', 'resumed')),
	CONSTRAINT uq_suspension_id_recipient_id UNIQUE (id, recipient_id),
	CONSTRAINT fk_suspension_client FOREIGN KEY(client_id, recipient_id) REFERENCES client (client_id, recipient_id),
	CONSTRAINT fk_suspension_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipient (id)
)
-- end
CREATE FUNCTION suspension_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'suspension is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER suspension_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON suspension FOR EACH STATEMENT EXECUTE FUNCTION suspension_append_only()
-- end
ALTER TABLE suspension ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON suspension USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()) AND (client_id IS NULL OR EXISTS (SELECT 1 FROM client r WHERE r.client_id = suspension.client_id AND r.recipient_id = suspension.recipient_id)) AND (EXISTS (SELECT 1 FROM recipient r WHERE r.id = suspension.recipient_id)))
-- end
CREATE TABLE tag (
	tag BIGINT NOT NULL,
	bucket INTEGER NOT NULL,
	version INTEGER NOT NULL,
	kind SMALLINT NOT NULL,
	epoch SMALLINT NOT NULL,
	subject BYTEA NOT NULL,
	CONSTRAINT ck_tag_subject CHECK (length(subject) = 16)
)
-- end
CREATE INDEX ix_tag ON tag (tag)
-- end
CREATE TRIGGER tag_touched_insert AFTER INSERT ON tag REFERENCING NEW TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION tag_touched()
-- end
CREATE TRIGGER tag_touched_delete AFTER DELETE ON tag REFERENCING OLD TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION tag_touched()
-- end
ALTER TABLE tag ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON tag USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE terms_signature (
	terms_id TEXT NOT NULL,
	terms_hash TEXT NOT NULL,
	recipient_id TEXT NOT NULL,
	client_id TEXT NOT NULL,
	signature TEXT NOT NULL,
	jwk TEXT NOT NULL,
	hash TEXT NOT NULL,
	signed_at BIGINT NOT NULL,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_terms_signature PRIMARY KEY (terms_id),
	CONSTRAINT fk_terms_signature_terms FOREIGN KEY(terms_id, terms_hash, recipient_id) REFERENCES terms_version (id, hash, recipient_id),
	CONSTRAINT fk_terms_signature_client FOREIGN KEY(client_id, recipient_id) REFERENCES client (client_id, recipient_id)
)
-- end
CREATE FUNCTION terms_signature_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'terms_signature is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER terms_signature_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terms_signature FOR EACH STATEMENT EXECUTE FUNCTION terms_signature_append_only()
-- end
ALTER TABLE terms_signature ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON terms_signature USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()) AND (EXISTS (SELECT 1 FROM client r WHERE r.client_id = terms_signature.client_id AND r.recipient_id = terms_signature.recipient_id)) AND (EXISTS (SELECT 1 FROM terms_version r WHERE r.id = terms_signature.terms_id AND r.hash = terms_signature.terms_hash AND r.recipient_id = terms_signature.recipient_id)))
-- end
CREATE TABLE trace_alias (
	bucket INTEGER NOT NULL,
	trace BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	recipient_id TEXT NOT NULL,
	field TEXT NOT NULL,
	epoch BIGINT NOT NULL,
	domain TEXT NOT NULL,
	issued_at BIGINT NOT NULL,
	CONSTRAINT pk_trace_alias PRIMARY KEY (bucket, trace, subject, recipient_id, field, epoch),
	CONSTRAINT fk_trace_alias_trace FOREIGN KEY(trace) REFERENCES trace (id)
)
-- end
ALTER TABLE trace_alias ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON trace_alias USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0 AND (EXISTS (SELECT 1 FROM trace r WHERE r.id = trace_alias.trace)))
-- end
CREATE TABLE trace_candidate (
	bucket INTEGER NOT NULL,
	trace BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	field TEXT NOT NULL,
	sets BIGINT NOT NULL,
	weight BIGINT NOT NULL,
	CONSTRAINT pk_trace_candidate PRIMARY KEY (bucket, trace, subject, field),
	CONSTRAINT fk_trace_candidate_trace FOREIGN KEY(trace) REFERENCES trace (id),
	CONSTRAINT ck_trace_candidate_weights CHECK (sets > 0 AND weight > 0)
)
-- end
ALTER TABLE trace_candidate ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON trace_candidate USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0 AND (EXISTS (SELECT 1 FROM trace r WHERE r.id = trace_candidate.trace)))
-- end
CREATE TABLE trace_identity (
	bucket INTEGER NOT NULL,
	trace BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	recipient_id TEXT NOT NULL,
	count BIGINT NOT NULL,
	CONSTRAINT pk_trace_identity PRIMARY KEY (bucket, trace, subject, recipient_id),
	CONSTRAINT fk_trace_identity_trace FOREIGN KEY(trace) REFERENCES trace (id),
	CONSTRAINT ck_trace_identity_count CHECK (count > 0)
)
-- end
ALTER TABLE trace_identity ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON trace_identity USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0 AND (EXISTS (SELECT 1 FROM trace r WHERE r.id = trace_identity.trace)))
-- end
CREATE TABLE trace_item (
	bucket INTEGER NOT NULL,
	trace BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	field TEXT NOT NULL,
	record BYTEA NOT NULL,
	version BIGINT NOT NULL,
	agreed INTEGER NOT NULL,
	conflicting INTEGER NOT NULL,
	masked INTEGER NOT NULL,
	CONSTRAINT pk_trace_item PRIMARY KEY (bucket, trace, subject, field, record, version),
	CONSTRAINT fk_trace_item_trace FOREIGN KEY(trace) REFERENCES trace (id),
	CONSTRAINT ck_trace_item_flags CHECK (agreed IN (0, 1) AND conflicting IN (0, 1) AND masked IN (0, 1))
)
-- end
ALTER TABLE trace_item ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON trace_item USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0 AND (EXISTS (SELECT 1 FROM trace r WHERE r.id = trace_item.trace)))
-- end
CREATE TABLE trace_reading (
	bucket INTEGER NOT NULL,
	trace BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	field TEXT NOT NULL,
	record BYTEA NOT NULL,
	version BIGINT NOT NULL,
	carrier TEXT NOT NULL,
	bit INTEGER NOT NULL,
	count BIGINT NOT NULL,
	CONSTRAINT pk_trace_reading PRIMARY KEY (bucket, trace, subject, field, record, version, carrier, bit),
	CONSTRAINT fk_trace_reading_trace FOREIGN KEY(trace) REFERENCES trace (id),
	CONSTRAINT ck_trace_reading_bit CHECK (bit IN (0, 1)),
	CONSTRAINT ck_trace_reading_count CHECK (count > 0)
)
-- end
ALTER TABLE trace_reading ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON trace_reading USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0 AND (EXISTS (SELECT 1 FROM trace r WHERE r.id = trace_reading.trace)))
-- end
CREATE TABLE trace_row (
	trace BYTEA NOT NULL,
	number BIGINT NOT NULL,
	sealed BYTEA NOT NULL,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_trace_row PRIMARY KEY (trace, number),
	CONSTRAINT fk_trace_row_trace FOREIGN KEY(trace) REFERENCES trace (id),
	CONSTRAINT ck_trace_row_sealed CHECK (length(sealed) >= 29)
)
-- end
ALTER TABLE trace_row ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON trace_row USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()) AND (EXISTS (SELECT 1 FROM trace r WHERE r.id = trace_row.trace)))
-- end
CREATE TABLE trace_stage (
	trace BYTEA NOT NULL,
	stage TEXT NOT NULL,
	done BIGINT NOT NULL,
	total BIGINT NOT NULL,
	detail TEXT NOT NULL,
	updated_at BIGINT NOT NULL,
	finished_at BIGINT,
	tenant BYTEA DEFAULT perusal_home() NOT NULL,
	CONSTRAINT pk_trace_stage PRIMARY KEY (trace, stage),
	CONSTRAINT ck_trace_stage_stage CHECK (stage IN ('match', 'link', 'weigh', 'report')),
	CONSTRAINT fk_trace_stage_trace FOREIGN KEY(trace) REFERENCES trace (id)
)
-- end
ALTER TABLE trace_stage ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON trace_stage USING (tenant = (SELECT perusal_tenant())) WITH CHECK (tenant = (SELECT perusal_tenant()) AND (EXISTS (SELECT 1 FROM trace r WHERE r.id = trace_stage.trace)))
-- end
CREATE TABLE backchannel_ping (
	bucket INTEGER NOT NULL,
	request_id BYTEA NOT NULL,
	client_id TEXT NOT NULL,
	sealed BYTEA,
	until BIGINT NOT NULL,
	attempts INTEGER NOT NULL,
	lease INTEGER NOT NULL,
	next_at BIGINT NOT NULL,
	code TEXT,
	delivered_at BIGINT,
	failed_at BIGINT,
	CONSTRAINT pk_backchannel_ping PRIMARY KEY (bucket, request_id),
	CONSTRAINT ck_backchannel_ping_ended CHECK (delivered_at IS NULL OR failed_at IS NULL),
	CONSTRAINT ck_backchannel_ping_sealed CHECK ((sealed IS NULL) = (delivered_at IS NOT NULL OR failed_at IS NOT NULL)),
	CONSTRAINT fk_backchannel_ping_consent_request FOREIGN KEY(bucket, request_id) REFERENCES consent_request (bucket, id),
	CONSTRAINT fk_backchannel_ping_client_id FOREIGN KEY(client_id) REFERENCES client (client_id)
)
-- end
CREATE INDEX ix_backchannel_ping_due ON backchannel_ping (client_id, next_at) WHERE delivered_at IS NULL AND failed_at IS NULL
-- end
CREATE FUNCTION backchannel_ping_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'backchannel_ping: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER backchannel_ping_before_update BEFORE UPDATE ON backchannel_ping FOR EACH ROW WHEN (NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.request_id IS DISTINCT FROM OLD.request_id OR NEW.client_id IS DISTINCT FROM OLD.client_id OR NEW.until IS DISTINCT FROM OLD.until) EXECUTE FUNCTION backchannel_ping_before_update()
-- end
CREATE FUNCTION backchannel_ping_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'backchannel_ping: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER backchannel_ping_stays BEFORE TRUNCATE ON backchannel_ping FOR EACH STATEMENT EXECUTE FUNCTION backchannel_ping_stays()
-- end
CREATE FUNCTION backchannel_ping_before_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM request_claim c WHERE c.bucket = OLD.bucket AND c.request_id = OLD.request_id) THEN RAISE EXCEPTION 'backchannel_ping: rows stay: somebody took it up' USING ERRCODE = '23514'; END IF; RETURN OLD; END $$
-- end
CREATE TRIGGER backchannel_ping_before_delete BEFORE DELETE ON backchannel_ping FOR EACH ROW EXECUTE FUNCTION backchannel_ping_before_delete()
-- end
CREATE FUNCTION backchannel_ping_before_update_of_sealed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'backchannel_ping: sealed once, and then gone' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER backchannel_ping_before_update_of_sealed BEFORE UPDATE OF sealed ON backchannel_ping FOR EACH ROW WHEN (NEW.sealed IS NOT NULL AND NEW.sealed IS DISTINCT FROM OLD.sealed) EXECUTE FUNCTION backchannel_ping_before_update_of_sealed()
-- end
CREATE FUNCTION backchannel_ping_before_update_of_delivered_at() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'backchannel_ping: delivered for good' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER backchannel_ping_before_update_of_delivered_at BEFORE UPDATE OF delivered_at ON backchannel_ping FOR EACH ROW WHEN (OLD.delivered_at IS NOT NULL AND NEW.delivered_at IS DISTINCT FROM OLD.delivered_at) EXECUTE FUNCTION backchannel_ping_before_update_of_delivered_at()
-- end
CREATE FUNCTION backchannel_ping_before_update_of_lease() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'backchannel_ping: leases are counted upwards' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER backchannel_ping_before_update_of_lease BEFORE UPDATE OF lease ON backchannel_ping FOR EACH ROW WHEN (NEW.lease <= OLD.lease) EXECUTE FUNCTION backchannel_ping_before_update_of_lease()
-- end
ALTER TABLE backchannel_ping ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON backchannel_ping USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0 AND (EXISTS (SELECT 1 FROM client r WHERE r.client_id = backchannel_ping.client_id)))
-- end
CREATE TABLE backchannel_request (
	bucket INTEGER NOT NULL,
	request_id BYTEA NOT NULL,
	hint_hash BYTEA NOT NULL,
	subject BYTEA,
	number TEXT NOT NULL,
	choices TEXT NOT NULL,
	CONSTRAINT pk_backchannel_request PRIMARY KEY (bucket, request_id),
	CONSTRAINT ck_backchannel_request_number CHECK (length(number) = 2),
	CONSTRAINT fk_backchannel_request_consent_request FOREIGN KEY(bucket, request_id) REFERENCES consent_request (bucket, id)
)
-- end
CREATE INDEX ix_backchannel_request_hint ON backchannel_request (hint_hash, bucket)
-- end
CREATE INDEX ix_backchannel_request_subject ON backchannel_request (subject, bucket)
-- end
CREATE FUNCTION backchannel_request_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'backchannel_request is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER backchannel_request_append_only BEFORE UPDATE OR TRUNCATE ON backchannel_request FOR EACH STATEMENT EXECUTE FUNCTION backchannel_request_append_only()
-- end
CREATE FUNCTION backchannel_request_before_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM request_claim c WHERE c.bucket = OLD.bucket AND c.request_id = OLD.request_id) THEN RAISE EXCEPTION 'backchannel_request: rows stay: somebody took it up' USING ERRCODE = '23514'; END IF; RETURN OLD; END $$
-- end
CREATE TRIGGER backchannel_request_before_delete BEFORE DELETE ON backchannel_request FOR EACH ROW EXECUTE FUNCTION backchannel_request_before_delete()
-- end
ALTER TABLE backchannel_request ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON backchannel_request USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE device_request (
	bucket INTEGER NOT NULL,
	request_id BYTEA NOT NULL,
	user_code_hash BYTEA NOT NULL,
	CONSTRAINT pk_device_request PRIMARY KEY (bucket, request_id),
	CONSTRAINT uq_device_request_user_code_hash_bucket UNIQUE (user_code_hash, bucket),
	CONSTRAINT fk_device_request_consent_request FOREIGN KEY(bucket, request_id) REFERENCES consent_request (bucket, id)
)
-- end
CREATE FUNCTION device_request_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'device_request is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER device_request_append_only BEFORE UPDATE OR TRUNCATE ON device_request FOR EACH STATEMENT EXECUTE FUNCTION device_request_append_only()
-- end
CREATE FUNCTION device_request_before_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM request_claim c WHERE c.bucket = OLD.bucket AND c.request_id = OLD.request_id) THEN RAISE EXCEPTION 'device_request: rows stay: somebody took it up' USING ERRCODE = '23514'; END IF; RETURN OLD; END $$
-- end
CREATE TRIGGER device_request_before_delete BEFORE DELETE ON device_request FOR EACH ROW EXECUTE FUNCTION device_request_before_delete()
-- end
ALTER TABLE device_request ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON device_request USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE guardian_showing (
	bucket INTEGER NOT NULL,
	showing_id BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	guardian_bucket INTEGER NOT NULL,
	guardian BYTEA NOT NULL,
	guardian_from BIGINT NOT NULL,
	CONSTRAINT pk_guardian_showing PRIMARY KEY (bucket, showing_id),
	CONSTRAINT fk_guardian_showing_notice_showing FOREIGN KEY(bucket, showing_id) REFERENCES notice_showing (bucket, id),
	CONSTRAINT fk_guardian_showing_guardianship FOREIGN KEY(bucket, subject, guardian, guardian_from) REFERENCES guardianship (bucket, ward, guardian, valid_from)
)
-- end
CREATE INDEX ix_guardian_showing_subject ON guardian_showing (subject, bucket)
-- end
CREATE FUNCTION guardian_showing_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'DELETE' THEN IF NOT EXISTS (SELECT 1 FROM person p WHERE p.bucket = OLD.bucket AND p.subject = OLD.subject AND p.state <> 'erased') THEN RETURN OLD; END IF; END IF; RAISE EXCEPTION 'guardian_showing: rows stay as long as the ward does' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER guardian_showing_stays BEFORE UPDATE OR DELETE ON guardian_showing FOR EACH ROW EXECUTE FUNCTION guardian_showing_stays()
-- end
CREATE TRIGGER guardian_showing_no_truncate BEFORE TRUNCATE ON guardian_showing FOR EACH STATEMENT EXECUTE FUNCTION guardian_showing_stays()
-- end
ALTER TABLE guardian_showing ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON guardian_showing USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE incident_person (
	bucket INTEGER NOT NULL,
	incident BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	fields TEXT NOT NULL,
	agreed INTEGER NOT NULL,
	masked INTEGER NOT NULL,
	CONSTRAINT pk_incident_person PRIMARY KEY (bucket, incident, subject),
	CONSTRAINT ck_incident_person_flags CHECK (agreed IN (0, 1) AND masked IN (0, 1)),
	CONSTRAINT fk_incident_person_incident FOREIGN KEY(incident) REFERENCES incident (id)
)
-- end
ALTER TABLE incident_person ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON incident_person USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0 AND (EXISTS (SELECT 1 FROM incident r WHERE r.id = incident_person.incident)))
-- end
CREATE TABLE request_claim (
	bucket INTEGER NOT NULL,
	request_id BYTEA NOT NULL,
	claimed_at BIGINT NOT NULL,
	CONSTRAINT pk_request_claim PRIMARY KEY (bucket, request_id),
	CONSTRAINT fk_request_claim_consent_request FOREIGN KEY(bucket, request_id) REFERENCES consent_request (bucket, id)
)
-- end
CREATE FUNCTION request_claim_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'request_claim is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER request_claim_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON request_claim FOR EACH STATEMENT EXECUTE FUNCTION request_claim_append_only()
-- end
ALTER TABLE request_claim ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON request_claim USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE request_outcome (
	bucket INTEGER NOT NULL,
	request_id BYTEA NOT NULL,
	outcome TEXT NOT NULL,
	grant_id BYTEA,
	decided_at BIGINT NOT NULL,
	CONSTRAINT pk_request_outcome PRIMARY KEY (bucket, request_id),
	CONSTRAINT ck_request_outcome_outcome CHECK (outcome IN ('approved', 'refused')),
	CONSTRAINT ck_request_outcome_approved CHECK (outcome <> 'approved' OR grant_id IS NOT NULL),
	CONSTRAINT fk_request_outcome_consent_request FOREIGN KEY(bucket, request_id) REFERENCES consent_request (bucket, id)
)
-- end
CREATE FUNCTION request_outcome_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'request_outcome is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER request_outcome_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON request_outcome FOR EACH STATEMENT EXECUTE FUNCTION request_outcome_append_only()
-- end
ALTER TABLE request_outcome ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON request_outcome USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE request_poll (
	bucket INTEGER NOT NULL,
	request_id BYTEA NOT NULL,
	interval_s INTEGER NOT NULL,
	polled_at BIGINT NOT NULL,
	CONSTRAINT pk_request_poll PRIMARY KEY (bucket, request_id),
	CONSTRAINT ck_request_poll_interval CHECK (interval_s >= 1),
	CONSTRAINT fk_request_poll_consent_request FOREIGN KEY(bucket, request_id) REFERENCES consent_request (bucket, id)
)
-- end
CREATE FUNCTION request_poll_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'request_poll: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER request_poll_before_update BEFORE UPDATE ON request_poll FOR EACH ROW WHEN (NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.request_id IS DISTINCT FROM OLD.request_id) EXECUTE FUNCTION request_poll_before_update()
-- end
CREATE FUNCTION request_poll_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'request_poll: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER request_poll_stays BEFORE TRUNCATE ON request_poll FOR EACH STATEMENT EXECUTE FUNCTION request_poll_stays()
-- end
CREATE FUNCTION request_poll_before_update_of_interval_s() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'request_poll: the interval only grows' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER request_poll_before_update_of_interval_s BEFORE UPDATE OF interval_s ON request_poll FOR EACH ROW WHEN (NEW.interval_s < OLD.interval_s) EXECUTE FUNCTION request_poll_before_update_of_interval_s()
-- end
CREATE FUNCTION request_poll_before_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM request_claim c WHERE c.bucket = OLD.bucket AND c.request_id = OLD.request_id) THEN RAISE EXCEPTION 'request_poll: rows stay: somebody took it up' USING ERRCODE = '23514'; END IF; RETURN OLD; END $$
-- end
CREATE TRIGGER request_poll_before_delete BEFORE DELETE ON request_poll FOR EACH ROW EXECUTE FUNCTION request_poll_before_delete()
-- end
ALTER TABLE request_poll ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON request_poll USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE separate_act (
	bucket INTEGER NOT NULL,
	showing_id BYTEA NOT NULL,
	act TEXT NOT NULL,
	approval_hash BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	statement TEXT NOT NULL,
	hash BYTEA NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_separate_act PRIMARY KEY (bucket, showing_id, act, approval_hash),
	CONSTRAINT fk_separate_act_notice_showing FOREIGN KEY(bucket, showing_id) REFERENCES notice_showing (bucket, id),
	CONSTRAINT ck_separate_act_act CHECK (act IN ('onward', 'cross_border', 'written')),
	CONSTRAINT ck_separate_act_hashes CHECK (length(approval_hash) = 32 AND length(hash) = 32)
)
-- end
CREATE FUNCTION separate_act_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'separate_act is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER separate_act_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON separate_act FOR EACH STATEMENT EXECUTE FUNCTION separate_act_append_only()
-- end
ALTER TABLE separate_act ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON separate_act USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE signed_request (
	bucket INTEGER NOT NULL,
	request_id BYTEA NOT NULL,
	client_id TEXT NOT NULL,
	recipient_id TEXT NOT NULL,
	object TEXT NOT NULL,
	jwk TEXT NOT NULL,
	hash TEXT NOT NULL,
	CONSTRAINT pk_signed_request PRIMARY KEY (bucket, request_id),
	CONSTRAINT fk_signed_request_consent_request FOREIGN KEY(bucket, request_id) REFERENCES consent_request (bucket, id),
	CONSTRAINT fk_signed_request_client FOREIGN KEY(client_id, recipient_id) REFERENCES client (client_id, recipient_id)
)
-- end
CREATE FUNCTION signed_request_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'signed_request is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER signed_request_append_only BEFORE UPDATE OR TRUNCATE ON signed_request FOR EACH STATEMENT EXECUTE FUNCTION signed_request_append_only()
-- end
CREATE FUNCTION signed_request_before_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM request_claim c WHERE c.bucket = OLD.bucket AND c.request_id = OLD.request_id) THEN RAISE EXCEPTION 'signed_request: rows stay: somebody took it up' USING ERRCODE = '23514'; END IF; RETURN OLD; END $$
-- end
CREATE TRIGGER signed_request_before_delete BEFORE DELETE ON signed_request FOR EACH ROW EXECUTE FUNCTION signed_request_before_delete()
-- end
ALTER TABLE signed_request ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON signed_request USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0 AND (EXISTS (SELECT 1 FROM client r WHERE r.client_id = signed_request.client_id AND r.recipient_id = signed_request.recipient_id)))
-- end
CREATE TABLE step_up (
	bucket INTEGER NOT NULL,
	showing_id BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	how TEXT NOT NULL,
	approval_hash BYTEA NOT NULL,
	statement TEXT NOT NULL,
	credential_id BYTEA,
	public_key BYTEA,
	authenticator_data BYTEA,
	client_data TEXT,
	signature BYTEA,
	evidence_hash BYTEA NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_step_up PRIMARY KEY (bucket, showing_id),
	CONSTRAINT fk_step_up_notice_showing FOREIGN KEY(bucket, showing_id) REFERENCES notice_showing (bucket, id),
	CONSTRAINT ck_step_up_how CHECK (how IN ('key', 'code', 'passkey')),
	CONSTRAINT ck_step_up_hashes CHECK (length(approval_hash) = 32 AND length(evidence_hash) = 32),
	CONSTRAINT ck_step_up_signed CHECK (((how = 'passkey') = (credential_id IS NOT NULL)) AND ((how = 'passkey') = (public_key IS NOT NULL)) AND ((how = 'passkey') = (authenticator_data IS NOT NULL)) AND ((how = 'passkey') = (client_data IS NOT NULL)) AND ((how = 'passkey') = (signature IS NOT NULL)))
)
-- end
CREATE FUNCTION step_up_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'step_up is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER step_up_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON step_up FOR EACH STATEMENT EXECUTE FUNCTION step_up_append_only()
-- end
ALTER TABLE step_up ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON step_up USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE claim (
	bucket INTEGER NOT NULL,
	incident BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	id BYTEA NOT NULL,
	state TEXT NOT NULL,
	respondent TEXT,
	grant_id BYTEA,
	terms_id TEXT,
	currency TEXT,
	amount TEXT,
	statement TEXT NOT NULL,
	drafted_at BIGINT NOT NULL,
	CONSTRAINT pk_claim PRIMARY KEY (bucket, incident, subject),
	CONSTRAINT uq_claim_bucket_id UNIQUE (bucket, id),
	CONSTRAINT fk_claim_incident_person FOREIGN KEY(bucket, incident, subject) REFERENCES incident_person (bucket, incident, subject),
	CONSTRAINT ck_claim_money CHECK ((amount IS NULL) = (currency IS NULL))
)
-- end
ALTER TABLE claim ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON claim USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE consent_grant (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	showing_id BYTEA NOT NULL,
	recipient_id TEXT NOT NULL,
	client_id TEXT NOT NULL,
	purpose TEXT NOT NULL,
	consent_kind TEXT NOT NULL,
	fields TEXT NOT NULL,
	notice_id TEXT NOT NULL,
	notice_hash TEXT NOT NULL,
	terms_id TEXT NOT NULL,
	terms_hash TEXT NOT NULL,
	retention TEXT NOT NULL,
	max_uses INTEGER NOT NULL,
	used INTEGER NOT NULL,
	window_from BIGINT NOT NULL,
	window_to BIGINT NOT NULL,
	state TEXT NOT NULL,
	approval_hash BYTEA NOT NULL,
	written_hash TEXT,
	written_lang TEXT,
	written_by TEXT,
	parent_grant BYTEA,
	hops INTEGER DEFAULT '0' NOT NULL,
	onward TEXT DEFAULT '[]' NOT NULL,
	decided_at BIGINT NOT NULL,
	ledger_year INTEGER NOT NULL,
	CONSTRAINT pk_consent_grant PRIMARY KEY (bucket, id),
	CONSTRAINT ck_consent_grant_uses CHECK (max_uses >= 1 AND used >= 0 AND used <= max_uses),
	CONSTRAINT ck_consent_grant_exhausted CHECK ((state <> 'exhausted' OR used = max_uses)),
	CONSTRAINT ck_consent_grant_active CHECK ((state <> 'active' OR used < max_uses)),
	CONSTRAINT ck_consent_grant_window CHECK (window_from < window_to),
	CONSTRAINT ck_consent_grant_parent CHECK ((parent_grant IS NULL) = (hops = 0)),
	CONSTRAINT ck_consent_grant_hops CHECK (hops BETWEEN 0 AND 3),
	CONSTRAINT uq_consent_grant_showing_id_bucket UNIQUE (showing_id, bucket),
	CONSTRAINT uq_consent_grant_recipient UNIQUE (bucket, id, recipient_id, client_id),
	CONSTRAINT ck_consent_grant_written CHECK ((consent_kind = 'written') = (written_hash IS NOT NULL)),
	CONSTRAINT ck_consent_grant_written_lang CHECK ((written_hash IS NULL) = (written_lang IS NULL)),
	CONSTRAINT ck_consent_grant_written_by CHECK (written_by IS NULL OR (written_by IN ('name', 'passkey') AND written_hash IS NOT NULL)),
	CONSTRAINT fk_consent_grant_notice_showing FOREIGN KEY(bucket, showing_id, subject, recipient_id, client_id, purpose, notice_id, notice_hash, terms_id, terms_hash) REFERENCES notice_showing (bucket, id, subject, recipient_id, client_id, purpose, notice_id, notice_hash, terms_id, terms_hash),
	CONSTRAINT fk_consent_grant_consent_grant FOREIGN KEY(bucket, parent_grant) REFERENCES consent_grant (bucket, id),
	CONSTRAINT fk_consent_grant_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE INDEX ix_consent_grant_parent ON consent_grant (parent_grant, bucket) WHERE parent_grant IS NOT NULL
-- end
CREATE INDEX ix_consent_grant_subject ON consent_grant (subject, bucket)
-- end
CREATE FUNCTION consent_grant_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'consent_grant: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER consent_grant_before_update BEFORE UPDATE ON consent_grant FOR EACH ROW WHEN (NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.id IS DISTINCT FROM OLD.id OR NEW.subject IS DISTINCT FROM OLD.subject OR NEW.showing_id IS DISTINCT FROM OLD.showing_id OR NEW.recipient_id IS DISTINCT FROM OLD.recipient_id OR NEW.client_id IS DISTINCT FROM OLD.client_id OR NEW.purpose IS DISTINCT FROM OLD.purpose OR NEW.consent_kind IS DISTINCT FROM OLD.consent_kind OR NEW.fields IS DISTINCT FROM OLD.fields OR NEW.notice_id IS DISTINCT FROM OLD.notice_id OR NEW.notice_hash IS DISTINCT FROM OLD.notice_hash OR NEW.terms_id IS DISTINCT FROM OLD.terms_id OR NEW.terms_hash IS DISTINCT FROM OLD.terms_hash OR NEW.retention IS DISTINCT FROM OLD.retention OR NEW.max_uses IS DISTINCT FROM OLD.max_uses OR NEW.window_from IS DISTINCT FROM OLD.window_from OR NEW.window_to IS DISTINCT FROM OLD.window_to OR NEW.approval_hash IS DISTINCT FROM OLD.approval_hash OR NEW.written_hash IS DISTINCT FROM OLD.written_hash OR NEW.written_lang IS DISTINCT FROM OLD.written_lang OR NEW.written_by IS DISTINCT FROM OLD.written_by OR NEW.parent_grant IS DISTINCT FROM OLD.parent_grant OR NEW.hops IS DISTINCT FROM OLD.hops OR NEW.onward IS DISTINCT FROM OLD.onward OR NEW.decided_at IS DISTINCT FROM OLD.decided_at OR NEW.ledger_year IS DISTINCT FROM OLD.ledger_year) EXECUTE FUNCTION consent_grant_before_update()
-- end
CREATE FUNCTION consent_grant_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'consent_grant: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER consent_grant_stays BEFORE DELETE OR TRUNCATE ON consent_grant FOR EACH STATEMENT EXECUTE FUNCTION consent_grant_stays()
-- end
ALTER TABLE consent_grant SET (fillfactor = 50)
-- end
CREATE FUNCTION consent_grant_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.used <> 0 OR NEW.state NOT IN ('active', 'deferred', 'refused', 'requested') THEN RAISE EXCEPTION 'consent_grant: a grant is born unused' USING ERRCODE = '23514'; END IF; IF NEW.fields = '[]' OR EXISTS (SELECT 1 FROM jsonb_array_elements_text(NEW.fields::jsonb) AS e(value) WHERE value NOT IN (SELECT p.field FROM purpose_field p WHERE p.purpose = NEW.purpose UNION ALL SELECT o.field FROM own_field o WHERE o.purpose = NEW.purpose)) THEN RAISE EXCEPTION 'consent_grant: fields beyond the purpose' USING ERRCODE = '23514'; END IF; IF NOT EXISTS (SELECT 1 FROM terms_signature t WHERE t.terms_id = NEW.terms_id) AND NOT EXISTS (SELECT 1 FROM notice_showing s WHERE s.bucket = NEW.bucket AND s.id = NEW.showing_id AND s.details LIKE '%%"terms_signature":"sha-256:%%') THEN RAISE EXCEPTION 'consent_grant: terms that the recipient has not signed' USING ERRCODE = '23514'; END IF; IF NEW.parent_grant IS NOT NULL AND NEW.state = 'active' AND NOT EXISTS (SELECT 1 FROM consent_grant p WHERE p.bucket = NEW.bucket AND p.id = NEW.parent_grant AND p.subject = NEW.subject AND p.state = 'active' AND (p.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p3 WHERE p3.bucket = p.bucket AND p3.id = p.parent_grant AND p3.state = 'active' AND (p3.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p2 WHERE p2.bucket = p3.bucket AND p2.id = p3.parent_grant AND p2.state = 'active' AND (p2.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p1 WHERE p1.bucket = p2.bucket AND p1.id = p2.parent_grant AND p1.state = 'active' AND 1 = 1)))))) AND NEW.hops = p.hops + 1 AND NEW.window_from >= p.window_from AND NEW.window_to <= p.window_to FOR SHARE) THEN RAISE EXCEPTION 'consent_grant: an onward grant needs an active parent of the same person whose window holds its own' USING ERRCODE = '23514'; END IF; IF NEW.parent_grant IS NOT NULL AND EXISTS (SELECT 1 FROM jsonb_array_elements_text(NEW.fields::jsonb) AS e(value) WHERE value NOT IN (SELECT value FROM consent_grant p, jsonb_array_elements_text(p.fields::jsonb) AS e(value) WHERE p.bucket = NEW.bucket AND p.id = NEW.parent_grant)) THEN RAISE EXCEPTION 'consent_grant: an onward grant has fields beyond its parent' USING ERRCODE = '23514'; END IF; IF NEW.parent_grant IS NOT NULL AND NEW.recipient_id NOT IN (SELECT value FROM consent_grant p, jsonb_array_elements_text(p.onward::jsonb) AS e(value) WHERE p.bucket = NEW.bucket AND p.id = NEW.parent_grant) THEN RAISE EXCEPTION 'consent_grant: an onward grant is for a recipient that its parent names' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER consent_grant_before_insert BEFORE INSERT ON consent_grant FOR EACH ROW EXECUTE FUNCTION consent_grant_before_insert()
-- end
CREATE FUNCTION consent_grant_before_update_of_used() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'consent_grant: uses are counted while active' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER consent_grant_before_update_of_used BEFORE UPDATE OF used ON consent_grant FOR EACH ROW WHEN (NEW.used <> OLD.used AND OLD.state <> 'active') EXECUTE FUNCTION consent_grant_before_update_of_used()
-- end
CREATE FUNCTION consent_grant_before_update_of_state() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NOT EXISTS (SELECT 1 FROM grant_transition t WHERE t.from_state = OLD.state AND t.to_state = NEW.state) THEN RAISE EXCEPTION 'consent_grant: illegal transition' USING ERRCODE = '23514'; END IF; IF NEW.state = 'withdrawn' AND NOT EXISTS (SELECT 1 FROM withdrawal w WHERE w.bucket = NEW.bucket AND w.grant_id = NEW.id) THEN RAISE EXCEPTION 'consent_grant: withdrawn without a withdrawal' USING ERRCODE = '23514'; END IF; IF NEW.parent_grant IS NOT NULL AND NEW.state = 'active' AND NOT EXISTS (SELECT 1 FROM consent_grant p WHERE p.bucket = NEW.bucket AND p.id = NEW.parent_grant AND p.subject = NEW.subject AND p.state = 'active' AND (p.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p3 WHERE p3.bucket = p.bucket AND p3.id = p.parent_grant AND p3.state = 'active' AND (p3.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p2 WHERE p2.bucket = p3.bucket AND p2.id = p3.parent_grant AND p2.state = 'active' AND (p2.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p1 WHERE p1.bucket = p2.bucket AND p1.id = p2.parent_grant AND p1.state = 'active' AND 1 = 1)))))) AND NEW.hops = p.hops + 1 AND NEW.window_from >= p.window_from AND NEW.window_to <= p.window_to FOR SHARE) THEN RAISE EXCEPTION 'consent_grant: an onward grant needs an active parent of the same person whose window holds its own' USING ERRCODE = '23514'; END IF; IF (NEW.state IN ('withdrawn', 'revoked', 'invalidated') AND EXISTS (SELECT 1 FROM consent_grant c WHERE c.bucket = NEW.bucket AND c.parent_grant = NEW.id AND c.state IN ('active', 'suspended', 'exhausted', 'expired'))) OR (NEW.state = 'terminated' AND EXISTS (SELECT 1 FROM consent_grant c WHERE c.bucket = NEW.bucket AND c.parent_grant = NEW.id AND c.state IN ('active', 'suspended'))) OR (NEW.state = 'suspended' AND EXISTS (SELECT 1 FROM consent_grant c WHERE c.bucket = NEW.bucket AND c.parent_grant = NEW.id AND c.state IN ('active'))) THEN RAISE EXCEPTION 'consent_grant: an onward grant below it is still open' USING ERRCODE = '23514'; END IF; IF NEW.state = 'terminated' AND NOT EXISTS (SELECT 1 FROM termination t WHERE t.bucket = NEW.bucket AND t.grant_id = NEW.id) THEN RAISE EXCEPTION 'consent_grant: terminated without a termination' USING ERRCODE = '23514'; END IF; IF NEW.state IN ('revoked', 'invalidated') AND NOT EXISTS (SELECT 1 FROM annulment a WHERE a.bucket = NEW.bucket AND a.grant_id = NEW.id AND a.kind = NEW.state) THEN RAISE EXCEPTION 'consent_grant: revoked or invalidated without an annulment' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER consent_grant_before_update_of_state BEFORE UPDATE OF state ON consent_grant FOR EACH ROW WHEN (NEW.state <> OLD.state AND NOT (OLD.state = 'active' AND NEW.state = 'exhausted')) EXECUTE FUNCTION consent_grant_before_update_of_state()
-- end
CREATE FUNCTION consent_grant_counts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM moved WHERE moved.used <> (SELECT coalesce(sum(u.spent), 0) FROM use u WHERE u.grant_id = moved.id AND u.bucket = moved.bucket)) THEN RAISE EXCEPTION 'consent_grant: used is what was disclosed' USING ERRCODE = '23514'; END IF; RETURN NULL; END $$
-- end
CREATE TRIGGER consent_grant_counts AFTER UPDATE ON consent_grant REFERENCING NEW TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION consent_grant_counts()
-- end
CREATE FUNCTION consent_grant_after_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NOT EXISTS (SELECT 1 FROM step_up s WHERE s.bucket = NEW.bucket AND s.showing_id = NEW.showing_id AND s.subject = NEW.subject AND s.approval_hash = NEW.approval_hash AND s.at = NEW.decided_at) THEN RAISE EXCEPTION 'consent_grant: a sensitive consent needs a proof of presence' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER consent_grant_after_insert AFTER INSERT ON consent_grant FOR EACH ROW WHEN (NEW.consent_kind IN ('separate', 'written') AND NEW.state IN ('active', 'deferred')) EXECUTE FUNCTION consent_grant_after_insert()
-- end
CREATE FUNCTION consent_grant_after_insert_acts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.consent_kind = 'written' AND NOT ((NEW.written_by IS NOT NULL AND NEW.written_by = 'passkey' AND EXISTS (SELECT 1 FROM step_up s WHERE s.bucket = NEW.bucket AND s.showing_id = NEW.showing_id AND s.subject = NEW.subject AND s.approval_hash = NEW.approval_hash AND s.how = 'passkey')) OR (coalesce(NEW.written_by, '') = 'name' AND NOT NOT EXISTS (SELECT 1 FROM separate_act a WHERE a.bucket = NEW.bucket AND a.showing_id = NEW.showing_id AND a.act = 'written' AND a.approval_hash = NEW.approval_hash AND a.subject = NEW.subject AND a.at <= NEW.decided_at))) THEN RAISE EXCEPTION 'consent_grant: a written consent needs a signature' USING ERRCODE = '23514'; END IF; IF NEW.parent_grant IS NOT NULL AND NOT EXISTS (SELECT 1 FROM separate_act a WHERE a.bucket = NEW.bucket AND a.showing_id = NEW.showing_id AND a.act = 'onward' AND a.approval_hash = NEW.approval_hash AND a.subject = NEW.subject AND a.at <= NEW.decided_at) THEN RAISE EXCEPTION 'consent_grant: onward provision needs an act of its own' USING ERRCODE = '23514'; END IF; IF EXISTS (SELECT 1 FROM recipient r WHERE r.id = NEW.recipient_id AND r.country <> substr(r.jurisdiction, 1, 2)) AND NOT EXISTS (SELECT 1 FROM separate_act a WHERE a.bucket = NEW.bucket AND a.showing_id = NEW.showing_id AND a.act = 'cross_border' AND a.approval_hash = NEW.approval_hash AND a.subject = NEW.subject AND a.at <= NEW.decided_at) THEN RAISE EXCEPTION 'consent_grant: a transfer abroad needs an act of its own' USING ERRCODE = '23514'; END IF; IF EXISTS (SELECT 1 FROM recipient r WHERE r.id = NEW.recipient_id AND r.country <> substr(r.jurisdiction, 1, 2)) AND NOT EXISTS (SELECT 1 FROM notice_version n WHERE n.id = NEW.notice_id AND n.method <> '' AND n.rights <> '') THEN RAISE EXCEPTION 'consent_grant: a transfer abroad needs a notice with method and rights' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER consent_grant_after_insert_acts AFTER INSERT ON consent_grant FOR EACH ROW WHEN (NEW.state IN ('active', 'deferred')) EXECUTE FUNCTION consent_grant_after_insert_acts()
-- end
CREATE FUNCTION consent_grant_before_update_of_state_acts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.consent_kind = 'written' AND NOT ((NEW.written_by IS NOT NULL AND NEW.written_by = 'passkey' AND EXISTS (SELECT 1 FROM step_up s WHERE s.bucket = NEW.bucket AND s.showing_id = NEW.showing_id AND s.subject = NEW.subject AND s.approval_hash = NEW.approval_hash AND s.how = 'passkey')) OR (coalesce(NEW.written_by, '') = 'name' AND NOT NOT EXISTS (SELECT 1 FROM separate_act a WHERE a.bucket = NEW.bucket AND a.showing_id = NEW.showing_id AND a.act = 'written' AND a.approval_hash = NEW.approval_hash AND a.subject = NEW.subject AND a.at <= NEW.decided_at))) THEN RAISE EXCEPTION 'consent_grant: a written consent needs a signature' USING ERRCODE = '23514'; END IF; IF NEW.parent_grant IS NOT NULL AND NOT EXISTS (SELECT 1 FROM separate_act a WHERE a.bucket = NEW.bucket AND a.showing_id = NEW.showing_id AND a.act = 'onward' AND a.approval_hash = NEW.approval_hash AND a.subject = NEW.subject AND a.at <= NEW.decided_at) THEN RAISE EXCEPTION 'consent_grant: onward provision needs an act of its own' USING ERRCODE = '23514'; END IF; IF EXISTS (SELECT 1 FROM recipient r WHERE r.id = NEW.recipient_id AND r.country <> substr(r.jurisdiction, 1, 2)) AND NOT EXISTS (SELECT 1 FROM separate_act a WHERE a.bucket = NEW.bucket AND a.showing_id = NEW.showing_id AND a.act = 'cross_border' AND a.approval_hash = NEW.approval_hash AND a.subject = NEW.subject AND a.at <= NEW.decided_at) THEN RAISE EXCEPTION 'consent_grant: a transfer abroad needs an act of its own' USING ERRCODE = '23514'; END IF; IF EXISTS (SELECT 1 FROM recipient r WHERE r.id = NEW.recipient_id AND r.country <> substr(r.jurisdiction, 1, 2)) AND NOT EXISTS (SELECT 1 FROM notice_version n WHERE n.id = NEW.notice_id AND n.method <> '' AND n.rights <> '') THEN RAISE EXCEPTION 'consent_grant: a transfer abroad needs a notice with method and rights' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER consent_grant_before_update_of_state_acts BEFORE UPDATE OF state ON consent_grant FOR EACH ROW WHEN (NEW.state = 'active' AND OLD.state IN ('requested', 'deferred')) EXECUTE FUNCTION consent_grant_before_update_of_state_acts()
-- end
ALTER TABLE consent_grant ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON consent_grant USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE auth_code (
	bucket INTEGER NOT NULL,
	hash BYTEA NOT NULL,
	grant_id BYTEA NOT NULL,
	recipient_id TEXT NOT NULL,
	client_id TEXT NOT NULL,
	via TEXT NOT NULL,
	redirect_uri TEXT NOT NULL,
	code_challenge TEXT NOT NULL,
	dpop_jkt TEXT,
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	CONSTRAINT pk_auth_code PRIMARY KEY (bucket, hash),
	CONSTRAINT ck_auth_code_pkce CHECK ((via = 'code' AND redirect_uri <> '' AND code_challenge <> '') OR (via IN ('device', 'backchannel') AND redirect_uri = '' AND code_challenge = '')),
	CONSTRAINT uq_auth_code_grant UNIQUE (bucket, hash, grant_id),
	CONSTRAINT fk_auth_code_consent_grant FOREIGN KEY(bucket, grant_id, recipient_id, client_id) REFERENCES consent_grant (bucket, id, recipient_id, client_id)
)
-- end
CREATE FUNCTION auth_code_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'auth_code is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER auth_code_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON auth_code FOR EACH STATEMENT EXECUTE FUNCTION auth_code_append_only()
-- end
ALTER TABLE auth_code ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON auth_code USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE deferral (
	bucket INTEGER NOT NULL,
	grant_id BYTEA NOT NULL,
	protection_id BYTEA NOT NULL,
	why TEXT NOT NULL,
	expires_at BIGINT NOT NULL,
	CONSTRAINT pk_deferral PRIMARY KEY (bucket, grant_id),
	CONSTRAINT ck_deferral_why CHECK (why IN ('sensitive', 'onward', 'abroad', 'sum')),
	CONSTRAINT fk_deferral_consent_grant FOREIGN KEY(bucket, grant_id) REFERENCES consent_grant (bucket, id),
	CONSTRAINT fk_deferral_protection FOREIGN KEY(bucket, protection_id) REFERENCES protection (bucket, id)
)
-- end
CREATE INDEX ix_deferral_protection ON deferral (protection_id, bucket)
-- end
CREATE FUNCTION deferral_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'deferral is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER deferral_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON deferral FOR EACH STATEMENT EXECUTE FUNCTION deferral_append_only()
-- end
ALTER TABLE deferral ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON deferral USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE event_outbox (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	recipient_id TEXT NOT NULL,
	client_id TEXT,
	grant_id BYTEA,
	suspension_id TEXT,
	kind TEXT NOT NULL,
	body TEXT,
	created_at BIGINT NOT NULL,
	again_at BIGINT,
	attempts INTEGER NOT NULL,
	lease BIGINT DEFAULT '0' NOT NULL,
	next_at BIGINT NOT NULL,
	code TEXT,
	delivered_at BIGINT,
	failed_at BIGINT,
	erase_by BIGINT,
	CONSTRAINT pk_event_outbox PRIMARY KEY (bucket, id),
	CONSTRAINT ck_event_outbox_ended CHECK (delivered_at IS NULL OR failed_at IS NULL),
	CONSTRAINT ck_event_outbox_cause CHECK ((grant_id IS NULL) <> (suspension_id IS NULL)),
	CONSTRAINT ck_event_outbox_signed CHECK (grant_id IS NULL OR (client_id IS NOT NULL AND body IS NOT NULL)),
	CONSTRAINT uq_event_outbox_grant UNIQUE (bucket, id, grant_id),
	CONSTRAINT uq_event_outbox_recipient UNIQUE (bucket, id, grant_id, recipient_id),
	CONSTRAINT fk_event_outbox_consent_grant FOREIGN KEY(bucket, grant_id, recipient_id, client_id) REFERENCES consent_grant (bucket, id, recipient_id, client_id),
	CONSTRAINT fk_event_outbox_suspension FOREIGN KEY(suspension_id, recipient_id) REFERENCES suspension (id, recipient_id)
)
-- end
CREATE INDEX ix_event_outbox_due ON event_outbox (recipient_id, next_at) WHERE delivered_at IS NULL AND failed_at IS NULL
-- end
CREATE INDEX ix_event_outbox_grant ON event_outbox (grant_id, bucket)
-- end
CREATE FUNCTION event_outbox_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'event_outbox: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER event_outbox_before_update BEFORE UPDATE ON event_outbox FOR EACH ROW WHEN (NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.id IS DISTINCT FROM OLD.id OR NEW.recipient_id IS DISTINCT FROM OLD.recipient_id OR NEW.client_id IS DISTINCT FROM OLD.client_id OR NEW.grant_id IS DISTINCT FROM OLD.grant_id OR NEW.suspension_id IS DISTINCT FROM OLD.suspension_id OR NEW.kind IS DISTINCT FROM OLD.kind OR NEW.created_at IS DISTINCT FROM OLD.created_at OR NEW.erase_by IS DISTINCT FROM OLD.erase_by) EXECUTE FUNCTION event_outbox_before_update()
-- end
CREATE FUNCTION event_outbox_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'event_outbox: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER event_outbox_stays BEFORE DELETE OR TRUNCATE ON event_outbox FOR EACH STATEMENT EXECUTE FUNCTION event_outbox_stays()
-- end
CREATE FUNCTION event_outbox_before_update_of_delivered_at() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'event_outbox: acknowledged for good' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER event_outbox_before_update_of_delivered_at BEFORE UPDATE OF delivered_at ON event_outbox FOR EACH ROW WHEN (OLD.delivered_at IS NOT NULL AND NEW.delivered_at IS DISTINCT FROM OLD.delivered_at) EXECUTE FUNCTION event_outbox_before_update_of_delivered_at()
-- end
CREATE FUNCTION event_outbox_before_update_of_body() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'event_outbox: signed once' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER event_outbox_before_update_of_body BEFORE UPDATE OF body ON event_outbox FOR EACH ROW WHEN (OLD.body IS NOT NULL AND NEW.body IS DISTINCT FROM OLD.body) EXECUTE FUNCTION event_outbox_before_update_of_body()
-- end
CREATE FUNCTION event_outbox_before_update_of_lease() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'event_outbox: leases are counted upwards' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER event_outbox_before_update_of_lease BEFORE UPDATE OF lease ON event_outbox FOR EACH ROW WHEN (NEW.lease <= OLD.lease) EXECUTE FUNCTION event_outbox_before_update_of_lease()
-- end
ALTER TABLE event_outbox ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON event_outbox USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0 AND (suspension_id IS NULL OR EXISTS (SELECT 1 FROM suspension r WHERE r.id = event_outbox.suspension_id AND r.recipient_id = event_outbox.recipient_id)))
-- end
CREATE TABLE guarded_step (
	bucket INTEGER NOT NULL,
	grant_id BYTEA NOT NULL,
	number BIGINT NOT NULL,
	id BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	step TEXT NOT NULL,
	guardian BYTEA,
	guardian_from BIGINT,
	at BIGINT NOT NULL,
	ledger_year INTEGER NOT NULL,
	CONSTRAINT pk_guarded_step PRIMARY KEY (bucket, grant_id, number),
	CONSTRAINT ck_guarded_step_step CHECK (step IN ('approved', 'suspended', 'confirmed', 'withdrawn')),
	CONSTRAINT ck_guarded_step_link CHECK ((guardian IS NULL) = (guardian_from IS NULL)),
	CONSTRAINT ck_guarded_step_first CHECK ((number = 0) = (step = 'approved')),
	CONSTRAINT fk_guarded_step_consent_grant FOREIGN KEY(bucket, grant_id) REFERENCES consent_grant (bucket, id) DEFERRABLE INITIALLY DEFERRED,
	CONSTRAINT fk_guarded_step_guardianship FOREIGN KEY(bucket, subject, guardian, guardian_from) REFERENCES guardianship (bucket, ward, guardian, valid_from),
	CONSTRAINT fk_guarded_step_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE INDEX ix_guarded_step_subject ON guarded_step (subject, bucket)
-- end
CREATE FUNCTION guardian_showing_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NOT EXISTS (SELECT 1 FROM notice_showing n WHERE n.bucket = NEW.bucket AND n.id = NEW.showing_id AND n.subject = NEW.subject) THEN RAISE EXCEPTION 'guardian_showing: shown is the data of somebody else' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER guardian_showing_before_insert BEFORE INSERT ON guardian_showing FOR EACH ROW EXECUTE FUNCTION guardian_showing_before_insert()
-- end
CREATE FUNCTION consent_grant_after_insert_guarded() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NOT EXISTS (SELECT 1 FROM guardian_showing w WHERE w.bucket = NEW.bucket AND w.showing_id = NEW.showing_id) AND EXISTS (SELECT 1 FROM guardianship l WHERE l.bucket = NEW.bucket AND l.ward = NEW.subject AND l.ended_at IS NULL AND l.valid_from <= NEW.decided_at AND (l.valid_until IS NULL OR NEW.decided_at < l.valid_until) AND (l.decides_until IS NULL OR NEW.decided_at < l.decides_until)) THEN RAISE EXCEPTION 'consent_grant: a ward has a guardian who decides' USING ERRCODE = '23514'; END IF; IF EXISTS (SELECT 1 FROM guardian_showing w WHERE w.bucket = NEW.bucket AND w.showing_id = NEW.showing_id AND NOT EXISTS (SELECT 1 FROM guarded_step s JOIN guardianship l ON l.bucket = s.bucket AND l.ward = s.subject AND l.guardian = s.guardian AND l.valid_from = s.guardian_from WHERE s.bucket = NEW.bucket AND s.grant_id = NEW.id AND s.number = 0 AND s.subject = NEW.subject AND s.guardian = w.guardian AND s.guardian_from = w.guardian_from AND l.ended_at IS NULL AND l.valid_from <= NEW.decided_at AND (l.valid_until IS NULL OR NEW.decided_at < l.valid_until) AND (l.decides_until IS NULL OR NEW.decided_at < l.decides_until))) THEN RAISE EXCEPTION 'consent_grant: the guardian who was shown it does not decide for the ward' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER consent_grant_after_insert_guarded AFTER INSERT ON consent_grant FOR EACH ROW WHEN (NEW.state IN ('active', 'deferred')) EXECUTE FUNCTION consent_grant_after_insert_guarded()
-- end
CREATE FUNCTION consent_grant_before_update_of_state_guarded() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM guarded_step s WHERE s.bucket = NEW.bucket AND s.grant_id = NEW.id AND s.step IN ('suspended') AND NOT EXISTS (SELECT 1 FROM guarded_step t WHERE t.bucket = s.bucket AND t.grant_id = s.grant_id AND t.number > s.number)) THEN RAISE EXCEPTION 'consent_grant: a suspended consent of a ward needs to be confirmed' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER consent_grant_before_update_of_state_guarded BEFORE UPDATE OF state ON consent_grant FOR EACH ROW WHEN (NEW.state = 'active' AND OLD.state = 'suspended') EXECUTE FUNCTION consent_grant_before_update_of_state_guarded()
-- end
CREATE FUNCTION guarded_step_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.guardian IS NOT NULL AND NEW.step <> 'suspended' AND NOT EXISTS (SELECT 1 FROM guardianship l WHERE l.bucket = NEW.bucket AND l.ward = NEW.subject AND l.guardian = NEW.guardian AND l.valid_from = NEW.guardian_from AND l.ended_at IS NULL AND l.valid_from <= NEW.at AND (l.valid_until IS NULL OR NEW.at < l.valid_until) FOR SHARE) THEN RAISE EXCEPTION 'guarded_step: the guardian does not stand for the ward' USING ERRCODE = '23514'; END IF; IF NEW.guardian IS NULL AND EXISTS (SELECT 1 FROM guardianship l WHERE l.bucket = NEW.bucket AND l.ward = NEW.subject AND l.ended_at IS NULL AND l.valid_from <= NEW.at AND (l.valid_until IS NULL OR NEW.at < l.valid_until) AND (l.decides_until IS NULL OR NEW.at < l.decides_until)) THEN RAISE EXCEPTION 'guarded_step: a ward has a guardian who decides' USING ERRCODE = '23514'; END IF; IF NEW.step <> 'confirmed' AND NEW.guardian IS NULL THEN RAISE EXCEPTION 'guarded_step: only a confirmation is the word of the ward' USING ERRCODE = '23514'; END IF; IF NEW.step = 'confirmed' AND NOT EXISTS (SELECT 1 FROM guarded_step s WHERE s.bucket = NEW.bucket AND s.grant_id = NEW.grant_id AND s.step IN ('suspended') AND NOT EXISTS (SELECT 1 FROM guarded_step t WHERE t.bucket = s.bucket AND t.grant_id = s.grant_id AND t.number > s.number)) THEN RAISE EXCEPTION 'guarded_step: only what is suspended is confirmed' USING ERRCODE = '23514'; END IF; IF NEW.number > 0 AND NOT EXISTS (SELECT 1 FROM consent_grant g WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id AND g.subject = NEW.subject) THEN RAISE EXCEPTION 'guarded_step: the consent is of somebody else' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER guarded_step_before_insert BEFORE INSERT ON guarded_step FOR EACH ROW EXECUTE FUNCTION guarded_step_before_insert()
-- end
CREATE FUNCTION guardianship_before_update_of_ended_at_guarded() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM guarded_step s JOIN consent_grant g ON g.bucket = s.bucket AND g.id = s.grant_id WHERE s.bucket = NEW.bucket AND s.subject = NEW.ward AND s.guardian = NEW.guardian AND s.guardian_from = NEW.valid_from AND s.step IN ('approved', 'confirmed') AND g.state = 'active' AND NOT EXISTS (SELECT 1 FROM guarded_step t WHERE t.bucket = s.bucket AND t.grant_id = s.grant_id AND t.number > s.number)) THEN RAISE EXCEPTION 'guardianship: a consent that was given through it is still active' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER guardianship_before_update_of_ended_at_guarded BEFORE UPDATE OF ended_at ON guardianship FOR EACH ROW EXECUTE FUNCTION guardianship_before_update_of_ended_at_guarded()
-- end
CREATE FUNCTION guarded_step_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'guarded_step: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER guarded_step_before_update BEFORE UPDATE ON guarded_step FOR EACH ROW WHEN (NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.grant_id IS DISTINCT FROM OLD.grant_id OR NEW.number IS DISTINCT FROM OLD.number OR NEW.id IS DISTINCT FROM OLD.id OR NEW.subject IS DISTINCT FROM OLD.subject OR NEW.step IS DISTINCT FROM OLD.step OR NEW.at IS DISTINCT FROM OLD.at OR NEW.ledger_year IS DISTINCT FROM OLD.ledger_year) EXECUTE FUNCTION guarded_step_before_update()
-- end
CREATE FUNCTION guarded_step_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'guarded_step: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER guarded_step_stays BEFORE DELETE OR TRUNCATE ON guarded_step FOR EACH STATEMENT EXECUTE FUNCTION guarded_step_stays()
-- end
CREATE FUNCTION guarded_step_before_update_forgets() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.guardian IS NOT NULL OR EXISTS (SELECT 1 FROM person p WHERE p.bucket = NEW.bucket AND p.subject = NEW.subject AND p.state <> 'erased') THEN RAISE EXCEPTION 'guarded_step: the guardian is only forgotten, with the ward' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER guarded_step_before_update_forgets BEFORE UPDATE ON guarded_step FOR EACH ROW EXECUTE FUNCTION guarded_step_before_update_forgets()
-- end
ALTER TABLE guarded_step ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON guarded_step USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE refresh_token (
	bucket INTEGER NOT NULL,
	hash BYTEA NOT NULL,
	grant_id BYTEA NOT NULL,
	recipient_id TEXT NOT NULL,
	client_id TEXT NOT NULL,
	jkt TEXT NOT NULL,
	minted_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	voided_at BIGINT,
	CONSTRAINT pk_refresh_token PRIMARY KEY (bucket, hash),
	CONSTRAINT uq_refresh_token_grant_id_bucket UNIQUE (grant_id, bucket),
	CONSTRAINT uq_refresh_token_grant UNIQUE (bucket, hash, grant_id),
	CONSTRAINT fk_refresh_token_consent_grant FOREIGN KEY(bucket, grant_id, recipient_id, client_id) REFERENCES consent_grant (bucket, id, recipient_id, client_id)
)
-- end
CREATE FUNCTION refresh_token_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'refresh_token: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER refresh_token_before_update BEFORE UPDATE ON refresh_token FOR EACH ROW WHEN (NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.hash IS DISTINCT FROM OLD.hash OR NEW.grant_id IS DISTINCT FROM OLD.grant_id OR NEW.recipient_id IS DISTINCT FROM OLD.recipient_id OR NEW.client_id IS DISTINCT FROM OLD.client_id OR NEW.jkt IS DISTINCT FROM OLD.jkt OR NEW.minted_at IS DISTINCT FROM OLD.minted_at OR NEW.expires_at IS DISTINCT FROM OLD.expires_at) EXECUTE FUNCTION refresh_token_before_update()
-- end
CREATE FUNCTION refresh_token_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refresh_token: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER refresh_token_stays BEFORE DELETE OR TRUNCATE ON refresh_token FOR EACH STATEMENT EXECUTE FUNCTION refresh_token_stays()
-- end
CREATE FUNCTION refresh_token_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.voided_at IS NOT NULL OR NOT EXISTS (SELECT 1 FROM consent_grant g WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id AND g.state = 'active' AND g.max_uses > 1 AND NEW.expires_at <= g.window_to) THEN RAISE EXCEPTION 'refresh_token: only a counted grant is refreshed, and not beyond its window' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER refresh_token_before_insert BEFORE INSERT ON refresh_token FOR EACH ROW EXECUTE FUNCTION refresh_token_before_insert()
-- end
CREATE FUNCTION refresh_token_before_update_of_voided_at() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'refresh_token: voided for good' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER refresh_token_before_update_of_voided_at BEFORE UPDATE OF voided_at ON refresh_token FOR EACH ROW WHEN (OLD.voided_at IS NOT NULL AND NEW.voided_at IS DISTINCT FROM OLD.voided_at) EXECUTE FUNCTION refresh_token_before_update_of_voided_at()
-- end
ALTER TABLE refresh_token ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON refresh_token USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE service_denial (
	bucket INTEGER NOT NULL,
	grant_id BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	recipient_id TEXT NOT NULL,
	client_id TEXT NOT NULL,
	fields TEXT NOT NULL,
	said_at BIGINT NOT NULL,
	CONSTRAINT pk_service_denial PRIMARY KEY (bucket, grant_id),
	CONSTRAINT ck_service_denial_fields CHECK (fields <> '[]'),
	CONSTRAINT fk_service_denial_consumer FOREIGN KEY(bucket, subject) REFERENCES consumer (bucket, subject),
	CONSTRAINT fk_service_denial_consent_grant FOREIGN KEY(bucket, grant_id, recipient_id, client_id) REFERENCES consent_grant (bucket, id, recipient_id, client_id)
)
-- end
CREATE FUNCTION service_denial_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'service_denial is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER service_denial_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON service_denial FOR EACH STATEMENT EXECUTE FUNCTION service_denial_append_only()
-- end
ALTER TABLE service_denial ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON service_denial USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE termination (
	bucket INTEGER NOT NULL,
	grant_id BYTEA NOT NULL,
	id BYTEA NOT NULL,
	recipient_id TEXT NOT NULL,
	client_id TEXT NOT NULL,
	channel TEXT NOT NULL,
	disclosures INTEGER NOT NULL,
	terminated_at BIGINT NOT NULL,
	ledger_year INTEGER NOT NULL,
	CONSTRAINT pk_termination PRIMARY KEY (bucket, grant_id),
	CONSTRAINT ck_termination_channel CHECK (channel IN ('recipient', 'parent')),
	CONSTRAINT fk_termination_consent_grant FOREIGN KEY(bucket, grant_id, recipient_id, client_id) REFERENCES consent_grant (bucket, id, recipient_id, client_id),
	CONSTRAINT fk_termination_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE FUNCTION termination_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'termination is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER termination_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON termination FOR EACH STATEMENT EXECUTE FUNCTION termination_append_only()
-- end
CREATE FUNCTION termination_after_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE consent_grant SET state = 'terminated' WHERE bucket = NEW.bucket AND id = NEW.grant_id; RETURN NEW; END $$
-- end
CREATE TRIGGER termination_after_insert AFTER INSERT ON termination FOR EACH ROW EXECUTE FUNCTION termination_after_insert()
-- end
ALTER TABLE termination ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON termination USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE annulment (
	bucket INTEGER NOT NULL,
	grant_id BYTEA NOT NULL,
	id BYTEA NOT NULL,
	recipient_id TEXT NOT NULL,
	client_id TEXT NOT NULL,
	kind TEXT NOT NULL,
	channel TEXT NOT NULL,
	authority TEXT,
	reason TEXT NOT NULL,
	disclosures INTEGER NOT NULL,
	event_id BYTEA NOT NULL,
	annulled_at BIGINT NOT NULL,
	ledger_year INTEGER NOT NULL,
	CONSTRAINT pk_annulment PRIMARY KEY (bucket, grant_id),
	CONSTRAINT ck_annulment_kind CHECK (kind IN ('revoked', 'invalidated')),
	CONSTRAINT ck_annulment_channel CHECK (channel IN ('operator', 'parent')),
	CONSTRAINT ck_annulment_authority CHECK ((kind = 'invalidated') = (authority IS NOT NULL)),
	CONSTRAINT ck_annulment_reason CHECK (reason <> '' AND (authority IS NULL OR authority <> '')),
	CONSTRAINT fk_annulment_consent_grant FOREIGN KEY(bucket, grant_id, recipient_id, client_id) REFERENCES consent_grant (bucket, id, recipient_id, client_id),
	CONSTRAINT fk_annulment_event_outbox FOREIGN KEY(bucket, event_id, grant_id) REFERENCES event_outbox (bucket, id, grant_id),
	CONSTRAINT fk_annulment_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE FUNCTION annulment_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'annulment is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER annulment_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON annulment FOR EACH STATEMENT EXECUTE FUNCTION annulment_append_only()
-- end
CREATE FUNCTION annulment_after_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE consent_grant SET state = NEW.kind WHERE bucket = NEW.bucket AND id = NEW.grant_id; RETURN NEW; END $$
-- end
CREATE TRIGGER annulment_after_insert AFTER INSERT ON annulment FOR EACH ROW EXECUTE FUNCTION annulment_after_insert()
-- end
ALTER TABLE annulment ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON annulment USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE deletion_proof (
	bucket INTEGER NOT NULL,
	event_id BYTEA NOT NULL,
	id BYTEA NOT NULL,
	grant_id BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	recipient_id TEXT NOT NULL,
	client_id TEXT NOT NULL,
	method TEXT NOT NULL,
	statement TEXT NOT NULL,
	erased_at BIGINT NOT NULL,
	received_at BIGINT NOT NULL,
	ledger_year INTEGER,
	CONSTRAINT pk_deletion_proof PRIMARY KEY (bucket, event_id),
	CONSTRAINT fk_deletion_proof_event_outbox FOREIGN KEY(bucket, event_id, grant_id, recipient_id) REFERENCES event_outbox (bucket, id, grant_id, recipient_id),
	CONSTRAINT fk_deletion_proof_client FOREIGN KEY(client_id, recipient_id) REFERENCES client (client_id, recipient_id),
	CONSTRAINT fk_deletion_proof_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE INDEX ix_deletion_proof_grant ON deletion_proof (grant_id, bucket)
-- end
CREATE FUNCTION deletion_proof_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'deletion_proof is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER deletion_proof_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON deletion_proof FOR EACH STATEMENT EXECUTE FUNCTION deletion_proof_append_only()
-- end
ALTER TABLE deletion_proof ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON deletion_proof USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0 AND (EXISTS (SELECT 1 FROM client r WHERE r.client_id = deletion_proof.client_id AND r.recipient_id = deletion_proof.recipient_id)))
-- end
CREATE TABLE protection_step (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	protection_id BYTEA NOT NULL,
	grant_id BYTEA,
	subject BYTEA NOT NULL,
	step TEXT NOT NULL,
	at BIGINT NOT NULL,
	ledger_year INTEGER NOT NULL,
	CONSTRAINT pk_protection_step PRIMARY KEY (bucket, id),
	CONSTRAINT ck_protection_step_grant CHECK ((grant_id IS NULL) = (step IN ('asked', 'accepted', 'declined', 'cancelled', 'off_asked', 'resigned', 'kept'))),
	CONSTRAINT ck_protection_step_step CHECK (grant_id IS NULL OR step IN ('agreed', 'disagreed', 'taken_back', 'lapsed')),
	CONSTRAINT fk_protection_step_protection FOREIGN KEY(bucket, protection_id) REFERENCES protection (bucket, id),
	CONSTRAINT fk_protection_step_deferral FOREIGN KEY(bucket, grant_id) REFERENCES deferral (bucket, grant_id),
	CONSTRAINT fk_protection_step_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE INDEX ix_protection_step_protection ON protection_step (protection_id, bucket)
-- end
CREATE FUNCTION protection_step_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'protection_step is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER protection_step_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON protection_step FOR EACH STATEMENT EXECUTE FUNCTION protection_step_append_only()
-- end
CREATE FUNCTION protection_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM protection p WHERE p.bucket = NEW.bucket AND p.subject = NEW.subject AND p.off_at > NEW.asked_at) THEN RAISE EXCEPTION 'protection: the one before it is not over' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER protection_before_insert BEFORE INSERT ON protection FOR EACH ROW EXECUTE FUNCTION protection_before_insert()
-- end
CREATE FUNCTION protection_before_update_of_accepted_at() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'protection: accepted once, and not after its end' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER protection_before_update_of_accepted_at BEFORE UPDATE OF accepted_at ON protection FOR EACH ROW WHEN (OLD.accepted_at IS NOT NULL OR OLD.off_at IS NOT NULL) EXECUTE FUNCTION protection_before_update_of_accepted_at()
-- end
CREATE FUNCTION consent_grant_after_insert_protected() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.state = 'active' AND (NEW.consent_kind IN ('separate', 'written') OR NEW.parent_grant IS NOT NULL OR NEW.onward <> '[]' OR EXISTS (SELECT 1 FROM recipient r WHERE r.id = NEW.recipient_id AND r.country <> substr(r.jurisdiction, 1, 2))) AND EXISTS (SELECT 1 FROM protection p WHERE p.bucket = NEW.bucket AND p.subject = NEW.subject AND p.accepted_at <= NEW.decided_at AND (p.off_at IS NULL OR NEW.decided_at < p.off_at)) AND NOT EXISTS (SELECT 1 FROM guardian_showing w WHERE w.bucket = NEW.bucket AND w.showing_id = NEW.showing_id) THEN RAISE EXCEPTION 'consent_grant: it waits for the trusted person' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER consent_grant_after_insert_protected AFTER INSERT ON consent_grant FOR EACH ROW WHEN (NEW.state = 'active') EXECUTE FUNCTION consent_grant_after_insert_protected()
-- end
CREATE FUNCTION consent_grant_before_update_of_state_protected() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.state = 'active' AND NOT EXISTS (SELECT 1 FROM protection_step s JOIN deferral d ON d.bucket = s.bucket AND d.grant_id = s.grant_id WHERE s.bucket = NEW.bucket AND s.grant_id = NEW.id AND s.step = 'agreed' AND s.at < d.expires_at) THEN RAISE EXCEPTION 'consent_grant: only what somebody trusted agreed to in time becomes active' USING ERRCODE = '23514'; END IF; IF NEW.state <> 'active' AND NOT EXISTS (SELECT 1 FROM protection_step s WHERE s.bucket = NEW.bucket AND s.grant_id = NEW.id AND s.step IN ('disagreed', 'taken_back', 'lapsed')) THEN RAISE EXCEPTION 'consent_grant: nobody ended the waiting' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER consent_grant_before_update_of_state_protected BEFORE UPDATE OF state ON consent_grant FOR EACH ROW WHEN (OLD.state = 'deferred') EXECUTE FUNCTION consent_grant_before_update_of_state_protected()
-- end
CREATE FUNCTION deferral_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NOT EXISTS (SELECT 1 FROM consent_grant g JOIN protection p ON p.bucket = g.bucket AND p.subject = g.subject WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id AND g.state = 'deferred' AND p.id = NEW.protection_id AND NEW.expires_at <= g.decided_at + 86400000) THEN RAISE EXCEPTION 'deferral: the consent does not wait for this' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER deferral_before_insert BEFORE INSERT ON deferral FOR EACH ROW EXECUTE FUNCTION deferral_before_insert()
-- end
ALTER TABLE protection_step ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON protection_step USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE use (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	grant_id BYTEA NOT NULL,
	recipient_id TEXT NOT NULL,
	client_id TEXT NOT NULL,
	code_hash BYTEA,
	refresh_hash BYTEA,
	fields TEXT NOT NULL,
	quota INTEGER NOT NULL,
	spent INTEGER NOT NULL,
	minted_at BIGINT NOT NULL,
	voided_at BIGINT,
	CONSTRAINT pk_use PRIMARY KEY (bucket, id),
	CONSTRAINT ck_use_quota CHECK (quota >= 1 AND spent >= 0 AND spent <= quota),
	CONSTRAINT uq_use_code_hash_bucket UNIQUE (code_hash, bucket),
	CONSTRAINT uq_use_recipient UNIQUE (bucket, id, recipient_id),
	CONSTRAINT fk_use_consent_grant FOREIGN KEY(bucket, grant_id, recipient_id, client_id) REFERENCES consent_grant (bucket, id, recipient_id, client_id),
	CONSTRAINT fk_use_auth_code FOREIGN KEY(bucket, code_hash, grant_id) REFERENCES auth_code (bucket, hash, grant_id),
	CONSTRAINT fk_use_refresh_token FOREIGN KEY(bucket, refresh_hash, grant_id) REFERENCES refresh_token (bucket, hash, grant_id),
	CONSTRAINT ck_use_origin CHECK (code_hash IS NULL OR refresh_hash IS NULL)
)
-- end
CREATE INDEX ix_use_grant ON use (grant_id, bucket)
-- end
CREATE FUNCTION use_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'use: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER use_before_update BEFORE UPDATE ON use FOR EACH ROW WHEN (NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.id IS DISTINCT FROM OLD.id OR NEW.grant_id IS DISTINCT FROM OLD.grant_id OR NEW.recipient_id IS DISTINCT FROM OLD.recipient_id OR NEW.client_id IS DISTINCT FROM OLD.client_id OR NEW.code_hash IS DISTINCT FROM OLD.code_hash OR NEW.refresh_hash IS DISTINCT FROM OLD.refresh_hash OR NEW.fields IS DISTINCT FROM OLD.fields OR NEW.quota IS DISTINCT FROM OLD.quota OR NEW.minted_at IS DISTINCT FROM OLD.minted_at) EXECUTE FUNCTION use_before_update()
-- end
CREATE FUNCTION use_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'use: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER use_stays BEFORE TRUNCATE ON use FOR EACH STATEMENT EXECUTE FUNCTION use_stays()
-- end
ALTER TABLE use SET (fillfactor = 50)
-- end
CREATE FUNCTION use_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.spent <> 0 OR NEW.voided_at IS NOT NULL OR NOT EXISTS (SELECT 1 FROM consent_grant g WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id AND g.state = 'active' AND NEW.quota <= g.max_uses - g.used AND NEW.minted_at < g.window_to) THEN RAISE EXCEPTION 'use: only an active grant with uses left mints a use' USING ERRCODE = '23514'; END IF; IF EXISTS (SELECT 1 FROM consent_grant g WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id AND NOT (g.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p3 WHERE p3.bucket = g.bucket AND p3.id = g.parent_grant AND p3.state = 'active' AND (p3.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p2 WHERE p2.bucket = p3.bucket AND p2.id = p3.parent_grant AND p2.state = 'active' AND (p2.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p1 WHERE p1.bucket = p2.bucket AND p1.id = p2.parent_grant AND p1.state = 'active' AND 1 = 1))))))) THEN RAISE EXCEPTION 'use: a use needs everything above its grant active' USING ERRCODE = '23514'; END IF; IF EXISTS (SELECT 1 FROM recipient h WHERE h.id = NEW.recipient_id AND h.kind = 'staff') AND NOT EXISTS (SELECT 1 FROM staff_read s WHERE s.bucket = NEW.bucket AND s.use_id = NEW.id AND s.grant_id = NEW.grant_id AND s.fields = NEW.fields) THEN RAISE EXCEPTION 'use: the house reads by name and holds no tokens' USING ERRCODE = '23514'; END IF; IF EXISTS (SELECT 1 FROM consent_grant g WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id AND g.fields <> NEW.fields AND (NEW.fields = '[]' OR EXISTS (SELECT 1 FROM jsonb_array_elements_text(NEW.fields::jsonb) AS e(value) WHERE value NOT IN (SELECT value FROM jsonb_array_elements_text(g.fields::jsonb) AS e(value))))) THEN RAISE EXCEPTION 'use: fields beyond the grant' USING ERRCODE = '23514'; END IF; IF NEW.refresh_hash IS NULL AND NOT EXISTS (SELECT 1 FROM auth_code c WHERE c.bucket = NEW.bucket AND c.hash = NEW.code_hash AND NEW.minted_at < c.expires_at) AND NOT EXISTS (SELECT 1 FROM recipient h WHERE h.id = NEW.recipient_id AND h.kind = 'staff') THEN RAISE EXCEPTION 'use: a use comes from a code that is not over, or from a refresh token' USING ERRCODE = '23514'; END IF; IF NEW.refresh_hash IS NOT NULL AND NOT EXISTS (SELECT 1 FROM refresh_token r WHERE r.bucket = NEW.bucket AND r.hash = NEW.refresh_hash AND r.voided_at IS NULL AND NEW.minted_at < r.expires_at) THEN RAISE EXCEPTION 'use: a refresh token that is voided or over mints nothing' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER use_before_insert BEFORE INSERT ON use FOR EACH ROW EXECUTE FUNCTION use_before_insert()
-- end
CREATE FUNCTION use_before_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.spent > 0 OR OLD.refresh_hash IS NULL THEN RAISE EXCEPTION 'use: rows stay: spent, or of a code' USING ERRCODE = '23514'; END IF; RETURN OLD; END $$
-- end
CREATE TRIGGER use_before_delete BEFORE DELETE ON use FOR EACH ROW EXECUTE FUNCTION use_before_delete()
-- end
CREATE FUNCTION use_before_update_of_spent() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'use: slots are spent until voided' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER use_before_update_of_spent BEFORE UPDATE OF spent ON use FOR EACH ROW WHEN (NEW.spent <> OLD.spent AND OLD.voided_at IS NOT NULL) EXECUTE FUNCTION use_before_update_of_spent()
-- end
CREATE FUNCTION use_before_update_of_voided_at() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'use: voided for good' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER use_before_update_of_voided_at BEFORE UPDATE OF voided_at ON use FOR EACH ROW WHEN (OLD.voided_at IS NOT NULL AND NEW.voided_at IS DISTINCT FROM OLD.voided_at) EXECUTE FUNCTION use_before_update_of_voided_at()
-- end
CREATE FUNCTION use_counts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM moved WHERE moved.spent <> (SELECT count(*) FROM disclosure d WHERE d.use_id = moved.id AND d.bucket = moved.bucket)) THEN RAISE EXCEPTION 'use: spent is what was disclosed' USING ERRCODE = '23514'; END IF; RETURN NULL; END $$
-- end
CREATE TRIGGER use_counts AFTER UPDATE ON use REFERENCING NEW TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION use_counts()
-- end
ALTER TABLE use ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON use USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE withdrawal (
	bucket INTEGER NOT NULL,
	grant_id BYTEA NOT NULL,
	id BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	channel TEXT NOT NULL,
	disclosures INTEGER NOT NULL,
	event_id BYTEA NOT NULL,
	withdrawn_at BIGINT NOT NULL,
	ledger_year INTEGER NOT NULL,
	CONSTRAINT pk_withdrawal PRIMARY KEY (bucket, grant_id),
	CONSTRAINT fk_withdrawal_consent_grant FOREIGN KEY(bucket, grant_id) REFERENCES consent_grant (bucket, id),
	CONSTRAINT fk_withdrawal_event_outbox FOREIGN KEY(bucket, event_id, grant_id) REFERENCES event_outbox (bucket, id, grant_id),
	CONSTRAINT fk_withdrawal_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE FUNCTION withdrawal_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'withdrawal is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER withdrawal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON withdrawal FOR EACH STATEMENT EXECUTE FUNCTION withdrawal_append_only()
-- end
CREATE FUNCTION withdrawal_after_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NOT EXISTS (SELECT 1 FROM consent_grant g WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id AND g.subject = NEW.subject) THEN RAISE EXCEPTION 'withdrawal: the grant belongs to somebody else' USING ERRCODE = '23514'; END IF; UPDATE consent_grant SET state = 'withdrawn' WHERE bucket = NEW.bucket AND id = NEW.grant_id; RETURN NEW; END $$
-- end
CREATE TRIGGER withdrawal_after_insert AFTER INSERT ON withdrawal FOR EACH ROW EXECUTE FUNCTION withdrawal_after_insert()
-- end
ALTER TABLE withdrawal ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON withdrawal USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE disclosure (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	grant_id BYTEA NOT NULL,
	use_id BYTEA NOT NULL,
	slot INTEGER NOT NULL,
	number INTEGER NOT NULL,
	subject BYTEA NOT NULL,
	recipient_id TEXT NOT NULL,
	purpose TEXT NOT NULL,
	fields TEXT NOT NULL,
	marks TEXT,
	committed_at BIGINT NOT NULL,
	ledger_year INTEGER NOT NULL,
	CONSTRAINT pk_disclosure PRIMARY KEY (bucket, id),
	CONSTRAINT ck_disclosure_slot CHECK (slot >= 1 AND number >= 1),
	CONSTRAINT uq_disclosure_use_id_slot_bucket UNIQUE (use_id, slot, bucket),
	CONSTRAINT uq_disclosure_grant_id_number_bucket UNIQUE (grant_id, number, bucket),
	CONSTRAINT fk_disclosure_use FOREIGN KEY(bucket, use_id, recipient_id) REFERENCES use (bucket, id, recipient_id),
	CONSTRAINT fk_disclosure_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE INDEX ix_disclosure_subject ON disclosure (subject, bucket)
-- end
CREATE FUNCTION disclosure_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'disclosure is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER disclosure_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON disclosure FOR EACH STATEMENT EXECUTE FUNCTION disclosure_append_only()
-- end
CREATE FUNCTION disclosure_spends() RETURNS trigger LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET enable_material = off SET jit = off AS $$ BEGIN PERFORM 1 FROM (SELECT bucket, grant_id, count(*) AS n, max(number) AS last FROM made GROUP BY bucket, grant_id) m JOIN consent_grant g ON g.bucket = m.bucket AND g.id = m.grant_id ORDER BY g.bucket, g.id FOR UPDATE OF g; IF (SELECT count(*) FROM made) <> (SELECT count(*) FROM made JOIN LATERAL (SELECT * FROM consent_grant WHERE bucket = made.bucket AND id = made.grant_id OFFSET 0) g ON true WHERE g.recipient_id = made.recipient_id AND g.subject = made.subject AND g.purpose = made.purpose AND g.state = 'active' AND (g.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p3 WHERE p3.bucket = g.bucket AND p3.id = g.parent_grant AND p3.state = 'active' AND (p3.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p2 WHERE p2.bucket = p3.bucket AND p2.id = p3.parent_grant AND p2.state = 'active' AND (p2.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p1 WHERE p1.bucket = p2.bucket AND p1.id = p2.parent_grant AND p1.state = 'active' AND 1 = 1)))))) AND made.number > g.used AND made.committed_at >= g.window_from AND made.committed_at < g.window_to) OR EXISTS (SELECT 1 FROM (SELECT bucket, grant_id, count(*) AS n, max(number) AS last FROM made GROUP BY bucket, grant_id) m JOIN consent_grant g ON g.bucket = m.bucket AND g.id = m.grant_id WHERE g.used + m.n > g.max_uses OR m.last <> g.used + m.n) THEN RAISE EXCEPTION 'disclosure: no active grant of this person, recipient and purpose in its window with a use left' USING ERRCODE = '23514'; END IF; IF (SELECT count(*) FROM made) <> (SELECT count(*) FROM made JOIN LATERAL (SELECT * FROM use WHERE bucket = made.bucket AND id = made.use_id OFFSET 0) u ON true WHERE u.grant_id = made.grant_id AND u.voided_at IS NULL AND made.slot <= u.quota) OR EXISTS (SELECT 1 FROM (SELECT bucket, use_id, count(*) AS n FROM made GROUP BY bucket, use_id) m JOIN use u ON u.bucket = m.bucket AND u.id = m.use_id WHERE u.spent + m.n > u.quota) THEN RAISE EXCEPTION 'disclosure: no such use, or it is voided or spent' USING ERRCODE = '23514'; END IF; IF EXISTS (SELECT 1 FROM made JOIN LATERAL (SELECT * FROM use WHERE bucket = made.bucket AND id = made.use_id OFFSET 0) u ON true WHERE u.fields <> made.fields AND (made.fields = '[]' OR EXISTS (SELECT 1 FROM jsonb_array_elements_text(made.fields::jsonb) AS e(value) WHERE value NOT IN (SELECT value FROM jsonb_array_elements_text(u.fields::jsonb) AS f(value))))) THEN RAISE EXCEPTION 'disclosure: fields beyond the use' USING ERRCODE = '23514'; END IF;  UPDATE use u SET spent = u.spent + m.n FROM (SELECT bucket, use_id, count(*) AS n FROM made GROUP BY bucket, use_id) m WHERE u.bucket = m.bucket AND u.id = m.use_id; UPDATE consent_grant g SET used = g.used + m.n, state = CASE WHEN g.used + m.n = g.max_uses THEN 'exhausted' ELSE g.state END FROM (SELECT bucket, grant_id, count(*) AS n, max(number) AS last FROM made GROUP BY bucket, grant_id) m WHERE g.bucket = m.bucket AND g.id = m.grant_id; RETURN NULL; END $$
-- end
CREATE TRIGGER disclosure_spends AFTER INSERT ON disclosure REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION disclosure_spends()
-- end
CREATE FUNCTION disclosure_before_insert_marks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM jsonb_array_elements_text(NEW.marks::jsonb) AS e(value) WHERE NOT EXISTS (SELECT 1 FROM mark_epoch m WHERE m.bucket = NEW.bucket AND value LIKE CAST(m.number AS text) || ' %%')) THEN RAISE EXCEPTION 'disclosure: marks of an epoch that the ledger does not know' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER disclosure_before_insert_marks BEFORE INSERT ON disclosure FOR EACH ROW WHEN (NEW.marks IS NOT NULL) EXECUTE FUNCTION disclosure_before_insert_marks()
-- end
ALTER TABLE disclosure ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON disclosure USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE staff_read (
	bucket INTEGER NOT NULL,
	id BYTEA NOT NULL,
	subject BYTEA NOT NULL,
	staff TEXT NOT NULL,
	actor BYTEA NOT NULL,
	basis TEXT NOT NULL,
	reason TEXT NOT NULL,
	fields TEXT NOT NULL,
	minor BOOLEAN NOT NULL,
	approval_id BYTEA,
	grant_id BYTEA,
	use_id BYTEA,
	committed_at BIGINT NOT NULL,
	ledger_year INTEGER NOT NULL,
	CONSTRAINT pk_staff_read PRIMARY KEY (bucket, id),
	CONSTRAINT ck_staff_read_basis CHECK (basis IN ('consent', 'contract', 'legal_duty')),
	CONSTRAINT ck_staff_read_reason CHECK (reason IN ('life_at_risk', 'court_order', 'authority_demand', 'person_asked', 'leak_investigation', 'fault_repair')),
	CONSTRAINT ck_staff_read_actor CHECK (length(actor) = 32),
	CONSTRAINT ck_staff_read_minor CHECK (NOT minor OR approval_id IS NOT NULL),
	CONSTRAINT ck_staff_read_consent CHECK ((basis = 'consent') = (grant_id IS NOT NULL)),
	CONSTRAINT ck_staff_read_use CHECK ((grant_id IS NULL) = (use_id IS NULL)),
	CONSTRAINT uq_staff_read_approval_id_bucket UNIQUE (approval_id, bucket),
	CONSTRAINT uq_staff_read_use_id_bucket UNIQUE (use_id, bucket),
	CONSTRAINT fk_staff_read_dual_request FOREIGN KEY(bucket, approval_id) REFERENCES dual_request (bucket, id),
	CONSTRAINT fk_staff_read_consent_grant FOREIGN KEY(bucket, grant_id) REFERENCES consent_grant (bucket, id),
	CONSTRAINT fk_staff_read_use FOREIGN KEY(bucket, use_id) REFERENCES use (bucket, id) DEFERRABLE INITIALLY DEFERRED,
	CONSTRAINT fk_staff_read_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE INDEX ix_staff_read_subject ON staff_read (subject, bucket)
-- end
CREATE FUNCTION staff_read_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'staff_read is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER staff_read_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON staff_read FOR EACH STATEMENT EXECUTE FUNCTION staff_read_append_only()
-- end
CREATE FUNCTION staff_read_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.fields = '[]' THEN RAISE EXCEPTION 'staff_read: nothing is read' USING ERRCODE = '23514'; END IF; IF NEW.approval_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM dual_request r WHERE r.bucket = NEW.bucket AND r.id = NEW.approval_id AND r.kind = 'minor_read' AND r.subject = NEW.subject AND r.reason = NEW.reason AND r.staff = NEW.staff AND r.actor = NEW.actor AND r.state = 'approved' AND NEW.committed_at >= r.approved_at AND NEW.committed_at < r.window_to) THEN RAISE EXCEPTION 'staff_read: no open approval of this read by somebody else' USING ERRCODE = '23514'; END IF; IF NEW.approval_id IS NOT NULL AND EXISTS (SELECT 1 FROM jsonb_array_elements_text(NEW.fields::jsonb) AS e(value) WHERE value NOT IN (SELECT value FROM dual_request r, jsonb_array_elements_text(r.fields::jsonb) AS e(value) WHERE r.bucket = NEW.bucket AND r.id = NEW.approval_id)) THEN RAISE EXCEPTION 'staff_read: fields beyond the approval' USING ERRCODE = '23514'; END IF; IF NEW.grant_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM consent_grant g JOIN recipient h ON h.id = g.recipient_id AND h.kind = 'staff' WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id AND g.subject = NEW.subject AND g.state = 'active') THEN RAISE EXCEPTION 'staff_read: no consent of this person to the house' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER staff_read_before_insert BEFORE INSERT ON staff_read FOR EACH ROW EXECUTE FUNCTION staff_read_before_insert()
-- end
ALTER TABLE staff_read ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON staff_read USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE token (
	bucket INTEGER NOT NULL,
	hash BYTEA NOT NULL,
	use_id BYTEA NOT NULL,
	recipient_id TEXT NOT NULL,
	client_id TEXT NOT NULL,
	jkt TEXT NOT NULL,
	minted_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	CONSTRAINT pk_token PRIMARY KEY (bucket, hash),
	CONSTRAINT fk_token_use FOREIGN KEY(bucket, use_id, recipient_id) REFERENCES use (bucket, id, recipient_id),
	CONSTRAINT fk_token_client FOREIGN KEY(client_id, recipient_id) REFERENCES client (client_id, recipient_id)
)
-- end
CREATE INDEX ix_token_use ON token (use_id, bucket)
-- end
CREATE FUNCTION token_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'token is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER token_append_only BEFORE UPDATE OR TRUNCATE ON token FOR EACH STATEMENT EXECUTE FUNCTION token_append_only()
-- end
CREATE FUNCTION token_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NOT EXISTS (SELECT 1 FROM use u WHERE u.bucket = NEW.bucket AND u.id = NEW.use_id AND u.client_id = NEW.client_id) THEN RAISE EXCEPTION 'token: a token belongs to the client of its use' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER token_before_insert BEFORE INSERT ON token FOR EACH ROW EXECUTE FUNCTION token_before_insert()
-- end
CREATE FUNCTION token_before_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM use u WHERE u.bucket = OLD.bucket AND u.id = OLD.use_id AND (u.spent > 0 OR u.refresh_hash IS NULL)) THEN RAISE EXCEPTION 'token: rows stay: its use is spent, or of a code' USING ERRCODE = '23514'; END IF; RETURN OLD; END $$
-- end
CREATE TRIGGER token_before_delete BEFORE DELETE ON token FOR EACH ROW EXECUTE FUNCTION token_before_delete()
-- end
ALTER TABLE token ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON token USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0 AND (EXISTS (SELECT 1 FROM client r WHERE r.client_id = token.client_id AND r.recipient_id = token.recipient_id)))
-- end
CREATE TABLE idempotency (
	bucket INTEGER NOT NULL,
	client_id TEXT NOT NULL,
	key_hash BYTEA NOT NULL,
	request_hash BYTEA NOT NULL,
	token_hash BYTEA NOT NULL,
	disclosure_id BYTEA NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_idempotency PRIMARY KEY (bucket, client_id, key_hash),
	CONSTRAINT fk_idempotency_disclosure FOREIGN KEY(bucket, disclosure_id) REFERENCES disclosure (bucket, id)
)
-- end
CREATE FUNCTION idempotency_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'idempotency is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER idempotency_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON idempotency FOR EACH STATEMENT EXECUTE FUNCTION idempotency_append_only()
-- end
ALTER TABLE idempotency ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON idempotency USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE mark_served (
	bucket INTEGER NOT NULL,
	subject BYTEA NOT NULL,
	recipient_id TEXT NOT NULL,
	field TEXT NOT NULL,
	record BYTEA NOT NULL,
	version BIGINT NOT NULL,
	carriers TEXT NOT NULL,
	epoch INTEGER NOT NULL,
	disclosure_id BYTEA NOT NULL,
	served_at BIGINT NOT NULL,
	CONSTRAINT pk_mark_served PRIMARY KEY (bucket, subject, recipient_id, field, record, version, carriers),
	CONSTRAINT fk_mark_served_mark_epoch FOREIGN KEY(bucket, epoch) REFERENCES mark_epoch (bucket, number),
	CONSTRAINT fk_mark_served_disclosure FOREIGN KEY(bucket, disclosure_id) REFERENCES disclosure (bucket, id)
)
-- end
CREATE FUNCTION mark_served_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'mark_served is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER mark_served_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON mark_served FOR EACH STATEMENT EXECUTE FUNCTION mark_served_append_only()
-- end
CREATE FUNCTION mark_served_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM mark_served m WHERE m.bucket = NEW.bucket AND m.subject = NEW.subject AND m.recipient_id = NEW.recipient_id AND m.field = NEW.field AND m.record = NEW.record AND m.version = NEW.version AND m.epoch <> NEW.epoch) THEN RAISE EXCEPTION 'mark_served: a version is marked for its recipient under one epoch' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER mark_served_before_insert BEFORE INSERT ON mark_served FOR EACH ROW EXECUTE FUNCTION mark_served_before_insert()
-- end
ALTER TABLE mark_served ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON mark_served USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE redelivery (
	bucket INTEGER NOT NULL,
	disclosure_id BYTEA NOT NULL,
	attempts BIGINT NOT NULL,
	first_at BIGINT NOT NULL,
	last_at BIGINT NOT NULL,
	CONSTRAINT pk_redelivery PRIMARY KEY (bucket, disclosure_id),
	CONSTRAINT ck_redelivery_attempts CHECK (attempts >= 1 AND first_at <= last_at),
	CONSTRAINT fk_redelivery_disclosure FOREIGN KEY(bucket, disclosure_id) REFERENCES disclosure (bucket, id)
)
-- end
CREATE FUNCTION redelivery_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'redelivery: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER redelivery_before_update BEFORE UPDATE ON redelivery FOR EACH ROW WHEN (NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.disclosure_id IS DISTINCT FROM OLD.disclosure_id OR NEW.first_at IS DISTINCT FROM OLD.first_at) EXECUTE FUNCTION redelivery_before_update()
-- end
CREATE FUNCTION redelivery_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'redelivery: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER redelivery_stays BEFORE DELETE OR TRUNCATE ON redelivery FOR EACH STATEMENT EXECUTE FUNCTION redelivery_stays()
-- end
CREATE FUNCTION redelivery_before_update_of_attempts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'redelivery: redeliveries are counted upwards' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER redelivery_before_update_of_attempts BEFORE UPDATE OF attempts ON redelivery FOR EACH ROW WHEN (NEW.attempts <= OLD.attempts) EXECUTE FUNCTION redelivery_before_update_of_attempts()
-- end
CREATE FUNCTION redelivery_before_update_of_last_at() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'redelivery: the last time only moves on' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER redelivery_before_update_of_last_at BEFORE UPDATE OF last_at ON redelivery FOR EACH ROW WHEN (NEW.last_at < OLD.last_at) EXECUTE FUNCTION redelivery_before_update_of_last_at()
-- end
ALTER TABLE redelivery ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON redelivery USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE served_hash (
	bucket INTEGER NOT NULL,
	disclosure_id BYTEA NOT NULL,
	hash BYTEA NOT NULL,
	seal BYTEA,
	place INTEGER,
	CONSTRAINT pk_served_hash PRIMARY KEY (bucket, disclosure_id),
	CONSTRAINT ck_served_hash_hash CHECK (length(hash) = 32),
	CONSTRAINT ck_served_hash_sealed CHECK ((seal IS NULL) = (place IS NULL)),
	CONSTRAINT uq_served_hash_seal_place_bucket UNIQUE (seal, place, bucket),
	CONSTRAINT fk_served_hash_disclosure FOREIGN KEY(bucket, disclosure_id) REFERENCES disclosure (bucket, id),
	CONSTRAINT fk_served_hash_mark_seal FOREIGN KEY(bucket, seal) REFERENCES mark_seal (bucket, id)
)
-- end
CREATE INDEX ix_served_hash_open ON served_hash (bucket) WHERE seal IS NULL
-- end
CREATE FUNCTION served_hash_before_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'served_hash: these columns never change' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER served_hash_before_update BEFORE UPDATE ON served_hash FOR EACH ROW WHEN (NEW.bucket IS DISTINCT FROM OLD.bucket OR NEW.disclosure_id IS DISTINCT FROM OLD.disclosure_id OR NEW.hash IS DISTINCT FROM OLD.hash) EXECUTE FUNCTION served_hash_before_update()
-- end
CREATE FUNCTION served_hash_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'served_hash: rows stay' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER served_hash_stays BEFORE DELETE OR TRUNCATE ON served_hash FOR EACH STATEMENT EXECUTE FUNCTION served_hash_stays()
-- end
CREATE FUNCTION served_hash_before_update_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.seal IS NOT NULL THEN RAISE EXCEPTION 'served_hash: what is sealed stays sealed' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$
-- end
CREATE TRIGGER served_hash_before_update_once BEFORE UPDATE ON served_hash FOR EACH ROW EXECUTE FUNCTION served_hash_before_update_once()
-- end
ALTER TABLE served_hash ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON served_hash USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
CREATE TABLE status_entry (
	bucket INTEGER NOT NULL,
	list BIGINT NOT NULL,
	idx INTEGER NOT NULL,
	token_hash BYTEA NOT NULL,
	CONSTRAINT pk_status_entry PRIMARY KEY (bucket, list, idx),
	CONSTRAINT ck_status_entry_idx CHECK (idx >= 0 AND idx < 262144),
	CONSTRAINT uq_status_entry_token_hash_bucket UNIQUE (token_hash, bucket),
	CONSTRAINT fk_status_entry_token FOREIGN KEY(bucket, token_hash) REFERENCES token (bucket, hash)
)
-- end
CREATE FUNCTION status_entry_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'status_entry is append-only' USING ERRCODE = '23514'; END $$
-- end
CREATE TRIGGER status_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON status_entry FOR EACH STATEMENT EXECUTE FUNCTION status_entry_append_only()
-- end
ALTER TABLE status_entry ENABLE ROW LEVEL SECURITY
-- end
CREATE POLICY own ON status_entry USING ((bucket <@ (SELECT perusal_buckets()))::integer <> 0) WITH CHECK ((bucket <@ (SELECT perusal_buckets()))::integer <> 0)
-- end
