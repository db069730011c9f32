import { afterEach, describe, expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { forwardFile, publishFile, releaseFile, updateFileAudience } from '#server/content/commands.ts'
import { blockDevice, ingestDeviceEvents } from '#server/devices/commands.ts'
import { type DeviceActor, type PersonActor, systemActor } from '#server/kernel/actor.ts'
import { now, testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { appendEntries, type StatedDraft } from '#server/kernel/ledger.ts'
import { askReasonForNames } from '#server/tenants/commands.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makeApiKeyActor, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { recordAppEvents, unmaskNames } from '../commands.ts'
import { searchAudit } from '../queries.ts'
import type { WhoSaw } from './schema.ts'
import { whoSaw } from './who-saw.ts'

const database = useDatabase()
afterEach(testingOnlyResetClock)

const DAY_MS = 86_400_000
const content = new TextEncoder().encode('The plan')

async function makeOffice() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true, name: 'Mei' })
  const lena = await makePerson(tenantId, { role: 'member', name: 'Lena' })
  const bo = await makePerson(tenantId, { role: 'member', name: '王小明' })
  const { actor: lenas } = await enrollTestDevice(lena, { facts: { name: 'Lena’s laptop' } })
  const { id: root } = await publishFile(owner, { name: 'Plan.txt', audience: [lena.personId], content })
  return { tenantId, owner, lena, bo, lenas, root }
}

type Stated = { seq: number; action?: string; outcome?: string; fileId: string; detail?: object; enforcement?: string }

const state = (device: DeviceActor, ...events: Stated[]) =>
  ingestDeviceEvents(
    device,
    events.map(({ fileId, ...event }) =>
      JSON.stringify({
        id: uuidv7(),
        at: now().toISOString(),
        action: 'file.view',
        outcome: 'allowed',
        target: { type: 'file', id: fileId },
        ...event,
      }),
    ),
  )

async function append(tenantId: string, ...drafts: StatedDraft[]): Promise<void> {
  const actor = systemActor(tenantId, 'test')
  await pgTransaction('writer', tenantId, async (_client, sql) => {
    await sql(
      `INSERT INTO command (tenant_id, id, name, actor_kind, actor_id) VALUES ($1::uuid, $2::uuid, 'test', 'system', 'test')
       RETURNING set_config('app.command_id', id::text, true)`,
      [tenantId, uuidv7()],
    )
    const entries = drafts.map((draft) => ({ actor, draft }))
    await appendEntries(sql, tenantId, entries)
  })
}

const rowOf = ({ viewers }: WhoSaw, person: PersonActor) => viewers.find(({ who }) => who.id === person.personId)
const kinds = ({ coverage }: WhoSaw) => coverage.gaps.map(({ kind }) => kind)

