-- As before, but what is found empty is locked and looked at again before it is dropped: a row that was on its way in while we looked
-- would otherwise go with it.
CREATE OR REPLACE FUNCTION audit_drop_empty_months(before date) RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE part record; month date;
BEGIN
  -- Whoever reads or writes the log meanwhile is not kept waiting for long: the next night tries again.
  PERFORM set_config('lock_timeout', '2s', true);
  FOR part IN
    SELECT c.relname AS name, p.relname AS parent, substring(c.relname FROM '^audit_entry_([a-z]+)_\d{6}$') AS class, to_date(right(c.relname, 6), 'YYYYMM') AS month
      FROM pg_partition_tree('audit_entry') t JOIN pg_class c ON c.oid = t.relid JOIN pg_class p ON p.oid = t.parentrelid
     WHERE t.isleaf AND c.relname ~ '^audit_entry_[a-z]+_\d{6}$' ORDER BY 1
  LOOP
    month := part.month;
    -- A month is past when nothing can be recorded in it any more, whatever a clock says.
    CONTINUE WHEN month >= date_trunc('month', least(before, now()::date))::date;
    CONTINUE WHEN NOT audit_month_is_empty(part.class, month);
    -- In the order in which everybody else takes them: what a part belongs to, then the part.
    EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', part.parent);
    EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', part.name);
    CONTINUE WHEN NOT audit_month_is_empty(part.class, month);
    EXECUTE format('DROP TABLE %I', part.name);
    RETURN NEXT part.name;
  END LOOP;
END $$;
