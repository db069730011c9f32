import { z } from 'zod'
import { uuidv7 } from '#lib/uuid.ts'
import { isSameApp } from '#protocol/audit/app-source.ts'
import type { ApiKeyActor } from '#server/kernel/actor.ts'
import { makeBearer, parseBearer } from '#server/kernel/bearer.ts'
import { now } from '#server/kernel/clock.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { type Db, pgTransaction } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { matchesHash, sha256 } from '#server/kernel/keys.ts'
import { isPermission, ROLE_PERMISSIONS, type Role } from '#server/kernel/permissions.ts'
import { apiKeyInput } from './schema.ts'

const TOUCH_MS = 60_000

/** Makes an API key; its token is in the answer and nowhere else. A guard: a key acts without a person. @throws AppError forbidden for a scope that its maker lacks */
export const createApiKey = defineCommand({
  action: 'api_key.create',
  permission: 'admin',
  risk: 'guard',
  input: apiKeyInput,
  execute: async ({ tx, sql, tenantId, actor, input, now: at }) => {
    const lacking = actor.kind === 'person' ? input.scopes.find((scope) => !actor.permissions.has(scope)) : undefined
    if (lacking)
      throw new AppError('forbidden', {
        detail: `You do not have the permission ${lacking} yourself.`,
        fields: { scopes: `${lacking} is more than you have` },
      })
    if (input.scopes.includes('audit:write')) await refuseOtherApp({ tx, sql, tenantId, name: input.name })
    const id = uuidv7(at.getTime())
    const { token, secret } = makeBearer('gh', tenantId, id)
    await tx.apiKey.create({
      data: {
        tenantId,
        id,
        name: input.name,
        tokenHash: new Uint8Array(sha256(secret)),
        tokenHint: token.slice(-4),
        scopes: input.scopes,
        createdBy: actor.kind === 'person' ? actor.personId : null,
        createdAt: at,
      },
      select: { id: true },
    })
    return {
      result: { id, token },
      audit: {
        action: 'api_key.create',
        target: { type: 'api_key', id, name: input.name },
        detail: { scopes: input.scopes },
      },
    }
  },
})

/** Revoked keys count, too: what they stated stays under their name. Index: the primary key. */
async function refuseOtherApp({ tx, sql, tenantId, name }: Db & { tenantId: string; name: string }): Promise<void> {
  // Two keys made at once take turns.
  await sql(`SELECT pg_advisory_xact_lock(hashtextextended('api_key:' || $1::text, 0))::text AS locked`, [tenantId])
  const keys = await tx.apiKey.findMany({
    where: { tenantId, scopes: { has: 'audit:write' } },
    select: { name: true },
  })
  const other = keys.find((key) => isSameApp(key.name, name))
  if (!other) return
  const problem = `would write events as the same app as the key “${other.name}”: choose another name, or exactly that one`
  throw new AppError('invalid', { detail: `name: ${problem}`, fields: { name: problem } })
}

/** Ends a key at once. */
export const revokeApiKey = defineCommand({
  action: 'api_key.revoke',
  permission: 'admin',
  risk: 'reversible',
  input: z.object({ id: uuidField() }),
  target: ({ id }) => ({ type: 'api_key', id }),
  execute: async ({ tx, tenantId, input, now: at }) => {
    const key = await tx.apiKey.findFirst({ where: { tenantId, id: input.id }, select: { name: true } })
    if (!key) throw new AppError('not_found', { detail: 'There is no such key.' })
    const { count } = await tx.apiKey.updateMany({
      where: { tenantId, id: input.id, revokedAt: null },
      data: { revokedAt: at },
    })
    if (count !== 1) throw new AppError('conflict', { detail: 'This key is revoked already.' })
    return {
      result: null,
      audit: { action: 'api_key.revoke', target: { type: 'api_key', id: input.id, name: key.name } },
    }
  },
})

type Row = {
  name: string
  hash: string
  scopes: string[]
  createdBy: string | null
  role: Role | null
  status: string | null
  usedAt: Date | null
}

/**
 * The actor of an API key, looked up on every request; null for anything else. A key never does more than its maker may do
 * now, and rests while they are suspended.
 */
export async function apiKeyByToken(token: string, address: string): Promise<ApiKeyActor | null> {
  const bearer = parseBearer('gh', token)
  if (!bearer) return null
  const { tenantId, id: apiKeyId } = bearer
  const [row] = await pgTransaction('reader', tenantId, (_client, sql) =>
    sql<Row>(
      `SELECT k.name, encode(k.token_hash, 'hex') AS hash, k.scopes, k.created_by::text AS "createdBy", p.role, p.status, a.last_used_at AS "usedAt"
         FROM api_key k JOIN tenant t ON t.id = k.tenant_id
         LEFT JOIN person p ON p.tenant_id = k.tenant_id AND p.id = k.created_by
         LEFT JOIN api_key_activity a ON a.tenant_id = k.tenant_id AND a.api_key_id = k.id
        WHERE k.tenant_id = $1::uuid AND k.id = $2::uuid AND k.revoked_at IS NULL AND t.status = 'active'`,
      [tenantId, apiKeyId],
    ),
  )
  if (!row || !matchesHash(bearer.secret, Buffer.from(row.hash, 'hex'))) return null
  if (row.createdBy && row.status !== 'active') return null
  const at = now()
  if (!row.usedAt || at.getTime() - row.usedAt.getTime() > TOUCH_MS) await touch(tenantId, apiKeyId, address, at)
  const held = row.createdBy && row.role ? ROLE_PERMISSIONS[row.role] : null
  const permissions = row.scopes.filter(isPermission).filter((scope) => !held || held.includes(scope))
  return {
    kind: 'api_key',
    tenantId,
    apiKeyId,
    name: row.name,
    createdBy: row.createdBy,
    permissions: new Set(permissions),
    address,
  }
}

async function touch(tenantId: string, id: string, address: string, at: Date): Promise<void> {
  await pgTransaction('writer', tenantId, (client) =>
    client.query(
      `INSERT INTO api_key_activity (tenant_id, api_key_id, last_used_at, address) VALUES ($1, $2, $3, $4)
       ON CONFLICT (tenant_id, api_key_id) DO UPDATE SET last_used_at = greatest(api_key_activity.last_used_at, excluded.last_used_at), address = excluded.address`,
      [tenantId, id, at.toISOString(), address],
    ),
  )
}
