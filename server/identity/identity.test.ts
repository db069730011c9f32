import { Secret, TOTP } from 'otpauth'
import { beforeAll, describe, expect, test } from 'vitest'
import type { PersonActor } from '#server/kernel/actor.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { now, testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { registerHook } from '#server/kernel/hooks.ts'
import { issueSetupToken } from '#server/kernel/setup-link.ts'
import { suspendPerson } from '#server/people/commands.ts'
import { resumeTenant, suspendTenant } from '#server/tenants/commands.ts'
import { makeApiKeyActor, makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import {
  acceptInvitationWithPassword,
  beginEnrolment,
  changePassword,
  confirmEnrolment,
  confirmFactor,
  foundOrganisation,
  issuePasswordReset,
  openSession,
  passSecondFactor,
  regenerateRecoveryCodes,
  removeSecondFactor,
  resetPasswordWithLink,
  resetSecondFactor,
  revokeOtherSessions,
  revokeSession,
  signOut,
  verifyCredentials,
} from './commands.ts'
import { getEnrolment, getFactor, listSessions, signedInByToken } from './queries.ts'

const db = useDatabase()
const client = { address: '192.0.2.7', userAgent: 'Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36' }
const password = 'correct horse battery'
const deadline: { at: Date | null } = { at: null }

beforeAll(() => registerHook('secondFactorDeadline', async () => deadline.at))

let counter = 0
async function found() {
  const n = ++counter
  const email = `owner${n}@example.org`
  const ids = await foundOrganisation(
    { organisation: `Organisation ${n}`, name: 'Ona Owner', email, password },
    { by: 'cli' },
  )
  return { ...ids, email }
}

async function signIn({ tenantId, personId }: { tenantId: string; personId: string }, from = client) {
  return openSession({ tenantId, personId, client: from, method: 'password' })
}

function codeFor(secret: string, stepsAhead = 0): string {
  return new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: now().getTime() + stepsAhead * 30_000 })
}

/** A person with a second factor, in an active session just confirmed. */
async function enrolled() {
  const owner = await found()
  const { token, actor } = await signIn(owner)
  await beginEnrolment(actor, {})
  const enrolment = await getEnrolment(actor, {})
  const secret = enrolment?.secret ?? ''
  const { recoveryCodes, token: rotated } = await confirmEnrolment(actor, { code: codeFor(secret) })
  // The enrolment has used this step's code.
  testingOnlyAdvanceClock(60_000)
  const signedIn = await signedInByToken(rotated, client)
  return { ...owner, secret, recoveryCodes, before: token, token: rotated, actor: signedIn?.actor as PersonActor }
}

async function actions(tenantId: string, action: string): Promise<string[]> {
  return (await readLog(db, tenantId)).filter(({ entry }) => entry.action === action).map(({ entry }) => entry.outcome)
}

function outcomes(results: PromiseSettledResult<unknown>[]): string[] {
  return results.map((result) =>
    result.status === 'fulfilled' ? 'ok' : String((result.reason as { code?: string }).code),
  )
}

