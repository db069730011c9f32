import type { Notes } from './notes.ts'
import { MEMBERS } from './organisation.ts'
import type { Act } from './simulated-device.ts'

type File = Notes['files'][number]

/** What somebody does with a file: mostly reading, now and then something that the policy has a word on. */
export function anAct(chance: () => number, file: File): Act {
  const roll = chance()
  if (roll < 0.7) return { action: 'file.view', file }
  if (roll < 0.8) return { action: 'screenshot.attempt', file }
  if (roll < 0.87) return { action: 'file.print', file }
  if (roll < 0.92) return { action: 'file.copy', file }
  if (roll < 0.95) return { action: 'file.download', file }
  const colleague = MEMBERS[Math.floor(chance() * MEMBERS.length)]?.email ?? ''
  return { action: 'file.forward', file, to: chance() < 0.6 ? colleague : 'buyer@northwind.example' }
}

// A device's word about the time before it was enrolled counts for a day; beyond that the log calls its clock suspect.
const SPAN_MS = 23 * 3_600_000

/** Ascending times of the last day, most of them at work. */
export function pastTimes(chance: () => number, count: number, nowMs: number): number[] {
  const times: number[] = []
  while (times.length < count) {
    const at = nowMs - 60_000 - chance() * SPAN_MS
    const hour = new Date(at).getHours()
    const isWork = hour >= 8 && hour < 18
    if (isWork || chance() < 0.15) times.push(Math.round(at))
  }
  return times.sort((a, b) => a - b)
}

export function pick<T>(items: readonly T[], chance: () => number): T {
  const item = items[Math.floor(chance() * items.length)]
  if (item === undefined) throw new Error('there is nothing to pick from')
  return item
}
