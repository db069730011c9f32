import 'server-only'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isUuid } from '#lib/uuid.ts'
import { generateNoteKey, type NoteSigner, noteSigner } from '#protocol/audit/note.ts'
import { runtime } from '#server/kernel/runtime.ts'
import { writeOnce } from '#server/kernel/write-once.ts'
import { newestEpoch } from './published.ts'

const signers = new Map<string, NoteSigner>()

/**
 * The signer of an organisation's checkpoints; null when it has no key yet. The key stands in a file, never in the database.
 * Each epoch of a log has its own; without `epoch` the newest that anything was published of.
 */
export async function readSigner(tenantId: string, epoch = newestEpoch(tenantId)): Promise<NoteSigner | null> {
  const file = keyFile(tenantId, epoch)
  const known = signers.get(file)
  if (known) return known
  if (!existsSync(file)) return null
  const signer = await noteSigner(readFileSync(file, 'utf8').trim())
  signers.set(file, signer)
  return signer
}

/** Makes the key of a log that was never signed; of several at once one key remains, for all of them. */
export async function createSigner(tenantId: string, origin: string, epoch: number): Promise<NoteSigner> {
  const { skey } = await generateNoteKey(origin)
  const file = keyFile(tenantId, epoch)
  mkdirSync(join(runtime().dataDir, 'keys'), { recursive: true, mode: 0o700 })
  writeOnce(file, `${skey}\n`)
  const signer = await readSigner(tenantId, epoch)
  if (!signer) throw new Error(`the log key of ${tenantId} vanished`)
  return signer
}

function keyFile(tenantId: string, epoch: number): string {
  if (!isUuid(tenantId)) throw new TypeError('not the id of an organisation')
  return join(runtime().dataDir, 'keys', `log-${tenantId}${epoch === 1 ? '' : `.${epoch}`}.key`)
}

export function testingOnlyForgetSigners(): void {
  signers.clear()
}