describe('who saw a file', () => {
  it('is not asked of a time that ends before it begins: nobody would pass for an answer', async () => {
    const { owner, root } = await makeOffice()
    const [from, to] = ['2026-11-02T00:00:00.000Z', '2026-11-01T00:00:00.000Z']
    const wrong = { code: 'invalid', fields: { to: 'must be later than from' } }
    await expect(whoSaw(owner, { fileId: root, from, to })).rejects.toMatchObject(wrong)
  })

  it('a release and what the device states of it are one opening', async () => {
    const { owner, lena, lenas, root } = await makeOffice()
    await releaseFile(lenas, { fileId: root })
    expect(rowOf(await whoSaw(owner, { fileId: root }), lena)).toMatchObject({
      basis: 'handed',
      counts: { views: 0, handed: 1 },
      known: { server: 1, device: 0 },
    })
    await state(lenas, { seq: 1, fileId: root }, { seq: 2, fileId: root })
    const answer = await whoSaw(owner, { fileId: root })
    expect(rowOf(answer, lena)).toMatchObject({
      basis: 'opened',
      counts: { views: 2, handed: 1 },
      known: { server: 1, device: 2 },
      devices: [{ id: lenas.deviceId, name: 'Lena’s laptop' }],
    })
    expect(answer).toMatchObject({ opened: 1, copies: 0, names: ['Plan.txt'] })
  })

  it('a viewer that asks again in one session goes on with the same opening', async () => {
    const { tenantId, owner, lena, lenas, root } = await makeOffice()
    const view = (session: string): StatedDraft => ({
      action: 'file.view',
      outcome: 'allowed',
      actor: { kind: 'person', id: lena.personId, name: 'Lena' },
      device: { id: lenas.deviceId },
      target: { type: 'file', id: root, name: 'Plan.txt' },
      detail: { session },
    })
    const [first, second] = [uuidv7(), uuidv7()]
    await append(tenantId, view(first), view(first), view(second))
    expect(rowOf(await whoSaw(owner, { fileId: root }), lena)?.counts.views).toBe(2)
  })

  it('finds the whole lineage from any copy, and what an app states about a copy, each once', async () => {
    const { tenantId, owner, lena, bo, lenas, root } = await makeOffice()
    const { actor: bos } = await enrollTestDevice(bo)
    const copy = (await forwardFile(lenas, { fileId: root, to: bo.email })).fileId ?? ''
    await releaseFile(bos, { fileId: copy })
    await state(bos, { seq: 1, fileId: copy }, { seq: 2, fileId: copy, action: 'screenshot.attempt' })
    const app = makeApiKeyActor(tenantId, ['audit:write'])
    const told = { id: 'a', at: now().toISOString(), action: 'file.view', person: { email: bo.email } }
    await recordAppEvents(app, [JSON.stringify({ ...told, target: { type: 'file', id: copy } })])
    const answer = await whoSaw(owner, { fileId: copy })
    expect(answer).toMatchObject({ root: { id: root }, file: { id: copy }, copies: 1, opened: 1 })
    expect(rowOf(answer, bo)).toMatchObject({
      basis: 'opened',
      counts: { views: 2, handed: 1 },
      captures: { detected: 1, prevented: 0 },
      known: { server: 1, device: 2, app: 1 },
    })
    expect(rowOf(answer, lena)).toMatchObject({ basis: 'acted', counts: { forwards: 1 } })
    expect(rowOf(answer, owner)).toMatchObject({ basis: 'acted', hasPublished: true })
    const { viewers: same } = await whoSaw(owner, { fileId: root })
    expect(same).toEqual(answer.viewers)
    // Whoever follows the link finds the same events.
    const { items } = await searchAudit(owner, { q: answer.q })
    expect(items).toHaveLength(5)
  })

  it('what was refused is no viewing', async () => {
    const { tenantId, owner, lena, bo, lenas, root } = await makeOffice()
    const { actor: bos } = await enrollTestDevice(bo)
    await expect(releaseFile(bos, { fileId: root })).rejects.toMatchObject({ code: 'not_found' })
    await state(lenas, { seq: 1, fileId: root, action: 'file.download', outcome: 'denied' })
    const answer = await whoSaw(owner, { fileId: root })
    const refused = { basis: 'refused', counts: { refused: 1, downloads: 0, handed: 0 } }
    expect([rowOf(answer, lena), rowOf(answer, bo)]).toMatchObject([refused, refused])
    expect(answer.opened).toBe(0)
    expect(tenantId).toBeTruthy()
  })

  it('somebody whom an import calls by address is the person of that address, and another one a name', async () => {
    const { tenantId, owner, lena, root } = await makeOffice()
    const imported = (actor: { name: string }): StatedDraft => ({
      action: 'file.view',
      outcome: 'allowed',
      source: 'import:old',
      occurredAt: new Date(now().getTime() - 3 * DAY_MS),
      target: { type: 'file', id: root },
      actor: { kind: 'person', ...actor },
    })
    await append(tenantId, imported({ name: lena.email.toUpperCase() }), imported({ name: 'Somebody Else' }))
    const answer = await whoSaw(owner, { fileId: root })
    expect(rowOf(answer, lena)).toMatchObject({ counts: { views: 1 }, known: { import: 1 }, late: 1 })
    expect(answer.viewers.find(({ who }) => !who.id)).toMatchObject({ who: { name: 'Somebody Else' } })
    expect(answer.coverage.events).toMatchObject({ imported: 2, late: 2 })
    expect(kinds(answer)).toEqual(['imported'])
  })

  it('takes what occurred in the period, bounds as in a search', async () => {
    const { owner, lena, lenas, root } = await makeOffice()
    await state(lenas, { seq: 1, fileId: root })
    testingOnlyAdvanceClock(2 * DAY_MS)
    const middle = now().toISOString()
    testingOnlyAdvanceClock(1_000)
    await state(lenas, { seq: 2, fileId: root })
    expect(rowOf(await whoSaw(owner, { fileId: root, from: middle }), lena)?.counts.views).toBe(1)
    expect(rowOf(await whoSaw(owner, { fileId: root, to: middle }), lena)?.counts.views).toBe(1)
    expect(rowOf(await whoSaw(owner, { fileId: root }), lena)?.counts.views).toBe(2)
  })

  it('is not found for another organisation’s file, refused without the right, and logged as a search', async () => {
    const { tenantId, owner, lena, root } = await makeOffice()
    const stranger = await makePerson(await makeTenant(), { role: 'owner', founder: true })
    await expect(whoSaw(stranger, { fileId: root })).rejects.toMatchObject({ code: 'not_found' })
    await expect(whoSaw(lena, { fileId: root })).rejects.toMatchObject({ code: 'forbidden' })
    const { q } = await whoSaw(owner, { fileId: root })
    const [refused, searched] = (await readLog(database, tenantId)).slice(-2)
    expect(refused?.entry).toMatchObject({ action: 'audit.search', outcome: 'denied' })
    expect(searched?.entry).toMatchObject({ action: 'audit.search', outcome: 'allowed', actor: { id: owner.personId } })
    expect(searched?.personal.detail).toEqual({ query: q })
  })

  it('shows pseudonyms to whoever may not unmask', async () => {
    const { tenantId, lena, lenas, root } = await makeOffice()
    const admin = await makePerson(tenantId, { role: 'admin', name: 'Ada' })
    await state(lenas, { seq: 2, fileId: root })
    const answer = await whoSaw(admin, { fileId: root })
    const text = JSON.stringify(answer)
    for (const secret of [lena.personId, lena.email, '"Lena"', lenas.deviceId, 'Lena’s laptop'])
      expect(text).not.toContain(secret)
    expect(answer.opened).toBe(1)
    expect(answer.file).toEqual({ id: root, name: 'Plan.txt' })
  })
})

