import { existsSync, readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { base64Encode, concatBytes, utf8Encode } from '#lib/bytes.ts'
import {
  cosignedText,
  formatCheckpoint,
  openCheckpoint,
  parseCheckpoint,
  signCheckpoint,
  verifyCosignatures,
} from './checkpoint.ts'
import { appendLeaves, emptyTree, leafHash, partialTiles, rootOf } from './merkle.ts'
import { proveConsistency, proveInclusion } from './merkle-prove.ts'
import { verifyConsistency } from './merkle-verify.ts'
import {
  addSignature,
  formatVkey,
  generateNoteKey,
  keyIdOf,
  NoteError,
  noteKeyFromSeed,
  noteSigner,
  openNote,
  parseNote,
  parseVkey,
  SIGNATURE_TYPES,
  signNote,
} from './note.ts'
import { formatTlogProof, parseTlogProof, verifyTlogProof } from './proof.ts'
import { decodeBundle, encodeBundle, formatTilePath, parseTilePath, splitTile, tileWidth } from './tiles.ts'

const OWN = JSON.parse(readFileSync(new URL('../vectors/log.json', import.meta.url), 'utf8')) as {
  seedHex: string
  vkey: string
  skey: string
  entries: string[]
  checkpoint: string
  proofOfEntry: number
  proof: string
}

describe('tile paths', () => {
  test.each([
    [{ level: 0, index: 0, width: 256 }, 'tile/0/000'],
    [{ level: 0, index: 1_234_067, width: 256 }, 'tile/0/x001/x234/067'],
    [{ level: 2, index: 999, width: 3 }, 'tile/2/999.p/3'],
    [{ level: 'entries', index: 1000, width: 255 }, 'tile/entries/x001/000.p/255'],
  ] as const)('%o is %s', (tile, path) => {
    expect(formatTilePath(tile)).toBe(path)
    expect(parseTilePath(path)).toEqual(tile)
  })

  test.each([
    'tile/00/000',
    'tile/64/000',
    'tile/0/x000/001',
    'tile/0/1',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/01',
    'tile/0/001/000',
    'tile/0/000/',
    'tile/-1/000',
    '/tile/0/000',
    'tile/data/000',
    `tile/0/${'x999/'.repeat(6)}999`,
  ])('%s is refused', (path) => {
    expect(parseTilePath(path)).toBeNull()
  })

  test('widths of the specification for 70,000 leaves', () => {
    expect(tileWidth(0, 272, 70_000)).toBe(256)
    expect(tileWidth(0, 273, 70_000)).toBe(112)
    expect(tileWidth('entries', 273, 70_000)).toBe(112)
    expect(tileWidth(0, 274, 70_000)).toBe(0)
    expect(tileWidth(1, 1, 70_000)).toBe(17)
    expect(tileWidth(2, 0, 70_000)).toBe(1)
  })
})

describe('entry bundles', () => {
  test('come back as they were', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 30 }), (entries) => {
        expect(decodeBundle(encodeBundle(entries))).toEqual(entries)
      }),
    )
  })

  test('an entry too long and a torn bundle are refused', () => {
    expect(() => encodeBundle([new Uint8Array(65_536)])).toThrow(RangeError)
    expect(decodeBundle(encodeBundle([new Uint8Array(65_535)]))).toHaveLength(1)
    const bytes = encodeBundle([utf8Encode('one'), utf8Encode('two')])
    for (let cut = 1; cut < 5; cut++) expect(() => decodeBundle(bytes.subarray(0, -cut))).toThrow('entry 1')
  })
})

