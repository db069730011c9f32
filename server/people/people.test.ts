import { afterEach, describe, expect, test } from 'vitest'
import { type PersonActor, systemActor } from '#server/kernel/actor.ts'
import { testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { decrypt } from '#server/kernel/keys.ts'
import { ROLE_PERMISSIONS } from '#server/kernel/permissions.ts'
import { makeApiKeyActor, makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import {
  acceptInvitation,
  changeRole,
  type Invited,
  invitePerson,
  inviteStaff,
  renewInvitation,
  resumePerson,
  revokeInvitation,
  suspendPerson,
  updatePerson,
} from './commands.ts'
import { countPeople, getPerson, listPeople, lookUpLogins, readLink } from './queries.ts'
import { personCan } from './schema.ts'

const db = useDatabase()
afterEach(() => {
  delete process.env.SMTP_URL
})

async function organisation() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true, name: 'Ona Owner' })
  const admin = await makePerson(tenantId, { role: 'admin', name: 'Ada Admin' })
  return { tenantId, owner, admin }
}

type Guarded<I, R> = {
  (actor: PersonActor, input: I, options: { stepUpGrantId: string }): Promise<R>
  requestHash(input: unknown): Buffer
}

/** Runs a guard as somebody who has just confirmed exactly this request. */
async function confirmed<I, R>(command: Guarded<I, R>, actor: PersonActor, input: I): Promise<R> {
  return command(actor, input, { stepUpGrantId: await makeGrant(actor, command.requestHash(input)) })
}

function tokenOf({ invitation }: Invited): string {
  return new URL(invitation.url).pathname.split('/').at(-1) ?? ''
}

function accept(tenantId: string, token: string) {
  return runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'person.accept_invite' }, async (context) => {
    const invitation = await acceptInvitation(context, token)
    return {
      result: invitation,
      audit: { action: 'person.accept_invite', target: { type: 'person', id: invitation.personId } },
    }
  })
}

async function actionsOf(tenantId: string) {
  return (await readLog(db, tenantId)).map(({ entry }) => `${entry.action} ${entry.outcome}`)
}

describe('invitePerson', () => {
  test('works: the person waits, is in the directory, and has one link good for seven days', async () => {
    const { tenantId, admin } = await organisation()
    const invited = await invitePerson(admin, { email: ' Mia@Example.org ', name: 'Mia Member' })
    const person = await getPerson(admin, { id: invited.id })
    expect(person).toMatchObject({
      email: 'mia@example.org',
      role: 'member',
      status: 'invited',
      invitation: { expiresAt: invited.invitation.expiresAt },
    })
    expect(await lookUpLogins('mia@example.org')).toEqual([{ tenantId, personId: invited.id }])
    expect(await readLink(tokenOf(invited), 'invitation')).toMatchObject({ personId: invited.id, name: 'Mia Member' })
    testingOnlyAdvanceClock(7 * 86_400_000 + 1)
    await expect(readLink(tokenOf(invited), 'invitation')).rejects.toMatchObject({ code: 'gone' })
  })

  test('refused: compliance and members; recorded as denied', async () => {
    const { tenantId } = await organisation()
    const compliance = await makePerson(tenantId, { role: 'compliance' })
    await expect(invitePerson(compliance, { email: 'a@example.org', name: 'A' })).rejects.toMatchObject({
      code: 'forbidden',
    })
    expect((await actionsOf(tenantId)).at(-1)).toBe('person.create denied')
  })

  test('invalid: every field by name', async () => {
    const { admin } = await organisation()
    const attempt = invitePerson(admin, { email: 'no', name: 'x\u0000y' })
    await expect(attempt).rejects.toMatchObject({
      code: 'invalid',
      fields: { email: expect.any(String), name: expect.stringMatching(/control/) },
    })
  })

  test('the same address twice, also at once, is a conflict; in another organisation it is not', async () => {
    const { admin } = await organisation()
    const attempts = await Promise.allSettled(
      [1, 2, 3].map(() => invitePerson(admin, { email: 'twice@example.org', name: 'T' })),
    )
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const elsewhere = await organisation()
    await invitePerson(elsewhere.admin, { email: 'twice@example.org', name: 'T' })
    expect(await lookUpLogins('twice@example.org')).toHaveLength(2)
  })

  test('audit entries exact', async () => {
    const { tenantId, admin } = await organisation()
    const { id, invitation } = await invitePerson(admin, { email: 'e@example.org', name: 'E' })
    const entries = (await readLog(db, tenantId)).slice(-2)
    expect(entries.map(({ entry }) => [entry.action, entry.actor, entry.target])).toEqual([
      ['person.create', { kind: 'person', id: admin.personId }, { type: 'person', id }],
      ['person.invite', { kind: 'person', id: admin.personId }, { type: 'person', id }],
    ])
    expect(entries.map(({ personal }) => personal.detail)).toEqual([
      { role: 'member', email: 'e@example.org' },
      { expiresAt: invitation.expiresAt.toISOString() },
    ])
    expect(JSON.stringify(entries)).not.toContain(invitation.url)
  })

  test('repeating with the same Idempotency-Key is harmless: the same person, the same link', async () => {
    const { admin } = await organisation()
    const input = { email: 'again@example.org', name: 'Again' }
    const first = await invitePerson(admin, input, { idempotencyKey: 'k1' })
    const second = await invitePerson(admin, input, { idempotencyKey: 'k1' })
    expect(second).toMatchObject({ id: first.id, invitation: { url: first.invitation.url } })
  })

  test('with SMTP_URL the link waits sealed for the background process', async () => {
    process.env.SMTP_URL = 'smtp://localhost:2525'
    const { tenantId, admin } = await organisation()
    const { id, invitation } = await invitePerson(admin, { email: 'mail@example.org', name: 'Mail' })
    expect(invitation.mailed).toBe(true)
    const { rows } = await db.superuser.query<{ payload: { sealed: string; personId: string } }>(
      `SELECT payload FROM graphile_worker._private_jobs WHERE payload->>'tenantId' = $1`,
      [tenantId],
    )
    expect(rows[0]?.payload.personId).toBe(id)
    expect(JSON.stringify(rows)).not.toContain(tokenOf({ id, invitation }))
    expect(() => decrypt(new Uint8Array(32), Buffer.from(rows[0]?.payload.sealed ?? '', 'base64'), [])).toThrow()
  })
})

