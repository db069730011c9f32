import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { type Actor, type PersonActor, systemActor } from '#server/kernel/actor.ts'
import { testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import type { StatedDraft } from '#server/kernel/ledger.ts'
import { appendEntries } from '#server/kernel/ledger.ts'
import { askReasonForNames, waiveReasonForNames } from '#server/tenants/commands.ts'
import { makeApiKeyActor, makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { createAuditView, hideNames, placeHold, shortenRetention, unmaskNames } from '../commands.ts'
import {
  auditFacets,
  auditHistogram,
  describeAuditQuery,
  getAuditEvent,
  getLogFile,
  getNamesShown,
  getRetention,
  getTlogProof,
  listAuditViews,
  listHolds,
  listOwnRecords,
  searchAudit,
} from '../queries.ts'

const db = useDatabase()

afterAll(testingOnlyResetClock)

let tenantId: string
let owner: PersonActor
let admin: PersonActor
let officer: PersonActor
let lin: PersonActor
const file = { type: 'file', id: uuidv7(), name: 'Merger plan.pdf' }
const phone = { id: uuidv7(), name: 'Lin’s phone' }

const REASON = 'Complaint 2026-117 of the works council'

async function append(...drafts: StatedDraft[]): Promise<string[]> {
  const actor = systemActor(tenantId, 'test')
  return runInTransaction({ actor, name: 'test' }, async ({ sql }) => {
    const appended = await appendEntries(
      sql,
      tenantId,
      drafts.map((draft) => ({ actor, draft })),
    )
    return { result: appended.map(({ id }) => id), audit: [] }
  })
}

beforeAll(async () => {
  tenantId = await makeTenant()
  owner = await makePerson(tenantId, { role: 'owner', name: 'Olga Owner' })
  admin = await makePerson(tenantId, { role: 'admin', name: 'Adam Admin' })
  officer = await makePerson(tenantId, { role: 'compliance', name: 'Clara Officer' })
  lin = await makePerson(tenantId, { role: 'member', name: 'Lin Wei', email: 'lin.wei@example.org' })
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'device.enroll' }, async ({ tx, sql }) => {
    await tx.device.create({
      data: {
        tenantId,
        personId: lin.personId,
        status: 'active',
        platform: 'ios',
        osVersion: '26.1',
        appVersion: '1',
        enrollmentId: uuidv7(),
        ...phone,
      } as never,
    })
    await sql(
      `INSERT INTO file (tenant_id, id, name, media_type, size_bytes, sha256, status, content_id, root_id)
       VALUES ($1::uuid, $2::uuid, $3::text, 'application/pdf', 1, '', 'published', $2::uuid, $2::uuid)`,
      [tenantId, file.id, file.name],
    )
    return { result: null, audit: { action: 'device.enroll' } }
  })
  await append(
    {
      action: 'file.view',
      actor: { kind: 'person', id: lin.personId, name: lin.name },
      device: phone,
      target: file,
      labels: ['finance'],
      source: 'device',
      address: '10.2.3.4',
      senderId: 'sender-of-lin',
      detail: { page: '3', who: 'Lin Wei' },
    },
    {
      action: 'person.update',
      target: { type: 'person', id: lin.personId, name: lin.name },
      reason: 'Lin Wei asked for it',
      detail: { email: { before: 'lin@example.org', after: lin.email }, method: 'password' },
    },
  )
})

const items = async (actor: Actor, q: string) => (await searchAudit(actor, { q })).items
const codeOfLin = async () => (await items(admin, 'action:file.view source:device')).at(0)?.actor.id ?? 'nobody'
const deviceOf = (person: PersonActor): Actor => ({
  kind: 'device',
  tenantId,
  deviceId: phone.id,
  enrollmentId: uuidv7(),
  deviceName: phone.name,
  personId: person.personId,
  personName: person.name,
  address: '10.2.3.4',
})
/** Who has an entry of what was shown under a reason. */
const namedBy = async (show: () => Promise<unknown>) => {
  const { id } = await unmaskNames(officer, { reason: REASON })
  await show()
  await hideNames(officer, {})
  const acts = (await readLog(db, tenantId)).filter(({ entry }) => entry.correlationId === id)
  return acts.flatMap(({ entry }) => (entry.action === 'audit.unmask' ? (entry.target?.id ?? []) : []))
}
const openRetention = async () => {
  const { request } = await getRetention(owner, {})
  if (!request) throw new Error('nobody asks for a shorter retention')
  return { request }
}
const askReason = () => askReasonForNames(owner, {})
const waiveReason = async () => {
  const stepUpGrantId = await makeGrant(owner, waiveReasonForNames.requestHash({}))
  await waiveReasonForNames(owner, {}, { stepUpGrantId })
}

