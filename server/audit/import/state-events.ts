import 'server-only'
import { isUuid } from '#lib/uuid.ts'
import { honestClaim } from '#protocol/policy/evaluate.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import type { Sql } from '#server/kernel/db.ts'
import { defineIngest, oneByOne, type Prepared } from '#server/kernel/ingest.ts'
import { sha256 } from '#server/kernel/keys.ts'
import type { StatedDraft } from '#server/kernel/ledger.ts'
import type { ImportedEvent } from './mapping.ts'

/** A time this far ahead of ours is a wrong clock. */
const FUTURE_MS = 10 * 60_000

export type ImportBatch = { tenantId: string; size: number; name: string; events: readonly ImportedEvent[] }
export type ImportedCount = { accepted: number; duplicates: number }

/** Takes a batch of mapped events into the log, once for ever by the import's name and the event's own id. */
export const stateImported = defineIngest<ImportBatch, ImportedCount>({
  name: 'audit.import',
  prepare: oneByOne(prepare),
})

async function prepare(sql: Sql, batch: ImportBatch): Promise<Prepared<ImportedCount>> {
  const fresh = await claim(sql, batch)
  const known = await resolve(sql, batch.tenantId, fresh)
  const at = now()
  return {
    // Not whoever imports: their address and browser are none of these events’.
    actor: systemActor(batch.tenantId, `import ${batch.name}`),
    drafts: fresh.map((event) => draftOf(event, { batch, known, at })),
    result: { accepted: fresh.length, duplicates: batch.events.length - fresh.length },
  }
}

/** The hash under which an event is known for ever. */
export function importHash(name: string, id: string): string {
  return sha256(`${name}\0${id}`).subarray(0, 16).toString('hex')
}

/** First come, first served, also between two imports at once: whoever inserts the hash states the event. */
async function claim(sql: Sql, { tenantId, name, events }: ImportBatch): Promise<ImportedEvent[]> {
  const byHash = new Map<string, ImportedEvent>()
  for (const event of events) {
    const hash = importHash(name, event.id)
    if (!byHash.has(hash)) byHash.set(hash, event)
  }
  // In one order everywhere: two imports of the same ids wait for each other instead of dying of it.
  const hashes = [...byHash.keys()].sort()
  const inserted = await sql<{ hash: string }>(
    `INSERT INTO audit_import_event (tenant_id, id_hash)
     SELECT $1::uuid, decode(h, 'hex') FROM unnest(string_to_array($2::text, ',')) WITH ORDINALITY AS given(h, n) ORDER BY n
     ON CONFLICT DO NOTHING RETURNING encode(id_hash, 'hex') AS hash`,
    [tenantId, hashes.join(',')],
  )
  const fresh = new Set(inserted.map(({ hash }) => hash))
  return [...byHash].flatMap(([hash, event]) => (fresh.has(hash) ? [event] : []))
}

type Named = { id: string; name: string }
type KnownFile = Named & { rootId: string }
type Known = {
  people: ReadonlyMap<string, Named>
  devices: ReadonlyMap<string, Named>
  files: ReadonlyMap<string, KnownFile>
}

/** Who and what the events name, where this organisation knows them. Indexes: primary keys, person_email_lower; devices by serial walk. */
async function resolve(sql: Sql, tenantId: string, events: readonly ImportedEvent[]): Promise<Known> {
  const people = await sql<Named & { email: string }>(
    `SELECT id::text, name, lower(email) AS email FROM person
      WHERE tenant_id = $1::uuid AND (id = ANY($2::text[]::uuid[]) OR lower(email) = ANY($3::text[]))`,
    [tenantId, uuids(events.map(({ actor }) => actor?.id)), unique(events.map(({ actor }) => actor?.email))],
  )
  const serials = unique(events.map(({ device }) => device?.serial))
  const devices = await sql<Named & { serial: string }>(
    `SELECT id::text, name, serial FROM device
      WHERE tenant_id = $1::uuid AND (id = ANY($2::text[]::uuid[])${serials.length > 0 ? ' OR serial = ANY($3::text[])' : ''})`,
    [tenantId, uuids(events.map(({ device }) => device?.id)), ...(serials.length > 0 ? [serials] : [])],
  )
  const files = await sql<KnownFile>(
    'SELECT id::text, name, root_id::text AS "rootId" FROM file WHERE tenant_id = $1::uuid AND id = ANY($2::text[]::uuid[])',
    [tenantId, uuids(events.map(({ target }) => (target?.type === 'file' ? target.id : undefined)))],
  )
  return {
    people: new Map(people.flatMap((person) => [[person.id, person] as const, [person.email, person] as const])),
    devices: new Map([...onlyOnce(devices), ...devices.map((device) => [device.id, device] as const)]),
    files: new Map(files.map((file) => [file.id, file])),
  }
}