describe('notes', () => {
  test('the example of the specification has the form of a note', () => {
    const note = parseNote(
      'Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n',
    )
    expect(note.text.endsWith('sera.\n')).toBe(true)
    expect(note.signatures).toMatchObject([{ name: 'quasimodo.example/salvatore', keyId: 0x367ba04b }])
  })

  test('what is signed verifies, and one changed character does not', async () => {
    const { skey, vkey } = await generateNoteKey('example.org/log/one')
    const other = await generateNoteKey('example.org/log/two')
    const note = await signNote('first\n\nlast\n', [await noteSigner(other.skey), await noteSigner(skey)])
    expect((await openNote(note, vkey)).text).toBe('first\n\nlast\n')
    await expect(openNote(note.replace('first', 'First'), vkey)).rejects.toThrow('does not hold')
    const stranger = await generateNoteKey('example.org/log/one')
    await expect(openNote(note, stranger.vkey)).rejects.toThrow('not signed by')
  })

  test.each([
    ['without signatures', 'text\n'],
    ['no newline at the end', 'text\n\n— a.example AAAAAAE='],
    ['a control character', 'te\tt\n\n— a.example AAAAAAE=\n'],
    ['a hyphen for the dash', 'text\n\n- a.example AAAAAAE=\n'],
    ['a plus in the name', 'text\n\n— a+b AAAAAAE=\n'],
    ['a signature of nothing', 'text\n\n— a.example AAAAAA==\n'],
    ['bad base64', 'text\n\n— a.example AAAAAAF=\n'],
  ])('%s is refused', (_, note) => {
    expect(() => parseNote(note)).toThrow(NoteError)
  })

  test('keys with a wrong id, type or length are refused', async () => {
    const { vkey, skey } = await generateNoteKey('example.org/log')
    const [name = '', id = '', key = ''] = vkey.split(/\+(.{8})\+(.*)/s)
    expect(parseVkey(vkey).name).toBe('example.org/log')
    expect(() => parseVkey(`${name}+00000000+${key}`)).toThrow('key id')
    expect(() => parseVkey(`${name}+${id}+${key.slice(0, -4)}`)).toThrow('33 are needed')
    expect(() => parseVkey(`${name}x+${id}+${key}`)).toThrow('key id')
    await expect(noteSigner(vkey)).rejects.toThrow('PRIVATE+KEY+')
    await expect(noteSigner(skey.replace('example', 'elsewhere'))).rejects.toThrow('key id')
  })
})

describe('checkpoints', () => {
  test.each([
    ['two lines', 'o\n1\n'],
    ['a leading zero', `o\n01\n${base64Encode(new Uint8Array(32))}\n`],
    ['a negative size', `o\n-1\n${base64Encode(new Uint8Array(32))}\n`],
    ['a short root', `o\n1\n${base64Encode(new Uint8Array(31))}\n`],
    ['no origin', `\n1\n${base64Encode(new Uint8Array(32))}\n`],
    ['an empty extension', `o\n1\n${base64Encode(new Uint8Array(32))}\n\n`],
  ])('%s is refused', (_, text) => {
    expect(() => parseCheckpoint(text)).toThrow(NoteError)
  })

  test('another log is refused', async () => {
    const { skey, vkey } = await generateNoteKey('example.org/log/T')
    const head = { origin: 'example.org/log/other', size: 0, root: rootOf(emptyTree()) }
    const note = await signCheckpoint(head, await noteSigner(skey))
    await expect(openCheckpoint(note, vkey)).rejects.toThrow('not of example.org/log/T')
    expect((await openCheckpoint(note, vkey, head.origin)).checkpoint.size).toBe(0)
  })

  test('cosignatures of known witnesses are verified, of others ignored', async () => {
    const { skey, vkey } = await generateNoteKey('example.org/log/T')
    const note = await signCheckpoint(
      { origin: 'example.org/log/T', size: 0, root: rootOf(emptyTree()) },
      await noteSigner(skey),
    )
    const witness = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])
    const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', witness.publicKey))
    const keyId = keyIdOf('w.example', SIGNATURE_TYPES.cosignature, publicKey)
    const witnessVkey = formatVkey({ name: 'w.example', keyId, type: SIGNATURE_TYPES.cosignature, publicKey })
    const time = new Uint8Array(8)
    new DataView(time.buffer).setBigUint64(0, 1_800_000_000n)
    const message = utf8Encode(cosignedText(1_800_000_000, parseNote(note).text))
    const raw = new Uint8Array(await crypto.subtle.sign('Ed25519', witness.privateKey, message))
    const cosigned = addSignature(note, { name: 'w.example', keyId, signature: concatBytes(time, raw) })
    const opened = await openCheckpoint(cosigned, vkey)
    expect(await verifyCosignatures(opened.note, [witnessVkey])).toEqual([
      { name: 'w.example', timestampSeconds: 1_800_000_000 },
    ])
    expect(await verifyCosignatures(opened.note, [])).toEqual([])
    const late = addSignature(note, { name: 'w.example', keyId, signature: concatBytes(new Uint8Array(8), raw) })
    await expect(verifyCosignatures(parseNote(late), [witnessVkey])).rejects.toThrow('does not hold')
  })
})

