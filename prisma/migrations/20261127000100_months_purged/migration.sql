-- A month of a class of which everything has expired, for everybody, goes in one piece: each organisation's purges of it are recorded as
-- any other, and then its part of the table is dropped. No row is deleted.

-- Months that have expired for every organisation with entries in them, oldest first. A hint: what removes looks at every row again.
CREATE FUNCTION audit_expired_months() RETURNS TABLE (class text, month date, tenants uuid[]) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE part record; low timestamptz; high timestamptz; last uuid; concerned uuid[];
BEGIN
  FOR part IN
    SELECT substring(c.relname FROM '^audit_entry_([a-z]+)_\d{6}$') AS class, to_date(right(c.relname, 6), 'YYYYMM') AS month
      FROM pg_partition_tree('audit_entry') t JOIN pg_class c ON c.oid = t.relid
     WHERE t.isleaf AND c.relname ~ '^audit_entry_[a-z]+_\d{6}$' ORDER BY 2, 1
  LOOP
    low := part.month::timestamp AT TIME ZONE 'UTC';
    high := (part.month + interval '1 month') AT TIME ZONE 'UTC';
    EXIT WHEN high > now();
    last := '00000000-0000-0000-0000-000000000000';
    concerned := '{}';
    LOOP
      -- From one organisation to the next: as many look-ups as there are organisations.
      SELECT e.tenant_id INTO last FROM audit_entry e
       WHERE e.class = part.class AND e.recorded_at >= low AND e.recorded_at < high AND e.tenant_id > last ORDER BY e.tenant_id LIMIT 1;
      EXIT WHEN NOT FOUND;
      PERFORM set_config('app.tenant_id', last::text, true);
      IF NOT EXISTS (
        SELECT 1 FROM audit_retention r WHERE r.tenant_id = current_tenant() AND r.class = part.class
           AND high <= (date_trunc('day', now() AT TIME ZONE 'UTC') - make_interval(days => r.days)) AT TIME ZONE 'UTC'
      ) THEN
        concerned := '{}';
        EXIT;
      END IF;
      concerned := concerned || last;
    END LOOP;
    IF concerned <> '{}' THEN
      class := part.class;
      month := part.month;
      tenants := concerned;
      RETURN NEXT;
    END IF;
  END LOOP;
  PERFORM set_config('app.tenant_id', '', true);
END $$;

-- Compares what is left of a month with the purges that are to remove it, both ways, and notes them as removed with their certificates;
-- or says what disagrees, and then nothing is noted. For the function below, which holds the locks of keeping and keeps writers away.
CREATE FUNCTION audit_settle_month(of_class text, of_month date, notes jsonb) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE t record; p record; n record; low timestamptz; high timestamptz; places int8multirange; there bigint; named bigint; concerned uuid[] := '{}'; other uuid;
BEGIN
  low := of_month::timestamp AT TIME ZONE 'UTC';
  high := (of_month + interval '1 month') AT TIME ZONE 'UTC';
  FOR t IN SELECT x.tenant, array_agg(x.purge) AS purges FROM jsonb_to_recordset(notes) AS x(tenant uuid, purge uuid) GROUP BY 1 ORDER BY 1 LOOP
    PERFORM set_config('app.tenant_id', t.tenant::text, true);
    SELECT count(*) AS purges, coalesce(sum(a.events), 0) AS events, min(a.first_at) AS first_at, max(a.last_at) AS last_at,
           bool_and(a.revision = coalesce((SELECT k.revision FROM audit_keeping k WHERE k.tenant_id = current_tenant()), 0)) AS is_current,
           -- The database's own clock and the rule as it is stored.
           bool_and(a.last_at <= now() - make_interval(days => a.retention_days) AND EXISTS (
             SELECT 1 FROM audit_retention r WHERE r.tenant_id = current_tenant() AND r.class = a.class AND r.days = a.retention_days)) AS has_expired
      INTO p FROM audit_purge a WHERE a.tenant_id = current_tenant() AND a.id = ANY(t.purges) AND a.class = of_class AND a.state = 'recorded';
    IF p.purges <> cardinality(t.purges) THEN RETURN 'a purge is not recorded'; END IF;
    IF NOT p.is_current THEN RETURN 'holds or rules have changed'; END IF;
    IF NOT p.has_expired THEN RETURN 'an entry has not expired'; END IF;
    SELECT range_agg(a.removed) INTO places FROM audit_purge a WHERE a.tenant_id = current_tenant() AND a.id = ANY(t.purges);
    IF (SELECT sum(upper(r) - lower(r)) FROM unnest(places) AS r) <> p.events THEN RETURN 'an entry is in two purges'; END IF;
    IF places && int8range(0, coalesce((SELECT a.cold_to FROM audit_archive a WHERE a.tenant_id = current_tenant()), 0)) THEN
      RETURN 'an entry is in the archive';
    END IF;
    -- So many rows as the purges say, no two with one place, all of them among the purges' places: the same rows.
    SELECT count(*), count(*) FILTER (WHERE e.recorded_at BETWEEN p.first_at AND p.last_at AND places @> e.index) INTO there, named FROM audit_entry e
     WHERE e.tenant_id = current_tenant() AND e.class = of_class AND e.recorded_at >= low AND e.recorded_at < high;
    IF named <> p.events THEN RETURN format('%s entries are there of the %s to remove', named, p.events); END IF;
    IF there <> named THEN RETURN format('%s entries are in no purge', there - named); END IF;
    concerned := concerned || t.tenant;
  END LOOP;
  -- From one organisation to the next.
  other := '00000000-0000-0000-0000-000000000000';
  LOOP
    SELECT e.tenant_id INTO other FROM audit_entry e
     WHERE e.class = of_class AND e.recorded_at >= low AND e.recorded_at < high AND e.tenant_id > other ORDER BY e.tenant_id LIMIT 1;
    EXIT WHEN NOT FOUND;
    IF other <> ALL(concerned) THEN RETURN 'entries of another organisation are in no purge'; END IF;
  END LOOP;

  FOR n IN SELECT * FROM jsonb_to_recordset(notes) AS x(tenant uuid, purge uuid, note text) LOOP
    PERFORM set_config('app.tenant_id', n.tenant::text, true);
    UPDATE audit_purge a SET state = 'removed', removed_at = now(), certificate = n.note
     WHERE a.tenant_id = current_tenant() AND a.id = n.purge AND a.state = 'recorded';
    IF NOT FOUND THEN RAISE EXCEPTION 'a purge was withdrawn meanwhile' USING ERRCODE = 'GH010'; END IF;
  END LOOP;
  PERFORM set_config('app.tenant_id', '', true);
  RETURN NULL;
