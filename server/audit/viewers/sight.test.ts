import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { buildEntry } from '#protocol/audit/entry.ts'
import { drafts } from '#protocol/audit/testing-arbitraries.ts'
import { forwardFile, publishFile } from '#server/content/commands.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { appendEntries, type StatedDraft } from '#server/kernel/ledger.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { RowBlock } from '../row-block.ts'
import { toCandidate } from '../scan.ts'
import { eachSight, evidenceOf, questions, type Reach } from './evidence.ts'
import { readFamily } from './lineage.ts'
import { VIEWING_ACTIONS } from './question.ts'
import { SightReader, sightOf } from './sight.ts'
import { count, emptyTally, type Tally } from './tally.ts'

describe('what an event tells of a file', () => {
  it('is the same out of its bytes as out of what they mean', () => {
    const recordedAt = new Date('2026-03-29T00:59:59.999Z')
    let read = 0
    fc.assert(
      fc.property(fc.array(fc.tuple(drafts, fc.nat(5)), { minLength: 1, maxLength: 8 }), (made) => {
        const rows = made.map(([draft, spelling], index) => {
          const { text, entry, personalText } = buildEntry(draft)
          const personal = spelling === 0 ? null : personalText
          return toCandidate({ index, recordedAt, text: spelling === 1 ? JSON.stringify(entry) : text, personal })
        })
        const block = RowBlock.of(rows)
        // Whatever cannot be found in the bytes is asked of the block.
        const row = (n: number) => {
          read++
          return block.row(n)
        }
        const counted = Object.assign(Object.create(block), { row }) as RowBlock
        const reader = new SightReader()
        for (const [n, one] of rows.entries()) expect(reader.read(counted, n)).toEqual(sightOf(one))
      }),
      { numRuns: 200 },
    )
    expect(read).toBeGreaterThan(0)
  })

  it('is found in the bytes, as the ledger writes it', () => {
    const { text, personalText } = buildEntry({
      recordedAt: new Date(),
      occurredAt: new Date(),
      action: 'file.forward',
      outcome: 'allowed',
      actor: { kind: 'person', id: uuidv7() },
      device: { id: uuidv7() },
      target: { type: 'file', id: uuidv7() },
      source: 'device',
      personal: { actorName: '王小明', deviceName: 'HT-1', targetName: 'Plan', detail: { outside: 'true' } },
    })
    const row = toCandidate({ index: 1, recordedAt: new Date(), text, personal: personalText })
    const { count: rows, bytes, indexes, recordedAt, marks } = RowBlock.of([row])
    const block = RowBlock.ofSent({ count: rows, bytes, indexes, recordedAt, marks })
    block.row = () => expect.unreachable()
    expect(new SightReader().read(block, 0)).toEqual(sightOf(row))
  })
})

describe('the quick way through the events of a file', () => {
  const database = useDatabase()

  function told({ rows, ...tally }: Tally) {
    return { ...tally, rows: new Map([...rows].map(([key, row]) => [key, { ...row, devices: [...row.devices] }])) }
  }

  it('counts what reading each of them counts, over copies, strangers and texts that only name it', async () => {
    expect(database).toBeTruthy()
    const tenantId = await makeTenant()
    const owner = await makePerson(tenantId, { role: 'owner', founder: true })
    const { id: root } = await publishFile(owner, {
      name: 'Plan.txt',
      audience: [owner.personId],
      content: new TextEncoder().encode('x'),
    })
    const { actor: device } = await enrollTestDevice(owner)
    const friend = await makePerson(tenantId, { role: 'member' })
    const copy = (await forwardFile(device, { fileId: root, to: friend.email })).fileId ?? ''
    const files = [root, copy, uuidv7()]
    const people = [uuidv7(), uuidv7()]
    const atMs = now().getTime()
    const one = fc.record({
      action: fc.constantFrom(...VIEWING_ACTIONS, 'file.update', 'message.view'),
      outcome: fc.constantFrom('allowed', 'denied'),
      source: fc.constantFrom('server', 'device', 'app:mail', 'import:old'),
      actor: fc.constantFrom(
        { kind: 'person', id: people[0], name: 'Ana' },
        { kind: 'person', name: 'Ben@b.org' },
        { kind: 'device', id: device.deviceId },
        { kind: 'api_key', id: people[1] },
      ),
      device: fc.constantFrom({ id: device.deviceId }, { id: device.deviceId, name: 'Lap\\top' }, undefined),
      target: fc.constantFrom(...files.map((id) => ({ type: 'file', id, name: 'Plan' })), undefined),
      correlationId: fc.constantFrom(root, uuidv7(), undefined),
      enforcement: fc.constantFrom('prevented', 'detected', undefined),
      clock: fc.constantFrom('suspect', undefined),
      occurredAt: fc.nat(10 * 3_600_000).map((ago) => new Date(atMs - ago)),
      detail: fc.constantFrom(
        { session: 'a' },
        { session: 'b', outside: 'true' },
        { person: 'Cy', file: root },
        undefined,
      ),
    })
    const drafts = fc.sample(one, { numRuns: 300, seed: 4 }) as StatedDraft[]
    await pgTransaction('writer', tenantId, async (_client, sql) => {
      await sql(
        `INSERT INTO command (tenant_id, id, name, actor_kind, actor_id) VALUES ($1::uuid, $2::uuid, 'test', 'system', 'test')
         RETURNING set_config('app.command_id', id::text, true)`,
        [tenantId, uuidv7()],
      )
      const actor = systemActor(tenantId, 'test')
      await appendEntries(
        sql,
        tenantId,
        drafts.map((draft) => ({ actor, draft })),
      )
    })
    const family = await pgTransaction('reader', tenantId, (_client, sql) => readFamily(sql, tenantId, copy))
    expect(family.files).toHaveLength(2)
    // Whatever the index finds, a place that two terms share, too: each question knows its own events.
    for (const { source, target, correlationId } of drafts) {
      const told = { source: source ?? 'server', targetId: target?.id, correlationId }
      const isOfCopy = target?.id === copy && (correlationId === root || /^(app|import):/.test(told.source))
      const counting = [...questions(family)].filter(({ isCounted }) => isCounted(told))
      expect(counting).toHaveLength(target?.id === root || isOfCopy ? 1 : 0)
    }
    const middle = new Date(atMs - 5 * 3_600_000).toISOString()
    const alone = { ...family, files: family.files.slice(0, 1) }
    for (const of of [family, alone])
      for (const reach of [{}, { from: middle }, { to: middle }] as Pick<Reach, 'from' | 'to'>[])
        for (const asOf of [150, 10_000]) {
          const [slow, quick] = [emptyTally(), emptyTally()]
          for await (const items of evidenceOf(tenantId, of, { ...reach, asOf }))
            for (const item of items) count(slow, sightOf(toCandidate(item)), () => undefined)
          for await (const sights of eachSight(tenantId, of, { ...reach, asOf }))
            for (const sight of sights) count(quick, sight, () => undefined)
          expect(slow.events).toBeGreaterThan(asOf === 150 ? 5 : 20)
          expect(told(quick)).toEqual(told(slow))
        }
  })
})
