import { eventLines, ProtocolDevice } from '#gateway/test/protocol-device.ts'
import { uuidv7 } from '#lib/uuid.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import type { Place } from './place.ts'

export const BATCH = 500

const FILES = Array.from({ length: 2_000 }, (_, n) => ({
  type: 'file',
  id: uuidv7(),
  name: `report ${n} quarter ${n % 4}.pdf`,
}))
const ACTIONS = [
  'file.view',
  'file.view',
  'file.view',
  'file.download',
  'screenshot.attempt',
  'file.print',
  'file.forward',
  'file.copy',
]

/** Like a day of a person: some files, several actions, labels, a policy rule. */
function variety(seq: number): object {
  const action = ACTIONS[seq % ACTIONS.length]
  const policy = { id: FILES[0]?.id, version: 3, rule: `data.${action}` }
  return {
    id: uuidv7(),
    action,
    target: FILES[(seq * 7) % FILES.length],
    labels: ['internal', `team-${seq % 9}`],
    policy,
  }
}

/** What one request sends. */
export type Prepared = { body: Buffer; proof: string }

const REQUEST = { method: 'POST', path: '/events', type: 'application/x-ndjson' } as const

/** A device that sends events over TLS with DPoP, 500 a request. */
export class Sender {
  readonly #device: ProtocolDevice
  #next = 1

  private constructor(device: ProtocolDevice) {
    this.#device = device
  }

  static async enroll({ gatewayUrl, ca }: Place, owner: PersonActor): Promise<Sender> {
    return new Sender(await ProtocolDevice.enroll({ url: gatewayUrl, ca }, owner))
  }

  /** Bodies and proofs, made before the clock runs: a device's own work is not the log's. */
  prepare(batches: number, change: (seq: number) => object = () => ({})): Promise<Prepared[]> {
    const bodies = Array.from({ length: batches }, () => {
      const body = Buffer.from(eventLines(this.#next, BATCH, (seq) => ({ ...variety(seq), ...change(seq) })))
      this.#next += BATCH
      return body
    })
    return Promise.all(bodies.map(async (body) => ({ body, proof: await this.#device.proof(REQUEST) })))
  }

  async send(requests: readonly Prepared[]): Promise<void> {
    for (const { body, proof } of requests) {
      const { status, json, text } = await this.#device.call({ ...REQUEST, body, proof: { raw: proof } })
      if (status !== 200 || (json.rejected as unknown[]).length > 0)
        throw new Error(`events answered ${status}: ${text.slice(0, 300)}`)
    }
  }

  close(): void {
    this.#device.close()
  }
}

/** Events a second, acknowledged. `onReady` is called when the clock begins to run. */
export async function sendAll(senders: readonly Sender[], batches: number, onReady = () => {}): Promise<number> {
  const requests = await Promise.all(senders.map((sender) => sender.prepare(batches)))
  onReady()
  const startedMs = performance.now()
  await Promise.all(senders.map((sender, n) => sender.send(requests[n] ?? [])))
  return (senders.length * batches * BATCH) / ((performance.now() - startedMs) / 1000)
}
