-- What was imported before, under the first half of SHA-256 of the import's name and the event's own id: kept for ever, as the
-- entries' proofs are. Whoever inserts the hash states the event, also when two imports run at once.
CREATE TABLE audit_import_event (
  tenant_id  uuid NOT NULL,
  id_hash    bytea NOT NULL CHECK (octet_length(id_hash) = 16),
  PRIMARY KEY (tenant_id, id_hash)
);
SELECT protect_table('audit_import_event', 'INSERT', true);

-- Which column of a file says what. The name is the import's, too: `source` is `import:NAME`.
CREATE TABLE audit_mapping (
  tenant_id   uuid NOT NULL,
  name        text NOT NULL,
  document    jsonb NOT NULL,
  updated_by  text NOT NULL,
  updated_at  timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, name)
);
SELECT protect_table('audit_mapping', 'INSERT, UPDATE, DELETE', true);

-- What a device's events say about their own completeness, kept as they arrive: nobody has to read the log for it.
ALTER TABLE enrollment
  ADD COLUMN late_events      bigint NOT NULL DEFAULT 0,   -- recorded more than an hour after they occurred
  ADD COLUMN late_at          timestamptz(3),              -- when the last of them was recorded
  ADD COLUMN late_longest_ms  bigint NOT NULL DEFAULT 0,
  ADD COLUMN suspect_events   bigint NOT NULL DEFAULT 0,   -- whose time cannot be right
  ADD COLUMN suspect_at       timestamptz(3),
  ADD COLUMN given_up_through bigint NOT NULL DEFAULT 0;   -- numbers up to here are no longer waited for
