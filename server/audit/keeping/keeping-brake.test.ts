import { afterEach, describe, expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { decisions } from '#server/approvals/commands.ts'
import { listRequests } from '#server/approvals/queries.ts'
import { type PersonActor, systemActor } from '#server/kernel/actor.ts'
import { releaseDelayedRequest } from '#server/kernel/brake-decisions.ts'
import { testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { readTransaction, systemTransaction } from '#server/kernel/db.ts'
import { getTenant } from '#server/tenants/queries.ts'
import { tamper } from '#test/attacks.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makeApiKeyActor, makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { signHead } from '../checkpoints.ts'
import { search } from '../search.ts'
import { applyErasures } from './erased-again.ts'
import { erasePerson, runErasure } from './erasure.ts'
import { placeHold, releaseHold } from './hold-commands.ts'
import { getRetention, listHolds, previewPersonErasure } from './queries.ts'
import { lengthenRetention, shortenRetention } from './retention.ts'
import { KEEP_EVERYTHING } from './schema.ts'

const db = useDatabase()
const UNDO_MS = 31_000

afterEach(() => testingOnlyResetClock())

type Irreversible = typeof shortenRetention | typeof releaseHold | typeof erasePerson

async function setUp() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true, name: 'Mei' })
  const second = await makePerson(tenantId, { role: 'owner', name: 'Kim' })
  const actions = async () => (await readLog(db, tenantId)).map(({ entry }) => `${entry.action} ${entry.outcome}`)
  return { tenantId, owner, second, actions }
}

/** Asks as a person with a fresh factor for this very request. */
async function ask<I>(
  command: ((actor: PersonActor, input: I, options: object) => Promise<{ requestId: string; state: string }>) &
    Pick<Irreversible, 'requestHash'>,
  actor: PersonActor,
  input: I,
) {
  return command(actor, input, { stepUpGrantId: await makeGrant(actor, command.requestHash(input)) })
}

async function carryOut(tenantId: string, requestId: string) {
  testingOnlyAdvanceClock(UNDO_MS)
  return releaseDelayedRequest(tenantId, requestId)
}

const rules = (activity: number | null) => ({ ...KEEP_EVERYTHING, activity })

