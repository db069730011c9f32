import { createTranslator } from 'use-intl/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { nameWords } from '#components/audit/name-words.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { messages as en } from '#messages/en.ts'
import { messages as zh } from '#messages/zh.ts'
import type { BundleReader } from '#protocol/audit/bundle.ts'
import { verifyBundle } from '#protocol/audit/bundle-verify.ts'
import { openZip } from '#protocol/audit/bundle-zip.ts'
import { recordAppEvents, sealWhoSaw, unmaskNames } from '#server/audit/commands.ts'
import { readPdf } from '#server/audit/report/testing-read-pdf.ts'
import type { ReportFacts } from '#server/audit/schema.ts'
import { forwardFile, publishFile, releaseFile } from '#server/content/commands.ts'
import { ingestDeviceEvents } from '#server/devices/commands.ts'
import type { DeviceActor, PersonActor } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import { askReasonForNames } from '#server/tenants/commands.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makeApiKeyActor, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { writeReport } from './_report.ts'

const database = useDatabase()
const catalogue = { en, zh }

async function makeOffice() {
  const tenantId = await makeTenant()
  const officer = await makePerson(tenantId, { role: 'owner', founder: true, name: '林 伟' })
  const evil = '=HYPERLINK("http://evil.example","click")'
  const lena = await makePerson(tenantId, { role: 'member', name: evil })
  const bo = await makePerson(tenantId, { role: 'member', name: '王小明' })
  const [{ actor: lenas }, { actor: bos }] = [await enrollTestDevice(lena), await enrollTestDevice(bo)]
  const content = new TextEncoder().encode('x')
  const { id: root } = await publishFile(officer, { name: '合并计划.txt', audience: [lena.personId], content })
  const copy = (await forwardFile(lenas, { fileId: root, to: bo.email })).fileId ?? ''
  await releaseFile(bos, { fileId: copy })
  await view(bos, 1, copy)
  // An event of an app about the copy stands between those of the devices.
  const told = { id: 'a', at: now().toISOString(), action: 'file.view', person: { email: bo.email } }
  const app = makeApiKeyActor(tenantId, ['audit:write'])
  await recordAppEvents(app, [JSON.stringify({ ...told, target: { type: 'file', id: copy } })])
  await view(lenas, 2, root)
  return { tenantId, officer, root }
}

function view(device: DeviceActor, seq: number, fileId: string) {
  const event = { seq, id: uuidv7(), at: now().toISOString(), action: 'file.view', outcome: 'allowed' }
  return ingestDeviceEvents(device, [JSON.stringify({ ...event, target: { type: 'file', id: fileId } })])
}

async function report(actor: PersonActor, fileId: string, locale: 'en' | 'zh' = 'en') {
  const t = createTranslator({ locale, messages: catalogue[locale], namespace: 'whoSaw' })
  const names = createTranslator({ locale, messages: catalogue[locale], namespace: 'names' })
  const words = {
    called: (name: string) => nameWords(names, name),
    t: t as Parameters<typeof writeReport>[0]['t'],
    locale,
    organisation: '某某集团 ACME',
    by: actor.name,
  }
  let facts: ReportFacts | undefined
  const input = { fileId, timeZone: 'Asia/Shanghai', from: '2026-01-01T00:00:00.000Z' }
  const sealed = await sealWhoSaw(actor, input, (given) => {
    facts = given
    return writeReport(words, given)
  })
  const bytes = new Uint8Array(await new Response(sealed.content).arrayBuffer())
  expect(bytes.length).toBe(sealed.sizeBytes)
  const bundle = await openZip({ sizeBytes: bytes.length, read: async (from, to) => bytes.subarray(from, to) })
  return { bundle, facts, name: sealed.name }
}

async function member(bundle: BundleReader, name: string): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of bundle.read(name)) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** Lines break anywhere in print. */
const unbroken = (text: string) => text.replaceAll(/\s+/g, '')

// Most of what is asked of a report is asked of one and the same.
let office: Awaited<ReturnType<typeof makeOffice>>
let english: Awaited<ReturnType<typeof report>>
beforeAll(async () => {
  office = await makeOffice()
  english = await report(office.officer, office.root)
})

