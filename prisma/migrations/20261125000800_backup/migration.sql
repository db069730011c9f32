-- A role that reads every organisation, for `gatehouse backup` alone; nobody logs in as it. What a backup leaves out, it may not even
-- read: shares of vault keys, sessions and what is spent by use, and what is made anew (server/kernel/backup/left-out.ts).

CREATE OR REPLACE FUNCTION protect_table(rel regclass, writer_rights text, walled boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', rel);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', rel);
  EXECUTE format('CREATE POLICY tenant_isolation ON %s TO %I, %I, %I USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())',
                 rel, gh_role('reader'), gh_role('writer'), gh_role('worker'));
  EXECUTE format('GRANT SELECT ON %s TO %I, %I, %I', rel, gh_role('reader'), gh_role('writer'), gh_role('worker'));
  IF writer_rights <> '' THEN
    EXECUTE format('GRANT %s ON %s TO %I', writer_rights, rel, gh_role('writer'));
  END IF;
  IF walled THEN
    EXECUTE format('CREATE TRIGGER command_wall BEFORE INSERT OR UPDATE OR DELETE ON %s FOR EACH STATEMENT EXECUTE FUNCTION require_command()', rel);
  END IF;
  PERFORM let_backup_read(rel);
END $$;

CREATE FUNCTION let_backup_read(rel regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE POLICY backup ON %s FOR SELECT TO %I USING (true)', rel, gh_role('backup'));
  EXECUTE format('GRANT SELECT ON %s TO %I', rel, gh_role('backup'));
END $$;

DO $$ DECLARE rel regclass; BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', gh_role('backup'));
  FOR rel IN
    SELECT c.oid::regclass FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL (ARRAY[
       '_prisma_migrations', 'vault_share', 'session', 'session_activity', 'step_up_grant', 'rate_limit', 'dpop_jti',
       'audit_run', 'audit_posting', 'audit_block', 'audit_export', 'audit_export_run', 'audit_export_part'])
  LOOP
    PERFORM let_backup_read(rel);
  END LOOP;
END $$;
