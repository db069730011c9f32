import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { BLOCK } from '#lib/postings/bits.ts'
import { formatTime } from '#lib/time.ts'
import { uuidv7 } from '#lib/uuid.ts'
import type { QueryNode } from '#protocol/audit/query.ts'
import { matchesQuery } from '#protocol/audit/query-match.ts'
import { parseQuery } from '#protocol/audit/query-parse.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { now, testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { pgTransaction, readTransaction, type Sql } from '#server/kernel/db.ts'
import type { StatedDraft } from '#server/kernel/ledger.ts'
import { appendEntries } from '#server/kernel/ledger.ts'
import { type LoggedEntry, makeApiKeyActor, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { findPage } from './find-page.ts'
import { LogIndex } from './index/log-index.ts'
import { readShape } from './index/runs.ts'
import { planOf } from './plan.ts'
import { auditFacets, auditHistogram, getAuditEvent, searchAudit } from './queries.ts'
import { boundsOf, logBounds } from './scan.ts'
import type { AuditEventView } from './schema.ts'
import { inTime } from './statement-limit.ts'

const db = useDatabase()

const PEOPLE = ['Chen Yu', 'Ana Sousa', 'Lin Wei', '林 伟'].map((name) => ({ id: uuidv7(), name }))
const DEVICES = ['HT-WIN-0417', 'HT-IOS-2204', 'HT-WEB-0932'].map((name) => ({ id: uuidv7(), name }))
const FILES = ['Project Merger — board deck.pdf', 'Merger timeline.xlsx', '合并计划.docx'].map((name) => ({
  id: uuidv7(),
  name,
}))
const ADDRESSES = ['10.2.3.4', '10.2.9.1', '192.0.2.7', '2001:db8::1']
const ACTIONS = [
  'file.view',
  'file.download',
  'screenshot.attempt',
  'device.wipe.request',
  'device.wipe.cancel',
  'policy.publish',
]

const pick = <T>(list: readonly T[]) => fc.constantFrom(...list)

const draftArbitrary: fc.Arbitrary<StatedDraft> = fc.record(
  {
    action: pick(ACTIONS),
    outcome: pick(['allowed', 'denied', 'pending', 'failed'] as const),
    device: pick(DEVICES),
    target: pick(FILES).map((file) => ({ ...file, type: 'file' })),
    labels: fc.subarray(['confidential', 'finance', 'hr']),
    source: pick(['server', 'device', 'app:mail', 'import:old']),
    enforcement: pick(['prevented', 'detected', 'none'] as const),
    reason: pick(['lost in a taxi', 'stolen', 'left the company']),
    words: pick(['merger of equals', 'equals merger', 'board deck', 'quarterly numbers']),
    address: pick(ADDRESSES),
    actor: pick(PEOPLE).map((person) => ({ kind: 'person' as const, ...person })),
  },
  { requiredKeys: ['action', 'outcome', 'actor', 'labels'] },
)

const termArbitrary = fc.constantFrom(
  'action:file.view',
  'action:device.wipe.*',
  'action:device',
  'action:fi*',
  'outcome:denied',
  `actor:${PEOPLE[0]?.id}`,
  'actor:"Lin Wei"',
  'actor:chen',
  'actor:person',
  'device:HT-WIN-0417',
  'device:ht*',
  `device:${DEVICES[1]?.id}`,
  'target:merger',
  'target:"board deck"',
  'label:finance',
  'label:fin*',
  'ip:10.2.0.0/16',
  'ip:10.2.3.0/25',
  'ip:10.2.3.4',
  'ip:2001:db8::/32',
  'source:app',
  'source:app:mail',
  'enforcement:prevented',
  'reason:taxi',
  'reason:"the company"',
  'merger',
  '"merger of equals"',
  'mer*',
  '合并',
  '林*',
  'quarter*',
  'nothingofthekind',
  '-merger',
  '-action:file.view',
  '-outcome:allowed',
)

const queryArbitrary: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: termArbitrary },
  { weight: 1, arbitrary: fc.constant('') },
  { weight: 3, arbitrary: fc.tuple(termArbitrary, termArbitrary).map((terms) => terms.join(' ')) },
  { weight: 2, arbitrary: fc.tuple(termArbitrary, termArbitrary).map((terms) => terms.join(' OR ')) },
  {
    weight: 1,
    arbitrary: fc.tuple(termArbitrary, termArbitrary, termArbitrary).map(([a, b, c]) => `-(${a} OR ${b}) ${c}`),
  },
)

