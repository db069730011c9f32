import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import { escapeForDisplay, hasLoneSurrogate } from '#lib/text.ts'
import { isUuid } from '#lib/uuid.ts'
import { appMayState, isActionName, OUTCOMES, type Outcome } from '#protocol/audit/actions.ts'
import type { ImportedEvent, ImportMapping, RejectedLine, Source } from './mapping.ts'
import type { FileRecord } from './read-file.ts'
import { timeReader } from './times.ts'

/** One record as the event it states, or why it states none. */
export type MapRecord = (record: FileRecord) => { line: number; event: ImportedEvent } | RejectedLine

const MAX_DETAIL_CHARS = 4_000
/** Less than the personal values of an entry may have. */
const MAX_EVENT_BYTES = 60_000
const TARGET_TYPE = /^[a-z][a-z0-9_]{0,31}$/

class Fault extends Error {
  readonly code: string
  constructor(code: string, detail: string) {
    super(detail)
    this.code = code
  }
}

/** Makes a mapping into the function that applies it. */
export function mapper(mapping: ImportMapping): MapRecord {
  const readTime = timeReader(mapping.occurredAt.format, mapping.occurredAt.zone)
  return (record) => {
    try {
      const event = mapRecord(record, mapping, readTime)
      // NFC, constants and values may have lengthened what was within the record's limit.
      if (Buffer.byteLength(JSON.stringify(event)) > MAX_EVENT_BYTES)
        throw new Fault('line_too_large', `the event may have ${MAX_EVENT_BYTES} bytes`)
      return { line: record.line, event }
    } catch (error) {
      if (error instanceof Fault) return { line: record.line, code: error.code, detail: error.message }
      throw error
    }
  }
}

/** Every column or path that the mapping reads. */
export function columnsOf(mapping: ImportMapping): string[] {
  const { id, occurredAt, action, outcome, actor, device, target, labels, address, reason, detail } = mapping
  const sources = [
    'hashOf' in id ? undefined : id,
    action,
    outcome,
    ...Object.values({ ...actor }),
    ...Object.values({ ...device }),
    ...Object.values({ ...target }),
    labels?.of,
    address,
    reason,
    ...Object.values({ ...detail }),
  ]
  const read = sources.flatMap((source) => (source && 'from' in source ? [source.from] : []))
  return [...new Set([occurredAt.from, ...read])]
}

function mapRecord(record: FileRecord, mapping: ImportMapping, readTime: (text: string) => Date | null): ImportedEvent {
  const read = (source: Source | undefined, field: string, max: number) => valueIn(record, source, { field, max })
  const action = actionOf(read(mapping.action, 'action', 200))
  // The file's own word stays beside what the mapping made of it.
  const word = 'from' in mapping.action ? read({ from: mapping.action.from }, 'action', 200) : undefined
  const detail: Record<string, string> = word === undefined || word === action ? {} : { action: word }
  for (const [name, source] of Object.entries(mapping.detail ?? {})) {
    const value = read(source, `detail.${name}`, MAX_DETAIL_CHARS)
    if (value !== undefined) detail[name] = value
  }
  const { actor, device, address } = mapping
  return {
    id: idOf(record, mapping),
    at: timeOf(record, mapping, readTime),
    action,
    outcome: outcomeOf(read(mapping.outcome, 'outcome', 200)),
    actor: actor && {
      id: uuidOf(read(actor.id, 'actor.id', 128)),
      email: read(actor.email, 'actor.email', 254)?.toLowerCase(),
      name: read(actor.name, 'actor.name', 255),
    },
    device: device && {
      id: read(device.id, 'device.id', 128),
      serial: read(device.serial, 'device.serial', 128),
      name: read(device.name, 'device.name', 255),
    },
    target: targetOf(mapping, read),
    labels: labelsOf(record, mapping),
    address: addressOf(read(address, 'address', 64), detail),
    reason: read(mapping.reason, 'reason', 1_000),
    detail,
  }
}

type Read = (source: Source | undefined, field: string, max: number) => string | undefined

function valueIn(
  { read }: FileRecord,
  source: Source | undefined,
  { field, max }: { field: string; max: number },
): string | undefined {
  if (source === undefined) return undefined
  const text = 'constant' in source ? source.constant : translated(textOf(read(source.from)), source)
  return clean(text, field, max)
}

