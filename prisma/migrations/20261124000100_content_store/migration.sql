-- Contents apart from files: chunks lie under a content's id. A published file's content has the file's own id; what is derived
-- from it (a forwarded copy) has a row, an audience and a wrapped key of its own over the same chunks.

-- The rows that exist are their own content and root. The owner is subject to the walls like everybody: they are lifted for this alone.
ALTER TABLE file ADD COLUMN content_id uuid, ADD COLUMN root_id uuid, ADD COLUMN derived_from uuid,
  ADD COLUMN version integer NOT NULL DEFAULT 1 CHECK (version > 0),
  ADD COLUMN damaged_at timestamptz(3);  -- since when its stored content is known not to open
ALTER TABLE file NO FORCE ROW LEVEL SECURITY;
ALTER TABLE file DISABLE TRIGGER command_wall;
UPDATE file SET content_id = id, root_id = id;
ALTER TABLE file ENABLE TRIGGER command_wall;
ALTER TABLE file FORCE ROW LEVEL SECURITY;
ALTER TABLE file ALTER COLUMN content_id SET NOT NULL, ALTER COLUMN root_id SET NOT NULL,
  ADD FOREIGN KEY (tenant_id, root_id) REFERENCES file (tenant_id, id),
  ADD FOREIGN KEY (tenant_id, derived_from) REFERENCES file (tenant_id, id),
  -- An original is its own root; a derived file never is.
  ADD CHECK ((derived_from IS NULL) = (root_id = id));
CREATE INDEX file_content ON file (tenant_id, content_id);
CREATE INDEX file_root ON file (tenant_id, root_id, created_at);
CREATE INDEX file_damaged ON file (tenant_id, damaged_at) WHERE damaged_at IS NOT NULL;

-- Ciphertext without meaning of its own: it arrives before the command that publishes it, in as many transactions as it needs.
ALTER TABLE file_chunk DROP CONSTRAINT file_chunk_tenant_id_file_id_fkey;
ALTER TABLE file_chunk RENAME COLUMN file_id TO content_id;
DROP TRIGGER command_wall ON file_chunk;

-- A content on its way in, encrypted from the first byte under the key that the file will have; its id is the content's and the
-- file's to be. Publishing turns it into a file; what is not published in a day is removed.
CREATE TABLE file_upload (
  tenant_id    uuid NOT NULL,
  id           uuid NOT NULL,
  actor_kind   text NOT NULL,
  actor_id     text NOT NULL,          -- nobody else may go on with it
  name         text,                   -- as declared, where it was
  media_type   text,
  size_bytes   bigint,                 -- null while it is not known: a form says it by its end
  offset_bytes bigint NOT NULL DEFAULT 0 CHECK (offset_bytes >= 0 AND offset_bytes <= coalesce(size_bytes, offset_bytes)),
  tail         bytea,                  -- sealed: what arrived beyond the last whole chunk
  sha256       bytea,                  -- of the whole; null until it is complete and was read once
  file_key     bytea NOT NULL,         -- as in file
  created_at   timestamptz(3) NOT NULL,
  expires_at   timestamptz(3) NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX file_upload_expires ON file_upload (tenant_id, expires_at);
SELECT protect_table('file_upload', 'INSERT, UPDATE, DELETE', false);
