import type { ImportMappingInput } from '#server/audit/schema.ts'
import { suggestTimeFormat } from './suggest-time.ts'

type Outcome = 'allowed' | 'denied' | 'failed'
type Encoding = NonNullable<ImportMappingInput['encoding']>

/** Words by which other products name their columns, the likeliest first. */
const WORDS = {
  id: ['id', 'eventid', 'uuid', 'recordid', 'guid', 'sequence'],
  at: [
    'occurredat',
    'timestamp',
    'eventtime',
    'creationtime',
    'createdat',
    'datetime',
    'time',
    'date',
    'when',
    'at',
    '时间',
  ],
  action: ['action', 'eventtype', 'operation', 'eventname', 'event', 'activity', 'type', 'what', '操作'],
  outcome: ['outcome', 'result', 'status', '结果'],
  email: ['actoremail', 'useremail', 'email', 'mail', 'userprincipalname', 'userid', '邮箱'],
  name: ['actorname', 'username', 'displayname', 'actor', 'user', 'person', 'who', '用户', '姓名'],
  target: [
    'filename',
    'title',
    'targetname',
    'objectname',
    'target',
    'object',
    'file',
    'document',
    'doc',
    'resource',
    '文件',
  ],
  address: ['ipaddress', 'clientip', 'ip', 'address', 'remoteaddress'],
  reason: ['reason', 'comment', 'message', 'note'],
} as const

type Field = keyof typeof WORDS

/** How other products call what came of it. A word that is not here is for a person to say: a wrong guess would be in the log for ever. */
const OUTCOMES: Record<Outcome, readonly string[]> = {
  allowed: ['ok', 'success', 'succeeded', 'successful', 'allowed', 'granted', 'permitted', 'true', '成功', '允许'],
  denied: ['denied', 'refused', 'rejected', 'blocked', 'forbidden', '拒绝', '已拒绝'],
  failed: ['fail', 'failed', 'failure', 'error', 'false', '失败'],
}

/** A mapping to begin with, made of a file's name and its first lines. A person completes it. */
export function suggestMapping(fileName: string, beginning: string, encoding: Encoding = 'utf-8'): ImportMappingInput {
  const [first = '', second = ''] = beginning.replace(/^\ufeff/, '').split(/\r?\n/, 2)
  const isJson = first.trimStart().startsWith('{')
  const delimiter = delimiterOf(first)
  const sample = isJson ? valuesOf(first) : zip(cellsOf(first, delimiter), cellsOf(second, delimiter))
  const columns = [...sample.keys()]
  const taken = new Set<string>()
  const free = (isRight: (column: string) => boolean) => {
    const found = columns.find((column) => !taken.has(column) && isRight(column))
    if (found !== undefined) taken.add(found)
    return found
  }
  const find = (field: Field) => {
    for (const word of WORDS[field]) {
      const found = free((column) => bare(column) === word)
      if (found !== undefined) return found
    }
    return undefined
  }
  const formatOf = (column: string) => suggestTimeFormat(sample.get(column) ?? '')
  const [id, at, action, outcome] = [find('id'), find('at'), find('action'), find('outcome')]
  const [email, name, target] = [find('email'), find('name'), find('target')]
  const [address, reason] = [find('address'), find('reason')]
  // Without a name that says so, a time is what looks like one; the action may be any column that nothing else has taken.
  const time = at ?? free((column) => formatOf(column) !== null) ?? columns[0] ?? 'time'
  return {
    name: nameOf(fileName),
    format: isJson ? 'ndjson' : 'csv',
    ...(isJson || delimiter === ',' ? {} : { csv: { delimiter } }),
    ...(encoding !== 'utf-8' && { encoding }),
    id: id ?? { hashOf: 'line' },
    occurredAt: { from: time, format: formatOf(time) ?? 'rfc3339', zone: 'UTC' },
    action: { from: action ?? free((column) => column !== time) ?? 'action', values: {} },
    ...(outcome === undefined ? {} : { outcome: { from: outcome, values: outcomeOf(sample.get(outcome) ?? '') } }),
    ...actorOf(email, name, sample),
    ...(target === undefined ? {} : { target: { type: { constant: 'file' }, name: target } }),
    ...(address === undefined ? {} : { address }),
    ...(reason === undefined ? {} : { reason }),
  }
}

/** What the file's own word says, where it is a usual one; any other line then says which word is missing here. */
function outcomeOf(word: string): Record<string, Outcome> {
  const outcome = (Object.keys(OUTCOMES) as Outcome[]).find((name) =>
    OUTCOMES[name].includes(word.trim().toLowerCase()),
  )
  return outcome && outcome !== word ? { [word]: outcome } : {}
}

/** A column of people may hold their addresses, whatever it is called. */
function actorOf(email: string | undefined, name: string | undefined, sample: ReadonlyMap<string, string>) {
  if (email !== undefined) return { actor: { email, ...(name === undefined ? {} : { name }) } }
  if (name === undefined) return {}
  return { actor: /^[^@\s]+@[^@\s]+$/.test(sample.get(name) ?? '') ? { email: name } : { name } }
}

const DELIMITERS = [',', ';', '\t', '|'] as const

function delimiterOf(line: string): (typeof DELIMITERS)[number] {
  const counts = DELIMITERS.map((delimiter) => line.split(delimiter).length)
  return DELIMITERS[counts.indexOf(Math.max(...counts))] ?? ','
}

/** The cells of a line, good enough for a guess: quotes are left out, and a delimiter between them is none. */
function cellsOf(line: string, delimiter: string): string[] {
  const cells: string[] = []
  let [cell, isQuoted] = ['', false]
  for (const letter of line) {
    if (letter === '"') isQuoted = !isQuoted
    else if (letter === delimiter && !isQuoted) {
      cells.push(cell)
      cell = ''
    } else cell += letter
  }
  return [...cells, cell].map((text) => text.trim())
}

function zip(names: readonly string[], values: readonly string[]): Map<string, string> {
  return new Map(names.map((name, place) => [name, values[place] ?? '']))
}

/** What a line of NDJSON holds, by path. */
function valuesOf(line: string): Map<string, string> {
  try {
    const value = JSON.parse(line) as Record<string, unknown>
    const paths = Object.entries(value).flatMap(([name, inner]) =>
      typeof inner === 'object' && inner !== null && !Array.isArray(inner)
        ? Object.entries(inner).map(([key, deep]) => [`${name}.${key}`, String(deep)] as const)
        : [[name, String(inner)] as const],
    )
    return new Map(paths)
  } catch {
    return new Map()
  }
}

function bare(column: string): string {
  return column.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '')
}

function nameOf(fileName: string): string {
  const name = fileName
    .replace(/\.[^.]*$/, '')
    .normalize('NFC')
    .toLowerCase()
    .replace(/[^\p{Ll}\p{Lo}\p{N} ._-]+/gu, ' ')
    .slice(0, 64)
    .replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '')
  return name || 'history'
}