END $$;

-- Drops a month of a class of which every entry is in a recorded purge, and keeps the certificates; `notes`: [{tenant, purge, note}].
-- Answers null, or what speaks against it: then nothing has gone. GH010 and a lock that is not to be had in time mean the same.
CREATE FUNCTION audit_drop_month(of_class text, of_month date, notes jsonb) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE part text := format('audit_entry_%s_%s', of_class, to_char(of_month, 'YYYYMM')); t uuid; problem text;
BEGIN
  -- Whoever reads or writes the log meanwhile is not kept waiting for long.
  PERFORM set_config('lock_timeout', '2s', true);
  IF of_class NOT IN ('control', 'access', 'activity') OR of_month <> date_trunc('month', of_month)::date OR to_regclass(part) IS NULL THEN
    RETURN 'there is no such month';
  END IF;
  -- As whoever places a hold or removes entries: before anything of the table, and always in the same order.
  FOR t IN SELECT DISTINCT x.tenant FROM jsonb_to_recordset(notes) AS x(tenant uuid) ORDER BY 1 LOOP
    PERFORM pg_advisory_xact_lock(hashtextextended('keeping:' || t::text, 0));
  END LOOP;
  -- While the rows are compared they can be read and not changed.
  EXECUTE format('LOCK TABLE ONLY %I IN SHARE MODE', part);
  problem := audit_settle_month(of_class, of_month, notes);
  IF problem IS NOT NULL THEN RETURN problem; END IF;
  EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', 'audit_entry_' || of_class);
  EXECUTE format('DROP TABLE %I', part);
  RETURN NULL;
END $$;

DO $$ DECLARE fn text; BEGIN
  FOREACH fn IN ARRAY ARRAY['audit_expired_months()', 'audit_settle_month(text, date, jsonb)'] LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO %I', fn, gh_role('retention'));
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', fn);
  END LOOP;
  EXECUTE format('GRANT EXECUTE ON FUNCTION audit_expired_months() TO %I', gh_role('worker'));
  -- Only what drops the month calls it.
  EXECUTE format('GRANT EXECUTE ON FUNCTION audit_settle_month(text, date, jsonb) TO %I', gh_role('owner'));
  REVOKE ALL ON FUNCTION audit_drop_month(text, date, jsonb) FROM PUBLIC;
  EXECUTE format('GRANT EXECUTE ON FUNCTION audit_drop_month(text, date, jsonb) TO %I', gh_role('worker'));
END $$;
