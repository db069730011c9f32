import { afterEach, describe, expect, it } from 'vitest'
import type { BundleFormat } from '#protocol/audit/bundle.ts'
import { buildEntry } from '#protocol/audit/entry.ts'
import { RowBlock } from '../row-block.ts'
import { type Candidate, toCandidate } from '../scan.ts'
import { ExportRows } from './export-rows.ts'
import { type MadeRows, type PartRows, RowMaker } from './row-maker.ts'
import { RowThread } from './row-thread.ts'

const timeZone = 'Europe/Berlin'
const open: { close(): Promise<void> }[] = []
afterEach(async () => void (await Promise.all(open.splice(0).map((one) => one.close()))))

function started<T extends { close(): Promise<void> }>(one: T): T {
  open.push(one)
  return one
}

function candidates(count: number, name = (n: number) => `Plan; "${n}"`): Candidate[] {
  return Array.from({ length: count }, (_, n) => {
    const at = new Date(Date.UTC(2026, 2, 28, 22) + n * 60_000)
    const { text, personalText } = buildEntry({
      recordedAt: at,
      occurredAt: at,
      action: 'file.view',
      outcome: 'allowed',
      actor: { kind: 'person' },
      target: { type: 'file', id: `file-${n}` },
      source: 'device',
      personal: { targetName: name(n) },
    })
    return toCandidate({ index: n, recordedAt: at, text, personal: personalText })
  })
}

async function taken(made: AsyncIterable<MadeRows> | Iterable<MadeRows>, into: { events: string; leaves: string }) {
  for await (const { events, leaves } of made) {
    into.events += Buffer.from(events).toString('latin1')
    into.leaves += Buffer.from(leaves).toString('hex')
  }
}

/** Two parts, one block ahead as a part's writer is. */
async function parts(rows: PartRows, blocks: readonly RowBlock[]) {
  const made = []
  for (let part = 0; part < 2; part++) {
    const own = { events: '', leaves: '' }
    let before: AsyncIterable<MadeRows> | Iterable<MadeRows> = []
    for (const block of blocks) {
      const next = rows.add(block, part, block.count)
      await taken(before, own)
      before = next
    }
    await taken(before, own)
    const { events, days } = await rows.end()
    made.push({ ...own, events: own.events + Buffer.from(events).toString('latin1'), days })
  }
  return made
}

describe('rows of a thread', () => {
  it.each<BundleFormat>(['csv', 'ndjson', 'parquet'])(
    'are those that are made here, part after part (%s)',
    async (format) => {
      const blocks = [RowBlock.of(candidates(1_300)), RowBlock.of(candidates(3)), RowBlock.of(candidates(600))]
      const here = await parts(new RowMaker({ format, timeZone, mask: null }), blocks)
      expect(Object.keys(here[0]?.days ?? {})).toEqual(['2026-03-28', '2026-03-29'])
      expect(await parts(started(new RowThread({ format, timeZone })), blocks)).toEqual(here)
    },
  )

  it('are read where they are, in shared memory', async () => {
    const own = RowBlock.of(candidates(20))
    const bytes = Buffer.from(new SharedArrayBuffer(own.bytes.length))
    bytes.set(own.bytes)
    const { count, indexes, recordedAt, marks } = own
    const shared = RowBlock.ofSent({ count, bytes, indexes, recordedAt, marks })
    const rows = started(new RowThread({ format: 'csv', timeZone }))
    expect(await parts(rows, [shared])).toEqual(
      await parts(new RowMaker({ format: 'csv', timeZone, mask: null }), [own]),
    )
    expect(shared.bytes.length).toBe(own.bytes.length)
  })

  it('that cannot be made fail with the reason, and so does everything after', async () => {
    const [row] = candidates(1)
    if (!row) throw new Error('no row')
    const rows = started(new RowThread({ format: 'ndjson', timeZone }))
    const made = rows.add(RowBlock.of([{ ...row, text: '{"action":' }]), 0, 1)
    await expect(taken(made, { events: '', leaves: '' })).rejects.toThrow(SyntaxError)
    await expect(Promise.resolve(rows.end())).rejects.toThrow(SyntaxError)
  })

  it('end when they are given up; whoever waits for them hears of it', async () => {
    const rows = started(new RowThread({ format: 'csv', timeZone }))
    const made = taken(rows.add(RowBlock.of(candidates(5_000)), 0, 5_000), { events: '', leaves: '' })
    const failed = expect(made).rejects.toThrow(/ended/)
    await rows.close()
    await failed
  })
})

describe('rows of an export', () => {
  const threads = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length

  it('are made in one thread for all parts where there are many, here where they are few; nothing of it is left', async () => {
    const before = threads()
    const [many, few] = [RowBlock.of(candidates(4_000)), RowBlock.of(candidates(2))]
    for (const blocks of [[few], [many, few]]) {
      const rows = started(new ExportRows({ format: 'csv', timeZone, mask: null }))
      const here = await parts(new RowMaker({ format: 'csv', timeZone, mask: null }), blocks)
      expect(await parts(rows, blocks)).toEqual(here)
      expect(threads() - before).toBe(blocks.length === 1 ? 0 : 1)
      await rows.close()
      expect(threads()).toBe(before)
    }
  })

  it('are masked here', async () => {
    const rows = started(
      new ExportRows({ format: 'csv', timeZone, mask: ({ entry }) => ({ ...entry, labels: [] }) as never }),
    )
    const before = threads()
    const [made] = await parts(rows, [RowBlock.of(candidates(4_000))])
    expect(made?.events).toContain('file-3999')
    expect(threads()).toBe(before)
  })
})
