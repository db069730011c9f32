import { describe, expect, test } from 'vitest'
import { signCheckpoint } from './checkpoint.ts'
import { buildEntry } from './entry.ts'
import { appendLeaves, emptyTree, leafHash, partialTiles, rootOf } from './merkle.ts'
import { generateNoteKey, noteSigner } from './note.ts'
import { type LogItem, verifyLog } from './verify.ts'

const ORIGIN = 'gatehouse.example/log/T'
const SIZE = 600
const KEY = await generateNoteKey(ORIGIN)

function item(i: number, words = `event ${i}`): LogItem {
  const at = new Date(1_800_000_000_000 + i)
  const { bytes, personal } = buildEntry({
    recordedAt: at,
    occurredAt: at,
    action: 'file.view',
    outcome: 'allowed',
    actor: { kind: 'system' },
    source: 'server',
    personal: { words },
  })
  return { bytes, personal }
}

const LOG = Array.from({ length: SIZE }, (_, i) => item(i))
const hashesOf = (log: readonly LogItem[]) => log.map(({ bytes }) => leafHash(bytes))
const { state: TREE, fullTiles } = appendLeaves(emptyTree(), hashesOf(LOG))
const TILES = [...fullTiles, ...partialTiles(TREE)].filter(({ level }) => level === 0)
const readLeafTile = (index: number) => TILES[index]?.bytes ?? null

async function checkpointAt(size: number): Promise<string> {
  const root = rootOf(appendLeaves(emptyTree(), hashesOf(LOG.slice(0, size))).state)
  return signCheckpoint({ origin: ORIGIN, size, root }, await noteSigner(KEY.skey))
}

const HEAD = { checkpoint: await checkpointAt(SIZE), vkey: KEY.vkey }
const changed = (index: number, by: LogItem) => LOG.map((original, i) => (i === index ? by : original))

describe('verifying a log', () => {
  test('a true log holds, with and without tiles and personal values', async () => {
    const earlierCheckpoints = await Promise.all([500, 0, 256, 1].map(checkpointAt))
    expect(await verifyLog({ ...HEAD, entries: LOG, readLeafTile, earlierCheckpoints })).toMatchObject({
      ok: true,
      checkpoint: { size: SIZE },
      personalChecked: SIZE,
    })
    const bare = LOG.map(({ bytes }) => ({ bytes }))
    expect(await verifyLog({ ...HEAD, entries: bare })).toMatchObject({ ok: true, personalChecked: 0 })
    expect(await verifyLog({ checkpoint: await checkpointAt(0), vkey: KEY.vkey, entries: [] })).toMatchObject({
      ok: true,
    })
  })

  test('a replaced entry is named by its tile, or else by the last checkpoint that still holds', async () => {
    const entries = changed(417, item(417, 'another story'))
    expect(await verifyLog({ ...HEAD, entries, readLeafTile })).toMatchObject({
      ok: false,
      code: 'tile_mismatch',
      index: 417,
    })
    expect(await verifyLog({ ...HEAD, entries })).toMatchObject({ ok: false, code: 'root_mismatch', index: 0 })
    const earlierCheckpoints = await Promise.all([256, 400, 500].map(checkpointAt))
    expect(await verifyLog({ ...HEAD, entries, earlierCheckpoints })).toMatchObject({
      code: 'root_mismatch',
      index: 400,
    })
  })

  test('a tile forged together with its entry does not help', async () => {
    const entries = changed(300, item(300, 'forged'))
    const forged = appendLeaves(emptyTree(), hashesOf(entries))
    const tiles = [...forged.fullTiles, ...partialTiles(forged.state)].filter(({ level }) => level === 0)
    const verdict = await verifyLog({ ...HEAD, entries, readLeafTile: (index) => tiles[index]?.bytes ?? null })
    expect(verdict).toMatchObject({ ok: false, code: 'root_mismatch' })
  })

  test('a missing, an added and two exchanged entries are named', async () => {
    expect(await verifyLog({ ...HEAD, entries: LOG.slice(0, -1) })).toMatchObject({ code: 'entry_missing', index: 599 })
    expect(await verifyLog({ ...HEAD, entries: [...LOG, item(600)] })).toMatchObject({
      code: 'entry_surplus',
      index: 600,
    })
    const exchanged = LOG.with(10, item(11)).with(11, item(10))
    expect(await verifyLog({ ...HEAD, entries: exchanged, readLeafTile })).toMatchObject({ index: 10 })
  })

  test('personal values that were altered and bytes that are no entry are named', async () => {
    const [first] = LOG
    const lied = changed(7, { bytes: LOG[7]?.bytes ?? new Uint8Array(0), personal: first?.personal })
    expect(await verifyLog({ ...HEAD, entries: lied })).toMatchObject({ code: 'personal_mismatch', index: 7 })
    const torn = changed(8, { bytes: new Uint8Array(3) })
    expect(await verifyLog({ ...HEAD, entries: torn })).toMatchObject({ code: 'entry_malformed', index: 8 })
  })

  test('another key, another log and a shortened one are refused', async () => {
    const stranger = await generateNoteKey(ORIGIN)
    expect(await verifyLog({ ...HEAD, vkey: stranger.vkey, entries: LOG })).toMatchObject({
      code: 'checkpoint_invalid',
    })
    expect(await verifyLog({ ...HEAD, origin: 'elsewhere', entries: LOG })).toMatchObject({
      code: 'checkpoint_invalid',
    })
    const shortened = { checkpoint: await checkpointAt(100), vkey: KEY.vkey, earlierCheckpoints: [HEAD.checkpoint] }
    expect(await verifyLog({ ...shortened, entries: LOG.slice(0, 100) })).toMatchObject({
      code: 'entry_missing',
      index: 100,
    })
  })
})
