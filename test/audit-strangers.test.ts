import { beforeAll, describe, expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import {
  addRecipient,
  createAuditView,
  deleteAuditView,
  deleteMapping,
  erasePerson,
  hideNames,
  placeHold,
  releaseHold,
  removeAnchor,
  saveMapping,
  sealWhoSaw,
  unmaskNames,
  updateAuditView,
} from '#server/audit/commands.ts'
import {
  auditFacets,
  auditHistogram,
  describeAuditQuery,
  getAuditEvent,
  getEventProof,
  getMapping,
  getPurgeCertificate,
  getTlogProof,
  getTrust,
  listAuditViews,
  listHolds,
  listMappings,
  listPurges,
  listValuesInLog,
  previewKeeping,
  previewPersonErasure,
  searchAudit,
  whoSaw,
} from '#server/audit/queries.ts'
import { publishFile } from '#server/content/commands.ts'
import { cancelExport, requestExport } from '#server/exports/commands.ts'
import { getExport, listExports, openExport } from '#server/exports/queries.ts'
import { runExport } from '#server/exports/run-export.ts'
import type { Actor, PersonActor } from '#server/kernel/actor.ts'
import { PERMISSIONS } from '#server/kernel/permissions.ts'
import { askReasonForNames } from '#server/tenants/commands.ts'
import { enrollTestDevice } from './device.ts'
import { makeApiKeyActor, makeGrant, makePerson, makeTenant, useDatabase } from './harness.ts'

const database = useDatabase()

const REASON = 'Complaint 2026-117'
const MAPPING = {
  ...{ name: 'old zulqar', format: 'ndjson' as const, id: 'id' },
  ...{ occurredAt: { from: 'at' }, action: 'action' },
}

/** Everything that the audit log of an organisation can be asked for by an id; whatever is theirs holds the word. */
async function makeOffice() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true, name: 'Olga Zulqar' })
  const lin = await makePerson(tenantId, { name: 'Lin Zulqar', email: `lin-${uuidv7()}@zulqar.example` })
  const { actor: phone } = await enrollTestDevice(lin, { facts: { name: 'Zulqar phone' } })
  const { id: fileId } = await publishFile(owner, {
    ...{ name: 'Zulqar.txt', audience: [lin.personId], content: new Uint8Array(3) },
    labels: ['zulqar'],
  })
  const search = { q: 'zulqar', order: 'newest' as const, columns: [] }
  const { id: viewId } = await createAuditView(owner, { name: 'Zulqar', isShared: true, search })
  const hold = { name: 'Zulqar', kind: 'person' as const, targetId: lin.personId, reason: 'zulqar' }
  const { id: holdId } = await placeHold(owner, hold)
  await saveMapping(owner, { document: MAPPING })
  const mail = { email: 'olga@zulqar.example' }
  const stepUpGrantId = await makeGrant(owner, addRecipient.requestHash(mail))
  const { id: anchorId } = await addRecipient(owner, mail, { stepUpGrantId })
  const { id: exportId } = await requestExport(owner, { q: '', format: 'csv', timeZone: 'UTC' })
  const { id: runningId } = await requestExport(owner, { q: '', format: 'csv', timeZone: 'UTC' })
  await runExport(tenantId, exportId)
  const { items } = await searchAudit(owner, { q: 'action:file.publish' })
  const eventId = items[0]?.id ?? ''
  const masked = { ...owner, permissions: new Set([...owner.permissions].filter((one) => one !== 'audit:unmask')) }
  const pseudonym = (await searchAudit(masked, { q: 'action:file.publish' })).items[0]?.actor.id ?? ''
  const purgeId = uuidv7()
  const client = await database.superuser.connect()
  // Removed by nobody: only what is told of it matters.
  await client.query('SET session_replication_role = replica')
  await client.query(
    `INSERT INTO audit_purge (tenant_id, id, class, retention_days, removed, held, events, first_at, last_at, holds, leaves, revision, state, recorded_at, certificate, removed_at)
     VALUES ($1, $2, 'activity', 30, '{[0,1)}', '{}', 1, now(), now(), '[{"id":"x","name":"Zulqar","kept":1}]', sha256(''), 1, 'done', now(), 'zulqar', now())`,
    [tenantId, purgeId],
  )
  client.release(true)
  const ids = { fileId, viewId, holdId, anchorId, exportId, runningId, eventId, purgeId, personId: lin.personId }
  return { ids, owner, lin, pseudonym, deviceId: phone.deviceId }
}

let office: Awaited<ReturnType<typeof makeOffice>>
let stranger: PersonActor
let strangers: readonly Actor[]

beforeAll(async () => {
  office = await makeOffice()
  const tenantId = await makeTenant()
  stranger = await makePerson(tenantId, { role: 'owner', founder: true })
  strangers = [stranger, makeApiKeyActor(tenantId, PERMISSIONS)]
})

const granted = async (hash: Buffer) => ({ stepUpGrantId: await makeGrant(stranger, hash) })

