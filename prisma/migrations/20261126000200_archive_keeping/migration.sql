-- What is purged and erased also goes from the archive. Files cannot be changed: those concerned are written anew, and what removes or
-- erases puts them in the place of the old ones in the same transaction as the rows go, counted against each other.

DO $$ BEGIN
  EXECUTE format('GRANT DELETE ON audit_archive_file TO %I', gh_role('retention'));
  -- A file of which nothing is left goes with a purge, which stands in the log already; all else about files is a command's.
  DROP TRIGGER command_wall ON audit_archive_file;
  CREATE TRIGGER command_wall BEFORE INSERT ON audit_archive_file FOR EACH STATEMENT EXECUTE FUNCTION require_command();
  CREATE TRIGGER withdrawal_wall BEFORE DELETE ON audit_archive_file FOR EACH STATEMENT WHEN (current_user <> gh_role('retention')) EXECUTE FUNCTION require_command();
  CREATE TRIGGER keeping_wall BEFORE UPDATE OR DELETE ON audit_archive_file FOR EACH STATEMENT WHEN (current_user = gh_role('retention')) EXECUTE FUNCTION require_keeping();
END $$;

-- Puts files in the place of those they were written from, without the entries or the personal values of `places`, and answers how many
-- of these there were. Under the lock of keeping. GH010: a file has changed since, or the boundary has moved; GH011: the counts differ.
CREATE FUNCTION audit_replace_files(files jsonb, places int8multirange, erasing boolean) RETURNS bigint LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE cold bigint; c record; f audit_archive_file; own int8multirange; expected bigint; gone bigint := 0;
BEGIN
  cold := coalesce((SELECT a.cold_to FROM audit_archive a WHERE a.tenant_id = current_tenant()), 0);
  FOR c IN SELECT * FROM jsonb_to_recordset(files) AS x(old text, name text, revision integer, entries integer, personal integer, bytes bigint, sha256 text,
                                                        recorded_from timestamptz, recorded_to timestamptz, occurred_from bigint, occurred_to bigint) LOOP
    SELECT * INTO f FROM audit_archive_file WHERE tenant_id = current_tenant() AND name = c.old AND state = 'cold' FOR UPDATE;
    IF NOT FOUND THEN RAISE EXCEPTION 'the file % was replaced meanwhile', c.old USING ERRCODE = 'GH010'; END IF;
    own := places * int8multirange(int8range(f.from_index, f.to_index));
    expected := coalesce((SELECT sum(upper(r) - lower(r)) FROM unnest(own) AS r), 0);
    IF (erasing AND (f.entries <> c.entries OR f.personal - c.personal <> expected)) OR (NOT erasing AND f.entries - c.entries <> expected) THEN
      RAISE EXCEPTION 'the file % does not lack % entries of %', c.name, expected, c.old USING ERRCODE = 'GH011';
    END IF;
    IF c.entries = 0 THEN
      DELETE FROM audit_archive_file WHERE tenant_id = current_tenant() AND from_index = f.from_index;
    ELSE
      UPDATE audit_archive_file SET name = c.name, revision = c.revision, entries = c.entries, personal = c.personal, bytes = c.bytes, sha256 = decode(c.sha256, 'hex'),
             recorded_from = c.recorded_from, recorded_to = c.recorded_to, occurred_from = c.occurred_from, occurred_to = c.occurred_to
       WHERE tenant_id = current_tenant() AND from_index = f.from_index;
    END IF;
    places := places - own;
    gone := gone + expected;
  END LOOP;
  IF places && int8range(0, cold) THEN RAISE EXCEPTION 'an entry is in the archive by now' USING ERRCODE = 'GH010'; END IF;
  RETURN gone;
END $$;

