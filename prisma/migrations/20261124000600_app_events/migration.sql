-- What the organisation's own apps sent before: an event that comes again under the same id is dropped.
CREATE TABLE app_event (
  tenant_id    uuid NOT NULL,
  app          text NOT NULL,
  id_hash      bytea NOT NULL CHECK (octet_length(id_hash) = 16),  -- the first half of SHA-256 of the app's own id
  received_at  timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, app, id_hash)
);
CREATE INDEX app_event_received ON app_event (received_at);
SELECT protect_table('app_event', 'INSERT', true);
-- The wall is for whoever states something; forgetting an id states nothing, and only old ones can be forgotten.
DROP TRIGGER command_wall ON app_event;
CREATE TRIGGER command_wall BEFORE INSERT OR UPDATE ON app_event FOR EACH STATEMENT EXECUTE FUNCTION require_command();
DO $$ BEGIN
  EXECUTE format('CREATE POLICY every_tenant ON app_event FOR DELETE TO %I USING (received_at < now() - interval ''90 days'')', gh_role('worker'));
  EXECUTE format('CREATE POLICY every_tenant_read ON app_event FOR SELECT TO %I USING (true)', gh_role('worker'));
  EXECUTE format('GRANT DELETE ON app_event TO %I', gh_role('worker'));
END $$;
