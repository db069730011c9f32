import { expect } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { rootFromTiles } from '#protocol/audit/merkle-prove.ts'
import { purgedBy, verifyPurgeCertificate } from '#protocol/audit/purge-certificate.ts'
import { signHead } from '#server/audit/checkpoints.ts'
import { placeHold } from '#server/audit/keeping/hold-commands.ts'
import { getPurgeCertificate, listPurges, purgedRanges } from '#server/audit/keeping/queries.ts'
import type { PlaceHold } from '#server/audit/keeping/schema.ts'
import { readLogFile } from '#server/audit/log-files.ts'
import { readSigner } from '#server/audit/log-key.ts'
import { search } from '#server/audit/search.ts'
import { readHead, tileReader } from '#server/audit/tree.ts'
import { verifyStoredLog } from '#server/audit/verify-now.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { isAppError } from '#server/kernel/errors.ts'
import type { AuditDraft } from '#server/kernel/ledger.ts'
import type { LogSource } from '../cli/verify/source.ts'
import { verifySource } from '../cli/verify/verify-source.ts'
import { makePerson, makeTenant, readLog, type TestDatabase } from './harness.ts'
import { daysAgo, recordDrafts } from './past.ts'

/* Logs with a past, and what must be true of them after a purge. */

export const view = (actor: PersonActor, fileId: string, words?: string): AuditDraft => ({
  action: 'file.view',
  actor: { kind: 'person', id: actor.personId, name: actor.name },
  target: { type: 'file', id: fileId, name: 'Plan.pdf' },
  ...(words ? { words } : {}),
})

/** 100 days ago Lena looked ten times at one file and Bo ten times at another; 40 days ago both again; today once more. */
export async function makeLog(db: TestDatabase, { signed = true, first = 100 } = {}) {
  const [fileA, fileB] = [uuidv7(), uuidv7()]
  const people = await daysAgo(first, async () => {
    const tenantId = await makeTenant()
    const owner = await makePerson(tenantId, { role: 'owner', founder: true, name: 'Mei' })
    const lena = await makePerson(tenantId, { name: 'Lena' })
    const bo = await makePerson(tenantId, { name: 'Bo' })
    const looks = Array.from({ length: 10 }, (_, i) => [
      view(lena, fileA),
      view(bo, fileB, i === 3 ? 'secret merger' : undefined),
    ])
    await recordDrafts(tenantId, [...looks.flat(), { action: 'auth.sign_out' }])
    return { tenantId, owner, lena, bo }
  })
  const { tenantId, lena, bo } = people
  await daysAgo(40, () => recordDrafts(tenantId, [view(lena, fileA), view(bo, fileB)]))
  await recordDrafts(tenantId, [view(lena, fileA), view(bo, fileB)])
  if (signed) await signHead(tenantId)
  const indexes = async () => (await readLog(db, tenantId)).map(({ index }) => index)
  const viewsBy = async (person: PersonActor) =>
    (await readLog(db, tenantId)).filter(
      ({ entry }) => entry.action === 'file.view' && entry.actor.id === person.personId,
    ).length
  const hold = (input: PlaceHold) => placeHold(people.owner, input)
  return { ...people, fileA, fileB, indexes, viewsBy, hold }
}

export type Log = Awaited<ReturnType<typeof makeLog>>

/** Everything that must be true of a log after each purge: what is missing is what certificates name, and the tree is whole. */
export async function expectSound(db: TestDatabase, { tenantId, owner, indexes }: Log): Promise<void> {
  const signer = await readSigner(tenantId)
  const { items } = await listPurges(owner, {})
  const certificates = await Promise.all(
    items.map(async ({ id: purgeId }) => {
      const { text } = await getPurgeCertificate(owner, { purgeId })
      return verifyPurgeCertificate(text, { vkey: signer?.vkey ?? '' })
    }),
  )
  const isPurged = purgedBy(certificates)
  const there = new Set(await indexes())
  await signHead(tenantId)
  await readTransaction(tenantId, async ({ sql }) => {
    const head = await readHead(sql, tenantId)
    for (let index = 0; index < head.size; index++) expect(there.has(index), `entry ${index}`).toBe(!isPurged(index))
    await rootFromTiles(head.size, tileReader(sql, tenantId, head))
    const ranges = await purgedRanges(sql, tenantId)
    expect(ranges.reduce((sum, { events }) => sum + events, 0)).toBe(head.size - there.size)
    const { items: found, total } = await search(sql, tenantId, {
      q: 'action:file.view',
      order: 'newest',
      limit: 200,
      from: undefined,
      to: undefined,
    })
    expect(total).toEqual({ value: found.length, capped: false })
  })
  const purged = certificates.reduce((sum, { count }) => sum + count, 0)
  expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: true, purged })
  expect((await verifySource(served(tenantId), {})).verdict).toMatchObject({ ok: true, purged })
  const { rows } = await db.superuser.query(
    `SELECT state, count(*)::int FROM audit_purge WHERE tenant_id = $1 AND state IN ('recorded', 'removed') GROUP BY 1`,
    [tenantId],
  )
  expect(rows).toEqual([])
}

/** The log's files as the gateway serves them, for the verifier that shares no code with the server. */
export function served(tenantId: string): LogSource {
  const read = (path: string) =>
    readTransaction(tenantId, async ({ sql }) => (await readLogFile(sql, tenantId, path)).body).catch(
      (error: unknown) => {
        if (isAppError(error) && (error.code === 'not_found' || error.code === 'gone')) return null
        throw error
      },
    )
  return { read, isWhole: true }
}
