-- Where a browser wants to be woken (W3C Push API): one place an enrolment. Telemetry of a device, not an act of anybody; the
-- place knows nothing of what waits. An endpoint is a capability: whoever has it can wake the browser, no more.
CREATE TABLE push_subscription (
  tenant_id      uuid NOT NULL,
  enrollment_id  uuid NOT NULL,
  device_id      uuid NOT NULL,
  endpoint       text NOT NULL,
  p256dh         text NOT NULL,
  auth           text NOT NULL,
  created_at     timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, enrollment_id),
  FOREIGN KEY (tenant_id, enrollment_id) REFERENCES enrollment (tenant_id, id)
);
SELECT protect_table('push_subscription', 'INSERT, UPDATE, DELETE', false);
