import 'server-only'
import { createReadStream, existsSync } from 'node:fs'
import { Readable } from 'node:stream'
import { z } from 'zod'
import { AppError } from '#server/kernel/errors.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { newestEpoch, publishedFile } from '../published.ts'
import { readHead } from '../tree.ts'
import { servedCheckpoint } from './cosignatures.ts'

/** Checkpoints as they stand in the data directory: NDJSON, oldest first, one `{size, note, signedAt}` a line. */
export type CheckpointsFile = { name: string; body: ReadableStream }

/** All checkpoints of an epoch, by default the current one, straight from the file outside of the database. @throws AppError not_found */
export const downloadCheckpoints = defineQuery({
  name: 'audit.checkpoints',
  permission: 'audit:read',
  input: z.object({ epoch: z.coerce.number('is not an epoch').int().min(1).max(999_999).optional() }),
  run: async ({ sql, tenantId, input }): Promise<CheckpointsFile> => {
    const epoch = input.epoch ?? Math.max(newestEpoch(tenantId), (await readHead(sql, tenantId)).epoch)
    const file = publishedFile(tenantId, epoch)
    if (!existsSync(file)) throw new AppError('not_found', { detail: 'Nothing was published of this epoch yet.' })
    const body = Readable.toWeb(createReadStream(file)) as ReadableStream
    return { name: `checkpoints-${tenantId}${epoch === 1 ? '' : `.${epoch}`}.ndjson`, body }
  },
})

/** The newest signed checkpoint with its cosignatures, as witnesses and `gatehouse verify --against` read it. @throws AppError not_found */
export const getCheckpointNote = defineQuery({
  name: 'audit.checkpoint',
  permission: 'audit:read',
  input: z.object({}),
  run: async ({ sql, tenantId }): Promise<{ name: string; text: string }> => {
    const head = await readHead(sql, tenantId)
    const text = await servedCheckpoint(sql, tenantId, { head, epoch: head.epoch })
    if (text === undefined) throw new AppError('not_found', { detail: 'Nothing was signed yet.' })
    return { name: `checkpoint-${tenantId}.txt`, text }
  },
})
