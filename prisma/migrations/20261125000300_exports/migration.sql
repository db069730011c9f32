-- What was asked for: by whom, of which log, in which form.
CREATE TABLE audit_export (
  tenant_id   uuid NOT NULL,
  id          uuid NOT NULL,
  actor_kind  text NOT NULL,
  actor_id    text NOT NULL,
  q           text NOT NULL,          -- the question as it was asked, in its normal form
  matching    text NOT NULL,          -- what is looked for: pseudonyms in it resolved, what its asker cannot see left out
  from_time   text,
  to_time     text,
  format      text NOT NULL CHECK (format IN ('csv', 'ndjson', 'parquet')),
  time_zone   text NOT NULL,
  as_of       bigint NOT NULL CHECK (as_of >= 0),
  masked      boolean NOT NULL,
  created_at  timestamptz(3) NOT NULL,
  cancelled_at timestamptz(3),
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX audit_export_own ON audit_export (tenant_id, actor_kind, actor_id, id);
SELECT protect_table('audit_export', 'INSERT, UPDATE', true);

-- How far the work has come: no act of anybody.
CREATE TABLE audit_export_run (
  tenant_id       uuid NOT NULL,
  id              uuid NOT NULL,
  state           text NOT NULL CHECK (state IN ('running', 'sealing', 'ready', 'failed', 'cancelled', 'expired')),
  looked_through  bigint NOT NULL DEFAULT 0,   -- entries of the log that were looked at
  events          bigint NOT NULL DEFAULT 0,
  problem         text,                        -- JSON: a code, and the entry it is about
  members         jsonb,                       -- the files of the bundle and what they lie in
  size_bytes      bigint,
  checkpoint_size bigint,
  finished_at     timestamptz(3),
  expires_at      timestamptz(3),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, id) REFERENCES audit_export (tenant_id, id)
);
CREATE INDEX audit_export_run_state ON audit_export_run (tenant_id, state, expires_at);
SELECT protect_table('audit_export_run', 'INSERT, UPDATE', false);

-- The parts that are written. `place` is where the next one begins.
CREATE TABLE audit_export_part (
  tenant_id   uuid NOT NULL,
  id          uuid NOT NULL,
  number      integer NOT NULL CHECK (number > 0),
  document    jsonb NOT NULL,         -- its files, their hashes, its events by day
  place       jsonb NOT NULL,
  is_last     boolean NOT NULL,
  PRIMARY KEY (tenant_id, id, number),
  FOREIGN KEY (tenant_id, id) REFERENCES audit_export (tenant_id, id)
);
SELECT protect_table('audit_export_part', 'INSERT, DELETE', false);
