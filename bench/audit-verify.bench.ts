/**
 * Entries a second verified by one thread, from memory: form, personal values, every tile, tree, signature; against a bare loop
 * that makes the same hash calls and nothing else. Then the inclusion proof of one entry among five million, tiles in the database.
 */
import { hash } from 'node:crypto'
import pg from 'pg'
import { hexEncode, utf8Encode } from '#lib/bytes.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { signCheckpoint } from '#protocol/audit/checkpoint.ts'
import { buildEntry } from '#protocol/audit/entry.ts'
import { appendLeaves, emptyTree, leafHash, nodeHash, partialTiles, rootOf, type Tile } from '#protocol/audit/merkle.ts'
import { generateNoteKey, noteSigner } from '#protocol/audit/note.ts'
import { sha256, sha256Base64url } from '#protocol/audit/sha256.ts'
import { encodeTreeState } from '#protocol/audit/tree-state.ts'
import { type VerifyLogOptions, verifyLog } from '#protocol/audit/verify.ts'
import { getInclusionProof } from '#server/audit/queries.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { foundOrganisation, makePlace } from './place.ts'
import { median, type Run, report } from './report.ts'

const ENTRIES = Number(process.env.BENCH_ENTRIES ?? 200_000)
const RUNS = Number(process.env.BENCH_RUNS ?? 5)
const LEAVES = Number(process.env.BENCH_LEAVES ?? 5_000_000)
const PROOFS = 400

type Item = { bytes: Uint8Array; personal: string }

const IDS = Array.from({ length: 400 }, () => uuidv7())
const pick = (n: number) => IDS[n % IDS.length] ?? ''

/** A day of an organisation: people, devices, files; five hundred entries share the time of their transaction. */
function makeItem(n: number): Item {
  const recordedAt = new Date(1_790_000_000_000 + Math.floor(n / 500) * 1_000)
  const { bytes, personal } = buildEntry({
    recordedAt,
    occurredAt: new Date(recordedAt.getTime() - (n % 900)),
    action: n % 3 === 0 ? 'file.download' : 'file.view',
    outcome: n % 11 === 0 ? 'denied' : 'allowed',
    actor: { kind: 'person', id: pick(n) },
    device: { id: pick(n * 7) },
    target: { type: 'file', id: pick(n * 13) },
    labels: ['internal', `team-${n % 9}`],
    policy: { id: pick(1), version: 3, rule: 'data.file.view' },
    source: 'device',
    personal: {
      actorName: `Person ${n % 400}`,
      deviceName: `Pixel ${n % 90}`,
      targetName: `报告 ${n % 800} quarter.pdf`,
      address: `10.2.${n % 250}.7`,
      senderId: pick(n * 17),
    },
  })
  return { bytes, personal: JSON.stringify(personal) }
}

async function makeLog(): Promise<{ items: Item[]; options: VerifyLogOptions }> {
  const items = Array.from({ length: ENTRIES }, (_, n) => makeItem(n))
  const { state, fullTiles } = appendLeaves(
    emptyTree(),
    items.map(({ bytes }) => leafHash(bytes)),
  )
  const tiles = new Map<string, Tile>()
  for (const tile of [...fullTiles, ...partialTiles(state)]) tiles.set(`${tile.level}/${tile.index}`, tile)
  const { skey, vkey } = await generateNoteKey('bench.example/log/T')
  const head = { origin: 'bench.example/log/T', size: ENTRIES, root: rootOf(state) }
  const checkpoint = await signCheckpoint(head, await noteSigner(skey))
  const entries = Array.from({ length: Math.ceil(ENTRIES / 1_024) }, (_, i) => ({
    first: i * 1_024,
    items: items.slice(i * 1_024, (i + 1) * 1_024),
  }))
  const readTile = (level: number, index: number) => tiles.get(`${level}/${index}`)?.bytes ?? null
  return { items, options: { checkpoint, vkey, entries, readTile } }
}

async function verified(options: VerifyLogOptions): Promise<number> {
  const startedMs = performance.now()
  const verdict = await verifyLog(options)
  if (!verdict.ok || verdict.personalChecked !== ENTRIES)
    throw new Error(`the log does not hold: ${JSON.stringify(verdict)}`)
  return ENTRIES / ((performance.now() - startedMs) / 1_000)
}

