import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openCheckpoint } from '#protocol/audit/checkpoint.ts'
import { verifyTlogProof } from '#protocol/audit/proof.ts'
import { decodeBundle } from '#protocol/audit/tiles.ts'
import { signGrownLogs } from '#server/audit/jobs.ts'
import { createApiKey } from '#server/identity/commands.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import type { Permission } from '#server/kernel/permissions.ts'
import { makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { type StartedGateway, startGateway } from './test/started-gateway.ts'

const db = useDatabase()
let gateway: StartedGateway

beforeAll(async () => {
  gateway = await startGateway(db.dataDir)
})
afterAll(() => gateway.stop())

type Answer = { status: number | undefined; type: string | undefined; headers: Record<string, unknown>; body: Buffer }

function get(path: string, token?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = token ? { authorization: `Bearer ${token}` } : {}
    request(`${gateway.url}${path}`, { ca: gateway.ca, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          type: response.headers['content-type'],
          headers: response.headers,
          body: Buffer.concat(chunks),
        }),
      )
    })
      .once('error', reject)
      .end()
  })
}

/** An organisation with a signed log of about `size` entries and a key for it. */
async function makeLog(size: number, scopes: Permission[] = ['audit:read']) {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  const input = { name: 'tool', scopes }
  const stepUpGrantId = await makeGrant(owner, createApiKey.requestHash(input))
  const { token } = await createApiKey(owner, input, { stepUpGrantId })
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'test' }, async () => ({
    result: null,
    audit: Array.from({ length: size - 4 }, () => ({ action: 'key.rotate' as const })),
  }))
  await signGrownLogs(pino({ level: 'silent' }))
  return { tenantId, token, log: await readLog(db, tenantId) }
}

describe('the log of an organisation', () => {
  it('200: checkpoint, key, tiles, bundles and the proof of one event', async () => {
    const { tenantId, token, log } = await makeLog(600)
    const key = await get(`/log/${tenantId}/key`, token)
    const checkpoint = await get(`/log/${tenantId}/checkpoint`, token)
    expect(checkpoint).toMatchObject({ status: 200, type: 'text/plain; charset=utf-8' })
    const vkey = key.body.toString().trim()
    const opened = await openCheckpoint(checkpoint.body.toString(), vkey)
    expect(opened.checkpoint.size).toBe(600)
    const tile = await get(`/log/${tenantId}/tile/0/000`, token)
    expect(tile).toMatchObject({ status: 200, headers: { 'cache-control': 'private, max-age=31536000, immutable' } })
    expect(tile.body).toHaveLength(8_192)
    expect((await get(`/log/${tenantId}/tile/1/000.p/2`, token)).body).toHaveLength(64)
    const bundle = await get(`/log/${tenantId}/tile/entries/002.p/88`, token)
    expect(JSON.parse(Buffer.from(decodeBundle(bundle.body)[87] ?? []).toString())).toEqual(log[599]?.entry)
    const proof = await get(`/log/${tenantId}/proof/${log[3]?.entry.id}`, token)
    expect((await verifyTlogProof({ proof: proof.body.toString(), vkey })).index).toBe(3)
  })

  it('401 without a live key, 403 without audit:read, 404 for another organisation and for what is no file', async () => {
    const { tenantId, token } = await makeLog(10)
    expect(await get(`/log/${tenantId}/checkpoint`)).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Bearer' },
    })
    expect(await get(`/log/${tenantId}/checkpoint`, `${token}x`)).toMatchObject({ status: 401 })
    const blind = await makeLog(10, ['devices:read'])
    expect(await get(`/log/${blind.tenantId}/checkpoint`, blind.token)).toMatchObject({ status: 403 })
    expect(await get(`/log/${tenantId}/checkpoint`, (await makeLog(10)).token)).toMatchObject({ status: 404 })
    const nothing = [
      '',
      'tile/0/001',
      'tile/0/000.p/11',
      'tile/0/000',
      'tile/9/000.p/1',
      'tile/0/0',
      'tile/x/000',
      'secrets',
      'proof/x/y',
    ]
    for (const path of nothing) expect((await get(`/log/${tenantId}/${path}`, token)).status, path).toBe(404)
    expect(await get(`/log/${tenantId}/proof/x`, token)).toMatchObject({
      status: 400,
      type: expect.stringContaining('application/problem+json'),
    })
  })
})

