import { utf8Decode } from '#lib/bytes.ts'
import { isExistingTime } from '#lib/time.ts'
import { ACTOR_KINDS, ENFORCEMENTS, OUTCOMES } from './actions.ts'
import { decodeEntry } from './entry.ts'

/** What verifying a log needs of an entry: when it was recorded, and what its personal values must hash to. */
export type Committed = { readonly recordedAt: string; readonly sha256: string }

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
const UUID_V7 = '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'
const TIME = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z'
// Characters that JSON writes as themselves: no quote, no backslash, nothing outside ASCII.
const PLAIN = '[ !#-\\[\\]-~]'
const NAME = '[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,62}[A-Za-z0-9])?'
const optional = (pattern: string) => `(?:${pattern})?`

/** The canonical form of an entry whose texts are plain, member by member in its order. */
const FORM = new RegExp(
  [
    `^\\{"action":"[a-z][a-z0-9_]{0,31}(?:\\.[a-z][a-z0-9_]{0,31}){1,3}"`,
    `,"actor":\\{${optional(`"id":"${UUID}",`)}"kind":"(?:${ACTOR_KINDS.join('|')})"\\}`,
    optional(',"clock":"suspect"'),
    optional(`,"correlationId":"${UUID}"`),
    optional(`,"device":\\{"id":"${UUID}"\\}`),
    optional(`,"enforcement":"(?:${ENFORCEMENTS.join('|')})"`),
    `,"id":"(${UUID_V7})"`,
    optional(`,"labels":\\[("${PLAIN}{1,64}"(?:,"${PLAIN}{1,64}"){0,31})\\]`),
    `,"occurredAt":"(${TIME})"`,
    `,"outcome":"(?:${OUTCOMES.join('|')})"`,
    `,"personal":\\{"sha256":"([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])"\\}`,
    optional(`,"policy":\\{"id":"${UUID}"${optional(`,"rule":"${PLAIN}{1,256}"`)},"version":[1-9]\\d{0,14}\\}`),
    `,"recordedAt":"(${TIME})"`,
    `,"source":"(?:server|device|(?:app|import):${NAME})"`,
    optional(`,"target":\\{"id":"${PLAIN}{1,256}","type":"[a-z][a-z0-9_]{0,31}"\\}`),
    ',"v":1\\}$',
  ].join(''),
)

/**
 * Checks a leaf's bytes as `decodeEntry` does, an order of magnitude faster for the entries whose texts are plain ASCII, and
 * answers what verification needs. Throws an EntryError exactly where `decodeEntry` throws one.
 */
export function readCommitted(bytes: Uint8Array): Committed {
  return readPlain(bytes) ?? readSlowly(bytes)
}

function readSlowly(bytes: Uint8Array): Committed {
  const { recordedAt, personal } = decodeEntry(bytes)
  return { recordedAt, sha256: personal.sha256 }
}

function readPlain(bytes: Uint8Array): Committed | null {
  const match = FORM.exec(textOf(bytes))
  if (match === null) return null
  // Not destructured: that iterates, and this is the verifier's innermost loop.
  const id = match[1] ?? ''
  const labels = match[2]
  const occurredAt = match[3] ?? ''
  const recordedAt = match[5] ?? ''
  if (labels?.includes('","') && !isAscending(labels)) return null
  const time = timeOf(recordedAt)
  if (time === null || !id.startsWith(time.high) || !id.startsWith(time.low, 9)) return null
  if (occurredAt !== recordedAt && !isExistingTime(occurredAt)) return null
  return { recordedAt, sha256: match[4] ?? '' }
}

function textOf(bytes: Uint8Array): string {
  try {
    return utf8Decode(bytes)
  } catch {
    return ''
  }
}

// The same few sets of labels stand at most entries of a log.
const ascending = new Set<string>()
const MOST_KNOWN = 1_000

/** Labels as they stand in the text, quotes and all. */
function isAscending(labels: string): boolean {
  if (ascending.has(labels)) return true
  let last = ''
  for (const label of labels.slice(1, -1).split('","')) {
    if (label <= last) return false
    last = label
  }
  if (ascending.size < MOST_KNOWN) ascending.add(labels)
  return true
}

/** The first 48 bits of a UUIDv7 of that time, as they stand in its text: eight digits, a hyphen, four digits. */
type IdTime = { readonly high: string; readonly low: string }

// Entries of one append share their time.
let known: { text: string; time: IdTime | null } = { text: '', time: null }

/** Null for a day or an hour that does not exist. */
function timeOf(text: string): IdTime | null {
  if (text !== known.text) known = { text, time: isExistingTime(text) ? idTimeOf(Date.parse(text)) : null }
  return known.time
}

function idTimeOf(ms: number): IdTime | null {
  // Before 1970 no UUIDv7 exists.
  if (ms < 0) return null
  const hex = ms.toString(16).padStart(12, '0')
  return { high: hex.slice(0, 8), low: hex.slice(8) }
}
