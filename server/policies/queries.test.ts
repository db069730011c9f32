import { describe, expect, it } from 'vitest'
import { verifyPolicyBundle } from '#protocol/device/policy-bundle.ts'
import { defaultPolicy } from '#protocol/policy/document.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { signingJwks } from '#server/kernel/signing.ts'
import { makeApiKeyActor, makeTenant, useDatabase } from '#test/harness.ts'
import { effectivePolicy, getPolicyBundle } from './queries.ts'

useDatabase()

/** As an enrolment would: the key is made on first use. */
async function pinKeys(tenantId: string) {
  return runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'device.enroll' }, async (context) => ({
    result: await signingJwks(context),
    audit: { action: 'device.enroll' },
  }))
}

describe('effectivePolicy', () => {
  it('is version 1, the starting document, before anybody published', async () => {
    const tenantId = await makeTenant()
    const policy = await readTransaction(tenantId, ({ tx }) => effectivePolicy(tx, tenantId))
    expect(policy).toMatchObject({ policyId: tenantId, version: 1, document: defaultPolicy() })
  })

  it('of another organisation is not found', async () => {
    const [tenantId, other] = [await makeTenant(), await makeTenant()]
    await expect(readTransaction(tenantId, ({ tx }) => effectivePolicy(tx, other))).rejects.toMatchObject({
      code: 'not_found',
    })
  })
})

describe('the policy bundle', () => {
  it('verifies with the keys that a device pinned', async () => {
    const tenantId = await makeTenant()
    const jwks = await pinKeys(tenantId)
    const { jws, version } = await getPolicyBundle(systemActor(tenantId, 'test'), {})
    await expect(verifyPolicyBundle(jws, jwks, { tenantId, minVersion: version })).resolves.toMatchObject({
      policyId: tenantId,
      version: 1,
      document: defaultPolicy(),
    })
  })

  it('is not found before there is a key, and forbidden to an API key', async () => {
    const tenantId = await makeTenant()
    await expect(getPolicyBundle(systemActor(tenantId, 'test'), {})).rejects.toMatchObject({ code: 'not_found' })
    await expect(getPolicyBundle(makeApiKeyActor(tenantId, ['policies:read']), {})).rejects.toMatchObject({
      code: 'forbidden',
    })
  })
})

describe('the signing key', () => {
  it('is one, also when many ask for it first at once', async () => {
    const tenantId = await makeTenant()
    const made = await Promise.all(Array.from({ length: 8 }, () => pinKeys(tenantId)))
    expect(new Set(made.map(({ keys }) => keys[0]?.kid)).size).toBe(1)
  })

  it('differs between organisations', async () => {
    const [one, two] = [await pinKeys(await makeTenant()), await pinKeys(await makeTenant())]
    expect(one.keys[0]?.kid).not.toBe(two.keys[0]?.kid)
  })
})