describe('retention', () => {
  it('shortened is asked for, waits, and only then holds; lengthened it holds at once', async () => {
    const { tenantId, owner, actions } = await setUp()
    const input = { rules: rules(90), reason: 'we may not keep more' }
    await expect(shortenRetention(owner, input)).rejects.toMatchObject({ code: 'step_up_required' })
    const { requestId, state } = await ask(shortenRetention, owner, input)
    expect(state).toBe('delayed')
    expect(await getRetention(owner, {})).toMatchObject({
      rules: rules(null),
      request: { id: requestId, rules: rules(90), requestedBy: 'Mei' },
    })
    expect(await carryOut(tenantId, requestId)).toBe('carried out')
    expect(await getRetention(owner, {})).toEqual({ rules: rules(90), request: null })
    await lengthenRetention(owner, { rules: rules(120), reason: 'a longer limitation' })
    expect((await getRetention(owner, {})).rules).toEqual(rules(120))
    expect((await actions()).filter((action) => action.startsWith('audit.retention'))).toEqual([
      'audit.retention.shorten.request pending',
      'audit.retention.shorten allowed',
      'audit.retention allowed',
    ])
    const last = (await readLog(db, tenantId)).at(-1)
    expect(last?.personal.detail).toEqual({ activity: { before: '90 days', after: '120 days' } })
    const { name } = await getTenant(owner, {})
    const said = (await readLog(db, tenantId)).filter(({ entry }) => entry.action.startsWith('audit.retention'))
    expect(said.map(({ entry, personal }) => [entry.target?.id, personal.targetName])).toEqual(
      Array.from({ length: 3 }, () => [tenantId, name]),
    )
  })

  it('is refused: under 30 days, the same, shorter where longer is meant and the other way, without the permission', async () => {
    const { tenantId, owner } = await setUp()
    const change = (days: number | null) => ({ rules: rules(days), reason: 'why not' })
    await expect(shortenRetention(owner, change(29))).rejects.toMatchObject({
      code: 'invalid',
      fields: { 'rules.activity': expect.any(String) },
    })
    await expect(lengthenRetention(owner, change(90))).rejects.toMatchObject({
      code: 'conflict',
      extra: { reason: 'shorter' },
    })
    await expect(lengthenRetention(owner, change(null))).rejects.toMatchObject({
      code: 'conflict',
      extra: { reason: 'same' },
    })
    const officer = await makePerson(tenantId, { role: 'compliance' })
    await expect(shortenRetention(officer, change(90))).rejects.toMatchObject({ code: 'forbidden' })
    await expect(lengthenRetention(officer, change(90))).rejects.toMatchObject({ code: 'forbidden' })
  })

  it('asked by a key or by an owner who may not act alone waits for another person', async () => {
    const { tenantId, owner, second } = await setUp()
    const key = makeApiKeyActor(tenantId, ['admin'], second.personId)
    const { requestId, state } = await shortenRetention(key, { rules: rules(90), reason: 'from a script' })
    expect(state).toBe('awaiting_approval')
    expect((await listRequests(owner, {})).items).toMatchObject([
      { command: 'audit.retention.shorten', state: 'awaiting_approval' },
    ])
    const decide = async (actor: PersonActor) => {
      const { approve } = decisions['audit.retention.shorten']
      return approve(
        actor,
        { requestId },
        { stepUpGrantId: await makeGrant(actor, approve.requestHash({ requestId })) },
      )
    }
    await expect(decide(second)).rejects.toMatchObject({ code: 'other_person_required' })
    expect(await decide(owner)).toMatchObject({ state: 'delayed' })
    expect(await carryOut(tenantId, requestId)).toBe('carried out')
    expect((await getRetention(owner, {})).rules).toEqual(rules(90))
  })

  it('changed otherwise meanwhile, the request lapses', async () => {
    const { tenantId, owner } = await setUp()
    await carryOut(
      tenantId,
      (await ask(shortenRetention, owner, { rules: rules(400), reason: 'we may not' })).requestId,
    )
    const { requestId } = await ask(shortenRetention, owner, { rules: rules(90), reason: 'we may not' })
    await lengthenRetention(owner, { rules: rules(500), reason: 'we must' })
    expect(await carryOut(tenantId, requestId)).toBe('closed')
    expect((await getRetention(owner, {})).rules).toEqual(rules(500))
  })
})

describe('releasing a hold', () => {
  it('waits; until it is carried out the hold holds', async () => {
    const { tenantId, owner, actions } = await setUp()
    const officer = await makePerson(tenantId, { role: 'compliance', name: 'Li' })
    const { id: holdId } = await placeHold(officer, {
      kind: 'person',
      name: 'Case-7',
      reason: 'court',
      targetId: owner.personId,
    })
    const input = { holdId, reason: 'the case is closed' }
    await expect(releaseHold(officer, input)).rejects.toMatchObject({ code: 'forbidden' })
    const { requestId } = await ask(releaseHold, owner, input)
    expect(await listHolds(officer, {})).toMatchObject([
      { released: null, releaseRequest: { id: requestId, state: 'delayed' } },
    ])
    expect((await listRequests(owner, {})).items).toMatchObject([{ target: { name: 'Case-7' } }])
    expect(await carryOut(tenantId, requestId)).toBe('carried out')
    expect(await listHolds(officer, {})).toMatchObject([
      { placedBy: 'Li', released: { by: 'Mei', reason: 'the case is closed' }, releaseRequest: null },
    ])
    await expect(ask(releaseHold, owner, input)).rejects.toMatchObject({
      code: 'conflict',
      extra: { reason: 'released' },
    })
    expect(await actions()).toEqual(
      expect.arrayContaining([
        'audit.hold allowed',
        'audit.hold.release.request pending',
        'audit.hold.release allowed',
      ]),
    )
  })

  it('taken back leaves it as it was', async () => {
    const { tenantId, owner } = await setUp()
    const { id: holdId } = await placeHold(owner, {
      kind: 'search',
      name: 'Case-7',
      reason: 'court',
      q: '',
      from: undefined,
      to: undefined,
    })
    const { requestId } = await ask(releaseHold, owner, { holdId, reason: 'too early' })
    await decisions['audit.hold.release'].cancel(owner, { requestId })
    expect(await carryOut(tenantId, requestId)).toBe('closed')
    expect(await listHolds(owner, {})).toMatchObject([{ released: null, releaseRequest: null }])
  })
})

