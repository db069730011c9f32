import { z } from 'zod'
import { compactJose } from '#protocol/device/fields.ts'
import { acceptReceipt, markCommandsDelivered, type WaitingCommand, waitingCommands } from '#server/devices/commands.ts'
import type { DeviceActor } from '#server/kernel/actor.ts'
import { parseInput } from '#server/kernel/fields.ts'
import { connectionOf, deviceRoute, type Gateway, POLICY_VERSION_HEADER } from '../gateway.ts'
import type { CommandStreams } from '../streams.ts'

const MAX_RECEIPT_BYTES = 16 * 1024

const waitQuery = z.object({
  wait: z
    .string()
    .regex(/^\d{1,2}$/, 'must be 0 to 60 seconds')
    .transform(Number)
    .pipe(z.number().max(60, 'must be 0 to 60 seconds'))
    .default(0),
})
const receiptBody = z
  .string('must be a compact JWS (application/jose)')
  .transform((text) => text.trim())
  .pipe(compactJose(3, MAX_RECEIPT_BYTES))
const receiptParams = z.object({ id: z.string() })

/** Orders to the device, as a stream or a list, and its signed answers. Blocked and erased devices are served, too. */
export function commandRoutes(gateway: Gateway): void {
  deviceRoute(gateway, { method: 'GET', url: '/commands', access: 'any' }, async ({ device, request, reply }) => {
    const { actor } = device
    if (!/\btext\/event-stream\b/i.test(request.headers.accept ?? '')) {
      const { wait } = parseInput(waitQuery, request.query)
      const items = await waitFor(gateway.streams, actor, {
        wait,
        isGone: () => request.raw.socket.destroyed,
        signal: request.signal,
      })
      await markCommandsDelivered(actor, items)
      return { items: items.map(({ jws }) => jws) }
    }
    reply.hijack()
    const tls = connectionOf(gateway, request.raw)
    gateway.streams.open(
      actor,
      reply.raw,
      { [POLICY_VERSION_HEADER]: String(device.policyVersion) },
      {
        onBeat: () => gateway.presence.seen(actor, tls),
        onEnd: () => gateway.presence.seen(actor, tls, { left: true }),
      },
    )
  })

  deviceRoute(
    gateway,
    { method: 'POST', url: '/commands/:id/receipt', access: 'any', bodyLimit: MAX_RECEIPT_BYTES },
    async ({ device, request }) => {
      const { id: commandId } = parseInput(receiptParams, request.params)
      const jws = parseInput(receiptBody, request.body)
      return acceptReceipt(device.actor, { commandId, jws })
    },
  )
}

type Wait = { wait: number; isGone: () => boolean; signal: AbortSignal }

/** What waits, at once or as soon as there is something. The ear is put up before looking: nothing falls between. */
async function waitFor(
  streams: CommandStreams,
  actor: DeviceActor,
  { wait, isGone, signal }: Wait,
): Promise<WaitingCommand[]> {
  const untilMs = performance.now() + wait * 1_000
  for (;;) {
    const leftMs = untilMs - performance.now()
    const wake = leftMs > 0 ? streams.nextWake(actor, leftMs, signal) : undefined
    const items = await waitingCommands(actor)
    if (items.length > 0 || !wake || isGone() || streams.isClosed) return items
    if (!(await wake)) return []
  }
}
