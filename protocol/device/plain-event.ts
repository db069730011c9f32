import { isTime } from '#lib/time.ts'
import { ENFORCEMENTS, isActionName, OUTCOMES } from '../audit/actions.ts'
import { ID } from './fields.ts'
import type { EventLine } from './messages.ts'

/** Printable ASCII, not all spaces: what needs no look at Unicode. */
const PLAIN = /^ *[\x21-\x7e][\x20-\x7e]*$/
const TARGET_TYPE = /^[a-z][a-z0-9_]{0,31}$/
const DETAIL_NAME = /^[a-zA-Z][a-zA-Z0-9_]{0,63}$/

const EVENT = new Set([
  'seq',
  'id',
  'at',
  'action',
  'outcome',
  'enforcement',
  'policy',
  'target',
  'labels',
  'reason',
  'detail',
])
const POLICY = new Set(['id', 'version', 'rule'])
const TARGET = new Set(['type', 'id', 'name'])

/**
 * Whether `value`, fresh from JSON.parse, is an event as nearly all are: in the form of `eventLineSchema`, every text in plain ASCII.
 * Told in a fifth of the schema's time, and nothing is copied; of anything else the schema says what it is. Never true of what the
 * schema refuses: a property test holds them to it.
 */
export function isPlainEvent(value: unknown): value is EventLine {
  if (!isObjectOf(EVENT, value)) return false
  const { seq, id, at, action, outcome, enforcement, policy, target, labels, reason, detail } = value
  return (
    isWhole(seq, 1) &&
    isUuid(id) &&
    typeof at === 'string' &&
    isTime(at) &&
    typeof action === 'string' &&
    action.length <= 64 &&
    isActionName(action) &&
    isOneOf(OUTCOMES, outcome) &&
    (enforcement === undefined || isOneOf(ENFORCEMENTS, enforcement)) &&
    (policy === undefined || isPlainPolicy(policy)) &&
    (target === undefined || isPlainTarget(target)) &&
    (labels === undefined || isPlainLabels(labels)) &&
    (reason === undefined || isPlain(reason, 1_000)) &&
    (detail === undefined || isPlainDetail(detail))
  )
}

/** The last one that was in order: neighbours mostly have the same. */
let lastPolicyId: unknown = ''

function isPlainPolicy(value: unknown): boolean {
  if (!isObjectOf(POLICY, value)) return false
  const { id, version, rule } = value
  if (id !== lastPolicyId) {
    if (!isUuid(id)) return false
    lastPolicyId = id
  }
  return isWhole(version, 0) && isPlain(rule, 128)
}

function isPlainTarget(value: unknown): boolean {
  if (!isObjectOf(TARGET, value)) return false
  const { type, id, name } = value
  return (
    typeof type === 'string' && TARGET_TYPE.test(type) && isPlain(id, 128) && (name === undefined || isPlain(name, 255))
  )
}

function isPlainLabels(value: unknown): boolean {
  return Array.isArray(value) && value.length <= 64 && value.every((label) => isPlain(label, 64))
}

function isPlainDetail(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.entries(value).every(
    ([name, member]) =>
      DETAIL_NAME.test(name) && (isPlain(member, 4_000) || typeof member === 'boolean' || Number.isFinite(member)),
  )
}

/** An object without other members than these. Of what JSON.parse made, none is inherited and none undefined. */
function isObjectOf(names: ReadonlySet<string>, value: unknown): value is { readonly [name: string]: unknown } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  for (const name in value) if (!names.has(name)) return false
  return true
}

function isWhole(value: unknown, least: number): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least
}

function isUuid(value: unknown): boolean {
  return typeof value === 'string' && ID.test(value)
}

function isPlain(value: unknown, maxLength: number): boolean {
  return typeof value === 'string' && value.length <= maxLength && PLAIN.test(value)
}

function isOneOf(allowed: readonly string[], value: unknown): boolean {
  return typeof value === 'string' && allowed.includes(value)
}
