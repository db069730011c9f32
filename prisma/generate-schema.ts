/**
 * Writes prisma/schema/*.prisma from a migrated database, so that the SQL of the migrations stays the one source:
 * `node prisma/generate-schema.ts postgres://…`. A test compares what this gives with what is committed.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import pg from 'pg'

/** Tables of the control plane by domain; the audit log and the commands are reached by SQL, in the kernel alone. */
const DOMAINS: Record<string, readonly string[]> = {
  tenants: ['instance', 'tenant', 'tenant_key', 'key_rotation'],
  people: ['person', 'person_link'],
  identity: [
    'login_directory',
    'password_credential',
    'totp_credential',
    'recovery_code',
    'session',
    'session_activity',
    'step_up_grant',
    'api_key',
    'api_key_activity',
  ],
  policies: ['policy', 'policy_version'],
  devices: [
    'enrollment_code_directory',
    'enrollment_code',
    'device',
    'enrollment',
    'device_presence',
    'push_subscription',
    'vault_share',
    'device_command',
    'wipe',
    'wipe_timeline',
  ],
  approvals: ['brake_request', 'brake_decision'],
  content: ['file', 'file_chunk', 'file_audience', 'file_release', 'file_release_grant', 'file_rendition'],
}

const HEADER = `generator client {
  provider            = "prisma-client"
  output              = "../../server/kernel/generated"
  runtime             = "nodejs"
  moduleFormat        = "esm"
  importFileExtension = "ts"
}

datasource db {
  provider = "postgresql"
}
`

type Column = { table: string; name: string; type: string; nullable: boolean; default: string | null }
type Key = { table: string; kind: string; columns: string[]; target: string | null; targetColumns: string[] | null }

const SCALARS: Record<string, string> = {
  uuid: 'String @db.Uuid',
  text: 'String',
  boolean: 'Boolean',
  integer: 'Int',
  bigint: 'BigInt',
  bytea: 'Bytes',
  jsonb: 'Json',
  'timestamp(3) with time zone': 'DateTime @db.Timestamptz(3)',
  'text[]': 'String[]',
  int8multirange: 'Unsupported("int8multirange")',
}

const camel = (name: string) => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
const pascal = (name: string) => camel(`_${name}`)

/** The Prisma schema as file name → text. */
export async function generatePrismaSchema(databaseUrl: string): Promise<Map<string, string>> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const columns = (
      await client.query<Column>(`
      SELECT c.relname AS "table", a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable,
             pg_get_expr(d.adbin, d.adrelid) AS default
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
       WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum`)
    ).rows
    const keys = (
      await client.query<Key>(`
      SELECT c.relname AS "table", k.contype AS kind, t.relname AS target,
             (SELECT array_agg(a.attname::text ORDER BY n) FROM unnest(k.conkey) WITH ORDINALITY u(num, n) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.num) AS columns,
             (SELECT array_agg(a.attname::text ORDER BY n) FROM unnest(k.confkey) WITH ORDINALITY u(num, n) JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = u.num) AS "targetColumns"
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid LEFT JOIN pg_class t ON t.oid = k.confrelid
       WHERE c.relnamespace = 'public'::regnamespace AND k.contype IN ('p', 'u', 'f') ORDER BY c.relname, k.conname`)
    ).rows
    const files = new Map([['main.prisma', HEADER]])
    for (const [domain, tables] of Object.entries(DOMAINS)) {
      files.set(`${domain}.prisma`, tables.map((table) => model(table, columns, keys)).join('\n'))
    }
    return files
  } finally {
    await client.end()
  }
}

/** A row's reference to another row of its own table is left to the database: nothing walks it through Prisma. */
function model(table: string, columns: readonly Column[], keys: readonly Key[]): string {
  const known = new Set(Object.values(DOMAINS).flat())
  const own = keys.filter((key) => key.table === table)
  const lines = columns.filter((column) => column.table === table).map(field)
  for (const key of own.filter(
    (key) => key.kind === 'f' && key.target && known.has(key.target) && key.target !== table,
  )) {
    lines.push(
      `  ${camel(key.target ?? '')} ${pascal(key.target ?? '')} @relation(fields: [${key.columns.map(camel).join(', ')}], references: [${(key.targetColumns ?? []).map(camel).join(', ')}])`,
    )
  }
  for (const key of keys.filter(
    (key) => key.kind === 'f' && key.target === table && known.has(key.table) && key.table !== table,
  )) {
    const one = keys.some(
      (other) => other.table === key.table && other.kind === 'p' && other.columns.join() === key.columns.join(),
    )
    lines.push(`  ${camel(key.table)}${one ? '' : 's'} ${pascal(key.table)}${one ? '?' : '[]'}`)
  }
  lines.push('')
  for (const key of own.filter((key) => key.kind !== 'f'))
    lines.push(`  ${key.kind === 'p' ? '@@id' : '@@unique'}([${key.columns.map(camel).join(', ')}])`)
  lines.push(`  @@map("${table}")`)
  return `model ${pascal(table)} {\n${lines.join('\n')}\n}\n`
}

function field(column: Column): string {
  const [type, attribute] = (SCALARS[column.type] ?? `Unsupported("${column.type}")`).split(/ (?=@)/)
  const mapped = camel(column.name) === column.name ? '' : ` @map("${column.name}")`
  const absent = column.nullable && !type?.endsWith('[]') ? '?' : ''
  return `  ${camel(column.name)} ${type}${absent}${defaultOf(column)}${mapped}${attribute ? ` ${attribute}` : ''}`
}

function defaultOf({ default: value, type }: Column): string {
  if (value === null) return ''
  if (value === 'now()') return ' @default(now())'
  if (value === 'gen_random_uuid()') return ' @default(dbgenerated("gen_random_uuid()"))'
  if (value === 'true' || value === 'false' || /^\d+$/.test(value)) return ` @default(${value})`
  if (type === 'jsonb') return ' @default("{}")'
  if (type === 'text[]') return ' @default([])'
  const text = /^'(.*)'::text$/.exec(value)?.[1]
  return text === undefined ? ` @default(dbgenerated())` : ` @default("${text}")`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of await generatePrismaSchema(process.argv[2] ?? '')) {
    writeFileSync(fileURLToPath(new URL(`./schema/${name}`, import.meta.url)), text)
  }
}