describe('founding', () => {
  test('the setup link founds once, also when it is opened twice at once; it ends with the first organisation', async () => {
    const token = (await issueSetupToken()) ?? ''
    const attempt = (n: number) =>
      foundOrganisation(
        { organisation: `Setup ${n}`, name: 'First', email: `first${n}@example.org`, password },
        { by: 'setup', token, address: client.address },
      )
    const results = await Promise.allSettled([attempt(1), attempt(2)])
    expect(outcomes(results).sort()).toEqual(['gone', 'ok'])
    expect(await issueSetupToken()).toBeNull()
  })

  test('entries exact: tenant.create, person.create with role and address', async () => {
    const { tenantId, personId, email } = await found()
    const log = await readLog(db, tenantId)
    expect(log.map(({ entry }) => [entry.action, entry.outcome, entry.target?.type])).toEqual([
      ['tenant.create', 'allowed', 'tenant'],
      ['person.create', 'allowed', 'person'],
    ])
    expect(log[1]?.entry.target?.id).toBe(personId)
    expect(log[1]?.personal.detail).toEqual({ email, role: 'owner' })
  })

  test('a taken name is a conflict, and nothing of the attempt remains', async () => {
    await found()
    const again = foundOrganisation(
      { organisation: `organisation ${counter}`, name: 'X', email: 'x@example.org', password },
      { by: 'cli' },
    )
    await expect(again).rejects.toMatchObject({ code: 'conflict', fields: { organisation: 'is taken' } })
    const { rows } = await db.superuser.query(`SELECT 1 FROM person WHERE email = 'x@example.org'`)
    expect(rows).toHaveLength(0)
  })

  test.each([
    ['short', 'password', /at least 12/],
    ['owner@example.org', 'password', /must not be the address/],
    ['aaaaaaaaaaaaaaaa', 'password', /repeats too few/],
    ['\ud800aaaaaaaaaaaaaaaa', 'password', /lone surrogate/],
  ])('the password %j is refused by name', async (bad, field, problem) => {
    const attempt = foundOrganisation(
      { organisation: 'Bad', name: 'X', email: 'owner@example.org', password: bad },
      { by: 'cli' },
    )
    await expect(attempt).rejects.toMatchObject({
      code: 'invalid',
      fields: { [field]: expect.stringMatching(problem) },
    })
  })
})

describe('sign-in', () => {
  test('works: the right password finds the person; the wrong one is a recorded refusal', async () => {
    const owner = await found()
    expect(await verifyCredentials({ email: owner.email.toUpperCase(), password }, client)).toEqual({
      kind: 'one',
      tenantId: owner.tenantId,
      personId: owner.personId,
    })
    await expect(verifyCredentials({ email: owner.email, password: 'wrong' }, client)).rejects.toMatchObject({
      code: 'bad_credentials',
    })
    expect(await actions(owner.tenantId, 'auth.sign_in')).toEqual(['denied'])
    const [entry] = (await readLog(db, owner.tenantId)).filter((row) => row.entry.action === 'auth.sign_in')
    expect(entry?.entry.actor).toEqual({ kind: 'person', id: owner.personId })
    expect(entry?.personal).toMatchObject({ address: client.address, userAgent: client.userAgent })
  })

  test('an unknown account gets the same answer in the same time', async () => {
    const owner = await found()
    const refuse = async (email: string) => {
      const began = performance.now()
      const error = await verifyCredentials({ email, password: 'wrong' }, { ...client, address: '198.51.100.1' }).catch(
        (thrown: unknown) => thrown,
      )
      const { code, detail } = error as { code: string; detail: string }
      return { code, detail, took: performance.now() - began }
    }
    const known = [await refuse(owner.email), await refuse(owner.email), await refuse(owner.email)]
    const unknown = [
      await refuse('nobody@example.org'),
      await refuse('nobody@example.org'),
      await refuse('nobody@example.org'),
    ]
    const median = (of: { took: number }[]) => of.map(({ took }) => took).sort((a, b) => a - b)[1] ?? 0
    expect(unknown[0]).toMatchObject({ code: known[0]?.code, detail: known[0]?.detail })
    expect(Math.min(...[...known, ...unknown].map(({ took }) => took))).toBeGreaterThan(395)
    expect(Math.abs(median(known) - median(unknown))).toBeLessThan(150)
  })

  test('one address in two organisations: asks which; with the choice it is one', async () => {
    const email = 'both@example.org'
    const first = await foundOrganisation({ organisation: 'Alpha both', name: 'B', email, password }, { by: 'cli' })
    const second = await foundOrganisation(
      { organisation: 'Beta both', name: 'B', email, password: 'another good password' },
      { by: 'cli' },
    )
    expect(await verifyCredentials({ email, password }, client)).toMatchObject({
      kind: 'one',
      tenantId: first.tenantId,
    })
    const third = await foundOrganisation({ organisation: 'Gamma both', name: 'B', email, password }, { by: 'cli' })
    const asked = await verifyCredentials({ email, password }, client)
    expect(asked).toMatchObject({ kind: 'choose' })
    expect(asked.kind === 'choose' && asked.organisations.map(({ name }) => name).sort()).toEqual([
      'Alpha both',
      'Gamma both',
    ])
    expect(await verifyCredentials({ email, password, tenantId: third.tenantId }, client)).toMatchObject({
      kind: 'one',
      tenantId: third.tenantId,
    })
    await expect(verifyCredentials({ email, password, tenantId: second.tenantId }, client)).rejects.toMatchObject({
      code: 'bad_credentials',
    })
  })

  test('a suspended organisation says so to the right password only, and its sessions are dead', async () => {
    const owner = await found()
    const { token } = await signIn(owner)
    expect(await signedInByToken(token, client)).not.toBeNull()
    await suspendTenant(systemActor(owner.tenantId, 'test'), {})
    expect(await signedInByToken(token, client)).toBeNull()
    await expect(verifyCredentials({ email: owner.email, password }, client)).rejects.toMatchObject({
      code: 'tenant_suspended',
    })
    await expect(verifyCredentials({ email: owner.email, password: 'wrong' }, client)).rejects.toMatchObject({
      code: 'bad_credentials',
    })
    await resumeTenant(systemActor(owner.tenantId, 'test'), {})
    expect(await signedInByToken(token, client)).not.toBeNull()
  })

  test('too many wrong passwords from one address slow that address down, not the owner elsewhere; a restart does not forget', async () => {
    const owner = await found()
    const attacker = { ...client, address: '203.0.113.66' }
    for (let n = 0; n < 10; n++)
      await verifyCredentials({ email: owner.email, password: 'wrong' }, attacker).catch(() => {})
    const refused = verifyCredentials({ email: owner.email, password }, attacker)
    await expect(refused).rejects.toMatchObject({ code: 'rate_limited', retryAfter: expect.any(Number) })
    // Another process has another limiter and the same table.
    const { rows } = await db.superuser.query(
      `SELECT points FROM rate_limit WHERE key LIKE 'signin-pair:%203.0.113.66'`,
    )
    expect(Number(rows[0]?.points)).toBeGreaterThanOrEqual(11)
    expect(await verifyCredentials({ email: owner.email, password }, client)).toMatchObject({ kind: 'one' })
  }, 30_000)
})

