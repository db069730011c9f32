-- The walls first: roles are named after the database (they are cluster-wide), made by the migration runner.
-- Everything below is owned by <database>_owner, a role that no process uses.

CREATE FUNCTION gh_role(suffix text) RETURNS name LANGUAGE sql STABLE
  AS $$ SELECT (current_database() || '_' || suffix)::name $$;

-- '' is what a pooled connection reads after a transaction-local setting has ended.
CREATE FUNCTION current_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT nullif(current_setting('app.tenant_id', true), '')::uuid $$;

-- ── The command row: one per transaction that may write ─────────────────────────────────────────────────────────────

CREATE TABLE command (
  tenant_id        uuid NOT NULL,
  id               uuid NOT NULL,
  name             text NOT NULL,
  actor_kind       text NOT NULL,
  actor_id         text NOT NULL,
  idempotency_key  text,
  request_hash     bytea,
  result           bytea,             -- sealed under the tenant's data key: it may hold a token shown once
  entries          integer NOT NULL DEFAULT 0,
  xact             xid8 NOT NULL DEFAULT pg_current_xact_id(),
  created_at       timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, actor_kind, actor_id, name, idempotency_key)
);
CREATE INDEX command_created ON command (tenant_id, created_at);

CREATE FUNCTION require_command() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE current_command text := current_setting('app.command_id', true);
BEGIN
  IF nullif(current_command, '') IS NULL OR NOT EXISTS (
    SELECT 1 FROM command c WHERE c.tenant_id = current_tenant() AND c.id = current_command::uuid AND c.xact = pg_current_xact_id()
  ) THEN
    RAISE EXCEPTION 'a write to % outside a command', TG_TABLE_NAME USING ERRCODE = 'GH001';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION count_command_entries() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE command SET entries = entries + (SELECT count(*) FROM appended)
   WHERE tenant_id = current_tenant() AND id = current_setting('app.command_id')::uuid;
  RETURN NULL;
END $$;

CREATE FUNCTION command_has_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM command c WHERE c.tenant_id = NEW.tenant_id AND c.id = NEW.id AND c.entries > 0) THEN
    RAISE EXCEPTION 'the command % appended no audit entry', NEW.name USING ERRCODE = 'GH002';
  END IF;
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER command_has_entry AFTER INSERT ON command
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION command_has_entry();

-- Puts one tenant table behind the walls: row-level security for every role, only the named rights for the writer,
-- and (walled) a trigger that refuses a write outside a command.
CREATE FUNCTION protect_table(rel regclass, writer_rights text, walled boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', rel);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', rel);
  EXECUTE format('CREATE POLICY tenant_isolation ON %s TO %I, %I, %I USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())',
                 rel, gh_role('reader'), gh_role('writer'), gh_role('worker'));
  EXECUTE format('GRANT SELECT ON %s TO %I, %I, %I', rel, gh_role('reader'), gh_role('writer'), gh_role('worker'));
  IF writer_rights <> '' THEN
    EXECUTE format('GRANT %s ON %s TO %I', writer_rights, rel, gh_role('writer'));
  END IF;
  IF walled THEN
    EXECUTE format('CREATE TRIGGER command_wall BEFORE INSERT OR UPDATE OR DELETE ON %s FOR EACH STATEMENT EXECUTE FUNCTION require_command()', rel);
  END IF;
END $$;

-- ── Without a tenant: few, and listed in test/architecture.test.ts ──────────────────────────────────────────────────

CREATE TABLE instance (
  singleton           boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  id                  uuid NOT NULL DEFAULT gen_random_uuid(),
  setup_token_hash    bytea,
  setup_expires_at    timestamptz(3),
  setup_completed_at  timestamptz(3),
  created_at          timestamptz(3) NOT NULL DEFAULT now()
);
INSERT INTO instance DEFAULT VALUES;

CREATE TABLE login_directory (
  email_hmac  bytea NOT NULL,
  tenant_id   uuid NOT NULL,
  person_id   uuid NOT NULL,
  PRIMARY KEY (email_hmac, tenant_id)
);

CREATE TABLE enrollment_code_directory (
  code_hash   bytea PRIMARY KEY,
  tenant_id   uuid NOT NULL,
  code_id     uuid NOT NULL,
  expires_at  timestamptz(3) NOT NULL
);

-- The columns are those of rate-limiter-flexible's PostgreSQL store.
CREATE TABLE rate_limit (
  key     varchar(255) PRIMARY KEY,
  points  integer NOT NULL DEFAULT 0,
  expire  bigint
);

