import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { approvalJobs } from '#server/approvals/jobs.ts'
import { requestWipe } from '#server/devices/commands.ts'
import { deviceJobs } from '#server/devices/jobs.ts'
import { getWipe } from '#server/devices/queries.ts'
import { createLog } from '#server/kernel/log.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makeGrant, makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { startQueue } from './queue.ts'
import { upkeepTasks } from './upkeep.ts'

const database = useDatabase()

async function eventually<T>(read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (let attempt = 0; attempt < 150; attempt++) {
    const value = await read()
    if (holds(value)) return value
    await sleep(100)
  }
  return read()
}

test('carries out an erase when its undo window is over, and writes the destroyed share down', async () => {
  const tenantId = await makeTenant()
  await database.superuser.query(
    `ALTER TABLE tenant DISABLE TRIGGER command_wall; UPDATE tenant SET settings = '{"brake":{"undoSeconds":5}}'; ALTER TABLE tenant ENABLE TRIGGER command_wall`,
  )
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  const { answer } = await enrollTestDevice(owner)
  const queue = await startQueue({
    tasks: { ...approvalJobs, ...deviceJobs },
    schedule: [],
    log: createLog('test', { level: 'silent' }),
  })
  try {
    const input = { deviceId: answer.deviceId, scope: 'organisation-data' as const, reason: 'lost' }
    const { id: wipeId } = await requestWipe(owner, input, {
      stepUpGrantId: await makeGrant(owner, requestWipe.requestHash(input)),
    })
    const wipe = await eventually(
      () => getWipe(owner, { wipeId }),
      ({ state }) => state === 'queued',
    )
    expect(wipe).toMatchObject({ state: 'queued', shareDestroyedAt: expect.any(String) })
    expect(Date.parse(wipe.shareDestroyedAt ?? '') - Date.parse(wipe.createdAt)).toBeGreaterThanOrEqual(5_000)
    const left = await eventually(
      async () => (await database.superuser.query('SELECT key FROM graphile_worker.jobs WHERE key IS NULL')).rows,
      (rows) => rows.length === 0,
    )
    expect(left).toEqual([])
  } finally {
    await queue.stop()
  }
})

test('upkeep runs as the worker’s role and forgets only what may be forgotten', async () => {
  await database.superuser.query(
    `INSERT INTO dpop_jti VALUES ('t', 'a', now() - interval '1 minute'), ('t', 'b', now() + interval '1 minute')`,
  )
  await database.superuser.query(
    `INSERT INTO rate_limit VALUES ('old', 1, 1), ('new', 1, extract(epoch FROM now() + interval '1 hour') * 1000)`,
  )
  await upkeepTasks['upkeep.partitions']()
  await upkeepTasks['upkeep.prune']()
  await deviceJobs['device.prune']()
  await approvalJobs['brake.sweep']()
  const { rows } = await database.superuser.query(
    `SELECT encode(jti_hash, 'escape') AS name FROM dpop_jti UNION ALL SELECT key FROM rate_limit`,
  )
  expect(rows.map(({ name }) => name)).toEqual(['b', 'new'])
})

test('the process says when it is ready and ends in order', async () => {
  const args = ['--conditions=react-server', '--disable-warning=ExperimentalWarning', 'server/worker.ts']
  const env = {
    ...process.env,
    DATABASE_URL: database.adminUrl,
    GATEHOUSE_DATA_DIR: database.dataDir,
    LOG_LEVEL: 'info',
  }
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  await eventually(
    async () => output,
    (text) => text.includes('worker ready') || child.exitCode !== null,
  )
  expect(output).toContain('worker ready')
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  expect(code).toBe(0)
})
