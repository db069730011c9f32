-- A content handed to an enrolment for an hour: the key its chunks are sealed under on their way. What was handed out when stands
-- in the log; a row here only lets the chunks be fetched. Those that are over go when the organisation hands out the next one.
CREATE TABLE file_release_grant (
  tenant_id      uuid NOT NULL,
  id             uuid NOT NULL,
  file_id        uuid NOT NULL,
  enrollment_id  uuid NOT NULL,
  device_id      uuid NOT NULL,
  person_id      uuid NOT NULL,
  purpose        text NOT NULL CHECK (purpose IN ('view', 'download', 'print')),
  session_id     uuid,                 -- the viewer's own
  content_id     uuid NOT NULL,        -- under which the chunks lie: the file's content, or what was made of it to be shown
  size_bytes     bigint NOT NULL,
  content_key    bytea NOT NULL,       -- under the tenant's data key
  created_at     timestamptz(3) NOT NULL,
  expires_at     timestamptz(3) NOT NULL,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, file_id) REFERENCES file (tenant_id, id),
  FOREIGN KEY (tenant_id, enrollment_id) REFERENCES enrollment (tenant_id, id)
);
CREATE INDEX file_release_grant_expires ON file_release_grant (tenant_id, expires_at);
SELECT protect_table('file_release_grant', 'INSERT, DELETE', true);