describe('sessions', () => {
  test('a hundred page views leave one row and one token; the row holds no token', async () => {
    const owner = await found()
    const { token } = await signIn(owner)
    for (let view = 0; view < 100; view++)
      expect((await signedInByToken(token, client))?.actor.personId).toBe(owner.personId)
    const { rows } = await db.superuser.query('SELECT * FROM session WHERE tenant_id = $1', [owner.tenantId])
    expect(rows).toHaveLength(1)
    expect(JSON.stringify(rows)).not.toContain(token.slice(-43))
  })

  test.each([
    'gs_',
    'x'.repeat(95),
    'gs_AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  ])('%s is nobody', async (token) => {
    expect(await signedInByToken(token, client)).toBeNull()
  })

  test('revoking one and all others: dead at once; another person’s session is not found', async () => {
    const owner = await found()
    const [one, two, three] = [await signIn(owner), await signIn(owner), await signIn(owner)]
    const stranger = await signIn(await found())
    expect((await listSessions(one.actor, {})).map(({ current }) => current)).toEqual([false, false, true])
    await revokeSession(one.actor, { id: two.actor.sessionId })
    expect(await signedInByToken(two.token, client)).toBeNull()
    await expect(revokeSession(one.actor, { id: two.actor.sessionId })).rejects.toMatchObject({ code: 'conflict' })
    await expect(revokeSession(one.actor, { id: stranger.actor.sessionId })).rejects.toMatchObject({
      code: 'not_found',
    })
    expect(await revokeOtherSessions(one.actor, {})).toEqual({ revoked: 1 })
    expect(await signedInByToken(three.token, client)).toBeNull()
    expect(await signedInByToken(one.token, client)).not.toBeNull()
    await signOut(one.actor, {})
    expect(await signedInByToken(one.token, client)).toBeNull()
  })

  test('an idle session ends after twelve hours, any after seven days', async () => {
    const owner = await found()
    const idle = await signIn(owner)
    testingOnlyAdvanceClock(12 * 3_600_000 + 1_000)
    expect(await signedInByToken(idle.token, client)).toBeNull()
    const used = await signIn(owner)
    for (let half = 0; half < 14; half++) {
      testingOnlyAdvanceClock(11 * 3_600_000)
      expect(await signedInByToken(used.token, client), `after ${(half + 1) * 11} h`).not.toBeNull()
    }
    testingOnlyAdvanceClock(15 * 3_600_000)
    expect(await signedInByToken(used.token, client)).toBeNull()
  })

  test('a suspended person is out at once, and cannot sign in', async () => {
    const owner = await found()
    await makePerson(owner.tenantId, { role: 'owner' })
    const { token } = await signIn(owner)
    await suspendPerson(systemActor(owner.tenantId, 'test'), { id: owner.personId })
    expect(await signedInByToken(token, client)).toBeNull()
    await expect(verifyCredentials({ email: owner.email, password }, client)).rejects.toMatchObject({
      code: 'bad_credentials',
    })
    await expect(signIn(owner)).rejects.toMatchObject({ code: 'bad_credentials' })
  })

  test('changing the password ends the other sessions and the old password', async () => {
    const owner = await found()
    const [here, there] = [await signIn(owner), await signIn(owner)]
    await expect(changePassword(here.actor, { current: 'wrong', next: 'a new long password' })).rejects.toMatchObject({
      code: 'bad_credentials',
      fields: { current: expect.any(String) },
    })
    expect(await changePassword(here.actor, { current: password, next: 'a new long password' })).toEqual({ revoked: 1 })
    expect(await signedInByToken(there.token, client)).toBeNull()
    await expect(verifyCredentials({ email: owner.email, password }, client)).rejects.toMatchObject({
      code: 'bad_credentials',
    })
    expect(await verifyCredentials({ email: owner.email, password: 'a new long password' }, client)).toMatchObject({
      kind: 'one',
    })
  })
})

