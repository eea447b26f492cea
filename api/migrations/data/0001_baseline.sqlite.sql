CREATE TABLE grant_transition (
	from_state TEXT NOT NULL,
	to_state TEXT NOT NULL,
	CONSTRAINT pk_grant_transition PRIMARY KEY (from_state, to_state)
)
-- end
INSERT INTO grant_transition (from_state, to_state) VALUES ('requested', 'active'), ('requested', 'deferred'), ('requested', 'lapsed'), ('requested', 'refused'), ('deferred', 'active'), ('deferred', 'lapsed'), ('deferred', 'refused'), ('active', 'exhausted'), ('active', 'expired'), ('active', 'invalidated'), ('active', 'revoked'), ('active', 'suspended'), ('active', 'terminated'), ('active', 'withdrawn'), ('suspended', 'active'), ('suspended', 'expired'), ('suspended', 'invalidated'), ('suspended', 'revoked'), ('suspended', 'terminated'), ('suspended', 'withdrawn'), ('exhausted', 'invalidated'), ('exhausted', 'revoked'), ('exhausted', 'terminated'), ('exhausted', 'withdrawn'), ('expired', 'invalidated'), ('expired', 'revoked'), ('expired', 'terminated'), ('expired', 'withdrawn'), ('terminated', 'invalidated'), ('terminated', 'revoked'), ('terminated', 'withdrawn')
-- end
CREATE TRIGGER grant_transition_no_update BEFORE UPDATE ON grant_transition BEGIN SELECT RAISE(ABORT, 'grant_transition is append-only'); END
-- end
CREATE TRIGGER grant_transition_no_delete BEFORE DELETE ON grant_transition BEGIN SELECT RAISE(ABORT, 'grant_transition is append-only'); END
-- end
CREATE TRIGGER grant_transition_before_insert BEFORE INSERT ON grant_transition BEGIN SELECT RAISE(ABORT, 'grant_transition: the moves are fixed') WHERE 1 = 1; END
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
	written BOOLEAN DEFAULT 0 NOT NULL,
	title_en TEXT NOT NULL,
	title_zh TEXT NOT NULL,
	CONSTRAINT pk_purpose PRIMARY KEY (code)
)
-- end
CREATE TRIGGER purpose_no_update BEFORE UPDATE ON purpose BEGIN SELECT RAISE(ABORT, 'purpose is append-only'); END
-- end
CREATE TRIGGER purpose_no_delete BEFORE DELETE ON purpose BEGIN SELECT RAISE(ABORT, 'purpose is append-only'); END
-- end
CREATE TABLE tenant (
	tenant BLOB NOT NULL,
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
CREATE TRIGGER tenant_one BEFORE INSERT ON tenant WHEN EXISTS (SELECT 1 FROM tenant) BEGIN SELECT RAISE(ABORT, 'one file holds one tenant'); END
-- end
CREATE TRIGGER tenant_fixed BEFORE UPDATE ON tenant WHEN NEW.tenant IS NOT OLD.tenant OR NEW.first_bucket IS NOT OLD.first_bucket OR NEW.buckets IS NOT OLD.buckets OR NEW.ledger_host IS NOT OLD.ledger_host OR NEW.created_at IS NOT OLD.created_at BEGIN SELECT RAISE(ABORT, 'a tenant keeps its id, its buckets and its ledger for ever'); END
-- end
CREATE TRIGGER tenant_no_delete BEFORE DELETE ON tenant BEGIN SELECT RAISE(ABORT, 'a tenant keeps its id, its buckets and its ledger for ever'); END
-- end
CREATE TABLE alarm (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	mac BLOB NOT NULL,
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
CREATE TRIGGER alarm_only_seen BEFORE UPDATE ON alarm WHEN NEW.bucket IS NOT OLD.bucket OR NEW.id IS NOT OLD.id OR NEW.mac IS NOT OLD.mac OR NEW.source IS NOT OLD.source OR NEW.who IS NOT OLD.who OR NEW.place IS NOT OLD.place OR NEW.at IS NOT OLD.at OR OLD.seen_at IS NOT NULL BEGIN SELECT RAISE(ABORT, 'an alarm is seen once and never changes otherwise'); END
-- end
CREATE TRIGGER alarm_no_delete BEFORE DELETE ON alarm BEGIN SELECT RAISE(ABORT, 'alarms stay'); END
-- end
CREATE TABLE alias (
	bucket INTEGER NOT NULL,
	subject BLOB NOT NULL,
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
CREATE TRIGGER alias_before_update BEFORE UPDATE ON alias BEGIN SELECT RAISE(ABORT, 'alias: an alias never changes') WHERE 1 = 1; END
-- end
CREATE TABLE alias_digest (
	bucket INTEGER NOT NULL,
	digest BLOB NOT NULL,
	shape INTEGER NOT NULL,
	home INTEGER NOT NULL,
	subject BLOB NOT NULL,
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
CREATE TRIGGER alias_digest_before_update BEFORE UPDATE ON alias_digest BEGIN SELECT RAISE(ABORT, 'alias_digest: an alias never changes') WHERE 1 = 1; END
-- end
CREATE TABLE alias_domain (
	id BLOB NOT NULL,
	domain TEXT NOT NULL,
	added_at BIGINT NOT NULL,
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_alias_domain PRIMARY KEY (id),
	CONSTRAINT uq_alias_domain_tenant_domain UNIQUE (tenant, domain)
)
-- end
CREATE TRIGGER alias_domain_no_update BEFORE UPDATE ON alias_domain BEGIN SELECT RAISE(ABORT, 'alias_domain is append-only'); END
-- end
CREATE TRIGGER alias_domain_no_delete BEFORE DELETE ON alias_domain BEGIN SELECT RAISE(ABORT, 'alias_domain is append-only'); END
-- end
CREATE TABLE alias_sighting (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	subject BLOB NOT NULL,
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
CREATE TRIGGER alias_sighting_no_update BEFORE UPDATE ON alias_sighting BEGIN SELECT RAISE(ABORT, 'alias_sighting is append-only'); END
-- end
CREATE TRIGGER alias_sighting_no_delete BEFORE DELETE ON alias_sighting BEGIN SELECT RAISE(ABORT, 'alias_sighting is append-only'); END
-- end
CREATE TABLE backchannel_turn (
	bucket INTEGER NOT NULL,
	hint_hash BLOB NOT NULL,
	asked_at BIGINT NOT NULL,
	CONSTRAINT pk_backchannel_turn PRIMARY KEY (bucket, hint_hash)
)
-- end
CREATE TRIGGER backchannel_turn_before_update BEFORE UPDATE ON backchannel_turn WHEN NEW.bucket IS NOT OLD.bucket OR NEW.hint_hash IS NOT OLD.hint_hash BEGIN SELECT RAISE(ABORT, 'backchannel_turn: these columns never change') WHERE 1 = 1; END
-- end
CREATE TABLE bulk_load (
	id BLOB NOT NULL,
	done BIGINT NOT NULL,
	enrolled BIGINT NOT NULL,
	refused BIGINT NOT NULL,
	started_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	sealed BLOB NOT NULL,
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_bulk_load PRIMARY KEY (id),
	CONSTRAINT ck_bulk_load_id CHECK (length(id) = 32),
	CONSTRAINT ck_bulk_load_counts CHECK (done >= 0 AND enrolled >= 0 AND refused >= 0)
)
-- end
CREATE TABLE consumer (
	bucket INTEGER NOT NULL,
	subject BLOB NOT NULL,
	sign_in_hash BLOB NOT NULL,
	lang TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_consumer PRIMARY KEY (bucket, subject),
	CONSTRAINT uq_consumer_sign_in_hash_bucket UNIQUE (sign_in_hash, bucket)
)
-- end
CREATE TRIGGER consumer_before_update BEFORE UPDATE ON consumer WHEN NEW.bucket IS NOT OLD.bucket OR NEW.subject IS NOT OLD.subject OR NEW.created_at IS NOT OLD.created_at BEGIN SELECT RAISE(ABORT, 'consumer: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER consumer_no_delete BEFORE DELETE ON consumer BEGIN SELECT RAISE(ABORT, 'consumer: rows stay'); END
-- end
CREATE TABLE custom_field (
	tenant BLOB NOT NULL,
	code TEXT NOT NULL,
	number SMALLINT NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_custom_field PRIMARY KEY (tenant, code),
	CONSTRAINT uq_custom_field_tenant_number UNIQUE (tenant, number),
	CONSTRAINT ck_custom_field_number CHECK (number BETWEEN 32 AND 255),
	CONSTRAINT ck_custom_field_code CHECK (substr(code, 1, 2) = 'x_')
)
-- end
CREATE TRIGGER custom_field_no_update BEFORE UPDATE ON custom_field BEGIN SELECT RAISE(ABORT, 'custom_field is append-only'); END
-- end
CREATE TRIGGER custom_field_no_delete BEFORE DELETE ON custom_field BEGIN SELECT RAISE(ABORT, 'custom_field is append-only'); END
-- end
CREATE TABLE denial (
	bucket INTEGER NOT NULL,
	day BIGINT NOT NULL,
	code TEXT NOT NULL,
	grant_id BLOB NOT NULL,
	attempts BIGINT NOT NULL,
	first_at BIGINT NOT NULL,
	last_at BIGINT NOT NULL,
	CONSTRAINT pk_denial PRIMARY KEY (bucket, day, code, grant_id)
)
-- end
CREATE TRIGGER denial_before_update BEFORE UPDATE ON denial WHEN NEW.bucket IS NOT OLD.bucket OR NEW.day IS NOT OLD.day OR NEW.code IS NOT OLD.code OR NEW.grant_id IS NOT OLD.grant_id OR NEW.first_at IS NOT OLD.first_at BEGIN SELECT RAISE(ABORT, 'denial: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER denial_no_delete BEFORE DELETE ON denial BEGIN SELECT RAISE(ABORT, 'denial: rows stay'); END
-- end
CREATE TRIGGER denial_before_update_of_attempts BEFORE UPDATE OF attempts ON denial WHEN NEW.attempts <= OLD.attempts BEGIN SELECT RAISE(ABORT, 'denial: denials are counted upwards') WHERE 1 = 1; END
-- end
CREATE TABLE dump (
	id BLOB NOT NULL,
	sha256 BLOB NOT NULL,
	size BIGINT NOT NULL,
	file TEXT NOT NULL,
	received_at BIGINT NOT NULL,
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_dump PRIMARY KEY (id),
	CONSTRAINT uq_dump_tenant_sha256 UNIQUE (tenant, sha256),
	CONSTRAINT ck_dump_sha256 CHECK (length(sha256) = 32),
	CONSTRAINT ck_dump_size CHECK (size > 0)
)
-- end
CREATE TABLE erasure_link (
	bucket INTEGER NOT NULL,
	id_hash BLOB NOT NULL,
	subject BLOB NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_erasure_link PRIMARY KEY (bucket, id_hash, subject),
	CONSTRAINT ck_erasure_link_id_hash CHECK (length(id_hash) = 32)
)
-- end
CREATE TRIGGER erasure_link_no_update BEFORE UPDATE ON erasure_link BEGIN SELECT RAISE(ABORT, 'erasure_link is append-only'); END
-- end
CREATE TRIGGER erasure_link_no_delete BEFORE DELETE ON erasure_link BEGIN SELECT RAISE(ABORT, 'erasure_link is append-only'); END
-- end
CREATE TABLE erasure_order (
	bucket INTEGER NOT NULL,
	subject BLOB NOT NULL,
	id BLOB NOT NULL,
	actor TEXT NOT NULL,
	reason TEXT NOT NULL,
	secret BLOB NOT NULL,
	sealed BLOB NOT NULL,
	first_year INTEGER NOT NULL,
	tags BLOB NOT NULL,
	requested_at BIGINT NOT NULL,
	CONSTRAINT pk_erasure_order PRIMARY KEY (bucket, subject),
	CONSTRAINT uq_erasure_order_id_bucket UNIQUE (id, bucket),
	CONSTRAINT ck_erasure_order_reason CHECK (reason IN ('requested', 'retention', 'ordered')),
	CONSTRAINT ck_erasure_order_secret CHECK (length(secret) = 32)
)
-- end
CREATE INDEX ix_erasure_order_oldest ON erasure_order (requested_at, bucket, subject)
-- end
CREATE TABLE failed_attempt (
	source BLOB NOT NULL,
	period BIGINT NOT NULL,
	failures INTEGER NOT NULL,
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_failed_attempt PRIMARY KEY (source, period)
)
-- end
CREATE TABLE honey (
	bucket INTEGER NOT NULL,
	mac BLOB NOT NULL,
	planted_at BIGINT NOT NULL,
	CONSTRAINT pk_honey PRIMARY KEY (bucket, mac),
	CONSTRAINT ck_honey_mac CHECK (length(mac) = 32)
)
-- end
CREATE TRIGGER honey_no_update BEFORE UPDATE ON honey BEGIN SELECT RAISE(ABORT, 'honey is append-only'); END
-- end
CREATE TRIGGER honey_no_delete BEFORE DELETE ON honey BEGIN SELECT RAISE(ABORT, 'honey is append-only'); END
-- end
CREATE TABLE job (
	id BLOB NOT NULL,
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
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_job PRIMARY KEY (id),
	CONSTRAINT ck_job_state CHECK (state IN ('queued', 'running', 'done', 'failed')),
	CONSTRAINT ck_job_owned CHECK ((state = 'running') = (owner IS NOT NULL)),
	CONSTRAINT ck_job_reason CHECK ((state = 'failed') = (code IS NOT NULL)),
	CONSTRAINT ck_job_result CHECK (result IS NULL OR state = 'done')
)
-- end
CREATE INDEX ix_job_state_created_at ON job (state, created_at)
-- end
CREATE TABLE kept_person (
	bucket INTEGER NOT NULL,
	key_hash BLOB NOT NULL,
	at INTEGER NOT NULL,
	request_hash BLOB NOT NULL,
	subject BLOB NOT NULL,
	sealed BLOB NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_kept_person PRIMARY KEY (bucket, key_hash, at),
	CONSTRAINT ck_kept_person_hashes CHECK (length(key_hash) = 32 AND length(request_hash) = 32),
	CONSTRAINT ck_kept_person_at CHECK (at >= 0)
)
-- end
CREATE INDEX ix_kept_person_created_at ON kept_person (created_at)
-- end
CREATE TABLE key_backup (
	tenant BLOB NOT NULL,
	made_at BIGINT NOT NULL,
	epoch BIGINT NOT NULL,
	CONSTRAINT pk_key_backup PRIMARY KEY (tenant, made_at),
	CONSTRAINT ck_key_backup_tenant CHECK (length(tenant) = 16),
	CONSTRAINT ck_key_backup_epoch CHECK (epoch <= made_at)
)
-- end
CREATE TRIGGER key_backup_no_update BEFORE UPDATE ON key_backup BEGIN SELECT RAISE(ABORT, 'key_backup is append-only'); END
-- end
CREATE TRIGGER key_backup_no_delete BEFORE DELETE ON key_backup BEGIN SELECT RAISE(ABORT, 'key_backup is append-only'); END
-- end
CREATE TABLE leak_owner (
	bucket INTEGER NOT NULL,
	subject BLOB NOT NULL,
	leak BLOB NOT NULL,
	name BLOB NOT NULL,
	home INTEGER NOT NULL,
	slot INTEGER NOT NULL,
	CONSTRAINT pk_leak_owner PRIMARY KEY (bucket, subject, leak, name)
)
-- end
CREATE TABLE leak_period (
	tenant BLOB DEFAULT (x'') NOT NULL,
	period INTEGER NOT NULL,
	bits INTEGER NOT NULL,
	size INTEGER NOT NULL,
	begun_at BIGINT NOT NULL,
	current_since BIGINT,
	CONSTRAINT pk_leak_period PRIMARY KEY (tenant, period),
	CONSTRAINT ck_leak_period_shape CHECK (period > 0 AND bits BETWEEN 0 AND 16 AND size > 0)
)
-- end
CREATE TABLE leak_point (
	bucket INTEGER NOT NULL,
	slot INTEGER NOT NULL,
	leak BLOB NOT NULL,
	name BLOB NOT NULL,
	period INTEGER NOT NULL,
	based BLOB NOT NULL,
	label BLOB NOT NULL,
	CONSTRAINT pk_leak_point PRIMARY KEY (bucket, slot, leak, name, period),
	CONSTRAINT ck_leak_point_lengths CHECK (length(based) = 32 AND length(label) = 16 AND length(name) = 16)
)
-- end
CREATE TABLE ledger_checkpoint (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	size BIGINT NOT NULL,
	root BLOB NOT NULL,
	frontier BLOB NOT NULL,
	note BLOB NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_ledger_checkpoint PRIMARY KEY (bucket, year, size)
)
-- end
CREATE TRIGGER ledger_checkpoint_no_update BEFORE UPDATE ON ledger_checkpoint BEGIN SELECT RAISE(ABORT, 'ledger_checkpoint is append-only'); END
-- end
CREATE TRIGGER ledger_checkpoint_no_delete BEFORE DELETE ON ledger_checkpoint BEGIN SELECT RAISE(ABORT, 'ledger_checkpoint is append-only'); END
-- end
CREATE TRIGGER ledger_checkpoint_ended BEFORE INSERT ON ledger_checkpoint WHEN EXISTS (SELECT 1 FROM ledger_given_up g WHERE g.bucket = NEW.bucket AND g.year = NEW.year) BEGIN SELECT RAISE(ABORT, 'a log that was given up is signed no more'); END
-- end
CREATE TABLE ledger_entry (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	idx BIGINT NOT NULL,
	id BLOB NOT NULL,
	leaf BLOB NOT NULL,
	body BLOB NOT NULL,
	CONSTRAINT pk_ledger_entry PRIMARY KEY (bucket, year, idx),
	CONSTRAINT uq_ledger_entry_id_bucket_year UNIQUE (id, bucket, year),
	CONSTRAINT ck_ledger_entry_idx CHECK (idx >= 0)
)
-- end
CREATE TRIGGER ledger_entry_no_update BEFORE UPDATE ON ledger_entry BEGIN SELECT RAISE(ABORT, 'ledger_entry is append-only'); END
-- end
CREATE TRIGGER ledger_entry_no_delete BEFORE DELETE ON ledger_entry BEGIN SELECT RAISE(ABORT, 'ledger_entry is append-only'); END
-- end
CREATE TRIGGER ledger_entry_closed BEFORE INSERT ON ledger_entry WHEN EXISTS (SELECT 1 FROM ledger_head h WHERE h.bucket = NEW.bucket AND h.year = NEW.year AND h.closed_at IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'a closed log takes nothing any more'); END
-- end
CREATE TABLE ledger_head (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	size BIGINT NOT NULL,
	root BLOB NOT NULL,
	frontier BLOB NOT NULL,
	ts BIGINT NOT NULL,
	closed_at BIGINT,
	carried_at BIGINT,
	CONSTRAINT pk_ledger_head PRIMARY KEY (bucket, year),
	CONSTRAINT ck_ledger_head_size CHECK (size >= 0),
	CONSTRAINT ck_ledger_head_carried CHECK (carried_at IS NULL OR closed_at IS NOT NULL)
)
-- end
CREATE TRIGGER ledger_head_closed BEFORE UPDATE ON ledger_head WHEN OLD.closed_at IS NOT NULL AND (NEW.size <> OLD.size OR NEW.root <> OLD.root OR NEW.closed_at IS NULL OR OLD.carried_at IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'a closed log takes nothing any more'); END
-- end
CREATE TABLE ledger_index_chunk (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	upto BIGINT NOT NULL,
	n BIGINT NOT NULL,
	first BLOB NOT NULL,
	root BLOB,
	data BLOB NOT NULL,
	CONSTRAINT pk_ledger_index_chunk PRIMARY KEY (bucket, year, upto, n)
)
-- end
CREATE TABLE ledger_subject_head (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	tag BLOB NOT NULL,
	n BIGINT NOT NULL,
	leaf BLOB NOT NULL,
	idx BIGINT NOT NULL,
	CONSTRAINT pk_ledger_subject_head PRIMARY KEY (bucket, year, tag)
)
 WITHOUT ROWID
-- end
CREATE TABLE ledger_tile (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	level INTEGER NOT NULL,
	n BIGINT NOT NULL,
	root BLOB NOT NULL,
	data BLOB NOT NULL,
	CONSTRAINT pk_ledger_tile PRIMARY KEY (bucket, year, level, n),
	CONSTRAINT ck_ledger_tile_full CHECK (length(data) = 8192)
)
-- end
CREATE TRIGGER ledger_tile_no_update BEFORE UPDATE ON ledger_tile BEGIN SELECT RAISE(ABORT, 'ledger_tile is append-only'); END
-- end
CREATE TRIGGER ledger_tile_no_delete BEFORE DELETE ON ledger_tile BEGIN SELECT RAISE(ABORT, 'ledger_tile is append-only'); END
-- end
CREATE TABLE linkage_choice (
	id BLOB NOT NULL,
	at BIGINT NOT NULL,
	choice TEXT NOT NULL,
	actor TEXT NOT NULL,
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_linkage_choice PRIMARY KEY (id),
	CONSTRAINT ck_linkage_choice_choice CHECK (choice IN ('off', 'blind', 'plain'))
)
-- end
CREATE INDEX ix_linkage_choice_at ON linkage_choice (at)
-- end
CREATE TRIGGER linkage_choice_no_update BEFORE UPDATE ON linkage_choice BEGIN SELECT RAISE(ABORT, 'linkage_choice is append-only'); END
-- end
CREATE TRIGGER linkage_choice_no_delete BEFORE DELETE ON linkage_choice BEGIN SELECT RAISE(ABORT, 'linkage_choice is append-only'); END
-- end
CREATE TABLE mark_opt_out (
	bucket INTEGER NOT NULL,
	subject BLOB NOT NULL,
	chosen_at BIGINT NOT NULL,
	CONSTRAINT pk_mark_opt_out PRIMARY KEY (bucket, subject)
)
-- end
CREATE TABLE mark_rule (
	purpose TEXT NOT NULL,
	tenant BLOB NOT NULL,
	number BIGINT NOT NULL,
	carriers TEXT NOT NULL,
	decided_at BIGINT NOT NULL,
	CONSTRAINT pk_mark_rule PRIMARY KEY (purpose, tenant, number),
	CONSTRAINT ck_mark_rule_number CHECK (number >= 1),
	CONSTRAINT fk_mark_rule_purpose FOREIGN KEY(purpose) REFERENCES purpose (code)
)
-- end
CREATE TRIGGER mark_rule_no_update BEFORE UPDATE ON mark_rule BEGIN SELECT RAISE(ABORT, 'mark_rule is append-only'); END
-- end
CREATE TRIGGER mark_rule_no_delete BEFORE DELETE ON mark_rule BEGIN SELECT RAISE(ABORT, 'mark_rule is append-only'); END
-- end
CREATE TRIGGER mark_rule_before_insert BEFORE INSERT ON mark_rule BEGIN SELECT RAISE(ABORT, 'mark_rule: decisions follow each other') WHERE NEW.number > 1 AND NOT EXISTS (SELECT 1 FROM mark_rule m WHERE m.tenant = NEW.tenant AND m.purpose = NEW.purpose AND m.number = NEW.number - 1); END
-- end
CREATE TABLE own_field (
	tenant BLOB NOT NULL,
	purpose TEXT NOT NULL,
	field TEXT NOT NULL,
	offered_at BIGINT NOT NULL,
	withheld_at BIGINT,
	CONSTRAINT pk_own_field PRIMARY KEY (tenant, purpose, field),
	CONSTRAINT ck_own_field_field CHECK (substr(field, 1, 2) = 'x_'),
	CONSTRAINT fk_own_field_purpose FOREIGN KEY(purpose) REFERENCES purpose (code)
)
-- end
CREATE TRIGGER own_field_before_update BEFORE UPDATE ON own_field WHEN NEW.tenant IS NOT OLD.tenant OR NEW.purpose IS NOT OLD.purpose OR NEW.field IS NOT OLD.field OR NEW.offered_at IS NOT OLD.offered_at BEGIN SELECT RAISE(ABORT, 'own_field: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER own_field_no_delete BEFORE DELETE ON own_field BEGIN SELECT RAISE(ABORT, 'own_field: rows stay'); END
-- end
CREATE TABLE passkey (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	subject BLOB NOT NULL,
	credential_id BLOB NOT NULL,
	public_key BLOB NOT NULL,
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
CREATE TRIGGER passkey_before_update BEFORE UPDATE ON passkey BEGIN SELECT RAISE(ABORT, 'passkey: these columns never change') WHERE NEW.bucket <> OLD.bucket OR NEW.id <> OLD.id OR NEW.subject <> OLD.subject OR NEW.credential_id <> OLD.credential_id OR NEW.public_key <> OLD.public_key OR NEW.backed_up <> OLD.backed_up OR NEW.created_at <> OLD.created_at; SELECT RAISE(ABORT, 'passkey: the counter only goes up') WHERE NEW.sign_count < OLD.sign_count; END
-- end
CREATE TABLE passkey_alarm (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	subject BLOB NOT NULL,
	passkey_id BLOB NOT NULL,
	stored_count BIGINT NOT NULL,
	given_count BIGINT NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_passkey_alarm PRIMARY KEY (bucket, id),
	CONSTRAINT ck_passkey_alarm_backwards CHECK (given_count <= stored_count)
)
-- end
CREATE INDEX ix_passkey_alarm_subject ON passkey_alarm (subject, bucket)
-- end
CREATE TRIGGER passkey_alarm_no_update BEFORE UPDATE ON passkey_alarm BEGIN SELECT RAISE(ABORT, 'passkey_alarm is append-only'); END
-- end
CREATE TRIGGER passkey_alarm_no_delete BEFORE DELETE ON passkey_alarm BEGIN SELECT RAISE(ABORT, 'passkey_alarm is append-only'); END
-- end
CREATE TABLE person (
	bucket INTEGER NOT NULL,
	subject BLOB NOT NULL,
	tenant BLOB NOT NULL,
	state TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	erased_at BIGINT,
	merged_into BLOB,
	key_epoch INTEGER DEFAULT 1 NOT NULL,
	CONSTRAINT pk_person PRIMARY KEY (bucket, subject),
	CONSTRAINT ck_person_state CHECK (state IN ('active', 'merged', 'erased')),
	CONSTRAINT ck_person_merged_into CHECK ((merged_into IS NULL) OR state <> 'active'),
	CONSTRAINT ck_person_merged CHECK (state <> 'merged' OR merged_into IS NOT NULL),
	CONSTRAINT ck_person_erased_at CHECK ((state = 'erased') = (erased_at IS NOT NULL)),
	CONSTRAINT ck_person_subject CHECK (length(subject) = 16),
	CONSTRAINT ck_person_key_epoch CHECK (key_epoch >= 1)
)
 WITHOUT ROWID
-- end
CREATE INDEX ix_person_merged_into ON person (merged_into) WHERE merged_into IS NOT NULL
-- end
CREATE TRIGGER person_erased_for_good BEFORE UPDATE ON person WHEN OLD.state = 'erased' AND (NEW.state IS NOT OLD.state OR NEW.erased_at IS NOT OLD.erased_at) BEGIN SELECT RAISE(ABORT, 'an erased person stays erased'); END
-- end
CREATE TRIGGER person_erased_is_kept BEFORE DELETE ON person WHEN OLD.state = 'erased' BEGIN SELECT RAISE(ABORT, 'an erased person stays erased'); END
-- end
CREATE TABLE person_notice (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	subject BLOB NOT NULL,
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
CREATE TRIGGER person_notice_before_update BEFORE UPDATE ON person_notice WHEN NEW.bucket IS NOT OLD.bucket OR NEW.id IS NOT OLD.id OR NEW.subject IS NOT OLD.subject OR NEW.kind IS NOT OLD.kind OR NEW.about IS NOT OLD.about OR NEW.created_at IS NOT OLD.created_at BEGIN SELECT RAISE(ABORT, 'person_notice: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER person_notice_no_delete BEFORE DELETE ON person_notice BEGIN SELECT RAISE(ABORT, 'person_notice: rows stay'); END
-- end
CREATE TRIGGER person_notice_before_update_of_seen_at BEFORE UPDATE OF seen_at ON person_notice WHEN OLD.seen_at IS NOT NULL AND NEW.seen_at IS NOT OLD.seen_at BEGIN SELECT RAISE(ABORT, 'person_notice: a notice is seen once') WHERE 1 = 1; END
-- end
CREATE TABLE portal_session (
	bucket INTEGER NOT NULL,
	id_hash BLOB NOT NULL,
	subject BLOB NOT NULL,
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
CREATE TABLE purpose_field (
	purpose TEXT NOT NULL,
	field TEXT NOT NULL,
	CONSTRAINT pk_purpose_field PRIMARY KEY (purpose, field),
	CONSTRAINT fk_purpose_field_purpose FOREIGN KEY(purpose) REFERENCES purpose (code)
)
-- end
CREATE TRIGGER purpose_field_no_update BEFORE UPDATE ON purpose_field BEGIN SELECT RAISE(ABORT, 'purpose_field is append-only'); END
-- end
CREATE TRIGGER purpose_field_no_delete BEFORE DELETE ON purpose_field BEGIN SELECT RAISE(ABORT, 'purpose_field is append-only'); END
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
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_recipient PRIMARY KEY (id),
	CONSTRAINT ck_recipient_kind CHECK (kind IN ('organisation', 'staff')),
	CONSTRAINT ck_recipient_erase_days CHECK (erase_days BETWEEN 1 AND 3660),
	CONSTRAINT uq_recipient_registration_no UNIQUE (registration_no, tenant)
)
-- end
CREATE TRIGGER recipient_before_update BEFORE UPDATE ON recipient WHEN NEW.id IS NOT OLD.id OR NEW.legal_name IS NOT OLD.legal_name OR NEW.registration_no IS NOT OLD.registration_no OR NEW.created_at IS NOT OLD.created_at OR NEW.kind IS NOT OLD.kind OR NEW.jurisdiction IS NOT OLD.jurisdiction OR NEW.country IS NOT OLD.country OR NEW.tenant IS NOT OLD.tenant BEGIN SELECT RAISE(ABORT, 'recipient: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER recipient_no_delete BEFORE DELETE ON recipient BEGIN SELECT RAISE(ABORT, 'recipient: rows stay'); END
-- end
CREATE TABLE recovery (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	subject BLOB NOT NULL,
	cancel_hash BLOB NOT NULL,
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
CREATE TRIGGER recovery_before_update BEFORE UPDATE ON recovery WHEN NEW.bucket IS NOT OLD.bucket OR NEW.id IS NOT OLD.id OR NEW.subject IS NOT OLD.subject OR NEW.cancel_hash IS NOT OLD.cancel_hash OR NEW.asked_at IS NOT OLD.asked_at OR NEW.due_at IS NOT OLD.due_at OR NEW.lapses_at IS NOT OLD.lapses_at BEGIN SELECT RAISE(ABORT, 'recovery: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER recovery_no_delete BEFORE DELETE ON recovery BEGIN SELECT RAISE(ABORT, 'recovery: rows stay'); END
-- end
CREATE TRIGGER recovery_before_insert_open BEFORE INSERT ON recovery WHEN NEW.ended_at IS NOT NULL BEGIN SELECT RAISE(ABORT, 'recovery: a replacement begins open') WHERE 1 = 1; END
-- end
CREATE TRIGGER recovery_before_update_once BEFORE UPDATE ON recovery BEGIN SELECT RAISE(ABORT, 'recovery: a replacement ends once') WHERE OLD.ended_at IS NOT NULL; END
-- end
CREATE TABLE relay_number (
	place BLOB NOT NULL,
	number TEXT NOT NULL,
	added_at BIGINT NOT NULL,
	holder BLOB,
	taken_at BIGINT,
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_relay_number PRIMARY KEY (place),
	CONSTRAINT uq_relay_number_tenant_number UNIQUE (tenant, number),
	CONSTRAINT uq_relay_number_tenant_holder UNIQUE (tenant, holder),
	CONSTRAINT ck_relay_number_taken CHECK ((holder IS NULL) = (taken_at IS NULL))
)
-- end
CREATE TRIGGER relay_number_before_update BEFORE UPDATE ON relay_number WHEN OLD.holder IS NOT NULL BEGIN SELECT RAISE(ABORT, 'relay_number: a number is given once') WHERE 1 = 1; END
-- end
CREATE TABLE replay (
	bucket INTEGER NOT NULL,
	hash BLOB NOT NULL,
	expires_at BIGINT NOT NULL,
	CONSTRAINT pk_replay PRIMARY KEY (bucket, hash)
)
-- end
CREATE INDEX ix_replay_expires_at ON replay (expires_at)
-- end
CREATE TRIGGER replay_before_update BEFORE UPDATE ON replay BEGIN SELECT RAISE(ABORT, 'replay: what was shown is remembered as it was') WHERE 1 = 1; END
-- end
CREATE TABLE sign_in_code (
	bucket INTEGER NOT NULL,
	address BLOB NOT NULL,
	asked BLOB NOT NULL,
	ticket_hash BLOB NOT NULL,
	code_mac BLOB NOT NULL,
	subject BLOB NOT NULL,
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
CREATE TRIGGER sign_in_code_before_update BEFORE UPDATE ON sign_in_code WHEN NEW.ticket_hash = OLD.ticket_hash BEGIN SELECT RAISE(ABORT, 'sign_in_code: a code that is used stays used') WHERE OLD.used_at IS NOT NULL AND NEW.used_at IS NOT OLD.used_at; SELECT RAISE(ABORT, 'sign_in_code: a code is used by trying it') WHERE NEW.used_at IS NOT NULL AND NEW.tries = 0; SELECT RAISE(ABORT, 'sign_in_code: tries are counted upwards') WHERE NEW.tries < OLD.tries; SELECT RAISE(ABORT, 'sign_in_code: a code never changes') WHERE NEW.code_mac <> OLD.code_mac OR NEW.subject <> OLD.subject OR NEW.created_at <> OLD.created_at OR NEW.expires_at <> OLD.expires_at; END
-- end
CREATE TRIGGER sign_in_code_before_insert BEFORE INSERT ON sign_in_code WHEN NEW.tries <> 0 OR NEW.used_at IS NOT NULL BEGIN SELECT RAISE(ABORT, 'sign_in_code: a code begins unused') WHERE 1 = 1; END
-- end
CREATE TABLE sign_in_record (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	subject BLOB NOT NULL,
	how TEXT NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_sign_in_record PRIMARY KEY (bucket, id),
	CONSTRAINT ck_sign_in_record_how CHECK (how IN ('key', 'code', 'passkey'))
)
-- end
CREATE INDEX ix_sign_in_record_subject ON sign_in_record (subject, bucket)
-- end
CREATE TRIGGER sign_in_record_no_update BEFORE UPDATE ON sign_in_record BEGIN SELECT RAISE(ABORT, 'sign_in_record is append-only'); END
-- end
CREATE TRIGGER sign_in_record_no_delete BEFORE DELETE ON sign_in_record BEGIN SELECT RAISE(ABORT, 'sign_in_record is append-only'); END
-- end
CREATE TABLE signing_key (
	name TEXT NOT NULL,
	generation INTEGER NOT NULL,
	tenant BLOB NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_signing_key PRIMARY KEY (name, generation, tenant),
	CONSTRAINT ck_signing_key_generation CHECK (generation >= 2)
)
-- end
CREATE TRIGGER signing_key_no_update BEFORE UPDATE ON signing_key BEGIN SELECT RAISE(ABORT, 'signing_key is append-only'); END
-- end
CREATE TRIGGER signing_key_no_delete BEFORE DELETE ON signing_key BEGIN SELECT RAISE(ABORT, 'signing_key is append-only'); END
-- end
CREATE TRIGGER signing_key_before_insert BEFORE INSERT ON signing_key BEGIN SELECT RAISE(ABORT, 'signing_key: generations follow each other') WHERE NEW.generation > 2 AND NOT EXISTS (SELECT 1 FROM signing_key k WHERE k.tenant = NEW.tenant AND k.name = NEW.name AND k.generation = NEW.generation - 1 AND k.created_at < NEW.created_at); END
-- end
CREATE TABLE staff (
	key_hash BLOB NOT NULL,
	actor TEXT NOT NULL,
	role TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	ended_at BIGINT,
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_staff PRIMARY KEY (key_hash),
	CONSTRAINT ck_staff_role CHECK (role IN ('investigator', 'operator', 'auditor'))
)
-- end
CREATE TABLE staff_refusal (
	bucket INTEGER NOT NULL,
	subject BLOB NOT NULL,
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
CREATE TRIGGER staff_refusal_before_update BEFORE UPDATE ON staff_refusal WHEN NEW.bucket IS NOT OLD.bucket OR NEW.subject IS NOT OLD.subject OR NEW.day IS NOT OLD.day OR NEW.staff IS NOT OLD.staff OR NEW.code IS NOT OLD.code OR NEW.reason IS NOT OLD.reason OR NEW.fields IS NOT OLD.fields OR NEW.first_at IS NOT OLD.first_at BEGIN SELECT RAISE(ABORT, 'staff_refusal: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER staff_refusal_no_delete BEFORE DELETE ON staff_refusal BEGIN SELECT RAISE(ABORT, 'staff_refusal: rows stay'); END
-- end
CREATE TRIGGER staff_refusal_before_update_of_attempts BEFORE UPDATE OF attempts ON staff_refusal BEGIN SELECT RAISE(ABORT, 'staff_refusal: attempts are counted upwards') WHERE NEW.attempts <= OLD.attempts OR NEW.last_at < OLD.last_at; END
-- end
CREATE TABLE tag_index (
	tenant BLOB DEFAULT (x'') NOT NULL,
	epoch SMALLINT NOT NULL,
	begun_at BIGINT NOT NULL,
	manifest BLOB,
	CONSTRAINT pk_tag_index PRIMARY KEY (tenant),
	CONSTRAINT ck_tag_index_manifest CHECK (manifest IS NULL OR length(manifest) = 32)
)
-- end
CREATE TABLE unique_key (
	bucket INTEGER NOT NULL,
	kind SMALLINT NOT NULL,
	epoch SMALLINT NOT NULL,
	tag BIGINT NOT NULL,
	subject BLOB NOT NULL,
	CONSTRAINT pk_unique_key PRIMARY KEY (bucket, kind, epoch, tag)
)
 WITHOUT ROWID
-- end
CREATE TABLE ask_handle (
	bucket INTEGER NOT NULL,
	hash BLOB NOT NULL,
	person_bucket INTEGER NOT NULL,
	subject BLOB NOT NULL,
	recipient_id TEXT NOT NULL,
	allowed_at BIGINT NOT NULL,
	ended_at BIGINT,
	CONSTRAINT pk_ask_handle PRIMARY KEY (bucket, hash),
	CONSTRAINT uq_ask_handle_pair UNIQUE (subject, recipient_id, bucket),
	CONSTRAINT fk_ask_handle_recipient FOREIGN KEY(recipient_id) REFERENCES recipient (id)
)
-- end
CREATE TRIGGER ask_handle_before_update BEFORE UPDATE ON ask_handle WHEN NEW.bucket IS NOT OLD.bucket OR NEW.hash IS NOT OLD.hash OR NEW.person_bucket IS NOT OLD.person_bucket OR NEW.subject IS NOT OLD.subject OR NEW.recipient_id IS NOT OLD.recipient_id BEGIN SELECT RAISE(ABORT, 'ask_handle: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER ask_handle_no_delete BEFORE DELETE ON ask_handle BEGIN SELECT RAISE(ABORT, 'ask_handle: rows stay'); END
-- end
CREATE TABLE asking_again (
	bucket INTEGER NOT NULL,
	subject BLOB NOT NULL,
	recipient_id TEXT NOT NULL,
	purpose TEXT NOT NULL,
	allowed_at BIGINT NOT NULL,
	CONSTRAINT pk_asking_again PRIMARY KEY (bucket, subject, recipient_id, purpose, allowed_at),
	CONSTRAINT fk_asking_again_consumer FOREIGN KEY(bucket, subject) REFERENCES consumer (bucket, subject),
	CONSTRAINT fk_asking_again_purpose FOREIGN KEY(purpose) REFERENCES purpose (code),
	CONSTRAINT fk_asking_again_recipient FOREIGN KEY(recipient_id) REFERENCES recipient (id)
)
-- end
CREATE TRIGGER asking_again_no_update BEFORE UPDATE ON asking_again BEGIN SELECT RAISE(ABORT, 'asking_again is append-only'); END
-- end
CREATE TRIGGER asking_again_no_delete BEFORE DELETE ON asking_again BEGIN SELECT RAISE(ABORT, 'asking_again is append-only'); END
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
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_client PRIMARY KEY (client_id),
	CONSTRAINT ck_client_one_source CHECK ((jwks IS NULL) <> (jwks_uri IS NULL)),
	CONSTRAINT uq_client_client_id_recipient_id UNIQUE (client_id, recipient_id),
	CONSTRAINT uq_client_label UNIQUE (recipient_id, label),
	CONSTRAINT fk_client_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipient (id)
)
-- end
CREATE TRIGGER client_before_update BEFORE UPDATE ON client WHEN NEW.client_id IS NOT OLD.client_id OR NEW.recipient_id IS NOT OLD.recipient_id OR NEW.label IS NOT OLD.label OR NEW.created_at IS NOT OLD.created_at OR NEW.tenant IS NOT OLD.tenant BEGIN SELECT RAISE(ABORT, 'client: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER client_no_delete BEFORE DELETE ON client BEGIN SELECT RAISE(ABORT, 'client: rows stay'); END
-- end
CREATE TABLE custom_field_version (
	tenant BLOB NOT NULL,
	code TEXT NOT NULL,
	version INTEGER NOT NULL,
	definition TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_custom_field_version PRIMARY KEY (tenant, code, version),
	CONSTRAINT fk_custom_field_version_tenant_code FOREIGN KEY(tenant, code) REFERENCES custom_field (tenant, code),
	CONSTRAINT ck_custom_field_version_version CHECK (version >= 1)
)
-- end
CREATE TRIGGER custom_field_version_no_update BEFORE UPDATE ON custom_field_version BEGIN SELECT RAISE(ABORT, 'custom_field_version is append-only'); END
-- end
CREATE TRIGGER custom_field_version_no_delete BEFORE DELETE ON custom_field_version BEGIN SELECT RAISE(ABORT, 'custom_field_version is append-only'); END
-- end
CREATE TABLE dual_request (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	kind TEXT NOT NULL,
	subject BLOB,
	staff TEXT NOT NULL,
	actor BLOB NOT NULL,
	reason TEXT NOT NULL,
	fields TEXT NOT NULL,
	scope TEXT NOT NULL,
	note BLOB NOT NULL,
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
CREATE TRIGGER dual_request_before_update BEFORE UPDATE ON dual_request WHEN NEW.bucket IS NOT OLD.bucket OR NEW.id IS NOT OLD.id OR NEW.kind IS NOT OLD.kind OR NEW.subject IS NOT OLD.subject OR NEW.staff IS NOT OLD.staff OR NEW.actor IS NOT OLD.actor OR NEW.reason IS NOT OLD.reason OR NEW.fields IS NOT OLD.fields OR NEW.scope IS NOT OLD.scope OR NEW.note IS NOT OLD.note OR NEW.asked_at IS NOT OLD.asked_at OR NEW.lapses_at IS NOT OLD.lapses_at OR NEW.ledger_year IS NOT OLD.ledger_year BEGIN SELECT RAISE(ABORT, 'dual_request: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER dual_request_no_delete BEFORE DELETE ON dual_request BEGIN SELECT RAISE(ABORT, 'dual_request: rows stay'); END
-- end
CREATE TRIGGER dual_request_before_insert BEFORE INSERT ON dual_request WHEN NEW.state <> 'asked' OR NEW.approved_at IS NOT NULL BEGIN SELECT RAISE(ABORT, 'dual_request: a request is born asked') WHERE 1 = 1; END
-- end
CREATE TRIGGER dual_request_before_update_of_state BEFORE UPDATE OF state ON dual_request WHEN NEW.state <> OLD.state BEGIN SELECT RAISE(ABORT, 'dual_request: illegal transition') WHERE NOT ((OLD.state = 'asked' AND NEW.state IN ('approved', 'refused')) OR (OLD.state = 'approved' AND NEW.state = 'refused')); SELECT RAISE(ABORT, 'dual_request: approved without the others it takes') WHERE NEW.state = 'approved' AND (CASE NEW.kind WHEN 'minor_read' THEN 1 ELSE 2 END) <> (SELECT count(*) FROM dual_vote v WHERE v.bucket = NEW.bucket AND v.request_id = NEW.id AND v.verdict = 'yes' AND v.actor <> NEW.actor AND v.staff <> NEW.staff); SELECT RAISE(ABORT, 'dual_request: approved at another time than by the last yes') WHERE NEW.state = 'approved' AND NOT EXISTS (SELECT 1 FROM dual_vote v WHERE v.bucket = NEW.bucket AND v.request_id = NEW.id AND v.place = (CASE NEW.kind WHEN 'minor_read' THEN 1 ELSE 2 END) AND v.voted_at = NEW.approved_at); SELECT RAISE(ABORT, 'dual_request: refused without a no') WHERE NEW.state = 'refused' AND NOT EXISTS (SELECT 1 FROM dual_vote v WHERE v.bucket = NEW.bucket AND v.request_id = NEW.id AND v.verdict = 'no'); END
-- end
CREATE TRIGGER dual_request_before_update_of_approved_at BEFORE UPDATE OF approved_at ON dual_request WHEN NEW.approved_at IS NOT OLD.approved_at AND NOT (OLD.state = 'asked' AND NEW.state = 'approved') BEGIN SELECT RAISE(ABORT, 'dual_request: an approval is given once') WHERE 1 = 1; END
-- end
CREATE TABLE dump_custody (
	id BLOB NOT NULL,
	dump BLOB NOT NULL,
	at BIGINT NOT NULL,
	event TEXT NOT NULL,
	actor TEXT NOT NULL,
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_dump_custody PRIMARY KEY (id),
	CONSTRAINT ck_dump_custody_event CHECK (event IN ('received', 'received_again', 'read')),
	CONSTRAINT fk_dump_custody_dump FOREIGN KEY(dump) REFERENCES dump (id)
)
-- end
CREATE INDEX ix_dump_custody_dump_at ON dump_custody (dump, at)
-- end
CREATE TRIGGER dump_custody_no_update BEFORE UPDATE ON dump_custody BEGIN SELECT RAISE(ABORT, 'dump_custody is append-only'); END
-- end
CREATE TRIGGER dump_custody_no_delete BEFORE DELETE ON dump_custody BEGIN SELECT RAISE(ABORT, 'dump_custody is append-only'); END
-- end
CREATE TABLE dump_sketch (
	dump BLOB NOT NULL,
	epoch INTEGER NOT NULL,
	hashes BLOB NOT NULL,
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_dump_sketch PRIMARY KEY (dump),
	CONSTRAINT ck_dump_sketch_hashes CHECK (length(hashes) <= 32768),
	CONSTRAINT fk_dump_sketch_dump FOREIGN KEY(dump) REFERENCES dump (id)
)
-- end
CREATE TABLE erasure (
	bucket INTEGER NOT NULL,
	subject BLOB NOT NULL,
	stage SMALLINT NOT NULL,
	probes BLOB,
	tags BIGINT NOT NULL,
	versions BIGINT NOT NULL,
	keys INTEGER NOT NULL,
	wrapped_sha256 BLOB,
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
CREATE TRIGGER erasure_forward BEFORE UPDATE ON erasure WHEN NEW.stage < OLD.stage OR OLD.stage = 4 OR NEW.tags < OLD.tags OR NEW.keys < OLD.keys OR NEW.bucket IS NOT OLD.bucket OR NEW.subject IS NOT OLD.subject OR NEW.ordered_at IS NOT OLD.ordered_at BEGIN SELECT RAISE(ABORT, 'an erasure only goes forward'); END
-- end
CREATE TRIGGER erasure_stays BEFORE DELETE ON erasure WHEN 1 = 1 BEGIN SELECT RAISE(ABORT, 'an erasure only goes forward'); END
-- end
CREATE TABLE erasure_certificate (
	bucket INTEGER NOT NULL,
	subject BLOB NOT NULL,
	id BLOB NOT NULL,
	secret BLOB NOT NULL,
	fields TEXT NOT NULL,
	ledger_year INTEGER NOT NULL,
	certified_at BIGINT NOT NULL,
	CONSTRAINT pk_erasure_certificate PRIMARY KEY (bucket, subject),
	CONSTRAINT ck_erasure_certificate_secret CHECK (length(secret) = 32),
	CONSTRAINT fk_erasure_certificate_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE TRIGGER erasure_certificate_no_update BEFORE UPDATE ON erasure_certificate BEGIN SELECT RAISE(ABORT, 'erasure_certificate is append-only'); END
-- end
CREATE TRIGGER erasure_certificate_no_delete BEFORE DELETE ON erasure_certificate BEGIN SELECT RAISE(ABORT, 'erasure_certificate is append-only'); END
-- end
CREATE TABLE guardianship (
	bucket INTEGER NOT NULL,
	ward BLOB NOT NULL,
	guardian BLOB NOT NULL,
	valid_from BIGINT NOT NULL,
	guardian_bucket INTEGER NOT NULL,
	kind TEXT NOT NULL,
	evidence_sha256 BLOB NOT NULL,
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
CREATE TRIGGER guardianship_ends BEFORE UPDATE ON guardianship WHEN OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL OR NEW.bucket IS NOT OLD.bucket OR NEW.ward IS NOT OLD.ward OR NEW.guardian IS NOT OLD.guardian OR NEW.valid_from IS NOT OLD.valid_from OR NEW.guardian_bucket IS NOT OLD.guardian_bucket OR NEW.kind IS NOT OLD.kind OR NEW.evidence_sha256 IS NOT OLD.evidence_sha256 OR NEW.valid_until IS NOT OLD.valid_until OR NEW.decides_until IS NOT OLD.decides_until BEGIN SELECT RAISE(ABORT, 'a guardianship only ends, and only once'); END
-- end
CREATE TRIGGER guardianship_no_delete BEFORE DELETE ON guardianship WHEN EXISTS (SELECT 1 FROM person WHERE bucket = OLD.bucket AND subject = OLD.ward AND state <> 'erased') BEGIN SELECT RAISE(ABORT, 'guardianships of a living ward stay'); END
-- end
CREATE TABLE leak (
	id BLOB NOT NULL,
	dump BLOB NOT NULL,
	done BIGINT NOT NULL,
	begun_at BIGINT NOT NULL,
	published_at BIGINT,
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_leak PRIMARY KEY (id),
	CONSTRAINT uq_leak_dump UNIQUE (dump),
	CONSTRAINT ck_leak_done CHECK (done >= 0),
	CONSTRAINT fk_leak_dump FOREIGN KEY(dump) REFERENCES dump (id)
)
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
CREATE TRIGGER ledger_again_no_update BEFORE UPDATE ON ledger_again BEGIN SELECT RAISE(ABORT, 'ledger_again is append-only'); END
-- end
CREATE TRIGGER ledger_again_no_delete BEFORE DELETE ON ledger_again BEGIN SELECT RAISE(ABORT, 'ledger_again is append-only'); END
-- end
CREATE TABLE ledger_cosignature (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	size BIGINT NOT NULL,
	witness TEXT NOT NULL,
	key_id BLOB NOT NULL,
	line TEXT NOT NULL,
	at_s BIGINT NOT NULL,
	received_at BIGINT NOT NULL,
	CONSTRAINT pk_ledger_cosignature PRIMARY KEY (bucket, year, size, witness, key_id),
	CONSTRAINT fk_ledger_cosignature_bucket_year_size FOREIGN KEY(bucket, year, size) REFERENCES ledger_checkpoint (bucket, year, size)
)
-- end
CREATE TRIGGER ledger_cosignature_no_update BEFORE UPDATE ON ledger_cosignature BEGIN SELECT RAISE(ABORT, 'ledger_cosignature is append-only'); END
-- end
CREATE TRIGGER ledger_cosignature_no_delete BEFORE DELETE ON ledger_cosignature BEGIN SELECT RAISE(ABORT, 'ledger_cosignature is append-only'); END
-- end
CREATE TABLE ledger_given_up (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	next_year INTEGER NOT NULL,
	size BIGINT NOT NULL,
	root BLOB NOT NULL,
	note BLOB NOT NULL,
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
CREATE TRIGGER ledger_given_up_no_update BEFORE UPDATE ON ledger_given_up BEGIN SELECT RAISE(ABORT, 'ledger_given_up is append-only'); END
-- end
CREATE TRIGGER ledger_given_up_no_delete BEFORE DELETE ON ledger_given_up BEGIN SELECT RAISE(ABORT, 'ledger_given_up is append-only'); END
-- end
CREATE TRIGGER ledger_given_up_ends BEFORE INSERT ON ledger_given_up WHEN EXISTS (SELECT 1 FROM ledger_head h WHERE h.bucket = NEW.bucket AND h.year = NEW.year AND h.closed_at IS NULL) BEGIN SELECT RAISE(ABORT, 'a log that is given up takes nothing any more'); END
-- end
CREATE TABLE ledger_index (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	upto BIGINT NOT NULL,
	idx BIGINT NOT NULL,
	rows BIGINT NOT NULL,
	root BLOB NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_ledger_index PRIMARY KEY (bucket, year, upto),
	CONSTRAINT ck_ledger_index_upto CHECK (upto <= idx),
	CONSTRAINT fk_ledger_index_bucket_year_idx FOREIGN KEY(bucket, year, idx) REFERENCES ledger_entry (bucket, year, idx)
)
-- end
CREATE TRIGGER ledger_index_no_update BEFORE UPDATE ON ledger_index BEGIN SELECT RAISE(ABORT, 'ledger_index is append-only'); END
-- end
CREATE TRIGGER ledger_index_no_delete BEFORE DELETE ON ledger_index BEGIN SELECT RAISE(ABORT, 'ledger_index is append-only'); END
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
CREATE TRIGGER ledger_key_no_update BEFORE UPDATE ON ledger_key BEGIN SELECT RAISE(ABORT, 'ledger_key is append-only'); END
-- end
CREATE TRIGGER ledger_key_no_delete BEFORE DELETE ON ledger_key BEGIN SELECT RAISE(ABORT, 'ledger_key is append-only'); END
-- end
CREATE TABLE ledger_opening (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	idx BIGINT NOT NULL,
	subject BLOB NOT NULL,
	sealed BLOB NOT NULL,
	CONSTRAINT pk_ledger_opening PRIMARY KEY (bucket, year, idx),
	CONSTRAINT fk_ledger_opening_bucket_year_idx FOREIGN KEY(bucket, year, idx) REFERENCES ledger_entry (bucket, year, idx)
)
-- end
CREATE INDEX ix_ledger_opening_subject_bucket ON ledger_opening (subject, bucket)
-- end
CREATE TABLE mark_epoch (
	bucket INTEGER NOT NULL,
	number INTEGER NOT NULL,
	id BLOB NOT NULL,
	commitment BLOB NOT NULL,
	begun_at BIGINT NOT NULL,
	ledger_year INTEGER NOT NULL,
	CONSTRAINT pk_mark_epoch PRIMARY KEY (bucket, number),
	CONSTRAINT uq_mark_epoch_id_bucket UNIQUE (id, bucket),
	CONSTRAINT ck_mark_epoch_number CHECK (number >= 1),
	CONSTRAINT ck_mark_epoch_commitment CHECK (length(commitment) = 32),
	CONSTRAINT fk_mark_epoch_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE TRIGGER mark_epoch_no_update BEFORE UPDATE ON mark_epoch BEGIN SELECT RAISE(ABORT, 'mark_epoch is append-only'); END
-- end
CREATE TRIGGER mark_epoch_no_delete BEFORE DELETE ON mark_epoch BEGIN SELECT RAISE(ABORT, 'mark_epoch is append-only'); END
-- end
CREATE TRIGGER mark_epoch_before_insert BEFORE INSERT ON mark_epoch BEGIN SELECT RAISE(ABORT, 'mark_epoch: epochs follow each other') WHERE NEW.number > 1 AND NOT EXISTS (SELECT 1 FROM mark_epoch m WHERE m.bucket = NEW.bucket AND m.number = NEW.number - 1 AND m.begun_at <= NEW.begun_at); END
-- end
CREATE TABLE mark_seal (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	count INTEGER NOT NULL,
	root BLOB NOT NULL,
	sealed_at BIGINT NOT NULL,
	ledger_year INTEGER NOT NULL,
	CONSTRAINT pk_mark_seal PRIMARY KEY (bucket, id),
	CONSTRAINT ck_mark_seal_count CHECK (count >= 1),
	CONSTRAINT fk_mark_seal_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE TRIGGER mark_seal_no_update BEFORE UPDATE ON mark_seal BEGIN SELECT RAISE(ABORT, 'mark_seal is append-only'); END
-- end
CREATE TRIGGER mark_seal_no_delete BEFORE DELETE ON mark_seal BEGIN SELECT RAISE(ABORT, 'mark_seal is append-only'); END
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
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_notice_version PRIMARY KEY (id),
	CONSTRAINT uq_notice_version UNIQUE (recipient_id, purpose, version, lang),
	CONSTRAINT uq_notice_version_shown UNIQUE (id, hash, recipient_id, purpose),
	CONSTRAINT fk_notice_version_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipient (id),
	CONSTRAINT fk_notice_version_purpose FOREIGN KEY(purpose) REFERENCES purpose (code)
)
-- end
CREATE TRIGGER notice_version_no_update BEFORE UPDATE ON notice_version BEGIN SELECT RAISE(ABORT, 'notice_version is append-only'); END
-- end
CREATE TRIGGER notice_version_no_delete BEFORE DELETE ON notice_version BEGIN SELECT RAISE(ABORT, 'notice_version is append-only'); END
-- end
CREATE TABLE person_merge (
	bucket INTEGER NOT NULL,
	subject BLOB NOT NULL,
	keep BLOB NOT NULL,
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
CREATE TRIGGER person_merge_no_update BEFORE UPDATE ON person_merge BEGIN SELECT RAISE(ABORT, 'person_merge is append-only'); END
-- end
CREATE TRIGGER person_merge_no_delete BEFORE DELETE ON person_merge BEGIN SELECT RAISE(ABORT, 'person_merge is append-only'); END
-- end
CREATE TRIGGER person_merge_keep BEFORE INSERT ON person_merge WHEN NOT EXISTS (SELECT 1 FROM person WHERE bucket = NEW.keep_bucket AND subject = NEW.keep AND state = 'active') BEGIN SELECT RAISE(ABORT, 'whoever others are merged into is active'); END
-- end
CREATE TRIGGER person_merge_final BEFORE UPDATE OF state, merged_into ON person WHEN (OLD.state = 'merged' AND NEW.state = 'active') OR (NEW.state = 'merged' AND (NOT EXISTS (SELECT 1 FROM person_merge m WHERE m.bucket = NEW.bucket AND m.subject = NEW.subject AND m.keep = NEW.merged_into) OR EXISTS (SELECT 1 FROM person p WHERE p.merged_into = NEW.subject AND p.state = 'merged'))) BEGIN SELECT RAISE(ABORT, 'a merge is final and makes no chains'); END
-- end
CREATE TABLE planted_list (
	id BLOB NOT NULL,
	kind TEXT NOT NULL,
	recipient_id TEXT,
	people INTEGER NOT NULL,
	nonce BLOB NOT NULL,
	hash BLOB NOT NULL,
	made_at BIGINT NOT NULL,
	entry BLOB,
	retired_at BIGINT,
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_planted_list PRIMARY KEY (id),
	CONSTRAINT ck_planted_list_kind CHECK (kind IN ('unique', 'shared', 'dark')),
	CONSTRAINT ck_planted_list_whose CHECK ((kind = 'unique') = (recipient_id IS NOT NULL)),
	CONSTRAINT ck_planted_list_sealed CHECK (people > 0 AND length(nonce) = 32 AND length(hash) = 32),
	CONSTRAINT fk_planted_list_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipient (id)
)
-- end
CREATE TRIGGER planted_list_before_update BEFORE UPDATE ON planted_list WHEN NEW.id IS NOT OLD.id OR NEW.kind IS NOT OLD.kind OR NEW.recipient_id IS NOT OLD.recipient_id OR NEW.people IS NOT OLD.people OR NEW.nonce IS NOT OLD.nonce OR NEW.hash IS NOT OLD.hash OR NEW.made_at IS NOT OLD.made_at OR NEW.tenant IS NOT OLD.tenant BEGIN SELECT RAISE(ABORT, 'planted_list: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER planted_list_no_delete BEFORE DELETE ON planted_list BEGIN SELECT RAISE(ABORT, 'planted_list: rows stay'); END
-- end
CREATE TABLE protection (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	subject BLOB NOT NULL,
	trusted_bucket INTEGER NOT NULL,
	trusted BLOB NOT NULL,
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
CREATE TRIGGER protection_before_update BEFORE UPDATE ON protection WHEN NEW.bucket IS NOT OLD.bucket OR NEW.id IS NOT OLD.id OR NEW.subject IS NOT OLD.subject OR NEW.trusted_bucket IS NOT OLD.trusted_bucket OR NEW.trusted IS NOT OLD.trusted OR NEW.most IS NOT OLD.most OR NEW.currency IS NOT OLD.currency OR NEW.asked_at IS NOT OLD.asked_at BEGIN SELECT RAISE(ABORT, 'protection: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER protection_no_delete BEFORE DELETE ON protection BEGIN SELECT RAISE(ABORT, 'protection: rows stay'); END
-- end
CREATE TABLE recipient_record (
	recipient_id TEXT NOT NULL,
	erased_in_time INTEGER NOT NULL,
	erased_late INTEGER NOT NULL,
	not_erased INTEGER NOT NULL,
	service_denied BIGINT DEFAULT '0' NOT NULL,
	counted_at BIGINT NOT NULL,
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_recipient_record PRIMARY KEY (recipient_id),
	CONSTRAINT ck_recipient_record_counts CHECK (erased_in_time >= 0 AND erased_late >= 0 AND not_erased >= 0 AND service_denied >= 0),
	CONSTRAINT fk_recipient_record_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipient (id)
)
-- end
CREATE TABLE retention (
	bucket INTEGER NOT NULL,
	subject BLOB NOT NULL,
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
 WITHOUT ROWID
-- end
CREATE INDEX ix_retention_due ON retention (expires_at) WHERE state <> 'done'
-- end
CREATE TABLE retired_text (
	text_id TEXT NOT NULL,
	recipient_id TEXT NOT NULL,
	reason TEXT NOT NULL,
	at BIGINT NOT NULL,
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_retired_text PRIMARY KEY (text_id),
	CONSTRAINT fk_retired_text_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipient (id)
)
-- end
CREATE TRIGGER retired_text_no_update BEFORE UPDATE ON retired_text BEGIN SELECT RAISE(ABORT, 'retired_text is append-only'); END
-- end
CREATE TRIGGER retired_text_no_delete BEFORE DELETE ON retired_text BEGIN SELECT RAISE(ABORT, 'retired_text is append-only'); END
-- end
CREATE TABLE staff_lookup (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	subject BLOB NOT NULL,
	staff TEXT NOT NULL,
	actor BLOB NOT NULL,
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
CREATE TRIGGER staff_lookup_no_update BEFORE UPDATE ON staff_lookup BEGIN SELECT RAISE(ABORT, 'staff_lookup is append-only'); END
-- end
CREATE TRIGGER staff_lookup_no_delete BEFORE DELETE ON staff_lookup BEGIN SELECT RAISE(ABORT, 'staff_lookup is append-only'); END
-- end
CREATE TABLE tag_touched (
	bucket INTEGER NOT NULL,
	kind SMALLINT NOT NULL,
	epoch SMALLINT NOT NULL,
	tag BIGINT NOT NULL,
	times BIGINT NOT NULL,
	CONSTRAINT pk_tag_touched PRIMARY KEY (bucket, kind, epoch, tag)
)
 WITHOUT ROWID
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
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_terms_version PRIMARY KEY (id),
	CONSTRAINT uq_terms_version UNIQUE (recipient_id, version),
	CONSTRAINT uq_terms_version_shown UNIQUE (id, hash, recipient_id),
	CONSTRAINT fk_terms_version_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipient (id)
)
-- end
CREATE TRIGGER terms_version_no_update BEFORE UPDATE ON terms_version BEGIN SELECT RAISE(ABORT, 'terms_version is append-only'); END
-- end
CREATE TRIGGER terms_version_no_delete BEFORE DELETE ON terms_version BEGIN SELECT RAISE(ABORT, 'terms_version is append-only'); END
-- end
CREATE TABLE trace (
	id BLOB NOT NULL,
	dump BLOB NOT NULL,
	parameters_hash BLOB NOT NULL,
	parameters TEXT NOT NULL,
	started_at BIGINT NOT NULL,
	finished_at BIGINT,
	report TEXT,
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_trace PRIMARY KEY (id),
	CONSTRAINT uq_trace_dump_parameters_hash UNIQUE (dump, parameters_hash),
	CONSTRAINT ck_trace_finished CHECK ((report IS NULL) = (finished_at IS NULL)),
	CONSTRAINT fk_trace_dump FOREIGN KEY(dump) REFERENCES dump (id)
)
-- end
CREATE TABLE value (
	bucket INTEGER NOT NULL,
	subject BLOB NOT NULL,
	record BLOB NOT NULL,
	field TEXT NOT NULL,
	version BIGINT NOT NULL,
	schema SMALLINT NOT NULL,
	epoch INTEGER NOT NULL,
	blob BLOB NOT NULL,
	blob_sha256 BLOB NOT NULL,
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
 WITHOUT ROWID
-- end
CREATE UNIQUE INDEX uq_value_head ON value (bucket, subject, record, field) WHERE valid_to IS NULL
-- end
CREATE TRIGGER value_only_close BEFORE UPDATE ON value WHEN NEW.bucket IS NOT OLD.bucket OR NEW.subject IS NOT OLD.subject OR NEW.record IS NOT OLD.record OR NEW.field IS NOT OLD.field OR NEW.version IS NOT OLD.version OR NEW.schema IS NOT OLD.schema OR NEW.valid_from IS NOT OLD.valid_from OR (OLD.valid_to IS NOT NULL AND NEW.valid_to IS NOT OLD.valid_to) OR OLD.struck_at IS NOT NULL OR (NEW.struck_at IS NULL AND NEW.epoch <= OLD.epoch AND (NEW.epoch IS NOT OLD.epoch OR NEW.blob IS NOT OLD.blob OR NEW.blob_sha256 IS NOT OLD.blob_sha256)) OR (NEW.struck_at IS NOT NULL AND (NEW.epoch IS NOT OLD.epoch OR NEW.blob_sha256 IS NOT OLD.blob_sha256)) BEGIN SELECT RAISE(ABORT, 'a value version is closed once, sealed again under a later key, or struck out'); END
-- end
CREATE TRIGGER value_no_delete BEFORE DELETE ON value WHEN EXISTS (SELECT 1 FROM person WHERE bucket = OLD.bucket AND subject = OLD.subject AND state = 'active') BEGIN SELECT RAISE(ABORT, 'value versions of an active person stay'); END
-- end
CREATE TRIGGER value_key_epoch BEFORE INSERT ON value WHEN NEW.epoch < (SELECT key_epoch FROM person WHERE bucket = NEW.bucket AND subject = NEW.subject) BEGIN SELECT RAISE(ABORT, 'this epoch of the person''s key is no longer in use'); END
-- end
CREATE TABLE consent_request (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	secret_hash BLOB NOT NULL,
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
CREATE TRIGGER consent_request_no_update BEFORE UPDATE ON consent_request BEGIN SELECT RAISE(ABORT, 'consent_request is append-only'); END
-- end
CREATE TRIGGER consent_request_before_delete BEFORE DELETE ON consent_request BEGIN SELECT RAISE(ABORT, 'consent_request: rows stay: somebody took it up') WHERE EXISTS (SELECT 1 FROM request_claim c WHERE c.bucket = OLD.bucket AND c.request_id = OLD.id); END
-- end
CREATE TABLE dual_vote (
	bucket INTEGER NOT NULL,
	request_id BLOB NOT NULL,
	actor BLOB NOT NULL,
	verdict TEXT NOT NULL,
	id BLOB NOT NULL,
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
CREATE TRIGGER dual_vote_no_update BEFORE UPDATE ON dual_vote BEGIN SELECT RAISE(ABORT, 'dual_vote is append-only'); END
-- end
CREATE TRIGGER dual_vote_no_delete BEFORE DELETE ON dual_vote BEGIN SELECT RAISE(ABORT, 'dual_vote is append-only'); END
-- end
CREATE TRIGGER dual_vote_before_insert BEFORE INSERT ON dual_vote BEGIN SELECT RAISE(ABORT, 'dual_vote: nobody approves a request of their own') WHERE NEW.verdict = 'yes' AND EXISTS (SELECT 1 FROM dual_request r WHERE r.bucket = NEW.bucket AND r.id = NEW.request_id AND (r.actor = NEW.actor OR r.staff = NEW.staff)); SELECT RAISE(ABORT, 'dual_vote: nothing to say yes to') WHERE NEW.verdict = 'yes' AND NOT EXISTS (SELECT 1 FROM dual_request r WHERE r.bucket = NEW.bucket AND r.id = NEW.request_id AND r.state = 'asked' AND NEW.voted_at >= r.asked_at AND NEW.voted_at < r.lapses_at); SELECT RAISE(ABORT, 'dual_vote: nothing to say no to') WHERE NEW.verdict = 'no' AND NOT EXISTS (SELECT 1 FROM dual_request r WHERE r.bucket = NEW.bucket AND r.id = NEW.request_id AND r.state IN ('asked', 'approved')); SELECT RAISE(ABORT, 'dual_vote: a yes out of turn') WHERE NEW.verdict = 'yes' AND NEW.place <> 1 + (SELECT count(*) FROM dual_vote v WHERE v.bucket = NEW.bucket AND v.request_id = NEW.request_id AND v.verdict = 'yes'); END
-- end
CREATE TRIGGER dual_vote_after_insert AFTER INSERT ON dual_vote BEGIN UPDATE dual_request SET state = 'approved', approved_at = NEW.voted_at, window_to = NEW.voted_at + 900000 WHERE bucket = NEW.bucket AND id = NEW.request_id AND NEW.place = (CASE kind WHEN 'minor_read' THEN 1 ELSE 2 END); UPDATE dual_request SET state = 'refused' WHERE bucket = NEW.bucket AND id = NEW.request_id AND NEW.verdict = 'no'; END
-- end
CREATE TABLE emergency_read (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	request_id BLOB NOT NULL,
	subject BLOB NOT NULL,
	staff TEXT NOT NULL,
	actor BLOB NOT NULL,
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
CREATE TRIGGER emergency_read_before_update BEFORE UPDATE ON emergency_read WHEN NEW.bucket IS NOT OLD.bucket OR NEW.id IS NOT OLD.id OR NEW.request_id IS NOT OLD.request_id OR NEW.subject IS NOT OLD.subject OR NEW.staff IS NOT OLD.staff OR NEW.actor IS NOT OLD.actor OR NEW.fields IS NOT OLD.fields OR NEW.committed_at IS NOT OLD.committed_at OR NEW.ledger_year IS NOT OLD.ledger_year BEGIN SELECT RAISE(ABORT, 'emergency_read: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER emergency_read_no_delete BEFORE DELETE ON emergency_read BEGIN SELECT RAISE(ABORT, 'emergency_read: rows stay'); END
-- end
CREATE TRIGGER emergency_read_before_insert BEFORE INSERT ON emergency_read BEGIN SELECT RAISE(ABORT, 'emergency_read: no open approval of this person for who asked') WHERE NEW.times <> 1 OR NOT EXISTS (SELECT 1 FROM dual_request r WHERE r.bucket = NEW.bucket AND r.id = NEW.request_id AND r.kind = 'break_glass' AND r.subject = NEW.subject AND r.staff = NEW.staff AND r.actor = NEW.actor AND r.state = 'approved' AND NEW.committed_at >= r.approved_at AND NEW.committed_at < r.window_to); SELECT RAISE(ABORT, 'emergency_read: fields beyond the request') WHERE NEW.fields = '[]' OR EXISTS (SELECT 1 FROM json_each(NEW.fields) WHERE value NOT IN (SELECT value FROM dual_request r, json_each(r.fields) WHERE r.bucket = NEW.bucket AND r.id = NEW.request_id)); END
-- end
CREATE TRIGGER emergency_read_before_update_of_times BEFORE UPDATE OF times ON emergency_read WHEN NEW.times <> OLD.times BEGIN SELECT RAISE(ABORT, 'emergency_read: one answer at a time, inside the window') WHERE NEW.times <> OLD.times + 1 OR NEW.last_at < OLD.last_at OR NOT EXISTS (SELECT 1 FROM dual_request r WHERE r.bucket = NEW.bucket AND r.id = NEW.request_id AND r.state = 'approved' AND NEW.last_at >= r.approved_at AND NEW.last_at < r.window_to); END
-- end
CREATE TRIGGER emergency_read_before_update_of_last_at BEFORE UPDATE OF last_at ON emergency_read WHEN NEW.last_at <> OLD.last_at AND NEW.times = OLD.times BEGIN SELECT RAISE(ABORT, 'emergency_read: the time moves with the counter') WHERE 1 = 1; END
-- end
CREATE TABLE fetched_keys (
	client_id TEXT NOT NULL,
	jwks TEXT,
	fetched_at BIGINT,
	tried_at BIGINT NOT NULL,
	strange_at BIGINT,
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_fetched_keys PRIMARY KEY (client_id),
	CONSTRAINT ck_fetched_keys_fetched CHECK ((jwks IS NULL) = (fetched_at IS NULL)),
	CONSTRAINT fk_fetched_keys_client_id FOREIGN KEY(client_id) REFERENCES client (client_id)
)
-- end
CREATE TABLE incident (
	id BLOB NOT NULL,
	trace BLOB NOT NULL,
	opened_at BIGINT NOT NULL,
	respondents TEXT NOT NULL,
	report_sha256 TEXT NOT NULL,
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_incident PRIMARY KEY (id),
	CONSTRAINT uq_incident_trace UNIQUE (trace),
	CONSTRAINT fk_incident_trace FOREIGN KEY(trace) REFERENCES trace (id)
)
-- end
CREATE TABLE ledger_cosigned_last (
	bucket INTEGER NOT NULL,
	year INTEGER NOT NULL,
	witness TEXT NOT NULL,
	key_id BLOB NOT NULL,
	size BIGINT NOT NULL,
	line TEXT NOT NULL,
	at_s BIGINT NOT NULL,
	CONSTRAINT pk_ledger_cosigned_last PRIMARY KEY (bucket, year, witness, key_id),
	CONSTRAINT fk_ledger_cosigned_last_bucket_year_size_witness_key_id FOREIGN KEY(bucket, year, size, witness, key_id) REFERENCES ledger_cosignature (bucket, year, size, witness, key_id)
)
-- end
CREATE TRIGGER ledger_cosigned_last_goes_on BEFORE UPDATE ON ledger_cosigned_last WHEN NEW.size < OLD.size OR (NEW.size = OLD.size AND NEW.at_s <= OLD.at_s) BEGIN SELECT RAISE(ABORT, 'a witness does not take its word back'); END
-- end
CREATE TABLE linkage_code (
	bucket INTEGER NOT NULL,
	subject BLOB NOT NULL,
	epoch SMALLINT NOT NULL,
	sealed BLOB NOT NULL,
	CONSTRAINT pk_linkage_code PRIMARY KEY (bucket, subject),
	CONSTRAINT fk_linkage_code_bucket_subject FOREIGN KEY(bucket, subject) REFERENCES person (bucket, subject),
	CONSTRAINT ck_linkage_code_sealed CHECK (length(sealed) >= 29),
	CONSTRAINT ck_linkage_code_epoch CHECK (epoch >= 1)
)
-- end
CREATE TRIGGER linkage_code_after_insert AFTER INSERT ON value BEGIN DELETE FROM linkage_code WHERE bucket = NEW.bucket AND subject = NEW.subject; END
-- end
CREATE TRIGGER linkage_code_after_update AFTER UPDATE OF struck_at ON value BEGIN DELETE FROM linkage_code WHERE bucket = NEW.bucket AND subject = NEW.subject; END
-- end
CREATE TRIGGER linkage_code_after_delete AFTER DELETE ON value BEGIN DELETE FROM linkage_code WHERE bucket = OLD.bucket AND subject = OLD.subject; END
-- end
CREATE TABLE management_token (
	hash BLOB NOT NULL,
	client_id TEXT NOT NULL,
	recipient_id TEXT NOT NULL,
	jkt TEXT NOT NULL,
	scope TEXT NOT NULL,
	minted_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_management_token PRIMARY KEY (hash),
	CONSTRAINT fk_management_token_client FOREIGN KEY(client_id, recipient_id) REFERENCES client (client_id, recipient_id)
)
-- end
CREATE INDEX ix_management_token_client_id ON management_token (client_id, expires_at)
-- end
CREATE TABLE notice_showing (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	subject BLOB NOT NULL,
	request_id BLOB NOT NULL,
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
CREATE TRIGGER notice_showing_no_update BEFORE UPDATE ON notice_showing BEGIN SELECT RAISE(ABORT, 'notice_showing is append-only'); END
-- end
CREATE TRIGGER notice_showing_no_delete BEFORE DELETE ON notice_showing BEGIN SELECT RAISE(ABORT, 'notice_showing is append-only'); END
-- end
CREATE TABLE planted (
	bucket INTEGER NOT NULL,
	mac BLOB NOT NULL,
	list BLOB NOT NULL,
	CONSTRAINT pk_planted PRIMARY KEY (bucket, mac),
	CONSTRAINT ck_planted_mac CHECK (length(mac) = 32),
	CONSTRAINT fk_planted_list FOREIGN KEY(list) REFERENCES planted_list (id)
)
-- end
CREATE TRIGGER planted_no_update BEFORE UPDATE ON planted BEGIN SELECT RAISE(ABORT, 'planted is append-only'); END
-- end
CREATE TRIGGER planted_no_delete BEFORE DELETE ON planted BEGIN SELECT RAISE(ABORT, 'planted is append-only'); END
-- end
CREATE TABLE scan_run (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	request_id BLOB NOT NULL,
	staff TEXT NOT NULL,
	actor BLOB NOT NULL,
	wanted INTEGER NOT NULL,
	committed_at BIGINT NOT NULL,
	opened BIGINT NOT NULL,
	found INTEGER NOT NULL,
	cursor_bucket INTEGER,
	cursor_subject BLOB,
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
CREATE TRIGGER scan_run_before_update BEFORE UPDATE ON scan_run WHEN NEW.bucket IS NOT OLD.bucket OR NEW.id IS NOT OLD.id OR NEW.request_id IS NOT OLD.request_id OR NEW.staff IS NOT OLD.staff OR NEW.actor IS NOT OLD.actor OR NEW.wanted IS NOT OLD.wanted OR NEW.committed_at IS NOT OLD.committed_at OR NEW.ledger_year IS NOT OLD.ledger_year BEGIN SELECT RAISE(ABORT, 'scan_run: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER scan_run_no_delete BEFORE DELETE ON scan_run BEGIN SELECT RAISE(ABORT, 'scan_run: rows stay'); END
-- end
CREATE TRIGGER scan_run_before_insert BEFORE INSERT ON scan_run BEGIN SELECT RAISE(ABORT, 'scan_run: no open approval of a scan for who asked') WHERE NEW.opened <> 0 OR NEW.found <> 0 OR NOT EXISTS (SELECT 1 FROM dual_request r WHERE r.bucket = NEW.bucket AND r.id = NEW.request_id AND r.kind = 'population_scan' AND r.staff = NEW.staff AND r.actor = NEW.actor AND r.state = 'approved' AND NEW.committed_at >= r.approved_at AND NEW.committed_at < r.window_to); END
-- end
CREATE TRIGGER scan_run_before_update_of_opened BEFORE UPDATE OF opened ON scan_run WHEN OLD.finished_at IS NOT NULL OR NEW.opened < OLD.opened OR NEW.found < OLD.found BEGIN SELECT RAISE(ABORT, 'scan_run: a scan only goes on, until it has ended') WHERE 1 = 1; END
-- end
CREATE TRIGGER scan_run_before_update_of_finished_at BEFORE UPDATE OF finished_at ON scan_run WHEN OLD.finished_at IS NOT NULL AND NEW.finished_at IS NOT OLD.finished_at BEGIN SELECT RAISE(ABORT, 'scan_run: a scan ends once') WHERE 1 = 1; END
-- end
CREATE TABLE suspension (
	id TEXT NOT NULL,
	recipient_id TEXT NOT NULL,
	client_id TEXT,
	step TEXT NOT NULL,
	reason TEXT NOT NULL,
	at BIGINT NOT NULL,
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_suspension PRIMARY KEY (id),
	CONSTRAINT ck_suspension_step CHECK (step IN ('suspended', 'resumed')),
	CONSTRAINT uq_suspension_id_recipient_id UNIQUE (id, recipient_id),
	CONSTRAINT fk_suspension_client FOREIGN KEY(client_id, recipient_id) REFERENCES client (client_id, recipient_id),
	CONSTRAINT fk_suspension_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipient (id)
)
-- end
CREATE TRIGGER suspension_no_update BEFORE UPDATE ON suspension BEGIN SELECT RAISE(ABORT, 'suspension is append-only'); END
-- end
CREATE TRIGGER suspension_no_delete BEFORE DELETE ON suspension BEGIN SELECT RAISE(ABORT, 'suspension is append-only'); END
-- end
CREATE TABLE tag (
	tag BIGINT NOT NULL,
	bucket INTEGER NOT NULL,
	version INTEGER NOT NULL,
	kind SMALLINT NOT NULL,
	epoch SMALLINT NOT NULL,
	subject BLOB NOT NULL,
	CONSTRAINT pk_tag PRIMARY KEY (tag, kind, epoch, bucket, subject, version),
	CONSTRAINT ck_tag_subject CHECK (length(subject) = 16)
)
 WITHOUT ROWID
-- end
CREATE TRIGGER tag_touched_insert AFTER INSERT ON tag WHEN NEW.kind IN (65, 129, 193, 321, 385, 577) AND EXISTS (SELECT 1 FROM tag_index WHERE epoch = NEW.epoch) BEGIN INSERT INTO tag_touched (bucket, kind, epoch, tag, times) SELECT NEW.bucket, NEW.kind, NEW.epoch, NEW.tag, 1 WHERE true ON CONFLICT (bucket, kind, epoch, tag) DO UPDATE SET times = tag_touched.times + 1; END
-- end
CREATE TRIGGER tag_touched_delete AFTER DELETE ON tag WHEN OLD.kind IN (65, 129, 193, 321, 385, 577) AND EXISTS (SELECT 1 FROM tag_index WHERE epoch = OLD.epoch) BEGIN INSERT INTO tag_touched (bucket, kind, epoch, tag, times) SELECT OLD.bucket, OLD.kind, OLD.epoch, OLD.tag, 1 WHERE true ON CONFLICT (bucket, kind, epoch, tag) DO UPDATE SET times = tag_touched.times + 1; END
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
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_terms_signature PRIMARY KEY (terms_id),
	CONSTRAINT fk_terms_signature_terms FOREIGN KEY(terms_id, terms_hash, recipient_id) REFERENCES terms_version (id, hash, recipient_id),
	CONSTRAINT fk_terms_signature_client FOREIGN KEY(client_id, recipient_id) REFERENCES client (client_id, recipient_id)
)
-- end
CREATE TRIGGER terms_signature_no_update BEFORE UPDATE ON terms_signature BEGIN SELECT RAISE(ABORT, 'terms_signature is append-only'); END
-- end
CREATE TRIGGER terms_signature_no_delete BEFORE DELETE ON terms_signature BEGIN SELECT RAISE(ABORT, 'terms_signature is append-only'); END
-- end
CREATE TABLE trace_alias (
	bucket INTEGER NOT NULL,
	trace BLOB NOT NULL,
	subject BLOB NOT NULL,
	recipient_id TEXT NOT NULL,
	field TEXT NOT NULL,
	epoch BIGINT NOT NULL,
	domain TEXT NOT NULL,
	issued_at BIGINT NOT NULL,
	CONSTRAINT pk_trace_alias PRIMARY KEY (bucket, trace, subject, recipient_id, field, epoch),
	CONSTRAINT fk_trace_alias_trace FOREIGN KEY(trace) REFERENCES trace (id)
)
-- end
CREATE TABLE trace_candidate (
	bucket INTEGER NOT NULL,
	trace BLOB NOT NULL,
	subject BLOB NOT NULL,
	field TEXT NOT NULL,
	sets BIGINT NOT NULL,
	weight BIGINT NOT NULL,
	CONSTRAINT pk_trace_candidate PRIMARY KEY (bucket, trace, subject, field),
	CONSTRAINT fk_trace_candidate_trace FOREIGN KEY(trace) REFERENCES trace (id),
	CONSTRAINT ck_trace_candidate_weights CHECK (sets > 0 AND weight > 0)
)
-- end
CREATE TABLE trace_identity (
	bucket INTEGER NOT NULL,
	trace BLOB NOT NULL,
	subject BLOB NOT NULL,
	recipient_id TEXT NOT NULL,
	count BIGINT NOT NULL,
	CONSTRAINT pk_trace_identity PRIMARY KEY (bucket, trace, subject, recipient_id),
	CONSTRAINT fk_trace_identity_trace FOREIGN KEY(trace) REFERENCES trace (id),
	CONSTRAINT ck_trace_identity_count CHECK (count > 0)
)
-- end
CREATE TABLE trace_item (
	bucket INTEGER NOT NULL,
	trace BLOB NOT NULL,
	subject BLOB NOT NULL,
	field TEXT NOT NULL,
	record BLOB NOT NULL,
	version BIGINT NOT NULL,
	agreed INTEGER NOT NULL,
	conflicting INTEGER NOT NULL,
	masked INTEGER NOT NULL,
	CONSTRAINT pk_trace_item PRIMARY KEY (bucket, trace, subject, field, record, version),
	CONSTRAINT fk_trace_item_trace FOREIGN KEY(trace) REFERENCES trace (id),
	CONSTRAINT ck_trace_item_flags CHECK (agreed IN (0, 1) AND conflicting IN (0, 1) AND masked IN (0, 1))
)
-- end
CREATE TABLE trace_reading (
	bucket INTEGER NOT NULL,
	trace BLOB NOT NULL,
	subject BLOB NOT NULL,
	field TEXT NOT NULL,
	record BLOB NOT NULL,
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
CREATE TABLE trace_row (
	trace BLOB NOT NULL,
	number BIGINT NOT NULL,
	sealed BLOB NOT NULL,
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_trace_row PRIMARY KEY (trace, number),
	CONSTRAINT fk_trace_row_trace FOREIGN KEY(trace) REFERENCES trace (id),
	CONSTRAINT ck_trace_row_sealed CHECK (length(sealed) >= 29)
)
-- end
CREATE TABLE trace_stage (
	trace BLOB NOT NULL,
	stage TEXT NOT NULL,
	done BIGINT NOT NULL,
	total BIGINT NOT NULL,
	detail TEXT NOT NULL,
	updated_at BIGINT NOT NULL,
	finished_at BIGINT,
	tenant BLOB DEFAULT (x'') NOT NULL,
	CONSTRAINT pk_trace_stage PRIMARY KEY (trace, stage),
	CONSTRAINT ck_trace_stage_stage CHECK (stage IN ('match', 'link', 'weigh', 'report')),
	CONSTRAINT fk_trace_stage_trace FOREIGN KEY(trace) REFERENCES trace (id)
)
-- end
CREATE TABLE backchannel_ping (
	bucket INTEGER NOT NULL,
	request_id BLOB NOT NULL,
	client_id TEXT NOT NULL,
	sealed BLOB,
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
CREATE TRIGGER backchannel_ping_before_update BEFORE UPDATE ON backchannel_ping WHEN NEW.bucket IS NOT OLD.bucket OR NEW.request_id IS NOT OLD.request_id OR NEW.client_id IS NOT OLD.client_id OR NEW.until IS NOT OLD.until BEGIN SELECT RAISE(ABORT, 'backchannel_ping: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER backchannel_ping_before_delete BEFORE DELETE ON backchannel_ping BEGIN SELECT RAISE(ABORT, 'backchannel_ping: rows stay: somebody took it up') WHERE EXISTS (SELECT 1 FROM request_claim c WHERE c.bucket = OLD.bucket AND c.request_id = OLD.request_id); END
-- end
CREATE TRIGGER backchannel_ping_before_update_of_sealed BEFORE UPDATE OF sealed ON backchannel_ping WHEN NEW.sealed IS NOT NULL AND NEW.sealed IS NOT OLD.sealed BEGIN SELECT RAISE(ABORT, 'backchannel_ping: sealed once, and then gone') WHERE 1 = 1; END
-- end
CREATE TRIGGER backchannel_ping_before_update_of_delivered_at BEFORE UPDATE OF delivered_at ON backchannel_ping WHEN OLD.delivered_at IS NOT NULL AND NEW.delivered_at IS NOT OLD.delivered_at BEGIN SELECT RAISE(ABORT, 'backchannel_ping: delivered for good') WHERE 1 = 1; END
-- end
CREATE TRIGGER backchannel_ping_before_update_of_lease BEFORE UPDATE OF lease ON backchannel_ping WHEN NEW.lease <= OLD.lease BEGIN SELECT RAISE(ABORT, 'backchannel_ping: leases are counted upwards') WHERE 1 = 1; END
-- end
CREATE TABLE backchannel_request (
	bucket INTEGER NOT NULL,
	request_id BLOB NOT NULL,
	hint_hash BLOB NOT NULL,
	subject BLOB,
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
CREATE TRIGGER backchannel_request_no_update BEFORE UPDATE ON backchannel_request BEGIN SELECT RAISE(ABORT, 'backchannel_request is append-only'); END
-- end
CREATE TRIGGER backchannel_request_before_delete BEFORE DELETE ON backchannel_request BEGIN SELECT RAISE(ABORT, 'backchannel_request: rows stay: somebody took it up') WHERE EXISTS (SELECT 1 FROM request_claim c WHERE c.bucket = OLD.bucket AND c.request_id = OLD.request_id); END
-- end
CREATE TABLE device_request (
	bucket INTEGER NOT NULL,
	request_id BLOB NOT NULL,
	user_code_hash BLOB NOT NULL,
	CONSTRAINT pk_device_request PRIMARY KEY (bucket, request_id),
	CONSTRAINT uq_device_request_user_code_hash_bucket UNIQUE (user_code_hash, bucket),
	CONSTRAINT fk_device_request_consent_request FOREIGN KEY(bucket, request_id) REFERENCES consent_request (bucket, id)
)
-- end
CREATE TRIGGER device_request_no_update BEFORE UPDATE ON device_request BEGIN SELECT RAISE(ABORT, 'device_request is append-only'); END
-- end
CREATE TRIGGER device_request_before_delete BEFORE DELETE ON device_request BEGIN SELECT RAISE(ABORT, 'device_request: rows stay: somebody took it up') WHERE EXISTS (SELECT 1 FROM request_claim c WHERE c.bucket = OLD.bucket AND c.request_id = OLD.request_id); END
-- end
CREATE TABLE guardian_showing (
	bucket INTEGER NOT NULL,
	showing_id BLOB NOT NULL,
	subject BLOB NOT NULL,
	guardian_bucket INTEGER NOT NULL,
	guardian BLOB NOT NULL,
	guardian_from BIGINT NOT NULL,
	CONSTRAINT pk_guardian_showing PRIMARY KEY (bucket, showing_id),
	CONSTRAINT fk_guardian_showing_notice_showing FOREIGN KEY(bucket, showing_id) REFERENCES notice_showing (bucket, id),
	CONSTRAINT fk_guardian_showing_guardianship FOREIGN KEY(bucket, subject, guardian, guardian_from) REFERENCES guardianship (bucket, ward, guardian, valid_from)
)
-- end
CREATE INDEX ix_guardian_showing_subject ON guardian_showing (subject, bucket)
-- end
CREATE TRIGGER guardian_showing_no_update BEFORE UPDATE ON guardian_showing BEGIN SELECT RAISE(ABORT, 'guardian_showing is append-only'); END
-- end
CREATE TRIGGER guardian_showing_no_delete BEFORE DELETE ON guardian_showing WHEN EXISTS (SELECT 1 FROM person p WHERE p.bucket = OLD.bucket AND p.subject = OLD.subject AND p.state <> 'erased') BEGIN SELECT RAISE(ABORT, 'guardian_showing: rows stay as long as the ward does'); END
-- end
CREATE TABLE incident_person (
	bucket INTEGER NOT NULL,
	incident BLOB NOT NULL,
	subject BLOB NOT NULL,
	fields TEXT NOT NULL,
	agreed INTEGER NOT NULL,
	masked INTEGER NOT NULL,
	CONSTRAINT pk_incident_person PRIMARY KEY (bucket, incident, subject),
	CONSTRAINT ck_incident_person_flags CHECK (agreed IN (0, 1) AND masked IN (0, 1)),
	CONSTRAINT fk_incident_person_incident FOREIGN KEY(incident) REFERENCES incident (id)
)
-- end
CREATE TABLE request_claim (
	bucket INTEGER NOT NULL,
	request_id BLOB NOT NULL,
	claimed_at BIGINT NOT NULL,
	CONSTRAINT pk_request_claim PRIMARY KEY (bucket, request_id),
	CONSTRAINT fk_request_claim_consent_request FOREIGN KEY(bucket, request_id) REFERENCES consent_request (bucket, id)
)
-- end
CREATE TRIGGER request_claim_no_update BEFORE UPDATE ON request_claim BEGIN SELECT RAISE(ABORT, 'request_claim is append-only'); END
-- end
CREATE TRIGGER request_claim_no_delete BEFORE DELETE ON request_claim BEGIN SELECT RAISE(ABORT, 'request_claim is append-only'); END
-- end
CREATE TABLE request_outcome (
	bucket INTEGER NOT NULL,
	request_id BLOB NOT NULL,
	outcome TEXT NOT NULL,
	grant_id BLOB,
	decided_at BIGINT NOT NULL,
	CONSTRAINT pk_request_outcome PRIMARY KEY (bucket, request_id),
	CONSTRAINT ck_request_outcome_outcome CHECK (outcome IN ('approved', 'refused')),
	CONSTRAINT ck_request_outcome_approved CHECK (outcome <> 'approved' OR grant_id IS NOT NULL),
	CONSTRAINT fk_request_outcome_consent_request FOREIGN KEY(bucket, request_id) REFERENCES consent_request (bucket, id)
)
-- end
CREATE TRIGGER request_outcome_no_update BEFORE UPDATE ON request_outcome BEGIN SELECT RAISE(ABORT, 'request_outcome is append-only'); END
-- end
CREATE TRIGGER request_outcome_no_delete BEFORE DELETE ON request_outcome BEGIN SELECT RAISE(ABORT, 'request_outcome is append-only'); END
-- end
CREATE TABLE request_poll (
	bucket INTEGER NOT NULL,
	request_id BLOB NOT NULL,
	interval_s INTEGER NOT NULL,
	polled_at BIGINT NOT NULL,
	CONSTRAINT pk_request_poll PRIMARY KEY (bucket, request_id),
	CONSTRAINT ck_request_poll_interval CHECK (interval_s >= 1),
	CONSTRAINT fk_request_poll_consent_request FOREIGN KEY(bucket, request_id) REFERENCES consent_request (bucket, id)
)
-- end
CREATE TRIGGER request_poll_before_update BEFORE UPDATE ON request_poll WHEN NEW.bucket IS NOT OLD.bucket OR NEW.request_id IS NOT OLD.request_id BEGIN SELECT RAISE(ABORT, 'request_poll: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER request_poll_before_update_of_interval_s BEFORE UPDATE OF interval_s ON request_poll WHEN NEW.interval_s < OLD.interval_s BEGIN SELECT RAISE(ABORT, 'request_poll: the interval only grows') WHERE 1 = 1; END
-- end
CREATE TRIGGER request_poll_before_delete BEFORE DELETE ON request_poll BEGIN SELECT RAISE(ABORT, 'request_poll: rows stay: somebody took it up') WHERE EXISTS (SELECT 1 FROM request_claim c WHERE c.bucket = OLD.bucket AND c.request_id = OLD.request_id); END
-- end
CREATE TABLE separate_act (
	bucket INTEGER NOT NULL,
	showing_id BLOB NOT NULL,
	act TEXT NOT NULL,
	approval_hash BLOB NOT NULL,
	subject BLOB NOT NULL,
	statement TEXT NOT NULL,
	hash BLOB NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_separate_act PRIMARY KEY (bucket, showing_id, act, approval_hash),
	CONSTRAINT fk_separate_act_notice_showing FOREIGN KEY(bucket, showing_id) REFERENCES notice_showing (bucket, id),
	CONSTRAINT ck_separate_act_act CHECK (act IN ('onward', 'cross_border', 'written')),
	CONSTRAINT ck_separate_act_hashes CHECK (length(approval_hash) = 32 AND length(hash) = 32)
)
-- end
CREATE TRIGGER separate_act_no_update BEFORE UPDATE ON separate_act BEGIN SELECT RAISE(ABORT, 'separate_act is append-only'); END
-- end
CREATE TRIGGER separate_act_no_delete BEFORE DELETE ON separate_act BEGIN SELECT RAISE(ABORT, 'separate_act is append-only'); END
-- end
CREATE TABLE signed_request (
	bucket INTEGER NOT NULL,
	request_id BLOB NOT NULL,
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
CREATE TRIGGER signed_request_no_update BEFORE UPDATE ON signed_request BEGIN SELECT RAISE(ABORT, 'signed_request is append-only'); END
-- end
CREATE TRIGGER signed_request_before_delete BEFORE DELETE ON signed_request BEGIN SELECT RAISE(ABORT, 'signed_request: rows stay: somebody took it up') WHERE EXISTS (SELECT 1 FROM request_claim c WHERE c.bucket = OLD.bucket AND c.request_id = OLD.request_id); END
-- end
CREATE TABLE step_up (
	bucket INTEGER NOT NULL,
	showing_id BLOB NOT NULL,
	subject BLOB NOT NULL,
	how TEXT NOT NULL,
	approval_hash BLOB NOT NULL,
	statement TEXT NOT NULL,
	credential_id BLOB,
	public_key BLOB,
	authenticator_data BLOB,
	client_data TEXT,
	signature BLOB,
	evidence_hash BLOB NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_step_up PRIMARY KEY (bucket, showing_id),
	CONSTRAINT fk_step_up_notice_showing FOREIGN KEY(bucket, showing_id) REFERENCES notice_showing (bucket, id),
	CONSTRAINT ck_step_up_how CHECK (how IN ('key', 'code', 'passkey')),
	CONSTRAINT ck_step_up_hashes CHECK (length(approval_hash) = 32 AND length(evidence_hash) = 32),
	CONSTRAINT ck_step_up_signed CHECK (((how = 'passkey') = (credential_id IS NOT NULL)) AND ((how = 'passkey') = (public_key IS NOT NULL)) AND ((how = 'passkey') = (authenticator_data IS NOT NULL)) AND ((how = 'passkey') = (client_data IS NOT NULL)) AND ((how = 'passkey') = (signature IS NOT NULL)))
)
-- end
CREATE TRIGGER step_up_no_update BEFORE UPDATE ON step_up BEGIN SELECT RAISE(ABORT, 'step_up is append-only'); END
-- end
CREATE TRIGGER step_up_no_delete BEFORE DELETE ON step_up BEGIN SELECT RAISE(ABORT, 'step_up is append-only'); END
-- end
CREATE TABLE claim (
	bucket INTEGER NOT NULL,
	incident BLOB NOT NULL,
	subject BLOB NOT NULL,
	id BLOB NOT NULL,
	state TEXT NOT NULL,
	respondent TEXT,
	grant_id BLOB,
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
CREATE TABLE consent_grant (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	subject BLOB NOT NULL,
	showing_id BLOB NOT NULL,
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
	approval_hash BLOB NOT NULL,
	written_hash TEXT,
	written_lang TEXT,
	written_by TEXT,
	parent_grant BLOB,
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
CREATE TRIGGER consent_grant_before_update BEFORE UPDATE ON consent_grant WHEN NEW.bucket IS NOT OLD.bucket OR NEW.id IS NOT OLD.id OR NEW.subject IS NOT OLD.subject OR NEW.showing_id IS NOT OLD.showing_id OR NEW.recipient_id IS NOT OLD.recipient_id OR NEW.client_id IS NOT OLD.client_id OR NEW.purpose IS NOT OLD.purpose OR NEW.consent_kind IS NOT OLD.consent_kind OR NEW.fields IS NOT OLD.fields OR NEW.notice_id IS NOT OLD.notice_id OR NEW.notice_hash IS NOT OLD.notice_hash OR NEW.terms_id IS NOT OLD.terms_id OR NEW.terms_hash IS NOT OLD.terms_hash OR NEW.retention IS NOT OLD.retention OR NEW.max_uses IS NOT OLD.max_uses OR NEW.window_from IS NOT OLD.window_from OR NEW.window_to IS NOT OLD.window_to OR NEW.approval_hash IS NOT OLD.approval_hash OR NEW.written_hash IS NOT OLD.written_hash OR NEW.written_lang IS NOT OLD.written_lang OR NEW.written_by IS NOT OLD.written_by OR NEW.parent_grant IS NOT OLD.parent_grant OR NEW.hops IS NOT OLD.hops OR NEW.onward IS NOT OLD.onward OR NEW.decided_at IS NOT OLD.decided_at OR NEW.ledger_year IS NOT OLD.ledger_year BEGIN SELECT RAISE(ABORT, 'consent_grant: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER consent_grant_no_delete BEFORE DELETE ON consent_grant BEGIN SELECT RAISE(ABORT, 'consent_grant: rows stay'); END
-- end
CREATE TRIGGER consent_grant_before_insert BEFORE INSERT ON consent_grant BEGIN SELECT RAISE(ABORT, 'consent_grant: a grant is born unused') WHERE NEW.used <> 0 OR NEW.state NOT IN ('active', 'deferred', 'refused', 'requested'); SELECT RAISE(ABORT, 'consent_grant: fields beyond the purpose') WHERE NEW.fields = '[]' OR EXISTS (SELECT 1 FROM json_each(NEW.fields) WHERE value NOT IN (SELECT p.field FROM purpose_field p WHERE p.purpose = NEW.purpose UNION ALL SELECT o.field FROM own_field o WHERE o.purpose = NEW.purpose)); SELECT RAISE(ABORT, 'consent_grant: terms that the recipient has not signed') WHERE NOT EXISTS (SELECT 1 FROM terms_signature t WHERE t.terms_id = NEW.terms_id) AND NOT EXISTS (SELECT 1 FROM notice_showing s WHERE s.bucket = NEW.bucket AND s.id = NEW.showing_id AND s.details LIKE '%"terms_signature":"sha-256:%'); SELECT RAISE(ABORT, 'consent_grant: an onward grant needs an active parent of the same person whose window holds its own') WHERE NEW.parent_grant IS NOT NULL AND NEW.state = 'active' AND NOT EXISTS (SELECT 1 FROM consent_grant p WHERE p.bucket = NEW.bucket AND p.id = NEW.parent_grant AND p.subject = NEW.subject AND p.state = 'active' AND (p.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p3 WHERE p3.bucket = p.bucket AND p3.id = p.parent_grant AND p3.state = 'active' AND (p3.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p2 WHERE p2.bucket = p3.bucket AND p2.id = p3.parent_grant AND p2.state = 'active' AND (p2.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p1 WHERE p1.bucket = p2.bucket AND p1.id = p2.parent_grant AND p1.state = 'active' AND 1 = 1)))))) AND NEW.hops = p.hops + 1 AND NEW.window_from >= p.window_from AND NEW.window_to <= p.window_to); SELECT RAISE(ABORT, 'consent_grant: an onward grant has fields beyond its parent') WHERE NEW.parent_grant IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(NEW.fields) WHERE value NOT IN (SELECT value FROM consent_grant p, json_each(p.fields) WHERE p.bucket = NEW.bucket AND p.id = NEW.parent_grant)); SELECT RAISE(ABORT, 'consent_grant: an onward grant is for a recipient that its parent names') WHERE NEW.parent_grant IS NOT NULL AND NEW.recipient_id NOT IN (SELECT value FROM consent_grant p, json_each(p.onward) WHERE p.bucket = NEW.bucket AND p.id = NEW.parent_grant); END
-- end
CREATE TRIGGER consent_grant_before_update_of_used BEFORE UPDATE OF used ON consent_grant WHEN NEW.used <> OLD.used AND OLD.state <> 'active' BEGIN SELECT RAISE(ABORT, 'consent_grant: uses are counted while active') WHERE 1 = 1; END
-- end
CREATE TRIGGER consent_grant_before_update_of_state BEFORE UPDATE OF state ON consent_grant WHEN NEW.state <> OLD.state AND NOT (OLD.state = 'active' AND NEW.state = 'exhausted') BEGIN SELECT RAISE(ABORT, 'consent_grant: illegal transition') WHERE NOT EXISTS (SELECT 1 FROM grant_transition t WHERE t.from_state = OLD.state AND t.to_state = NEW.state); SELECT RAISE(ABORT, 'consent_grant: withdrawn without a withdrawal') WHERE NEW.state = 'withdrawn' AND NOT EXISTS (SELECT 1 FROM withdrawal w WHERE w.bucket = NEW.bucket AND w.grant_id = NEW.id); SELECT RAISE(ABORT, 'consent_grant: an onward grant needs an active parent of the same person whose window holds its own') WHERE NEW.parent_grant IS NOT NULL AND NEW.state = 'active' AND NOT EXISTS (SELECT 1 FROM consent_grant p WHERE p.bucket = NEW.bucket AND p.id = NEW.parent_grant AND p.subject = NEW.subject AND p.state = 'active' AND (p.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p3 WHERE p3.bucket = p.bucket AND p3.id = p.parent_grant AND p3.state = 'active' AND (p3.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p2 WHERE p2.bucket = p3.bucket AND p2.id = p3.parent_grant AND p2.state = 'active' AND (p2.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p1 WHERE p1.bucket = p2.bucket AND p1.id = p2.parent_grant AND p1.state = 'active' AND 1 = 1)))))) AND NEW.hops = p.hops + 1 AND NEW.window_from >= p.window_from AND NEW.window_to <= p.window_to); SELECT RAISE(ABORT, 'consent_grant: an onward grant below it is still open') WHERE (NEW.state IN ('withdrawn', 'revoked', 'invalidated') AND EXISTS (SELECT 1 FROM consent_grant c WHERE c.bucket = NEW.bucket AND c.parent_grant = NEW.id AND c.state IN ('active', 'suspended', 'exhausted', 'expired'))) OR (NEW.state = 'terminated' AND EXISTS (SELECT 1 FROM consent_grant c WHERE c.bucket = NEW.bucket AND c.parent_grant = NEW.id AND c.state IN ('active', 'suspended'))) OR (NEW.state = 'suspended' AND EXISTS (SELECT 1 FROM consent_grant c WHERE c.bucket = NEW.bucket AND c.parent_grant = NEW.id AND c.state IN ('active'))); SELECT RAISE(ABORT, 'consent_grant: terminated without a termination') WHERE NEW.state = 'terminated' AND NOT EXISTS (SELECT 1 FROM termination t WHERE t.bucket = NEW.bucket AND t.grant_id = NEW.id); SELECT RAISE(ABORT, 'consent_grant: revoked or invalidated without an annulment') WHERE NEW.state IN ('revoked', 'invalidated') AND NOT EXISTS (SELECT 1 FROM annulment a WHERE a.bucket = NEW.bucket AND a.grant_id = NEW.id AND a.kind = NEW.state); END
-- end
CREATE TRIGGER consent_grant_counts BEFORE UPDATE OF used ON consent_grant WHEN NEW.used <> OLD.used BEGIN SELECT RAISE(ABORT, 'consent_grant: used is what was disclosed') WHERE NEW.used <> (SELECT coalesce(sum(u.spent), 0) FROM use u WHERE u.grant_id = NEW.id AND u.bucket = NEW.bucket); END
-- end
CREATE TRIGGER consent_grant_after_insert AFTER INSERT ON consent_grant WHEN NEW.consent_kind IN ('separate', 'written') AND NEW.state IN ('active', 'deferred') BEGIN SELECT RAISE(ABORT, 'consent_grant: a sensitive consent needs a proof of presence') WHERE NOT EXISTS (SELECT 1 FROM step_up s WHERE s.bucket = NEW.bucket AND s.showing_id = NEW.showing_id AND s.subject = NEW.subject AND s.approval_hash = NEW.approval_hash AND s.at = NEW.decided_at); END
-- end
CREATE TRIGGER consent_grant_after_insert_acts AFTER INSERT ON consent_grant WHEN NEW.state IN ('active', 'deferred') BEGIN SELECT RAISE(ABORT, 'consent_grant: a written consent needs a signature') WHERE NEW.consent_kind = 'written' AND NOT ((NEW.written_by IS NOT NULL AND NEW.written_by = 'passkey' AND EXISTS (SELECT 1 FROM step_up s WHERE s.bucket = NEW.bucket AND s.showing_id = NEW.showing_id AND s.subject = NEW.subject AND s.approval_hash = NEW.approval_hash AND s.how = 'passkey')) OR (coalesce(NEW.written_by, '') = 'name' AND NOT NOT EXISTS (SELECT 1 FROM separate_act a WHERE a.bucket = NEW.bucket AND a.showing_id = NEW.showing_id AND a.act = 'written' AND a.approval_hash = NEW.approval_hash AND a.subject = NEW.subject AND a.at <= NEW.decided_at))); SELECT RAISE(ABORT, 'consent_grant: onward provision needs an act of its own') WHERE NEW.parent_grant IS NOT NULL AND NOT EXISTS (SELECT 1 FROM separate_act a WHERE a.bucket = NEW.bucket AND a.showing_id = NEW.showing_id AND a.act = 'onward' AND a.approval_hash = NEW.approval_hash AND a.subject = NEW.subject AND a.at <= NEW.decided_at); SELECT RAISE(ABORT, 'consent_grant: a transfer abroad needs an act of its own') WHERE EXISTS (SELECT 1 FROM recipient r WHERE r.id = NEW.recipient_id AND r.country <> substr(r.jurisdiction, 1, 2)) AND NOT EXISTS (SELECT 1 FROM separate_act a WHERE a.bucket = NEW.bucket AND a.showing_id = NEW.showing_id AND a.act = 'cross_border' AND a.approval_hash = NEW.approval_hash AND a.subject = NEW.subject AND a.at <= NEW.decided_at); SELECT RAISE(ABORT, 'consent_grant: a transfer abroad needs a notice with method and rights') WHERE EXISTS (SELECT 1 FROM recipient r WHERE r.id = NEW.recipient_id AND r.country <> substr(r.jurisdiction, 1, 2)) AND NOT EXISTS (SELECT 1 FROM notice_version n WHERE n.id = NEW.notice_id AND n.method <> '' AND n.rights <> ''); END
-- end
CREATE TRIGGER consent_grant_before_update_of_state_acts BEFORE UPDATE OF state ON consent_grant WHEN NEW.state = 'active' AND OLD.state IN ('requested', 'deferred') BEGIN SELECT RAISE(ABORT, 'consent_grant: a written consent needs a signature') WHERE NEW.consent_kind = 'written' AND NOT ((NEW.written_by IS NOT NULL AND NEW.written_by = 'passkey' AND EXISTS (SELECT 1 FROM step_up s WHERE s.bucket = NEW.bucket AND s.showing_id = NEW.showing_id AND s.subject = NEW.subject AND s.approval_hash = NEW.approval_hash AND s.how = 'passkey')) OR (coalesce(NEW.written_by, '') = 'name' AND NOT NOT EXISTS (SELECT 1 FROM separate_act a WHERE a.bucket = NEW.bucket AND a.showing_id = NEW.showing_id AND a.act = 'written' AND a.approval_hash = NEW.approval_hash AND a.subject = NEW.subject AND a.at <= NEW.decided_at))); SELECT RAISE(ABORT, 'consent_grant: onward provision needs an act of its own') WHERE NEW.parent_grant IS NOT NULL AND NOT EXISTS (SELECT 1 FROM separate_act a WHERE a.bucket = NEW.bucket AND a.showing_id = NEW.showing_id AND a.act = 'onward' AND a.approval_hash = NEW.approval_hash AND a.subject = NEW.subject AND a.at <= NEW.decided_at); SELECT RAISE(ABORT, 'consent_grant: a transfer abroad needs an act of its own') WHERE EXISTS (SELECT 1 FROM recipient r WHERE r.id = NEW.recipient_id AND r.country <> substr(r.jurisdiction, 1, 2)) AND NOT EXISTS (SELECT 1 FROM separate_act a WHERE a.bucket = NEW.bucket AND a.showing_id = NEW.showing_id AND a.act = 'cross_border' AND a.approval_hash = NEW.approval_hash AND a.subject = NEW.subject AND a.at <= NEW.decided_at); SELECT RAISE(ABORT, 'consent_grant: a transfer abroad needs a notice with method and rights') WHERE EXISTS (SELECT 1 FROM recipient r WHERE r.id = NEW.recipient_id AND r.country <> substr(r.jurisdiction, 1, 2)) AND NOT EXISTS (SELECT 1 FROM notice_version n WHERE n.id = NEW.notice_id AND n.method <> '' AND n.rights <> ''); END
-- end
CREATE TABLE auth_code (
	bucket INTEGER NOT NULL,
	hash BLOB NOT NULL,
	grant_id BLOB NOT NULL,
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
CREATE TRIGGER auth_code_no_update BEFORE UPDATE ON auth_code BEGIN SELECT RAISE(ABORT, 'auth_code is append-only'); END
-- end
CREATE TRIGGER auth_code_no_delete BEFORE DELETE ON auth_code BEGIN SELECT RAISE(ABORT, 'auth_code is append-only'); END
-- end
CREATE TABLE deferral (
	bucket INTEGER NOT NULL,
	grant_id BLOB NOT NULL,
	protection_id BLOB NOT NULL,
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
CREATE TRIGGER deferral_no_update BEFORE UPDATE ON deferral BEGIN SELECT RAISE(ABORT, 'deferral is append-only'); END
-- end
CREATE TRIGGER deferral_no_delete BEFORE DELETE ON deferral BEGIN SELECT RAISE(ABORT, 'deferral is append-only'); END
-- end
CREATE TABLE event_outbox (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	recipient_id TEXT NOT NULL,
	client_id TEXT,
	grant_id BLOB,
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
CREATE TRIGGER event_outbox_before_update BEFORE UPDATE ON event_outbox WHEN NEW.bucket IS NOT OLD.bucket OR NEW.id IS NOT OLD.id OR NEW.recipient_id IS NOT OLD.recipient_id OR NEW.client_id IS NOT OLD.client_id OR NEW.grant_id IS NOT OLD.grant_id OR NEW.suspension_id IS NOT OLD.suspension_id OR NEW.kind IS NOT OLD.kind OR NEW.created_at IS NOT OLD.created_at OR NEW.erase_by IS NOT OLD.erase_by BEGIN SELECT RAISE(ABORT, 'event_outbox: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER event_outbox_no_delete BEFORE DELETE ON event_outbox BEGIN SELECT RAISE(ABORT, 'event_outbox: rows stay'); END
-- end
CREATE TRIGGER event_outbox_before_update_of_delivered_at BEFORE UPDATE OF delivered_at ON event_outbox WHEN OLD.delivered_at IS NOT NULL AND NEW.delivered_at IS NOT OLD.delivered_at BEGIN SELECT RAISE(ABORT, 'event_outbox: acknowledged for good') WHERE 1 = 1; END
-- end
CREATE TRIGGER event_outbox_before_update_of_body BEFORE UPDATE OF body ON event_outbox WHEN OLD.body IS NOT NULL AND NEW.body IS NOT OLD.body BEGIN SELECT RAISE(ABORT, 'event_outbox: signed once') WHERE 1 = 1; END
-- end
CREATE TRIGGER event_outbox_before_update_of_lease BEFORE UPDATE OF lease ON event_outbox WHEN NEW.lease <= OLD.lease BEGIN SELECT RAISE(ABORT, 'event_outbox: leases are counted upwards') WHERE 1 = 1; END
-- end
CREATE TABLE guarded_step (
	bucket INTEGER NOT NULL,
	grant_id BLOB NOT NULL,
	number BIGINT NOT NULL,
	id BLOB NOT NULL,
	subject BLOB NOT NULL,
	step TEXT NOT NULL,
	guardian BLOB,
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
CREATE TRIGGER guardian_showing_before_insert BEFORE INSERT ON guardian_showing BEGIN SELECT RAISE(ABORT, 'guardian_showing: shown is the data of somebody else') WHERE NOT EXISTS (SELECT 1 FROM notice_showing n WHERE n.bucket = NEW.bucket AND n.id = NEW.showing_id AND n.subject = NEW.subject); END
-- end
CREATE TRIGGER consent_grant_after_insert_guarded AFTER INSERT ON consent_grant WHEN NEW.state IN ('active', 'deferred') BEGIN SELECT RAISE(ABORT, 'consent_grant: a ward has a guardian who decides') WHERE NOT EXISTS (SELECT 1 FROM guardian_showing w WHERE w.bucket = NEW.bucket AND w.showing_id = NEW.showing_id) AND EXISTS (SELECT 1 FROM guardianship l WHERE l.bucket = NEW.bucket AND l.ward = NEW.subject AND l.ended_at IS NULL AND l.valid_from <= NEW.decided_at AND (l.valid_until IS NULL OR NEW.decided_at < l.valid_until) AND (l.decides_until IS NULL OR NEW.decided_at < l.decides_until)); SELECT RAISE(ABORT, 'consent_grant: the guardian who was shown it does not decide for the ward') WHERE EXISTS (SELECT 1 FROM guardian_showing w WHERE w.bucket = NEW.bucket AND w.showing_id = NEW.showing_id AND NOT EXISTS (SELECT 1 FROM guarded_step s JOIN guardianship l ON l.bucket = s.bucket AND l.ward = s.subject AND l.guardian = s.guardian AND l.valid_from = s.guardian_from WHERE s.bucket = NEW.bucket AND s.grant_id = NEW.id AND s.number = 0 AND s.subject = NEW.subject AND s.guardian = w.guardian AND s.guardian_from = w.guardian_from AND l.ended_at IS NULL AND l.valid_from <= NEW.decided_at AND (l.valid_until IS NULL OR NEW.decided_at < l.valid_until) AND (l.decides_until IS NULL OR NEW.decided_at < l.decides_until))); END
-- end
CREATE TRIGGER consent_grant_before_update_of_state_guarded BEFORE UPDATE OF state ON consent_grant WHEN NEW.state = 'active' AND OLD.state = 'suspended' BEGIN SELECT RAISE(ABORT, 'consent_grant: a suspended consent of a ward needs to be confirmed') WHERE EXISTS (SELECT 1 FROM guarded_step s WHERE s.bucket = NEW.bucket AND s.grant_id = NEW.id AND s.step IN ('suspended') AND NOT EXISTS (SELECT 1 FROM guarded_step t WHERE t.bucket = s.bucket AND t.grant_id = s.grant_id AND t.number > s.number)); END
-- end
CREATE TRIGGER guarded_step_before_insert BEFORE INSERT ON guarded_step BEGIN SELECT RAISE(ABORT, 'guarded_step: the guardian does not stand for the ward') WHERE NEW.guardian IS NOT NULL AND NEW.step <> 'suspended' AND NOT EXISTS (SELECT 1 FROM guardianship l WHERE l.bucket = NEW.bucket AND l.ward = NEW.subject AND l.guardian = NEW.guardian AND l.valid_from = NEW.guardian_from AND l.ended_at IS NULL AND l.valid_from <= NEW.at AND (l.valid_until IS NULL OR NEW.at < l.valid_until)); SELECT RAISE(ABORT, 'guarded_step: a ward has a guardian who decides') WHERE NEW.guardian IS NULL AND EXISTS (SELECT 1 FROM guardianship l WHERE l.bucket = NEW.bucket AND l.ward = NEW.subject AND l.ended_at IS NULL AND l.valid_from <= NEW.at AND (l.valid_until IS NULL OR NEW.at < l.valid_until) AND (l.decides_until IS NULL OR NEW.at < l.decides_until)); SELECT RAISE(ABORT, 'guarded_step: only a confirmation is the word of the ward') WHERE NEW.step <> 'confirmed' AND NEW.guardian IS NULL; SELECT RAISE(ABORT, 'guarded_step: only what is suspended is confirmed') WHERE NEW.step = 'confirmed' AND NOT EXISTS (SELECT 1 FROM guarded_step s WHERE s.bucket = NEW.bucket AND s.grant_id = NEW.grant_id AND s.step IN ('suspended') AND NOT EXISTS (SELECT 1 FROM guarded_step t WHERE t.bucket = s.bucket AND t.grant_id = s.grant_id AND t.number > s.number)); SELECT RAISE(ABORT, 'guarded_step: the consent is of somebody else') WHERE NEW.number > 0 AND NOT EXISTS (SELECT 1 FROM consent_grant g WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id AND g.subject = NEW.subject); END
-- end
CREATE TRIGGER guardianship_before_update_of_ended_at_guarded BEFORE UPDATE OF ended_at ON guardianship BEGIN SELECT RAISE(ABORT, 'guardianship: a consent that was given through it is still active') WHERE EXISTS (SELECT 1 FROM guarded_step s JOIN consent_grant g ON g.bucket = s.bucket AND g.id = s.grant_id WHERE s.bucket = NEW.bucket AND s.subject = NEW.ward AND s.guardian = NEW.guardian AND s.guardian_from = NEW.valid_from AND s.step IN ('approved', 'confirmed') AND g.state = 'active' AND NOT EXISTS (SELECT 1 FROM guarded_step t WHERE t.bucket = s.bucket AND t.grant_id = s.grant_id AND t.number > s.number)); END
-- end
CREATE TRIGGER guarded_step_before_update BEFORE UPDATE ON guarded_step WHEN NEW.bucket IS NOT OLD.bucket OR NEW.grant_id IS NOT OLD.grant_id OR NEW.number IS NOT OLD.number OR NEW.id IS NOT OLD.id OR NEW.subject IS NOT OLD.subject OR NEW.step IS NOT OLD.step OR NEW.at IS NOT OLD.at OR NEW.ledger_year IS NOT OLD.ledger_year BEGIN SELECT RAISE(ABORT, 'guarded_step: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER guarded_step_no_delete BEFORE DELETE ON guarded_step BEGIN SELECT RAISE(ABORT, 'guarded_step: rows stay'); END
-- end
CREATE TRIGGER guarded_step_before_update_forgets BEFORE UPDATE ON guarded_step BEGIN SELECT RAISE(ABORT, 'guarded_step: the guardian is only forgotten, with the ward') WHERE NEW.guardian IS NOT NULL OR EXISTS (SELECT 1 FROM person p WHERE p.bucket = NEW.bucket AND p.subject = NEW.subject AND p.state <> 'erased'); END
-- end
CREATE TABLE refresh_token (
	bucket INTEGER NOT NULL,
	hash BLOB NOT NULL,
	grant_id BLOB NOT NULL,
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
CREATE TRIGGER refresh_token_before_update BEFORE UPDATE ON refresh_token WHEN NEW.bucket IS NOT OLD.bucket OR NEW.hash IS NOT OLD.hash OR NEW.grant_id IS NOT OLD.grant_id OR NEW.recipient_id IS NOT OLD.recipient_id OR NEW.client_id IS NOT OLD.client_id OR NEW.jkt IS NOT OLD.jkt OR NEW.minted_at IS NOT OLD.minted_at OR NEW.expires_at IS NOT OLD.expires_at BEGIN SELECT RAISE(ABORT, 'refresh_token: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER refresh_token_no_delete BEFORE DELETE ON refresh_token BEGIN SELECT RAISE(ABORT, 'refresh_token: rows stay'); END
-- end
CREATE TRIGGER refresh_token_before_insert BEFORE INSERT ON refresh_token BEGIN SELECT RAISE(ABORT, 'refresh_token: only a counted grant is refreshed, and not beyond its window') WHERE NEW.voided_at IS NOT NULL OR NOT EXISTS (SELECT 1 FROM consent_grant g WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id AND g.state = 'active' AND g.max_uses > 1 AND NEW.expires_at <= g.window_to); END
-- end
CREATE TRIGGER refresh_token_before_update_of_voided_at BEFORE UPDATE OF voided_at ON refresh_token WHEN OLD.voided_at IS NOT NULL AND NEW.voided_at IS NOT OLD.voided_at BEGIN SELECT RAISE(ABORT, 'refresh_token: voided for good') WHERE 1 = 1; END
-- end
CREATE TABLE service_denial (
	bucket INTEGER NOT NULL,
	grant_id BLOB NOT NULL,
	subject BLOB NOT NULL,
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
CREATE TRIGGER service_denial_no_update BEFORE UPDATE ON service_denial BEGIN SELECT RAISE(ABORT, 'service_denial is append-only'); END
-- end
CREATE TRIGGER service_denial_no_delete BEFORE DELETE ON service_denial BEGIN SELECT RAISE(ABORT, 'service_denial is append-only'); END
-- end
CREATE TABLE termination (
	bucket INTEGER NOT NULL,
	grant_id BLOB NOT NULL,
	id BLOB NOT NULL,
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
CREATE TRIGGER termination_no_update BEFORE UPDATE ON termination BEGIN SELECT RAISE(ABORT, 'termination is append-only'); END
-- end
CREATE TRIGGER termination_no_delete BEFORE DELETE ON termination BEGIN SELECT RAISE(ABORT, 'termination is append-only'); END
-- end
CREATE TRIGGER termination_after_insert AFTER INSERT ON termination BEGIN UPDATE consent_grant SET state = 'terminated' WHERE bucket = NEW.bucket AND id = NEW.grant_id; END
-- end
CREATE TABLE annulment (
	bucket INTEGER NOT NULL,
	grant_id BLOB NOT NULL,
	id BLOB NOT NULL,
	recipient_id TEXT NOT NULL,
	client_id TEXT NOT NULL,
	kind TEXT NOT NULL,
	channel TEXT NOT NULL,
	authority TEXT,
	reason TEXT NOT NULL,
	disclosures INTEGER NOT NULL,
	event_id BLOB NOT NULL,
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
CREATE TRIGGER annulment_no_update BEFORE UPDATE ON annulment BEGIN SELECT RAISE(ABORT, 'annulment is append-only'); END
-- end
CREATE TRIGGER annulment_no_delete BEFORE DELETE ON annulment BEGIN SELECT RAISE(ABORT, 'annulment is append-only'); END
-- end
CREATE TRIGGER annulment_after_insert AFTER INSERT ON annulment BEGIN UPDATE consent_grant SET state = NEW.kind WHERE bucket = NEW.bucket AND id = NEW.grant_id; END
-- end
CREATE TABLE deletion_proof (
	bucket INTEGER NOT NULL,
	event_id BLOB NOT NULL,
	id BLOB NOT NULL,
	grant_id BLOB NOT NULL,
	subject BLOB NOT NULL,
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
CREATE TRIGGER deletion_proof_no_update BEFORE UPDATE ON deletion_proof BEGIN SELECT RAISE(ABORT, 'deletion_proof is append-only'); END
-- end
CREATE TRIGGER deletion_proof_no_delete BEFORE DELETE ON deletion_proof BEGIN SELECT RAISE(ABORT, 'deletion_proof is append-only'); END
-- end
CREATE TABLE protection_step (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	protection_id BLOB NOT NULL,
	grant_id BLOB,
	subject BLOB NOT NULL,
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
CREATE TRIGGER protection_step_no_update BEFORE UPDATE ON protection_step BEGIN SELECT RAISE(ABORT, 'protection_step is append-only'); END
-- end
CREATE TRIGGER protection_step_no_delete BEFORE DELETE ON protection_step BEGIN SELECT RAISE(ABORT, 'protection_step is append-only'); END
-- end
CREATE TRIGGER protection_before_insert BEFORE INSERT ON protection BEGIN SELECT RAISE(ABORT, 'protection: the one before it is not over') WHERE EXISTS (SELECT 1 FROM protection p WHERE p.bucket = NEW.bucket AND p.subject = NEW.subject AND p.off_at > NEW.asked_at); END
-- end
CREATE TRIGGER protection_before_update_of_accepted_at BEFORE UPDATE OF accepted_at ON protection WHEN OLD.accepted_at IS NOT NULL OR OLD.off_at IS NOT NULL BEGIN SELECT RAISE(ABORT, 'protection: accepted once, and not after its end') WHERE 1 = 1; END
-- end
CREATE TRIGGER consent_grant_after_insert_protected AFTER INSERT ON consent_grant WHEN NEW.state = 'active' BEGIN SELECT RAISE(ABORT, 'consent_grant: it waits for the trusted person') WHERE NEW.state = 'active' AND (NEW.consent_kind IN ('separate', 'written') OR NEW.parent_grant IS NOT NULL OR NEW.onward <> '[]' OR EXISTS (SELECT 1 FROM recipient r WHERE r.id = NEW.recipient_id AND r.country <> substr(r.jurisdiction, 1, 2))) AND EXISTS (SELECT 1 FROM protection p WHERE p.bucket = NEW.bucket AND p.subject = NEW.subject AND p.accepted_at <= NEW.decided_at AND (p.off_at IS NULL OR NEW.decided_at < p.off_at)) AND NOT EXISTS (SELECT 1 FROM guardian_showing w WHERE w.bucket = NEW.bucket AND w.showing_id = NEW.showing_id); END
-- end
CREATE TRIGGER consent_grant_before_update_of_state_protected BEFORE UPDATE OF state ON consent_grant WHEN OLD.state = 'deferred' BEGIN SELECT RAISE(ABORT, 'consent_grant: only what somebody trusted agreed to in time becomes active') WHERE NEW.state = 'active' AND NOT EXISTS (SELECT 1 FROM protection_step s JOIN deferral d ON d.bucket = s.bucket AND d.grant_id = s.grant_id WHERE s.bucket = NEW.bucket AND s.grant_id = NEW.id AND s.step = 'agreed' AND s.at < d.expires_at); SELECT RAISE(ABORT, 'consent_grant: nobody ended the waiting') WHERE NEW.state <> 'active' AND NOT EXISTS (SELECT 1 FROM protection_step s WHERE s.bucket = NEW.bucket AND s.grant_id = NEW.id AND s.step IN ('disagreed', 'taken_back', 'lapsed')); END
-- end
CREATE TRIGGER deferral_before_insert BEFORE INSERT ON deferral BEGIN SELECT RAISE(ABORT, 'deferral: the consent does not wait for this') WHERE NOT EXISTS (SELECT 1 FROM consent_grant g JOIN protection p ON p.bucket = g.bucket AND p.subject = g.subject WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id AND g.state = 'deferred' AND p.id = NEW.protection_id AND NEW.expires_at <= g.decided_at + 86400000); END
-- end
CREATE TABLE use (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	grant_id BLOB NOT NULL,
	recipient_id TEXT NOT NULL,
	client_id TEXT NOT NULL,
	code_hash BLOB,
	refresh_hash BLOB,
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
CREATE TRIGGER use_before_update BEFORE UPDATE ON use WHEN NEW.bucket IS NOT OLD.bucket OR NEW.id IS NOT OLD.id OR NEW.grant_id IS NOT OLD.grant_id OR NEW.recipient_id IS NOT OLD.recipient_id OR NEW.client_id IS NOT OLD.client_id OR NEW.code_hash IS NOT OLD.code_hash OR NEW.refresh_hash IS NOT OLD.refresh_hash OR NEW.fields IS NOT OLD.fields OR NEW.quota IS NOT OLD.quota OR NEW.minted_at IS NOT OLD.minted_at BEGIN SELECT RAISE(ABORT, 'use: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER use_before_insert BEFORE INSERT ON use BEGIN SELECT RAISE(ABORT, 'use: only an active grant with uses left mints a use') WHERE NEW.spent <> 0 OR NEW.voided_at IS NOT NULL OR NOT EXISTS (SELECT 1 FROM consent_grant g WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id AND g.state = 'active' AND NEW.quota <= g.max_uses - g.used AND NEW.minted_at < g.window_to); SELECT RAISE(ABORT, 'use: a use needs everything above its grant active') WHERE EXISTS (SELECT 1 FROM consent_grant g WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id AND NOT (g.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p3 WHERE p3.bucket = g.bucket AND p3.id = g.parent_grant AND p3.state = 'active' AND (p3.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p2 WHERE p2.bucket = p3.bucket AND p2.id = p3.parent_grant AND p2.state = 'active' AND (p2.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p1 WHERE p1.bucket = p2.bucket AND p1.id = p2.parent_grant AND p1.state = 'active' AND 1 = 1))))))); SELECT RAISE(ABORT, 'use: the house reads by name and holds no tokens') WHERE EXISTS (SELECT 1 FROM recipient h WHERE h.id = NEW.recipient_id AND h.kind = 'staff') AND NOT EXISTS (SELECT 1 FROM staff_read s WHERE s.bucket = NEW.bucket AND s.use_id = NEW.id AND s.grant_id = NEW.grant_id AND s.fields = NEW.fields); SELECT RAISE(ABORT, 'use: fields beyond the grant') WHERE EXISTS (SELECT 1 FROM consent_grant g WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id AND g.fields <> NEW.fields AND (NEW.fields = '[]' OR EXISTS (SELECT 1 FROM json_each(NEW.fields) WHERE value NOT IN (SELECT value FROM json_each(g.fields))))); SELECT RAISE(ABORT, 'use: a use comes from a code that is not over, or from a refresh token') WHERE NEW.refresh_hash IS NULL AND NOT EXISTS (SELECT 1 FROM auth_code c WHERE c.bucket = NEW.bucket AND c.hash = NEW.code_hash AND NEW.minted_at < c.expires_at) AND NOT EXISTS (SELECT 1 FROM recipient h WHERE h.id = NEW.recipient_id AND h.kind = 'staff'); SELECT RAISE(ABORT, 'use: a refresh token that is voided or over mints nothing') WHERE NEW.refresh_hash IS NOT NULL AND NOT EXISTS (SELECT 1 FROM refresh_token r WHERE r.bucket = NEW.bucket AND r.hash = NEW.refresh_hash AND r.voided_at IS NULL AND NEW.minted_at < r.expires_at); END
-- end
CREATE TRIGGER use_before_delete BEFORE DELETE ON use BEGIN SELECT RAISE(ABORT, 'use: rows stay: spent, or of a code') WHERE OLD.spent > 0 OR OLD.refresh_hash IS NULL; END
-- end
CREATE TRIGGER use_before_update_of_spent BEFORE UPDATE OF spent ON use WHEN NEW.spent <> OLD.spent AND OLD.voided_at IS NOT NULL BEGIN SELECT RAISE(ABORT, 'use: slots are spent until voided') WHERE 1 = 1; END
-- end
CREATE TRIGGER use_before_update_of_voided_at BEFORE UPDATE OF voided_at ON use WHEN OLD.voided_at IS NOT NULL AND NEW.voided_at IS NOT OLD.voided_at BEGIN SELECT RAISE(ABORT, 'use: voided for good') WHERE 1 = 1; END
-- end
CREATE TRIGGER use_counts BEFORE UPDATE OF spent ON use WHEN NEW.spent <> OLD.spent BEGIN SELECT RAISE(ABORT, 'use: spent is what was disclosed') WHERE NEW.spent <> (SELECT count(*) FROM disclosure d WHERE d.use_id = NEW.id AND d.bucket = NEW.bucket); END
-- end
CREATE TABLE withdrawal (
	bucket INTEGER NOT NULL,
	grant_id BLOB NOT NULL,
	id BLOB NOT NULL,
	subject BLOB NOT NULL,
	channel TEXT NOT NULL,
	disclosures INTEGER NOT NULL,
	event_id BLOB NOT NULL,
	withdrawn_at BIGINT NOT NULL,
	ledger_year INTEGER NOT NULL,
	CONSTRAINT pk_withdrawal PRIMARY KEY (bucket, grant_id),
	CONSTRAINT fk_withdrawal_consent_grant FOREIGN KEY(bucket, grant_id) REFERENCES consent_grant (bucket, id),
	CONSTRAINT fk_withdrawal_event_outbox FOREIGN KEY(bucket, event_id, grant_id) REFERENCES event_outbox (bucket, id, grant_id),
	CONSTRAINT fk_withdrawal_ledger_entry FOREIGN KEY(bucket, ledger_year, id) REFERENCES ledger_entry (bucket, year, id) DEFERRABLE INITIALLY DEFERRED
)
-- end
CREATE TRIGGER withdrawal_no_update BEFORE UPDATE ON withdrawal BEGIN SELECT RAISE(ABORT, 'withdrawal is append-only'); END
-- end
CREATE TRIGGER withdrawal_no_delete BEFORE DELETE ON withdrawal BEGIN SELECT RAISE(ABORT, 'withdrawal is append-only'); END
-- end
CREATE TRIGGER withdrawal_after_insert AFTER INSERT ON withdrawal BEGIN SELECT RAISE(ABORT, 'withdrawal: the grant belongs to somebody else') WHERE NOT EXISTS (SELECT 1 FROM consent_grant g WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id AND g.subject = NEW.subject); UPDATE consent_grant SET state = 'withdrawn' WHERE bucket = NEW.bucket AND id = NEW.grant_id; END
-- end
CREATE TABLE disclosure (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	grant_id BLOB NOT NULL,
	use_id BLOB NOT NULL,
	slot INTEGER NOT NULL,
	number INTEGER NOT NULL,
	subject BLOB NOT NULL,
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
CREATE TRIGGER disclosure_no_update BEFORE UPDATE ON disclosure BEGIN SELECT RAISE(ABORT, 'disclosure is append-only'); END
-- end
CREATE TRIGGER disclosure_no_delete BEFORE DELETE ON disclosure BEGIN SELECT RAISE(ABORT, 'disclosure is append-only'); END
-- end
CREATE TRIGGER disclosure_spends AFTER INSERT ON disclosure BEGIN SELECT RAISE(ABORT, 'disclosure: no active grant of this person, recipient and purpose in its window with a use left') WHERE NOT EXISTS (SELECT 1 FROM consent_grant g WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id AND g.recipient_id = NEW.recipient_id AND g.subject = NEW.subject AND g.purpose = NEW.purpose AND g.state = 'active' AND (g.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p3 WHERE p3.bucket = g.bucket AND p3.id = g.parent_grant AND p3.state = 'active' AND (p3.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p2 WHERE p2.bucket = p3.bucket AND p2.id = p3.parent_grant AND p2.state = 'active' AND (p2.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant p1 WHERE p1.bucket = p2.bucket AND p1.id = p2.parent_grant AND p1.state = 'active' AND 1 = 1)))))) AND g.used < g.max_uses AND NEW.number = g.used + 1 AND NEW.committed_at >= g.window_from AND NEW.committed_at < g.window_to); SELECT RAISE(ABORT, 'disclosure: no such use, or it is voided or spent') WHERE NOT EXISTS (SELECT 1 FROM use u WHERE u.bucket = NEW.bucket AND u.id = NEW.use_id AND u.grant_id = NEW.grant_id AND u.voided_at IS NULL AND u.spent < u.quota AND NEW.slot <= u.quota); SELECT RAISE(ABORT, 'disclosure: fields beyond the use') WHERE EXISTS (SELECT 1 FROM use u WHERE u.bucket = NEW.bucket AND u.id = NEW.use_id AND u.fields <> NEW.fields AND (NEW.fields = '[]' OR EXISTS (SELECT 1 FROM json_each(NEW.fields) WHERE value NOT IN (SELECT value FROM json_each(u.fields)))));  UPDATE use SET spent = spent + 1 WHERE bucket = NEW.bucket AND id = NEW.use_id; UPDATE consent_grant SET used = used + 1, state = CASE WHEN used + 1 = max_uses THEN 'exhausted' ELSE state END WHERE bucket = NEW.bucket AND id = NEW.grant_id; END
-- end
CREATE TRIGGER disclosure_before_insert_marks BEFORE INSERT ON disclosure WHEN NEW.marks IS NOT NULL BEGIN SELECT RAISE(ABORT, 'disclosure: marks of an epoch that the ledger does not know') WHERE EXISTS (SELECT 1 FROM json_each(NEW.marks) WHERE NOT EXISTS (SELECT 1 FROM mark_epoch m WHERE m.bucket = NEW.bucket AND value LIKE CAST(m.number AS text) || ' %')); END
-- end
CREATE TABLE staff_read (
	bucket INTEGER NOT NULL,
	id BLOB NOT NULL,
	subject BLOB NOT NULL,
	staff TEXT NOT NULL,
	actor BLOB NOT NULL,
	basis TEXT NOT NULL,
	reason TEXT NOT NULL,
	fields TEXT NOT NULL,
	minor BOOLEAN NOT NULL,
	approval_id BLOB,
	grant_id BLOB,
	use_id BLOB,
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
CREATE TRIGGER staff_read_no_update BEFORE UPDATE ON staff_read BEGIN SELECT RAISE(ABORT, 'staff_read is append-only'); END
-- end
CREATE TRIGGER staff_read_no_delete BEFORE DELETE ON staff_read BEGIN SELECT RAISE(ABORT, 'staff_read is append-only'); END
-- end
CREATE TRIGGER staff_read_before_insert BEFORE INSERT ON staff_read BEGIN SELECT RAISE(ABORT, 'staff_read: nothing is read') WHERE NEW.fields = '[]'; SELECT RAISE(ABORT, 'staff_read: no open approval of this read by somebody else') WHERE NEW.approval_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM dual_request r WHERE r.bucket = NEW.bucket AND r.id = NEW.approval_id AND r.kind = 'minor_read' AND r.subject = NEW.subject AND r.reason = NEW.reason AND r.staff = NEW.staff AND r.actor = NEW.actor AND r.state = 'approved' AND NEW.committed_at >= r.approved_at AND NEW.committed_at < r.window_to); SELECT RAISE(ABORT, 'staff_read: fields beyond the approval') WHERE NEW.approval_id IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(NEW.fields) WHERE value NOT IN (SELECT value FROM dual_request r, json_each(r.fields) WHERE r.bucket = NEW.bucket AND r.id = NEW.approval_id)); SELECT RAISE(ABORT, 'staff_read: no consent of this person to the house') WHERE NEW.grant_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM consent_grant g JOIN recipient h ON h.id = g.recipient_id AND h.kind = 'staff' WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id AND g.subject = NEW.subject AND g.state = 'active'); END
-- end
CREATE TABLE token (
	bucket INTEGER NOT NULL,
	hash BLOB NOT NULL,
	use_id BLOB NOT NULL,
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
CREATE TRIGGER token_no_update BEFORE UPDATE ON token BEGIN SELECT RAISE(ABORT, 'token is append-only'); END
-- end
CREATE TRIGGER token_before_insert BEFORE INSERT ON token BEGIN SELECT RAISE(ABORT, 'token: a token belongs to the client of its use') WHERE NOT EXISTS (SELECT 1 FROM use u WHERE u.bucket = NEW.bucket AND u.id = NEW.use_id AND u.client_id = NEW.client_id); END
-- end
CREATE TRIGGER token_before_delete BEFORE DELETE ON token BEGIN SELECT RAISE(ABORT, 'token: rows stay: its use is spent, or of a code') WHERE EXISTS (SELECT 1 FROM use u WHERE u.bucket = OLD.bucket AND u.id = OLD.use_id AND (u.spent > 0 OR u.refresh_hash IS NULL)); END
-- end
CREATE TABLE idempotency (
	bucket INTEGER NOT NULL,
	client_id TEXT NOT NULL,
	key_hash BLOB NOT NULL,
	request_hash BLOB NOT NULL,
	token_hash BLOB NOT NULL,
	disclosure_id BLOB NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_idempotency PRIMARY KEY (bucket, client_id, key_hash),
	CONSTRAINT fk_idempotency_disclosure FOREIGN KEY(bucket, disclosure_id) REFERENCES disclosure (bucket, id)
)
-- end
CREATE TRIGGER idempotency_no_update BEFORE UPDATE ON idempotency BEGIN SELECT RAISE(ABORT, 'idempotency is append-only'); END
-- end
CREATE TRIGGER idempotency_no_delete BEFORE DELETE ON idempotency BEGIN SELECT RAISE(ABORT, 'idempotency is append-only'); END
-- end
CREATE TABLE mark_served (
	bucket INTEGER NOT NULL,
	subject BLOB NOT NULL,
	recipient_id TEXT NOT NULL,
	field TEXT NOT NULL,
	record BLOB NOT NULL,
	version BIGINT NOT NULL,
	carriers TEXT NOT NULL,
	epoch INTEGER NOT NULL,
	disclosure_id BLOB NOT NULL,
	served_at BIGINT NOT NULL,
	CONSTRAINT pk_mark_served PRIMARY KEY (bucket, subject, recipient_id, field, record, version, carriers),
	CONSTRAINT fk_mark_served_mark_epoch FOREIGN KEY(bucket, epoch) REFERENCES mark_epoch (bucket, number),
	CONSTRAINT fk_mark_served_disclosure FOREIGN KEY(bucket, disclosure_id) REFERENCES disclosure (bucket, id)
)
-- end
CREATE TRIGGER mark_served_no_update BEFORE UPDATE ON mark_served BEGIN SELECT RAISE(ABORT, 'mark_served is append-only'); END
-- end
CREATE TRIGGER mark_served_no_delete BEFORE DELETE ON mark_served BEGIN SELECT RAISE(ABORT, 'mark_served is append-only'); END
-- end
CREATE TRIGGER mark_served_before_insert BEFORE INSERT ON mark_served BEGIN SELECT RAISE(ABORT, 'mark_served: a version is marked for its recipient under one epoch') WHERE EXISTS (SELECT 1 FROM mark_served m WHERE m.bucket = NEW.bucket AND m.subject = NEW.subject AND m.recipient_id = NEW.recipient_id AND m.field = NEW.field AND m.record = NEW.record AND m.version = NEW.version AND m.epoch <> NEW.epoch); END
-- end
CREATE TABLE redelivery (
	bucket INTEGER NOT NULL,
	disclosure_id BLOB NOT NULL,
	attempts BIGINT NOT NULL,
	first_at BIGINT NOT NULL,
	last_at BIGINT NOT NULL,
	CONSTRAINT pk_redelivery PRIMARY KEY (bucket, disclosure_id),
	CONSTRAINT ck_redelivery_attempts CHECK (attempts >= 1 AND first_at <= last_at),
	CONSTRAINT fk_redelivery_disclosure FOREIGN KEY(bucket, disclosure_id) REFERENCES disclosure (bucket, id)
)
-- end
CREATE TRIGGER redelivery_before_update BEFORE UPDATE ON redelivery WHEN NEW.bucket IS NOT OLD.bucket OR NEW.disclosure_id IS NOT OLD.disclosure_id OR NEW.first_at IS NOT OLD.first_at BEGIN SELECT RAISE(ABORT, 'redelivery: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER redelivery_no_delete BEFORE DELETE ON redelivery BEGIN SELECT RAISE(ABORT, 'redelivery: rows stay'); END
-- end
CREATE TRIGGER redelivery_before_update_of_attempts BEFORE UPDATE OF attempts ON redelivery WHEN NEW.attempts <= OLD.attempts BEGIN SELECT RAISE(ABORT, 'redelivery: redeliveries are counted upwards') WHERE 1 = 1; END
-- end
CREATE TRIGGER redelivery_before_update_of_last_at BEFORE UPDATE OF last_at ON redelivery WHEN NEW.last_at < OLD.last_at BEGIN SELECT RAISE(ABORT, 'redelivery: the last time only moves on') WHERE 1 = 1; END
-- end
CREATE TABLE served_hash (
	bucket INTEGER NOT NULL,
	disclosure_id BLOB NOT NULL,
	hash BLOB NOT NULL,
	seal BLOB,
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
CREATE TRIGGER served_hash_before_update BEFORE UPDATE ON served_hash WHEN NEW.bucket IS NOT OLD.bucket OR NEW.disclosure_id IS NOT OLD.disclosure_id OR NEW.hash IS NOT OLD.hash BEGIN SELECT RAISE(ABORT, 'served_hash: these columns never change') WHERE 1 = 1; END
-- end
CREATE TRIGGER served_hash_no_delete BEFORE DELETE ON served_hash BEGIN SELECT RAISE(ABORT, 'served_hash: rows stay'); END
-- end
CREATE TRIGGER served_hash_before_update_once BEFORE UPDATE ON served_hash BEGIN SELECT RAISE(ABORT, 'served_hash: what is sealed stays sealed') WHERE OLD.seal IS NOT NULL; END
-- end
CREATE TABLE status_entry (
	bucket INTEGER NOT NULL,
	list BIGINT NOT NULL,
	idx INTEGER NOT NULL,
	token_hash BLOB NOT NULL,
	CONSTRAINT pk_status_entry PRIMARY KEY (bucket, list, idx),
	CONSTRAINT ck_status_entry_idx CHECK (idx >= 0 AND idx < 262144),
	CONSTRAINT uq_status_entry_token_hash_bucket UNIQUE (token_hash, bucket),
	CONSTRAINT fk_status_entry_token FOREIGN KEY(bucket, token_hash) REFERENCES token (bucket, hash)
)
-- end
CREATE TRIGGER status_entry_no_update BEFORE UPDATE ON status_entry BEGIN SELECT RAISE(ABORT, 'status_entry is append-only'); END
-- end
CREATE TRIGGER status_entry_no_delete BEFORE DELETE ON status_entry BEGIN SELECT RAISE(ABORT, 'status_entry is append-only'); END
-- end
