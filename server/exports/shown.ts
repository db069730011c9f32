import 'server-only'
import { type PreparedAsk, prepareAsk } from '#server/audit/queries.ts'
import type { Actor } from '#server/kernel/actor.ts'
import type { Sql } from '#server/kernel/db.ts'
import type { StoredExport } from './rows.ts'
import type { ExportView } from './schema.ts'

/** Whether an asker sees names now and, where the organisation asks for one, under which act and for which reason. */
export type Seeing = Pick<PreparedAsk, 'masked' | 'unmasking'>

export async function seeingOf(sql: Sql, actor: Actor): Promise<Seeing> {
  const { masked, unmasking } = await prepareAsk(sql, actor, { q: '' })
  return { masked, unmasking }
}

/**
 * Who does not see names now may not have a file with them. Nor is one given for a reason that was made without: whoever is named in it
 * has no entry that says so.
 */
export function isShownTo({ view, ask }: Pick<StoredExport, 'view' | 'ask'>, { masked, unmasking }: Seeing): boolean {
  return view.masked || (!masked && (unmasking === null || ask.shownUnder !== null))
}

export function viewFor(found: StoredExport, seeing: Seeing): ExportView {
  return { ...found.view, isShown: isShownTo(found, seeing) }
}