/** What would say who it was. */
const secrets = () => ['Lin', 'lin.wei', lin.personId, phone.id, '10.2.3.4', 'example.org', 'sender-of-lin']
const expectNoSecret = (answer: unknown) => {
  const text = JSON.stringify(answer)
  for (const secret of secrets()) expect(text).not.toContain(secret)
}

describe('an administrator without audit:unmask', () => {
  it('sees pseudonyms that stay the same, and nothing that names somebody', async () => {
    const [viewed] = await items(admin, 'action:file.view')
    const [updated] = await items(admin, 'action:person.update')
    expect(viewed?.actor.name).toMatch(/^Person [0-9A-Z]{4}-[0-9A-Z]{4}$/)
    expect(viewed?.actor.id).toBe(updated?.target?.id)
    expect(viewed).toMatchObject({
      device: { name: expect.stringMatching(/^Device /) },
      target: { id: file.id, name: 'Merger plan.pdf' },
      address: '10.2.3.0/24',
      detail: { page: '3' },
      hidden: ['address', 'detail'],
    })
    expect(updated).toMatchObject({ detail: { method: 'password' }, hidden: ['reason', 'detail'] })
    expectNoSecret([viewed, updated])
  })

  it('opens an event without its entry, its names of today or its proof file', async () => {
    const [viewed] = await items(admin, 'action:file.view')
    const detail = await getAuditEvent(admin, { eventId: viewed?.id ?? '' })
    expect(detail.entry).toBeNull()
    expect(detail.namesNow).toEqual({ [file.id]: file.name })
    expectNoSecret(detail)
    await expect(getTlogProof(admin, { eventId: viewed?.id ?? '' })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(getLogFile(admin, { path: 'tile/entries/000.p/1' })).rejects.toMatchObject({ code: 'forbidden' })
  })

  it('is not told whose an id is by an app that calls it a file', async () => {
    const called = { type: 'file', id: officer.personId, name: 'x' }
    await append({ action: 'file.open', actor: { kind: 'system', name: 'app' }, target: called, source: 'app:mail' })
    const [stated] = await items(admin, 'action:file.open')
    const { namesNow } = await getAuditEvent(admin, { eventId: stated?.id ?? '' })
    expect(namesNow).toEqual({})
    expect((await getAuditEvent(owner, { eventId: stated?.id ?? '' })).namesNow).toEqual({
      [officer.personId]: officer.name,
    })
  })

  it('counts by pseudonym in facets; programs and the organisation’s things keep their names', async () => {
    const key = makeApiKeyActor(tenantId, ['audit:read'])
    await append({ action: 'file.view', actor: { kind: 'api_key', id: key.apiKeyId, name: 'Archive' }, target: file })
    await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'api_key.create' }, async ({ sql }) => {
      await sql(
        `INSERT INTO api_key (tenant_id, id, name, token_hash, token_hint, scopes) VALUES ($1::uuid, $2::uuid, 'Archive', '', '', '{}')`,
        [tenantId, key.apiKeyId],
      )
      return { result: null, audit: { action: 'auth.step_up' } }
    })
    const { facets } = await auditFacets(admin, { q: 'action:file.view', fields: 'actor,device,label' })
    expectNoSecret(facets)
    expect(facets[0]?.values.map(({ label }) => label)).toEqual(
      expect.arrayContaining([`Person ${await codeOfLin()}`, 'Archive']),
    )
    expect(facets[2]?.values).toEqual([{ value: 'finance', count: 1 }])
  })

  it('counts our own parts by name, and whom history names without an id as people, whoever they are', async () => {
    const past = (name: string) => ({ action: 'badge.enter' as const, actor: { kind: 'person' as const, name } })
    await append(past('Joe Oldman'), past('Ann Past'), past('Joe Oldman'), { action: 'badge.enter' })
    const ask = { q: 'action:badge.enter', fields: 'actor' }
    const valuesFor = async (reader: PersonActor) => (await auditFacets(reader, ask)).facets[0]?.values
    expect(await valuesFor(owner)).toEqual([
      { value: 'Joe Oldman', label: 'Joe Oldman', kind: 'person', count: 2 },
      { value: 'Ann Past', label: 'Ann Past', kind: 'person', count: 1 },
      { value: 'test', label: 'test', kind: 'system', count: 1 },
    ])
    const masked = await valuesFor(admin)
    expect(masked).toEqual([
      { value: 'person', kind: 'person', count: 3 },
      { value: 'test', label: 'test', kind: 'system', count: 1 },
    ])
    // What a line counts is what it finds.
    for (const { value, count } of masked ?? [])
      expect(await items(admin, `action:badge.enter actor:${value}`)).toHaveLength(count)
    expect(await items(owner, 'action:badge.enter actor:"Joe Oldman"')).toHaveLength(2)
  })

  it('asks by pseudonym, by label, by file and by network', async () => {
    const code = await codeOfLin()
    const found = async (q: string) => (await items(admin, q)).map(({ action }) => action)
    expect(await found(`actor:${code}`)).toEqual(['file.view'])
    expect(await found(`actor:"Person ${code}"`)).toEqual(['file.view'])
    expect(await found(`target:${code.toLowerCase()}`)).toEqual(['person.update', 'person.create'])
    expect(await found(`${code} -action:person`)).toEqual(['file.view'])
    for (const q of [
      'target:merger',
      'merger',
      'label:finance',
      'finance',
      'fin*',
      'ip:10.2.3.0/24',
      `target:${file.id} device:*`.replace(' device:*', ''),
    ])
      expect(await found(`${q} source:device`), q).toEqual(['file.view'])
    expect(await found('update')).toContain('person.update')
  })

  it('learns nothing by asking for what it does not see', async () => {
    const [viewed] = await items(owner, 'action:file.view source:device')
    const probes = [
      'actor:"Lin Wei"',
      'actor:lin',
      'actor:li*',
      'lin',
      '"Lin Wei"',
      'wei*',
      'li* action:file',
      'actor:lin.wei@example.org',
      'example',
      `actor:${lin.personId}`,
      `target:${lin.personId}`,
      lin.personId,
      `device:${phone.id}`,
      phone.id,
      'device:phone',
      'device:lin*',
      'target:lin',
      'reason:asked',
      'asked',
      'reason:lin*',
      'ip:10.2.3.4',
      '10.2.3.4',
      'ip:10.2.3.0/25',
      'sender',
      'sender-of-lin',
      'who',
    ]
    for (const q of probes) {
      expect((await searchAudit(admin, { q })).total, q).toEqual({ value: 0, capped: false })
      expect((await auditFacets(admin, { q })).counted, q).toBe(0)
      expect(
        (await auditHistogram(admin, { q })).buckets.every(({ count }) => count === 0),
        q,
      ).toBe(true)
      // Nor by what is left when it is taken away.
      const all = await searchAudit(admin, { q: `action:file.view -(${q})` })
      expect(
        all.items.map(({ id }) => id),
        q,
      ).toContain(viewed?.id)
    }
    const meaning = await describeAuditQuery(admin, { q: `actor:${lin.personId} actor:"Lin Zhang" action:file` })
    expect(JSON.stringify(meaning)).not.toContain('Lin Wei')
    expect(meaning.unanswered).toEqual([`actor:${lin.personId}`, 'actor:"Lin Zhang"'])
  })

  it('is not told by a hold whom it is about', async () => {
    await placeHold(owner, { name: 'Case-7', kind: 'person', targetId: lin.personId, reason: 'Lin Wei sues' })
    const holds = await listHolds(admin, {})
    expect(holds).toMatchObject([{ name: 'Case-7', kind: 'person', target: { id: await codeOfLin() } }])
    expectNoSecret(holds)
  })

  it('is not told who asked for a shorter retention, and why', async () => {
    const input = { rules: { control: null, access: 30, activity: null }, reason: 'Lin Wei sues' }
    const stepUpGrantId = await makeGrant(owner, shortenRetention.requestHash(input))
    await shortenRetention(owner, input, { stepUpGrantId })
    const { request } = await getRetention(admin, {})
    expect(request).toMatchObject({ rules: input.rules, requestedBy: '…', reason: '…' })
    expect((await getRetention(owner, {})).request).toMatchObject({ requestedBy: owner.name, reason: input.reason })
  })

  it('cannot unmask', async () => {
    await expect(unmaskNames(admin, { reason: REASON })).rejects.toMatchObject({ code: 'forbidden' })
    expect(await getNamesShown(admin, {})).toEqual({ state: 'never' })
  })
})

