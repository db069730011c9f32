import 'server-only'
import { z } from 'zod'
import { type Actor, actorId } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { hashRequest } from '#server/kernel/request-hash.ts'
import { type Ask, askFields } from './schema.ts'

/** Pages, figures and opened events of one search within this belong to one entry. */
const SAME_SEARCH_MS = 10 * 60_000

const recordInput = z.object({ ...askFields, previous: z.string() })

const recordSearch = defineCommand({
  action: 'audit.search',
  permission: 'audit:read',
  risk: 'none',
  input: recordInput,
  execute: async ({ sql, actor, tenantId, input: { previous: _, ...ask }, now: at }) => {
    await sql(
      `INSERT INTO audit_search (tenant_id, actor_id, query_hash, recorded_at) VALUES ($1::uuid, $2::text, decode($3::text, 'hex'), $4::text::timestamptz)
       ON CONFLICT (tenant_id, actor_id, query_hash) DO UPDATE SET recorded_at = excluded.recorded_at`,
      [tenantId, actorId(actor), hashOf(ask), at.toISOString()],
    )
    const { q, from, to } = ask
    return {
      result: null,
      audit: { action: 'audit.search', detail: { query: q, ...(from && { from }), ...(to && { to }) } },
    }
  },
})

/**
 * Writes the search down unless the same actor's same search was within ten minutes. `normal` is the query's normal form.
 * Of several at once one writes: they all name the entry before, and the kernel gives one request of that name one result.
 */
export async function recordOnce(actor: Actor, normal: string, { from, to }: Pick<Ask, 'from' | 'to'>): Promise<void> {
  const ask = { q: normal, from, to }
  const hash = hashOf(ask)
  const key = `${actor.tenantId}.${actorId(actor)}.${hash}`
  // What this process knows to be written down within the ten minutes needs no look.
  if (now().getTime() - (written.get(key) ?? Number.NEGATIVE_INFINITY) < SAME_SEARCH_MS) return
  const before = await recordedBefore(actor, hash)
  if (before && now().getTime() - before.getTime() < SAME_SEARCH_MS) return remember(key, before)
  const previous = before?.toISOString() ?? 'none'
  await recordSearch(actor, { ...ask, previous }, { idempotencyKey: `${hash}.${previous}` })
}

/** When this process last saw that a search was written down. */
const written = new Map<string, number>()
const MOST_REMEMBERED = 10_000

function remember(key: string, at: Date): void {
  if (written.size >= MOST_REMEMBERED) written.clear()
  written.set(key, at.getTime())
}

async function recordedBefore(actor: Actor, hash: string): Promise<Date | null> {
  const [row] = await pgTransaction('reader', actor.tenantId, (_client, sql) =>
    sql<{ at: Date | string }>(
      `SELECT recorded_at AS at FROM audit_search WHERE tenant_id = $1::uuid AND actor_id = $2::text AND query_hash = decode($3::text, 'hex')`,
      [actor.tenantId, actorId(actor), hash],
    ),
  )
  return row ? new Date(row.at) : null
}

function hashOf({ q, from, to }: Pick<Ask, 'q' | 'from' | 'to'>): string {
  return hashRequest('audit.search', { q, from, to }).toString('hex')
}
