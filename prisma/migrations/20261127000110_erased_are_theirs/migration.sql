-- As before, but of what is erased in the tables the database looks itself whether it is about the person: by the entry's own ids, those
-- of the person and of their devices. Files of the archive it cannot read: they are counted.
DO $$ BEGIN
  EXECUTE format('CREATE POLICY retention ON device FOR SELECT TO %I USING (tenant_id = current_tenant())', gh_role('retention'));
  EXECUTE format('GRANT SELECT (tenant_id, id, person_id) ON device TO %I', gh_role('retention'));
END $$;

CREATE OR REPLACE FUNCTION audit_erase(erasure uuid, planned_revision bigint, entries int8multirange, files jsonb DEFAULT '[]') RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE x audit_erasure; places bigint[]; theirs text[]; other bigint; gone bigint; cold bigint;
BEGIN
  PERFORM set_config('app.keeping', pg_current_xact_id()::text, true);
  IF audit_keeping_revision() <> planned_revision THEN
    RAISE EXCEPTION 'holds have changed meanwhile' USING ERRCODE = 'GH010';
  END IF;
  SELECT * INTO x FROM audit_erasure WHERE tenant_id = current_tenant() AND id = erasure FOR UPDATE;
  IF NOT FOUND OR x.state <> 'running' THEN RAISE EXCEPTION 'there is no such erasure under way' USING ERRCODE = 'GH011'; END IF;
  IF upper(entries) > x.as_of THEN RAISE EXCEPTION 'a later entry would be erased' USING ERRCODE = 'GH011'; END IF;
  cold := audit_replace_files(files, entries, true);
  SELECT array_agg(place) INTO places FROM unnest(entries) AS r, generate_series(lower(r), upper(r) - 1) AS place;
  theirs := ARRAY(SELECT d.id::text FROM device d WHERE d.tenant_id = current_tenant() AND d.person_id = x.person_id) || x.person_id::text;
  SELECT e.index INTO other FROM audit_entry e, LATERAL (SELECT e.entry::jsonb AS entry) j
   WHERE e.tenant_id = current_tenant() AND e.index = ANY(places) AND e.personal IS NOT NULL
     AND NOT coalesce(j.entry #>> '{actor,id}' = x.person_id::text, false)
     AND NOT coalesce(j.entry #>> '{device,id}' = ANY(theirs), false)
     AND NOT coalesce(j.entry #>> '{target,id}' = ANY(theirs), false)
   LIMIT 1;
  IF FOUND THEN RAISE EXCEPTION 'the entry % is about somebody else', other USING ERRCODE = 'GH011'; END IF;
  UPDATE audit_entry e SET personal = NULL WHERE e.tenant_id = current_tenant() AND e.index = ANY(places) AND e.personal IS NOT NULL;
  GET DIAGNOSTICS gone = ROW_COUNT;
  UPDATE audit_erasure SET erased = erased + gone + cold WHERE tenant_id = current_tenant() AND id = erasure;
  RETURN gone + cold;
END $$;