async function tamper(statement: string, tenantId: string): Promise<void> {
  const client = await db.superuser.connect()
  await client.query('SET session_replication_role = replica')
  await client.query(statement, [tenantId])
  client.release(true)
}

type Ended = { code: number | null; out: string; err: string }

function gatehouseVerify(args: string[], token = ''): Promise<Ended> {
  const entry = ['--conditions=react-server', '--disable-warning=ExperimentalWarning', 'cli/main.ts', 'verify', ...args]
  const child = spawn(process.execPath, entry, { env: { ...process.env, GATEHOUSE_API_KEY: token } })
  const ended: Ended = { code: null, out: '', err: '' }
  child.stdout.on('data', (text: Buffer) => {
    ended.out += text
  })
  child.stderr.on('data', (text: Buffer) => {
    ended.err += text
  })
  return new Promise((resolve) => child.once('close', (code) => resolve({ ...ended, code })))
}

describe('gatehouse verify', () => {
  it('a live log holds, and after tampering names the first wrong index', async () => {
    const { tenantId, token } = await makeLog(600)
    const place = `${gateway.url}/log/${tenantId}`
    const vkey = (await get(`/log/${tenantId}/key`, token)).body.toString().trim()
    const args = [place, '--ca', gateway.caFile, '--key', vkey]
    const state = join(mkdtempSync(join(tmpdir(), 'gatehouse-state-')), 'log.verified')
    const whole = await gatehouseVerify([...args, '--state', state, '--json'], token)
    expect(whole, whole.err).toMatchObject({ code: 0, err: '' })
    expect(JSON.parse(whole.out)).toMatchObject({ ok: true, size: 600, isKeyServed: false })
    const changed = `UPDATE audit_entry SET entry = replace(entry, '"allowed"', '"denied"') WHERE tenant_id = $1 AND index = 411`
    await tamper(changed, tenantId)
    const altered = await gatehouseVerify(args, token)
    expect(altered).toMatchObject({ code: 1, out: '', err: expect.stringContaining('entry 411') })
    await tamper('DELETE FROM audit_entry WHERE tenant_id = $1 AND index = 123', tenantId)
    const removed = JSON.parse((await gatehouseVerify([...args, '--state', state, '--json'], token)).out)
    expect(removed).toMatchObject({ ok: false, code: 'entry_removed', index: 123 })
    expect(removed.problems).toMatchObject([{ index: 123 }, { code: 'entry_altered', index: 411 }])
    expect(await gatehouseVerify([place, '--ca', gateway.caFile])).toMatchObject({
      code: 1,
      err: expect.stringContaining('GATEHOUSE_API_KEY'),
    })
  }, 60_000)

  it('a folder with the files of a log, against an earlier checkpoint, and with another key', async () => {
    const { tenantId, token, log } = await makeLog(40)
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-log-'))
    const keep = async (path: string) => {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), (await get(`/log/${tenantId}/${path}`, token)).body)
    }
    for (const path of ['checkpoint', 'key', 'tile/0/000.p/40', 'tile/entries/000.p/40']) await keep(path)
    const proof = join(folder, 'one.tlog-proof')
    writeFileSync(proof, (await get(`/log/${tenantId}/proof/${log[3]?.entry.id}`, token)).body)
    const own = readFileSync(join(folder, 'key'), 'utf8').trim()
    expect(await gatehouseVerify([proof, '--key', own])).toMatchObject({
      code: 0,
      out: expect.stringContaining('entry 3 (api_key.create'),
    })
    expect(await gatehouseVerify([folder, '--against', proof, '--against', join(folder, 'checkpoint')])).toMatchObject({
      code: 0,
    })
    expect(await gatehouseVerify([folder, '--against', join(folder, 'checkpoint')])).toMatchObject({
      code: 0,
      out: expect.stringContaining('all 40 entries'),
    })
    const other = await makeLog(10)
    const vkey = (await get(`/log/${other.tenantId}/key`, other.token)).body.toString().trim()
    expect(await gatehouseVerify([folder, '--key', vkey])).toMatchObject({
      code: 1,
      err: expect.stringContaining('not signed by'),
    })
    rmSync(join(folder, 'tile/entries'), { recursive: true })
    expect(await gatehouseVerify([folder])).toMatchObject({ code: 1, err: expect.stringContaining('entries 0 to 39') })
    rmSync(folder, { recursive: true })
  }, 60_000)
})
