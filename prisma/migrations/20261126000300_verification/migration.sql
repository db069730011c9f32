-- The last verification on request of each organisation: who asked, how far it has come, what it found. The log itself keeps the request
-- and the result; this is what the page shows meanwhile, and what a worker that was killed goes on from.
CREATE TABLE audit_verification (
  tenant_id    uuid NOT NULL PRIMARY KEY,
  id           uuid NOT NULL,
  actor_kind   text NOT NULL,
  actor_id     text NOT NULL,
  asked_at     timestamptz(3) NOT NULL,
  state        text NOT NULL CHECK (state IN ('queued', 'running', 'finished', 'failed')),
  phase        text NOT NULL CHECK (phase IN ('entries', 'index')),
  checked      bigint NOT NULL DEFAULT 0,     -- entries of this phase
  size         bigint NOT NULL DEFAULT 0,
  starts       integer NOT NULL DEFAULT 0,    -- how often a worker has begun with it
  finished_at  timestamptz(3),
  result       text CHECK ((state = 'finished') = (result IS NOT NULL)),
  problem      text CHECK ((state = 'failed') = (problem IS NOT NULL))
);
SELECT protect_table('audit_verification', 'INSERT, UPDATE', true);

DO $$ BEGIN
  -- Asking and ending stand in the log; how far it has come is no act of anybody.
  DROP TRIGGER command_wall ON audit_verification;
  CREATE TRIGGER command_wall BEFORE INSERT OR DELETE OR UPDATE OF id, actor_kind, actor_id, asked_at, finished_at, result, problem ON audit_verification
    FOR EACH STATEMENT EXECUTE FUNCTION require_command();
  -- A restored log was not verified by whoever verified the one before.
  EXECUTE format('REVOKE SELECT ON audit_verification FROM %I', gh_role('backup'));
  DROP POLICY backup ON audit_verification;
END $$;
