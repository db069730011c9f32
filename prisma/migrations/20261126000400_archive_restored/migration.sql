-- A restored backup may name files of the archive that were replaced since: what went from them was destroyed. The rows follow, and
-- the purges that explain what is missing come back with their certificates.
DO $$ BEGIN
  EXECUTE format('GRANT INSERT ON audit_purge TO %I', gh_role('retention'));
END $$;

-- Inside a command. `files` as audit_replace_files takes them, `purges` as rows of audit_purge. Answers how many entries went.
-- GH011: what is missing from a file is not what these purges removed.
CREATE FUNCTION audit_follow_files(files jsonb, purges jsonb) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE gone bigint; events bigint;
BEGIN
  PERFORM set_config('app.keeping', pg_current_xact_id()::text, true);
  PERFORM audit_keeping_revision();
  INSERT INTO audit_purge SELECT (jsonb_populate_record(NULL::audit_purge, p || '{"state": "done"}')).* FROM jsonb_array_elements(purges) AS p
  ON CONFLICT DO NOTHING;
  SELECT coalesce(sum(f.entries - x.entries), 0) INTO events
    FROM jsonb_to_recordset(files) AS x(old text, entries integer) JOIN audit_archive_file f ON f.tenant_id = current_tenant() AND f.name = x.old AND f.state = 'cold';
  gone := audit_replace_files(files, coalesce((
    SELECT range_agg(r) * (SELECT range_agg(int8range(f.from_index, f.to_index)) FROM jsonb_to_recordset(files) AS x(old text)
                             JOIN audit_archive_file f ON f.tenant_id = current_tenant() AND f.name = x.old AND f.state = 'cold')
      FROM jsonb_array_elements(purges) AS p, unnest((p->>'removed')::int8multirange) AS r), '{}'), false);
  IF gone <> events THEN RAISE EXCEPTION '% entries are missing, % were purged', events, gone USING ERRCODE = 'GH011'; END IF;
  RETURN gone;
END $$;

DO $$ BEGIN
  EXECUTE format('ALTER FUNCTION audit_follow_files(jsonb, jsonb) OWNER TO %I', gh_role('retention'));
  REVOKE ALL ON FUNCTION audit_follow_files(jsonb, jsonb) FROM PUBLIC;
  EXECUTE format('GRANT EXECUTE ON FUNCTION audit_follow_files(jsonb, jsonb) TO %I', gh_role('writer'));
END $$;