describe('inviteStaff', () => {
  const input = { email: 'staff@example.org', name: 'Staff', role: 'admin' as const }

  test('a guard: needs a confirmation of this very request; a key cannot', async () => {
    const { tenantId, owner } = await organisation()
    await expect(inviteStaff(owner, input)).rejects.toMatchObject({ code: 'step_up_required' })
    await expect(inviteStaff(makeApiKeyActor(tenantId, ['people:write']), input)).rejects.toMatchObject({
      code: 'person_required',
    })
    await expect(confirmed(inviteStaff, owner, input)).resolves.toMatchObject({ id: expect.any(String) })
  })

  test('nobody hands out more than they have', async () => {
    const { admin } = await organisation()
    await expect(confirmed(inviteStaff, admin, { ...input, role: 'owner' })).rejects.toMatchObject({
      code: 'forbidden',
      fields: { role: expect.any(String) },
    })
    await expect(confirmed(inviteStaff, admin, { ...input, role: 'compliance' })).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(confirmed(inviteStaff, admin, input)).resolves.toBeTruthy()
  })
})

describe('invitations', () => {
  test('a link works once, of several uses at once one; a renewed link ends the earlier one', async () => {
    const { tenantId, admin } = await organisation()
    const invited = await invitePerson(admin, { email: 'once@example.org', name: 'Once' })
    const renewed = await renewInvitation(admin, { id: invited.id })
    await expect(readLink(tokenOf(invited), 'invitation')).rejects.toMatchObject({ code: 'gone' })
    const token = tokenOf({ id: invited.id, invitation: renewed })
    const results = await Promise.allSettled([
      accept(tenantId, token),
      accept(tenantId, token),
      accept(tenantId, token),
    ])
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await getPerson(admin, { id: invited.id })).toMatchObject({ status: 'active', invitation: null })
    await expect(renewInvitation(admin, { id: invited.id })).rejects.toMatchObject({ code: 'conflict' })
  })

  test('a link that ends while it is being used is gone', async () => {
    const { tenantId, admin } = await organisation()
    const invited = await invitePerson(admin, { email: 'race@example.org', name: 'Race' })
    const other = await db.superuser.connect()
    await other.query('BEGIN')
    await other.query('SELECT 1 FROM person_link WHERE person_id = $1 FOR UPDATE', [invited.id])
    const using = accept(tenantId, tokenOf(invited)).catch((error: unknown) => error)
    // It has read the open link and waits for the row.
    const waiting = 'SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted'
    while ((await db.superuser.query<{ n: number }>(waiting)).rows[0]?.n === 0);
    await other.query(`SET LOCAL session_replication_role = 'replica'`)
    await other.query(`UPDATE person_link SET expires_at = now() - interval '1 s' WHERE person_id = $1`, [invited.id])
    await other.query('COMMIT')
    other.release()
    expect(await using).toMatchObject({ code: 'gone' })
    expect(await getPerson(admin, { id: invited.id })).toMatchObject({ status: 'invited' })
  })

  test('a key gets no link to an account with rights, and a session only after a recent factor', async () => {
    const { tenantId, owner } = await organisation()
    const key = makeApiKeyActor(tenantId, ROLE_PERMISSIONS.owner, owner.personId)
    const input = { email: 'next@example.org', name: 'Next', role: 'admin' as const }
    const staff = await confirmed(inviteStaff, owner, input)
    await expect(renewInvitation(key, { id: staff.id })).rejects.toMatchObject({ code: 'person_required' })
    await expect(renewInvitation({ ...owner, factorAt: null }, { id: staff.id })).rejects.toMatchObject({
      code: 'step_up_required',
    })
    expect(await readLink(tokenOf(staff), 'invitation')).toMatchObject({ email: input.email })
    const member = await invitePerson(key, { email: 'member@example.org', name: 'Member' })
    await expect(renewInvitation(key, { id: member.id })).resolves.toMatchObject({ mailed: false })
  })

  test('a key does not let somebody with rights in again', async () => {
    const { tenantId, owner, admin } = await organisation()
    const key = makeApiKeyActor(tenantId, ROLE_PERMISSIONS.owner, owner.personId)
    await suspendPerson(key, { id: admin.personId })
    await expect(resumePerson(key, { id: admin.personId })).rejects.toMatchObject({ code: 'person_required' })
    await expect(resumePerson(owner, { id: admin.personId })).resolves.toBeNull()
  })

  test('a revoked, a foreign and a malformed link are gone', async () => {
    const { admin } = await organisation()
    const invited = await invitePerson(admin, { email: 'r@example.org', name: 'R' })
    await revokeInvitation(admin, { id: invited.id })
    const other = await organisation()
    for (const token of [tokenOf(invited), '', 'gi_x', `gi_${'A'.repeat(22)}.${'A'.repeat(22)}.${'A'.repeat(43)}`]) {
      await expect(readLink(token, 'invitation'), token).rejects.toMatchObject({ code: 'gone' })
    }
    await expect(revokeInvitation(other.admin, { id: invited.id })).rejects.toMatchObject({ code: 'not_found' })
    await expect(revokeInvitation(admin, { id: invited.id })).rejects.toMatchObject({ code: 'conflict' })
  })
})

