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