-- Unlogged: a crash forgets them, and a proof is refused by its time 60 s later.
CREATE UNLOGGED TABLE dpop_jti (
  thumbprint  text NOT NULL,
  jti_hash    bytea NOT NULL,
  expires_at  timestamptz(3) NOT NULL,
  PRIMARY KEY (thumbprint, jti_hash)
);
CREATE INDEX dpop_jti_expires ON dpop_jti (expires_at);

DO $$ BEGIN
  EXECUTE format('GRANT SELECT ON instance, login_directory, enrollment_code_directory TO %I, %I, %I', gh_role('reader'), gh_role('writer'), gh_role('worker'));
  EXECUTE format('GRANT UPDATE ON instance TO %I', gh_role('writer'));
  EXECUTE format('GRANT INSERT, UPDATE, DELETE ON login_directory, enrollment_code_directory TO %I', gh_role('writer'));
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON rate_limit, dpop_jti TO %I', gh_role('writer'));
  EXECUTE format('GRANT SELECT, DELETE ON rate_limit, dpop_jti TO %I', gh_role('worker'));
END $$;

-- ── Organisations, people ───────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE tenant (
  id            uuid PRIMARY KEY,
  name          text NOT NULL,
  status        text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
  settings      jsonb NOT NULL DEFAULT '{}',
  created_at    timestamptz(3) NOT NULL DEFAULT now(),
  suspended_at  timestamptz(3)
);
CREATE UNIQUE INDEX tenant_name ON tenant (lower(name));
ALTER TABLE tenant ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant FORCE ROW LEVEL SECURITY;
DO $$ BEGIN
  EXECUTE format('CREATE POLICY tenant_isolation ON tenant TO %I, %I USING (id = current_tenant()) WITH CHECK (id = current_tenant())', gh_role('reader'), gh_role('writer'));
  -- The worker walks over all organisations; `gatehouse org list` asks through it too.
  EXECUTE format('CREATE POLICY every_tenant ON tenant FOR SELECT TO %I USING (true)', gh_role('worker'));
  EXECUTE format('GRANT SELECT ON tenant TO %I, %I, %I', gh_role('reader'), gh_role('writer'), gh_role('worker'));
  EXECUTE format('GRANT INSERT, UPDATE ON tenant TO %I', gh_role('writer'));
END $$;
CREATE TRIGGER command_wall BEFORE INSERT OR UPDATE OR DELETE ON tenant FOR EACH STATEMENT EXECUTE FUNCTION require_command();

-- Names are unique on the instance, but no organisation sees another: the founding one asks through this function alone.
CREATE FUNCTION tenant_name_taken(wanted text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  AS $$ SELECT EXISTS (SELECT 1 FROM tenant WHERE lower(name) = lower(wanted)) $$;
DO $$ BEGIN
  EXECUTE format('CREATE POLICY names ON tenant FOR SELECT TO %I USING (true)', gh_role('owner'));
  EXECUTE format('REVOKE ALL ON FUNCTION tenant_name_taken(text) FROM PUBLIC');
  EXECUTE format('GRANT EXECUTE ON FUNCTION tenant_name_taken(text) TO %I', gh_role('writer'));
END $$;

CREATE TABLE tenant_key (
  tenant_id   uuid NOT NULL,
  id          uuid NOT NULL,
  purpose     text NOT NULL CHECK (purpose IN ('data', 'command')),
  public_jwk  jsonb,
  wrapped     bytea NOT NULL,         -- the secret half, under the master key (data) or the tenant's data key (command)
  created_at  timestamptz(3) NOT NULL DEFAULT now(),
  retired_at  timestamptz(3),
  PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX tenant_key_current ON tenant_key (tenant_id, purpose) WHERE retired_at IS NULL;
SELECT protect_table('tenant_key', 'INSERT, UPDATE', true);

CREATE TABLE person (
  tenant_id     uuid NOT NULL,
  id            uuid NOT NULL,
  email         text NOT NULL,
  name          text NOT NULL,
  role          text NOT NULL CHECK (role IN ('owner', 'admin', 'compliance', 'member')),
  status        text NOT NULL CHECK (status IN ('invited', 'active', 'suspended')),
  founder       boolean NOT NULL DEFAULT false,
  locale        text NOT NULL DEFAULT 'en',
  created_at    timestamptz(3) NOT NULL DEFAULT now(),
  suspended_at  timestamptz(3),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, email)
);
CREATE INDEX person_name ON person (tenant_id, lower(name), id);
CREATE INDEX person_email_lower ON person (tenant_id, lower(email), id);
SELECT protect_table('person', 'INSERT, UPDATE', true);

-- ── Identity ────────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE password_credential (
  tenant_id   uuid NOT NULL,
  person_id   uuid NOT NULL,
  hash        text NOT NULL,          -- Argon2id, PHC string
  updated_at  timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, person_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id)
);
SELECT protect_table('password_credential', 'INSERT, UPDATE, DELETE', true);

