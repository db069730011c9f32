import { z } from 'zod'
import { DeviceProtocolError } from '#protocol/device/error.ts'
import { importSealKey } from '#protocol/device/keys.ts'
import { sealFile } from '#protocol/device/seal.ts'
import { releaseFile } from '#server/content/commands.ts'
import { listDeviceFiles } from '#server/content/queries.ts'
import { AppError } from '#server/kernel/errors.ts'
import { parseInput } from '#server/kernel/fields.ts'
import type { AuthenticatedDevice } from '../device-auth.ts'
import { deviceRoute, type Gateway } from '../gateway.ts'

/** A file stands in memory several times while it is sealed. */
const SEALED_AT_ONCE = 4
const MAX_WAITING = 64

const fileParams = z.object({ id: z.string() })
const fileQuery = z.object({ purpose: z.enum(['view', 'download'], 'must be view or download').default('view') })
const listQuery = z.object({ cursor: z.string('must be given once').max(500).optional() })

/** The files of the device's person, and each of them sealed to the device's own key. */
export function fileRoutes(gateway: Gateway): void {
  deviceRoute(gateway, { method: 'GET', url: '/files', access: 'approved' }, async ({ device, request }) =>
    listDeviceFiles(device.actor, parseInput(listQuery, request.query)),
  )

  const atOnce = limitConcurrency()
  deviceRoute(gateway, { method: 'GET', url: '/files/:id', access: 'approved' }, async ({ device, request, reply }) => {
    const { id: fileId } = parseInput(fileParams, request.params)
    const { purpose } = parseInput(fileQuery, request.query)
    const jwe = await atOnce(() => release(device, fileId, purpose))
    return reply.type('application/jose').send(jwe)
  })
}

/** The entry is durable before anything is sealed, let alone sent. */
async function release(
  { actor, sealJwk }: AuthenticatedDevice,
  fileId: string,
  purpose: 'view' | 'download',
): Promise<string> {
  const sealKey = await importSealKey(sealJwk).catch(refuseKey)
  const { content } = await releaseFile(actor, { fileId, purpose })
  const { tenantId, deviceId, enrollmentId } = actor
  return sealFile(content, sealKey, { tenantId, deviceId, enrollmentId, fileId })
}

function refuseKey(cause: unknown): never {
  if (!(cause instanceof DeviceProtocolError)) throw cause
  throw new AppError('conflict', { detail: 'The seal key on record is no point of P-256: rotate the keys.', cause })
}

/** @throws AppError unavailable when too many wait */
function limitConcurrency() {
  let running = 0
  const waiting: (() => void)[] = []
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (waiting.length >= MAX_WAITING)
      throw new AppError('unavailable', { detail: 'Too many files are being sealed.', retryAfter: 3 })
    if (running >= SEALED_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      // The place is handed on; only the last one gives it back.
      if (next) next()
      else running--
    }
  }
}
