import 'server-only'
import { defineIrreversible, fingerprint } from '#server/kernel/brake.ts'
import type { BrakeTarget } from '#server/kernel/brake-request.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { tenantTarget } from '#server/tenants/queries.ts'
import { bumpRevision, lockKeeping, readRules, writeRules } from './rules.ts'
import { areSame, isShorter, KEEPING_CLASSES, type RetentionRules, retentionInput } from './schema.ts'

/**
 * Keeps everything at least as long as before, some of it longer. What would shorten anything is refused: `shortenRetention` is for
 * that. @throws AppError invalid · conflict when nothing changes or something would be kept shorter
 */
export const lengthenRetention = defineCommand({
  action: 'audit.retention',
  permission: 'admin',
  risk: 'reversible',
  input: retentionInput,
  execute: async ({ tx, sql, tenantId, input: { rules, reason }, now }) => {
    await lockKeeping(sql, tenantId)
    const before = await readRules(sql, tenantId)
    requireChange(before, rules)
    if (isShorter(before, rules))
      throw new AppError('conflict', {
        detail: 'This keeps something for a shorter time.',
        extra: { reason: 'shorter' },
      })
    await writeRules(sql, tenantId, rules, now)
    await bumpRevision(sql, tenantId)
    return {
      result: { rules },
      audit: {
        action: 'audit.retention',
        target: await tenantTarget(tx, tenantId),
        reason,
        detail: changes(before, rules),
      },
      notify: ['keeping'],
    }
  },
})

/**
 * Asks for something to be kept for a shorter time; what then has expired goes the next night. Until it is carried out nothing
 * changes. @throws AppError invalid · conflict when nothing would be kept shorter · step_up_required
 */
export const shortenRetention = defineIrreversible({
  name: 'audit.retention.shorten',
  actions: {
    request: 'audit.retention.shorten.request',
    hold: 'audit.retention.shorten.hold',
    release: 'audit.retention.shorten.release',
    approve: 'audit.retention.shorten.approve',
    cancel: 'audit.retention.shorten.cancel',
    carryOut: 'audit.retention.shorten',
    expire: 'audit.retention.shorten.expire',
  },
  permission: 'admin',
  budget: 'audit-keeping',
  input: retentionInput,
  target: async ({ sql, tenantId, input: { rules } }): Promise<BrakeTarget> => {
    const before = await readRules(sql, tenantId)
    requireChange(before, rules)
    if (!isShorter(before, rules))
      throw new AppError('conflict', {
        detail: 'This keeps nothing for a shorter time.',
        extra: { reason: 'not_shorter' },
      })
    return {
      type: 'tenant',
      id: tenantId,
      name: summarise(before, rules),
      units: 1,
      fingerprint: fingerprint({ change: summarise(before, rules) }),
    }
  },
  requested: async ({ tx, sql, tenantId, input: { rules } }, request) => ({
    result: { requestId: request.id, state: request.state, notBefore: request.notBefore },
    audit: [
      {
        action: 'audit.retention.shorten.request',
        outcome: 'pending',
        target: await tenantTarget(tx, tenantId),
        reason: request.reason,
        correlationId: request.id,
        detail: { ...changes(await readRules(sql, tenantId), rules), state: request.state },
      },
    ],
    notify: ['keeping'],
  }),
  moved: async () => ({ notify: ['keeping'] }),
  carryOut: async ({ tx, sql, tenantId, input: { rules }, now }, request) => {
    await lockKeeping(sql, tenantId)
    const before = await readRules(sql, tenantId)
    await writeRules(sql, tenantId, rules, now)
    await bumpRevision(sql, tenantId)
    return {
      audit: [
        {
          action: 'audit.retention.shorten',
          target: await tenantTarget(tx, tenantId),
          reason: request.reason,
          correlationId: request.id,
          detail: { ...changes(before, rules), requester: request.requester.name },
        },
      ],
      notify: ['keeping'],
    }
  },
})

function requireChange(before: RetentionRules, after: RetentionRules): void {
  if (areSame(before, after))
    throw new AppError('conflict', { detail: 'That is how long it is kept already.', extra: { reason: 'same' } })
}

const days = (value: number | null) => (value === null ? 'for ever' : `${value} days`)

function changes(before: RetentionRules, after: RetentionRules): Record<string, { before: string; after: string }> {
  const changed = KEEPING_CLASSES.filter((name) => before[name] !== after[name])
  return Object.fromEntries(changed.map((name) => [name, { before: days(before[name]), after: days(after[name]) }]))
}

function summarise(before: RetentionRules, after: RetentionRules): string {
  return Object.entries(changes(before, after))
    .map(([name, change]) => `${name}: ${change.before} → ${change.after}`)
    .join(', ')
}
