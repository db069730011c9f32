import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { base64Decode } from '#lib/bytes.ts'
import { openCheckpoint, verifyCosignatures } from '#protocol/audit/checkpoint.ts'
import { verifyConsistency } from '#protocol/audit/merkle-verify.ts'
import { verifyTlogProof } from '#protocol/audit/proof.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { now, testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { signHead } from '../checkpoints.ts'
import { addWitness, removeAnchor } from '../commands.ts'
import { readSigner } from '../log-key.ts'
import { getEventProof, getLogFile, getTlogProof, getTrust } from '../queries.ts'
import { waitingAnchors } from './anchors.ts'
import { offerCheckpoint } from './offer.ts'

const db = useDatabase()
const HOUR = 3_600_000

/** Answers in the place of the witness. */
type Twist = (response: ServerResponse, body: string) => unknown

/** A witness of our own making, from the text of c2sp.org/tlog-witness; `twist` makes a wrong one of it. */
class Witness {
  readonly name = 'witness.example/w1'
  readonly vkey: string
  readonly seen = new Map<string, { size: number; root: string }>()
  logKey: { vkey: string } | null = null
  requests: string[] = []
  twist: Twist | null = null
  clockMs = 0
  readonly #key: KeyObject
  readonly #keyId: Buffer
  readonly #server: Server

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
    const typed = Buffer.concat([Buffer.from([4]), raw])
    this.#key = privateKey
    this.#keyId = createHash('sha256').update(`${this.name}\n`).update(typed).digest().subarray(0, 4)
    this.vkey = `${this.name}+${this.#keyId.toString('hex')}+${typed.toString('base64')}`
    this.#server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        this.requests.push(body)
        if (this.twist) {
          this.twist(response, body)
          return
        }
        void this.#answer(body).then(([status, text, type = 'text/plain']) =>
          response.writeHead(status, { 'content-type': type }).end(text),
        )
      })
    })
  }

  async listen(): Promise<void> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done))
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  get url(): string {
    const address = this.#server.address()
    return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/prefix`
  }

  async #answer(body: string): Promise<[number, string, string?]> {
    const split = body.indexOf('\n\n')
    const [old = '', ...hashes] = body.slice(0, split).split('\n')
    const note = body.slice(split + 2)
    if (!this.logKey) return [404, '']
    const opened = await openCheckpoint(note, this.logKey.vkey).catch(() => null)
    if (!opened) return [403, '']
    const { origin, size, root } = opened.checkpoint
    const oldSize = Number(/^old (\d+)$/.exec(old)?.[1])
    if (!(oldSize <= size)) return [400, '']
    const latest = this.seen.get(origin) ?? { size: 0, root: '' }
    if (latest.size !== oldSize) return [409, `${latest.size}\n`, 'text/x.tlog.size']
    const proof = hashes.map(base64Decode)
    const isConsistent =
      oldSize === 0
        ? proof.length === 0
        : verifyConsistency({ from: oldSize, to: size, fromRoot: base64Decode(latest.root), toRoot: root, proof })
    if (!isConsistent) return oldSize === size ? [409, `${latest.size}\n`, 'text/x.tlog.size'] : [422, '']
    this.seen.set(origin, { size, root: Buffer.from(root).toString('base64') })
    return [200, this.cosign(opened.note.text)]
  }

  cosign(text: string, { spoil = false } = {}): string {
    const seconds = Math.floor((now().getTime() + this.clockMs) / 1_000)
    const time = Buffer.alloc(8)
    time.writeBigUInt64BE(BigInt(seconds))
    const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`), this.#key)
    if (spoil) signature[5] = (signature[5] ?? 0) ^ 1
    return `— ${this.name} ${Buffer.concat([this.#keyId, time, signature]).toString('base64')}\n`
  }
}

let witness: Witness

beforeAll(() => {
  process.env.GATEHOUSE_WITNESS_NETWORKS = '127.0.0.1/32'
})
afterAll(() => {
  delete process.env.GATEHOUSE_WITNESS_NETWORKS
})
afterEach(() => {
  witness?.close()
  testingOnlyResetClock()
})

async function grow(tenantId: string, entries: number): Promise<void> {
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'test' }, async () => ({
    result: null,
    audit: Array.from({ length: entries }, () => ({ action: 'key.rotate' as const })),
  }))
  await signHead(tenantId)
}

async function add(owner: PersonActor, input: { url: string; vkey: string }): Promise<{ id: string }> {
  // The factor is that of the moment, wherever a test has moved the clock.
  return addWitness(owner, input, { stepUpGrantId: await makeGrant(owner, addWitness.requestHash(input)) })
}

