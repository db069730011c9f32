import 'server-only'
import { appNameOf } from '#protocol/audit/app-source.ts'
import { honestClaim } from '#protocol/policy/evaluate.ts'
import { captureMechanism } from '#protocol/policy/platforms.ts'
import { type Actor, type ApiKeyActor, requirePermission } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { defineIngest, oneByOne, type Prepared } from '#server/kernel/ingest.ts'
import { sha256 } from '#server/kernel/keys.ts'
import type { StatedDraft } from '#server/kernel/ledger.ts'
import type { AppEvent, AppEventsAnswer } from './app-event-form.ts'
import { type AppEventLine, parseAppEventLines } from './app-event-lines.ts'

/** A time this far ahead of ours is a wrong clock. */
const FUTURE_MS = 10 * 60_000

type Good = Extract<AppEventLine, { event: AppEvent }>
type Batch = { tenantId: string; size: number; actor: ApiKeyActor; app: string; lines: readonly Good[] }

/**
 * Takes events of the organisation's own apps into the log, under the name of the key that sends them. Resolves when they are
 * durable. An id that this app sent in the last 90 days is a duplicate; a bad line does not stop the others.
 * @param lines NDJSON without line breaks, at most 5,000 (the door's to count)
 * @throws AppError forbidden without `audit:write` · unavailable
 */
export async function recordAppEvents(actor: Actor, lines: Iterable<string>): Promise<AppEventsAnswer> {
  requirePermission(actor, 'audit:write')
  if (actor.kind !== 'api_key') throw new AppError('forbidden', { detail: 'Apps state events with an API key.' })
  const parsed = parseAppEventLines(lines)
  const good = parsed.filter((line): line is Good => 'event' in line)
  const rejected = parsed.filter((line) => 'code' in line)
  if (good.length === 0) return { accepted: 0, duplicates: 0, rejected }
  const batch = { tenantId: actor.tenantId, size: good.length, actor, app: appName(actor), lines: good }
  return { ...(await ingest(batch)), rejected }
}

const ingest = defineIngest<Batch, Pick<AppEventsAnswer, 'accepted' | 'duplicates'>>({
  name: 'app.events',
  prepare: oneByOne(prepare),
})

/** Keys of one name are one app: a new key continues what an old one stated. */
function appName({ name, apiKeyId }: ApiKeyActor): string {
  return appNameOf(name) || apiKeyId
}

async function prepare(sql: Sql, batch: Batch): Promise<Prepared<Pick<AppEventsAnswer, 'accepted' | 'duplicates'>>> {
  const fresh = await claim(sql, batch)
  const known = await resolve(sql, batch.tenantId, fresh)
  const at = now()
  return {
    actor: batch.actor,
    drafts: fresh.map(({ event }) => draftOf(event, batch.app, known, at)),
    result: { accepted: fresh.length, duplicates: batch.lines.length - fresh.length },
  }
}

/** First come, first served, also between two requests at once: whoever inserts the id states the event. */
async function claim(sql: Sql, { tenantId, app, lines }: Batch): Promise<Good[]> {
  const byHash = new Map<string, Good>()
  for (const good of lines) {
    const hash = sha256(good.event.id).subarray(0, 16).toString('hex')
    if (!byHash.has(hash)) byHash.set(hash, good)
  }
  // In one order everywhere: two requests with the same ids wait for each other instead of dying of it.
  const hashes = [...byHash.keys()].sort()
  const inserted = await sql<{ hash: string }>(
    `INSERT INTO app_event (tenant_id, app, id_hash)
     SELECT $1::uuid, $2::text, decode(h, 'hex') FROM unnest(string_to_array($3::text, ',')) WITH ORDINALITY AS given(h, n) ORDER BY n
     ON CONFLICT DO NOTHING RETURNING encode(id_hash, 'hex') AS hash`,
    [tenantId, app, hashes.join(',')],
  )
  const fresh = new Set(inserted.map(({ hash }) => hash))
  return [...byHash].flatMap(([hash, good]) => (fresh.has(hash) ? [good] : []))
}

type Named = { id: string; name: string }
type Known = {
  people: ReadonlyMap<string, Named>
  devices: ReadonlyMap<string, Named>
  files: ReadonlyMap<string, Named>
}