CREATE TABLE totp_credential (
  tenant_id     uuid NOT NULL,
  person_id     uuid NOT NULL,
  seed          bytea NOT NULL,       -- sealed under the tenant's data key
  last_step     bigint NOT NULL DEFAULT 0,
  confirmed_at  timestamptz(3),
  created_at    timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, person_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id)
);
SELECT protect_table('totp_credential', 'INSERT, UPDATE, DELETE', true);

CREATE TABLE recovery_code (
  tenant_id   uuid NOT NULL,
  person_id   uuid NOT NULL,
  code_hash   bytea NOT NULL,
  created_at  timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, person_id, code_hash),
  FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id)
);
SELECT protect_table('recovery_code', 'INSERT, DELETE', true);

CREATE TABLE session (
  tenant_id     uuid NOT NULL,
  id            uuid NOT NULL,
  person_id     uuid NOT NULL,
  token_hash    bytea NOT NULL,
  previous_hash bytea,                 -- the token before the last step-up: requests under way still carry it
  rotated_at    timestamptz(3),
  state         text NOT NULL CHECK (state IN ('second_factor', 'enroll_factor', 'active')),
  factor_at     timestamptz(3),
  address       text NOT NULL,
  user_agent    text NOT NULL,
  created_at    timestamptz(3) NOT NULL DEFAULT now(),
  expires_at    timestamptz(3) NOT NULL,
  revoked_at    timestamptz(3),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id)
);
CREATE INDEX session_person ON session (tenant_id, person_id, created_at DESC, id DESC);
SELECT protect_table('session', 'INSERT, UPDATE', true);

-- Telemetry, not meaning: when a session was last seen. Outside the wall, so that looking at a page writes no entry.
CREATE TABLE session_activity (
  tenant_id     uuid NOT NULL,
  session_id    uuid NOT NULL,
  last_used_at  timestamptz(3) NOT NULL,
  address       text NOT NULL,
  PRIMARY KEY (tenant_id, session_id),
  FOREIGN KEY (tenant_id, session_id) REFERENCES session (tenant_id, id)
);
SELECT protect_table('session_activity', 'INSERT, UPDATE, DELETE', false);

CREATE TABLE step_up_grant (
  tenant_id     uuid NOT NULL,
  id            uuid NOT NULL,
  session_id    uuid NOT NULL,
  request_hash  bytea NOT NULL,
  method        text NOT NULL,
  expires_at    timestamptz(3) NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
SELECT protect_table('step_up_grant', 'INSERT, DELETE', true);

-- One-time links: invitations and password resets.
CREATE TABLE person_link (
  tenant_id   uuid NOT NULL,
  id          uuid NOT NULL,
  person_id   uuid NOT NULL,
  purpose     text NOT NULL CHECK (purpose IN ('invitation', 'reset')),
  token_hash  bytea NOT NULL,
  expires_at  timestamptz(3) NOT NULL,
  used_at     timestamptz(3),
  created_at  timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id)
);
CREATE INDEX person_link_person ON person_link (tenant_id, person_id);
SELECT protect_table('person_link', 'INSERT, UPDATE, DELETE', true);

CREATE TABLE api_key (
  tenant_id     uuid NOT NULL,
  id            uuid NOT NULL,
  name          text NOT NULL,
  token_hash    bytea NOT NULL,
  token_hint    text NOT NULL,
  scopes        text[] NOT NULL,
  created_by    uuid,                  -- the person; null when made on the server's command line
  created_at    timestamptz(3) NOT NULL DEFAULT now(),
  revoked_at    timestamptz(3),
  PRIMARY KEY (tenant_id, id)
);
SELECT protect_table('api_key', 'INSERT, UPDATE', true);

CREATE TABLE api_key_activity (
  tenant_id     uuid NOT NULL,
  api_key_id    uuid NOT NULL,
  last_used_at  timestamptz(3) NOT NULL,
  address       text NOT NULL,
  PRIMARY KEY (tenant_id, api_key_id),
  FOREIGN KEY (tenant_id, api_key_id) REFERENCES api_key (tenant_id, id)
);
SELECT protect_table('api_key_activity', 'INSERT, UPDATE, DELETE', false);