describe('the sealed report', () => {
  it('is a bundle that verifies, its events in the order of the log', async () => {
    const { tenantId, officer, root } = office
    const { bundle, facts, name } = english
    const verdict = await verifyBundle(bundle, { vkey: facts?.vkey })
    expect(verdict).toMatchObject({ ok: true, events: 6, keyFrom: 'given', manifest: { kind: 'report' } })
    expect(bundle.names).toEqual(expect.arrayContaining(['who-saw.pdf', 'who-saw.csv', 'verify.txt']))
    expect(name).toMatch(new RegExp(`^who-saw-${root}-\\d{4}-\\d{2}-\\d{2}\\.zip$`))
    const [exported] = (await readLog(database, tenantId)).filter(({ entry }) => entry.action === 'audit.export')
    expect(exported?.entry).toMatchObject({ actor: { id: officer.personId }, target: { type: 'file', id: root } })
    expect(exported?.personal.detail).toMatchObject({ report: 'who saw it', timeZone: 'Asia/Shanghai' })
  })

  it('says in print who asked what, the answer, the people, what it rests on and how to verify it', async () => {
    const { root } = office
    const { bundle, facts } = english
    const { pages } = await readPdf(await member(bundle, 'who-saw.pdf'))
    const text = unbroken(pages.join(''))
    for (const part of [
      'Who saw “合并计划.txt”?',
      'In the period: 2 people saw it; no other recorded viewer; 1 device incomplete, 1 event that only an app states.',
      '某某集团 ACME',
      '林 伟',
      '王小明',
      '=HYPERLINK("http://evil.example"',
      'Asia/Shanghai',
      '08:00:00 UTC+8 (included)',
      facts?.answer.q ?? '-',
      facts?.checkpoint.root ?? '-',
      facts?.vkey ?? '-',
      'missing 1',
      'How to verify this report',
      `npx gatehouse verify who-saw-${root}.zip --key`,
    ])
      expect(text).toContain(unbroken(part))
    expect(pages.at(-1)).toContain('How to verify this report')
  })

  it('is in the language of its reader', async () => {
    const { officer, root } = office
    const { bundle } = await report(officer, root, 'zh')
    const { pages } = await readPdf(await member(bundle, 'who-saw.pdf'))
    expect(unbroken(pages.join(''))).toContain(
      '2人看过；没有其他查看记录；1台设备的记录不完整，1条仅由应用陈述的事件。',
    )
    expect(pages.at(-1)).toContain('如何验证此报告')
    expect(pages.join('')).not.toContain('□')
  })

  it('holds a table that no spreadsheet takes for formulas', async () => {
    const { bundle } = english
    const csv = new TextDecoder('utf-8', { ignoreBOM: true }).decode(await member(bundle, 'who-saw.csv'))
    expect(csv.startsWith('\ufeffkind,id,name,')).toBe(true)
    expect(csv).toContain(`"'=HYPERLINK(""http://evil.example"",""click"")"`)
    expect(csv).toMatch(/王小明,.*\+08:00,/)
    expect(csv.trimEnd().split('\r\n')).toHaveLength(4)
  })

  it('is for whoever may export, about files of their own organisation', async () => {
    const { tenantId, root } = office
    const admin = await makePerson(tenantId, { role: 'admin' })
    await expect(report(admin, root)).rejects.toMatchObject({ code: 'forbidden' })
    const [refused] = (await readLog(database, tenantId)).slice(-1)
    expect(refused?.entry).toMatchObject({ action: 'audit.export', outcome: 'denied' })
    const stranger = await makePerson(await makeTenant(), { role: 'owner', founder: true })
    await expect(report(stranger, root)).rejects.toMatchObject({ code: 'not_found' })
  })

  it('is made one at a time for an organisation, and meanwhile for others', async () => {
    const other = await makeOffice()
    const { officer, root } = office
    const [first, second, theirs] = await Promise.allSettled([
      report(officer, root),
      report(officer, root),
      report(other.officer, other.root),
    ])
    expect([first, second].map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const refused = [first, second].find((one) => one.status === 'rejected')
    expect(refused?.reason).toMatchObject({ code: 'unavailable', retryAfter: 10 })
    expect(theirs.status).toBe('fulfilled')
  })

  it('holds pseudonyms and no entries for whoever may not see names', async () => {
    const { officer, root } = office
    const permissions = new Set(officer.permissions)
    permissions.delete('audit:unmask')
    const { bundle, facts } = await report({ ...officer, permissions }, root, 'zh')
    expect(await verifyBundle(bundle, { vkey: facts?.vkey })).toMatchObject({ ok: true, manifest: { masked: true } })
    const names = ['who-saw.csv', ...bundle.names.filter((name) => name.startsWith('parts/'))]
    const texts = await Promise.all(names.map((name) => member(bundle, name)))
    for (const text of texts) expect(new TextDecoder().decode(text)).not.toContain('王小明')
    const { pages } = await readPdf(await member(bundle, 'who-saw.pdf'))
    expect(pages.join('')).not.toContain('王小明')
    expect(unbroken(pages.join(''))).toContain(unbroken(zh.whoSaw.report.masked))
    // Pseudonyms are words of the reader's language, too.
    expect(unbroken(pages.join(''))).toMatch(/人员[0-9A-Z]{4}-[0-9A-Z]{4}/)
    expect(pages.join('')).not.toMatch(/Person|Device/)
  })

  it('under a reason gives everybody in it, also in its events, an entry with that reason; the act of another session is none', async () => {
    const { tenantId, officer, root } = await makeOffice()
    // Named by an event alone: neither viewer nor entitled.
    const mia = await makePerson(tenantId, { role: 'member', name: 'Mia' })
    const seen = { id: 'b', at: now().toISOString(), action: 'file.view', person: { email: officer.email } }
    const shared = { ...seen, target: { type: 'file', id: root }, detail: { with: mia.email } }
    await recordAppEvents(makeApiKeyActor(tenantId, ['audit:write']), [JSON.stringify(shared)])
    await askReasonForNames(officer, {})
    const reason = 'Complaint 2026-117'
    const act = await unmaskNames(officer, { reason })
    const { bundle } = await report(officer, root)
    const part = (await member(bundle, 'parts/events-000001.ndjson')).toString()
    const people = part.matchAll(/"actor":\{"id":"([^"]+)","kind":"person"/g).map(([, id]) => id)
    const named = new Set([...people].filter((id) => id !== officer.personId))
    const log = await readLog(database, tenantId)
    const told = log.filter(({ entry }) => entry.action === 'audit.unmask' && entry.correlationId === act.id)
    expect(named.size).toBe(2)
    expect(told.map(({ entry }) => entry.target?.id)).toEqual(expect.arrayContaining([...named, mia.personId]))
    const exported = log.find(({ entry }) => entry.action === 'audit.export')
    expect(exported?.personal).toMatchObject({ reason, detail: { names: 'true' } })
    const { bundle: other } = await report({ ...officer, sessionId: uuidv7() }, root)
    expect(await verifyBundle(other)).toMatchObject({ ok: true, manifest: { masked: true } })
    const last = (await readLog(database, tenantId)).findLast(({ entry }) => entry.action === 'audit.export')
    expect(last?.personal.detail).toMatchObject({ masked: 'true' })
  })
})