/** A serial that two devices share names neither. */
function onlyOnce(devices: readonly (Named & { serial: string })[]): [string, Named][] {
  return [...Map.groupBy(devices, ({ serial }) => serial)].flatMap(([serial, own]) => {
    const [device] = own
    return device && own.length === 1 && serial !== '' ? [[serial, device]] : []
  })
}

function unique(values: readonly (string | undefined)[]): string[] {
  return [...new Set(values.filter((value) => value !== undefined))]
}

function uuids(values: readonly (string | undefined)[]): string[] {
  return unique(values).filter(isUuid)
}

type Setting = { batch: ImportBatch; known: Known; at: Date }

function draftOf(event: ImportedEvent, { batch: { tenantId, name }, known, at }: Setting): StatedDraft {
  const person = find(known.people, event.actor?.id, event.actor?.email)
  const device = find(known.devices, event.device?.id?.toLowerCase(), event.device?.serial)
  // Nothing in a file can show that a capture was prevented.
  const { outcome, enforcement } = honestClaim({
    action: event.action,
    outcome: event.outcome,
    enforcement: undefined,
    platform: 'browser',
    osVersion: undefined,
    capabilities: { preventCapture: false },
  })
  return {
    action: event.action,
    outcome,
    ...(enforcement === 'none' ? {} : { enforcement }),
    source: `import:${name}`,
    actor: actorOf(event, person, name),
    ...(device ? { device } : {}),
    ...targetOf(event, { tenantId, files: known.files }),
    ...(event.labels.length > 0 ? { labels: event.labels } : {}),
    ...(event.reason === undefined ? {} : { reason: event.reason }),
    ...(event.address === undefined ? {} : { address: event.address }),
    occurredAt: event.at,
    ...(event.at.getTime() > at.getTime() + FUTURE_MS ? { clock: 'suspect' as const } : {}),
    senderId: event.id,
    ...detailOf(event, { isPersonKnown: person !== undefined, isDeviceKnown: device !== undefined }),
  }
}

function find(known: ReadonlyMap<string, Named>, ...keys: (string | undefined)[]): Named | undefined {
  const key = keys.find((one) => one !== undefined && known.has(one))
  return key === undefined ? undefined : known.get(key)
}

/** Somebody whom nobody here knows acted without an id of ours; where the file names nobody, the import speaks. */
function actorOf(
  { actor }: ImportedEvent,
  person: Named | undefined,
  name: string,
): Exclude<StatedDraft['actor'], undefined> {
  if (person) return { kind: 'person', id: person.id, name: person.name }
  const called = actor?.name ?? actor?.email ?? actor?.id
  return called === undefined ? { kind: 'system', name: `import ${name}` } : { kind: 'person', name: called }
}

/**
 * What has a name alone gets an id made of it: the committed entry holds no names. What is done with a copy of a file is correlated
 * with the root of its lineage, as in the server's own entries.
 */
function targetOf(
  { target }: ImportedEvent,
  { tenantId, files }: { tenantId: string; files: Known['files'] },
): Pick<StatedDraft, 'target' | 'correlationId'> {
  if (!target) return {}
  const { type } = target
  const file = type === 'file' && target.id !== undefined ? files.get(target.id.toLowerCase()) : undefined
  const id = file?.id ?? target.id ?? idOfName(`${tenantId}\0${type}\0${target.name ?? ''}`)
  const name = target.name ?? file?.name
  const isCopy = file !== undefined && file.rootId !== file.id
  return { target: { type, id, ...(name ? { name } : {}) }, ...(isCopy ? { correlationId: file.rootId } : {}) }
}

function idOfName(text: string): string {
  return `name-${sha256(text).toString('hex').slice(0, 32)}`
}

function detailOf(
  { detail, actor, device }: ImportedEvent,
  { isPersonKnown, isDeviceKnown }: { isPersonKnown: boolean; isDeviceKnown: boolean },
): Pick<StatedDraft, 'detail'> {
  const told = { ...detail }
  const person = actor?.email ?? actor?.id
  if (!isPersonKnown && person !== undefined) told.person ??= person
  const stranger = device?.name ?? device?.serial ?? device?.id
  if (!isDeviceKnown && stranger !== undefined) told.device ??= stranger
  return Object.keys(told).length > 0 ? { detail: told } : {}
}