-- ── Policy ──────────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE policy (
  tenant_id        uuid NOT NULL,
  id               uuid NOT NULL,
  name             text NOT NULL,
  scope            text NOT NULL DEFAULT 'organisation' CHECK (scope IN ('organisation')),
  current_version  integer NOT NULL DEFAULT 0,
  draft            jsonb,
  draft_base       integer,
  draft_by         uuid,
  draft_at         timestamptz(3),
  created_at       timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX policy_one_organisation ON policy (tenant_id) WHERE scope = 'organisation';
SELECT protect_table('policy', 'INSERT, UPDATE', true);

CREATE TABLE policy_version (
  tenant_id      uuid NOT NULL,
  policy_id      uuid NOT NULL,
  version        integer NOT NULL,
  document       jsonb NOT NULL,
  note           text NOT NULL DEFAULT '',
  restored_from  integer,
  published_by   uuid,
  published_at   timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, policy_id, version),
  FOREIGN KEY (tenant_id, policy_id) REFERENCES policy (tenant_id, id)
);
SELECT protect_table('policy_version', 'INSERT', true);

-- ── Devices ─────────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE enrollment_code (
  tenant_id    uuid NOT NULL,
  id           uuid NOT NULL,
  person_id    uuid NOT NULL,
  code_hash    bytea NOT NULL,
  expires_at   timestamptz(3) NOT NULL,
  used_at      timestamptz(3),
  used_by      text,                    -- thumbprint of the key that used it: that key may ask again until the code ends
  device_id    uuid,
  created_by   text NOT NULL,
  created_at   timestamptz(3) NOT NULL DEFAULT now(),
  revoked_at   timestamptz(3),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id)
);
SELECT protect_table('enrollment_code', 'INSERT, UPDATE', true);

CREATE TABLE device (
  tenant_id       uuid NOT NULL,
  id              uuid NOT NULL,
  name            text NOT NULL,
  platform        text NOT NULL,
  os_version      text NOT NULL,
  app_version     text NOT NULL,
  model           text NOT NULL DEFAULT '',
  serial          text NOT NULL DEFAULT '',
  person_id       uuid NOT NULL,
  status          text NOT NULL CHECK (status IN ('pending', 'active', 'blocked', 'wiping', 'wiped', 'retired')),
  status_reason   text NOT NULL DEFAULT '',
  status_at       timestamptz(3) NOT NULL DEFAULT now(),
  ownership       text NOT NULL DEFAULT 'personal' CHECK (ownership IN ('company', 'personal')),
  channel         text NOT NULL DEFAULT 'agent',
  capabilities    jsonb NOT NULL DEFAULT '{}',
  enrollment_id   uuid NOT NULL,
  approved_at     timestamptz(3),
  created_at      timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id)
);
CREATE INDEX device_created ON device (tenant_id, created_at DESC, id DESC);
CREATE INDEX device_name ON device (tenant_id, lower(name), id);
CREATE INDEX device_serial ON device (tenant_id, platform, serial) WHERE serial <> '';
CREATE INDEX device_person ON device (tenant_id, person_id, id);
CREATE INDEX device_status ON device (tenant_id, status, created_at DESC, id DESC);
SELECT protect_table('device', 'INSERT, UPDATE', true);

CREATE TABLE enrollment (
  tenant_id        uuid NOT NULL,
  id               uuid NOT NULL,
  device_id        uuid NOT NULL,
  sign_jwk         jsonb NOT NULL,
  seal_jwk         jsonb NOT NULL,
  sign_thumbprint  text NOT NULL,
  token_hash       bytea NOT NULL,
  received         int8multirange NOT NULL DEFAULT '{}',
  started_at       timestamptz(3) NOT NULL DEFAULT now(),
  ended_at         timestamptz(3),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, device_id) REFERENCES device (tenant_id, id)
);
CREATE INDEX enrollment_device ON enrollment (tenant_id, device_id, started_at DESC);
CREATE INDEX enrollment_thumbprint ON enrollment (tenant_id, sign_thumbprint);
SELECT protect_table('enrollment', 'INSERT, UPDATE', true);

