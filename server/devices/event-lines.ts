import { hash } from 'node:crypto'
import { appMayState } from '#protocol/audit/actions.ts'
import { MAX_LABELS } from '#protocol/audit/entry-check.ts'
import { EVENT_LIMITS, type EventLine, eventLineSchema } from '#protocol/device/messages.ts'
import { isPlainEvent } from '#protocol/device/plain-event.ts'

/** Of SHA-256 over the line as it was sent, a character each: enough to tell that a number came again with other bytes. */
export const DIGEST_BYTES = 8

export type GoodLine = { line: number; seq: number; digest: string; event: EventLine; occurredAt: Date }
export type BadLine = { line: number; seq?: number; digest: string; code: string; detail: string }
export type ParsedLine = GoodLine | BadLine

export function isGood(line: ParsedLine): line is GoodLine {
  return 'event' in line
}

/** What the entry's form allows beyond what a line may hold: NFC can lengthen a text. */
const MAX_LABEL = 64
const MAX_TARGET_ID = 256
const MAX_PERSONAL = 60_000
const ASCII = /^[\x20-\x7e]*$/

/** Reads the lines of one request one by one: a bad one is told from the others and never stops them. `line` counts from 1. */
export function parseEventLines(lines: Iterable<string>): ParsedLine[] {
  const parsed: ParsedLine[] = []
  for (const text of lines) parsed.push(parseLine(text, parsed.length + 1))
  return parsed
}

function parseLine(text: string, line: number): ParsedLine {
  const digest = hash('sha256', text, 'binary').slice(0, DIGEST_BYTES)
  if (3 * text.length > EVENT_LIMITS.lineBytes && Buffer.byteLength(text) > EVENT_LIMITS.lineBytes) {
    return {
      line,
      ...seqIn(text),
      digest,
      code: 'line_too_large',
      detail: `a line may have ${EVENT_LIMITS.lineBytes} bytes`,
    }
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { line, ...seqIn(text), digest, code: 'not_json', detail: 'the line is not a JSON object' }
  }
  const plain = isPlainEvent(value) ? value : null
  const event = plain ?? readEvent(value)
  if (typeof event === 'string') return { line, ...seqOf(value), digest, code: 'invalid', detail: printable(event) }
  const fault = faultOf(event) ?? (plain ? null : faultInNfc(event, text))
  if (fault) return { line, seq: event.seq, digest, ...fault }
  return { line, seq: event.seq, digest, event, occurredAt: new Date(event.at) }
}

/** The event, or what is wrong with it. */
function readEvent(value: unknown): EventLine | string {
  const { success, data, error } = eventLineSchema.safeParse(value)
  if (success) return data
  const [issue] = error.issues
  return `${issue?.path.map(String).join('.') || 'line'}: ${issue?.message ?? 'is not valid'}`
}

type Fault = { code: string; detail: string } | null

function faultOf(event: EventLine): Fault {
  // As an app may: names that we do not know are kept and shown as custom, but for those that pose as the server's.
  if (!appMayState(event.action))
    return { code: 'action_not_allowed', detail: `a device may not state ${event.action}` }
  if ((event.labels?.length ?? 0) > MAX_LABELS) return { code: 'invalid', detail: `labels: at most ${MAX_LABELS}` }
  if (event.policy && event.policy.version < 1) return { code: 'invalid', detail: 'policy.version: must be 1 or more' }
  return null
}

function faultInNfc(event: EventLine, text: string): Fault {
  // Plain ASCII without escapes is its own normal form and is no longer than it was sent.
  if (ASCII.test(text) && !text.includes('\\u')) return null
  if (event.labels?.some((label) => label.normalize('NFC').length > MAX_LABEL))
    return { code: 'invalid', detail: 'labels: too long in NFC' }
  if ((event.target?.id.normalize('NFC').length ?? 0) > MAX_TARGET_ID)
    return { code: 'invalid', detail: 'target.id: too long in NFC' }
  const bytes = Buffer.byteLength(JSON.stringify(event).normalize('NFC'))
  return bytes > MAX_PERSONAL ? { code: 'line_too_large', detail: 'too long in NFC' } : null
}

/** The number of a line that is otherwise wrong, so that it is used up and not missed. */
function seqOf(value: unknown): { seq?: number } {
  const seq = typeof value === 'object' && value !== null && 'seq' in value ? value.seq : undefined
  return typeof seq === 'number' && Number.isSafeInteger(seq) && seq >= 1 ? { seq } : {}
}

function seqIn(text: string): { seq?: number } {
  const match = /^\s*\{\s*"seq"\s*:\s*(\d{1,15})\s*[,}]/.exec(text.slice(0, 200))
  return match ? seqOf({ seq: Number(match[1]) }) : {}
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 300)
}
