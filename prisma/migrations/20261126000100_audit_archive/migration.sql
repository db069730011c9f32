-- Closed days of a log as Parquet files: every kept entry below `cold_to` stands in a file and no longer in the tables, everything from
-- there on in the tables. The tree stays where it is. Nothing is destroyed: what goes from the tables is, verified, in a file.

CREATE TABLE audit_archive (
  tenant_id   uuid NOT NULL PRIMARY KEY,
  after_days  integer CHECK (after_days >= 30),  -- null: nothing more is archived
  cold_to     bigint NOT NULL DEFAULT 0,
  changed_at  timestamptz(3) NOT NULL,
  ran_at      timestamptz(3),                    -- the last night it was looked at, and what then kept it from going on
  problem     text
);
SELECT protect_table('audit_archive', 'INSERT (tenant_id, after_days, changed_at), UPDATE (after_days, changed_at)', true);

CREATE TABLE audit_archive_file (
  tenant_id      uuid NOT NULL,
  from_index     bigint NOT NULL,
  to_index       bigint NOT NULL CHECK (to_index > from_index),  -- excluded
  date           date NOT NULL,                                  -- the day (UTC) it was recorded
  entries        integer NOT NULL CHECK (entries BETWEEN 1 AND to_index - from_index),
  personal       integer NOT NULL CHECK (personal BETWEEN 0 AND entries),  -- so many of them have personal values
  bytes          bigint NOT NULL,
  sha256         bytea NOT NULL CHECK (octet_length(sha256) = 32),
  recorded_from  timestamptz(3) NOT NULL,
  recorded_to    timestamptz(3) NOT NULL,
  occurred_from  bigint NOT NULL,                                -- milliseconds
  occurred_to    bigint NOT NULL,
  name           text NOT NULL,
  revision       integer NOT NULL,
  state          text NOT NULL CHECK (state IN ('written', 'cold')),
  PRIMARY KEY (tenant_id, from_index)
);
SELECT protect_table('audit_archive_file', 'INSERT, DELETE', true);

DO $$ DECLARE tbl text; BEGIN
  -- Whoever states something may change the rule; the boundary moves by the function below alone. When it last ran is nobody's act.
  DROP TRIGGER command_wall ON audit_archive;
  CREATE TRIGGER command_wall BEFORE INSERT OR DELETE OR UPDATE OF after_days, changed_at ON audit_archive
    FOR EACH STATEMENT EXECUTE FUNCTION require_command();
  EXECUTE format('GRANT UPDATE (ran_at, problem) ON audit_archive TO %I', gh_role('worker'));
  DROP TRIGGER command_wall ON audit_archive_file;
  CREATE TRIGGER command_wall BEFORE INSERT OR DELETE ON audit_archive_file FOR EACH STATEMENT EXECUTE FUNCTION require_command();
  -- A file is announced before anything goes, and withdrawn only while nothing has gone.
  EXECUTE format('CREATE POLICY announced ON audit_archive_file AS RESTRICTIVE FOR INSERT TO %I WITH CHECK (state = ''written'')', gh_role('writer'));
  EXECUTE format('CREATE POLICY withdrawn ON audit_archive_file AS RESTRICTIVE FOR DELETE TO %I USING (state = ''written'')', gh_role('writer'));

  FOREACH tbl IN ARRAY ARRAY['audit_archive', 'audit_archive_file', 'audit_run', 'audit_posting', 'audit_block'] LOOP
    EXECUTE format('CREATE POLICY retention ON %I TO %I USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', tbl, gh_role('retention'));
  END LOOP;
  EXECUTE format('GRANT SELECT, UPDATE ON audit_archive, audit_archive_file TO %I', gh_role('retention'));
  EXECUTE format('GRANT SELECT, DELETE ON audit_run, audit_posting, audit_block TO %I', gh_role('retention'));
END $$;