-- What the lately received events looked like, 8 bytes each, one row a run of numbers: the same number with other bytes
-- means two copies of one device.
CREATE TABLE device_event_digest (
  tenant_id      uuid NOT NULL,
  enrollment_id  uuid NOT NULL,
  first_seq      bigint NOT NULL,
  last_seq       bigint NOT NULL,
  digests        bytea NOT NULL CHECK (octet_length(digests) = 8 * (last_seq - first_seq + 1)),
  received_at    timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, enrollment_id, first_seq),
  FOREIGN KEY (tenant_id, enrollment_id) REFERENCES enrollment (tenant_id, id)
);
CREATE INDEX device_event_digest_received ON device_event_digest (received_at);
SELECT protect_table('device_event_digest', 'INSERT', true);
-- The wall is for whoever states something; forgetting digests states nothing, and only old ones can be forgotten.
DROP TRIGGER command_wall ON device_event_digest;
CREATE TRIGGER command_wall BEFORE INSERT OR UPDATE ON device_event_digest FOR EACH STATEMENT EXECUTE FUNCTION require_command();
DO $$ BEGIN
  EXECUTE format('CREATE POLICY old_digests ON device_event_digest FOR DELETE TO %I USING (received_at < now() - interval ''30 days'')', gh_role('worker'));
  EXECUTE format('CREATE POLICY old_digests_read ON device_event_digest FOR SELECT TO %I USING (true)', gh_role('worker'));
  EXECUTE format('GRANT DELETE ON device_event_digest TO %I', gh_role('worker'));
  EXECUTE format('GRANT DELETE ON enrollment_code_directory TO %I', gh_role('worker'));
END $$;

-- Telemetry of a device: written on contact, not an act of anybody.
CREATE TABLE device_presence (
  tenant_id      uuid NOT NULL,
  device_id      uuid NOT NULL,
  last_seen_at   timestamptz(3) NOT NULL,
  address        text NOT NULL DEFAULT '',
  tls_protocol   text NOT NULL DEFAULT '',
  tls_cipher     text NOT NULL DEFAULT '',
  tls_group      text,
  online_until   timestamptz(3),
  policy_version integer NOT NULL DEFAULT 0,  -- the newest that was handed to it
  PRIMARY KEY (tenant_id, device_id),
  FOREIGN KEY (tenant_id, device_id) REFERENCES device (tenant_id, id)
);
CREATE INDEX device_presence_seen ON device_presence (tenant_id, last_seen_at DESC, device_id DESC);
SELECT protect_table('device_presence', 'INSERT, UPDATE, DELETE', false);

-- The server's half of the vault key. A queued erase deletes the row: that is the erasure.
CREATE TABLE vault_share (
  tenant_id      uuid NOT NULL,
  enrollment_id  uuid NOT NULL,
  device_id      uuid NOT NULL,
  device_key     bytea NOT NULL,       -- data key of the device, under the tenant's data key
  share          bytea NOT NULL,       -- 32 bytes, under the device's data key
  withheld       boolean NOT NULL DEFAULT false,
  offline_until  timestamptz(3),       -- until when a copy handed out may still be in a device's memory
  created_at     timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, enrollment_id),
  FOREIGN KEY (tenant_id, enrollment_id) REFERENCES enrollment (tenant_id, id)
);
SELECT protect_table('vault_share', 'INSERT, UPDATE, DELETE', true);

CREATE TABLE device_command (
  tenant_id      uuid NOT NULL,
  id             uuid NOT NULL,
  device_id      uuid NOT NULL,
  enrollment_id  uuid NOT NULL,
  type           text NOT NULL,
  jws            text NOT NULL,
  nonce          text NOT NULL,
  state          text NOT NULL CHECK (state IN ('waiting', 'delivered', 'done', 'failed', 'superseded', 'cancelled')),
  issued_at      timestamptz(3) NOT NULL,
  expires_at     timestamptz(3) NOT NULL,
  delivered_at   timestamptz(3),
  receipt        text,
  receipt_at     timestamptz(3),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, enrollment_id) REFERENCES enrollment (tenant_id, id)
);
CREATE INDEX device_command_waiting ON device_command (tenant_id, device_id, issued_at) WHERE state IN ('waiting', 'delivered');
SELECT protect_table('device_command', 'INSERT, UPDATE', true);

