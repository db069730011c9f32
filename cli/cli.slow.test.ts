import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startVaultStub } from '#test/vault-stub.ts'
import { startPostgres } from '../scripts/lib/postgres.mjs'
import { roleStatements } from './migrate.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-cli-'))
afterAll(() => rmSync(dataDir, { recursive: true, force: true }))

type Answer = { code: number | null; out: string; err: string }

function gatehouse(args: string[], input = '', env: Record<string, string> = {}): Promise<Answer> {
  const child = spawn(
    process.execPath,
    ['--conditions=react-server', '--disable-warning=ExperimentalWarning', 'cli/main.ts', ...args],
    {
      env: { ...process.env, DATABASE_URL: '', GATEHOUSE_DATA_DIR: dataDir, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  )
  const answer: Answer = { code: null, out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (answer.out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (answer.err += text))
  // A command that refuses at once closes its input before we have written it.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return new Promise((resolve) => child.once('close', (code) => resolve({ ...answer, code })))
}

const founding = ['--org', 'Command Line', '--owner', 'ona@example.org', '--password-stdin', '--json']
const password = 'correct horse battery\n'

describe('gatehouse', () => {
  test('init on an empty data directory without a server, once; keys and organisations beside it', async () => {
    const made = await gatehouse(['init', ...founding], password)
    expect(made, made.err).toMatchObject({ code: 0, err: '' })
    const ids = JSON.parse(made.out) as { tenantId: string; personId: string }
    expect(Object.keys(ids).sort()).toEqual(['personId', 'tenantId'])
    const again = await gatehouse(['init', ...founding], password)
    expect(again).toEqual({ code: 1, out: '', err: 'gatehouse: An organisation of that name exists.\n' })
    const key = await gatehouse(['api-key', 'create', '--name', 'ci', '--scopes', 'people:read, audit:read', '--json'])
    expect(JSON.parse(key.out)).toEqual({ id: expect.any(String), token: expect.stringMatching(/^gh_/) })
    const suspended = await gatehouse(['org', 'suspend', ids.tenantId, '--json'])
    expect(JSON.parse(suspended.out)).toEqual({ tenantId: ids.tenantId, status: 'suspended' })
    const list = await gatehouse(['org', 'list', '--json'])
    expect(JSON.parse(list.out).items).toEqual([
      { id: ids.tenantId, name: 'Command Line', status: 'suspended', createdAt: expect.stringMatching(/Z$/) },
    ])
    expect(await gatehouse(['org', 'resume', ids.tenantId])).toMatchObject({ code: 0 })
  }, 180_000)

  test('keys: into Vault; a Vault that is away or refuses the token stops every start with one line', async () => {
    const stub = await startVaultStub()
    try {
      const env = { GATEHOUSE_MASTER_KEY: `vault:${stub.address}/transit/gatehouse`, VAULT_TOKEN: stub.token }
      const moved = await gatehouse(['keys', 'rotate', 'master', '--json'], '', env)
      expect(JSON.parse(moved.out || '{}'), moved.err).toMatchObject({ to: 'vault:transit/gatehouse', keys: 1 })
      const refused = await gatehouse(['keys', 'list'], '', { ...env, VAULT_TOKEN: 'hvs.other' })
      expect(refused).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringMatching(/^gatehouse: .*Vault refuses the token .*\n$/),
      })
      stub.fail(503, 503, 503)
      expect((await gatehouse(['keys', 'list'], '', env)).err).toMatch(
        /^gatehouse: .*Vault at .* is sealed or not ready.*\n$/,
      )
      const without = await gatehouse(['keys', 'list'])
      expect(without).toMatchObject({
        code: 1,
        err: expect.stringMatching(/wrapped under the master key vault:transit\/gatehouse/),
      })
      const back = await gatehouse(['keys', 'rotate', 'master', '--to-file', '--json'], '', env)
      expect(JSON.parse(back.out || '{}'), back.err).toMatchObject({ from: 'vault:transit/gatehouse', keys: 1 })
    } finally {
      await stub.close()
    }
    expect(await gatehouse(['keys', 'list'])).toMatchObject({ code: 0 })
  }, 180_000)
})

// A command that finds no database running starts and stops one, which takes most of its time: once is enough.
describe('gatehouse beside a running database', () => {
  let postgres: Awaited<ReturnType<typeof startPostgres>>
  beforeAll(async () => {
    postgres = await startPostgres({ dataDir })
  })
  afterAll(() => postgres?.stop())

  test('keys: the master key and the data key are rotated; another master key is said at once', async () => {
    const before = JSON.parse((await gatehouse(['keys', 'list', '--json'])).out)
    expect(before).toMatchObject({ master: { provider: 'file' }, items: [{ name: 'Command Line', rotation: null }] })
    const master = await gatehouse(['keys', 'rotate', 'master', '--json'])
    expect(JSON.parse(master.out || '{}'), master.err).toMatchObject({
      from: before.master.id,
      organisations: 1,
      keys: 1,
    })
    const tenant = await gatehouse(['keys', 'rotate', '--json'])
    expect(JSON.parse(tenant.out || '{}'), tenant.err).toMatchObject({ state: 'done' })
    const after = JSON.parse((await gatehouse(['keys', 'list', '--json'])).out)
    expect(after).toMatchObject({ items: [{ data: { older: 0 }, rotation: { state: 'done' } }] })
    expect([after.master.id, after.items[0].data.id]).not.toEqual([before.master.id, before.items[0].data.id])
    const wrong = join(dataDir, 'wrong.key')
    writeFileSync(wrong, Buffer.alloc(32, 1))
    const refused = await gatehouse(['keys', 'list'], '', { GATEHOUSE_MASTER_KEY_FILE: wrong })
    expect(refused).toMatchObject({
      code: 1,
      err: expect.stringMatching(/wrapped under the master key file:.*GATEHOUSE_MASTER_KEY_FILE\n$/),
    })
  }, 180_000)

  test('audit archive: says what is missing to archive anything', async () => {
    const answer = await gatehouse(['audit', 'archive'])
    expect(answer).toMatchObject({ code: 1, out: '' })
    expect(answer.err).toMatch(/^gatehouse: nothing is archived: the organisation has set no number of days/)
  }, 60_000)

  test('audit new-epoch: only for a log that cannot go on', async () => {
    const reason = ['audit', 'new-epoch', '--reason', 'the key was lost']
    const refused = 'gatehouse: The log continues what was signed: there is nothing to begin anew.\n'
    expect(await gatehouse(reason)).toEqual({ code: 1, out: '', err: refused })
    const [tenant] = JSON.parse((await gatehouse(['org', 'list', '--json'])).out).items
    // Something was published, and no key is there that could have signed it.
    mkdirSync(join(dataDir, 'checkpoints'), { recursive: true })
    const line = { size: 1, note: 'gone', signedAt: '2026-01-01T00:00:00.000Z' }
    writeFileSync(join(dataDir, 'checkpoints', `${tenant.id}.log`), `${JSON.stringify(line)}\n`)
    const started = await gatehouse([...reason, '--json'])
    expect(JSON.parse(started.out || '{}'), started.err).toMatchObject({
      epoch: 2,
      origin: `localhost:8443/log/${tenant.id}/2`,
      agreedSize: 0,
      abandonedSize: 1,
    })
  }, 60_000)

  test('of several organisations one is named; a new log by the address that the instance last ran with', async () => {
    writeFileSync(join(dataDir, 'gateway-url'), 'https://gate.example.org:9443\n')
    const made = await gatehouse(
      ['org', 'create', '--name', 'Second', '--owner', 'two@example.org', '--password-stdin'],
      password,
    )
    expect(made, made.err).toMatchObject({ code: 0 })
    expect(made.out).toMatch(
      /^Second is founded\. .* is named gate\.example\.org:9443\/log\/[0-9a-f-]{36} for ever\.\n$/,
    )
    const unclear = await gatehouse(['api-key', 'create', '--name', 'ci', '--scopes', 'people:read'])
    expect(unclear).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/^gatehouse: --tenant is required: there are 2 organisations/),
    })
  }, 60_000)

  test.each([
    [['init', '--org', 'X', '--owner', 'no', '--password-stdin'], password, {}, /email: is not an email address/],
    [
      ['init', '--org', 'X', '--owner', 'x@example.org', '--password-stdin'],
      'short\n',
      {},
      /password: needs at least 12 characters/,
    ],
    [['init', '--org', 'X', '--owner', 'x@example.org', '--password-stdin'], '', {}, /standard input is empty/],
    [['init', '--org', 'X', '--owner', 'x@example.org'], '', {}, /--password-stdin is required/],
    [['init'], '', {}, /required option '--org <name>'/],
    [['nonsense'], '', {}, /unknown command/],
    [['org', 'suspend', 'nope'], '', {}, /there is no organisation "nope"/],
    [['api-key', 'create', '--name', 'x', '--scopes', 'everything'], '', {}, /"everything" is none of devices:read/],
    [['org', 'list'], '', { PORT: 'x' }, /PORT must be a port number/],
    [
      ['keys', 'list'],
      '',
      { GATEHOUSE_MASTER_KEY: 'vault:transit' },
      /GATEHOUSE_MASTER_KEY must be file, or look like vault:https/,
    ],
    [['keys', 'rotate', 'tenant', '--tenant', 'nope'], '', {}, /there is no organisation "nope"/],
    [
      ['keys', 'rotate', 'master', '--new-key-file', '/nowhere'],
      '',
      {},
      /master key \/nowhere cannot be read \(ENOENT\)/,
    ],
    [
      ['org', 'list'],
      '',
      { DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' },
      /does not answer or is not migrated/,
    ],
    [['migrate', '--print-roles'], '', {}, /is for DATABASE_URL/],
  ])(
    '%j says one line and exits 1',
    async (args, input, env, line) => {
      const answer = await gatehouse(args, input, env as Record<string, string>)
      expect(answer).toMatchObject({ code: 1, out: '', err: expect.stringMatching(line) })
      expect(answer.err.trim().split('\n')).toHaveLength(1)
    },
    30_000,
  )

  test('version', async () => {
    const answer = await gatehouse(['version', '--json'])
    expect(JSON.parse(answer.out)).toEqual({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      node: process.versions.node,
    })
  })

  test('the printed roles quote their names', () => {
    expect(roleStatements('a"b', 'me')[0]).toBe('CREATE ROLE "a""b_owner" NOLOGIN;')
  })
})
