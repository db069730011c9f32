import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { base64Encode } from '#lib/bytes.ts'
import { signCheckpoint } from './checkpoint.ts'
import { generateNoteKey, type NoteSigner, noteSigner, signNote } from './note.ts'
import {
  isPurgeCertificate,
  mergeRanges,
  type PurgeCertificate,
  purgedBy,
  signPurgeCertificate,
  verifyPurgeCertificate,
} from './purge-certificate.ts'

const ORIGIN = 'localhost:8443/log/T'
const keys: { signer?: NoteSigner } = {}

beforeAll(async () => {
  keys.signer = await noteSigner((await generateNoteKey(ORIGIN)).skey)
})

async function make(more: Partial<PurgeCertificate> = {}, size = 1_000) {
  const { signer } = keys
  if (!signer) throw new Error('no key')
  const checkpoint = await signCheckpoint({ origin: ORIGIN, size, root: new Uint8Array(32) }, signer)
  const removed = more.removed ?? [
    { from: 3, to: 5 },
    { from: 700, to: 900 },
  ]
  const certificate: PurgeCertificate = {
    id: 'id',
    tenantId: 'T',
    origin: ORIGIN,
    class: 'activity',
    removed,
    count: removed.reduce((sum, { from, to }) => sum + to - from, 0),
    firstRecordedAt: '2026-01-01T00:00:00.000Z',
    lastRecordedAt: '2026-01-02T00:00:00.000Z',
    leaves: base64Encode(new Uint8Array(32)),
    retentionDays: 30,
    holds: [{ id: 'h', name: 'Case-7', kept: 312 }],
    certifiedAt: '2026-03-01T00:00:00.000Z',
    checkpoint,
    ...more,
  }
  return { certificate, signer, vkey: signer.vkey, note: await signPurgeCertificate(certificate, signer) }
}

describe('a purge certificate', () => {
  it('says what it said, and which entries may be missing', async () => {
    const { certificate, note, vkey } = await make()
    expect(isPurgeCertificate(note)).toBe(true)
    const read = await verifyPurgeCertificate(note, { vkey })
    expect(read).toEqual(certificate)
    const isPurged = purgedBy([read])
    expect([2, 3, 4, 5, 699, 700, 899, 900].filter(isPurged)).toEqual([3, 4, 700, 899])
  })

  it('altered, of another log or signed by another key, is refused', async () => {
    const { note, vkey } = await make()
    const other = await generateNoteKey(ORIGIN)
    await expect(verifyPurgeCertificate(note.replace('Case-7', 'Case-8'), { vkey })).rejects.toThrow('does not hold')
    await expect(verifyPurgeCertificate(note, { vkey, origin: 'else' })).rejects.toThrow('not of else')
    await expect(verifyPurgeCertificate(note, { vkey: other.vkey })).rejects.toThrow('is not signed by')
  })

  it('whose figures contradict each other, or that goes beyond what was signed, is refused', async () => {
    const wrong = await make({ count: 1 })
    await expect(verifyPurgeCertificate(wrong.note, wrong)).rejects.toThrow('contradict')
    const beyond = await make({}, 899)
    await expect(verifyPurgeCertificate(beyond.note, beyond)).rejects.toThrow('goes to entry 899')
  })

  it('is no checkpoint, and a checkpoint is none', async () => {
    const { certificate, signer, vkey } = await make()
    await expect(verifyPurgeCertificate(certificate.checkpoint, { vkey })).rejects.toThrow('the note is no')
    const empty = await signNote('gatehouse.audit/purge@v1\n{}\n', [signer])
    await expect(verifyPurgeCertificate(empty, { vkey })).rejects.toThrow('has not the form')
  })

  it('holds any ranges', async () => {
    const step = fc.tuple(fc.nat(300), fc.integer({ min: 1, max: 70_000 }))
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
        let at = 0
        const removed = steps.map(([gap, length]) => {
          const from = at + gap
          at = from + length
          return { from, to: at }
        })
        const { note, vkey } = await make({ removed }, at)
        expect((await verifyPurgeCertificate(note, { vkey })).removed).toEqual(removed)
      }),
      { numRuns: 25 },
    )
  })
})

describe('ranges', () => {
  it('are merged where they overlap or touch', () => {
    const ranges = [
      { from: 8, to: 9 },
      { from: 0, to: 4 },
      { from: 4, to: 6 },
      { from: 1, to: 2 },
    ]
    expect(mergeRanges(ranges)).toEqual([
      { from: 0, to: 6 },
      { from: 8, to: 9 },
    ])
  })
})