-- The entries below `upto` go from the tables, with what the index says of them: they are in files that were verified and that the
-- log names. All of it or nothing; done before, it does nothing. Answers how many went. A run that reaches beyond goes whole:
-- whoever calls this builds it anew from there. GH010: the files are not what the tables hold any more, or a purge is under way.
CREATE FUNCTION audit_go_cold(upto bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE a audit_archive; f record; gone bigint; expected bigint := 0; reached bigint; last_at timestamptz;
BEGIN
  PERFORM set_config('app.keeping', pg_current_xact_id()::text, true);
  PERFORM audit_keeping_revision();
  PERFORM pg_advisory_xact_lock(hashtextextended('gatehouse.index.' || current_tenant()::text, 0));
  SELECT * INTO a FROM audit_archive WHERE tenant_id = current_tenant() FOR UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'there is no archive' USING ERRCODE = 'GH011'; END IF;
  IF upto <= a.cold_to THEN RETURN 0; END IF;
  IF EXISTS (SELECT 1 FROM audit_purge WHERE tenant_id = current_tenant() AND state = 'recorded') THEN
    RAISE EXCEPTION 'a purge is under way' USING ERRCODE = 'GH010';
  END IF;
  reached := a.cold_to;
  FOR f IN SELECT * FROM audit_archive_file WHERE tenant_id = current_tenant() AND state = 'written' AND from_index < upto ORDER BY from_index LOOP
    IF f.from_index < reached OR f.to_index > upto THEN RAISE EXCEPTION 'the files do not follow each other' USING ERRCODE = 'GH011'; END IF;
    SELECT count(*), max(recorded_at) INTO gone, last_at FROM audit_entry WHERE tenant_id = current_tenant() AND index >= f.from_index AND index < f.to_index;
    -- What was purged or erased since must not come back by a file.
    IF gone <> f.entries OR f.personal <> (SELECT count(personal) FROM audit_entry WHERE tenant_id = current_tenant() AND index >= f.from_index AND index < f.to_index) THEN
      RAISE EXCEPTION 'the file from % on is not what the log holds', f.from_index USING ERRCODE = 'GH010';
    END IF;
    -- The database's own clock and the rule as it is stored.
    IF a.after_days IS NULL OR last_at > now() - make_interval(days => a.after_days) THEN
      RAISE EXCEPTION 'an entry would be archived early' USING ERRCODE = 'GH010';
    END IF;
    expected := expected + f.entries;
    reached := f.to_index;
  END LOOP;
  IF reached <> upto THEN RAISE EXCEPTION 'no file reaches %', upto USING ERRCODE = 'GH011'; END IF;
  DELETE FROM audit_entry WHERE tenant_id = current_tenant() AND index >= a.cold_to AND index < upto;
  GET DIAGNOSTICS gone = ROW_COUNT;
  IF gone <> expected THEN RAISE EXCEPTION '% entries are there of the % in files', gone, expected USING ERRCODE = 'GH011'; END IF;
  DELETE FROM audit_run WHERE tenant_id = current_tenant() AND at < upto;
  DELETE FROM audit_posting WHERE tenant_id = current_tenant() AND at < upto;
  DELETE FROM audit_block WHERE tenant_id = current_tenant() AND at < upto;
  UPDATE audit_archive_file SET state = 'cold' WHERE tenant_id = current_tenant() AND state = 'written' AND to_index <= upto;
  UPDATE audit_archive SET cold_to = upto WHERE tenant_id = current_tenant();
  RETURN gone;
END $$;

DO $$ BEGIN
  EXECUTE format('ALTER FUNCTION audit_go_cold(bigint) OWNER TO %I', gh_role('retention'));
  REVOKE ALL ON FUNCTION audit_go_cold(bigint) FROM PUBLIC;
  EXECUTE format('GRANT EXECUTE ON FUNCTION audit_go_cold(bigint) TO %I, %I', gh_role('worker'), gh_role('owner'));
END $$;
