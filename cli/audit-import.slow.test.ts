import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { startPostgres } from '../scripts/lib/postgres.mjs'

const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-import-'))
const inDir = (name: string) => join(dataDir, name)

type Answer = { code: number | null; out: string; err: string }

function start(args: string[]): { child: ChildProcess; done: Promise<Answer> } {
  const flags = ['--conditions=react-server', '--disable-warning=ExperimentalWarning', 'cli/main.ts']
  const env = { ...process.env, DATABASE_URL: '', GATEHOUSE_DATA_DIR: dataDir }
  const child = spawn(process.execPath, [...flags, ...args], { env })
  const answer: Answer = { code: null, out: '', err: '' }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (answer.out += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (answer.err += text))
  child.stdin?.on('error', () => {})
  return { child, done: new Promise((resolve) => child.once('close', (code) => resolve({ ...answer, code }))) }
}

function gatehouse(args: string[], input = ''): Promise<Answer> {
  const { child, done } = start(args)
  child.stdin?.end(input)
  return done
}

const lines = Array.from({ length: 6_000 }, (_, n) =>
  JSON.stringify({ id: `e${n}`, at: '2017-05-01T08:00:00Z', what: 'VIEW', who: 'ann@example.org' }),
)
const MAPPING = {
  name: 'archive',
  format: 'ndjson',
  id: 'id',
  occurredAt: { from: 'at' },
  action: { from: 'what', values: { VIEW: 'file.view' } },
  actor: { email: 'who' },
}

describe('gatehouse audit import', () => {
  let postgres: Awaited<ReturnType<typeof startPostgres>>
  let database: pg.Client
  beforeAll(async () => {
    const founding = ['init', '--org', 'History', '--owner', 'ona@example.org', '--password-stdin']
    expect(await gatehouse(founding, 'correct horse battery\n')).toMatchObject({ code: 0 })
    writeFileSync(inDir('mapping.json'), JSON.stringify(MAPPING))
    writeFileSync(inDir('history.ndjson'), [...lines, '{"id":"x","at":"never"}'].join('\n'))
    postgres = await startPostgres({ dataDir })
    database = new pg.Client({ connectionString: postgres.url })
    await database.connect()
  }, 120_000)
  afterAll(async () => {
    await database?.end()
    await postgres?.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })

  const importing = (...more: string[]) => [
    'audit',
    'import',
    inDir('history.ndjson'),
    '--mapping',
    inDir('mapping.json'),
    ...more,
  ]
  const logSize = async () => Number((await database.query('SELECT size FROM audit_head')).rows[0].size)

  test('killed in the middle and run again, each event is in the log once', async () => {
    const before = await logSize()
    const dry = await gatehouse(importing('--dry-run', '--json'))
    expect(JSON.parse(dry.out || '{}'), dry.err).toMatchObject({ accepted: 6_000, rejectedCount: 1, dryRun: true })
    expect(await logSize()).toBe(before)
    const { child, done } = start(['audit', 'import', '-', '--mapping', inDir('mapping.json')])
    child.stdin?.write(`${lines.slice(0, 4_500).join('\n')}\n`)
    await vi.waitFor(async () => expect(await logSize()).toBeGreaterThan(before + 1_000), {
      timeout: 60_000,
      interval: 20,
    })
    child.kill('SIGKILL')
    await done
    // Whatever its transaction came to is decided once its connection is gone.
    await vi.waitFor(async () => {
      const { rows } = await database.query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`,
      )
      expect(rows).toEqual([])
    })
    const survived = (await logSize()) - before - 1
    const again = await gatehouse(importing('--rejected', inDir('rejected.ndjson'), '--json'))
    expect(JSON.parse(again.out || '{}'), again.err).toMatchObject({
      source: 'import:archive',
      accepted: 6_000 - survived,
      duplicates: survived,
      rejected: [{ line: 6_001, code: 'action_missing' }],
    })
    expect(await logSize()).toBe(before + 6_000 + 3)
    const rejected = JSON.parse(readFileSync(inDir('rejected.ndjson'), 'utf8'))
    expect(rejected).toMatchObject({ line: 6_001, text: '{"id":"x","at":"never"}' })
    const told = await gatehouse(importing())
    expect(told).toMatchObject({
      code: 0,
      out: expect.stringMatching(
        /^import:archive: 0 accepted, 6000 duplicates, 1 rejected\. SHA-256 .*\n {2}line 6001: /,
      ),
    })
  }, 180_000)

  test.each([
    [['audit', 'import', '/nowhere.csv', '--mapping', inDir('mapping.json')], /nowhere\.csv: there is no such file/],
    [['audit', 'import', inDir('history.ndjson'), '--mapping', 'nothing'], /no file "nothing" and no saved mapping/],
    [importing('--name', 'Upper'), /name: must be .* lower-case/],
  ])(
    '%j says one line and exits 1',
    async (args, line) => {
      const answer = await gatehouse(args)
      expect(answer).toMatchObject({ code: 1, out: '', err: expect.stringMatching(line) })
      expect(answer.err.trim().split('\n')).toHaveLength(1)
    },
    60_000,
  )
})
