import type { Tx } from './db.ts'

/**
 * What an earlier domain asks of a later one, which it may not import. The later domain registers its answer when one of its
 * doors is loaded; a process that asks must load that door (server/http does).
 */
export type Hooks = {
  /** From when on a person without a second factor reaches the enrolment page only; null: never. */
  secondFactorDeadline: (tx: Tx, tenantId: string) => Promise<Date | null>
}

const SLOT = Symbol.for('gatehouse.hooks')
// Next bundles may hold several copies of this module; the process has one registry.
const slots = globalThis as { [SLOT]?: Partial<Hooks> }

/** Registers the answer; loading a module twice registers it twice, and the last one holds. */
export function registerHook<N extends keyof Hooks>(name: N, answer: Hooks[N]): void {
  slots[SLOT] ??= {}
  slots[SLOT][name] = answer
}

/** The registered answer. Nobody registered one: a bug, never "no". */
export function hook<N extends keyof Hooks>(name: N): Hooks[N] {
  const answer = slots[SLOT]?.[name]
  if (!answer) throw new Error(`nothing is registered for ${name}: load the door of the domain that answers it`)
  return answer
}
