import { beforeEach, describe, expect, it } from 'vitest'
import type { Actor } from '#server/kernel/actor.ts'
import { ALTER, grow, tamper } from '#test/attacks.ts'
import { makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { signHead } from '../checkpoints.ts'
import { testingOnlyForgetSigners } from '../log-key.ts'
import { getTrust } from '../witness/trust.ts'
import { resumeVerifications } from './jobs.ts'
import { getVerification, requestVerification } from './request.ts'
import { runVerification, type VerifyOptions } from './run.ts'
import type { VerificationRun } from './schema.ts'
import type { Progress } from './state.ts'

const db = useDatabase()

beforeEach(() => testingOnlyForgetSigners())

/** A signed log of so many entries; 1,024 are read at once. */
async function setting(size = 320) {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner' })
  await grow(tenantId, size - 2)
  await signHead(tenantId)
  return { tenantId, owner }
}

async function run(actor: Actor, options?: VerifyOptions): Promise<VerificationRun | null> {
  const { id } = await requestVerification(actor, {})
  await runVerification(actor.tenantId, id, options)
  return getVerification(actor, {})
}

const verdicts = async (tenantId: string) =>
  (await readLog(db, tenantId))
    .filter(({ entry }) => entry.action === 'audit.verify')
    .map(({ entry, personal }) => ({ entry, detail: personal.detail }))

async function waitingJobs(tenantId: string): Promise<number> {
  const { rows } = await db.superuser.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM graphile_worker.jobs WHERE key = $1 AND locked_at IS NULL`,
    [`audit.verify:${tenantId}`],
  )
  return rows[0]?.count ?? 0
}

describe('a verification on request', () => {
  it('waits for the worker, tells how far it is, and both the request and the result stand in the log', async () => {
    const { tenantId, owner } = await setting(1_100)
    expect(await getVerification(owner, {})).toBeNull()
    const { id } = await requestVerification(owner, {})
    expect(await getVerification(owner, {})).toMatchObject({ id, state: 'queued', starts: 0, result: null })
    expect(await waitingJobs(tenantId)).toBe(1)
    const told: Progress[] = []
    const shown: (VerificationRun | null)[] = []
    const onProgress = async (progress: Progress) => {
      told.push(progress)
      shown.push(await getVerification(owner, {}))
    }
    await runVerification(tenantId, id, { onProgress, reportMs: 0 })
    const size = (await readLog(db, tenantId)).length - 1
    expect(told).toContainEqual({ phase: 'entries', checked: 1_024, size })
    expect(told).toContainEqual({ phase: 'index', checked: 0, size })
    expect(shown).toMatchObject(told.map((progress) => ({ ...progress, state: 'running', starts: 1 })))
    expect(await getVerification(owner, {})).toMatchObject({
      ...{ id, state: 'finished', starts: 1, phase: 'index', problem: null },
      result: { ok: true, size: 1_100 },
    })
    const [asked, found] = await verdicts(tenantId)
    expect(asked).toMatchObject({ entry: { outcome: 'pending', actor: { kind: 'person', id: owner.personId } } })
    expect(found).toMatchObject({
      entry: { outcome: 'allowed', actor: { kind: 'person', id: owner.personId }, correlationId: id },
      detail: { size: '1100' },
    })
    expect((await getTrust(owner, {})).verified).toMatchObject({ ok: true, size: 1_100 })
  })

  it('names what is wrong', async () => {
    const { tenantId, owner } = await setting()
    await tamper(db, tenantId, ALTER(300))
    expect((await run(owner))?.result).toMatchObject({ ok: false, code: 'entry_altered', index: 300, until: null })
    const found = (await verdicts(tenantId)).at(-1)
    expect(found?.entry).toMatchObject({ outcome: 'failed' })
    expect(found?.detail).toMatchObject({ code: 'entry_altered', index: '300', size: '320' })
    expect((await getTrust(owner, {})).verified).toMatchObject({ ok: false })
  })

  it('one at a time: whoever asks meanwhile gets that one, and that they asked is written down', async () => {
    const { tenantId, owner } = await setting()
    const other = await makePerson(tenantId, { role: 'owner' })
    const [first, second] = await Promise.all([requestVerification(owner, {}), requestVerification(other, {})])
    expect(second.id).toBe(first.id)
    let during: Promise<unknown> | undefined
    const onProgress = () => {
      during ??= runVerification(tenantId, first.id)
    }
    await runVerification(tenantId, first.id, { onProgress })
    await during
    const outcomes = (await verdicts(tenantId)).map(({ entry }) => entry.outcome)
    expect(outcomes).toEqual(['pending', 'pending', 'allowed'])
    // Asked again for one that is over: nothing.
    await runVerification(tenantId, first.id)
    expect(await verdicts(tenantId)).toHaveLength(3)
    expect((await requestVerification(owner, {})).id).not.toBe(first.id)
  })

  it('of a worker that ended on the way it starts again, and says so', async () => {
    const { tenantId, owner } = await setting()
    const { id } = await requestVerification(owner, {})
    const ended = new AbortController()
    const onProgress = ({ phase }: Progress) => {
      if (phase === 'index') ended.abort()
    }
    await expect(runVerification(tenantId, id, { signal: ended.signal, onProgress })).rejects.toThrow()
    expect(await getVerification(owner, {})).toMatchObject({ state: 'running', starts: 1 })
    // What the queue of a killed worker looks like.
    await db.superuser.query(
      `UPDATE graphile_worker._private_jobs SET locked_at = now(), locked_by = 'killed', attempts = 1`,
    )
    expect(await waitingJobs(tenantId)).toBe(0)
    await resumeVerifications()
    expect(await waitingJobs(tenantId)).toBe(1)
    await runVerification(tenantId, id)
    expect(await getVerification(owner, {})).toMatchObject({ id, state: 'finished', starts: 2 })
    expect(await verdicts(tenantId)).toHaveLength(2)
  })

  it('refused: a member; wrong state: nothing signed yet; what was refused says nothing of the log', async () => {
    const tenantId = await makeTenant()
    const [member, owner] = [
      await makePerson(tenantId, { role: 'member' }),
      await makePerson(tenantId, { role: 'owner' }),
    ]
    await expect(requestVerification(member, {})).rejects.toMatchObject({ code: 'forbidden' })
    await expect(requestVerification(owner, {})).rejects.toMatchObject({ code: 'conflict' })
    expect(await getVerification(owner, {})).toBeNull()
    expect((await getTrust(owner, {})).verified).toBeNull()
  })

  it('nobody sees the one of another organisation', async () => {
    const { owner } = await setting()
    await requestVerification(owner, {})
    const stranger = await makePerson(await makeTenant(), { role: 'owner' })
    expect(await getVerification(stranger, {})).toBeNull()
  })
})
