-- Searching behind row-level security: a policy makes `@>` unusable as an index condition (it is not leakproof), so one role that
-- nobody logs in as sees every row, and owns only the functions below. They add the organisation themselves and refuse without one.

-- How far an event's own time may lie ahead of its recording: the bound that lets a range of time exclude partitions.
ALTER TABLE audit_head ADD COLUMN ahead_ms bigint NOT NULL DEFAULT 0;

DO $$ DECLARE part text; BEGIN
  FOREACH part IN ARRAY ARRAY['audit_entry', 'audit_personal'] LOOP
    EXECUTE format('CREATE POLICY search ON %I FOR SELECT TO %I USING (true)', part, gh_role('search'));
    EXECUTE format('GRANT SELECT ON %I TO %I', part, gh_role('search'));
  END LOOP;
END $$;

CREATE FUNCTION required_tenant() RETURNS uuid LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF current_tenant() IS NULL THEN
    RAISE EXCEPTION 'no organisation is set' USING ERRCODE = 'GH003';
  END IF;
  RETURN current_tenant();
END $$;

-- A plan of hashed terms as a condition. Only numbers are written into it. Terms of one `and` or `or` become one array: the index
-- intersects them itself, from the rarest on.
CREATE FUNCTION audit_condition(plan jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE kind text := plan->>'kind'; terms text; parts text[]; item jsonb;
BEGIN
  CASE kind
    WHEN 'all' THEN RETURN 'true';
    WHEN 'none' THEN RETURN 'false';
    WHEN 'term' THEN RETURN format('e.terms @> ARRAY[%s]::bigint[]', (plan->>'hash')::bigint);
    WHEN 'not' THEN RETURN format('NOT (%s)', audit_condition(plan->'item'));
    WHEN 'and', 'or' THEN
      SELECT string_agg(((value->>'hash')::bigint)::text, ',') INTO terms FROM jsonb_array_elements(plan->'items') WHERE value->>'kind' = 'term';
      IF terms IS NOT NULL THEN
        parts := ARRAY[format('e.terms %s ARRAY[%s]::bigint[]', CASE kind WHEN 'and' THEN '@>' ELSE '&&' END, terms)];
      END IF;
      FOR item IN SELECT value FROM jsonb_array_elements(plan->'items') WHERE value->>'kind' <> 'term' LOOP
        parts := parts || format('(%s)', audit_condition(item));
      END LOOP;
      RETURN array_to_string(parts, CASE kind WHEN 'and' THEN ' AND ' ELSE ' OR ' END);
    ELSE RAISE EXCEPTION 'unknown plan %', kind;
  END CASE;
END $$;

-- Whether the index of terms can drive the plan: a bare negation, or everything, it cannot.
CREATE FUNCTION audit_drivable(plan jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE plan->>'kind'
    WHEN 'term' THEN true
    WHEN 'none' THEN true
    WHEN 'and' THEN (SELECT bool_or(audit_drivable(value)) FROM jsonb_array_elements(plan->'items'))
    WHEN 'or' THEN (SELECT bool_and(audit_drivable(value)) FROM jsonb_array_elements(plan->'items'))
    ELSE false
  END $$;

CREATE TYPE audit_row AS (index bigint, class text, recorded_at timestamptz, id uuid, entry text, personal text);

-- Up to `wanted` candidates of one range of recording time, in the log's order, beyond `after` (an index; null: from the end).
-- First a walk along the primary key over a bounded window: a frequent term fills the page there. What does not fill goes
-- through the index of terms alone, never through a walk that may read the whole range for one row.
CREATE FUNCTION audit_search(plan jsonb, recorded_from timestamptz, recorded_to timestamptz, occurred_from timestamptz, occurred_to timestamptz,
                             after bigint, newest_first boolean, wanted integer)
RETURNS SETOF audit_row LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  walk_rows constant bigint := 3000;
  tenant uuid := required_tenant();
  step text := CASE WHEN newest_first THEN 'DESC' ELSE 'ASC' END;
  range_sql text := format('e.recorded_at >= %L::timestamptz AND e.recorded_at < %L::timestamptz', recorded_from, recorded_to);
  page_sql text := '';
  edge bigint;
  window_sql text;
  found_rows integer;
BEGIN
  IF after IS NOT NULL THEN
    page_sql := format(' AND e.index %s %s', CASE WHEN newest_first THEN '<' ELSE '>' END, after);
  END IF;
  IF occurred_from IS NOT NULL THEN page_sql := page_sql || format(' AND e.occurred_at >= %L::timestamptz', occurred_from); END IF;
  IF occurred_to IS NOT NULL THEN page_sql := page_sql || format(' AND e.occurred_at < %L::timestamptz', occurred_to); END IF;
  IF audit_drivable(plan) THEN
    edge := after;
    IF edge IS NULL THEN
      EXECUTE format('SELECT e.index FROM audit_entry e WHERE e.tenant_id = %L AND %s ORDER BY e.index %s LIMIT 1', tenant, range_sql, step) INTO edge;
    END IF;
    IF edge IS NULL THEN RETURN; END IF;
    window_sql := CASE WHEN newest_first THEN format(' AND e.index >= %s', edge - walk_rows) ELSE format(' AND e.index <= %s', edge + walk_rows) END;
  ELSE
    window_sql := '';
  END IF;
  RETURN QUERY EXECUTE format(
    'SELECT e.index, e.class, e.recorded_at, e.id, e.entry, p.personal
       FROM (SELECT e.index, e.class, e.recorded_at, e.id, e.entry FROM audit_entry e
              WHERE e.tenant_id = %L AND %s%s%s AND (%s) ORDER BY e.index %s LIMIT %s) e
       LEFT JOIN audit_personal p ON p.tenant_id = %L AND p.index = e.index AND p.class = e.class AND p.recorded_at = e.recorded_at AND %s
      ORDER BY e.index %s', tenant, range_sql, page_sql, window_sql, audit_condition(plan), step, wanted, tenant, replace(range_sql, 'e.', 'p.'), step);
  GET DIAGNOSTICS found_rows = ROW_COUNT;
  IF found_rows >= wanted OR window_sql = '' THEN RETURN; END IF;
  -- The rest lies beyond the window.
  window_sql := CASE WHEN newest_first THEN format(' AND e.index < %s', edge - walk_rows) ELSE format(' AND e.index > %s', edge + walk_rows) END;
  RETURN QUERY EXECUTE format(
    'WITH c AS MATERIALIZED (SELECT e.tenant_id, e.index, e.class, e.recorded_at, e.occurred_at FROM audit_entry e WHERE %s AND (%s)),
          page AS MATERIALIZED (SELECT * FROM c e WHERE e.tenant_id = %L%s%s ORDER BY e.index %s LIMIT %s)
     SELECT e.index, e.class, e.recorded_at, e.id, e.entry, p.personal
       FROM page c JOIN audit_entry e ON e.tenant_id = c.tenant_id AND e.index = c.index AND e.class = c.class AND e.recorded_at = c.recorded_at AND %s
       LEFT JOIN audit_personal p ON p.tenant_id = c.tenant_id AND p.index = c.index AND p.class = c.class AND p.recorded_at = c.recorded_at AND %s
      ORDER BY e.index %s', range_sql, audit_condition(plan), tenant, page_sql, window_sql, step, wanted - found_rows, range_sql, replace(range_sql, 'e.', 'p.'), step);
END $$;

-- How many candidates there are, counted up to `cap`.
CREATE FUNCTION audit_count(plan jsonb, recorded_from timestamptz, recorded_to timestamptz, occurred_from timestamptz, occurred_to timestamptz, cap integer)
RETURNS integer LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE tenant uuid := required_tenant(); counted integer; bounds text := '';
BEGIN
  IF occurred_from IS NOT NULL THEN bounds := bounds || format(' AND e.occurred_at >= %L::timestamptz', occurred_from); END IF;
  IF occurred_to IS NOT NULL THEN bounds := bounds || format(' AND e.occurred_at < %L::timestamptz', occurred_to); END IF;
  EXECUTE format('SELECT count(*) FROM (SELECT 1 FROM audit_entry e WHERE e.tenant_id = %L AND e.recorded_at >= %L::timestamptz AND e.recorded_at < %L::timestamptz%s AND (%s) LIMIT %s) t',
                 tenant, recorded_from, recorded_to, bounds, audit_condition(plan), cap) INTO counted;
  RETURN counted;
END $$;

CREATE TYPE audit_bucket AS (bucket bigint, value text, events bigint);

-- Candidates by bucket of occurrence (epoch milliseconds divided by `width_ms`) and by outcome, action, device or actor; `facet` names a column.
CREATE FUNCTION audit_aggregate(plan jsonb, recorded_from timestamptz, recorded_to timestamptz, occurred_from timestamptz, occurred_to timestamptz,
                                width_ms bigint, facet text, max_rows integer)
RETURNS SETOF audit_bucket LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE tenant uuid := required_tenant(); bounds text := ''; bucket_sql text; facet_sql text;
BEGIN
  facet_sql := CASE facet WHEN 'outcome' THEN 'e.outcome' WHEN 'action' THEN 'e.action' WHEN 'actor' THEN 'e.actor_id' WHEN 'device' THEN 'e.device_id::text'
                          WHEN 'target' THEN 'e.target_id' END;
  IF facet_sql IS NULL THEN RAISE EXCEPTION 'unknown facet %', facet; END IF;
  bucket_sql := CASE WHEN width_ms > 0 THEN format('floor(extract(epoch FROM e.occurred_at) * 1000 / %s)::bigint', width_ms) ELSE '0::bigint' END;
  IF occurred_from IS NOT NULL THEN bounds := bounds || format(' AND e.occurred_at >= %L::timestamptz', occurred_from); END IF;
  IF occurred_to IS NOT NULL THEN bounds := bounds || format(' AND e.occurred_at < %L::timestamptz', occurred_to); END IF;
  RETURN QUERY EXECUTE format('SELECT %s, %s, count(*) FROM audit_entry e WHERE e.tenant_id = %L AND e.recorded_at >= %L::timestamptz AND e.recorded_at < %L::timestamptz%s AND (%s)
    GROUP BY 1, 2 ORDER BY 3 DESC LIMIT %s', bucket_sql, facet_sql, tenant, recorded_from, recorded_to, bounds, audit_condition(plan), max_rows);
END $$;

DO $$ DECLARE fn text; BEGIN
  FOREACH fn IN ARRAY ARRAY[
    'audit_search(jsonb, timestamptz, timestamptz, timestamptz, timestamptz, bigint, boolean, integer)',
    'audit_count(jsonb, timestamptz, timestamptz, timestamptz, timestamptz, integer)',
    'audit_aggregate(jsonb, timestamptz, timestamptz, timestamptz, timestamptz, bigint, text, integer)'] LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO %I', fn, gh_role('search'));
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', fn);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', fn, gh_role('reader'));
  END LOOP;
END $$;
