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

  /** Bodies made before the clock runs. */
  prepare(batches: number, change: (seq: number) => object = () => ({})): Buffer[] {
    return Array.from({ length: batches }, () => {
      const body = Buffer.from(eventLines(this.#next, BATCH, (seq) => ({ ...variety(seq), ...change(seq) })))
      this.#next += BATCH
      return body
    })
  }

  async send(bodies: readonly Buffer[]): Promise<void> {
    for (const body of bodies) {
      const { status, json, text } = await this.#device.call({
        method: 'POST',
        path: '/events',
        body,
        type: 'application/x-ndjson',
      })
      if (status !== 200 || (json.rejected as unknown[]).length > 0)
        throw new Error(`events answered ${status}: ${text.slice(0, 300)}`)
    }
  }

  close(): void {
    this.#device.close()
  }
}

/** Events a second, acknowledged. */
export async function sendAll(senders: readonly Sender[], batches: number): Promise<number> {
  const bodies = senders.map((sender) => sender.prepare(batches))
  const startedMs = performance.now()
  await Promise.all(senders.map((sender, n) => sender.send(bodies[n] ?? [])))
  return (senders.length * batches * BATCH) / ((performance.now() - startedMs) / 1000)
}
