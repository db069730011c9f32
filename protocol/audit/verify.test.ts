import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { signCheckpoint } from './checkpoint.ts'
import { buildEntry } from './entry.ts'
import { appendLeaves, emptyTree, leafHash, partialTiles, rootOf, type Tile } from './merkle.ts'
import { generateNoteKey, noteSigner } from './note.ts'
import { type LogItem, type VerifyLogOptions, verifyLog } from './verify.ts'
import { readKnownCheckpoints } from './verify-known.ts'
import { decodeMemory, encodeMemory } from './verify-memory.ts'

const ORIGIN = 'gatehouse.example/log/T'
const SIZE = 600
const KEY = await generateNoteKey(ORIGIN)
const START = 1_800_000_000_000
const time = (ms: number) => new Date(START + ms).toISOString()

/** An entry recorded `ms` after the log began. */
function item(ms: number, words = `event ${ms}`): LogItem {
  const at = new Date(START + ms)
  const { bytes, personal } = buildEntry({
    recordedAt: at,
    occurredAt: at,
    action: 'file.view',
    outcome: 'allowed',
    actor: { kind: 'system' },
    source: 'server',
    personal: { words },
  })
  return { bytes, personal: JSON.stringify(personal) }
}

type Log = readonly LogItem[]
const LOG: Log = Array.from({ length: SIZE }, (_, i) => item(i))
const leavesOf = (log: Log) => log.map(({ bytes }) => leafHash(bytes))

async function signed(log: Log, size = log.length, key = KEY): Promise<string> {
  const root = rootOf(appendLeaves(emptyTree(), leavesOf(log.slice(0, size))).state)
  return signCheckpoint({ origin: ORIGIN, size, root }, await noteSigner(key.skey))
}

/** The tiles that a server of this log would publish. */
function tilesOf(log: Log) {
  const { state, fullTiles } = appendLeaves(emptyTree(), leavesOf(log))
  const tiles = new Map(
    [...fullTiles, ...partialTiles(state)].map((tile: Tile) => [`${tile.level}/${tile.index}`, tile]),
  )
  return (level: number, index: number, width: number) =>
    tiles.get(`${level}/${index}`)?.bytes.subarray(0, 32 * width) ?? new Uint8Array(0)
}

const batches = (log: Log) => [{ first: 0, items: log }]
const HEAD = { checkpoint: await signed(LOG), vkey: KEY.vkey }

function check(log: Log, more: Partial<VerifyLogOptions> = {}) {
  return verifyLog({ ...HEAD, entries: batches(log), readTile: tilesOf(LOG), ...more })
}

/** Everything made again over other entries, signatures too, as whoever stole the key could. */
async function checkResigned(log: Log, more: Partial<VerifyLogOptions> = {}) {
  return verifyLog({
    vkey: KEY.vkey,
    checkpoint: await signed(log),
    entries: batches(log),
    readTile: tilesOf(log),
    ...more,
  })
}

const memory = await (async () => {
  const verdict = await check(LOG, { rememberAt: new Date(START + SIZE) })
  if (!verdict.ok || !verdict.memory) throw new Error('a true log does not hold')
  return decodeMemory(encodeMemory(verdict.memory))
})()

const removed = LOG.toSpliced(123, 1)
const added = LOG.toSpliced(123, 0, item(123, 'slipped in'))
const altered = LOG.with(300, item(300, 'another story'))
const exchanged = LOG.with(400, LOG[401] ?? item(0)).with(401, LOG[400] ?? item(0))
const moved = [...LOG.slice(0, 50), ...LOG.slice(51, 60), LOG[50] ?? item(0), ...LOG.slice(60)]