describe('second factor', () => {
  test('enrolment: a wrong code is recorded and changes nothing; the right one gives ten codes, a new token, and is asked for from then on', async () => {
    const owner = await found()
    const { actor, token } = await signIn(owner)
    await beginEnrolment(actor, {})
    await expect(confirmEnrolment(actor, { code: '000000' })).rejects.toMatchObject({
      code: 'bad_credentials',
      fields: { code: expect.any(String) },
    })
    expect((await getFactor(actor, {})).enrolled).toBe(false)
    const secret = (await getEnrolment(actor, {}))?.secret ?? ''
    const { recoveryCodes, token: rotated } = await confirmEnrolment(actor, { code: codeFor(secret) })
    expect(new Set(recoveryCodes).size).toBe(10)
    expect(recoveryCodes[0]).toMatch(/^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$/)
    expect(rotated).not.toBe(token)
    expect(await actions(owner.tenantId, 'auth.second_factor.enroll')).toEqual(['pending', 'denied', 'allowed'])
    const { rows } = await db.superuser.query(
      "SELECT encode(seed, 'escape') AS seed FROM totp_credential WHERE tenant_id = $1",
      [owner.tenantId],
    )
    expect(rows[0]?.seed).not.toContain(Buffer.from(Secret.fromBase32(secret).buffer).toString('latin1'))
    expect((await signIn(owner)).state).toBe('second_factor')
    await expect(beginEnrolment(actor, {})).rejects.toMatchObject({ code: 'conflict' })
  })

  test('an enrolment belongs to the session that began it: another one neither sees its secret nor confirms it', async () => {
    const owner = await found()
    const [mine, other] = [await signIn(owner), await signIn(owner)]
    await beginEnrolment(mine.actor, {})
    const secret = (await getEnrolment(mine.actor, {}))?.secret ?? ''
    expect(await getEnrolment(other.actor, {})).toBeNull()
    await expect(confirmEnrolment(other.actor, { code: codeFor(secret) })).rejects.toMatchObject({
      code: 'bad_credentials',
    })
    await beginEnrolment(other.actor, {})
    expect(await getEnrolment(mine.actor, {})).toBeNull()
    await beginEnrolment(mine.actor, {})
    const again = (await getEnrolment(mine.actor, {}))?.secret ?? ''
    expect(again).not.toBe(secret)
    const results = await Promise.allSettled(
      [1, 2, 3].map(() => confirmEnrolment(mine.actor, { code: codeFor(again) })),
    )
    // Who comes late finds the factor there, or its code used: which, decides the moment.
    const [ok, ...late] = outcomes(results).sort().reverse()
    expect([ok, late.every((code) => code === 'conflict' || code === 'bad_credentials')]).toEqual(['ok', true])
  })

  test('an old session, perhaps a copied cookie, sets no factor up: neither begun nor confirmed', async () => {
    const owner = await found()
    const old = await signIn(owner)
    await beginEnrolment(old.actor, {})
    const secret = (await getEnrolment(old.actor, {}))?.secret ?? ''
    testingOnlyAdvanceClock(15 * 60_000 + 1_000)
    const again = { code: 'step_up_required', extra: { stepUp: 'sign_in' } }
    await expect(confirmEnrolment(old.actor, { code: codeFor(secret) })).rejects.toMatchObject(again)
    await expect(beginEnrolment(old.actor, {})).rejects.toMatchObject(again)
    const { actor } = await signIn(owner)
    await beginEnrolment(actor, {})
    const fresh = (await getEnrolment(actor, {}))?.secret ?? ''
    await confirmEnrolment(actor, { code: codeFor(fresh) })
    expect((await getFactor(actor, {})).enrolled).toBe(true)
  })

  test('a pending session reaches nothing else; passing the factor rotates the token and the old one is dead', async () => {
    const owner = await enrolled()
    const { token, actor } = await signIn(owner)
    const pending = (await signedInByToken(token, client))?.actor as PersonActor
    expect(pending.sessionState).toBe('second_factor')
    await expect(listSessions(pending, {})).rejects.toMatchObject({ code: 'second_factor_required' })
    const { token: passed } = await passSecondFactor(actor, { code: codeFor(owner.secret) })
    expect(await signedInByToken(token, client)).toBeNull()
    expect((await signedInByToken(passed, client))?.actor).toMatchObject({
      sessionState: 'active',
      factorAt: expect.any(Date),
    })
    expect(await actions(owner.tenantId, 'auth.second_factor.challenge')).toEqual(['allowed'])
    expect((await actions(owner.tenantId, 'auth.sign_in')).slice(-2)).toEqual(['pending', 'allowed'])
  })

  test('one code in twenty requests at once signs in once', async () => {
    const owner = await enrolled()
    const sessions = await Promise.all(Array.from({ length: 20 }, () => signIn(owner)))
    // The limiter would turn most away before they race: each has its own count.
    await db.superuser.query(`DELETE FROM rate_limit`)
    const code = codeFor(owner.secret)
    const results: PromiseSettledResult<unknown>[] = []
    for (let at = 0; at < 20; at += 10) {
      results.push(
        ...(await Promise.allSettled(
          sessions.slice(at, at + 10).map(({ actor }) => passSecondFactor(actor, { code })),
        )),
      )
      await db.superuser.query(`DELETE FROM rate_limit`)
    }
    expect(outcomes(results).filter((outcome) => outcome === 'ok')).toHaveLength(1)
    expect(outcomes(results).filter((outcome) => outcome === 'bad_credentials')).toHaveLength(19)
  }, 30_000)

  test('a recovery code works once, also when used ten times at once, and its use is recorded', async () => {
    const owner = await enrolled()
    const code = (owner.recoveryCodes[0] ?? '').toLowerCase()
    const sessions = await Promise.all(Array.from({ length: 10 }, () => signIn(owner)))
    await db.superuser.query(`DELETE FROM rate_limit`)
    const results = await Promise.allSettled(sessions.map(({ actor }) => passSecondFactor(actor, { code })))
    expect(outcomes(results).filter((outcome) => outcome === 'ok')).toHaveLength(1)
    expect(await actions(owner.tenantId, 'auth.recovery_code.use')).toEqual(['allowed'])
    expect((await getFactor(owner.actor, {})).recoveryCodesLeft).toBe(9)
  })

  test('ten wrong codes are enough for a while', async () => {
    const owner = await enrolled()
    const { actor } = await signIn(owner)
    const tries = []
    for (let n = 0; n < 11; n++)
      tries.push(...(await Promise.allSettled([passSecondFactor(actor, { code: '000000' })])))
    expect(outcomes(tries)).toEqual([...Array(10).fill('bad_credentials'), 'rate_limited'])
  })

  test('step-up: binds a grant to one request, rotates the token, keeps the old one for requests under way but not as recent', async () => {
    const owner = await enrolled()
    const hash = regenerateRecoveryCodes.requestHash({})
    await expect(regenerateRecoveryCodes(owner.actor, {})).rejects.toMatchObject({ code: 'step_up_required' })
    const { token, grantId, actor } = await confirmFactor(owner.actor, {
      code: codeFor(owner.secret),
      requestHash: hash,
    })
    expect((await signedInByToken(owner.token, client))?.actor.factorAt).toBeNull()
    expect((await signedInByToken(token, client))?.actor.factorAt).toEqual(actor.factorAt)
    await expect(removeSecondFactor(actor, {}, { stepUpGrantId: grantId ?? '' })).rejects.toMatchObject({
      code: 'step_up_required',
    })
    const { recoveryCodes } = await regenerateRecoveryCodes(actor, {}, { stepUpGrantId: grantId ?? '' })
    expect(recoveryCodes).toHaveLength(10)
    await expect(regenerateRecoveryCodes(actor, {}, { stepUpGrantId: grantId ?? '' })).rejects.toMatchObject({
      code: 'step_up_required',
    })
    testingOnlyAdvanceClock(31_000)
    expect(await signedInByToken(owner.token, client)).toBeNull()
    expect(await signedInByToken(token, client)).not.toBeNull()
  })

  test('a code of the last step-up cannot be used again; without a factor the person is told to enrol', async () => {
    const owner = await enrolled()
    const code = codeFor(owner.secret)
    await confirmFactor(owner.actor, { code })
    await expect(confirmFactor(owner.actor, { code })).rejects.toMatchObject({ code: 'bad_credentials' })
    const { actor } = await signIn(await found())
    await expect(confirmFactor(actor, { code: '123456' })).rejects.toMatchObject({ code: 'factor_enrollment_required' })
  })

  test('from the policy’s date on a person without a factor reaches the enrolment only, in sessions begun before too', async () => {
    const owner = await found()
    const { token } = await signIn(owner)
    deadline.at = now()
    try {
      const held = (await signedInByToken(token, client))?.actor as PersonActor
      expect(held.sessionState).toBe('enroll_factor')
      await expect(listSessions(held, {})).rejects.toMatchObject({ code: 'factor_enrollment_required' })
      const fresh = await signIn(owner)
      expect(fresh.state).toBe('enroll_factor')
      await beginEnrolment(fresh.actor, {})
      const secret = (await getEnrolment(fresh.actor, {}))?.secret ?? ''
      const { token: active } = await confirmEnrolment(fresh.actor, { code: codeFor(secret) })
      const actor = (await signedInByToken(active, client))?.actor as PersonActor
      expect(actor.sessionState).toBe('active')
      testingOnlyAdvanceClock(60_000)
      const { grantId, actor: confirmed } = await confirmFactor(actor, {
        code: codeFor(secret),
        requestHash: removeSecondFactor.requestHash({}),
      })
      await expect(removeSecondFactor(confirmed, {}, { stepUpGrantId: grantId ?? '' })).rejects.toMatchObject({
        code: 'policy_forbids',
      })
    } finally {
      deadline.at = null
    }
  })
})

