import type { z } from 'zod'
import { APP_EVENT_LIMITS, type AppEvent, appEventLine } from './app-event-form.ts'

/** Beyond what an entry's form may hold; NFC can lengthen a text. */
const MAX_PERSONAL_BYTES = 60_000

export type AppEventLine = { line: number; event: AppEvent } | { line: number; code: string; detail: string }

/** Reads the lines one by one: a bad one is told from the others and never stops them. `line` counts from 1. */
export function parseAppEventLines(lines: Iterable<string>): AppEventLine[] {
  return Array.from(lines, (text, position) => ({ line: position + 1, ...parseLine(text) }))
}

function parseLine(text: string): { event: AppEvent } | { code: string; detail: string } {
  if (Buffer.byteLength(text) > APP_EVENT_LIMITS.lineBytes)
    return { code: 'line_too_large', detail: `a line may have ${APP_EVENT_LIMITS.lineBytes} bytes` }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { code: 'not_json', detail: 'the line is not a JSON object' }
  }
  const parsed = appEventLine.safeParse(value)
  if (!parsed.success) return fault(parsed.error.issues[0])
  if (Buffer.byteLength(JSON.stringify(parsed.data)) > MAX_PERSONAL_BYTES)
    return { code: 'line_too_large', detail: 'too long in NFC' }
  return { event: parsed.data }
}

function fault(issue: z.core.$ZodIssue | undefined): { code: string; detail: string } {
  const field = issue?.path.map(String).join('.') || (issue?.code === 'unrecognized_keys' ? issue.keys[0] : 'line')
  const problem = issue?.code === 'unrecognized_keys' ? 'is not known here' : (issue?.message ?? 'is not valid')
  const code = field === 'action' && /app’s to state/.test(problem) ? 'action_not_allowed' : 'invalid'
  return { code, detail: `${printable(field ?? 'line')}: ${problem}` }
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 100)
}
