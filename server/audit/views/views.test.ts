import { describe, expect, it, vi } from 'vitest'
import { makeApiKeyActor, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { createAuditView, deleteAuditView, updateAuditView } from '../commands.ts'
import { listAuditViews, searchAudit } from '../queries.ts'
import type { SavedSearch } from '../schema.ts'

const database = useDatabase()

const search = (more: Partial<SavedSearch> = {}) => ({
  ...{ q: 'action:screenshot.attempt', order: 'newest' as const, columns: [] as string[] },
  ...(more as object),
})

async function setting() {
  const tenantId = await makeTenant()
  const rosa = await makePerson(tenantId, { role: 'compliance', name: 'Rosa Lind' })
  const owner = await makePerson(tenantId, { role: 'owner', founder: true, name: 'Olga Berg' })
  return { tenantId, rosa, owner }
}

const namesFor = async (actor: Parameters<typeof listAuditViews>[0]) =>
  (await listAuditViews(actor, {})).map(({ name }) => name)

describe('saved views', () => {
  it('are kept with all that makes the search, and what is shared is everybody’s to open', async () => {
    const { tenantId, rosa, owner } = await setting()
    const full = search({ span: '7d', order: 'oldest', columns: ['time', 'actor'], timeZone: 'Asia/Shanghai' })
    const { id } = await createAuditView(rosa, { name: ' Captures ', isShared: true, search: full })
    await createAuditView(rosa, { name: 'Mine', isShared: false, search: search({ from: '2026-01-01T00:00:00Z' }) })
    const seen = { id, name: 'Captures', isShared: true, ownerName: 'Rosa Lind', search: full }
    expect(await listAuditViews(owner, {})).toEqual([{ ...seen, isOwn: false }])
    expect(await namesFor(rosa)).toEqual(['Captures', 'Mine'])
    expect((await listAuditViews(rosa, {}))[1]).toMatchObject({
      search: { from: '2026-01-01T00:00:00.000Z' },
      isOwn: true,
    })
    const [entry] = (await readLog(database, tenantId)).filter(
      ({ entry: { action } }) => action === 'audit.view.create',
    )
    expect(entry).toMatchObject({
      entry: { outcome: 'allowed', actor: { id: rosa.personId }, target: { type: 'audit_view', id } },
      personal: { targetName: 'Captures', detail: { query: full.q, shared: 'true', span: '7d' } },
    })
  })

  it('name no owner to whoever sees pseudonyms in the log: it says when each view was made, and by which', async () => {
    const { tenantId, rosa } = await setting()
    await createAuditView(rosa, { name: 'Captures', isShared: true, search: search() })
    const admin = await makePerson(tenantId, { role: 'admin' })
    const [seen] = await listAuditViews(admin, {})
    const { items } = await searchAudit(admin, { q: 'action:audit.view.create' })
    expect(seen?.ownerName).toMatch(/^Person [0-9A-Z-]{9}$/)
    expect(seen?.ownerName).toBe(items[0]?.actor.name)
  })

  it('tell no name that their owner typed to whoever sees pseudonyms, not even by where they stand in the list', async () => {
    const { tenantId, rosa, owner } = await setting()
    const admin = await makePerson(tenantId, { role: 'admin' })
    const hidden = [
      'actor:"Lin Wei"',
      'lin action:file',
      'wei*',
      'action:file -(reason:lin OR label:x)',
      `device:${owner.personId}`,
      `actor:${rosa.personId}`,
      'actor:"Lin Wei K7Q2-M9XD"',
      'ip:10.2.3.4',
    ]
    const shared = { isShared: true }
    for (const [n, q] of hidden.entries())
      await createAuditView(rosa, { name: `A: Lin ${n}`, ...shared, search: search({ q }) })
    await createAuditView(rosa, { name: 'Lin Wei', ...shared, search: search({ q: 'actor:K7Q2-M9XD action:file' }) })
    const open = 'action:file label:board -outcome:failed actor:person ip:10.2.3.0/24 source:import:old'
    await createAuditView(rosa, { name: 'Everything', ...shared, search: search({ q: open }) })
    await createAuditView(admin, { name: 'Mine', isShared: false, search: search({ q: 'lin' }) })
    const seen = await listAuditViews(admin, {})
    expect(seen.map(({ name, search }) => [name, search?.q])).toEqual([
      ['Everything', open],
      ['Mine', 'lin'],
      ...hidden.map(() => [null, undefined]),
      [null, 'actor:K7Q2-M9XD action:file'],
    ])
    expect(JSON.stringify(seen.filter(({ isOwn }) => !isOwn))).not.toMatch(/lin|wei|10\.2\.3\.4|rosa/i)
    expect((await listAuditViews(owner, {})).map(({ search }) => search?.q)).toEqual(expect.arrayContaining(hidden))
  })

  it('are renamed and shared by their owner alone, and the log says before and after', async () => {
    const { tenantId, rosa, owner } = await setting()
    const { id } = await createAuditView(rosa, { name: 'A', isShared: true, search: search() })
    await expect(updateAuditView(owner, { viewId: id, name: 'B', isShared: true })).rejects.toMatchObject({
      code: 'not_found',
    })
    await updateAuditView(rosa, { viewId: id, name: 'B', isShared: false })
    expect(await namesFor(rosa)).toEqual(['B'])
    expect(await namesFor(owner)).toEqual([])
    expect((await readLog(database, tenantId)).at(-1)?.personal).toMatchObject({
      detail: { name: { before: 'A', after: 'B' }, shared: { before: 'true', after: 'false' } },
    })
  })

  it('are removed by their owner, and shared ones by who sets the organisation up', async () => {
    const { rosa, owner } = await setting()
    const other = await makePerson(rosa.tenantId, { role: 'compliance' })
    const own = await createAuditView(rosa, { name: 'own', isShared: false, search: search() })
    const shared = await createAuditView(rosa, { name: 'shared', isShared: true, search: search() })
    await expect(deleteAuditView(other, { viewId: shared.id })).rejects.toMatchObject({ code: 'not_found' })
    await expect(deleteAuditView(owner, { viewId: own.id })).rejects.toMatchObject({ code: 'not_found' })
    await deleteAuditView(owner, { viewId: shared.id })
    await deleteAuditView(rosa, { viewId: own.id })
    expect(await namesFor(rosa)).toEqual([])
    await expect(deleteAuditView(rosa, { viewId: own.id })).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('refused', () => {
  it('is who may not read the log, a program, and everybody of another organisation', async () => {
    const { tenantId, rosa } = await setting()
    const member = await makePerson(tenantId, { role: 'member' })
    const input = { name: 'x', isShared: true, search: search() }
    await expect(createAuditView(member, input)).rejects.toMatchObject({ code: 'forbidden' })
    const key = makeApiKeyActor(tenantId, ['audit:read'])
    await expect(createAuditView(key, input)).rejects.toMatchObject({ code: 'forbidden' })
    const { id } = await createAuditView(rosa, input)
    const { owner: stranger } = await setting()
    expect(await namesFor(stranger)).toEqual([])
    await expect(deleteAuditView(stranger, { viewId: id })).rejects.toMatchObject({ code: 'not_found' })
  })

  it('is a second view of one name, one that cannot be read and one with two times', async () => {
    const { rosa } = await setting()
    const save = (more: Partial<SavedSearch>, name = 'x') =>
      createAuditView(rosa, { name, isShared: false, search: search(more) })
    await save({})
    await expect(save({})).rejects.toMatchObject({ code: 'conflict', fields: { name: expect.any(String) } })
    await expect(save({ q: 'colour:(' }, 'y')).rejects.toMatchObject({ code: 'query_invalid' })
    const both = save({ span: '7d', from: '2026-01-01T00:00:00Z' }, 'y')
    await expect(both).rejects.toMatchObject({ code: 'invalid' })
    await expect(save({ timeZone: 'Mars/Olympus' }, 'y')).rejects.toMatchObject({ code: 'invalid' })
  })

  it('of what is written nothing stays when the audit entry cannot be appended', async () => {
    const { rosa } = await setting()
    const ledger = await import('#server/kernel/ledger.ts')
    const fails = vi.spyOn(ledger, 'appendEntries').mockRejectedValueOnce(new Error('the log is away'))
    await expect(createAuditView(rosa, { name: 'x', isShared: false, search: search() })).rejects.toThrow()
    fails.mockRestore()
    expect(await namesFor(rosa)).toEqual([])
  })
})