/** A leaf, its personal values, and one inner node an entry: what any verifier must hash, with Node's one-shot hash. */
function hashed(items: readonly Item[]): number {
  const startedMs = performance.now()
  const [leaf, node] = [Buffer.of(0), Buffer.of(1)]
  let last: Uint8Array = hash('sha256', '', 'buffer')
  for (const { bytes, personal } of items) {
    const leafHash = hash('sha256', Buffer.concat([leaf, bytes]), 'buffer')
    hash('sha256', personal, 'base64url')
    last = hash('sha256', Buffer.concat([node, last, leafHash]), 'buffer')
  }
  return items.length / ((performance.now() - startedMs) / 1_000)
}

/** The same loop with the protocol's own SHA-256, which is faster than what Node's callers usually write. */
function hashedByUs(items: readonly Item[]): number {
  const startedMs = performance.now()
  let last: Uint8Array = sha256(new Uint8Array(0))
  for (const { bytes, personal } of items) {
    const leaf = leafHash(bytes)
    sha256Base64url(personal)
    last = nodeHash(last, leaf)
  }
  return items.length / ((performance.now() - startedMs) / 1_000)
}

/** Five million leaves in the database: their tiles and the head, no entries. */
async function growTree(superuser: pg.Client, tenantId: string): Promise<void> {
  let state = emptyTree()
  const counter = new Uint8Array(8)
  await superuser.query('DELETE FROM audit_tile WHERE tenant_id = $1', [tenantId])
  while (state.size < LEAVES) {
    const count = Math.min(65_536, LEAVES - state.size)
    const leaves = Array.from({ length: count }, (_, i) => {
      new DataView(counter.buffer).setBigUint64(0, BigInt(state.size + i))
      return sha256(counter)
    })
    const grown = appendLeaves(state, leaves)
    state = grown.state
    await superuser.query(
      `INSERT INTO audit_tile (tenant_id, level, number, hashes)
       SELECT $1, l, n, decode(h, 'hex') FROM unnest($2::smallint[], $3::bigint[], $4::text[]) AS t(l, n, h)`,
      [
        tenantId,
        grown.fullTiles.map(({ level }) => level),
        grown.fullTiles.map(({ index }) => index),
        grown.fullTiles.map(({ bytes }) => hexEncode(bytes)),
      ],
    )
  }
  await superuser.query('UPDATE audit_head SET size = $2, tree = $3 WHERE tenant_id = $1', [
    tenantId,
    LEAVES,
    Buffer.from(encodeTreeState(state)),
  ])
}

async function proofTimes(actor: PersonActor): Promise<number[]> {
  const times: number[] = []
  for (let n = 0; n < PROOFS; n++) {
    const index = Math.floor(((n * 0.618_033_988_75) % 1) * LEAVES)
    const startedMs = performance.now()
    await getInclusionProof(actor, { index, size: LEAVES })
    times.push(performance.now() - startedMs)
  }
  // The first ones open connections.
  return times.slice(20).sort((a, b) => a - b)
}

async function measureProofs(): Promise<string> {
  const place = await makePlace()
  const superuser = new pg.Client({ connectionString: place.adminUrl })
  try {
    await superuser.connect()
    await superuser.query('SET session_replication_role = replica')
    const owner = await foundOrganisation('Bench')
    await growTree(superuser, owner.tenantId)
    const times = await proofTimes(owner)
    const at = (share: number) => (times[Math.floor(share * (times.length - 1))] ?? 0).toFixed(1)
    return `median ${at(0.5)} ms, p95 ${at(0.95)} ms, slowest ${at(1)} ms`
  } finally {
    await superuser.end()
    await place.stop()
  }
}

const { items, options } = await makeLog()
await verified(options)
hashed(items)
hashedByUs(items)
const runs: Run[] = []
const strict: number[] = []
for (let n = 0; n < RUNS; n++) {
  const ours = await verified(options)
  runs.push({ ours, baseline: hashed(items) })
  strict.push(ours / hashedByUs(items))
}
const bytes = items.reduce((sum, item) => sum + item.bytes.length + utf8Encode(item.personal).length, 0) / ENTRIES
report({
  name: 'audit-verify',
  unit: 'entries/s',
  runs,
  notes: {
    ours: `verifyLog on one thread: ${ENTRIES} entries of ${Math.round(bytes)} bytes with their personal values, tiles of all levels`,
    baseline: 'the same hash calls alone, node:crypto one-shot: leaf, personal values, one inner node an entry',
    'against the same loop with the protocol’s own, faster SHA-256': median(strict).toFixed(3),
    [`inclusion proof at ${LEAVES.toLocaleString('en')} entries`]: await measureProofs(),
  },
})
