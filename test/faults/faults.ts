import { setTimeout as sleep } from 'node:timers/promises'
import { oneOf, type Random } from './random.ts'
import { type Site, VICTIMS, type Victim } from './site.ts'
import type { Break, RoundTrip } from './wire.ts'

/** What the first statement of an append names. */
const APPEND = 'device.events'
/** Statements of an append in the order they are made. */
const STEPS = [
  APPEND,
  'FROM enrollment WHERE tenant_id = $1::uuid AND id = $2::uuid FOR UPDATE',
  'SELECT e.received',
  'UPDATE enrollment SET received',
  'INSERT INTO device_event_digest',
  'FROM audit_head WHERE tenant_id = $1::uuid FOR UPDATE',
  'INSERT INTO audit_entry',
  'COMMIT',
] as const

/** Statements of a merge of the index. */
const MERGE_STEPS = [
  'FROM audit_posting',
  'DELETE FROM audit_run',
  'INSERT INTO audit_posting',
  'INSERT INTO audit_block',
]
/** A merge only happens now and then. */
const PATIENCE_MS = 3_000

/** What happens: a process is killed, or the line to PostgreSQL breaks, at any moment or at a statement. */
export type Fault = { victims: readonly Victim[]; at: Moment | null }
type Moment = { step: string; where: Break }

const GATEWAYS: readonly Victim[] = ['gateway', 'second gateway']

/** Faults of every kind, in an order that only the seed knows: each round of them has every victim once at any moment. */
export function* faultsFrom(random: Random): Generator<Fault, never> {
  for (;;) {
    const round: Fault[] = [
      ...VICTIMS.map((victim) => ({ victims: [victim], at: null })),
      { victims: ['postgres'], at: { step: 'COMMIT', where: 'after' } },
      { victims: ['postgres'], at: { step: oneOf(STEPS, random), where: 'before' } },
      { victims: GATEWAYS, at: { step: 'COMMIT', where: 'after' } },
      { victims: GATEWAYS, at: { step: oneOf(STEPS, random), where: 'after' } },
      { victims: [], at: { step: 'COMMIT', where: 'after' } },
      { victims: ['worker'], at: { step: oneOf(MERGE_STEPS, random), where: oneOf(['before', 'after'], random) } },
    ]
    const keyed = round.map((fault) => ({ fault, key: random() })).sort((a, b) => a.key - b.key)
    for (const { fault } of keyed) yield fault
  }
}

export function describeFault({ victims, at }: Fault): string {
  const who = victims.length === 0 ? 'the line to PostgreSQL' : victims.length === 1 ? victims[0] : 'both gateways'
  return at ? `${who} ${at.where} ${at.step.replace(/ WHERE.*/, '')}` : `${who} at any moment`
}

/** Makes it happen; false when what it waited for did not come. */
export async function strike(site: Site, { victims, at }: Fault): Promise<boolean> {
  const kill = () => {
    for (const victim of victims) site.kill(victim)
  }
  if (!at) {
    kill()
    return true
  }
  const { wire } = site
  const struck = new Promise<true>((resolve) => {
    const isThere = watcherFor(at.step)
    let isOver = false
    wire.onRoundTrip = (trip) => {
      if (isOver || !isThere(trip)) return undefined
      isOver = true
      return at.where
    }
    wire.onBroken = () => {
      kill()
      resolve(true)
    }
  })
  const timer = new AbortController()
  const late = sleep(PATIENCE_MS, false, { signal: timer.signal }).catch(() => false)
  const hasStruck = await Promise.race([struck, late])
  timer.abort()
  wire.onRoundTrip = null
  wire.onBroken = null
  return hasStruck
}

/** Says of each round trip whether it is this statement: of an append those that others make, too, count only within one. */
function watcherFor(step: string): (trip: RoundTrip) => boolean {
  if (!STEPS.some((known) => known === step)) return ({ text }) => text.includes(step)
  const appending = new WeakSet<object>()
  return ({ text, place, connection }) => {
    if (place === 0) appending.delete(connection)
    if (text.includes(APPEND)) appending.add(connection)
    return appending.has(connection) && text.includes(step)
  }
}
