import { type Bytes, equalBytes, utf8Decode, utf8Encode, utf8LengthAbove } from '#lib/bytes.ts'
import { jsonText } from '#lib/canonical-json.ts'
import { formatTime } from '#lib/time.ts'
import { uuidv7 } from '#lib/uuid.ts'
import type { ActorKind, Enforcement, Outcome } from './actions.ts'
import { checkEntry, checkStated, EntryError, MAX_LABELS } from './entry-check.ts'
import { type Personal, type PersonalValues, sealPersonal } from './personal.ts'
import { Texts } from './texts.ts'

/** The most bytes an encoded entry may have: the length prefix of an entry bundle has 16 bits. */
export const MAX_ENTRY_BYTES = 65_535

/** Who acted; the system itself and people unknown to the server have no id. */
export type EntryActor = { readonly kind: ActorKind; readonly id?: string | undefined }
/** What was acted on; `id` is a UUID or another name that says nothing about a person. */
export type EntryTarget = { readonly type: string; readonly id: string }
/** The policy version, and where known the rule, that decided. */
export type EntryPolicy = { readonly id: string; readonly version: number; readonly rule?: string | undefined }

/** The committed form of an event, version 1. It is for ever: absent members are absent, never null. */
export type AuditEntry = {
  readonly v: 1
  readonly id: string
  readonly recordedAt: string
  readonly occurredAt: string
  readonly clock?: 'suspect' | undefined
  readonly action: string
  readonly outcome: Outcome
  readonly actor: EntryActor
  readonly device?: { readonly id: string } | undefined
  readonly target?: EntryTarget | undefined
  readonly labels?: readonly string[] | undefined
  readonly policy?: EntryPolicy | undefined
  readonly source: string
  readonly enforcement?: Enforcement | undefined
  readonly correlationId?: string | undefined
  readonly personal: { readonly sha256: string }
}

/** What the server knows when it writes an entry. `id` is made from `recordedAt` unless given; labels may come in any order. */
export type EntryDraft = Omit<AuditEntry, 'v' | 'id' | 'recordedAt' | 'occurredAt' | 'personal'> & {
  readonly id?: string
  readonly recordedAt: Date
  readonly occurredAt: Date
  readonly personal?: PersonalValues
}

/** An entry ready to append: its form, the leaf as text and bytes, and the personal values to keep beside it, also as text. */
export type BuiltEntry = {
  readonly entry: AuditEntry
  readonly text: string
  readonly bytes: Bytes
  readonly personal: Personal
  readonly personalText: string
}

/**
 * Builds the committed form of a draft: normalises texts to NFC, sorts labels, salts and commits the personal values.
 * Throws an EntryError naming the field on anything the form cannot hold.
 */
export function buildEntry(draft: EntryDraft): BuiltEntry {
  const { personal, text: personalText, sha256 } = sealPersonal(draft.personal ?? {})
  const { actor, device, policy, target } = draft
  const texts = new Texts()
  const entry: AuditEntry = {
    v: 1,
    id: draft.id ?? uuidv7(draft.recordedAt.getTime()),
    recordedAt: formatTime(draft.recordedAt),
    occurredAt: formatTime(draft.occurredAt),
    clock: draft.clock,
    action: draft.action,
    outcome: draft.outcome,
    actor: { kind: actor.kind, id: actor.id },
    device: device && { id: device.id },
    target: target && { type: target.type, id: texts.normal(target.id, 'target.id') },
    labels: normaliseLabels(draft.labels, texts),
    policy: policy && { id: policy.id, version: policy.version, rule: policy.rule },
    source: draft.source,
    enforcement: draft.enforcement,
    correlationId: draft.correlationId,
    personal: { sha256 },
  }
  // An id, times and a commitment that were written here are right; whatever else was given is not known to be.
  if (draft.id === undefined) checkStated(entry)
  else checkEntry(entry)
  return new Built(entry, formatEntry(entry, texts.write), personal, personalText)
}