-- ── The brake ───────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE brake_request (
  tenant_id       uuid NOT NULL,
  id              uuid NOT NULL,
  command         text NOT NULL,
  budget          text NOT NULL,
  units           integer NOT NULL DEFAULT 1 CHECK (units > 0),
  target_type     text NOT NULL,
  target_id       uuid NOT NULL,
  target_hash     bytea NOT NULL,      -- what it would hit when asked; an approval is void when this changes
  input           bytea NOT NULL,      -- sealed: the parsed input
  reason          text NOT NULL,
  state           text NOT NULL CHECK (state IN ('held', 'awaiting_approval', 'delayed', 'released', 'cancelled', 'expired', 'failed')),
  requester_kind  text NOT NULL,
  requester_id    uuid NOT NULL,
  requester_name  text NOT NULL,
  responsible_id  uuid,                -- the person behind it: the requester, or the maker of the key that asked
  step_up_method  text,
  not_before      timestamptz(3),      -- end of the undo window
  expires_at      timestamptz(3) NOT NULL,
  created_at      timestamptz(3) NOT NULL DEFAULT now(),
  decided_at      timestamptz(3),
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX brake_request_open ON brake_request (tenant_id, state, created_at DESC, id DESC);
CREATE INDEX brake_request_spend ON brake_request (tenant_id, budget, created_at);
CREATE UNIQUE INDEX brake_request_one_open ON brake_request (tenant_id, command, target_id)
  WHERE state IN ('held', 'awaiting_approval', 'delayed');
SELECT protect_table('brake_request', 'INSERT, UPDATE', true);

CREATE TABLE brake_decision (
  tenant_id   uuid NOT NULL,
  request_id  uuid NOT NULL,
  id          uuid NOT NULL,
  decision    text NOT NULL CHECK (decision IN ('approve', 'release', 'cancel')),
  person_id   uuid,
  person_name text NOT NULL,
  at          timestamptz(3) NOT NULL,
  PRIMARY KEY (tenant_id, request_id, id),
  FOREIGN KEY (tenant_id, request_id) REFERENCES brake_request (tenant_id, id)
);
SELECT protect_table('brake_decision', 'INSERT', true);

CREATE TABLE wipe (
  tenant_id       uuid NOT NULL,
  id              uuid NOT NULL,       -- the brake request's id
  device_id       uuid NOT NULL,
  enrollment_id   uuid NOT NULL,
  scope           text NOT NULL CHECK (scope IN ('organisation-data', 'device')),
  reason          text NOT NULL,
  state           text NOT NULL CHECK (state IN ('held', 'awaiting_approval', 'delayed', 'queued', 'delivered', 'unconfirmed', 'erased', 'failed', 'cancelled', 'superseded', 'expired')),
  status_before   text NOT NULL,
  requester_kind  text NOT NULL,
  requester_id    uuid NOT NULL,
  requester_name  text NOT NULL,
  command_id      uuid,
  share_destroyed_at timestamptz(3),
  offline_until   timestamptz(3),
  receipt         text,
  receipt_payload jsonb,
  created_at      timestamptz(3) NOT NULL DEFAULT now(),
  updated_at      timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, device_id) REFERENCES device (tenant_id, id)
);
CREATE INDEX wipe_recent ON wipe (tenant_id, created_at DESC, id DESC);
CREATE INDEX wipe_state ON wipe (tenant_id, state, created_at DESC, id DESC);
CREATE INDEX wipe_device ON wipe (tenant_id, device_id, created_at DESC);
CREATE UNIQUE INDEX wipe_one_open ON wipe (tenant_id, device_id)
  WHERE state IN ('held', 'awaiting_approval', 'delayed', 'queued', 'delivered', 'unconfirmed');
SELECT protect_table('wipe', 'INSERT, UPDATE', true);

CREATE TABLE wipe_timeline (
  tenant_id  uuid NOT NULL,
  wipe_id    uuid NOT NULL,
  id         uuid NOT NULL,
  state      text NOT NULL,
  at         timestamptz(3) NOT NULL,
  by_kind    text NOT NULL,
  by_id      text NOT NULL,
  by_name    text NOT NULL,
  PRIMARY KEY (tenant_id, wipe_id, id),
  FOREIGN KEY (tenant_id, wipe_id) REFERENCES wipe (tenant_id, id)
);
SELECT protect_table('wipe_timeline', 'INSERT', true);

