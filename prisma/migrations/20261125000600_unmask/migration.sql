-- Who sees names for half an hour, for which reason: where the organisation asks for one. `person_id` is null when it is everybody.
CREATE TABLE audit_unmasking (
  tenant_id   uuid NOT NULL,
  id          uuid NOT NULL,
  actor_id    text NOT NULL,
  session_id  uuid,                    -- of a person: names are shown to this session, no other
  person_id   uuid,
  reason      text NOT NULL,
  started_at  timestamptz(3) NOT NULL,
  until       timestamptz(3) NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX audit_unmasking_actor ON audit_unmasking (tenant_id, actor_id, until DESC);
CREATE INDEX audit_unmasking_until ON audit_unmasking (until);
SELECT protect_table('audit_unmasking', 'INSERT, UPDATE', true);

-- Whose names were shown under it, so that each of them has one entry of it.
CREATE TABLE audit_unmasked_person (
  tenant_id     uuid NOT NULL,
  unmasking_id  uuid NOT NULL,
  person_id     uuid NOT NULL,
  until         timestamptz(3) NOT NULL,
  PRIMARY KEY (tenant_id, unmasking_id, person_id)
);
CREATE INDEX audit_unmasked_person_until ON audit_unmasked_person (until);
SELECT protect_table('audit_unmasked_person', 'INSERT', true);

-- A day after its end only the log knows of it. The wall is for whoever states something; forgetting states nothing.
DO $$
DECLARE rel text;
BEGIN
  FOREACH rel IN ARRAY ARRAY['audit_unmasking', 'audit_unmasked_person'] LOOP
    EXECUTE format('DROP TRIGGER command_wall ON %I', rel);
    EXECUTE format('CREATE TRIGGER command_wall BEFORE INSERT OR UPDATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION require_command()', rel);
    EXECUTE format('CREATE POLICY every_tenant ON %I FOR DELETE TO %I USING (until < now() - interval ''1 day'')', rel, gh_role('worker'));
    EXECUTE format('CREATE POLICY every_tenant_read ON %I FOR SELECT TO %I USING (true)', rel, gh_role('worker'));
    EXECUTE format('GRANT DELETE ON %I TO %I', rel, gh_role('worker'));
  END LOOP;
END $$;