class Built implements BuiltEntry {
  readonly entry: AuditEntry
  readonly text: string
  readonly personal: Personal
  readonly personalText: string

  constructor(entry: AuditEntry, text: string, personal: Personal, personalText: string) {
    this.entry = entry
    this.text = text
    this.personal = personal
    this.personalText = personalText
  }

  /** Made when asked for: whoever only hashes and stores the text has no use for bytes. */
  get bytes(): Bytes {
    return utf8Encode(this.text)
  }
}

const LABEL_FIELDS = Array.from({ length: MAX_LABELS }, (_, n) => `labels[${n}]`)

function normaliseLabels(labels: readonly string[] | undefined, texts: Texts): readonly string[] | undefined {
  if (labels === undefined || labels.length === 0) return undefined
  const normal = labels.map((label, n) => texts.normal(label, LABEL_FIELDS[n] ?? 'labels'))
  return normal.every((label, n) => n === 0 || label > (normal[n - 1] ?? '')) ? normal : [...new Set(normal)].sort()
}

/**
 * The bytes of the leaf: RFC 8785 canonical JSON of an entry that `checkEntry` accepts. Throws an EntryError above
 * `MAX_ENTRY_BYTES`.
 */
export function encodeEntry(entry: AuditEntry): Bytes {
  return utf8Encode(formatEntry(entry))
}

/**
 * Member by member in sorted order: to sort them at run time takes ten times as long, JSON.stringify of sorted members twice as
 * long. What has a checked form (ids, times, names from a list) needs no escapes; `write` is how labels and the target's id stand
 * in JSON. A property test holds it equal to `canonicalJson`.
 */
function formatEntry(entry: AuditEntry, write = jsonText): string {
  const { actor, clock, correlationId, device, enforcement, labels, policy, target } = entry
  let text = `{"action":"${entry.action}","actor":{${actor.id === undefined ? '' : `"id":"${actor.id}",`}"kind":"${actor.kind}"}`
  if (clock !== undefined) text += `,"clock":"${clock}"`
  if (correlationId !== undefined) text += `,"correlationId":"${correlationId}"`
  if (device !== undefined) text += `,"device":{"id":"${device.id}"}`
  if (enforcement !== undefined) text += `,"enforcement":"${enforcement}"`
  text += `,"id":"${entry.id}"`
  if (labels !== undefined) text += `,"labels":[${labels.map(write).join(',')}]`
  text += `,"occurredAt":"${entry.occurredAt}","outcome":"${entry.outcome}","personal":{"sha256":"${entry.personal.sha256}"}`
  if (policy !== undefined)
    text += `,"policy":{"id":"${policy.id}",${policy.rule === undefined ? '' : `"rule":${jsonText(policy.rule)},`}"version":${policy.version}}`
  text += `,"recordedAt":"${entry.recordedAt}","source":${jsonText(entry.source)}`
  if (target !== undefined) text += `,"target":{"id":${write(target.id)},"type":"${target.type}"}`
  text += ',"v":1}'
  const bytes = utf8LengthAbove(text, MAX_ENTRY_BYTES)
  if (bytes > MAX_ENTRY_BYTES)
    throw new EntryError('entry', `has ${bytes} bytes, at most ${MAX_ENTRY_BYTES} are allowed`)
  return text
}

/**
 * The entry in a leaf's bytes. Throws an EntryError unless the bytes are exactly what `encodeEntry` writes: a second spelling
 * of one event, an unknown member or a time that does not match the id is refused.
 */
export function decodeEntry(bytes: Uint8Array): AuditEntry {
  if (bytes.length > MAX_ENTRY_BYTES) throw new EntryError('entry', `has ${bytes.length} bytes`)
  const value = parse(bytes)
  checkEntry(value)
  if (!equalBytes(encodeEntry(value), bytes)) {
    throw new EntryError('entry', 'is not in canonical form or holds an unknown member')
  }
  return value
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8Decode(bytes))
  } catch (cause) {
    throw new EntryError('entry', 'is not JSON in UTF-8', { cause })
  }
}
