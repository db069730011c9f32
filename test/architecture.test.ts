import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'oxc-parser'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Domains in their order: a later one reaches an earlier one through its doors; the other way goes through a job or a hook. */
const DOMAINS = [
  'tenants',
  'people',
  'identity',
  'policies',
  'devices',
  'content',
  'review',
  'audit',
  'alerts',
  'approvals',
  'exports',
  'integrations',
] as const
const DOORS = ['schema', 'queries', 'commands', 'jobs']
/** What lies on the top level and is no room of the product's code. */
const NOT_ROOMS = new Set(['node_modules', 'docs', 'messages', 'public', 'bench', 'e2e', 'test', 'interop', 'examples'])
const NO_CODE_RULES = new Set(['scripts', 'bin', 'prisma', 'i18n'])

type Rule = (target: string, from: string) => boolean

const under =
  (...rooms: string[]): Rule =>
  (target) =>
    rooms.some((room) => target === room || target.startsWith(`${room}/`))
const any =
  (...rules: Rule[]): Rule =>
  (target, from) =>
    rules.some((rule) => rule(target, from))
/** The doors of every domain. */
const doors: Rule = (target) => DOMAINS.some((domain) => DOORS.some((door) => target === `server/${domain}/${door}.ts`))
/** The kernel's faces that a door may see: who acts and what went wrong, never the database. */
const kernelFaces: Rule = under(
  ...[
    'actor',
    'errors',
    'env',
    'clock',
    'log',
    'permissions',
    'fields',
    'brake-settings',
    'notify',
    'bearer',
    'setup-link',
    'runtime',
    'db',
    'command',
    'query',
    'hooks',
    'jobs',
    'keys',
  ].map((file) => `server/kernel/${file}.ts`),
)
const faces = kernelFaces

/** Who may import whom: default deny. The longest room that holds the file decides. */
const RULES: Record<string, Rule> = {
  lib: under('lib'),
  protocol: under('protocol', 'lib'),
  agent: under('agent', 'protocol', 'lib'),
  'agent/core': under('agent/core', 'protocol', 'lib'),
  'agent/browser': under('agent/browser', 'agent/core', 'protocol', 'lib'),
  'components/ui': under('components/ui', 'lib'),
  components: under('components', 'lib', 'i18n', 'viewer/parent.ts', 'viewer/protocol.ts', 'viewer/spare.ts'),
  'server/kernel': under('server/kernel', 'protocol', 'lib'),
  'server/jobs': any(under('server/jobs', 'server/kernel', 'protocol', 'lib'), doors),
  // The adapters of forms answer in the shape that the form shell reads.
  'server/http': any(
    under(
      'server/http',
      'server/kernel',
      'protocol',
      'lib',
      'components/form/form-state.ts',
      'components/form/flash.ts',
    ),
    doors,
  ),
  'server/worker.ts': any(under('server/jobs', 'server/kernel', 'lib'), doors),
  gateway: any(under('gateway', 'server/http', 'protocol', 'lib'), doors, faces),
  // Nothing of the product: the frame is handed bytes and says what it noticed.
  viewer: under('viewer'),
  app: any(
    under('app', 'server/http', 'components', 'protocol', 'lib', 'i18n', 'viewer/headers.ts', 'viewer/protocol.ts'),
    doors,
    faces,
  ),
  // The workspace's pages are the screen of a device.
  'app/(workspace)': any(
    under(
      'app',
      'agent/core',
      'agent/browser',
      'server/http',
      'components',
      'protocol',
      'lib',
      'i18n',
      'viewer/headers.ts',
    ),
    doors,
    faces,
  ),
  cli: any(under('cli', 'server/kernel', 'protocol', 'lib', 'scripts/lib'), doors),
  'cli/verify': under('cli/verify', 'protocol', 'lib'),
}
for (const [position, domain] of DOMAINS.entries()) {
  const earlier = new Set(
    DOMAINS.slice(0, position).flatMap((name) => DOORS.map((door) => `server/${name}/${door}.ts`)),
  )
  RULES[`server/${domain}`] = any(under(`server/${domain}`, 'server/kernel', 'protocol', 'lib'), (target) =>
    earlier.has(target),
  )
}

