import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { base64Decode } from '#lib/bytes.ts'
import { openCheckpoint, signCheckpoint, verifyCosignatures } from './checkpoint.ts'
import {
  addCosignatures,
  formatAddCheckpoint,
  parseWitnessSize,
  parseWitnessVkey,
  readCosignature,
} from './cosignature.ts'
import { NoteError, noteKeyFromSeed, noteSigner } from './note.ts'

// The cosignature was made by other people's code.
const VECTOR = JSON.parse(readFileSync(new URL('../vectors/cosignature.json', import.meta.url), 'utf8')) as {
  vkey: string
  checkpoint: string
  line: string
  timestampSeconds: number
  addCheckpoint: { oldSize: number; proof: string[]; body: string }
}

/** The log's own key and its signature on the vector's checkpoint. */
async function signedByLog(): Promise<{ vkey: string; note: string }> {
  const { skey, vkey } = await noteKeyFromSeed('gatehouse.example/log/vector', new Uint8Array(32).fill(7))
  const root = Uint8Array.from({ length: 32 }, (_, place) => place)
  return {
    vkey,
    note: await signCheckpoint({ origin: 'gatehouse.example/log/vector', size: 7, root }, await noteSigner(skey)),
  }
}

describe('cosignatures', () => {
  const { vkey, checkpoint: text, line, timestampSeconds } = VECTOR

  test('another implementation’s holds, among lines of others, and below our own signature', async () => {
    const log = await signedByLog()
    expect(log.note.startsWith(`${text}\n`)).toBe(true)
    const stranger = '— stranger.example AAAAAAE='
    const found = await readCosignature(log.note, `${stranger}\n${line}\n`, vkey)
    expect(found).toEqual({ line, timestampSeconds })
    const full = addCosignatures(log.note, [found.line])
    const { note, checkpoint } = await openCheckpoint(full, log.vkey)
    expect(checkpoint.size).toBe(7)
    expect(await verifyCosignatures(note, [vkey])).toEqual([{ name: 'witness.example/vector', timestampSeconds }])
  })

  test('another checkpoint, another time, no line of its own, or no whole line: refused', async () => {
    const { note } = await signedByLog()
    await expect(readCosignature(note.replace('\n7\n', '\n8\n'), `${line}\n`, vkey)).rejects.toThrow('does not hold')
    const later = line.replace('DcDJewAAAABrA', 'DcDJewAAAABrB')
    await expect(readCosignature(note, `${later}\n`, vkey)).rejects.toThrow('does not hold')
    await expect(readCosignature(note, '— stranger.example AAAAAAE=\n', vkey)).rejects.toThrow('no cosignature')
    for (const body of ['', '\n', line, `${line}\n\n`, 'garbage\n'])
      await expect(readCosignature(note, body, vkey), body).rejects.toThrow(NoteError)
  })

  test('a key that signs notes is no witness’s', async () => {
    expect(parseWitnessVkey(vkey).name).toBe('witness.example/vector')
    const { vkey: logKey } = await signedByLog()
    expect(() => parseWitnessVkey(logKey)).toThrow('type 4')
    expect(() => parseWitnessVkey('witness.example')).toThrow(NoteError)
  })
})

describe('add-checkpoint', () => {
  test('the body is that of the specification’s example', () => {
    const note = VECTOR.checkpoint
    const { oldSize, proof, body } = VECTOR.addCheckpoint
    expect(formatAddCheckpoint({ oldSize, proof: proof.map(base64Decode), note })).toBe(`${body}${note}`)
    expect(formatAddCheckpoint({ oldSize: 0, proof: [], note })).toBe(`old 0\n\n${note}`)
  })

  test('impossible sizes and proofs are refused', () => {
    for (const oldSize of [-1, 1.5, Number.NaN])
      expect(() => formatAddCheckpoint({ oldSize, proof: [], note: '' })).toThrow(RangeError)
    const proof = Array.from({ length: 64 }, () => new Uint8Array(32))
    expect(() => formatAddCheckpoint({ oldSize: 1, proof, note: '' })).toThrow('63')
  })

  test('the size of a conflict is one decimal line', () => {
    expect(parseWitnessSize('0\n')).toBe(0)
    expect(parseWitnessSize('20852014\n')).toBe(20_852_014)
    for (const body of ['', '1', '01\n', '-1\n', '1\n\n', '1 \n', 'x\n', '9999999999999999\n'])
      expect(() => parseWitnessSize(body), JSON.stringify(body)).toThrow(NoteError)
  })
})
