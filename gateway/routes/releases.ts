import { z } from 'zod'
import { DeviceProtocolError } from '#protocol/device/error.ts'
import { importSealKey } from '#protocol/device/keys.ts'
import { forwardRequestSchema, releaseRequestSchema } from '#protocol/device/messages.ts'
import { sealRelease } from '#protocol/device/release.ts'
import { createRelease, forwardFile } from '#server/content/commands.ts'
import { getReleaseChunk } from '#server/content/queries.ts'
import { AppError } from '#server/kernel/errors.ts'
import { parseInput } from '#server/kernel/fields.ts'
import { deviceRoute, type Gateway } from '../gateway.ts'
import { limitConcurrency, limitUntaken } from './concurrency.ts'

/** Each stands in memory a few times over while it is opened and sealed. */
const CHUNKS = { atOnce: 12, waiting: 500, detail: 'Too many chunks are being fetched.' }

/** Chunks of one device: two a file that is open, and some files. */
const UNTAKEN = 32

const fileParams = z.object({ id: z.string() })
const chunkParams = z.object({
  id: z.string(),
  number: z
    .string()
    .regex(/^(?:0|[1-9]\d{0,5})$/, 'must be the number of a chunk')
    .transform(Number),
})

/** Releases: the key to a content, sealed to the device, and then the content in chunks under that key. */
export function releaseRoutes(gateway: Gateway): void {
  deviceRoute(
    gateway,
    { method: 'POST', url: '/files/:id/releases', access: 'approved' },
    async ({ device, request, reply }) => {
      const { id: fileId } = parseInput(fileParams, request.params)
      const body = parseInput(releaseRequestSchema, request.body)
      const sealKey = await sealKeyOf(device.sealJwk)
      // The entry is durable before anything is sealed, let alone sent.
      const release = await createRelease(device.actor, { ...body, fileId })
      const jwe = await sealRelease(release, sealKey, device.actor)
      return reply.code(201).header('cache-control', 'no-store').type('application/jose').send(jwe)
    },
  )

  deviceRoute(
    gateway,
    { method: 'POST', url: '/files/:id/forward', access: 'approved' },
    async ({ device, request, reply }) => {
      const { id: fileId } = parseInput(fileParams, request.params)
      const body = parseInput(forwardRequestSchema, request.body)
      return reply.code(201).send(await forwardFile(device.actor, { ...body, fileId }))
    },
  )

  const atOnce = limitConcurrency(CHUNKS)
  const untaken = limitUntaken(UNTAKEN)
  deviceRoute(
    gateway,
    { method: 'GET', url: '/releases/:id/chunks/:number', access: 'approved' },
    async ({ device, request, reply }) => {
      const { id: releaseId, number } = parseInput(chunkParams, request.params)
      untaken(device.actor.deviceId, reply.raw)
      const chunk = await atOnce(() => getReleaseChunk(device.actor, { releaseId, number }))
      return reply.header('cache-control', 'no-store').type('application/octet-stream').send(chunk)
    },
  )
}

/** The device's seal key on record. @throws AppError conflict for one that is no point of the curve */
export async function sealKeyOf(jwk: Parameters<typeof importSealKey>[0]): Promise<CryptoKey> {
  try {
    return await importSealKey(jwk)
  } catch (cause) {
    if (!(cause instanceof DeviceProtocolError)) throw cause
    throw new AppError('conflict', { detail: 'The seal key on record is no point of P-256: rotate the keys.', cause })
  }
}
