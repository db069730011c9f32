import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { BundleFormat, BundleReader } from '#protocol/audit/bundle.ts'
import { verifyBundle } from '#protocol/audit/bundle-verify.ts'
import { openZip } from '#protocol/audit/bundle-zip.ts'
import { type Actor, systemActor } from '#server/kernel/actor.ts'
import { testingOnlySetClock } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { makeApiKeyActor, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { cancelExport, requestExport } from './commands.ts'
import { expireExports } from './jobs.ts'
import { getExport, listExports, openExport } from './queries.ts'
import { runExport } from './run-export.ts'

const database = useDatabase()

const NAMES = ['=HYPERLINK("http://evil")', '+1', '@sum', 'Plan; -1+1', 'Wei, "Lin"', '报告.pdf', 'line\n=1', 'plain']

async function grow(tenantId: string, entries: number): Promise<void> {
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'test' }, async () => ({
    result: null,
    audit: Array.from({ length: entries }, (_, n) => ({
      action: 'file.view' as const,
      outcome: n % 3 === 0 ? ('denied' as const) : ('allowed' as const),
      target: { type: 'file', id: `file-${n % 5}`, name: NAMES[n % NAMES.length] ?? '' },
      ...(n % 4 === 0 && { labels: ['board', '机密; =1'] }),
      ...(n % 7 === 0 && { reason: '\tbecause; of "it"', detail: { page: String(n), by: ['-a', 'b'] } }),
    })),
  }))
}

async function setting(entries = 60) {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  await grow(tenantId, entries)
  return { tenantId, owner }
}

const ask = (format: BundleFormat, more: object = {}) => ({ q: '', format, timeZone: 'Asia/Shanghai', ...more })
const SMALL = { partEvents: 25 }

async function made(actor: Actor, input: Parameters<typeof requestExport>[1], options = SMALL): Promise<string> {
  const { id } = await requestExport(actor, input)
  await runExport(actor.tenantId, id, options)
  return id
}

async function bytesOf(actor: Actor, id: string): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of (await openExport(actor, id)).read()) pieces.push(piece)
  return Buffer.concat(pieces)
}

function readerOf(bytes: Uint8Array): Promise<BundleReader> {
  return openZip({ sizeBytes: bytes.length, read: async (from, to) => bytes.subarray(from, to) })
}

async function member(reader: BundleReader, name: string): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of reader.read(name)) pieces.push(piece)
  return Buffer.concat(pieces)
}

describe('an export', () => {
  it.each(['csv', 'ndjson', 'parquet'] as const)(
    'of everything as %s is verified without the server',
    async (format) => {
      const { tenantId, owner } = await setting()
      const id = await made(owner, ask(format))
      const view = await getExport(owner, { exportId: id })
      expect(view).toMatchObject({ state: 'ready', progress: 1, events: 62, masked: false, problem: null })
      expect(view.parts.map(({ events }) => events)).toEqual([25, 25, 12])
      const bytes = await bytesOf(owner, id)
      expect(bytes).toHaveLength(view.sizeBytes ?? 0)
      const reader = await readerOf(bytes)
      const verdict = await verifyBundle(reader)
      expect(verdict).toMatchObject({ ok: true, events: 62, personalChecked: 62, keyFrom: 'bundle' })
      expect(reader.names).toContain(`parts/events-000003.${format}`)
      const manifest = JSON.parse((await member(reader, 'manifest.json')).toString())
      expect(manifest).toMatchObject({ kind: 'export', asOf: 62, about: { q: '', timeZone: 'Asia/Shanghai' } })
      expect(Object.values(manifest.events.days).reduce((sum: number, count) => sum + Number(count), 0)).toBe(62)
      expect((await readLog(database, tenantId)).slice(-2).map(({ personal }) => personal?.detail?.phase)).toEqual([
        'request',
        'download',
      ])
    },
  )
})