-- ── Content ─────────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE file (
  tenant_id     uuid NOT NULL,
  id            uuid NOT NULL,
  name          text NOT NULL,
  media_type    text NOT NULL,
  size_bytes    bigint NOT NULL,
  sha256        bytea NOT NULL,
  labels        text[] NOT NULL DEFAULT '{}',
  everyone      boolean NOT NULL DEFAULT false,
  file_key      bytea,                 -- under the tenant's data key; null once destroyed
  status        text NOT NULL CHECK (status IN ('published', 'deleting', 'deleted')),
  published_by  uuid,
  created_at    timestamptz(3) NOT NULL DEFAULT now(),
  deleted_at    timestamptz(3),
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX file_recent ON file (tenant_id, created_at DESC, id DESC);
CREATE INDEX file_name ON file (tenant_id, lower(name), id);
SELECT protect_table('file', 'INSERT, UPDATE', true);

CREATE TABLE file_chunk (
  tenant_id  uuid NOT NULL,
  file_id    uuid NOT NULL,
  number     integer NOT NULL,
  bytes      bytea NOT NULL,
  PRIMARY KEY (tenant_id, file_id, number),
  FOREIGN KEY (tenant_id, file_id) REFERENCES file (tenant_id, id)
);
ALTER TABLE file_chunk ALTER COLUMN bytes SET STORAGE EXTERNAL;
SELECT protect_table('file_chunk', 'INSERT, DELETE', true);

CREATE TABLE file_audience (
  tenant_id  uuid NOT NULL,
  file_id    uuid NOT NULL,
  person_id  uuid NOT NULL,
  PRIMARY KEY (tenant_id, file_id, person_id),
  FOREIGN KEY (tenant_id, file_id) REFERENCES file (tenant_id, id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id)
);
CREATE INDEX file_audience_person ON file_audience (tenant_id, person_id, file_id);
SELECT protect_table('file_audience', 'INSERT, DELETE', true);

-- Which enrolment was handed which file: who has it. The log holds every single release.
CREATE TABLE file_release (
  tenant_id      uuid NOT NULL,
  file_id        uuid NOT NULL,
  enrollment_id  uuid NOT NULL,
  device_id      uuid NOT NULL,
  person_id      uuid NOT NULL,
  first_at       timestamptz(3) NOT NULL,
  last_at        timestamptz(3) NOT NULL,
  times          integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, file_id, enrollment_id),
  FOREIGN KEY (tenant_id, file_id) REFERENCES file (tenant_id, id),
  FOREIGN KEY (tenant_id, enrollment_id) REFERENCES enrollment (tenant_id, id)
);
CREATE INDEX file_release_device ON file_release (tenant_id, device_id, last_at DESC);
SELECT protect_table('file_release', 'INSERT, UPDATE', true);

-- ── The audit log ───────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE audit_head (
  tenant_id         uuid PRIMARY KEY,
  origin            text NOT NULL,
  size              bigint NOT NULL DEFAULT 0,
  tree              bytea NOT NULL DEFAULT '',
  last_recorded_at  timestamptz(3) NOT NULL DEFAULT 'epoch'
);
SELECT protect_table('audit_head', 'INSERT, UPDATE', true);

-- The primary key serves proofs, pages and time (the order of the log is the order of recorded_at); the GIN over the
-- hashed terms serves every filter and every word; the BRIN finds an entry by the time inside its id.
CREATE TABLE audit_entry (
  tenant_id    uuid NOT NULL,
  index        bigint NOT NULL,
  class        text NOT NULL CHECK (class IN ('control', 'activity')),
  recorded_at  timestamptz(3) NOT NULL,
  occurred_at  timestamptz(3) NOT NULL,
  id           uuid NOT NULL,
  action       text NOT NULL,
  outcome      text NOT NULL,
  actor_id     text NOT NULL,
  device_id    uuid,
  target_id    text,
  terms        bigint[] NOT NULL,
  entry        text NOT NULL,
  PRIMARY KEY (tenant_id, index, class, recorded_at)
) PARTITION BY LIST (class);
CREATE INDEX audit_entry_terms ON audit_entry USING gin (terms);
CREATE INDEX audit_entry_recorded ON audit_entry USING brin (recorded_at) WITH (pages_per_range = 16, autosummarize = on);

-- Personal values stand beside the entry behind a salted commitment: deleting a row here leaves every proof valid.
CREATE TABLE audit_personal (
  tenant_id    uuid NOT NULL,
  index        bigint NOT NULL,
  class        text NOT NULL,
  recorded_at  timestamptz(3) NOT NULL,
  personal     text NOT NULL,
  PRIMARY KEY (tenant_id, index, class, recorded_at)
) PARTITION BY LIST (class);

CREATE TABLE audit_entry_control  PARTITION OF audit_entry FOR VALUES IN ('control')  PARTITION BY RANGE (recorded_at);
CREATE TABLE audit_entry_activity PARTITION OF audit_entry FOR VALUES IN ('activity') PARTITION BY RANGE (recorded_at);
CREATE TABLE audit_personal_control  PARTITION OF audit_personal FOR VALUES IN ('control')  PARTITION BY RANGE (recorded_at);
CREATE TABLE audit_personal_activity PARTITION OF audit_personal FOR VALUES IN ('activity') PARTITION BY RANGE (recorded_at);