describe('what the answer rests on', () => {
  it('nothing lacking: nobody else; and who may have it without an event', async () => {
    const { owner, lena, bo, lenas, root } = await makeOffice()
    await updateFileAudience(owner, { fileId: root, audience: [lena.personId, bo.personId] })
    await state(lenas, { seq: 1, fileId: root })
    const { coverage } = await whoSaw(owner, { fileId: root })
    expect(coverage.gaps).toEqual([])
    expect(coverage.period).toMatchObject({ from: null, to: null, isHeld: true, events: 2 })
    expect(coverage.entitled).toMatchObject({ everyone: false, count: 2, withoutCount: 1, formerly: [] })
    expect(coverage.entitled.without).toEqual([{ id: bo.personId, name: '王小明' }])
    expect(coverage.devices).toMatchObject({ count: 1, incompleteCount: 0 })
  })

  it('names whoever had been entitled before', async () => {
    const { owner, bo, root } = await makeOffice()
    await updateFileAudience(owner, { fileId: root, audience: [bo.personId] })
    expect((await whoSaw(owner, { fileId: root })).coverage.entitled.formerly).toEqual([{ name: 'Lena' }])
  })

  it('tells under a reason whoever had been entitled before: by the copy’s audience, or by the name that the log kept', async () => {
    const { tenantId, owner, lena, bo, lenas, root } = await makeOffice()
    const mia = await makePerson(tenantId, { role: 'member', name: 'Mia' })
    const { fileId: copy } = await forwardFile(lenas, { fileId: root, to: mia.email })
    await updateFileAudience(owner, { fileId: root, audience: [bo.personId] })
    await database.superuser.query(`ALTER TABLE file DISABLE TRIGGER command_wall`)
    await database.superuser.query(`UPDATE file SET status = 'deleted' WHERE id = $1`, [copy])
    await database.superuser.query(`ALTER TABLE file ENABLE TRIGGER command_wall`)
    await askReasonForNames(owner, {})
    await unmaskNames(owner, { reason: 'Complaint 2026-117' })
    // Who forwarded it is among the viewers; before that nobody is named but as formerly entitled.
    const to = new Date(now().getTime() - DAY_MS).toISOString()
    const { viewers, coverage } = await whoSaw(owner, { fileId: root, to })
    expect(viewers).toEqual([])
    expect(coverage.entitled.formerly).toEqual([{ id: mia.personId, name: 'Mia' }, { name: 'Lena' }])
    const told = (await readLog(database, tenantId)).flatMap(({ entry }) =>
      entry.action === 'audit.unmask' && entry.target ? [entry.target.id] : [],
    )
    expect(told).toEqual(expect.arrayContaining([mia.personId, lena.personId]))
  })

  it('a device with missing numbers, and an entitled person’s silent device, are named', async () => {
    const { owner, lenas, bo, lena, root } = await makeOffice()
    await updateFileAudience(owner, { fileId: root, audience: [lena.personId, bo.personId] })
    const { actor: silent } = await enrollTestDevice(bo, { facts: { name: 'Old phone' } })
    testingOnlyAdvanceClock(40 * DAY_MS)
    await state(lenas, { seq: 3, fileId: root })
    const answer = await whoSaw(owner, { fileId: root })
    expect(kinds(answer)).toEqual(['devices'])
    const [holey, quiet] = answer.coverage.devices.incomplete
    expect(holey).toMatchObject({ device: { id: lenas.deviceId }, isInvolved: true, missing: [{ from: 1, to: 2 }] })
    expect(quiet).toMatchObject({ device: { id: silent.deviceId }, isInvolved: false, missingCount: 0 })
    expect(quiet?.silentSince).toMatch(/Z$/)
  })

  it('a blocked device that was never heard of again may hold events', async () => {
    const { owner, lenas, root } = await makeOffice()
    await releaseFile(lenas, { fileId: root })
    await blockDevice(owner, { deviceId: lenas.deviceId, reason: 'lost' })
    testingOnlyAdvanceClock(40 * DAY_MS)
    expect(kinds(await whoSaw(owner, { fileId: root }))).toEqual(['devices'])
  })

  it('what left the log’s sight, apps and, in a period, wrong clocks each forbid it', async () => {
    const { tenantId, owner, lena, lenas, root } = await makeOffice()
    const seen = (more: Partial<StatedDraft>): StatedDraft => ({
      action: 'file.view',
      outcome: 'allowed',
      source: 'device',
      actor: { kind: 'person', id: lena.personId, name: 'Lena' },
      device: { id: lenas.deviceId },
      target: { type: 'file', id: root },
      ...more,
    })
    await append(tenantId, seen({ clock: 'suspect' }))
    expect(kinds(await whoSaw(owner, { fileId: root }))).toEqual([])
    expect(kinds(await whoSaw(owner, { fileId: root, to: new Date(now().getTime() + DAY_MS).toISOString() }))).toEqual([
      'suspect',
    ])
    const outside = seen({ action: 'file.forward', detail: { outside: 'true' } })
    await append(tenantId, seen({ action: 'file.print' }), outside, seen({ source: 'app:mail' }))
    const answer = await whoSaw(owner, { fileId: root })
    expect(kinds(answer)).toEqual(['left', 'apps'])
    expect(answer.coverage.left).toEqual({ downloads: 0, prints: 1, captures: 0, outside: 1 })
  })

  it('what was purged is told: nothing is held from before', async () => {
    const { tenantId, owner, root } = await makeOffice()
    testingOnlyAdvanceClock(6 * DAY_MS)
    const last = new Date(now().getTime() - 3 * DAY_MS)
    const client = await database.superuser.connect()
    try {
      await client.query(`SET session_replication_role = 'replica'`)
      await client.query(
        `INSERT INTO audit_purge (tenant_id, id, class, retention_days, removed, held, events, first_at, last_at, holds, leaves, revision, state, recorded_at, removed_at, certificate)
         VALUES ($1, $2, 'activity', 50, '{[0,1)}', '{}', 1, $3, $3, '[]', decode(repeat('00', 32), 'hex'), 0, 'done', now(), now(), 'note')`,
        [tenantId, uuidv7(), last],
      )
    } finally {
      await client.query(`SET session_replication_role = 'origin'`)
      client.release()
    }
    const answer = await whoSaw(owner, { fileId: root })
    expect(kinds(answer)).toEqual(['period'])
    expect(Date.parse(answer.coverage.period.heldSince)).toBe(last.getTime() + 1)
    expect(kinds(await whoSaw(owner, { fileId: root, from: new Date(last.getTime() + DAY_MS).toISOString() }))).toEqual(
      [],
    )
  })
})
