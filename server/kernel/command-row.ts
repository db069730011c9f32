import 'server-only'
import { type Actor, actorId } from './actor.ts'
import type { Db } from './db.ts'
import { AppError } from './errors.ts'

type Opening = { commandId: string; actor: Actor; name: string; hash: Buffer | undefined; key: string | undefined }

/** Writes the command row that opens the wall. A second request with the same key waits for the first and gets its result. */
export async function openCommand(
  { sql }: Db,
  { commandId, actor, name, hash, key }: Opening,
): Promise<{ id: string; result: Buffer } | null> {
  const values = [
    actor.tenantId,
    commandId,
    name,
    actor.kind,
    actorId(actor),
    key ?? null,
    hash?.toString('hex') ?? null,
  ]
  const inserted = await sql(
    `INSERT INTO command (tenant_id, id, name, actor_kind, actor_id, idempotency_key, request_hash)
     VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::text, decode($7::text, 'hex'))
     ON CONFLICT (tenant_id, actor_kind, actor_id, name, idempotency_key) DO NOTHING
     RETURNING set_config('app.command_id', id::text, true)`,
    values,
  )
  if (inserted.length === 1) return null
  const [before] = await sql<{ id: string; same: boolean; result: string | null }>(
    `SELECT id::text, request_hash = decode($6::text, 'hex') AS same, encode(result, 'hex') AS result FROM command
      WHERE tenant_id = $1::uuid AND actor_kind = $2::text AND actor_id = $3::text AND name = $4::text AND idempotency_key = $5::text`,
    [actor.tenantId, actor.kind, actorId(actor), name, key ?? null, hash?.toString('hex') ?? null],
  )
  if (!before?.same)
    throw new AppError('idempotency_conflict', { detail: 'This Idempotency-Key was used for another request.' })
  return { id: before.id, result: Buffer.from(before.result ?? '', 'hex') }
}
