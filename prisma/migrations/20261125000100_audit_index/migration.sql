-- The log's entries in one table without repetition, and the index of terms as postings (docs/decisions/0005).

DROP FUNCTION audit_search(jsonb, timestamptz, timestamptz, timestamptz, timestamptz, bigint, boolean, integer);
DROP FUNCTION audit_count(jsonb, timestamptz, timestamptz, timestamptz, timestamptz, integer);
DROP FUNCTION audit_aggregate(jsonb, timestamptz, timestamptz, timestamptz, timestamptz, bigint, text, integer);
DROP FUNCTION audit_condition(jsonb);
DROP FUNCTION audit_drivable(jsonb);
DROP FUNCTION required_tenant();
DROP TYPE audit_row;
DROP TYPE audit_bucket;
ALTER TABLE audit_head DROP COLUMN ahead_ms;

-- What was recorded until now is carried over. FORCE subjects the owner, too: for this transaction it does not.
ALTER TABLE audit_entry NO FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_personal NO FORCE ROW LEVEL SECURITY;
CREATE TABLE audit_carry AS
  SELECT e.tenant_id, e.index, CASE WHEN e.class = 'control' AND e.action ~ '^(auth|session)\.' THEN 'access' ELSE e.class END AS class,
         e.recorded_at, e.id, e.entry, p.personal
    FROM audit_entry e
    LEFT JOIN audit_personal p ON p.tenant_id = e.tenant_id AND p.index = e.index AND p.class = e.class AND p.recorded_at = e.recorded_at;
DROP TABLE audit_personal;
DROP TABLE audit_entry;

-- The leaf's text and, beside its commitment, the personal values: erasing them leaves every proof valid. What is searched is not
-- here: the postings below are derived from it, and verification derives them again. BRIN finds an entry by the time in its id.
CREATE TABLE audit_entry (
  tenant_id    uuid NOT NULL,
  index        bigint NOT NULL,
  recorded_at  timestamptz(3) NOT NULL,
  id           uuid NOT NULL,
  class        text NOT NULL CHECK (class IN ('control', 'access', 'activity')),
  entry        text NOT NULL,
  personal     text
) PARTITION BY LIST (class);
CREATE TABLE audit_entry_control  PARTITION OF audit_entry FOR VALUES IN ('control')  PARTITION BY RANGE (recorded_at);
CREATE TABLE audit_entry_access   PARTITION OF audit_entry FOR VALUES IN ('access')   PARTITION BY RANGE (recorded_at);
CREATE TABLE audit_entry_activity PARTITION OF audit_entry FOR VALUES IN ('activity') PARTITION BY RANGE (recorded_at);
DO $$ DECLARE part text; BEGIN
  FOREACH part IN ARRAY ARRAY['audit_entry_control', 'audit_entry_access', 'audit_entry_activity'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', part);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', part);
  END LOOP;
END $$;
CREATE INDEX audit_entry_recorded ON audit_entry USING brin (recorded_at) WITH (pages_per_range = 16, autosummarize = on);

CREATE OR REPLACE FUNCTION audit_ensure_partitions(month date, months integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE lower_bound date; class_name text; part text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('gatehouse.audit_ensure_partitions'));
  FOR step IN 0..months LOOP
    lower_bound := (date_trunc('month', month) + make_interval(months => step))::date;
    FOREACH class_name IN ARRAY ARRAY['control', 'access', 'activity'] LOOP
      part := format('audit_entry_%s_%s', class_name, to_char(lower_bound, 'YYYYMM'));
      IF to_regclass(part) IS NULL THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
          part, 'audit_entry_' || class_name, lower_bound::timestamp AT TIME ZONE 'UTC', (lower_bound + interval '1 month') AT TIME ZONE 'UTC');
        -- A unique key over all partitions would need the partition's columns: the head's lock keeps indexes contiguous.
        EXECUTE format('CREATE UNIQUE INDEX %I ON %I (tenant_id, index)', part || '_index', part);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', part);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', part);
      END IF;
    END LOOP;
  END LOOP;
END $$;
DO $$ DECLARE first date; BEGIN
  SELECT min(recorded_at)::date INTO first FROM audit_carry;
  IF first IS NOT NULL THEN
    PERFORM audit_ensure_partitions(first, greatest(0, (extract(year FROM age(now(), first)) * 12 + extract(month FROM age(now(), first)) + 1)::integer));
  END IF;
  PERFORM audit_ensure_partitions(now()::date, 12);
END $$;
INSERT INTO audit_entry (tenant_id, index, class, recorded_at, id, entry, personal)
  SELECT tenant_id, index, class, recorded_at, id, entry, personal FROM audit_carry ORDER BY tenant_id, index;
DROP TABLE audit_carry;

-- Runs: the index of neighbouring entries. One for each append, merged by the worker. 2^bits buckets hold the terms without rows of their own.
CREATE TABLE audit_run (
  tenant_id      uuid NOT NULL,
  at             bigint NOT NULL,
  entries        integer NOT NULL,
  bits           smallint NOT NULL,
  -- Whether all its entries are still kept.
  whole          boolean NOT NULL DEFAULT true,
  recorded_from  timestamptz(3) NOT NULL,
  recorded_to    timestamptz(3) NOT NULL,
  PRIMARY KEY (tenant_id, at)
);

CREATE TABLE audit_posting (
  tenant_id  uuid NOT NULL,
  at         bigint NOT NULL,
  key        bigint NOT NULL,
  piece      smallint NOT NULL,
  body       bytea NOT NULL,
  PRIMARY KEY (tenant_id, at, key, piece)
) WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.2);
ALTER TABLE audit_posting ALTER COLUMN body SET STORAGE EXTERNAL;

-- When the entries of one block (or of one append, until it is merged) occurred: by the hour and exactly; and which of them are no longer kept.
CREATE TABLE audit_block (
  tenant_id      uuid NOT NULL,
  at             bigint NOT NULL,
  entries        integer NOT NULL,
  occurred_from  bigint NOT NULL,
  occurred_to    bigint NOT NULL,
  hours          bytea NOT NULL,
  times          bytea NOT NULL,
  missing        bytea,
  PRIMARY KEY (tenant_id, at)
);
ALTER TABLE audit_block ALTER COLUMN hours SET STORAGE EXTERNAL;
ALTER TABLE audit_block ALTER COLUMN times SET STORAGE EXTERNAL;

SELECT protect_table('audit_entry', 'INSERT', true);
-- Derived from the entries: not walled, so that the worker may merge them, which is nobody's act.
SELECT protect_table('audit_run', 'INSERT', false);
SELECT protect_table('audit_posting', 'INSERT', false);
SELECT protect_table('audit_block', 'INSERT', false);
DO $$ BEGIN
  EXECUTE format('GRANT INSERT, DELETE ON audit_run, audit_posting, audit_block TO %I', gh_role('worker'));
  EXECUTE format('CREATE POLICY every_tenant ON audit_run FOR SELECT TO %I USING (true)', gh_role('worker'));
END $$;
CREATE TRIGGER count_entries AFTER INSERT ON audit_entry REFERENCING NEW TABLE AS appended
  FOR EACH STATEMENT EXECUTE FUNCTION count_command_entries();