describe('a true log', () => {
  test('holds, with and without tiles, personal values, earlier checkpoints and memory', async () => {
    const known = await Promise.all([500, 0, 256, 1, 600].map(async (size) => ({ note: await signed(LOG, size) })))
    expect(await check(LOG, { known, memory })).toMatchObject({
      ok: true,
      checkpoint: { size: SIZE },
      personalChecked: SIZE,
      purged: 0,
    })
    const bare = LOG.map(({ bytes }) => ({ bytes }))
    expect(await check(bare, { readTile: undefined })).toMatchObject({ ok: true, personalChecked: 0 })
    expect(await checkResigned([])).toMatchObject({ ok: true, checkpoint: { size: 0 } })
  })

  test('of any size, in any batches, with any earlier checkpoint; and one changed bit of a tile of any level is named', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: SIZE }),
        fc.nat(),
        fc.integer({ min: 1, max: 300 }),
        async (size, any, by) => {
          const log = LOG.slice(0, size)
          const entries = Array.from({ length: Math.ceil(size / by) }, (_, i) => ({
            first: i * by,
            items: log.slice(i * by, (i + 1) * by),
          }))
          const known = [{ note: await signed(log, any % size) }]
          expect(await checkResigned(log, { entries, known })).toMatchObject({ ok: true })
          const read = tilesOf(log)
          const spoilt = any % 2 === 0 || size < 256 ? 0 : 1
          const readTile: typeof read = (level, index, width) => {
            const tile = read(level, index, width).slice()
            if (level === spoilt && index === 0) tile[0] = (tile[0] ?? 0) ^ 1
            return tile
          }
          expect(await checkResigned(log, { entries, known, readTile })).toMatchObject({
            code: 'tile_altered',
            index: 0,
          })
        },
      ),
      { numRuns: 25 },
    )
  })

  test('newest entries that are not signed yet belong to it', async () => {
    const log = [...LOG, item(600), item(601)]
    const readTile = tilesOf(log)
    expect(await check(log, { size: 602, readTile })).toMatchObject({ ok: true, checkpoint: { size: 600 } })
    expect(await check(log.with(601, item(7)), { size: 602, readTile })).toMatchObject({
      code: 'entry_altered',
      index: 601,
    })
    expect(await check([...log, item(9)], { size: 602, readTile })).toMatchObject({ code: 'entry_added', index: 602 })
  })

  test('what was removed with a certificate is passed over, its hash is not', async () => {
    const entries = [
      { first: 0, items: LOG.slice(0, 100) },
      { first: 200, items: LOG.slice(200) },
    ]
    const mayBeMissing = (index: number) => index >= 100 && index < 200
    expect(await check(LOG, { entries, mayBeMissing })).toMatchObject({ ok: true, purged: 100 })
    expect(await check(LOG, { entries })).toMatchObject({ code: 'entry_removed', index: 100, until: 199 })
    expect(await check(LOG, { entries, mayBeMissing: (index) => mayBeMissing(index) && index !== 150 })).toMatchObject({
      code: 'entry_removed',
      index: 150,
    })
    expect(await check(LOG, { entries, mayBeMissing, readTile: undefined })).toMatchObject({
      code: 'tile_altered',
      index: 100,
    })
    expect(await check(LOG, { entries, mayBeMissing, readTile: tilesOf(LOG.with(150, item(0))) })).toMatchObject({
      code: 'root_mismatch',
    })
  })
})

describe('with the published hashes intact, each attack is named by its index', () => {
  test.each([
    ['an altered entry', altered, { code: 'entry_altered', index: 300 }],
    ['two entries altered', altered.with(7, item(8)), { code: 'entry_altered', index: 7 }],
    ['a removed entry, what follows moved up', removed, { code: 'entry_removed', index: 123 }],
    ['several removed entries', LOG.toSpliced(123, 40), { code: 'entry_removed', index: 123, until: 162 }],
    ['an added entry, what follows moved down', added, { code: 'entry_added', index: 123 }],
    ['an entry more at the end', [...LOG, item(600)], { code: 'entry_added', index: 600 }],
    ['two entries exchanged', exchanged, { code: 'entries_reordered', index: 400, until: 401 }],
    ['an entry moved', moved, { code: 'entries_reordered', index: 50, until: 59 }],
    ['a cut tail', LOG.slice(0, 550), { code: 'tail_cut', index: 550, until: 599 }],
    ['bytes that are no entry', LOG.with(8, { bytes: new Uint8Array(3) }), { code: 'entry_altered', index: 8 }],
    [
      'personal values of another',
      LOG.with(9, { ...LOG[9], bytes: LOG[9]?.bytes ?? new Uint8Array(0), personal: LOG[8]?.personal }),
      { code: 'personal_mismatch', index: 9 },
    ],
    [
      'personal values that are no JSON',
      LOG.with(9, { bytes: LOG[9]?.bytes ?? new Uint8Array(0), personal: '{' }),
      { code: 'personal_mismatch', index: 9 },
    ],
  ])('%s', async (_, log, found) => {
    const verdict = await check(log)
    expect(verdict).toMatchObject({ ok: false, ...found })
    expect(verdict.ok || verdict.problems.filter(({ index }) => index !== found.index)).toHaveLength(
      log === altered.with(7, item(8)) || found.index === 7 ? 1 : 0,
    )
    const known = await Promise.all([100, 256, 450].map(async (size) => ({ note: await signed(LOG, size) })))
    expect(await check(log, { known })).toMatchObject({ ok: false, ...found })
  })

  test('a gap names all that is missing and goes on behind it', async () => {
    const entries = [
      { first: 0, items: altered.slice(0, 123) },
      { first: 124, items: altered.slice(124, 590) },
    ]
    const verdict = await check(LOG, { entries })
    expect(verdict.ok || verdict.problems.map(({ code, index }) => [code, index])).toEqual([
      ['entry_removed', 123],
      ['entry_altered', 300],
      ['tail_cut', 590],
    ])
    expect(await check(LOG, { entries, readTile: undefined })).toMatchObject({ code: 'entry_removed', index: 123 })
  })

  test('a tile that is gone is named, the entries hold', async () => {
    const read = tilesOf(LOG)
    const readTile: typeof read = (level, index, width) =>
      level === 0 && index === 1 ? new Uint8Array(0) : read(level, index, width)
    const verdict = await check(LOG, { readTile })
    expect(verdict.ok || verdict.problems).toMatchObject([{ code: 'tile_altered', index: 256, until: 511 }])
  })
})

