-- What the inspection made of a content: whether and how it can be shown. No row: it has not been inspected yet.
-- A PDF is shown as it is; what was encoded anew (image, text, markdown) lies in chunks of its own under `rendition_content_id`.
CREATE TABLE file_rendition (
  tenant_id             uuid NOT NULL,
  content_id            uuid NOT NULL,
  state                 text NOT NULL CHECK (state IN ('pending', 'ready', 'refused')),
  reason                text CHECK (reason IN ('encrypted', 'malformed', 'too_large', 'too_costly', 'wrong_type', 'empty')),
  kind                  text NOT NULL CHECK (kind IN ('pdf', 'image', 'text', 'markdown', 'none')),
  media_type            text,          -- of what is shown; null where nothing can be
  size_bytes            bigint,
  sha256                bytea,
  pages                 integer CHECK (pages > 0),
  rendition_content_id  uuid,
  file_key              bytea,         -- of the rendition's own chunks, under the tenant's data key; null once destroyed
  updated_at            timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, content_id),
  FOREIGN KEY (tenant_id, content_id) REFERENCES file (tenant_id, id),
  CHECK ((state = 'refused') = (reason IS NOT NULL)),
  CHECK (state = 'ready' OR (kind = 'none' AND rendition_content_id IS NULL)),
  CHECK (file_key IS NULL OR rendition_content_id IS NOT NULL)
);
CREATE UNIQUE INDEX file_rendition_content ON file_rendition (tenant_id, rendition_content_id) WHERE rendition_content_id IS NOT NULL;
SELECT protect_table('file_rendition', 'INSERT, UPDATE', true);