/** Who and what the lines name, where this organisation knows them. Indexes: primary keys, person_email. */
async function resolve(sql: Sql, tenantId: string, lines: readonly Good[]): Promise<Known> {
  const events = lines.map(({ event }) => event)
  const [people, devices, files] = [
    await sql<Named & { email: string }>(
      `SELECT id::text, name, lower(email) AS email FROM person
        WHERE tenant_id = $1::uuid AND (id = ANY($2::text[]::uuid[]) OR lower(email) = ANY($3::text[]))`,
      [
        tenantId,
        unique(events.flatMap(({ person }) => (person && 'id' in person ? [person.id] : []))),
        unique(events.flatMap(({ person }) => (person && 'email' in person ? [person.email.toLowerCase()] : []))),
      ],
    ),
    await sql<Named>('SELECT id::text, name FROM device WHERE tenant_id = $1::uuid AND id = ANY($2::text[]::uuid[])', [
      tenantId,
      unique(events.flatMap(({ device }) => (device ? [device.id] : []))),
    ]),
    await sql<Named>('SELECT id::text, name FROM file WHERE tenant_id = $1::uuid AND id::text = ANY($2::text[])', [
      tenantId,
      unique(events.flatMap(({ target }) => (target?.type === 'file' ? [target.id.toLowerCase()] : []))),
    ]),
  ]
  return {
    people: new Map(people.flatMap((person) => [[person.id, person] as const, [person.email, person] as const])),
    devices: new Map(devices.map((device) => [device.id, device])),
    files: new Map(files.map((file) => [file.id, file])),
  }
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)]
}

function draftOf(event: AppEvent, app: string, { people, devices, files }: Known, at: Date): StatedDraft {
  const named = event.person && ('id' in event.person ? event.person.id : event.person.email.toLowerCase())
  const person = named === undefined ? undefined : people.get(named)
  const device = event.device && devices.get(event.device.id)
  const { target } = event
  const name = target?.name ?? (target?.type === 'file' ? files.get(target.id.toLowerCase())?.name : undefined)
  return {
    action: event.action,
    ...claimOf(event),
    source: `app:${app}`,
    ...(person ? { actor: { kind: 'person' as const, id: person.id, name: person.name } } : {}),
    ...(device ? { device } : {}),
    ...(target ? { target: { type: target.type, id: target.id, ...(name ? { name } : {}) } } : {}),
    ...(event.labels ? { labels: event.labels } : {}),
    ...(event.reason ? { reason: event.reason } : {}),
    ...(event.address ? { address: event.address } : {}),
    occurredAt: event.at,
    ...(event.at.getTime() > at.getTime() + FUTURE_MS ? { clock: 'suspect' as const } : {}),
    senderId: event.id,
    ...detailOf(event, {
      personUnknown: named !== undefined && !person,
      deviceUnknown: Boolean(event.device) && !device,
    }),
  }
}

/** Nothing is called prevented that no named mechanism of a listed platform version can have prevented. */
function claimOf(event: AppEvent): Pick<StatedDraft, 'outcome' | 'enforcement'> {
  const { name = 'browser', osVersion, mechanism } = event.platform ?? {}
  const listed = captureMechanism(name, osVersion)
  const preventCapture = listed !== null && listed.name === mechanism
  const { outcome, enforcement } = honestClaim({
    action: event.action,
    outcome: event.outcome,
    enforcement: event.enforcement,
    platform: name,
    osVersion,
    capabilities: { preventCapture },
  })
  return { outcome, ...(event.enforcement !== undefined || enforcement !== 'none' ? { enforcement } : {}) }
}

function detailOf(
  { detail = {}, platform, person, device }: AppEvent,
  { personUnknown, deviceUnknown }: { personUnknown: boolean; deviceUnknown: boolean },
): Pick<StatedDraft, 'detail'> {
  const told: Record<string, string> = Object.fromEntries(
    Object.entries(detail).map(([name, value]) => [name, String(value)]),
  )
  if (platform) told.platform = [platform.name, platform.osVersion].filter(Boolean).join(' ')
  if (platform?.mechanism) told.mechanism = platform.mechanism
  if (personUnknown && person) told.person = 'id' in person ? person.id : person.email
  if (deviceUnknown && device) told.device = device.id
  return Object.keys(told).length > 0 ? { detail: told } : {}
}