/** An organisation with a signed log, and a witness that knows its key. */
async function makeWitnessed(size = 300) {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  await grow(tenantId, size)
  witness = new Witness()
  await witness.listen()
  witness.logKey = await readSigner(tenantId)
  const { id } = await add(owner, witness)
  const offer = async () => {
    for (const anchor of await waitingAnchors('witness'))
      if (anchor.tenantId === tenantId) await offerCheckpoint(anchor)
  }
  const trust = () => getTrust(owner, {})
  /** What stands in the way of the only witness. */
  const problem = async () => (await trust()).anchors[0]?.problem
  return { tenantId, owner, id, offer, trust, problem }
}

describe('offering to a witness', () => {
  it('works: cosigned, shown, served and in the proof of an event; the next with a proof of consistency', async () => {
    const { tenantId, owner, offer, trust } = await makeWitnessed()
    expect(await trust()).toMatchObject({ state: 'ok', isIntact: false, anchored: null })
    await offer()
    const first = await trust()
    expect(first).toMatchObject({
      isIntact: true,
      anchored: { kind: 'witness', name: witness.name, size: first.checkpoints[0]?.size },
    })
    expect(first.checkpoints[0]?.cosignatures).toMatchObject([{ name: witness.name }])
    await grow(tenantId, 700)
    await offer()
    expect(witness.requests.map((body) => body.split('\n')[0])).toEqual(['old 0', `old ${first.checkpoints[0]?.size}`])
    const served = Buffer.from((await getLogFile(owner, { path: 'checkpoint' })).body).toString()
    const opened = await openCheckpoint(served, witness.logKey?.vkey ?? '')
    expect(await verifyCosignatures(opened.note, [witness.vkey])).toHaveLength(1)
    const [event] = await readLog(db, tenantId)
    const eventId = event?.entry.id ?? ''
    const { text } = await getTlogProof(owner, { eventId })
    expect(text).toContain(`— ${witness.name} `)
    await verifyTlogProof({ proof: text, vkey: witness.logKey?.vkey ?? '' })
    expect(await getEventProof(owner, { eventId })).toMatchObject({ witnessed: { name: witness.name } })
  })

  it('is intact for a day: a log that does not grow is shown again, else it is self-checked', async () => {
    const { offer, trust } = await makeWitnessed()
    await offer()
    testingOnlyAdvanceClock(23 * HOUR)
    expect(await trust()).toMatchObject({ isIntact: true })
    testingOnlyAdvanceClock(2 * HOUR)
    expect(await trust()).toMatchObject({ state: 'ok', isIntact: false, anchored: { name: witness.name } })
    await offer()
    expect(await trust()).toMatchObject({ isIntact: true })
    // A clock that went back cannot tell how old it is.
    testingOnlyAdvanceClock(-25 * HOUR)
    expect(await trust()).toMatchObject({ isIntact: false })
  })

  it('is not intact when what is stored no longer continues what was cosigned', async () => {
    const { tenantId, offer, trust } = await makeWitnessed()
    await offer()
    await grow(tenantId, 5)
    const other = await makeTenant()
    await grow(other, 3)
    expect(await trust()).toMatchObject({ isIntact: true })
    await db.superuser.query(
      `UPDATE audit_checkpoint SET note = (SELECT note FROM audit_checkpoint WHERE tenant_id = $2 LIMIT 1) WHERE tenant_id = $1 AND size = $3`,
      [tenantId, other, (await trust()).anchored?.size],
    )
    expect(await trust()).toMatchObject({ state: 'different', isIntact: false })
  })

  it('409: its size is taken over; a size that we do not reach is said and alarms', async () => {
    const { tenantId, offer, trust, problem } = await makeWitnessed()
    await offer()
    const { size = 0 } = witness.seen.get((await trust()).origin) ?? {}
    await db.superuser.query('UPDATE audit_anchor_state SET size = 7 WHERE tenant_id = $1', [tenantId])
    await grow(tenantId, 1)
    await offer()
    expect(witness.requests.slice(-2).map((body) => body.split('\n')[0])).toEqual(['old 7', `old ${size}`])
    expect(await problem()).toBeNull()
    witness.seen.set((await trust()).origin, { size: 99_999, root: '' })
    await grow(tenantId, 1)
    await offer()
    expect((await trust()).anchors[0]).toMatchObject({ problem: 'ahead', detail: '99999' })
  })

  it('409 at the same size: it has seen another log', async () => {
    const { offer, trust, problem } = await makeWitnessed()
    await offer()
    const { origin } = await trust()
    witness.seen.set(origin, { size: witness.seen.get(origin)?.size ?? 0, root: Buffer.alloc(32).toString('base64') })
    testingOnlyAdvanceClock(7 * HOUR)
    await offer()
    expect(await problem()).toBe('differs')
  })

  const answers: [what: string, problem: string, twist: Twist][] = [
    ['another size each time', 'conflict', (response) => response.writeHead(409).end(`${witness.requests.length}\n`)],
    ['a conflict without a size', 'bad_answer', (response) => response.writeHead(409).end('no\n')],
    ['no signature of its own', 'bad_answer', (response) => response.end('— other.example AAAAAAE=\n')],
    ['nothing', 'bad_answer', (response) => response.end()],
    [
      'a spoilt signature',
      'bad_signature',
      (response, body) => response.end(witness.cosign(`${body.split('\n\n')[1]}\n`, { spoil: true })),
    ],
    ['a huge answer', 'too_large', (response) => response.end('x'.repeat(20_000))],
    ['a redirect', 'redirect', (response) => response.writeHead(307, { location: witness.url }).end()],
    ['404', 'unknown_log', (response) => response.writeHead(404).end()],
    ['403', 'unknown_key', (response) => response.writeHead(403).end()],
    ['422', 'inconsistent', (response) => response.writeHead(422).end()],
    ['400', 'refused', (response) => response.writeHead(400).end()],
    ['503', 'unreachable', (response) => response.writeHead(503).end()],
    ['a broken connection', 'unreachable', (response) => response.destroy()],
  ]
  it.each(answers)('%s: %s', async (_what, problem, twist) => {
    const { offer, trust } = await makeWitnessed(3)
    witness.twist = twist
    await offer()
    expect(await trust()).toMatchObject({ isIntact: false, anchors: [{ problem, size: null }] })
  })

  it('after a failure the next attempt waits, each time twice as long; then it is as before', async () => {
    const { offer, problem } = await makeWitnessed(3)
    witness.twist = (response) => response.writeHead(500).end()
    await offer()
    await offer()
    expect(witness.requests).toHaveLength(1)
    testingOnlyAdvanceClock(11_000)
    await offer()
    testingOnlyAdvanceClock(11_000)
    await offer()
    expect(witness.requests).toHaveLength(2)
    witness.twist = null
    testingOnlyAdvanceClock(11_000)
    await offer()
    expect(await problem()).toBeNull()
  })

  it('a witness whose clock is off says nothing about today', async () => {
    const { offer, trust } = await makeWitnessed(3)
    witness.clockMs = HOUR
    await offer()
    expect(await trust()).toMatchObject({ isIntact: false, anchors: [{ problem: 'bad_time' }] })
  })

  it('concurrent: one of two processes asks', async () => {
    const { offer } = await makeWitnessed(3)
    await Promise.all([offer(), offer(), offer()])
    expect(witness.requests).toHaveLength(1)
  })
})

