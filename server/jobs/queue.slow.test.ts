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

test('gives back what a worker that died had begun, and nothing of one that lives', async () => {
  const elsewhere = await database.superuser.connect()
  const begun = async (task: string, worker: string) => {
    await elsewhere.query(`SELECT graphile_worker.add_job($1, '{}', max_attempts => 25)`, [task])
    await elsewhere.query(
      `UPDATE graphile_worker._private_jobs SET locked_at = now() - interval '6 seconds', locked_by = $1, attempts = 1
       WHERE locked_by IS NULL`,
      [worker],
    )
  }
  await elsewhere.query(`SELECT pg_advisory_lock(hashtextextended('gatehouse.worker.living', 0))`)
  await begun('of the living', 'living')
  await begun('of the dead', 'dead')
  const taken: string[] = []
  const take = (task: string) => ({ [task]: async () => taken.push(task) })
  const options = { schedule: [], log: createLog('test', { level: 'silent' }) }
  const queue = await startQueue({ ...options, tasks: { ...take('of the living'), ...take('of the dead') } })
  const another = await startQueue({ ...options, tasks: { ...take('of the living') } })
  try {
    await eventually(
      async () => taken,
      (tasks) => tasks.length > 0,
    )
    expect(taken).toEqual(['of the dead'])
    const { rows } = await elsewhere.query('SELECT locked_by FROM graphile_worker.jobs')
    expect(rows).toEqual([{ locked_by: 'living' }])
    // Neither of them takes the other's workers, or its own, for dead.
    const held = await elsewhere.query(
      `SELECT count(*)::int AS locks FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()`,
    )
    expect(held.rows).toEqual([{ locks: 8 }])
    // Its process ends.
    elsewhere.release(true)
    await eventually(
      async () => taken,
      (tasks) => tasks.length > 1,
    )
    expect(taken).toEqual(['of the dead', 'of the living'])
  } finally {
    await queue.stop()
    await another.stop()
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
