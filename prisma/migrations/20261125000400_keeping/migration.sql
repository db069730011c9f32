-- How long the log keeps what: rules by class, holds that win over them, and what was removed under which certificate.
-- Nothing here and no role of any process can remove an entry: one function does, which belongs to a role that nobody logs in
-- as, and it takes a purge that stands in the log already.

CREATE TABLE audit_retention (
  tenant_id   uuid NOT NULL,
  class       text NOT NULL CHECK (class IN ('control', 'access', 'activity')),
  days        integer CHECK (days >= 30),  -- null: for ever, as without a row
  changed_at  timestamptz(3) NOT NULL,
  PRIMARY KEY (tenant_id, class)
);
SELECT protect_table('audit_retention', 'INSERT, UPDATE', true);

CREATE TABLE audit_hold (
  tenant_id       uuid NOT NULL,
  id              uuid NOT NULL,
  name            text NOT NULL,
  kind            text NOT NULL CHECK (kind IN ('person', 'device', 'file', 'search')),
  target_id       uuid CHECK ((kind = 'search') = (target_id IS NULL)),
  q               text CHECK ((kind = 'search') = (q IS NOT NULL)),
  occurred_from   timestamptz(3),
  occurred_to     timestamptz(3),
  reason          text NOT NULL,
  placed_by       text NOT NULL,
  placed_at       timestamptz(3) NOT NULL,
  released_by     text,
  released_at     timestamptz(3),
  release_reason  text,
  PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX audit_hold_name ON audit_hold (tenant_id, lower(name)) WHERE released_at IS NULL;
SELECT protect_table('audit_hold', 'INSERT, UPDATE', true);

-- Counts the changes of rules and holds: what was planned under another state of them is planned again.
CREATE TABLE audit_keeping (
  tenant_id  uuid NOT NULL PRIMARY KEY,
  revision   bigint NOT NULL
);
SELECT protect_table('audit_keeping', 'INSERT, UPDATE', true);

CREATE TABLE audit_purge (
  tenant_id       uuid NOT NULL,
  id              uuid NOT NULL,
  class           text NOT NULL,
  retention_days  integer NOT NULL,
  removed         int8multirange NOT NULL,
  held            int8multirange NOT NULL,
  events          bigint NOT NULL,
  first_at        timestamptz(3) NOT NULL,
  last_at         timestamptz(3) NOT NULL,
  holds           jsonb NOT NULL,      -- [{id, name, kept}]
  leaves          bytea NOT NULL CHECK (octet_length(leaves) = 32),
  revision        bigint NOT NULL,
  state           text NOT NULL CHECK (state IN ('recorded', 'removed', 'done', 'withdrawn')),
  recorded_at     timestamptz(3) NOT NULL,
  removed_at      timestamptz(3),
  certificate     text CHECK ((certificate IS NOT NULL) = (state IN ('removed', 'done'))),
  PRIMARY KEY (tenant_id, id),
  CHECK (NOT removed && held)
);
CREATE INDEX audit_purge_open ON audit_purge (tenant_id, id) WHERE state IN ('recorded', 'removed');
SELECT protect_table('audit_purge', 'INSERT', true);
DO $$ BEGIN
  EXECUTE format('GRANT UPDATE (state) ON audit_purge TO %I', gh_role('writer'));
END $$;

CREATE TABLE audit_erasure (
  tenant_id    uuid NOT NULL,
  id           uuid NOT NULL,          -- the brake request's
  person_id    uuid NOT NULL,
  as_of        bigint NOT NULL,        -- the log's size when it was carried out: what comes later is not erased
  reason       text NOT NULL,
  asked_by     text NOT NULL,
  state        text NOT NULL CHECK (state IN ('running', 'done')),
  started_at   timestamptz(3) NOT NULL,
  finished_at  timestamptz(3),
  erased       bigint NOT NULL DEFAULT 0,
  kept         bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX audit_erasure_person ON audit_erasure (tenant_id, person_id, started_at DESC);
SELECT protect_table('audit_erasure', 'INSERT, UPDATE', true);

-- ── Who may remove ──────────────────────────────────────────────────────────────────────────────────────────────────

-- The wall of commands is for whoever states something. Removing has a wall of its own: the function below sets what it checks.
DROP TRIGGER IF EXISTS command_wall ON audit_entry;
CREATE TRIGGER command_wall BEFORE INSERT ON audit_entry FOR EACH STATEMENT EXECUTE FUNCTION require_command();
CREATE FUNCTION require_keeping() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('app.keeping', true) IS DISTINCT FROM pg_current_xact_id()::text OR current_user <> gh_role('retention') THEN
    RAISE EXCEPTION '% of % outside a purge or an erasure', TG_OP, TG_TABLE_NAME USING ERRCODE = 'GH001';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER keeping_wall BEFORE UPDATE OR DELETE ON audit_entry FOR EACH STATEMENT EXECUTE FUNCTION require_keeping();
CREATE TRIGGER truncate_wall BEFORE TRUNCATE ON audit_entry FOR EACH STATEMENT EXECUTE FUNCTION require_keeping();

DO $$ DECLARE tbl text; BEGIN
  -- One organisation at a time, but for the question whether anything at all is left of a month.
  EXECUTE format('CREATE POLICY retention_read ON audit_entry FOR SELECT TO %I USING (true)', gh_role('retention'));
  EXECUTE format('CREATE POLICY retention_delete ON audit_entry FOR DELETE TO %I USING (tenant_id = current_tenant())', gh_role('retention'));
  EXECUTE format('CREATE POLICY retention_update ON audit_entry FOR UPDATE TO %I USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', gh_role('retention'));
  EXECUTE format('GRANT SELECT, DELETE, UPDATE ON audit_entry TO %I', gh_role('retention'));
  FOREACH tbl IN ARRAY ARRAY['audit_purge', 'audit_erasure', 'audit_keeping', 'audit_retention'] LOOP
    EXECUTE format('CREATE POLICY retention ON %I TO %I USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', tbl, gh_role('retention'));
  END LOOP;
  EXECUTE format('GRANT SELECT, UPDATE ON audit_purge, audit_erasure TO %I', gh_role('retention'));
  EXECUTE format('GRANT SELECT ON audit_keeping, audit_retention TO %I', gh_role('retention'));
END $$;
-- What the functions write there is the second half of a command that stands in the log.
DROP TRIGGER command_wall ON audit_purge;
CREATE TRIGGER command_wall BEFORE INSERT OR DELETE ON audit_purge FOR EACH STATEMENT EXECUTE FUNCTION require_command();
DROP TRIGGER command_wall ON audit_erasure;
CREATE TRIGGER command_wall BEFORE INSERT OR DELETE ON audit_erasure FOR EACH STATEMENT EXECUTE FUNCTION require_command();

-- Adding a hold takes the same lock: it waits for a removal under way, and a removal that waited for it finds another revision.
CREATE FUNCTION audit_keeping_revision() RETURNS bigint LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('keeping:' || current_tenant()::text, 0));
  RETURN coalesce((SELECT k.revision FROM audit_keeping k WHERE k.tenant_id = current_tenant()), 0);
END $$;

-- Removes what a recorded purge names, all of it or nothing, and keeps its certificate. Answers how many rows went: 0 when it was
-- done before. GH010: rules or holds have changed since it was planned; nothing was removed.
CREATE FUNCTION audit_remove(purge uuid, note text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE p audit_purge; places bigint[]; gone bigint;
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
  ) THEN RAISE EXCEPTION 'an entry that has not expired would go' USING ERRCODE = 'GH011'; END IF;
  -- One by one: behind row-level security a join over ranges cannot use the index, the places themselves can.
  SELECT array_agg(place) INTO places FROM unnest(p.removed) AS r, generate_series(lower(r), upper(r) - 1) AS place;
  DELETE FROM audit_entry e
   WHERE e.tenant_id = current_tenant() AND e.class = p.class AND e.recorded_at BETWEEN p.first_at AND p.last_at AND e.index = ANY(places);
  GET DIAGNOSTICS gone = ROW_COUNT;
  IF gone <> p.events THEN RAISE EXCEPTION '% entries are there of the % to remove', gone, p.events USING ERRCODE = 'GH011'; END IF;
  UPDATE audit_purge SET state = 'removed', removed_at = now(), certificate = note WHERE tenant_id = current_tenant() AND id = purge;
  RETURN gone;
END $$;

-- Erases the personal values of the named entries, for an erasure that was carried out. GH010: holds have changed meanwhile.
CREATE FUNCTION audit_erase(erasure uuid, planned_revision bigint, entries int8multirange) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE x audit_erasure; places bigint[]; gone bigint;
BEGIN
  PERFORM set_config('app.keeping', pg_current_xact_id()::text, true);
  IF audit_keeping_revision() <> planned_revision THEN
    RAISE EXCEPTION 'holds have changed meanwhile' USING ERRCODE = 'GH010';
  END IF;
  SELECT * INTO x FROM audit_erasure WHERE tenant_id = current_tenant() AND id = erasure FOR UPDATE;
  IF NOT FOUND OR x.state <> 'running' THEN RAISE EXCEPTION 'there is no such erasure under way' USING ERRCODE = 'GH011'; END IF;
  IF upper(entries) > x.as_of THEN RAISE EXCEPTION 'a later entry would be erased' USING ERRCODE = 'GH011'; END IF;
  SELECT array_agg(place) INTO places FROM unnest(entries) AS r, generate_series(lower(r), upper(r) - 1) AS place;
  UPDATE audit_entry e SET personal = NULL WHERE e.tenant_id = current_tenant() AND e.index = ANY(places) AND e.personal IS NOT NULL;
  GET DIAGNOSTICS gone = ROW_COUNT;
  UPDATE audit_erasure SET erased = erased + gone WHERE tenant_id = current_tenant() AND id = erasure;
  RETURN gone;
END $$;

-- Whether nothing is left of a month of a class, of any organisation. Asked of the whole table: a part has no policy, and says
-- "nothing" to everybody.
CREATE FUNCTION audit_month_is_empty(of_class text, month date) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT NOT EXISTS (SELECT 1 FROM audit_entry WHERE class = of_class AND recorded_at >= month::timestamp AT TIME ZONE 'UTC'
                                                AND recorded_at < (month + interval '1 month')::timestamp AT TIME ZONE 'UTC')
$$;

-- Drops the parts of past months of which nothing is left; answers their names. A month that was never used goes as well.
CREATE FUNCTION audit_drop_empty_months(before date) RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE part record; month date;
BEGIN
  -- Whoever reads or writes the log meanwhile is not kept waiting for long: the next night tries again.
  PERFORM set_config('lock_timeout', '2s', true);
  FOR part IN
    SELECT c.relname AS name, substring(c.relname FROM '^audit_entry_([a-z]+)_\d{6}$') AS class, to_date(right(c.relname, 6), 'YYYYMM') AS month
      FROM pg_partition_tree('audit_entry') t JOIN pg_class c ON c.oid = t.relid
     WHERE t.isleaf AND c.relname ~ '^audit_entry_[a-z]+_\d{6}$' ORDER BY 1
  LOOP
    month := part.month;
    -- A month is past when nothing can be recorded in it any more, whatever a clock says.
    CONTINUE WHEN month >= date_trunc('month', least(before, now()::date))::date;
    CONTINUE WHEN NOT audit_month_is_empty(part.class, month);
    EXECUTE format('DROP TABLE %I', part.name);
    RETURN NEXT part.name;
  END LOOP;
END $$;

DO $$ DECLARE fn text; BEGIN
  FOREACH fn IN ARRAY ARRAY['audit_remove(uuid, text)', 'audit_erase(uuid, bigint, int8multirange)', 'audit_month_is_empty(text, date)'] LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO %I', fn, gh_role('retention'));
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', fn);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I, %I', fn, gh_role('worker'), gh_role('owner'));
  END LOOP;
  EXECUTE format('REVOKE ALL ON FUNCTION audit_drop_empty_months(date) FROM PUBLIC');
  EXECUTE format('GRANT EXECUTE ON FUNCTION audit_drop_empty_months(date) TO %I', gh_role('worker'));
END $$;
