import 'server-only'
import { pgTransaction } from '#server/kernel/db.ts'
import { notifyChange } from '#server/kernel/notify.ts'

/** One contact of a device. What is absent stays as it was. */
export type Contact = {
  deviceId: string
  at: Date
  address: string
  tlsProtocol: string
  tlsCipher: string
  /** As the server or the client sees it. */
  tlsGroup?: string | undefined
  /** A connection that is held open counts as online until then. */
  onlineUntil?: Date | undefined
  /** The policy version that was handed out on this contact. */
  policyVersion?: number | undefined
}

/** Writes the contacts of many devices of one organisation in one statement: telemetry, no entry. Keep the newest a device. */
export async function recordPresence(tenantId: string, contacts: readonly Contact[]): Promise<void> {
  if (contacts.length === 0) return
  const newest = new Map(contacts.map((contact) => [contact.deviceId, contact]))
  await pgTransaction('writer', tenantId, async (_client, sql) => {
    // In the order of the ids: two gateways that write the same devices wait for each other instead of dying of it.
    const rows = [...newest.values()].sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1))
    await sql(PRESENCE, [tenantId, JSON.stringify(rows)])
    await notifyChange(sql, { tenantId, topics: ['presence'] })
  })
}

const PRESENCE = `
  INSERT INTO device_presence AS p (tenant_id, device_id, last_seen_at, address, tls_protocol, tls_cipher, tls_group, online_until, policy_version)
  SELECT $1::uuid, d.id, r."at", r.address, r."tlsProtocol", r."tlsCipher", r."tlsGroup", r."onlineUntil", coalesce(r."policyVersion", 0)
    FROM json_to_recordset($2::text::json) AS r("deviceId" uuid, "at" timestamptz, address text, "tlsProtocol" text, "tlsCipher" text,
                                                "tlsGroup" text, "onlineUntil" timestamptz, "policyVersion" integer)
    JOIN device d ON d.tenant_id = $1::uuid AND d.id = r."deviceId"
   ORDER BY d.id
  ON CONFLICT (tenant_id, device_id) DO UPDATE SET
    last_seen_at = greatest(p.last_seen_at, excluded.last_seen_at), address = excluded.address, tls_protocol = excluded.tls_protocol,
    tls_cipher = excluded.tls_cipher, tls_group = coalesce(excluded.tls_group, p.tls_group), online_until = coalesce(excluded.online_until, p.online_until),
    policy_version = greatest(p.policy_version, excluded.policy_version)`
