-- Searches of the log that somebody keeps: their own, or lent to everybody of the organisation who may read the log. What one
-- finds is never kept, only what it asks.
CREATE TABLE audit_view (
  tenant_id   uuid NOT NULL,
  id          uuid NOT NULL,
  owner_id    uuid NOT NULL,
  name        text NOT NULL,
  is_shared   boolean NOT NULL,
  q           text NOT NULL,
  span        text,                   -- back from the moment it is opened: 24h; else from and to, or any time
  from_at     timestamptz(3),
  to_at       timestamptz(3),
  order_by    text NOT NULL CHECK (order_by IN ('newest', 'oldest')),
  columns     text[] NOT NULL,        -- empty: the usual ones
  time_zone   text,                   -- null: the reader's own
  created_at  timestamptz(3) NOT NULL,
  updated_at  timestamptz(3) NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, owner_id, name),
  CHECK (span IS NULL OR (from_at IS NULL AND to_at IS NULL)),
  FOREIGN KEY (tenant_id, owner_id) REFERENCES person (tenant_id, id)
);
CREATE INDEX audit_view_shared ON audit_view (tenant_id, name) WHERE is_shared;
SELECT protect_table('audit_view', 'INSERT, UPDATE, DELETE', true);
