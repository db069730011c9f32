-- Who placed and released a hold by id, where it was a person: whose name is shown under a reason is told, and a name may be that of
-- several. What was placed before is known by name alone.
ALTER TABLE audit_hold ADD COLUMN placed_by_id uuid, ADD COLUMN released_by_id uuid;
