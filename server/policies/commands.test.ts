import { describe, expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { defaultPolicy, type PolicyDocument } from '#protocol/policy/document.ts'
import { type PersonActor, systemActor } from '#server/kernel/actor.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { makeApiKeyActor, makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { discardDraft, publishPolicy, publishTighterPolicy, rollbackPolicy, saveDraft } from './commands.ts'
import { getPolicy, getPolicyVersion, listPolicyVersions, secondFactorDeadline, simulatePolicy } from './queries.ts'

const db = useDatabase()

function policyWith(change: (policy: PolicyDocument) => void): PolicyDocument {
  const policy = defaultPolicy()
  change(policy)
  return policy
}

const blocked = policyWith((policy) => Object.assign(policy.data.screenshot, { mode: 'block' }))
const looser = policyWith((policy) => Object.assign(policy.data.screenshot, { mode: 'allow' }))
const factorNow = policyWith((policy) => Object.assign(policy.signIn.secondFactor, { mode: 'now', graceDays: 3 }))

async function makeOffice() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true, name: 'Mei' })
  return { tenantId, owner, policyId: tenantId }
}

async function publish(actor: PersonActor, document: PolicyDocument, note = '') {
  const policyId = actor.tenantId
  await saveDraft(actor, { policyId, document })
  const input = { policyId, note }
  return publishPolicy(actor, input, { stepUpGrantId: await makeGrant(actor, publishPolicy.requestHash(input)) })
}

async function giveFactor({ tenantId, personId }: PersonActor) {
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'factor' }, async ({ tx, now }) => {
    await tx.totpCredential.create({
      data: { tenantId, personId, seed: new Uint8Array(1), confirmedAt: now },
      select: { personId: true },
    })
    return { result: null, audit: { action: 'auth.second_factor.enroll' } }
  })
}

async function actions(tenantId: string) {
  return (await readLog(db, tenantId))
    .map(({ entry }) => `${entry.action} ${entry.outcome}`)
    .filter((line) => line.startsWith('policy.'))
}

describe('saveDraft', () => {
  it('works: the draft shows its changes and binds nobody', async () => {
    const { owner, policyId } = await makeOffice()
    const view = await saveDraft(owner, { policyId, document: blocked })
    expect(view).toMatchObject({
      version: 1,
      document: defaultPolicy(),
      draft: { base: 1, stale: false, loosens: false, savedBy: { name: 'Mei' } },
    })
    expect(view.draft?.changes).toEqual([
      { path: 'data.screenshot.mode', before: 'log', after: 'block', direction: 'tighter' },
    ])
  })

  it('is refused to compliance and recorded', async () => {
    const { tenantId, policyId } = await makeOffice()
    const reader = await makePerson(tenantId, { role: 'compliance' })
    await expect(saveDraft(reader, { policyId, document: blocked })).rejects.toMatchObject({ code: 'forbidden' })
    expect(await actions(tenantId)).toEqual(['policy.draft denied'])
  })

  it('of another organisation is not found', async () => {
    const [{ owner }, other] = [await makeOffice(), await makeOffice()]
    await saveDraft(other.owner, { policyId: other.policyId, document: blocked })
    await expect(saveDraft(owner, { policyId: other.policyId, document: blocked })).rejects.toMatchObject({
      code: 'not_found',
    })
  })

  it('names the field that is invalid', async () => {
    const { owner, policyId } = await makeOffice()
    const document = { ...blocked, data: { ...blocked.data, print: { mode: 'maybe' } } }
    // @ts-expect-error a mode that does not exist
    await expect(saveDraft(owner, { policyId, document })).rejects.toMatchObject({
      code: 'invalid',
      fields: { 'document.data.print.mode': expect.any(String) },
    })
  })

  it('conflicts when its base is no longer in force, or another draft was saved meanwhile', async () => {
    const { owner, policyId } = await makeOffice()
    await publish(owner, blocked)
    await expect(saveDraft(owner, { policyId, document: looser, base: 1 })).rejects.toMatchObject({
      code: 'conflict',
      extra: { version: 2 },
    })
    const { draft } = await saveDraft(owner, { policyId, document: looser, draftSeenAt: null })
    await expect(saveDraft(owner, { policyId, document: blocked, draftSeenAt: null })).rejects.toMatchObject({
      code: 'conflict',
    })
    await saveDraft(owner, { policyId, document: blocked, draftSeenAt: draft?.savedAt.toISOString() })
  })

  it('repeated is harmless, and discarding leaves none', async () => {
    const { tenantId, owner, policyId } = await makeOffice()
    await saveDraft(owner, { policyId, document: blocked })
    await saveDraft(owner, { policyId, document: blocked })
    expect((await discardDraft(owner, { policyId })).draft).toBeNull()
    await expect(discardDraft(owner, { policyId })).rejects.toMatchObject({ code: 'conflict' })
    expect(await actions(tenantId)).toEqual([
      'policy.draft allowed',
      'policy.draft allowed',
      'policy.draft allowed',
      'policy.draft failed',
    ])
  })
})