type Import = { from: string; target: string; external: boolean; typeOnly: boolean }

function sourceFiles(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name)
    if (entry.isDirectory())
      return entry.name === 'node_modules' || entry.name === 'generated' || entry.name.startsWith('.')
        ? []
        : sourceFiles(path)
    return /\.tsx?$/.test(entry.name) && !/\.(test|spec)\.tsx?$/.test(entry.name) ? [path] : []
  })
}

function importsOf(file: string): Import[] {
  const { module } = parseSync(file, readFileSync(file, 'utf8'))
  const from = relative(ROOT, file)
  const specifiers = [
    ...module.staticImports.map((one) => ({
      name: one.moduleRequest.value,
      typeOnly: one.entries.length > 0 && one.entries.every((entry) => entry.isType),
    })),
    ...module.staticExports.flatMap((one) =>
      one.entries.flatMap((entry) =>
        entry.moduleRequest ? [{ name: entry.moduleRequest.value, typeOnly: entry.isType }] : [],
      ),
    ),
    ...module.dynamicImports.map((one) => ({
      name: readFileSync(file, 'utf8')
        .slice(one.moduleRequest.start, one.moduleRequest.end)
        .replace(/^['"`]|['"`]$/g, ''),
      typeOnly: false,
    })),
  ]
  return specifiers.map(({ name, typeOnly }) => {
    if (name.startsWith('#')) return { from, target: name.slice(1), external: false, typeOnly }
    if (name.startsWith('.')) return { from, target: normalize(join(dirname(from), name)), external: false, typeOnly }
    return { from, target: name, external: true, typeOnly }
  })
}

const rooms = readdirSync(ROOT).filter(
  (name) => statSync(join(ROOT, name)).isDirectory() && !name.startsWith('.') && !NOT_ROOMS.has(name),
)
const imports = rooms
  .filter((room) => !NO_CODE_RULES.has(room))
  .flatMap((room) => sourceFiles(join(ROOT, room)))
  .flatMap(importsOf)

function ruleFor(file: string): [string, Rule] | undefined {
  return Object.entries(RULES)
    .filter(([room]) => file === room || file.startsWith(`${room}/`))
    .sort(([a], [b]) => b.length - a.length)[0]
}

describe('who may import whom', () => {
  it('every folder on the disk has a rule', () => {
    expect(imports.length).toBeGreaterThan(200)
    const lawless = [...new Set(imports.map(({ from }) => from))].filter((file) => !ruleFor(file))
    expect(lawless).toEqual([])
  })

  it('holds for every import', () => {
    const broken = imports
      .filter(({ external }) => !external)
      .filter(
        ({ from, target }) =>
          !target.endsWith('.json') && !target.endsWith('.css') && !ruleFor(from)?.[1](target, from),
      )
      .map(({ from, target }) => `${from} → ${target}`)
    expect(broken).toEqual([])
  })

  it('every relative or room import names an existing file with its ending', () => {
    const missing = imports.filter(
      ({ external, target }) =>
        !external && !target.startsWith('server/kernel/generated') && !existsSync(join(ROOT, target)),
    )
    expect(missing.map(({ from, target }) => `${from} → ${target}`)).toEqual([])
  })

  it('only the kernel reaches the database drivers', () => {
    const drivers = imports.filter(
      ({ from, target }) => /^(pg|pg-copy-streams|@prisma\/.*)$/.test(target) && !from.startsWith('server/kernel/'),
    )
    // The queue's runner is handed a connection; it is given no driver.
    expect(drivers.map(({ from, target }) => `${from} → ${target}`)).toEqual([])
    const generated = imports.filter(
      ({ from, target }) => target.startsWith('server/kernel/generated') && !from.startsWith('server/kernel/'),
    )
    expect(generated.map(({ from }) => from)).toEqual([])
  })

  it('what runs in a browser, too, knows nothing of Node', () => {
    const builtins = imports.filter(
      ({ from, target, typeOnly }) =>
        /^(lib|protocol|agent\/core|agent\/browser)\//.test(from) && !typeOnly && isBuiltin(target),
    )
    expect(builtins.map(({ from, target }) => `${from} → ${target}`)).toEqual([])
  })

  it('only doors for people know Next', () => {
    const strangers = imports.filter(
      ({ from, target }) => /^next($|\/|-auth)/.test(target) && !/^(app|components|i18n|server\/http)\//.test(from),
    )
    expect(strangers.map(({ from, target }) => `${from} → ${target}`)).toEqual([])
  })

  it('a client component reaches the server only through schema.ts and its own actions', () => {
    const clients = new Set(
      imports
        .map(({ from }) => from)
        .filter((file) => /^['"]use client['"]/m.test(readFileSync(join(ROOT, file), 'utf8').slice(0, 300))),
    )
    const reaching = imports.filter(
      ({ from, target, external, typeOnly }) =>
        clients.has(from) &&
        !external &&
        !typeOnly &&
        target.startsWith('server/') &&
        !/^server\/[a-z]+\/schema\.ts$/.test(target),
    )
    expect(reaching.map(({ from, target }) => `${from} → ${target}`)).toEqual([])
  })

  it('only adapters of the write path use the unsafe transaction', () => {
    const users = imports.map(({ from }) => from).filter((file, position, all) => all.indexOf(file) === position)
    const unsafe = users.filter(
      (file) =>
        /\bunsafeWriteTransaction\b/.test(readFileSync(join(ROOT, file), 'utf8')) && !file.startsWith('server/kernel/'),
    )
    // Telemetry that is no act of anybody, and the look-ups before an organisation is known; each is named here on purpose.
    expect(unsafe.filter((file) => !UNWALLED_WRITERS.has(file))).toEqual([])
  })
})

const UNWALLED_WRITERS = new Set<string>([
  // A content on its way in: ciphertext that means nothing until a command publishes it.
  'server/content/uploads.ts',
])

describe('tables without an organisation', () => {
  it('are few and known', () => {
    const sql = readdirSync(join(ROOT, 'prisma/migrations'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => readFileSync(join(ROOT, 'prisma/migrations', name, 'migration.sql'), 'utf8'))
      .join('\n')
    const tables = [...sql.matchAll(/CREATE (?:UNLOGGED )?TABLE (\w+) \(([\s\S]*?)\n\)/g)].map(
      ([, name = '', body = '']) => ({ name, body }),
    )
    const without = tables.filter(({ body }) => !/^\s+tenant_id\s+uuid/m.test(body)).map(({ name }) => name)
    expect(without.sort()).toEqual(['dpop_jti', 'instance', 'rate_limit', 'tenant'])
    // Directories answer "which organisation?" and hold hashes alone.
    const unprotected = tables
      .map(({ name }) => name)
      .filter((name) => !sql.includes(`protect_table('${name}'`) && !without.includes(name))
    expect(unprotected.sort()).toEqual(['enrollment_code_directory', 'login_directory'])
  })

  it('every key of an organisation starts with tenant_id', () => {
    const sql = readFileSync(join(ROOT, 'prisma/migrations/20261123000000_foundation/migration.sql'), 'utf8')
    const keys = [...sql.matchAll(/(?:PRIMARY KEY|UNIQUE|FOREIGN KEY) \((\w+)[,)]/g)].map(([, column]) => column)
    const others = keys.filter((column) => column !== 'tenant_id')
    // Of the tables without an organisation: the directories and the replay store.
    expect(others.sort()).toEqual(['email_hmac', 'thumbprint'])
  })
})
