import { isTime } from '#lib/time.ts'
import { isUuid, isUuidv7, uuidv7TimeMs } from '#lib/uuid.ts'
import { ACTOR_KINDS, ENFORCEMENTS, isActionName, OUTCOMES } from './actions.ts'
import type { AuditEntry } from './entry.ts'

/** Something an audit entry cannot hold; `field` is its path, the message is the field and the reason. */
export class EntryError extends Error {
  readonly field: string
  constructor(field: string, reason: string, options?: ErrorOptions) {
    super(`${field} ${reason}`, options)
    this.name = 'EntryError'
    this.field = field
  }
}

/** Labels of one entry. */
export const MAX_LABELS = 32
const MAX_LABEL_LENGTH = 64
const MAX_ID_LENGTH = 256
const TARGET_TYPE = /^[a-z][a-z0-9_]{0,31}$/
const SOURCE = /^(?:server|device|(?:app|import):[\p{L}\p{N}](?:[\p{L}\p{M}\p{N} ._-]{0,62}[\p{L}\p{M}\p{N}])?)$/u
const COMMITMENT = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/
const ASCII = /^[\x20-\x7e]*$/

/** Whether `text` can be an entry's `source`: `server`, `device`, `app:NAME` or `import:NAME`. */
export function isSource(text: string): boolean {
  return text === 'device' || text === 'server' || (SOURCE.test(text) && text.normalize('NFC') === text)
}

/** Throws an EntryError naming the first field that the committed form (version 1) forbids. */
export function checkEntry(value: unknown): asserts value is AuditEntry {
  const entry = object(value, 'entry')
  if (entry.v !== 1) throw new EntryError('v', 'is not 1')
  checkTimes(entry)
  checkStated(entry)
  const { sha256 } = object(entry.personal, 'personal')
  demand(typeof sha256 === 'string' && COMMITMENT.test(sha256), 'personal.sha256', 'is not base64url of 32 bytes')
}

/** The same but for what the writer itself adds: version, id, times and commitment. */
export function checkStated(value: unknown): void {
  const entry = object(value, 'entry')
  if (entry.clock !== undefined) demand(entry.clock === 'suspect', 'clock', 'is not "suspect"')
  demand(typeof entry.action === 'string' && isActionName(entry.action), 'action', 'is not a name like noun.verb')
  oneOf(entry.outcome, OUTCOMES, 'outcome')
  checkActor(object(entry.actor, 'actor'))
  if (entry.device !== undefined) uuid(object(entry.device, 'device').id, 'device.id')
  if (entry.target !== undefined) checkTarget(object(entry.target, 'target'))
  if (entry.labels !== undefined) checkLabels(entry.labels)
  if (entry.policy !== undefined) checkPolicy(object(entry.policy, 'policy'))
  demand(
    typeof entry.source === 'string' && isSource(entry.source),
    'source',
    'is not server, device, app:NAME or import:NAME',
  )
  if (entry.enforcement !== undefined) oneOf(entry.enforcement, ENFORCEMENTS, 'enforcement')
  if (entry.correlationId !== undefined) uuid(entry.correlationId, 'correlationId')
}

type Members = { readonly [name: string]: unknown }

function checkTimes(entry: Members): void {
  const { id, recordedAt, occurredAt } = entry
  demand(typeof recordedAt === 'string' && isTime(recordedAt), 'recordedAt', 'is not a UTC time with milliseconds')
  demand(typeof occurredAt === 'string' && isTime(occurredAt), 'occurredAt', 'is not a UTC time with milliseconds')
  demand(typeof id === 'string' && isUuidv7(id), 'id', 'is not a UUIDv7')
  demand(uuidv7TimeMs(String(id)) === Date.parse(String(recordedAt)), 'id', 'does not carry the time of recordedAt')
}

function checkActor(actor: Members): void {
  oneOf(actor.kind, ACTOR_KINDS, 'actor.kind')
  if (actor.id !== undefined) uuid(actor.id, 'actor.id')
}

function checkTarget(target: Members): void {
  demand(typeof target.type === 'string' && TARGET_TYPE.test(target.type), 'target.type', 'is not a lower-case word')
  text(target.id, 'target.id', MAX_ID_LENGTH)
}

function checkLabels(labels: unknown): void {
  if (!Array.isArray(labels)) throw new EntryError('labels', 'is not a list')
  if (labels.length === 0 || labels.length > MAX_LABELS)
    throw new EntryError('labels', `has ${labels.length} items, 1 to ${MAX_LABELS} are allowed`)
  let last = ''
  for (let index = 0; index < labels.length; index++) {
    const name = labels[index]
    if (!isShortAscii(name)) text(name, `labels[${index}]`, MAX_LABEL_LENGTH)
    if (!(name > last)) throw new EntryError(`labels[${index}]`, 'is out of order or repeated')
    last = name
  }
}

/** What every label of most entries is, said without naming its place. */
function isShortAscii(value: unknown): boolean {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_LABEL_LENGTH && ASCII.test(value)
}

function checkPolicy(policy: Members): void {
  uuid(policy.id, 'policy.id')
  const { version, rule } = policy
  demand(
    typeof version === 'number' && Number.isSafeInteger(version) && version > 0,
    'policy.version',
    'is not a version number',
  )
  if (rule !== undefined) text(rule, 'policy.rule', MAX_ID_LENGTH)
}

function demand(condition: boolean, field: string, reason: string): void {
  if (!condition) throw new EntryError(field, reason)
}

function object(value: unknown, field: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new EntryError(field, 'is not an object')
  // Any object may be read member by member as unknown.
  return value as Members
}

/** The last one of each field that was in order: neighbours mostly have the same person, device and policy. */
const lastGood = new Map<string, unknown>()

function uuid(value: unknown, field: string): void {
  if (value !== undefined && lastGood.get(field) === value) return
  demand(typeof value === 'string' && isUuid(value), field, 'is not a UUID')
  lastGood.set(field, value)
}

function oneOf(value: unknown, allowed: readonly string[], field: string): void {
  if (typeof value !== 'string' || !allowed.includes(value))
    throw new EntryError(field, `is not one of ${allowed.join(', ')}`)
}

function text(value: unknown, field: string, maxLength: number): string {
  if (typeof value !== 'string') throw new EntryError(field, 'is not a text')
  if (value.length === 0 || value.length > maxLength)
    throw new EntryError(field, `has ${value.length} characters, 1 to ${maxLength} are allowed`)
  if (ASCII.test(value)) return value
  demand(value.isWellFormed(), field, 'holds a lone surrogate')
  demand(!value.includes('\0'), field, 'holds a NUL')
  demand(value.normalize('NFC') === value, field, 'is not in Unicode normalisation form C')
  return value
}
