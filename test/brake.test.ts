import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type Actor, systemActor } from '#server/kernel/actor.ts'
import { defineIrreversible, fingerprint } from '#server/kernel/brake.ts'
import {
  approveOpenRequest,
  cancelEveryOpenRequest,
  cancelOpenRequest,
  releaseDelayedRequest,
  releaseHeldRequest,
} from '#server/kernel/brake-decisions.ts'
import { testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { makeApiKeyActor, makeGrant, makePerson, makeTenant, readLog, useDatabase } from './harness.ts'

const db = useDatabase()
const UNDO_MS = 31_000

/** Something irreversible of the test's own: it empties a person's name. */
const eraseName = defineIrreversible({
  name: 'test.erase_name',
  actions: {
    request: 'device.wipe.request',
    hold: 'device.wipe.hold',
    release: 'device.wipe.release',
    approve: 'device.wipe.approve',
    cancel: 'device.wipe.cancel',
    carryOut: 'device.wipe.queue',
    expire: 'device.wipe.expire',
  },
  permission: 'devices:wipe',
  budget: 'test',
  input: z.object({ personId: z.uuid(), reason: z.string().min(1) }),
  target: async ({ tx, tenantId, input }) => {
    const person = await tx.person.findFirst({
      where: { tenantId, id: input.personId },
      select: { id: true, name: true, role: true },
    })
    if (!person) throw new AppError('not_found')
    return {
      type: 'person',
      id: person.id,
      name: person.name,
      units: 1,
      fingerprint: fingerprint({ id: person.id, role: person.role }),
    }
  },
  requested: async (_, request, target) => ({
    result: { id: request.id, state: request.state },
    audit: [
      {
        action: 'device.wipe.request',
        outcome: 'pending',
        target,
        reason: request.reason,
        detail: { scope: 'organisation-data', files: '0', bytes: '0', state: request.state },
      },
    ],
  }),
  moved: async () => ({}),
  carryOut: async ({ tx, tenantId, input }) => {
    await tx.person.updateMany({ where: { tenantId, id: input.personId }, data: { name: 'erased' } })
    return { audit: [] }
  },
})

const decide = (actor: Actor, decision: typeof approveOpenRequest, requestId: string) =>
  runInTransaction({ actor, name: 'test.decide' }, (context) => decision({ ...context, input: { requestId } }))

async function setting() {
  const tenantId = await makeTenant()
  const founder = await makePerson(tenantId, { role: 'owner', founder: true, name: 'Founder' })
  const admin = await makePerson(tenantId, { role: 'admin', name: 'Admin' })
  const victim = await makePerson(tenantId, { role: 'member', name: 'Victim' })
  const ask = async (actor: typeof founder, reason = 'lost') => {
    const input = { personId: victim.personId, reason }
    return eraseName(actor, input, { stepUpGrantId: await makeGrant(actor, eraseName.requestHash(input)) })
  }
  const nameOfVictim = async () =>
    (await db.superuser.query<{ name: string }>('SELECT name FROM person WHERE id = $1', [victim.personId])).rows[0]
      ?.name
  const actions = async () =>
    (await readLog(db, tenantId))
      .map(({ entry }) => entry.action)
      .filter((action) => action.startsWith('device.wipe') || action.startsWith('brake'))
  return { tenantId, founder, admin, victim, ask, nameOfVictim, actions }
}

describe('the brake', () => {
  it('the founding owner acts alone, after the undo window and not before', async () => {
    const { tenantId, founder, ask, nameOfVictim, actions } = await setting()
    const { id, state } = await ask(founder)
    expect(state).toBe('delayed')
    expect(await releaseDelayedRequest(tenantId, id)).toBe('not due')
    expect(await nameOfVictim()).toBe('Victim')
    testingOnlyAdvanceClock(UNDO_MS)
    expect(await releaseDelayedRequest(tenantId, id)).toBe('carried out')
    expect(await nameOfVictim()).toBe('erased')
    expect(await releaseDelayedRequest(tenantId, id)).toBe('closed')
    expect(await actions()).toEqual(['device.wipe.request', 'device.wipe.queue'])
  })

  it('needs a fresh factor bound to this request', async () => {
    const { founder, victim } = await setting()
    await expect(eraseName(founder, { personId: victim.personId, reason: 'lost' })).rejects.toMatchObject({
      code: 'step_up_required',
    })
    const other = await makeGrant(founder, eraseName.requestHash({ personId: founder.personId, reason: 'lost' }))
    await expect(
      eraseName(founder, { personId: victim.personId, reason: 'lost' }, { stepUpGrantId: other }),
    ).rejects.toMatchObject({ code: 'step_up_required' })
  })

  it('another admin waits for another person, who is not the one who asked', async () => {
    const { tenantId, founder, admin, ask, nameOfVictim, actions } = await setting()
    const { id, state } = await ask(admin)
    expect(state).toBe('awaiting_approval')
    await expect(decide(admin, approveOpenRequest, id)).rejects.toMatchObject({ code: 'other_person_required' })
    expect((await decide(founder, approveOpenRequest, id)).state).toBe('delayed')
    testingOnlyAdvanceClock(UNDO_MS)
    expect(await releaseDelayedRequest(tenantId, id)).toBe('carried out')
    expect(await nameOfVictim()).toBe('erased')
    expect(await actions()).toEqual(['device.wipe.request', 'device.wipe.approve', 'device.wipe.queue'])
  })

  it("a key's request waits for a person other than the key's maker, and a key cannot approve", async () => {
    const { tenantId, founder, admin, victim } = await setting()
    const key = makeApiKeyActor(tenantId, ['devices:wipe'], founder.personId)
    const { id, state } = await eraseName(key, { personId: victim.personId, reason: 'lost' })
    expect(state).toBe('awaiting_approval')
    await expect(decide(key, approveOpenRequest, id)).rejects.toMatchObject({ code: 'person_required' })
    await expect(decide(founder, approveOpenRequest, id)).rejects.toMatchObject({ code: 'other_person_required' })
    expect((await decide(admin, approveOpenRequest, id)).state).toBe('delayed')
  })

  it('beyond the budget requests are held, and a held one needs another person', async () => {
    const { founder, admin, tenantId } = await setting()
    const states: string[] = []
    for (let n = 0; n < 6; n++) {
      const victim = await makePerson(tenantId, { role: 'member' })
      const input = { personId: victim.personId, reason: 'lost' }
      const { id, state } = await eraseName(founder, input, {
        stepUpGrantId: await makeGrant(founder, eraseName.requestHash(input)),
      })
      states.push(state)
      if (state !== 'held') continue
      await expect(decide(founder, releaseHeldRequest, id)).rejects.toMatchObject({ code: 'other_person_required' })
      expect((await decide(admin, releaseHeldRequest, id)).state).toBe('delayed')
    }
    expect(states).toEqual(['delayed', 'delayed', 'delayed', 'delayed', 'delayed', 'held'])
  })

  it('a person and the keys they made spend one budget', async () => {
    const { founder, tenantId } = await setting()
    const keys = [1, 2].map(() => makeApiKeyActor(tenantId, ['devices:wipe'], founder.personId))
    const states: string[] = []
    for (let n = 0; n < 6; n++) {
      const victim = await makePerson(tenantId, { role: 'member' })
      const input = { personId: victim.personId, reason: 'lost' }
      const key = keys[n]
      const options = key ? {} : { stepUpGrantId: await makeGrant(founder, eraseName.requestHash(input)) }
      states.push((await eraseName(key ?? founder, input, options)).state)
    }
    expect(states).toEqual(['awaiting_approval', 'awaiting_approval', 'delayed', 'delayed', 'delayed', 'held'])
  })

  it('two requests at once cannot share the last unit of a budget', async () => {
    const { founder, tenantId } = await setting()
    const inputs = await Promise.all(
      Array.from({ length: 8 }, async () => ({
        personId: (await makePerson(tenantId, { role: 'member' })).personId,
        reason: 'lost',
      })),
    )
    const grants = await Promise.all(inputs.map((input) => makeGrant(founder, eraseName.requestHash(input))))
    const made = await Promise.all(inputs.map((input, n) => eraseName(founder, input, { stepUpGrantId: grants[n] })))
    expect(made.filter(({ state }) => state === 'delayed')).toHaveLength(5)
    expect(made.filter(({ state }) => state === 'held')).toHaveLength(3)
  })

  it('can be taken back until it is carried out; of cancel and release at the same moment one wins', async () => {
    const { tenantId, founder, admin, ask, nameOfVictim } = await setting()
    const { id } = await ask(founder)
    testingOnlyAdvanceClock(UNDO_MS)
    const [cancelled, released] = await Promise.allSettled([
      decide(admin, cancelOpenRequest, id),
      releaseDelayedRequest(tenantId, id),
    ])
    const wasCancelled = cancelled.status === 'fulfilled'
    expect(released).toMatchObject({ status: 'fulfilled', value: wasCancelled ? 'closed' : 'carried out' })
    expect(await nameOfVictim()).toBe(wasCancelled ? 'Victim' : 'erased')
    await expect(decide(admin, cancelOpenRequest, id)).rejects.toMatchObject({ code: 'conflict' })
  })

  it('what was approved in time is carried out, or taken back, though its undo window ends later', async () => {
    const { tenantId, founder, admin, ask, nameOfVictim } = await setting()
    const { id } = await ask(admin)
    testingOnlyAdvanceClock(7 * 86_400_000 - 10_000)
    expect((await decide(founder, approveOpenRequest, id)).state).toBe('delayed')
    testingOnlyAdvanceClock(UNDO_MS)
    expect(await releaseDelayedRequest(tenantId, id)).toBe('carried out')
    expect(await nameOfVictim()).toBe('erased')
  })

  it('cancel-all takes every open request back together', async () => {
    const { tenantId, founder, admin, ask, nameOfVictim, actions } = await setting()
    const { id } = await ask(founder)
    const { cancelled } = await runInTransaction({ actor: admin, name: 'test.cancel_all' }, cancelEveryOpenRequest)
    expect(cancelled).toBe(1)
    testingOnlyAdvanceClock(UNDO_MS)
    expect(await releaseDelayedRequest(tenantId, id)).toBe('closed')
    expect(await nameOfVictim()).toBe('Victim')
    expect(await actions()).toEqual(['device.wipe.request', 'brake.cancel_all', 'device.wipe.cancel'])
  })

  it('the same is not asked twice while it is open', async () => {
    const { founder, ask } = await setting()
    await ask(founder)
    await expect(ask(founder, 'stolen')).rejects.toMatchObject({ code: 'conflict' })
  })

  it('is void when what it would hit has changed since', async () => {
    const { tenantId, founder, victim, ask, nameOfVictim, actions } = await setting()
    const { id } = await ask(founder)
    await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'person.update' }, async ({ tx }) => {
      await tx.person.updateMany({ where: { tenantId, id: victim.personId }, data: { role: 'admin' } })
      return { result: null, audit: { action: 'person.update' } }
    })
    testingOnlyAdvanceClock(UNDO_MS)
    expect(await releaseDelayedRequest(tenantId, id)).toBe('closed')
    expect(await nameOfVictim()).toBe('Victim')
    expect(await actions()).toEqual(['device.wipe.request', 'device.wipe.expire'])
  })

  it('another organisation cannot find the request', async () => {
    const { founder, ask } = await setting()
    const { id } = await ask(founder)
    const stranger = await makePerson(await makeTenant(), { role: 'owner', founder: true })
    await expect(decide(stranger, cancelOpenRequest, id)).rejects.toMatchObject({ code: 'not_found' })
  })
})
