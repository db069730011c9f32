-- An erasure that is carried out again because a backup brought back what it had erased: nobody asked for it a second time.
ALTER TABLE audit_erasure ADD COLUMN restored boolean NOT NULL DEFAULT false;