describe('updatePerson and changeRole', () => {
  test('works, with before and after in the entry', async () => {
    const { tenantId, owner, admin } = await organisation()
    await updatePerson(admin, { id: admin.personId, name: 'Ada Lovelace' })
    await confirmed(changeRole, owner, { id: admin.personId, role: 'compliance' })
    const [renamed, changed] = (await readLog(db, tenantId)).filter(({ entry }) => entry.action === 'person.update')
    expect(renamed?.personal.detail).toEqual({ name: { before: 'Ada Admin', after: 'Ada Lovelace' } })
    expect(changed?.personal.detail).toEqual({ role: { before: 'admin', after: 'compliance' } })
  })

  test('refused: an admin touches no owner and makes none; nobody changes their own role; another organisation’s person is not found', async () => {
    const { owner, admin } = await organisation()
    const other = await organisation()
    await expect(updatePerson(admin, { id: owner.personId, name: 'X' })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(confirmed(changeRole, admin, { id: owner.personId, role: 'member' })).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(confirmed(changeRole, owner, { id: owner.personId, role: 'member' })).rejects.toMatchObject({
      code: 'conflict',
    })
    await expect(updatePerson(other.admin, { id: admin.personId, name: 'X' })).rejects.toMatchObject({
      code: 'not_found',
    })
    await expect(updatePerson(admin, { id: 'nope', name: 'X' })).rejects.toMatchObject({
      code: 'invalid',
      fields: { id: 'is not an id' },
    })
  })

  test('an owner who is made less is no founder any more; the last owner stays, also when two remove each other at once', async () => {
    const { tenantId, owner } = await organisation()
    const second = await makePerson(tenantId, { role: 'owner', name: 'Second' })
    const results = await Promise.allSettled([
      confirmed(changeRole, owner, { id: second.personId, role: 'admin' }),
      confirmed(changeRole, second, { id: owner.personId, role: 'admin' }),
    ])
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const { rows } = await db.superuser.query(`SELECT founder FROM person WHERE tenant_id = $1 AND role = 'owner'`, [
      tenantId,
    ])
    expect(rows).toHaveLength(1)
    const { rows: demoted } = await db.superuser.query(
      `SELECT 1 FROM person WHERE tenant_id = $1 AND role <> 'owner' AND founder`,
      [tenantId],
    )
    expect(demoted).toHaveLength(0)
  })
})

describe('suspendPerson and resumePerson', () => {
  test('works both ways and records it; twice is a conflict', async () => {
    const { tenantId, owner, admin } = await organisation()
    await suspendPerson(owner, { id: admin.personId })
    await expect(suspendPerson(owner, { id: admin.personId })).rejects.toMatchObject({ code: 'conflict' })
    expect(await countPeople(owner, {})).toEqual({ active: 1, invited: 0, suspended: 1 })
    await resumePerson(owner, { id: admin.personId })
    expect(await getPerson(owner, { id: admin.personId })).toMatchObject({ status: 'active', suspendedAt: null })
    const invited = await invitePerson(admin, { email: 'never@example.org', name: 'Never came' })
    await suspendPerson(owner, { id: invited.id })
    await expect(readLink(tokenOf(invited), 'invitation')).rejects.toMatchObject({ code: 'gone' })
    await resumePerson(owner, { id: invited.id })
    expect(await getPerson(owner, { id: invited.id })).toMatchObject({ status: 'invited', invitation: null })
    await expect(resumePerson(owner, { id: admin.personId })).rejects.toMatchObject({ code: 'conflict' })
    expect((await actionsOf(tenantId)).filter((line) => /suspend|resume/.test(line))).toEqual([
      'person.suspend allowed',
      'person.suspend failed',
      'person.resume allowed',
      'person.suspend allowed',
      'person.resume allowed',
      'person.resume failed',
    ])
  })

  test('nobody suspends themselves, an admin no owner, and nobody the last owner', async () => {
    const { tenantId, owner, admin } = await organisation()
    await expect(suspendPerson(owner, { id: owner.personId })).rejects.toMatchObject({ code: 'conflict' })
    await expect(suspendPerson(admin, { id: owner.personId })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(suspendPerson(systemActor(tenantId, 'test'), { id: owner.personId })).rejects.toMatchObject({
      code: 'lockout',
    })
    const person = await getPerson(owner, { id: owner.personId })
    expect(personCan.suspend(person, { personId: admin.personId, permissions: [...admin.permissions] })).toBe(
      'outranks',
    )
  })
})

describe('listPeople', () => {
  test('pages by keyset in both directions without a gap, filters, counts, and shows one organisation only', async () => {
    const { owner, admin } = await organisation()
    await organisation()
    for (let n = 0; n < 7; n++)
      await invitePerson(admin, { email: `p${n}@example.org`, name: n % 2 ? `Same Name` : `Person ${n}` })
    for (const sort of ['name', '-name', 'email', '-email', 'created', '-created'] as const) {
      const seen: string[] = []
      let cursor: string | undefined
      do {
        const page = await listPeople(owner, { sort, limit: 2, ...(cursor ? { cursor } : {}) })
        seen.push(...page.items.map(({ id }) => id))
        expect(page.total).toEqual({ value: 9, capped: false })
        cursor = page.nextCursor ?? undefined
      } while (cursor)
      expect(new Set(seen).size, sort).toBe(9)
      expect(seen).toHaveLength(9)
    }
    expect((await listPeople(owner, { q: 'SAME', status: 'invited' })).items).toHaveLength(3)
    expect((await listPeople(owner, { role: 'owner' })).items.map(({ name }) => name)).toEqual(['Ona Owner'])
    expect((await listPeople(owner, { q: "%_'\\" })).items).toEqual([])
    await expect(listPeople(owner, { cursor: 'forged' })).rejects.toMatchObject({
      code: 'invalid',
      fields: { cursor: expect.any(String) },
    })
    await expect(listPeople(owner, { limit: 1e9 })).rejects.toMatchObject({
      code: 'invalid',
      fields: { limit: expect.any(String) },
    })
  })
})