async function append(tenantId: string, drafts: readonly StatedDraft[]): Promise<void> {
  const actor = systemActor(tenantId, 'test')
  await pgTransaction('writer', tenantId, async (_client, sql) => {
    await sql(
      `INSERT INTO command (tenant_id, id, name, actor_kind, actor_id) VALUES ($1::uuid, $2::uuid, 'test', 'system', 'test')
       RETURNING set_config('app.command_id', id::text, true)`,
      [tenantId, uuidv7()],
    )
    await appendEntries(
      sql,
      tenantId,
      drafts.map((draft) => ({ actor, draft })),
    )
  })
}

/** An organisation whose log spans three months, with late events and clocks ahead. */
async function makeLog(count: number) {
  const tenantId = await makeTenant()
  const drafts = fc.sample(draftArbitrary, { numRuns: count, seed: 7 })
  for (let part = 0; part < 3; part++) {
    const slice = drafts.filter((_, place) => place % 3 === part)
    await append(
      tenantId,
      slice.map((draft, place) => ({
        ...draft,
        occurredAt: new Date(now().getTime() + ((place % 7) - 5) * 3_600_000),
      })),
    )
    testingOnlyAdvanceClock(20 * 86_400_000)
  }
  const reader = await makePerson(tenantId, { role: 'compliance' })
  return { tenantId, reader, log: await readLog(db, tenantId) }
}

