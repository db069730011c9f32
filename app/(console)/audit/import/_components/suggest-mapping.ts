import type { ImportMappingInput } from '#server/audit/schema.ts'

/** Words by which other products name their columns, the likeliest first. */
const WORDS = {
  id: ['id', 'eventid', 'uuid', 'recordid', 'guid', 'sequence'],
  at: ['occurredat', 'timestamp', 'eventtime', 'creationtime', 'createdat', 'datetime', 'time', 'date', 'at', '时间'],
  action: ['action', 'eventtype', 'operation', 'eventname', 'event', 'activity', 'type', '操作'],
  outcome: ['outcome', 'result', 'status', '结果'],
  email: ['actoremail', 'useremail', 'email', 'mail', 'userprincipalname', 'userid', '邮箱'],
  name: ['actorname', 'username', 'displayname', 'actor', 'user', '用户', '姓名'],
  target: ['filename', 'targetname', 'objectname', 'target', 'object', 'file', 'document', 'resource', '文件'],
  address: ['ipaddress', 'clientip', 'ip', 'address', 'remoteaddress'],
  reason: ['reason', 'comment', 'message', 'note'],
} as const

type Field = keyof typeof WORDS

/** A mapping to begin with, made of a file's name and its first lines. A person completes it. */
export function suggestMapping(fileName: string, beginning: string): ImportMappingInput {
  const [first = ''] = beginning.replace(/^\ufeff/, '').split(/\r?\n/, 1)
  const isJson = first.trimStart().startsWith('{')
  const delimiter = delimiterOf(first)
  const columns = isJson ? pathsOf(first) : first.split(delimiter).map((name) => name.replace(/^"|"$/g, '').trim())
  const taken = new Set<string>()
  const find = (field: Field) => {
    const found = WORDS[field]
      .map((word) => columns.find((column) => !taken.has(column) && bare(column) === word))
      .find((column) => column !== undefined)
    if (found !== undefined) taken.add(found)
    return found
  }
  const [id, at, action, outcome] = [find('id'), find('at'), find('action'), find('outcome')]
  const [email, name, target] = [find('email'), find('name'), find('target')]
  const [address, reason] = [find('address'), find('reason')]
  return {
    name: nameOf(fileName),
    format: isJson ? 'ndjson' : 'csv',
    ...(isJson || delimiter === ',' ? {} : { csv: { delimiter } }),
    id: id ?? { hashOf: 'line' },
    occurredAt: { from: at ?? columns[0] ?? 'time', format: 'rfc3339', zone: 'UTC' },
    action: { from: action ?? columns[1] ?? 'action', values: {} },
    ...(outcome === undefined ? {} : { outcome: { from: outcome, values: {}, otherwise: 'allowed' } }),
    ...(email === undefined && name === undefined
      ? {}
      : { actor: { ...(email === undefined ? {} : { email }), ...(name === undefined ? {} : { name }) } }),
    ...(target === undefined ? {} : { target: { type: { constant: 'file' }, name: target } }),
    ...(address === undefined ? {} : { address }),
    ...(reason === undefined ? {} : { reason }),
  }
}

const DELIMITERS = [',', ';', '\t', '|'] as const

function delimiterOf(line: string): (typeof DELIMITERS)[number] {
  const counts = DELIMITERS.map((delimiter) => line.split(delimiter).length)
  return DELIMITERS[counts.indexOf(Math.max(...counts))] ?? ','
}

function pathsOf(line: string): string[] {
  try {
    const value = JSON.parse(line) as Record<string, unknown>
    return Object.entries(value).flatMap(([name, inner]) =>
      typeof inner === 'object' && inner !== null && !Array.isArray(inner)
        ? Object.keys(inner).map((key) => `${name}.${key}`)
        : [name],
    )
  } catch {
    return []
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