describe('somebody with every right in another organisation', () => {
  it('finds nothing by its id', async () => {
    const { ids, pseudonym, deviceId } = office
    const { eventId, exportId, fileId, holdId, personId, purgeId, viewId, runningId } = ids
    const about = { name: 'mine', reason: REASON }
    for (const actor of strangers) {
      const asked: Record<string, () => Promise<unknown>> = {
        event: () => getAuditEvent(actor, { eventId }),
        proof: () => getEventProof(actor, { eventId }),
        proofFile: () => getTlogProof(actor, { eventId }),
        whoSaw: () => whoSaw(actor, { fileId }),
        report: () => sealWhoSaw(actor, { fileId, timeZone: 'UTC' }, () => Promise.reject() as never),
        export: () => getExport(actor, { exportId }),
        download: () => openExport(actor, exportId),
        cancel: () => cancelExport(actor, { exportId: runningId }),
        certificate: () => getPurgeCertificate(actor, { purgeId }),
        mapping: () => getMapping(actor, { name: MAPPING.name }),
        deleteMapping: () => deleteMapping(actor, { name: MAPPING.name }),
        holdPerson: () => placeHold(actor, { ...about, kind: 'person', targetId: personId }),
        holdDevice: () => placeHold(actor, { ...about, kind: 'device', targetId: deviceId }),
        holdFile: () => placeHold(actor, { ...about, kind: 'file', targetId: fileId }),
      }
      for (const [name, ask] of Object.entries(asked))
        await expect(ask(), `${actor.kind} ${name}`).rejects.toMatchObject({ code: 'not_found' })
    }
    await expect(updateAuditView(stranger, { viewId, name: 'x', isShared: true })).rejects.toMatchObject({
      code: 'not_found',
    })
    await expect(deleteAuditView(stranger, { viewId })).rejects.toMatchObject({ code: 'not_found' })
    const released = { holdId, reason: REASON }
    await expect(
      releaseHold(stranger, released, await granted(releaseHold.requestHash(released))),
    ).rejects.toMatchObject({ code: 'not_found' })
    const erased = { personId, reason: REASON }
    await expect(erasePerson(stranger, erased, await granted(erasePerson.requestHash(erased)))).rejects.toMatchObject({
      code: 'not_found',
    })
    const anchor = { anchorId: ids.anchorId }
    await expect(removeAnchor(stranger, anchor, await granted(removeAnchor.requestHash(anchor)))).rejects.toMatchObject(
      { code: 'not_found' },
    )
    await askReasonForNames(stranger, {})
    for (const whom of [personId, pseudonym, deviceId])
      await expect(unmaskNames(stranger, { reason: REASON, personId: whom })).rejects.toMatchObject({
        code: 'not_found',
      })
  })

  it('is told nothing by lists, figures and meanings, whatever they ask, also while names are shown to them', async () => {
    const { ids, lin, pseudonym, deviceId } = office
    await unmaskNames(stranger, { reason: REASON })
    const questions = ['zulqar', 'actor:"Lin Zulqar"', `actor:${pseudonym}`, `device:${deviceId}`, 'label:zulqar']
    for (const actor of strangers) {
      for (const q of [...questions, ...Object.values(ids), lin.email]) {
        expect((await searchAudit(actor, { q })).total.value, q).toBe(0)
        expect((await auditFacets(actor, { q })).counted, q).toBe(0)
        expect(
          (await auditHistogram(actor, { q })).buckets.some(({ count }) => count > 0),
          q,
        ).toBe(false)
      }
      const answers = [
        await describeAuditQuery(actor, { q: `actor:${lin.personId} OR target:${ids.fileId} OR device:${deviceId}` }),
        await listAuditViews(actor, {}),
        await listHolds(actor, {}),
        await listMappings(actor, {}),
        await listPurges(actor, {}),
        await listExports(actor, {}),
        await listValuesInLog(actor, {}),
        await previewKeeping(actor, {}),
        await previewPersonErasure(actor, { personId: lin.personId }),
        await getTrust(actor, {}),
        await searchAudit(actor, { q: '', limit: 200 }),
      ]
      // What they asked stands in their own searches: events of those are theirs.
      expect(JSON.stringify(answers.slice(0, -1))).not.toMatch(/zulqar/i)
      expect(JSON.stringify(answers.at(-1))).not.toMatch(/Olga Zulqar|Zulqar\.txt|Zulqar phone/)
    }
    await hideNames(stranger, {})
  })

  it('changed nothing meanwhile', async () => {
    const { owner, ids } = office
    expect(await listAuditViews(owner, {})).toMatchObject([{ id: ids.viewId, name: 'Zulqar' }])
    expect(await listHolds(owner, {})).toMatchObject([{ id: ids.holdId, releaseRequest: null, released: null }])
    expect(await getMapping(owner, { name: MAPPING.name })).toMatchObject({ name: MAPPING.name })
    expect(await getExport(owner, { exportId: ids.runningId })).toMatchObject({ state: 'queued' })
    expect((await getTrust(owner, {})).anchors).toMatchObject([{ id: ids.anchorId }])
  })
})