async function everyPage(
  actor: Parameters<typeof searchAudit>[0],
  input: { q: string; order: 'newest' | 'oldest'; from?: string; to?: string; limit: number },
): Promise<AuditEventView[]> {
  const items: AuditEventView[] = []
  let cursor: string | undefined
  do {
    const page = await searchAudit(actor, cursor === undefined ? input : { ...input, cursor })
    items.push(...page.items)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  return items
}

/** The log itself grows by the entries of the searches: compared is what was there before. */
function bruteForce(
  log: readonly LoggedEntry[],
  query: QueryNode,
  { from, to }: { from?: string; to?: string },
): number[] {
  return log
    .filter(
      ({ entry }) => (from === undefined || entry.occurredAt >= from) && (to === undefined || entry.occurredAt < to),
    )
    .filter(({ entry, personal }) => matchesQuery(query, entry, personal))
    .map(({ index }) => index)
}

describe('searchAudit', () => {
  it('works: the union of all pages is what reading every entry finds, in the order of the log', async () => {
    const { reader, log } = await makeLog(400)
    // A range that ends when it begins is refused.
    const times = [...new Set(log.map(({ entry }) => entry.occurredAt))].sort()
    const two = { minLength: 2, maxLength: 2 }
    const rangeArbitrary = fc.option(fc.uniqueArray(fc.nat(times.length - 1), two), { nil: undefined })
    await fc.assert(
      fc.asyncProperty(
        queryArbitrary,
        fc.constantFrom('newest' as const, 'oldest' as const),
        rangeArbitrary,
        fc.constantFrom(7, 50, 200),
        async (q, order, range, limit) => {
          const [first, last] = range ? [Math.min(...range), Math.max(...range)] : []
          const bounds = range ? { from: times[first ?? 0] ?? '', to: times[last ?? 0] ?? '' } : {}
          const found = await everyPage(reader, { q, order, limit, ...bounds })
          const indexes = found.map(({ index }) => index).filter((index) => index < log.length)
          const expected = bruteForce(log, parseQuery(q), bounds)
          expect(indexes).toEqual(order === 'newest' ? expected.reverse() : expected)
        },
      ),
      { numRuns: 40 },
    )
  }, 120_000)

  it('works: total, histogram and facets agree with the entries', async () => {
    const { reader, log } = await makeLog(150)
    const to = formatTime(now().getTime() + 86_400_000)
    for (const q of ['action:file.view', '"merger of equals"', 'label:fin* -outcome:denied', 'ip:10.2.3.0/25']) {
      const expected = bruteForce(log, parseQuery(q), { to })
      const page = await searchAudit(reader, { q: `${q} -action:audit.search`, to, limit: 5 })
      expect(page.total).toEqual({ value: expected.length, capped: false })
      const histogram = await auditHistogram(reader, { q: `${q} -action:audit.search`, to, buckets: 60 })
      expect(histogram.partial).toBe(false)
      expect(histogram.buckets.length).toBeLessThanOrEqual(60)
      expect(histogram.buckets.reduce((sum, { count }) => sum + count, 0)).toBe(expected.length)
      const facets = await auditFacets(reader, { q: `${q} -action:audit.search`, to, fields: 'outcome' })
      expect(facets).toMatchObject({ counted: expected.length, complete: true })
      expect(facets.facets[0]?.values.reduce((sum, { count }) => sum + count, 0)).toBe(expected.length)
    }
  }, 60_000)

  it('refused: a member sees nothing, and that they asked is in the log', async () => {
    const tenantId = await makeTenant()
    const member = await makePerson(tenantId, { role: 'member' })
    await expect(searchAudit(member, { q: 'merger' })).rejects.toMatchObject({ code: 'forbidden' })
    expect((await readLog(db, tenantId)).at(-1)?.entry).toMatchObject({ action: 'audit.search', outcome: 'denied' })
    await expect(searchAudit(makeApiKeyActor(tenantId, ['devices:read']), { q: '' })).rejects.toMatchObject({
      code: 'forbidden',
    })
  })

  it('not found: nothing of another organisation, not by id either', async () => {
    const { log } = await makeLog(20)
    const other = await makePerson(await makeTenant(), { role: 'owner' })
    const page = await searchAudit(other, { q: 'action:file OR action:screenshot OR merger' })
    expect(page.items.filter(({ action }) => action !== 'audit.search')).toEqual([])
    const eventId = log[3]?.entry.id ?? ''
    await expect(getAuditEvent(other, { eventId })).rejects.toMatchObject({ code: 'not_found' })
    // A time that no calendar of ours has.
    const never = { eventId: 'ffffffff-ffff-7fff-bfff-ffffffffffff' }
    await expect(getAuditEvent(other, never)).rejects.toMatchObject({ code: 'not_found' })
  })

  it('invalid: the column and what was expected', async () => {
    const reader = await makePerson(await makeTenant(), { role: 'compliance' })
    await expect(searchAudit(reader, { q: 'action:file.view colour:red' })).rejects.toMatchObject({
      code: 'query_invalid',
      extra: { column: 18, found: 'colour:red', expected: expect.arrayContaining(['action:']) },
    })
    await expect(searchAudit(reader, { q: '', from: 'yesterday' })).rejects.toMatchObject({
      code: 'invalid',
      fields: { from: expect.any(String) },
    })
    await expect(searchAudit(reader, { q: '', cursor: 'made-up' })).rejects.toMatchObject({
      code: 'invalid',
      fields: { cursor: expect.any(String) },
    })
    const { nextCursor } = await searchAudit(reader, { q: '', limit: 1 })
    await expect(searchAudit(reader, { q: '', order: 'oldest', cursor: nextCursor ?? '' })).rejects.toMatchObject({
      code: 'invalid',
    })
  })

  it('audit entry exact: once for each actor, query and range in ten minutes, also of many at once', async () => {
    const tenantId = await makeTenant()
    const reader = await makePerson(tenantId, { role: 'compliance' })
    const searches = async () => (await readLog(db, tenantId)).filter(({ entry }) => entry.action === 'audit.search')
    await Promise.all([1, 2, 3, 4].map(() => searchAudit(reader, { q: ' action:FILE.view   merger' })))
    await auditHistogram(reader, { q: 'action:file.view merger' })
    const [only, ...more] = await searches()
    expect(more).toEqual([])
    expect(only?.entry).toMatchObject({ outcome: 'allowed', actor: { kind: 'person', id: reader.personId } })
    expect(only?.personal.detail).toEqual({ query: 'action:file.view merger' })
    await searchAudit(reader, { q: 'action:file.view merger', from: '2026-01-01T00:00:00.000Z' })
    await searchAudit(makeApiKeyActor(tenantId, ['audit:read']), { q: 'action:file.view merger' })
    expect(await searches()).toHaveLength(3)
    testingOnlyAdvanceClock(10 * 60_000 + 1)
    await searchAudit(reader, { q: 'action:file.view merger' })
    expect(await searches()).toHaveLength(4)
  })

  it('an opened event belongs to its search, and by itself is one', async () => {
    const tenantId = await makeTenant()
    const reader = await makePerson(tenantId, { role: 'compliance' })
    await searchAudit(reader, { q: 'action:person' })
    const [event] = (await readLog(db, tenantId)).slice(1)
    const eventId = event?.entry.id ?? ''
    const before = (await readLog(db, tenantId)).length
    const detail = await getAuditEvent(reader, { eventId, q: 'action:person' })
    expect(detail.event).toMatchObject({
      id: eventId,
      index: 1,
      action: 'person.create',
      target: { name: 'Person compliance' },
    })
    expect(await readLog(db, tenantId)).toHaveLength(before)
    await getAuditEvent(reader, { eventId })
    expect((await readLog(db, tenantId)).at(-1)?.personal.detail).toEqual({ query: eventId })
  })
})

describe('the time of a search', () => {
  it('a statement that takes too long is said as such, never as a bug', async () => {
    const tenantId = await makeTenant()
    const slow = readTransaction(tenantId, async ({ sql }) => {
      await logBounds(sql, tenantId, 50)
      return inTime(() => sql('SELECT pg_sleep(5)::text'))
    })
    await expect(slow).rejects.toMatchObject({ code: 'unavailable', detail: expect.stringContaining('Narrow') })
  })

  it('over before anything is counted, there are as many as its page shows', async () => {
    const tenantId = await makeTenant()
    const equals = { action: 'file.view', outcome: 'allowed', words: 'merger of equals', labels: [] } as const
    await append(
      tenantId,
      Array.from({ length: 5 }, () => ({ ...equals, actor: { kind: 'system', name: 'test' } })),
    )
    let ms = 0
    const watch = vi.spyOn(performance, 'now').mockImplementation(() => {
      ms += 301
      return ms
    })
    try {
      const actor = makeApiKeyActor(tenantId, ['audit:read', 'audit:unmask'])
      const { items, total } = await searchAudit(actor, { q: '"merger of equals"', limit: 2 })
      expect([items.length, total]).toEqual([2, { value: 2, capped: true }])
    } finally {
      watch.mockRestore()
    }
  })

  it('takes one reading of entries, however far apart they lie', async () => {
    const tenantId = await makeTenant()
    await append(tenantId, [
      { action: 'file.view', outcome: 'allowed', actor: { kind: 'system', name: 'test' }, labels: [] },
    ])
    let readings = 0
    const found = await pgTransaction('reader', tenantId, async (_client, sql) => {
      const watched: Sql = (text, values) => {
        if (text.includes('e.entry')) readings++
        return sql(text, values)
      }
      const shape = await readShape(sql, tenantId)
      const run = shape?.runs.at(-1)
      if (!shape || !run) throw new Error('an empty log')
      // As if eleven blocks followed in which nothing stands, and the newest one had an entry of which no run tells.
      const [size, lost] = [11 * BLOCK, 10 * BLOCK + 5]
      const nothing = (at: number, to: number) => ({ ...run, revision: 'none', at, entries: to - at })
      const runs = [...shape.runs, nothing(shape.size, lost), nothing(lost + 1, size)]
      const index = new LogIndex(watched, tenantId, { ...shape, size, runs })
      return findPage(watched, {
        tenantId,
        plan: planOf('action:file.view', tenantId),
        ask: { order: 'newest', limit: 50, from: undefined, to: undefined },
        bounds: { from: 0, to: Date.now(), size, index, cold: null },
        place: null,
        budgetMs: 10_000,
      })
    })
    expect(found.items.map(({ index }) => index)).toEqual([1])
    expect(readings).toBe(1)
  })

  it('has a limit from where its log is opened, which other readings of a log do not have', async () => {
    const tenantId = await makeTenant()
    const limitAfter = (open: (sql: Sql) => Promise<unknown>) =>
      pgTransaction('reader', tenantId, async (_client, sql) => {
        await open(sql)
        return (await sql<{ ms: string }>(`SELECT current_setting('statement_timeout') AS ms`))[0]?.ms
      })
    expect(await limitAfter((sql) => boundsOf(sql, tenantId, {}))).toBe('8s')
    expect(await limitAfter((sql) => logBounds(sql, tenantId))).toBe('30s')
  })
})

describe('a device whose clock says anything', () => {
  it('does not take the histogram from everybody else', async () => {
    const tenantId = await makeTenant()
    const reader = makeApiKeyActor(tenantId, ['audit:read'])
    for (const time of ['9999-12-31T23:59:59.999Z', '0001-01-01T00:00:00.000Z', undefined]) {
      const occurredAt = time === undefined ? {} : { occurredAt: new Date(time) }
      await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'test' }, async () => ({
        result: null,
        audit: { action: 'file.view', ...occurredAt },
      }))
    }
    const { from, to, buckets } = await auditHistogram(reader, { q: 'action:file.view' })
    expect(from).toBe('0001-01-01T00:00:00.000Z')
    expect(Date.parse(to) - now().getTime()).toBeLessThan(2 * 86_400_000)
    expect(buckets.reduce((sum, { count }) => sum + count, 0)).toBe(2)
    await expect(auditHistogram(reader, { to: '9999-12-31T23:59:59.999Z' })).resolves.toMatchObject({ partial: false })
  })
})