describe('erasing a person’s values', () => {
  const looks = async (tenantId: string, by: PersonActor, words: string) =>
    runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'test.record' }, async () => ({
      result: null,
      audit: {
        action: 'file.view',
        actor: { kind: 'person', id: by.personId, name: by.name },
        target: { type: 'file', id: by.personId },
        words,
      },
    }))

  async function erase(tenantId: string, owner: PersonActor, personId: string) {
    const { requestId } = await ask(erasePerson, owner, { personId, reason: 'they asked for it' })
    expect(await carryOut(tenantId, requestId)).toBe('carried out')
    return requestId
  }

  it('takes them out of the log and of the search, keeps what is held, and every proof', async () => {
    const { tenantId, owner, second } = await setUp()
    const lena = await makePerson(tenantId, { name: 'Lena' })
    await looks(tenantId, lena, 'green')
    await looks(tenantId, lena, 'merger')
    await looks(tenantId, second, 'green')
    await placeHold(owner, {
      kind: 'search',
      name: 'Case-7',
      reason: 'court',
      q: 'merger',
      from: undefined,
      to: undefined,
    })
    expect(await previewPersonErasure(owner, { personId: lena.personId })).toEqual({
      events: 2,
      kept: 1,
      holds: ['Case-7'],
      partial: false,
    })
    const erasureId = await erase(tenantId, owner, lena.personId)
    await runErasure({ tenantId, erasureId })
    await runErasure({ tenantId, erasureId })
    const found = async (q: string) =>
      readTransaction(tenantId, async ({ sql }) => {
        const { items, total } = await search(sql, tenantId, {
          q,
          order: 'newest',
          limit: 50,
          from: undefined,
          to: undefined,
        })
        expect(total.value).toBe(items.length)
        return items.length
      })
    expect(await found('action:file.view')).toBe(3)
    expect(await found('action:file.view green')).toBe(1)
    expect(await found('action:file.view lena')).toBe(1)
    expect(await found(`action:file.view actor:${lena.personId}`)).toBe(2)
    const { rows } = await db.superuser.query(
      'SELECT entry FROM audit_entry WHERE tenant_id = $1 AND personal IS NULL',
      [tenantId],
    )
    expect(rows.length).toBe(2)
    const log = (
      await db.superuser.query('SELECT personal FROM audit_entry WHERE tenant_id = $1 ORDER BY index', [tenantId])
    ).rows
    expect(JSON.parse(log.at(-1).personal).detail).toEqual({ erased: '2', kept: '1' })
    await signHead(tenantId)
  })

  it('what an older backup brings back is erased again, before anybody is answered and also in a frozen log', async () => {
    const { tenantId, owner, second } = await setUp()
    const lena = await makePerson(tenantId, { name: 'Lena' })
    await looks(tenantId, lena, 'green')
    await looks(tenantId, second, 'green')
    const personals = async () =>
      (
        await db.superuser.query<{ index: string; personal: string | null }>(
          'SELECT index::text, personal FROM audit_entry WHERE tenant_id = $1 ORDER BY index',
          [tenantId],
        )
      ).rows
    const erasedOf = async () =>
      (await personals()).filter(({ personal }) => personal === null).map(({ index }) => index)
    const before = await personals()
    const erasureId = await erase(tenantId, owner, lena.personId)
    await runErasure({ tenantId, erasureId })
    const gone = await erasedOf()
    expect(gone).toHaveLength(2)
    expect(await applyErasures()).toBe(0)

    // The backup: the values are there, the erasure never was; and the log is one that published more.
    await tamper(
      db,
      tenantId,
      [
        'UPDATE audit_entry e SET personal = b.personal FROM unnest($2::bigint[], $3::text[]) AS b(index, personal) WHERE e.tenant_id = $1 AND e.index = b.index',
        before.map(({ index }) => index),
        before.map(({ personal }) => personal),
      ],
      'DELETE FROM audit_erasure WHERE tenant_id = $1',
    )
    // What she does from now on is nobody's to erase.
    testingOnlyAdvanceClock(86_400_000)
    await looks(tenantId, lena, 'later')
    await tamper(db, tenantId, "UPDATE audit_head SET frozen = 'behind' WHERE tenant_id = $1")
    await expect(looks(tenantId, lena, 'frozen')).rejects.toMatchObject({ code: 'log_frozen' })
    expect(await erasedOf()).toEqual([])
    expect(await applyErasures()).toBe(1)
    expect(await erasedOf()).toEqual(gone)
    const last = (await readLog(db, tenantId)).slice(-2)
    expect(last).toMatchObject([
      { entry: { action: 'audit.erase', outcome: 'pending', actor: { kind: 'system' }, correlationId: erasureId } },
      {
        entry: { action: 'audit.erase', outcome: 'allowed', target: { type: 'person', id: lena.personId } },
        personal: { actorName: 'restore', detail: { erased: '2', kept: '0' } },
      },
    ])
    expect(await applyErasures()).toBe(0)
  })

  it('the database looks itself whether they are theirs: the person’s, or of one of their devices', async () => {
    const { tenantId, owner, second } = await setUp()
    const lena = await makePerson(tenantId, { name: 'Lena' })
    const device = (await enrollTestDevice(lena)).answer.deviceId
    const before = (await readLog(db, tenantId)).length
    await looks(tenantId, lena, 'green')
    await looks(tenantId, second, 'green')
    await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'test.record' }, async () => ({
      result: null,
      audit: [
        { action: 'file.view', device: { id: device, name: 'Phone' } },
        { action: 'device.block', target: { type: 'device', id: device, name: 'Phone' } },
        { action: 'policy.publish', target: { type: 'policy', id: uuidv7(), name: 'All' } },
      ],
    }))
    const erasureId = await erase(tenantId, owner, lena.personId)
    const [hers, others, byDevice, ofDevice, noPerson] = (await readLog(db, tenantId))
      .map(({ index }) => index)
      .filter((index) => index >= before)
    const call = (index: number | undefined) =>
      systemTransaction(
        (sql) =>
          sql('SELECT audit_erase($1::uuid, 0, $2::text::int8multirange)::text AS gone', [
            erasureId,
            `{[${index},${index}]}`,
          ]),
        { tenantId },
      )
    for (const index of [others, noPerson]) await expect(call(index)).rejects.toMatchObject({ code: 'GH011' })
    for (const index of [hers, byDevice, ofDevice]) expect(await call(index)).toEqual([{ gone: '1' }])
    expect(await call(hers)).toEqual([{ gone: '0' }])
  })

  it('asked for nobody is not found, and one at a time', async () => {
    const { tenantId, owner } = await setUp()
    const lena = await makePerson(tenantId, { name: 'Lena' })
    await expect(ask(erasePerson, owner, { personId: tenantId, reason: 'who' })).rejects.toMatchObject({
      code: 'not_found',
    })
    await erase(tenantId, owner, lena.personId)
    await expect(ask(erasePerson, owner, { personId: lena.personId, reason: 'again' })).rejects.toMatchObject({
      extra: { reason: 'running' },
    })
  })
})