describe('publishPolicy', () => {
  it('works: a new version is in force and the draft is gone; the entry is exact', async () => {
    const { tenantId, owner, policyId } = await makeOffice()
    expect(await publish(owner, looser, 'Less noise')).toMatchObject({
      version: 2,
      document: looser,
      draft: null,
      publishedBy: { name: 'Mei' },
    })
    const last = (await readLog(db, tenantId)).at(-1)
    expect(last?.entry).toMatchObject({
      action: 'policy.publish',
      outcome: 'allowed',
      target: { type: 'policy', id: policyId },
      policy: { id: policyId, version: 2 },
    })
    expect(last?.personal).toMatchObject({
      reason: 'Less noise',
      detail: { version: '2', 'data.screenshot.mode': { before: 'log', after: 'allow' } },
    })
  })

  it('needs a second factor given for exactly this draft', async () => {
    const { owner, policyId } = await makeOffice()
    const digest = (await saveDraft(owner, { policyId, document: blocked })).draft?.digest
    await expect(publishPolicy(owner, { policyId, digest })).rejects.toMatchObject({ code: 'step_up_required' })
    await saveDraft(owner, { policyId, document: looser })
    const stepUpGrantId = await makeGrant(owner, publishPolicy.requestHash({ policyId, digest }))
    await expect(publishPolicy(owner, { policyId, digest }, { stepUpGrantId })).rejects.toMatchObject({
      code: 'conflict',
      extra: { reason: 'draft_changed' },
    })
  })

  it('is refused to a key', async () => {
    const { tenantId, owner, policyId } = await makeOffice()
    await saveDraft(owner, { policyId, document: looser })
    await expect(publishPolicy(makeApiKeyActor(tenantId, ['policies:write']), { policyId })).rejects.toMatchObject({
      code: 'person_required',
    })
  })

  it('conflicts without a draft, and with one that changes nothing', async () => {
    const { owner, policyId } = await makeOffice()
    await expect(publish(owner, defaultPolicy())).rejects.toMatchObject({ code: 'conflict' })
    await discardDraft(owner, { policyId })
    const stepUpGrantId = await makeGrant(owner, publishPolicy.requestHash({ policyId }))
    await expect(publishPolicy(owner, { policyId }, { stepUpGrantId })).rejects.toMatchObject({
      code: 'conflict',
      extra: { reason: 'no_draft' },
    })
  })

  it('of two at once lets one win', async () => {
    const { tenantId, owner, policyId } = await makeOffice()
    const admin = await makePerson(tenantId, { role: 'admin' })
    await saveDraft(owner, { policyId, document: blocked })
    const attempts = await Promise.allSettled(
      [owner, admin].map(async (actor) =>
        publishPolicy(
          actor,
          { policyId },
          { stepUpGrantId: await makeGrant(actor, publishPolicy.requestHash({ policyId })) },
        ),
      ),
    )
    expect(attempts.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(attempts.find((attempt) => attempt.status === 'rejected')).toMatchObject({ reason: { code: 'conflict' } })
    expect((await getPolicy(owner, { policyId })).version).toBe(2)
  })

  it('takes a list of two hundred domains into its entry', async () => {
    const { owner } = await makeOffice()
    const domains = (count: number, word: string) =>
      Array.from({ length: count }, (_, n) => `${word.repeat(60)}.${word.repeat(60)}.n${n}.example`)
    const first = policyWith((policy) => Object.assign(policy.data.forward, { internalDomains: domains(200, 'a') }))
    await publish(owner, first)
    const second = policyWith((policy) => Object.assign(policy.data.forward, { internalDomains: domains(200, 'b') }))
    expect(await publish(owner, second)).toMatchObject({ version: 3 })
  })
})

describe('publishTighterPolicy', () => {
  it('lets a key tighten and answers one that loosens with person_required', async () => {
    const { tenantId, policyId } = await makeOffice()
    const key = makeApiKeyActor(tenantId, ['policies:write', 'policies:read'])
    await saveDraft(key, { policyId, document: blocked })
    expect(await publishTighterPolicy(key, { policyId })).toMatchObject({ version: 2, publishedBy: null })
    await saveDraft(key, { policyId, document: defaultPolicy() })
    await expect(publishTighterPolicy(key, { policyId })).rejects.toMatchObject({ code: 'person_required' })
    expect((await actions(tenantId)).at(-1)).toBe('policy.publish denied')
  })

  it('asks a person without a recent factor for one', async () => {
    const { owner, policyId } = await makeOffice()
    await saveDraft(owner, { policyId, document: blocked })
    await expect(publishTighterPolicy({ ...owner, factorAt: null }, { policyId })).rejects.toMatchObject({
      code: 'step_up_required',
    })
  })
})

describe('requiring a second factor', () => {
  it('is refused while the acting owner has none, then while one of two owners has', async () => {
    const { tenantId, owner, policyId } = await makeOffice()
    await expect(publish(owner, factorNow)).rejects.toMatchObject({
      code: 'lockout',
      extra: { reasons: ['acting_owner', 'owners'] },
    })
    await giveFactor(owner)
    const second = await makePerson(tenantId, { role: 'owner', name: 'Second' })
    await expect(publish(owner, factorNow)).rejects.toMatchObject({ code: 'lockout', extra: { reasons: ['owners'] } })
    const forecast = await simulatePolicy(owner, { policyId, document: factorNow })
    expect(forecast).toMatchObject({
      lockout: ['owners'],
      people: { withoutFactor: { count: 1, items: [{ name: 'Second' }] } },
    })
    await giveFactor(second)
    expect(await publish(owner, factorNow)).toMatchObject({ version: 2 })
  })

  it('starts its grace when it comes into force, and a later change of something else does not start it anew', async () => {
    const { tenantId, owner } = await makeOffice()
    const deadline = () => readTransaction(tenantId, ({ tx }) => secondFactorDeadline(tx, tenantId))
    expect(await deadline()).toBeNull()
    await giveFactor(owner)
    const { publishedAt } = await publish(owner, factorNow)
    const expected = new Date(publishedAt.getTime() + 3 * 86_400_000)
    expect(await deadline()).toEqual(expected)
    await publish(owner, { ...factorNow, data: blocked.data })
    expect(await deadline()).toEqual(expected)
    await publish(owner, defaultPolicy())
    expect(await deadline()).toBeNull()
  })
})

describe('rollbackPolicy', () => {
  const rollback = async (actor: PersonActor, version: number) => {
    const input = { policyId: actor.tenantId, version }
    return rollbackPolicy(actor, input, { stepUpGrantId: await makeGrant(actor, rollbackPolicy.requestHash(input)) })
  }

  it('works: the old document is a new version; the draft stays and is stale', async () => {
    const { tenantId, owner, policyId } = await makeOffice()
    await publish(owner, blocked)
    await saveDraft(owner, { policyId, document: looser })
    expect(await rollback(owner, 1)).toMatchObject({
      version: 3,
      document: defaultPolicy(),
      draft: { stale: true, base: 2 },
    })
    const last = (await readLog(db, tenantId)).at(-1)
    expect(last?.entry).toMatchObject({ action: 'policy.rollback', outcome: 'allowed', policy: { version: 3 } })
    expect(last?.personal.detail).toEqual({
      version: '3',
      restoredFrom: '1',
      'data.screenshot.mode': { before: 'block', after: 'log' },
    })
    const stepUpGrantId = await makeGrant(owner, publishPolicy.requestHash({ policyId }))
    await expect(publishPolicy(owner, { policyId }, { stepUpGrantId })).rejects.toMatchObject({
      code: 'conflict',
      extra: { version: 3 },
    })
  })

  it('is not found for a version that is not, and conflicts for the one in force', async () => {
    const { owner } = await makeOffice()
    await expect(rollback(owner, 7)).rejects.toMatchObject({ code: 'not_found' })
    await expect(rollback(owner, 1)).rejects.toMatchObject({ code: 'conflict' })
  })

  it('is refused to a key', async () => {
    const { tenantId, policyId } = await makeOffice()
    await expect(
      rollbackPolicy(makeApiKeyActor(tenantId, ['policies:write']), { policyId, version: 1 }),
    ).rejects.toMatchObject({ code: 'person_required' })
  })
})

describe('the history', () => {
  it('begins with version 1 before and after the first change, newest first, in pages', async () => {
    const { owner, policyId } = await makeOffice()
    expect((await listPolicyVersions(owner, { policyId })).items).toMatchObject([{ version: 1, publishedBy: null }])
    await publish(owner, blocked, 'Block')
    await publish(owner, looser)
    const first = await listPolicyVersions(owner, { policyId, limit: 2 })
    expect(first.items.map(({ version }) => version)).toEqual([3, 2])
    const rest = await listPolicyVersions(owner, { policyId, limit: 2, cursor: first.nextCursor ?? '' })
    expect(rest).toMatchObject({ items: [{ version: 1 }], nextCursor: null })
    expect(await getPolicyVersion(owner, { policyId, version: 2 })).toMatchObject({
      note: 'Block',
      changes: [{ path: 'data.screenshot.mode', after: 'block' }],
    })
    await expect(listPolicyVersions(owner, { policyId, cursor: 'x' })).rejects.toMatchObject({ code: 'invalid' })
  })
})

describe('simulatePolicy', () => {
  it('counts the devices below a minimum and the people above a cap', async () => {
    const { tenantId, owner, policyId } = await makeOffice()
    await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'devices' }, async ({ tx }) => {
      for (const appVersion of ['1.2.0', '2.0.0', 'nightly']) {
        const [id, enrollmentId] = [uuidv7(), uuidv7()]
        const data = {
          tenantId,
          id,
          name: `Phone ${appVersion}`,
          platform: 'ios',
          osVersion: '18',
          appVersion,
          personId: owner.personId,
          status: 'active',
          enrollmentId,
        }
        await tx.device.create({ data, select: { id: true } })
      }
      return { result: null, audit: { action: 'device.enroll' } }
    })
    const document = policyWith(({ devices }) =>
      Object.assign(devices, { maxPerPerson: 2, minAppVersion: { ios: '2.0' } }),
    )
    const forecast = await simulatePolicy(owner, { policyId, document })
    expect(forecast.devices).toMatchObject({ active: 3, connected: 0, belowMinimum: { count: 2 } })
    expect(forecast.devices.belowMinimum.items.map(({ name }) => name).sort()).toEqual(['Phone 1.2.0', 'Phone nightly'])
    expect(forecast.people.aboveDeviceCap).toMatchObject({ count: 1, items: [{ name: 'Mei', devices: 3 }] })
    expect((await simulatePolicy(owner, { policyId })).devices.belowMinimum.count).toBe(0)
    expect(forecast.devices.browsers).toEqual({ enrolled: 0, newOnes: 'allow' })
  })
})
