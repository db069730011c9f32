import 'server-only'
import type { Actor } from '#server/kernel/actor.ts'
import type { Query } from '#server/kernel/query.ts'
import type { Masking } from './masking.ts'

/** What was found, and how its reader sees it. */
export type Seen<R> = { answer: R; masking: Masking }

/** A door that shows names and is no search of the log: whose they were is written down before it answers. */
export function showing<I, R>(query: Query<I, Seen<R>>): Query<I, R> {
  const run = async (actor: Actor, input: I): Promise<R> => {
    const { answer, masking } = await query(actor, input)
    await masking.settle()
    return answer
  }
  return Object.assign(run, { summary: query.summary })
}
