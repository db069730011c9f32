import { z } from 'zod'
import { sealFile } from '#protocol/device/seal.ts'
import { releaseFile } from '#server/content/commands.ts'
import { listDeviceFiles } from '#server/content/queries.ts'
import { parseInput } from '#server/kernel/fields.ts'
import type { AuthenticatedDevice } from '../device-auth.ts'
import { deviceRoute, type Gateway } from '../gateway.ts'
import { limitConcurrency, limitUntaken } from './concurrency.ts'
import { releaseRoutes, sealKeyOf } from './releases.ts'

/** A file stands in memory several times while it is sealed. */
const SEALED = { atOnce: 4, waiting: 64, detail: 'Too many files are being sealed.' }

/** Files of one device, each as large as a file in one piece may be. */
const UNTAKEN = 4

const fileParams = z.object({ id: z.string() })
const fileQuery = z.object({ purpose: z.enum(['view', 'download'], 'must be view or download').default('view') })
const listQuery = z.object({ cursor: z.string('must be given once').max(500).optional() })

/** The files of the device's person, and each of them sealed to the device's own key: as a whole, or as a release. */
export function fileRoutes(gateway: Gateway): void {
  deviceRoute(gateway, { method: 'GET', url: '/files', access: 'approved' }, async ({ device, request }) =>
    listDeviceFiles(device.actor, parseInput(listQuery, request.query)),
  )

  const atOnce = limitConcurrency(SEALED)
  const untaken = limitUntaken(UNTAKEN)
  deviceRoute(gateway, { method: 'GET', url: '/files/:id', access: 'approved' }, async ({ device, request, reply }) => {
    const { id: fileId } = parseInput(fileParams, request.params)
    const { purpose } = parseInput(fileQuery, request.query)
    untaken(device.actor.deviceId, reply.raw)
    const jwe = await atOnce(() => release(device, fileId, purpose))
    return reply.type('application/jose').send(jwe)
  })

  releaseRoutes(gateway)
}

/** The entry is durable before anything is sealed, let alone sent. */
async function release(
  { actor, sealJwk }: AuthenticatedDevice,
  fileId: string,
  purpose: 'view' | 'download',
): Promise<string> {
  const sealKey = await sealKeyOf(sealJwk)
  const { content } = await releaseFile(actor, { fileId, purpose })
  const { tenantId, deviceId, enrollmentId } = actor
  return sealFile(content, sealKey, { tenantId, deviceId, enrollmentId, fileId })
}
