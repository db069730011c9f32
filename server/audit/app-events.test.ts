import { createHash } from 'node:crypto'
import { describe, expect, it, vi } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makeApiKeyActor, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { recordAppEvents } from './commands.ts'
import { searchAudit } from './queries.ts'

const database = useDatabase()

async function setting() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, {
    role: 'owner',
    founder: true,
    name: 'Rosa Lind',
    email: 'rosa@example.org',
  })
  return { tenantId, owner, app: makeApiKeyActor(tenantId, ['audit:write']) }
}

const at = '2026-01-31T09:14:03.120Z'
const view = (id: string, more: object = {}) => JSON.stringify({ id, at, action: 'file.view', ...more })

const lastOf = async (tenantId: string, count: number) => (await readLog(database, tenantId)).slice(-count)

describe('events of the organisation’s own apps', () => {
  it('are entries that name the app, the person, the device and the file', async () => {
    const { tenantId, owner, app } = await setting()
    const device = await enrollTestDevice(owner)
    const deviceId = device.answer.deviceId
    const target = { type: 'file', id: 'deck-7', name: 'Board deck' }
    const more = { person: { email: 'Rosa@Example.org' }, device: { id: deviceId }, target, labels: ['board'] }
    const answer = await recordAppEvents(app, [view('1', { ...more, address: '10.2.0.7', detail: { page: 3 } })])
    expect(answer).toEqual({ accepted: 1, duplicates: 0, rejected: [] })
    const [found] = await lastOf(tenantId, 1)
    expect(found?.entry).toMatchObject({
      action: 'file.view',
      outcome: 'allowed',
      occurredAt: at,
      source: expect.stringMatching(/^app:./),
      actor: { kind: 'person', id: owner.personId },
      device: { id: deviceId },
      target: { type: 'file', id: 'deck-7' },
      labels: ['board'],
    })
    expect(found?.personal).toMatchObject({ actorName: 'Rosa Lind', targetName: 'Board deck', senderId: '1' })
  })

  it('sent again are duplicates, in the same request, a later one, and two at once', async () => {
    const { tenantId, app } = await setting()
    expect(await recordAppEvents(app, [view('a'), view('a'), view('b')])).toMatchObject({ accepted: 2, duplicates: 1 })
    expect(await recordAppEvents(app, [view('b'), view('c')])).toMatchObject({ accepted: 1, duplicates: 1 })
    const lines = Array.from({ length: 50 }, (_, n) => view(`x${n}`))
    const answers = await Promise.all([lines, [...lines].reverse(), lines].map((some) => recordAppEvents(app, some)))
    expect(answers.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(50)
    const views = (await readLog(database, tenantId)).filter(({ entry }) => entry.action === 'file.view')
    expect(views).toHaveLength(53)
  })

  it('from many senders at once are taken in few transactions, each event once, whatever they share', async () => {
    const { tenantId, app } = await setting()
    const ids = Array.from({ length: 60 }, (_, n) => `s${n}`)
    // Each request shares its ids with others, in groups of another order: whoever gives way is tried again.
    const requests = ids.map((_, n) => [7, 3, 1].map((step) => view(ids[(n * step + step) % ids.length] ?? '')))
    const answers = await Promise.all(requests.map((lines) => recordAppEvents(app, lines)))
    const [accepted, duplicates] = (['accepted', 'duplicates'] as const).map((name) =>
      answers.reduce((sum, answer) => sum + answer[name], 0),
    )
    const senders = (await readLog(database, tenantId)).flatMap(({ personal }) => personal.senderId ?? [])
    expect(new Set(senders).size).toBe(senders.length)
    expect([accepted, duplicates]).toEqual([senders.length, 180 - senders.length])
    const { rows } = await database.superuser.query(
      `SELECT count(*)::integer AS count FROM command WHERE tenant_id = $1 AND name = 'app.events'`,
      [tenantId],
    )
    expect(rows[0].count).toBeLessThan(20)
  })

  it('in two groups that wait for each other are all taken: the one that gives way is tried again', async () => {
    const { tenantId, app } = await setting()
    const rival = await database.superuser.connect()
    try {
      const hashOf = (id: string) => createHash('sha256').update(id).digest().subarray(0, 16)
      const [low = '', high = ''] = ['a', 'b'].sort((a, b) => Buffer.compare(hashOf(a), hashOf(b)))
      const claim = (id: string) =>
        rival.query('INSERT INTO app_event (tenant_id, app, id_hash) VALUES ($1, $2, $3)', [
          tenantId,
          app.name,
          hashOf(id),
        ])
      // The rival holds the later id and then asks for the earlier one, as a group of two requests can.
      await rival.query(`BEGIN; SET LOCAL deadlock_timeout = '30s'; SET LOCAL session_replication_role = replica`)
      await claim(high)
      const taken = recordAppEvents(app, [view(low), view(high)])
      await vi.waitFor(async () => {
        const { rows } = await database.superuser.query(
          `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
        )
        expect(rows).toHaveLength(1)
      })
      const waiting = claim(low)
      await waiting
      await rival.query('ROLLBACK')
      expect(await taken).toEqual({ accepted: 2, duplicates: 0, rejected: [] })
    } finally {
      rival.release()
    }
  })

  it('may have any number of nouns of their own', async () => {
    const { app } = await setting()
    const lines = Array.from({ length: 600 }, (_, n) => view(`n${n}`, { action: `noun_of_our_own_number_${n}.happen` }))
    expect(await recordAppEvents(app, lines)).toMatchObject({ accepted: 600 })
  })

  it('of another app with the same id are its own', async () => {
    const { tenantId, app } = await setting()
    await recordAppEvents(app, [view('a')])
    const other = { ...makeApiKeyActor(tenantId, ['audit:write']), name: 'Another app' }
    expect(await recordAppEvents(other, [view('a')])).toMatchObject({ accepted: 1 })
    const [found] = await lastOf(tenantId, 1)
    expect(found?.entry.source).toBe('app:Another app')
  })

  it('claim no capture prevented that no named mechanism of the platform can have prevented', async () => {
    const { tenantId, app } = await setting()
    const attempt = (id: string, platform: object, enforcement = 'prevented') =>
      JSON.stringify({ id, at, action: 'screenshot.attempt', outcome: 'denied', enforcement, platform })
    await recordAppEvents(app, [
      attempt('1', { name: 'android', osVersion: '15', mechanism: 'android.FLAG_SECURE' }),
      attempt('2', { name: 'android', osVersion: '15' }),
      attempt('3', { name: 'ios', osVersion: '19', mechanism: 'android.FLAG_SECURE' }),
      attempt('4', { name: 'browser' }, 'obscured'),
    ])
    const claims = (await lastOf(tenantId, 4)).map(({ entry }) => [entry.outcome, entry.enforcement])
    expect(claims).toEqual([
      ['denied', 'prevented'],
      ['allowed', 'detected'],
      ['allowed', 'detected'],
      ['allowed', 'obscured'],
    ])
  })

  it('of people and devices that are not here are kept, and say so', async () => {
    const { tenantId, app } = await setting()
    const elsewhere = await setting()
    const stranger = { person: { id: elsewhere.owner.personId }, device: { id: uuidv7() } }
    expect(await recordAppEvents(app, [view('1', stranger)])).toMatchObject({ accepted: 1 })
    const [found] = await lastOf(tenantId, 1)
    expect(found?.entry.actor.kind).toBe('api_key')
    expect(found?.entry.device).toBeUndefined()
    expect(found?.personal.detail).toMatchObject({ person: elsewhere.owner.personId, device: stranger.device.id })
  })

  it('with names of the app’s own are kept, and found', async () => {
    const { owner, app } = await setting()
    await recordAppEvents(app, [view('1', { action: 'meeting.record', reason: 'weekly call' })])
    expect((await searchAudit(owner, { q: 'action:meeting.record weekly' })).items).toHaveLength(1)
  })

  it('a bad line is named and stops nobody', async () => {
    const { tenantId, app } = await setting()
    const bad: [string, string, string][] = [
      ['no json', 'not_json', 'JSON'],
      ['[]', 'invalid', 'line'],
      [view('', {}), 'invalid', 'id'],
      [view('1', { at: 'yesterday' }), 'invalid', 'at'],
      [view('1', { action: 'device.wipe.queue' }), 'action_not_allowed', 'action'],
      [view('1', { action: 'device.pwned' }), 'action_not_allowed', 'action'],
      [view('1', { outcome: 'done' }), 'invalid', 'outcome'],
      [view('1', { person: { email: 'a\u0000b' } }), 'invalid', 'person'],
      [view('1', { device: { id: 'x' } }), 'invalid', 'device.id'],
      [view('1', { address: '10.0.0.999' }), 'invalid', 'address'],
      [view('1', { surprise: true }), 'invalid', 'surprise'],
      [view('1', { reason: 'lone \ud800' }), 'invalid', 'reason'],
      [view('1', { detail: { text: 'x'.repeat(4_001) } }), 'invalid', 'detail.text'],
      [
        view('1', { detail: Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`k${n}`, 'x'.repeat(4_000)])) }),
        'line_too_large',
        'line',
      ],
    ]
    const answer = await recordAppEvents(app, [...bad.map(([text]) => text), view('good')])
    expect(answer.accepted).toBe(1)
    expect(answer.rejected.map(({ line, code }) => [line, code])).toEqual(bad.map(([, code], n) => [n + 1, code]))
    for (const [n, { detail }] of answer.rejected.entries()) expect(detail).toContain(bad[n]?.[2])
    expect(await lastOf(tenantId, 1)).toMatchObject([{ personal: { senderId: 'good' } }])
  })

  it('from a clock that runs ahead are marked', async () => {
    const { tenantId, app } = await setting()
    await recordAppEvents(app, [JSON.stringify({ id: '1', at: '2199-01-01T00:00:00Z', action: 'file.view' })])
    expect((await lastOf(tenantId, 1))[0]?.entry).toMatchObject({ clock: 'suspect' })
  })

  it('need audit:write, and a key', async () => {
    const { tenantId, owner } = await setting()
    const reader = makeApiKeyActor(tenantId, ['audit:read'])
    await expect(recordAppEvents(reader, [view('1')])).rejects.toMatchObject({ code: 'forbidden' })
    await expect(recordAppEvents(owner, [view('1')])).rejects.toMatchObject({ code: 'forbidden' })
  })
})
