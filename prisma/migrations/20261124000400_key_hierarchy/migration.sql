-- Master key → tenant data keys (several while one follows another) → file and device keys.

-- Which master key new data keys are wrapped under, and the secret that other keys of the instance derive from. Without a root
-- secret the master key's file is the root, as it was before there were rotations.
ALTER TABLE instance
  ADD COLUMN master_id       text,
  ADD COLUMN root_secret     bytea,
  ADD COLUMN root_master_id  text,
  ADD CHECK ((root_secret IS NULL) = (root_master_id IS NULL));

-- A retired data key still opens what was sealed under it, until all of that is sealed anew: then its bytes are destroyed and
-- the row stays, for the log's sake.
ALTER TABLE tenant_key
  ADD COLUMN master_id     text,            -- of the master key that wrapped it; null: the file's, before they had ids
  ADD COLUMN destroyed_at  timestamptz(3),
  ALTER COLUMN wrapped DROP NOT NULL,
  ADD CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL)),
  ADD CHECK (destroyed_at IS NULL OR retired_at IS NOT NULL);

CREATE TABLE key_rotation (
  tenant_id    uuid NOT NULL,
  id           uuid NOT NULL,
  key_id       uuid NOT NULL,                -- under which everything is sealed in the end
  state        text NOT NULL CHECK (state IN ('running', 'done', 'blocked')),
  total        integer NOT NULL,             -- values sealed under another key when it began
  done         integer NOT NULL DEFAULT 0,
  damaged      jsonb NOT NULL DEFAULT '[]',  -- places that do not open: while there are any, no key is destroyed
  started_by   text NOT NULL,
  started_at   timestamptz(3) NOT NULL,
  updated_at   timestamptz(3) NOT NULL,
  finished_at  timestamptz(3),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, key_id) REFERENCES tenant_key (tenant_id, id),
  CHECK ((state = 'running') = (finished_at IS NULL))
);
CREATE UNIQUE INDEX key_rotation_one_running ON key_rotation (tenant_id) WHERE state = 'running';
CREATE INDEX key_rotation_recent ON key_rotation (tenant_id, started_at DESC, id DESC);
SELECT protect_table('key_rotation', 'INSERT, UPDATE', true);

-- A value is stored under the current data key or not at all: while a rotation seals everything anew nothing is added behind its
-- back, and a destroyed key takes nothing with it. The lock makes a rotation wait for those who are storing a value now.
CREATE FUNCTION require_current_key() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE sealed bytea; retired timestamptz;
BEGIN
  EXECUTE format('SELECT ($1).%I', TG_ARGV[0]) USING NEW INTO sealed;
  IF coalesce(length(sealed), 0) < 17 THEN RETURN NEW; END IF;
  IF get_byte(sealed, 0) = 2 THEN  -- the key's id stands behind the version
    SELECT k.retired_at INTO retired FROM tenant_key k
     WHERE k.tenant_id = NEW.tenant_id AND k.id = encode(substring(sealed FROM 2 FOR 16), 'hex')::uuid FOR SHARE;
  ELSE                             -- from before keys had ids: under the oldest
    SELECT k.retired_at INTO retired FROM tenant_key k
     WHERE k.tenant_id = NEW.tenant_id AND k.purpose = 'data' ORDER BY k.created_at, k.id LIMIT 1 FOR SHARE;
  END IF;
  -- Not found: a key of another organisation, or of a rotation that was rolled back.
  IF NOT FOUND OR retired IS NOT NULL THEN
    RAISE EXCEPTION '%.% is not sealed under the current key', TG_TABLE_NAME, TG_ARGV[0] USING ERRCODE = 'GH003';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION guard_sealed(rel regclass, col name, condition text DEFAULT 'true') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TRIGGER %I BEFORE INSERT OR UPDATE OF %I ON %s FOR EACH ROW WHEN (%s) EXECUTE FUNCTION require_current_key(%L)',
                 'sealed_' || col, col, rel, condition, col);
END $$;

-- The same list as server/kernel/sealed-columns.ts; a test holds them equal.
SELECT guard_sealed('command', 'result');
SELECT guard_sealed('tenant_key', 'wrapped', $$NEW.purpose = 'command'$$);
SELECT guard_sealed('totp_credential', 'seed');
SELECT guard_sealed('brake_request', 'input');
SELECT guard_sealed('vault_share', 'device_key');
SELECT guard_sealed('file_upload', 'file_key');
SELECT guard_sealed('file', 'file_key');
SELECT guard_sealed('file_rendition', 'file_key');
SELECT guard_sealed('file_release_grant', 'content_key');

DO $$ BEGIN
  EXECUTE format('GRANT UPDATE (content_key) ON file_release_grant TO %I', gh_role('writer'));
END $$;
