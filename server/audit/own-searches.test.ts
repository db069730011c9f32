import { describe, expect, it } from 'vitest'
import { systemActor } from '#server/kernel/actor.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { auditFacets, auditHistogram, describeAuditQuery, searchAudit } from './ask.ts'
import { prepareAsk } from './bundle/prepare.ts'
import { leavesOutSearches } from './own-searches.ts'
import { readQuery } from './plan.ts'

useDatabase()

async function setting() {
  const tenantId = await makeTenant()
  const [owner, other] = [await makePerson(tenantId, { role: 'owner' }), await makePerson(tenantId, { role: 'owner' })]
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'test' }, async () => ({
    result: null,
    audit: ['merger plan', 'menu'].map((name) => ({
      action: 'file.view' as const,
      target: { type: 'file', id: name, name },
    })),
  }))
  return { tenantId, owner, other }
}

describe('a search for a word', () => {
  it('does not find who searched for it, itself included: not in the list, the total, the figures, the export', async () => {
    const { tenantId, owner, other } = await setting()
    for (const actor of [owner, other, owner]) {
      const { items, total } = await searchAudit(actor, { q: 'merger' })
      expect(items.map(({ action }) => action)).toEqual(['file.view'])
      expect(total).toEqual({ value: 1, capped: false })
    }
    const { facets, counted } = await auditFacets(owner, { q: 'merger', fields: 'action' })
    expect([counted, facets[0]?.values]).toEqual([1, [expect.objectContaining({ value: 'file.view', count: 1 })]])
    const { buckets } = await auditHistogram(owner, { q: 'merger' })
    expect(buckets.reduce((sum, { count }) => sum + count, 0)).toBe(1)
    const { q, matching } = await readTransaction(tenantId, ({ sql }) => prepareAsk(sql, owner, { q: 'merger' }))
    expect([q, matching]).toEqual(['merger', 'merger -action:audit.search'])
    expect(await describeAuditQuery(owner, { q: 'merger' })).toMatchObject({
      leavesOutSearches: true,
      normal: 'merger',
    })
  })

  it('finds them where the action is asked for, or named', async () => {
    const { owner, other } = await setting()
    for (const actor of [owner, other]) await searchAudit(actor, { q: 'merger' })
    const actions = async (q: string) => (await searchAudit(owner, { q })).items.map(({ action }) => action)
    expect(await actions('merger action:audit.search')).toEqual(['audit.search', 'audit.search'])
    expect(await actions('merger (action:audit.* OR action:file.view)')).toContain('audit.search')
    expect(await actions('audit.search')).toContain('audit.search')
    expect(await actions(`actor:${other.personId}`)).toContain('audit.search')
    expect(await actions('menu OR merger')).toEqual(['file.view', 'file.view'])
  })

  it.each([
    ['', false],
    ['action:file.view', false],
    ['merger', true],
    ['"merger plan" -outcome:denied', true],
    ['actor:lin OR merger', true],
    ['mer*', true],
    ['-merger', false],
    ['merger -action:file.view', false],
    ['search', false],
    ['audit.sea*', false],
  ])('%s', (q, expected) => expect(leavesOutSearches(readQuery(q))).toBe(expected))
})