test('own vectors: a key, a checkpoint and a proof', async () => {
  const seed = Uint8Array.from({ length: 32 }, (_, i) => i)
  expect(await noteKeyFromSeed('gatehouse.example/log/vector', seed)).toEqual({ skey: OWN.skey, vkey: OWN.vkey })
  const hashes = OWN.entries.map((entry) => leafHash(utf8Encode(entry)))
  const { state } = appendLeaves(emptyTree(), hashes)
  const head = { origin: 'gatehouse.example/log/vector', size: hashes.length, root: rootOf(state) }
  const checkpoint = await signCheckpoint(head, await noteSigner(OWN.skey))
  expect(checkpoint).toBe(OWN.checkpoint)
  const [tile] = partialTiles(state)
  const proof = await proveInclusion(OWN.proofOfEntry, hashes.length, () => tile?.bytes ?? new Uint8Array(0))
  const extra = utf8Encode(OWN.entries[OWN.proofOfEntry] ?? '')
  const text = formatTlogProof({ index: OWN.proofOfEntry, hashes: proof, checkpoint, extra })
  expect(text).toBe(OWN.proof)
  expect(parseTlogProof(text)).toEqual({ index: OWN.proofOfEntry, hashes: proof, checkpoint, extra })
  expect((await verifyTlogProof({ proof: text, vkey: OWN.vkey })).entry).toEqual(extra)
  await expect(verifyTlogProof({ proof: text, vkey: OWN.vkey, entry: utf8Encode('other') })).rejects.toThrow(
    `not number ${OWN.proofOfEntry}`,
  )
  const bare = formatTlogProof({ index: OWN.proofOfEntry, hashes: proof, checkpoint })
  await expect(verifyTlogProof({ proof: bare, vkey: OWN.vkey })).rejects.toThrow('does not carry its entry')
  for (const spoilt of [text.replace('@v1', '@v2'), text.replace('index ', 'index 0'), text.replace('\n\n', '\n')]) {
    expect(() => parseTlogProof(spoilt)).toThrow(NoteError)
  }
})

// A small log of transparency-dev/tessera, where it lies beside the repository.
const TESSERA = new URL('../../../shared/vectors/tessera/log/', import.meta.url).pathname
const TESSERA_VKEY = 'example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx'

describe.runIf(existsSync(TESSERA))('a log written by another program', () => {
  // The body runs even where the suite is skipped.
  const sizes = existsSync(TESSERA) ? readdirSync(`${TESSERA}tile/0/000.p`).map(Number) : [1]
  const read = (path: string) => new Uint8Array(readFileSync(`${TESSERA}${path}`))

  test.each(sizes)('size %i: bundle, tile, root and signature agree', async (size) => {
    const hashes = decodeBundle(read(formatTilePath({ level: 'entries', index: 0, width: size }))).map(leafHash)
    expect(hashes).toEqual(splitTile(read(formatTilePath({ level: 0, index: 0, width: size })), size))
    const { checkpoint } = await openCheckpoint(readFileSync(`${TESSERA}checkpoint.${size}`, 'utf8'), TESSERA_VKEY)
    expect(checkpoint.size).toBe(size)
    expect(rootOf(appendLeaves(emptyTree(), hashes).state)).toEqual(checkpoint.root)
  })

  test('each checkpoint extends the one before', async () => {
    const open = async (size: number) =>
      (await openCheckpoint(readFileSync(`${TESSERA}checkpoint.${size}`, 'utf8'), TESSERA_VKEY)).checkpoint
    for (let to = 1; to <= 15; to++) {
      const [older, newer] = await Promise.all([open(to - 1), open(to)])
      const proof = await proveConsistency(to - 1, to, (level, index, width) =>
        read(formatTilePath({ level, index, width })),
      )
      expect(verifyConsistency({ from: to - 1, to, fromRoot: older.root, toRoot: newer.root, proof })).toBe(true)
    }
    expect(formatCheckpoint(await open(15))).toBe(parseNote(readFileSync(`${TESSERA}checkpoint`, 'utf8')).text)
  })
})