describe('with the hashes forged, too', () => {
  const forged = { readTile: tilesOf(altered) }

  test('nothing kept: somewhere in the log; kept checkpoints: between two of them, or exactly', async () => {
    expect(await check(altered, forged)).toMatchObject({ code: 'root_mismatch', index: 0, until: 599 })
    const known = await Promise.all([256, 298, 305].map(async (size) => ({ note: await signed(LOG, size) })))
    expect(await check(altered, { ...forged, known })).toMatchObject({ code: 'root_mismatch', index: 298, until: 304 })
    const nearer = [...known, { note: await signed(LOG, 300) }, { note: await signed(LOG, 301) }]
    const exact = await check(altered, { ...forged, known: nearer })
    expect(exact).toMatchObject({ code: 'root_mismatch', index: 300 })
    expect(exact).not.toHaveProperty('until')
  })

  test('hashes that are not the signed ones blame no entry', async () => {
    const verdict = await check(altered, { readTile: tilesOf(LOG.with(200, item(200, 'another forgery'))) })
    expect(verdict.ok || verdict.problems).toMatchObject([{ code: 'root_mismatch', index: 0, until: 599 }])
  })

  test('a hash of level 1 that was forgotten names 256 entries', async () => {
    const [whole, part] = [tilesOf(LOG), tilesOf(altered)]
    const readTile: typeof whole = (level, index, width) => (level === 0 ? part : whole)(level, index, width)
    expect(await check(altered, { readTile })).toMatchObject({ code: 'entry_altered', index: 256, until: 511 })
  })

  test('remembered: the very entry, whatever was done and signed again', async () => {
    expect(await check(altered, { ...forged, memory })).toMatchObject({ code: 'entry_altered', index: 300 })
    const attacks = [
      [altered, { code: 'entry_altered', index: 300 }],
      [removed, { code: 'entry_removed', index: 123 }],
      [added, { code: 'entry_added', index: 123 }],
      [exchanged, { code: 'entries_reordered', index: 400, until: 401 }],
      [moved, { code: 'entries_reordered', index: 50, until: 59 }],
      [LOG.slice(0, 550), { code: 'tail_cut', index: 550, until: 599 }],
    ] as const
    for (const [log, found] of attacks) {
      const verdict = await checkResigned(log, { memory })
      expect(verdict).toMatchObject({ ok: false, ...found })
      expect(verdict.ok || verdict.problems).toHaveLength(1)
      expect(await checkResigned([...log, item(700), item(701)], { memory })).toMatchObject({
        ok: false,
        index: found.index,
      })
    }
  })

  test('signed again with a stolen key: two histories, between two kept checkpoints', async () => {
    const known = await Promise.all([200, 290, 310, 600].map(async (size) => ({ note: await signed(LOG, size) })))
    expect(await checkResigned(altered)).toMatchObject({ ok: true })
    expect(await checkResigned(altered, { known })).toMatchObject({ code: 'fork', index: 290, until: 309 })
    expect(await checkResigned(removed, { known })).toMatchObject({ code: 'fork', index: 0, until: 199 })
    const shortened = await checkResigned(LOG.slice(0, 100), { known })
    expect(shortened).toMatchObject({ code: 'tail_cut', index: 100, until: 599 })
  })
})