/** What the file's own word means here; a word that the mapping does not know stays, unless it says otherwise. */
function translated(text: string, source: Exclude<Source, { constant: string }>): string {
  if (!('values' in source) && !('otherwise' in source)) return text
  const { values, otherwise } = source
  if (values && Object.hasOwn(values, text)) return values[text] ?? text
  return otherwise ?? text
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value.trim()
  if (value === undefined || value === null) return ''
  return typeof value === 'object' ? jsonOf(value) : String(value)
}

/** What a line can hold it can nest deeper than JSON is written. */
function jsonOf(value: object): string {
  try {
    return JSON.stringify(value)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new Fault('invalid', 'is nested too deeply')
  }
}

/** NFC, with a space for every control character: history is kept, and shows nothing that reorders a row. */
function clean(text: string, field: string, max: number): string | undefined {
  if (hasLoneSurrogate(text)) throw new Fault('invalid', `${field}: is not well-formed Unicode`)
  const cleaned = text
    .normalize('NFC')
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
  if (cleaned.length > max) throw new Fault('invalid', `${field}: may have at most ${max} characters`)
  return cleaned === '' ? undefined : cleaned
}

function idOf(record: FileRecord, { id }: ImportMapping): string {
  if ('hashOf' in id) return createHash('sha256').update(record.text).digest('hex')
  const value = valueIn(record, id, { field: 'id', max: 256 })
  if (value === undefined) throw new Fault('id_missing', 'id: the event’s own id is missing')
  return value
}

function timeOf({ read }: FileRecord, { occurredAt }: ImportMapping, readTime: (text: string) => Date | null): Date {
  const text = textOf(read(occurredAt.from))
  const at = readTime(text)
  if (!at) {
    const where = /^(rfc3339|unix|unix_ms)$/.test(occurredAt.format) ? '' : ` on the clock of ${occurredAt.zone}`
    throw new Fault(
      'time_invalid',
      `occurredAt: ${printable(text)} is no time in the form ${occurredAt.format}${where}`,
    )
  }
  return at
}

/** A name of ours is itself; what only the server can state is refused; any other word is kept below `imported`. */
function actionOf(text: string | undefined): string {
  if (text === undefined) throw new Fault('action_missing', 'action: is missing')
  const name = text.toLowerCase()
  if (isActionName(name)) {
    if (appMayState(name)) return name
    const hint = 'map it to a name of your own'
    throw new Fault('action_not_allowed', `action: only the server can state ${printable(name)}; ${hint}`)
  }
  const word = name
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^[^a-z]+/, '')
    .slice(0, 32)
    .replace(/_+$/, '')
  return `imported.${word || 'event'}`
}

function outcomeOf(text: string | undefined): Outcome {
  if (text === undefined) return 'allowed'
  const outcome = OUTCOMES.find((known) => known === text.toLowerCase())
  if (!outcome) throw new Fault('invalid', `outcome: ${printable(text)} is none of ${OUTCOMES.join(', ')}`)
  return outcome
}

function uuidOf(text: string | undefined): string | undefined {
  return text !== undefined && isUuid(text) ? text.toLowerCase() : text
}

function targetOf({ target }: ImportMapping, read: Read): ImportedEvent['target'] {
  if (!target) return undefined
  const type = read(target.type, 'target.type', 64)?.toLowerCase()
  const id = read(target.id, 'target.id', 256)
  const name = read(target.name, 'target.name', 255)
  if (id === undefined && name === undefined) return undefined
  if (type === undefined || !TARGET_TYPE.test(type))
    throw new Fault('invalid', `target.type: ${printable(type ?? '')} is not a lower-case word`)
  return { type, id, name }
}

function labelsOf(record: FileRecord, { labels }: ImportMapping): string[] {
  if (!labels) return []
  const value = 'from' in labels.of ? record.read(labels.of.from) : undefined
  const list = Array.isArray(value)
    ? value.map(textOf)
    : (valueIn(record, labels.of, { field: 'labels', max: 4_000 }) ?? '').split(labels.separator)
  const cleaned = list.flatMap((label) => clean(label, 'labels', 64) ?? [])
  if (cleaned.length > 32) throw new Fault('invalid', 'labels: may have at most 32')
  return [...new Set(cleaned)]
}

/** An address is one, or stays in the detail as it was written: a host's name, or an address with a port. */
function addressOf(text: string | undefined, detail: Record<string, string>): string | undefined {
  if (text === undefined) return undefined
  if (isIP(text) !== 0) return text
  detail.address ??= text
  return undefined
}

function printable(text: string): string {
  return escapeForDisplay(JSON.stringify(text.slice(0, 80)))
}