describe('a key without audit:unmask', () => {
  it('sees pseudonyms; entries, which hold ids, are what it verifies the log with', async () => {
    const key = makeApiKeyActor(tenantId, ['audit:read', 'people:read'])
    const all = await items(key, '')
    expectNoSecret(all)
    const [viewed] = await items(key, `device:${phone.id}`)
    expect(viewed?.actor.id).toBe(await codeOfLin())
    expect((await getAuditEvent(key, { eventId: viewed?.id ?? '' })).entry).toContain(lin.personId)
    expect((await items(key, 'lin')).length).toBe(0)
    expect((await getLogFile(key, { path: 'tile/entries/000.p/1' })).body.length).toBeGreaterThan(0)
  })
})

describe('a compliance officer', () => {
  it('sees names where no reason is asked for', async () => {
    const [viewed] = await items(officer, 'actor:"Lin Wei"')
    expect(viewed).toMatchObject({ actor: { id: lin.personId, name: 'Lin Wei' }, address: '10.2.3.4' })
    expect(await getNamesShown(officer, {})).toEqual({ state: 'always' })
    await expect(unmaskNames(officer, { reason: REASON })).rejects.toMatchObject({ code: 'conflict' })
  })
})

describe('where a reason is asked for', () => {
  beforeAll(askReason)

  it('sees pseudonyms until one is given, and again after half an hour', async () => {
    expect((await items(officer, 'actor:"Lin Wei"')).length).toBe(0)
    await expect(unmaskNames(officer, { reason: 'curious' })).rejects.toMatchObject({ code: 'invalid' })
    const { until } = await unmaskNames(officer, { reason: REASON })
    expect(await getNamesShown(officer, {})).toEqual({ state: 'shown', of: 'everybody', until })
    expect((await items(officer, 'actor:"Lin Wei"')).length).toBe(1)
    // Another session of the same person gave no reason.
    expect((await items({ ...officer, sessionId: uuidv7() }, 'actor:"Lin Wei"')).length).toBe(0)
    testingOnlyAdvanceClock(30 * 60_000 + 1)
    expect((await items(officer, 'actor:"Lin Wei"')).length).toBe(0)
  })

  it('stands on the page of everybody whose name was shown, once, with the reason', async () => {
    const { id } = await unmaskNames(officer, { reason: REASON })
    await Promise.all([
      items(officer, 'action:file.view'),
      items(officer, 'action:person'),
      auditFacets(officer, { q: '', fields: 'actor' }),
    ])
    await items(officer, 'action:file.view')
    const own = await listOwnRecords(deviceOf(lin), {})
    expect(own.items.filter(({ action }) => action === 'audit.unmask').at(0)).toMatchObject({
      by: 'Clara Officer',
      byKind: 'person',
      reason: REASON,
    })
    const log = await readLog(db, tenantId)
    const shown = log.filter(
      ({ entry }) => entry.action === 'audit.unmask' && entry.correlationId === id && entry.target,
    )
    expect(shown.filter(({ entry }) => entry.target?.id === lin.personId).length).toBe(1)
    expect(new Set(shown.map(({ entry }) => entry.target?.id)).size).toBe(shown.length)
    expect(shown.map(({ entry }) => entry.target?.id)).not.toContain(officer.personId)
    await hideNames(officer, {})
    expect(await getNamesShown(officer, {})).toEqual({ state: 'on_request' })
    await expect(hideNames(officer, {})).rejects.toMatchObject({ code: 'conflict' })
  })

  it('stands there also when it was shown beside the log: by a hold, a shared view, or what a question means', async () => {
    const search = { q: 'action:file.view', order: 'newest' as const, columns: [] }
    await createAuditView(owner, { name: 'Files', isShared: true, search })
    // Whom it is about, and who placed it.
    expect(await namedBy(() => listHolds(officer, {}))).toEqual([owner.personId, lin.personId])
    expect(await namedBy(() => getRetention(officer, {}))).toEqual([owner.personId])
    expect(await namedBy(() => listAuditViews(officer, {}))).toEqual([owner.personId])
    expect(await namedBy(() => describeAuditQuery(officer, { q: `actor:${lin.personId}` }))).toEqual([lin.personId])
  })

  it('stands there also when somebody else wrote it into a question: of a view, or of a hold', async () => {
    const search = { q: 'actor:"Lin Wei"', order: 'newest' as const, columns: [] }
    await createAuditView(owner, { name: 'Sick leave', isShared: true, search })
    expect(await namedBy(() => listAuditViews(officer, {}))).toEqual([owner.personId, lin.personId])
    await createAuditView(admin, { name: 'Adam Admin', isShared: true, search: { ...search, q: 'action:file' } })
    expect(await namedBy(() => listAuditViews(officer, {}))).toContain(admin.personId)
    const hold = { name: 'Case-9', kind: 'search' as const, q: `actor:"${admin.name}"`, reason: REASON }
    await unmaskNames(owner, { reason: REASON })
    await placeHold(owner, hold)
    await hideNames(owner, {})
    expect(await namedBy(() => listHolds(officer, {}))).toContain(admin.personId)
  })

  it('stands there also when an event says the name without an id: an address, an audience, history', async () => {
    const said = async (draft: Omit<StatedDraft, 'action'>) => {
      const action = `badge.${draft.labels?.[0]}`
      const actor = { kind: 'system' as const, name: 'test' }
      await append({ actor, ...draft, action })
      const byPage = await namedBy(() => items(officer, `action:${action}`))
      const [event] = await items(owner, `action:${action}`)
      expect(await namedBy(() => getAuditEvent(officer, { eventId: event?.id ?? '' }))).toEqual(byPage)
      return byPage
    }
    expect(await said({ labels: ['a'], detail: { to: 'Lin.Wei@example.org' } })).toEqual([lin.personId])
    const audience = { before: ['Lin Wei', 'Adam Admin', '… 120 in all'], after: 'everyone' }
    expect(await said({ labels: ['b'], detail: { audience } })).toEqual([admin.personId, lin.personId])
    // Other systems call people by their addresses.
    const past = { kind: 'person' as const, name: admin.email }
    expect(await said({ labels: ['c'], actor: past })).toEqual([admin.personId])
    expect(await said({ labels: ['d'], target: { type: 'mailbox', id: '7', name: 'lin wei' } })).toEqual([lin.personId])
    // The organisation's own things are called what they are, for everybody.
    expect(await said({ labels: ['e'], target: { type: 'file', id: '7', name: 'Adam Admin' } })).toEqual([])
    // Words that only hold a name: nobody knows whose.
    expect(await said({ labels: ['f'], reason: 'Lin Wei', detail: { note: 'for Lin Wei', page: '3' } })).toEqual([])
  })

  it('knows from a request who asked for it, and not by a name that others have, too', async () => {
    const namesake = await makePerson(tenantId, { name: owner.name })
    const { request } = await openRetention()
    const detail = { requester: owner.name }
    await append({ action: 'badge.asked', correlationId: request.id, detail })
    expect(await namedBy(() => items(officer, 'action:badge.asked'))).toEqual([owner.personId])
    await append({ action: 'badge.said', detail })
    expect(await namedBy(() => items(officer, 'action:badge.said'))).toEqual([owner.personId, namesake.personId])
  })

  it('believes no app that an event of its own is about a request of ours', async () => {
    const said = { action: 'badge.claimed', source: 'app:Badges', correlationId: uuidv7() }
    await append({ ...said, detail: { requester: 'Adam Admin' } }, { ...said, detail: { requester: ['Lin Wei', '-'] } })
    expect((await namedBy(() => items(officer, 'action:badge.claimed'))).sort()).toEqual(
      [admin.personId, lin.personId].sort(),
    )
    await append({ action: 'badge.changed', detail: { requester: { before: 'Adam Admin', after: 'Lin Wei' } } })
    expect((await namedBy(() => items(officer, 'action:badge.changed'))).sort()).toEqual(
      [admin.personId, lin.personId].sort(),
    )
  })

  it('takes no id of another system for that of somebody here: what an app calls its target is a name', async () => {
    const target = { type: 'employee', id: '3f0c6a1e-9d2b-4c57-8a44-5b1e7d90c2aa', name: 'Lin Wei' }
    await append({ action: 'badge.printed', source: 'app:Badges', target })
    expect(await namedBy(() => items(officer, 'action:badge.printed'))).toEqual([lin.personId])
    await append({ action: 'badge.lost', source: 'app:Badges', detail: { holder: ' Lin Wei ' } })
    expect(await namedBy(() => items(officer, 'action:badge.lost'))).toEqual([lin.personId])
  })

  it('counts in facets whom history calls by a name', async () => {
    await append({ action: 'badge.leave', actor: { kind: 'person', name: 'Adam Admin' } })
    const ask = { q: 'action:badge.leave', fields: 'actor' }
    expect(await namedBy(() => auditFacets(officer, ask))).toEqual([admin.personId])
  })

  it('shows one person and nobody else', async () => {
    const personId = await codeOfLin()
    const { id } = await unmaskNames(officer, { reason: REASON, personId })
    const all = await items(officer, 'action:file OR action:person')
    const of = (action: string, source = 'server') =>
      all.find((event) => event.action === action && event.source === source)
    expect(of('file.view', 'device')).toMatchObject({
      actor: { id: lin.personId, name: 'Lin Wei' },
      device: phone,
      address: '10.2.3.4',
    })
    expect(JSON.stringify(all)).not.toContain('Adam')
    expect((await items(officer, `actor:${lin.personId}`)).length).toBe(1)
    expect((await items(officer, `actor:${admin.personId}`)).length).toBe(0)
    const log = await readLog(db, tenantId)
    const acts = log.filter(({ entry }) => entry.correlationId === id)
    expect(acts.map(({ entry, personal }) => [entry.target?.id, personal.reason])).toEqual([[lin.personId, REASON]])
    await expect(unmaskNames(officer, { reason: REASON, personId: 'K7Q2-M9XD' })).rejects.toMatchObject({
      code: 'not_found',
    })
    await hideNames(officer, {})
  })

  it('holds for keys, too', async () => {
    const key = makeApiKeyActor(tenantId, ['audit:read', 'audit:unmask', 'people:read'])
    expectNoSecret(await items(key, ''))
    await unmaskNames(key, { reason: REASON })
    expect((await items(key, 'actor:"Lin Wei"')).length).toBe(1)
  })

  it('holds nothing of somebody whose name is hidden', async () => {
    const hold = { name: 'Case-8', kind: 'search' as const, q: 'actor:"Lin Wei"', reason: REASON }
    await expect(placeHold(officer, hold)).rejects.toMatchObject({ code: 'forbidden' })
  })

  it('keeps entries from people until then', async () => {
    const path = 'tile/entries/000.p/1'
    await expect(getLogFile(officer, { path })).rejects.toMatchObject({ code: 'forbidden' })
    await unmaskNames(officer, { reason: REASON })
    expect((await getLogFile(officer, { path })).body.length).toBeGreaterThan(0)
    await hideNames(officer, {})
  })

  it('is taken back by a person with a fresh factor only', async () => {
    await expect(waiveReasonForNames(owner, {})).rejects.toMatchObject({ code: 'step_up_required' })
    await expect(waiveReasonForNames(makeApiKeyActor(tenantId, ['admin']), {})).rejects.toMatchObject({
      code: 'person_required',
    })
    await waiveReason()
    await expect(waiveReason()).rejects.toMatchObject({ code: 'conflict' })
    expect((await items(officer, 'actor:"Lin Wei"')).length).toBe(1)
    const [last] = (await readLog(db, tenantId))
      .filter(({ entry }) => entry.action === 'tenant.update' && entry.outcome === 'allowed')
      .slice(-1)
    expect(last?.personal.detail).toEqual({ 'privacy.askReason': { before: 'true', after: 'false' } })
  })
})

describe('what is written down', () => {
  it('opening a proof file, and reading entries', async () => {
    const [viewed] = await items(officer, 'action:file.view')
    await getLogFile(officer, { path: 'tile/entries/000.p/1' })
    await getLogFile(officer, { path: 'tile/entries/000.p/2' })
    await getTlogProof(officer, { eventId: viewed?.id ?? '' }).catch(() => {})
    const asked = (await readLog(db, tenantId)).filter(
      ({ entry }) => entry.action === 'audit.search' && entry.actor.id === officer.personId,
    )
    const queries = asked.map(({ personal }) => personal.detail?.query)
    expect(queries).toContain(viewed?.id)
    expect(queries.filter((q) => q === '').length).toBeGreaterThanOrEqual(1)
  })
})