CREATE TABLE audit_tile (
  tenant_id  uuid NOT NULL,
  level      smallint NOT NULL,
  number     bigint NOT NULL,
  hashes     bytea NOT NULL CHECK (octet_length(hashes) = 8192),
  PRIMARY KEY (tenant_id, level, number)
);
ALTER TABLE audit_tile ALTER COLUMN hashes SET STORAGE EXTERNAL;

CREATE TABLE audit_checkpoint (
  tenant_id  uuid NOT NULL,
  size       bigint NOT NULL,
  root       bytea NOT NULL CHECK (octet_length(root) = 32),
  note       text NOT NULL,
  signed_at  timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, size)
);

-- Which searches are already in the log: one entry per actor and normalised query in ten minutes.
CREATE TABLE audit_search (
  tenant_id    uuid NOT NULL,
  actor_id     text NOT NULL,
  query_hash   bytea NOT NULL,
  recorded_at  timestamptz(3) NOT NULL,
  PRIMARY KEY (tenant_id, actor_id, query_hash)
);

SELECT protect_table('audit_entry', 'INSERT', true);
SELECT protect_table('audit_personal', 'INSERT', true);
SELECT protect_table('audit_tile', 'INSERT', true);
SELECT protect_table('audit_checkpoint', 'INSERT', false);
SELECT protect_table('audit_search', 'INSERT, UPDATE, DELETE', true);
SELECT protect_table('command', 'INSERT', false);
DROP POLICY tenant_isolation ON command;
DO $$ BEGIN
  -- The trigger functions above run as the owner, which FORCE subjects to the policies like everybody else.
  EXECUTE format('CREATE POLICY tenant_isolation ON command TO %I, %I, %I, %I USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())',
                 gh_role('reader'), gh_role('writer'), gh_role('worker'), gh_role('owner'));
  EXECUTE format('GRANT UPDATE (result) ON command TO %I', gh_role('writer'));
  EXECUTE format('CREATE POLICY every_tenant ON command FOR DELETE TO %I USING (created_at < now() - interval ''7 days'')', gh_role('worker'));
  EXECUTE format('CREATE POLICY every_tenant_read ON command FOR SELECT TO %I USING (true)', gh_role('worker'));
  EXECUTE format('GRANT DELETE ON command TO %I', gh_role('worker'));
  -- Heads and checkpoints of every tenant: the worker decides whose log has grown since the last signature.
  EXECUTE format('CREATE POLICY every_tenant ON audit_head FOR SELECT TO %I USING (true)', gh_role('worker'));
  EXECUTE format('CREATE POLICY every_tenant ON audit_checkpoint FOR SELECT TO %I USING (true)', gh_role('worker'));
END $$;

CREATE TRIGGER count_entries AFTER INSERT ON audit_entry REFERENCING NEW TABLE AS appended
  FOR EACH STATEMENT EXECUTE FUNCTION count_command_entries();

-- Makes the partitions of the months from `month` on. SECURITY DEFINER: nothing is granted on partitions themselves.
CREATE FUNCTION audit_ensure_partitions(month date, months integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE lower_bound date; class_name text; parent text; part text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('gatehouse.audit_ensure_partitions'));
  FOR step IN 0..months LOOP
    lower_bound := (date_trunc('month', month) + make_interval(months => step))::date;
    FOREACH parent IN ARRAY ARRAY['audit_entry', 'audit_personal'] LOOP
      FOREACH class_name IN ARRAY ARRAY['control', 'activity'] LOOP
        part := format('%s_%s_%s', parent, class_name, to_char(lower_bound, 'YYYYMM'));
        IF to_regclass(part) IS NULL THEN
          EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
            part, parent || '_' || class_name, lower_bound::timestamp AT TIME ZONE 'UTC', (lower_bound + interval '1 month') AT TIME ZONE 'UTC');
          EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', part);
          EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', part);
        END IF;
      END LOOP;
    END LOOP;
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION audit_ensure_partitions(date, integer) FROM PUBLIC;
DO $$ BEGIN
  EXECUTE format('GRANT EXECUTE ON FUNCTION audit_ensure_partitions(date, integer) TO %I, %I', gh_role('worker'), gh_role('writer'));
END $$;
SELECT audit_ensure_partitions(now()::date, 12);

DO $$ BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA public TO %I, %I, %I', gh_role('reader'), gh_role('writer'), gh_role('worker'));
END $$;
