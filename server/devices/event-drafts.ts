import { isUuid } from '#lib/uuid.ts'
import { honestClaim } from '#protocol/policy/evaluate.ts'
import type { Platform } from '#protocol/policy/platforms.ts'
import type { DeviceActor } from '#server/kernel/actor.ts'
import type { Sql } from '#server/kernel/db.ts'
import type { StatedDraft } from '#server/kernel/ledger.ts'
import { uuidArray } from '#server/kernel/pg-arrays.ts'
import { type BadLine, type GoodLine, isGood, type ParsedLine } from './event-lines.ts'
import { MAX_RANGES, type Sorted } from './event-numbers.ts'
import { isSuspect } from './event-times.ts'
import type { Range } from './ranges.ts'

/** What of an enrolment decides how far its device's word goes. */
export type Claimant = { startedAt: Date; platform: Platform; osVersion: string; preventCapture: boolean }

type New = Pick<Sorted, 'fresh' | 'refused'> & { actor: DeviceActor; enrollment: Claimant; givenUp: Range | null }

/** What the log is told of the new events of a batch. */
export function draftsOf(
  { actor, enrollment, fresh, refused, givenUp }: New,
  { files, at }: { files: ReadonlyMap<string, KnownFile>; at: Date },
): StatedDraft[] {
  const frame = frameOf(actor, enrollment, at)
  return [
    ...(givenUp ? [gapsGivenUp(givenUp, actor)] : []),
    ...fresh.map((line) => (isGood(line) ? stated(line, frame, files) : rejected(line, actor))),
    ...unnumbered(refused, actor),
  ]
}

/** What all events of a batch have in common. */
type Frame = Required<Pick<StatedDraft, 'actor' | 'device'>> & { enrollment: Claimant; at: Date }

function frameOf(actor: DeviceActor, enrollment: Claimant, at: Date): Frame {
  const device = { id: actor.deviceId, name: actor.deviceName }
  return { actor: { kind: 'person', id: actor.personId, name: actor.personName }, device, enrollment, at }
}

/**
 * What the device states, as the log may say it: its person acted, nothing is called prevented that cannot have been, and a file that we
 * know has its name. What is done with a copy is correlated with the root of its lineage, as in the server's own entries.
 */
function stated(
  { event, occurredAt }: GoodLine,
  { actor, device, enrollment, at }: Frame,
  files: ReadonlyMap<string, KnownFile>,
): StatedDraft {
  const { platform, osVersion, preventCapture, startedAt } = enrollment
  const { action, outcome, enforcement, detail, target } = event
  const claim = honestClaim({ action, outcome, enforcement, platform, osVersion, capabilities: { preventCapture } })
  const file = target?.type === 'file' ? files.get(target.id.toLowerCase()) : undefined
  return {
    action,
    outcome: claim.outcome,
    enforcement: enforcement === undefined && claim.enforcement === 'none' ? undefined : claim.enforcement,
    source: 'device',
    actor,
    device,
    target: target && file ? { type: target.type, id: target.id, name: file.name } : target,
    correlationId: file && file.rootId !== file.id ? file.rootId : undefined,
    labels: event.labels,
    policy: event.policy,
    reason: event.reason,
    occurredAt,
    clock: isSuspect(occurredAt, { startedAt, at }) ? 'suspect' : undefined,
    senderId: event.id,
    detail: detail && Object.fromEntries(Object.entries(detail).map(([name, value]) => [name, String(value)])),
  }
}

export type KnownFile = { id: string; name: string; rootId: string }

/**
 * What the files of these batches are called, and of which lineage they are: a device knows them by their ids alone, and people search
 * for names, and for a file together with its copies. Index: the primary key of `file`.
 */
export async function filesOf(
  sql: Sql,
  tenantId: string,
  batches: readonly { lines: readonly ParsedLine[] }[],
): Promise<Map<string, KnownFile>> {
  const ids = new Set<string>()
  for (const { lines } of batches) {
    for (const line of lines) {
      const target = isGood(line) ? line.event.target : undefined
      if (target?.type === 'file' && !ids.has(target.id) && isUuid(target.id)) ids.add(target.id)
    }
  }
  if (ids.size === 0) return new Map()
  const rows = await sql<KnownFile>(
    'SELECT id::text, name, root_id::text AS "rootId" FROM file WHERE tenant_id = $1::uuid AND id = ANY($2::uuid[])',
    [tenantId, uuidArray([...ids])],
  )
  return new Map(rows.map((file) => [file.id, file]))
}

function rejected({ seq, code, detail }: BadLine, actor: DeviceActor): StatedDraft {
  return {
    action: 'device.event.rejected',
    outcome: 'failed',
    device: { id: actor.deviceId, name: actor.deviceName },
    detail: { code, problem: detail, ...(seq === undefined ? {} : { seq: String(seq) }) },
  }
}

/** Lines without a number cannot be told from their repetition: one entry a request says how many there were. */
function unnumbered(refused: readonly BadLine[], actor: DeviceActor): StatedDraft[] {
  const [first] = refused
  if (!first) return []
  const entry = rejected({ ...first, seq: undefined }, actor)
  return [{ ...entry, detail: { ...entry.detail, lines: String(refused.length) } }]
}

function gapsGivenUp([, to]: Range, actor: DeviceActor): StatedDraft {
  const problem = `seq: more than ${MAX_RANGES} gaps; what is missing below ${to} is no longer waited for`
  return rejected({ line: 0, digest: '', code: 'too_many_gaps', detail: problem }, actor)
}
