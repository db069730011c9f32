-- What stands outside of the database: epochs of a log, witnesses that cosign its checkpoints (c2sp.org/tlog-witness), and
-- addresses that they are mailed to.

-- A log that contradicts what was published takes no entry (`frozen`) until somebody declares a new epoch or brings the right
-- database back. Whoever looks sets it: that is no act of anybody, so the wall leaves this one column out.
ALTER TABLE audit_head
  ADD COLUMN epoch integer NOT NULL DEFAULT 1 CHECK (epoch >= 1),
  ADD COLUMN frozen text CHECK (frozen IN ('behind', 'different'));
DROP TRIGGER command_wall ON audit_head;
DO $$ BEGIN
  EXECUTE format('CREATE TRIGGER command_wall BEFORE INSERT OR DELETE OR UPDATE OF %s ON audit_head FOR EACH STATEMENT EXECUTE FUNCTION require_command()',
    (SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
      WHERE attrelid = 'audit_head'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'frozen'));
END $$;

ALTER TABLE audit_checkpoint ADD COLUMN epoch integer NOT NULL DEFAULT 1;
ALTER TABLE audit_checkpoint DROP CONSTRAINT audit_checkpoint_pkey, ADD PRIMARY KEY (tenant_id, epoch, size);

-- From the second epoch on. The entries before `first_index` are those that the database held; `agreed_size` of them are
-- proven to be those of a checkpoint of the epoch before, whose newest note is `abandoned`.
CREATE TABLE audit_epoch (
  tenant_id    uuid NOT NULL,
  epoch        integer NOT NULL CHECK (epoch >= 2),
  origin       text NOT NULL,
  first_index  bigint NOT NULL,
  agreed_size  bigint NOT NULL,
  abandoned    text,
  started_at   timestamptz(3) NOT NULL,
  PRIMARY KEY (tenant_id, epoch)
);
SELECT protect_table('audit_epoch', 'INSERT', true);

-- A witness (`vkey`, where `place` is its URL) or an address of mail. Removed ones stay: what they saw stays true.
CREATE TABLE audit_anchor (
  tenant_id   uuid NOT NULL,
  id          uuid NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('witness', 'mail')),
  name        text NOT NULL,
  place       text NOT NULL,
  vkey        text CHECK ((vkey IS NOT NULL) = (kind = 'witness')),
  added_at    timestamptz(3) NOT NULL,
  removed_at  timestamptz(3),
  PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX audit_anchor_place ON audit_anchor (tenant_id, kind, place) WHERE removed_at IS NULL;
SELECT protect_table('audit_anchor', 'INSERT, UPDATE', true);

-- How far each of them is: telemetry of the background process, outside the wall. `size` is what it holds of `epoch`.
CREATE TABLE audit_anchor_state (
  tenant_id    uuid NOT NULL,
  anchor_id    uuid NOT NULL,
  epoch        integer NOT NULL DEFAULT 1,
  size         bigint NOT NULL DEFAULT 0,
  anchored_at  timestamptz(3),
  tried_at     timestamptz(3),
  next_at      timestamptz(3) NOT NULL,
  failures     integer NOT NULL DEFAULT 0,
  problem      text,
  detail       text,
  PRIMARY KEY (tenant_id, anchor_id),
  FOREIGN KEY (tenant_id, anchor_id) REFERENCES audit_anchor (tenant_id, id)
);
SELECT protect_table('audit_anchor_state', 'INSERT, UPDATE', false);

CREATE TABLE audit_cosignature (
  tenant_id    uuid NOT NULL,
  epoch        integer NOT NULL,
  size         bigint NOT NULL,
  anchor_id    uuid NOT NULL,
  line         text NOT NULL,
  cosigned_at  timestamptz(3) NOT NULL,
  PRIMARY KEY (tenant_id, epoch, size, anchor_id),
  FOREIGN KEY (tenant_id, anchor_id) REFERENCES audit_anchor (tenant_id, id)
);
SELECT protect_table('audit_cosignature', 'INSERT, UPDATE', false);

DO $$ BEGIN
  -- The worker walks over the logs of all organisations and asks whom each of them is to be shown to.
  EXECUTE format('CREATE POLICY every_tenant ON audit_anchor FOR SELECT TO %I USING (true)', gh_role('worker'));
  EXECUTE format('CREATE POLICY every_tenant ON audit_anchor_state FOR SELECT TO %I USING (true)', gh_role('worker'));
END $$;
