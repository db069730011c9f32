-- Under which act of unmasking an export was asked for: everybody whose name is in it gets an entry with that reason. Kept here, since
-- the act itself is forgotten a day after its end.
ALTER TABLE audit_export ADD COLUMN unmasking_id uuid, ADD COLUMN unmask_reason text,
  ADD CHECK ((unmasking_id IS NULL) = (unmask_reason IS NULL) AND (unmasking_id IS NULL OR NOT masked));