describe('resets by an administrator', () => {
  async function granted<R>(
    command: typeof issuePasswordReset | typeof resetSecondFactor,
    actor: PersonActor,
    id: string,
  ): Promise<R> {
    return command(actor, { id }, { stepUpGrantId: await makeGrant(actor, command.requestHash({ id })) }) as Promise<R>
  }
  const tokenOf = ({ url }: { url: string }) => new URL(url).pathname.split('/').at(-1) ?? ''

  test('a reset link chooses a new password once, ends every session, and leaves the second factor', async () => {
    const owner = await enrolled()
    const helper = await makePerson(owner.tenantId, { role: 'owner' })
    const token = tokenOf(await granted<{ url: string }>(issuePasswordReset, helper, owner.personId))
    const results = await Promise.allSettled(
      [1, 2, 3].map((n) => resetPasswordWithLink({ token, password: `a new password ${n}` }, client)),
    )
    expect(outcomes(results).sort()).toEqual(['gone', 'gone', 'ok'])
    expect(await signedInByToken(owner.token, client)).toBeNull()
    await expect(verifyCredentials({ email: owner.email, password }, client)).rejects.toMatchObject({
      code: 'bad_credentials',
    })
    expect((await signIn(owner)).state).toBe('second_factor')
    const entries = (await readLog(db, owner.tenantId)).filter(
      ({ entry }) => entry.action === 'auth.password.reset' && entry.outcome !== 'denied',
    )
    expect(entries.map(({ entry }) => [entry.outcome, entry.actor.id])).toEqual([
      ['pending', helper.personId],
      ['allowed', owner.personId],
    ])
    expect(JSON.stringify(entries)).not.toContain(token)
  })

  test('a reset of the second factor ends the sessions; the next sign-in needs the password alone', async () => {
    const owner = await enrolled()
    const helper = await makePerson(owner.tenantId, { role: 'owner' })
    await granted(resetSecondFactor, helper, owner.personId)
    expect(await signedInByToken(owner.token, client)).toBeNull()
    expect((await signIn(owner)).state).toBe('active')
    await expect(granted(resetSecondFactor, helper, owner.personId)).rejects.toMatchObject({ code: 'conflict' })
  })

  test.each([
    ['issuePasswordReset', issuePasswordReset],
    ['resetSecondFactor', resetSecondFactor],
  ])(
    '%s: refused to keys, to lesser roles, for oneself; not found across organisations; needs a confirmation',
    async (_, command) => {
      const owner = await enrolled()
      const admin = await makePerson(owner.tenantId, { role: 'admin' })
      const stranger = await makePerson(await makeTenant(), { role: 'owner' })
      await expect(
        command(makeApiKeyActor(owner.tenantId, ['people:write']), { id: owner.personId }),
      ).rejects.toMatchObject({ code: 'person_required' })
      await expect(granted(command, admin, owner.personId)).rejects.toMatchObject({ code: 'forbidden' })
      await expect(granted(command, owner.actor, owner.personId)).rejects.toMatchObject({ code: 'conflict' })
      await expect(granted(command, stranger, owner.personId)).rejects.toMatchObject({ code: 'not_found' })
      await expect(command(admin, { id: owner.personId })).rejects.toMatchObject({ code: 'step_up_required' })
      await expect(granted(command, admin, 'x')).rejects.toMatchObject({
        code: 'invalid',
        fields: { id: 'is not an id' },
      })
    },
  )

  test('a reset link opens no invitation and the other way round; it ends after a day', async () => {
    const owner = await enrolled()
    const helper = await makePerson(owner.tenantId, { role: 'owner' })
    const token = tokenOf(await granted<{ url: string }>(issuePasswordReset, helper, owner.personId))
    await expect(
      acceptInvitationWithPassword({ token, password: 'a new long password' }, client),
    ).rejects.toMatchObject({ code: 'gone' })
    testingOnlyAdvanceClock(24 * 3_600_000 + 1)
    await expect(resetPasswordWithLink({ token, password: 'a new long password' }, client)).rejects.toMatchObject({
      code: 'gone',
    })
  })
})