describe('addWitness', () => {
  it('audit entry exact; removed it is asked no more', async () => {
    const { tenantId, owner, id, offer, trust } = await makeWitnessed(3)
    expect((await readLog(db, tenantId)).at(-1)).toMatchObject({
      entry: { action: 'tenant.update', outcome: 'allowed' },
      personal: { detail: { witness: { after: `${witness.name} ${witness.url}` } } },
    })
    const input = { anchorId: id }
    await removeAnchor(owner, input, { stepUpGrantId: await makeGrant(owner, removeAnchor.requestHash(input)) })
    await offer()
    expect(witness.requests).toEqual([])
    expect((await trust()).anchors).toEqual([])
  })

  it('invalid: another kind of key, or an address that may not be called; conflict: the same twice', async () => {
    const { tenantId, owner } = await makeWitnessed(3)
    const { url, vkey } = witness
    const logKey = (await readSigner(tenantId))?.vkey ?? ''
    await expect(add(owner, { url, vkey: logKey })).rejects.toMatchObject({ code: 'invalid' })
    for (const place of [
      'https://10.0.0.1',
      'https://[::1]',
      'https://2130706434',
      'http://192.0.2.1',
      'https://u@w.example',
      'ftp://w.example',
    ])
      await expect(add(owner, { url: place, vkey }), place).rejects.toMatchObject({ code: 'invalid' })
    await expect(add(owner, { url: `${url}/`, vkey })).rejects.toMatchObject({ code: 'conflict' })
  })

  it('refused: without the second factor, and to an administrator who is no owner', async () => {
    const { tenantId, owner } = await makeWitnessed(3)
    const input = { url: 'https://w.example', vkey: witness.vkey }
    await expect(addWitness(owner, input)).rejects.toMatchObject({ code: 'step_up_required' })
    await expect(addWitness(await makePerson(tenantId, { role: 'admin' }), input)).rejects.toMatchObject({
      code: 'forbidden',
    })
  })
})
