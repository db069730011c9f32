import 'server-only'
import { z } from 'zod'
import { utf8Encode } from '#lib/bytes.ts'
import {
  type ActionCategory,
  AUDIT_ACTIONS,
  type AuditAction,
  categoryOf,
  deviceMayState,
} from '#protocol/audit/actions.ts'
import { proveInclusion } from '#protocol/audit/merkle-prove.ts'
import { formatTlogProof } from '#protocol/audit/proof.ts'
import { AppError } from '#server/kernel/errors.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { holdsEntries, recorded, recordingEntries } from './ask.ts'
import { proveEvent } from './event-proof.ts'
import { findEvent } from './events.ts'
import { readLogFile } from './log-files.ts'
import { maskingFor, requireEntries } from './masking/masking.ts'
import type { Seen } from './masking/seen.ts'
import { consistencyInput, inclusionInput } from './schema.ts'
import { consistencyProof, inclusionProof, readHead, tileReader } from './tree.ts'
import { checkpointFor } from './witness/cosignatures.ts'

export { type AboutDevice, countAboutDevice } from './about-device.ts'
export { getArchive } from './archive/queries.ts'
export { auditFacets, auditHistogram, describeAuditQuery, getAuditEvent, searchAudit } from './ask.ts'
export { type PreparedAsk, prepareAsk } from './bundle/prepare.ts'
export { CAPTURES_QUERY, type CaptureDays, countCaptures } from './captures.ts'
export { listValuesInLog } from './completion/values-in-log.ts'
export { getMapping, listMappings } from './import/mappings.ts'
export {
  getPurgeCertificate,
  getRetention,
  holdNames,
  listHolds,
  listPurges,
  type PurgedRange,
  previewKeeping,
  previewPersonErasure,
  purgeCertificates,
  purgedRanges,
} from './keeping/queries.ts'
export { getNamesShown } from './masking/queries.ts'
export { listOwnRecords } from './own-records.ts'
export { getVerification } from './verification/request.ts'
export { whoSaw } from './viewers/who-saw.ts'
export { listAuditViews } from './views/list-views.ts'
export { downloadCheckpoints, getCheckpointNote } from './witness/download.ts'
export { getEpochChoice } from './witness/start-epoch.ts'
export { getTrust } from './witness/trust.ts'

export type ActionView = { action: AuditAction; category: ActionCategory; statedBy: 'server' | 'anyone' }

/** Every action that the product itself writes. */
export const listAuditActions = defineQuery({
  name: 'audit.actions',
  permission: 'audit:read',
  input: z.object({}),
  run: async (): Promise<{ items: ActionView[]; nextCursor: null }> => ({
    items: AUDIT_ACTIONS.map((action) => ({
      action,
      category: categoryOf(action),
      statedBy: deviceMayState(action) ? 'anyone' : 'server',
    })),
    nextCursor: null,
  }),
})

/** Proof that leaf `index` is in the tree of `size` leaves (all of them unless given). Hashes are base64. @throws AppError invalid */
export const getInclusionProof = defineQuery({
  name: 'audit.proof.inclusion',
  permission: 'audit:read',
  input: inclusionInput,
  run: ({ sql, tenantId, input }) => inclusionProof(sql, tenantId, input),
})

/** Proof that the tree of `to` leaves (all of them unless given) extends the one of `from`. @throws AppError invalid */
export const getConsistencyProof = defineQuery({
  name: 'audit.proof.consistency',
  permission: 'audit:read',
  input: consistencyInput,
  run: ({ sql, tenantId, input }) => consistencyProof(sql, tenantId, input),
})

/** Proves one event from the tiles, now. @throws AppError not_found */
export const getEventProof = defineQuery({
  name: 'audit.proof.event',
  permission: 'audit:read',
  input: z.object({ eventId: uuidField() }),
  run: ({ sql, tenantId, input }) => proveEvent(sql, tenantId, input.eventId),
})

const proofInput = z.object({ eventId: uuidField() })

/**
 * The `.tlog-proof` of one event, its entry inside (c2sp.org/tlog-proof); taking it is a search for its id.
 * @throws AppError not_found · conflict until it is signed · forbidden where its ids could be turned into hidden names
 */
export const getTlogProof = recorded(
  proofInput.transform(({ eventId }) => ({ q: eventId })),
  defineQuery({
    name: 'audit.proof.file',
    permission: 'audit:read',
    input: proofInput,
    run: async ({ sql, tenantId, actor, input }): Promise<Seen<{ name: string; text: string }>> => {
      const masking = await maskingFor(sql, actor)
      requireEntries(masking)
      const { index, text } = await findEvent(sql, tenantId, input.eventId)
      const checkpoint = await checkpointFor(sql, tenantId, index)
      if (!checkpoint) {
        throw new AppError('conflict', {
          detail: 'No checkpoint covers this event yet. One is signed every ten seconds.',
        })
      }
      const head = await readHead(sql, tenantId)
      const hashes = await proveInclusion(index, checkpoint.size, tileReader(sql, tenantId, head))
      const proof = formatTlogProof({ index, hashes, checkpoint: checkpoint.full, extra: utf8Encode(text) })
      return { answer: { name: `${input.eventId}.tlog-proof`, text: proof }, masking }
    },
  }),
)

/**
 * A file of the log as other people's tools read it: `checkpoint`, `key`, `tile/…`, `tile/entries/…`. Reading entries is a search
 * for everything. @throws AppError not_found · gone · forbidden for entries whose ids could be turned into hidden names
 */
export const getLogFile = recordingEntries(
  defineQuery({
    name: 'audit.log_file',
    permission: 'audit:read',
    input: z.object({ path: z.string().max(200) }),
    run: async ({ sql, tenantId, actor, input }) => {
      if (holdsEntries(input.path)) requireEntries(await maskingFor(sql, actor))
      return readLogFile(sql, tenantId, input.path)
    },
  }),
)