describe('an older state that was restored and went on', () => {
  // From 500 entries on, an hour later.
  const forked = [...LOG.slice(0, 500), ...Array.from({ length: 150 }, (_, i) => item(3_600_000 + i))]

  test('is a fork where it splits: by the memory, or by the time at which a checkpoint was kept', async () => {
    const verdict = await checkResigned(forked, { memory })
    expect(verdict).toMatchObject({ code: 'fork', index: 500 })
    expect(verdict.ok || verdict.problems).toHaveLength(1)
    const known = await Promise.all([450, 590].map(async (size) => ({ note: await signed(LOG, size), at: time(size) })))
    expect(await checkResigned(forked, { known })).toMatchObject({ code: 'fork', index: 500 })
    const undated = known.map(({ note }) => ({ note }))
    expect(await checkResigned(forked, { known: undated })).toMatchObject({ code: 'fork', index: 450, until: 589 })
  })

  test('also while it is still shorter than what was signed', async () => {
    const short = forked.slice(0, 550)
    const known = [{ note: await signed(LOG), at: time(600) }]
    for (const more of [{ known }, { memory }]) {
      const verdict = await checkResigned(short, more)
      expect(verdict).toMatchObject({ code: 'fork', index: 500 })
      expect(verdict.ok || verdict.problems).toHaveLength(1)
    }
    // The database's own view: it has 550 entries, 600 were signed.
    const view = await check(short, { readTile: tilesOf(short), known })
    expect(view).toMatchObject({ code: 'fork', index: 500 })
  })

  test('a clock that ran ahead is no fork while the tree holds', async () => {
    const known = [{ note: await signed(LOG, 300), at: time(10) }]
    expect(await check(LOG, { known })).toMatchObject({ ok: true })
    expect(await checkResigned(LOG.with(450, item(1)), { known: [...known, { note: HEAD.checkpoint }] })).toMatchObject(
      {
        code: 'fork',
        index: 300,
        until: 599,
      },
    )
  })
})

describe('what is not this log', () => {
  test('another key, another log, a kept checkpoint with a false signature', async () => {
    const stranger = await generateNoteKey(ORIGIN)
    expect(await check(LOG, { vkey: stranger.vkey })).toMatchObject({ code: 'checkpoint_invalid' })
    expect(await check(LOG, { origin: 'elsewhere' })).toMatchObject({ code: 'checkpoint_invalid' })
    const note = await signed(altered, 400, stranger)
    expect(await check(LOG, { known: [{ note }] })).toMatchObject({ code: 'checkpoint_invalid' })
    const many = await Promise.all(Array.from({ length: 70 }, async (_, i) => ({ note: await signed(LOG, i + 1) })))
    expect(await check(LOG, { known: [...many, { note }] })).toMatchObject({ code: 'checkpoint_invalid' })
  })

  test('a state file that is torn, of another version or against its own checkpoint is refused', async () => {
    const bytes = encodeMemory(memory)
    expect(decodeMemory(bytes)).toEqual(memory)
    expect(() => decodeMemory(bytes.subarray(1))).toThrow('not whole')
    expect(() => decodeMemory(new Uint8Array(0))).toThrow('not whole')
    expect(() => decodeMemory(encodeMemory({ ...memory, size: 5 }))).toThrow('contradicts')
    const blocks = memory.blocks.map((byte) => byte ^ 1)
    expect(() => decodeMemory(encodeMemory({ ...memory, blocks }))).toThrow('contradicts')
  })

  test('kept checkpoints are read from a note, several notes, the published list and a proof', async () => {
    const [a, b] = [await signed(LOG, 5), await signed(LOG, 9)]
    expect(readKnownCheckpoints(a)).toEqual([{ note: a }])
    expect(readKnownCheckpoints(`${a}\n${b}`)).toEqual([{ note: a }, { note: b }])
    const line = JSON.stringify({ size: 9, note: b, signedAt: time(9) })
    expect(readKnownCheckpoints(`${line}\n{"size":1\n`)).toEqual([{ note: b, at: time(9) }])
    expect(() => readKnownCheckpoints('nothing\n')).toThrow('no checkpoint')
  })
})