DROP FUNCTION audit_remove(uuid, text);
-- As before; `files` takes the place of files of the archive.
CREATE FUNCTION audit_remove(purge uuid, note text, files jsonb DEFAULT '[]') RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE p audit_purge; places bigint[]; gone bigint; cold bigint;
BEGIN
  PERFORM set_config('app.keeping', pg_current_xact_id()::text, true);
  PERFORM audit_keeping_revision();
  SELECT * INTO p FROM audit_purge WHERE tenant_id = current_tenant() AND id = purge FOR UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'there is no such purge' USING ERRCODE = 'GH011'; END IF;
  IF p.state IN ('removed', 'done') THEN RETURN 0; END IF;
  IF p.state <> 'recorded' OR p.revision <> audit_keeping_revision() THEN
    RAISE EXCEPTION 'holds or rules have changed since this purge was planned' USING ERRCODE = 'GH010';
  END IF;
  IF p.removed && p.held THEN RAISE EXCEPTION 'a held entry would go' USING ERRCODE = 'GH011'; END IF;
  -- The database's own clock and the rule as it is stored: a process whose clock has jumped removes nothing early.
  IF p.last_at > now() - make_interval(days => p.retention_days) OR NOT EXISTS (
    SELECT 1 FROM audit_retention r WHERE r.tenant_id = current_tenant() AND r.class = p.class AND r.days = p.retention_days
  ) OR EXISTS (
    SELECT 1 FROM audit_archive_file f WHERE f.tenant_id = current_tenant() AND f.state = 'cold' AND f.recorded_from > p.last_at
                                         AND p.removed && int8range(f.from_index, f.to_index)
  ) THEN RAISE EXCEPTION 'an entry that has not expired would go' USING ERRCODE = 'GH011'; END IF;
  cold := audit_replace_files(files, p.removed, false);
  -- One by one: behind row-level security a join over ranges cannot use the index, the places themselves can.
  SELECT array_agg(place) INTO places
    FROM unnest(p.removed - coalesce((SELECT int8multirange(int8range(0, a.cold_to)) FROM audit_archive a WHERE a.tenant_id = current_tenant()), '{}')) AS r,
         generate_series(lower(r), upper(r) - 1) AS place;
  DELETE FROM audit_entry e
   WHERE e.tenant_id = current_tenant() AND e.class = p.class AND e.recorded_at BETWEEN p.first_at AND p.last_at AND e.index = ANY(places);
  GET DIAGNOSTICS gone = ROW_COUNT;
  IF gone + cold <> p.events THEN RAISE EXCEPTION '% entries are there of the % to remove', gone + cold, p.events USING ERRCODE = 'GH011'; END IF;
  UPDATE audit_purge SET state = 'removed', removed_at = now(), certificate = note WHERE tenant_id = current_tenant() AND id = purge;
  RETURN gone + cold;
END $$;

DROP FUNCTION audit_erase(uuid, bigint, int8multirange);
-- As before; `files` takes the place of files of the archive. GH010 also: an entry has gone into the archive meanwhile.
CREATE FUNCTION audit_erase(erasure uuid, planned_revision bigint, entries int8multirange, files jsonb DEFAULT '[]') RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE x audit_erasure; places bigint[]; gone bigint; cold bigint;
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
  UPDATE audit_entry e SET personal = NULL WHERE e.tenant_id = current_tenant() AND e.index = ANY(places) AND e.personal IS NOT NULL;
  GET DIAGNOSTICS gone = ROW_COUNT;
  UPDATE audit_erasure SET erased = erased + gone + cold WHERE tenant_id = current_tenant() AND id = erasure;
  RETURN gone + cold;
END $$;

DO $$ DECLARE fn text; BEGIN
  FOREACH fn IN ARRAY ARRAY['audit_remove(uuid, text, jsonb)', 'audit_erase(uuid, bigint, int8multirange, jsonb)'] LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO %I', fn, gh_role('retention'));
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', fn);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I, %I', fn, gh_role('worker'), gh_role('owner'));
  END LOOP;
  -- Only what belongs to the same role calls it.
  EXECUTE format('ALTER FUNCTION audit_replace_files(jsonb, int8multirange, boolean) OWNER TO %I', gh_role('retention'));
  REVOKE ALL ON FUNCTION audit_replace_files(jsonb, int8multirange, boolean) FROM PUBLIC;
END $$;
