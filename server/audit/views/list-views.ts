import 'server-only'
import { z } from 'zod'
import { defineQuery } from '#server/kernel/query.ts'
import { type Masking, maskingFor } from '../masking/masking.ts'
import { shownInQuery } from '../masking/named.ts'
import { type Seen, showing } from '../masking/seen.ts'
import type { Told } from '../masking/told.ts'
import type { SavedView } from './form.ts'
import { readViews, type StoredView } from './rows.ts'

/**
 * The person's own views and those that others share, by name. Owners are as masked as in the log, which says when each view was made;
 * so is what somebody else typed.
 */
export const listAuditViews = showing(
  defineQuery({
    name: 'audit.views',
    permission: 'audit:read',
    input: z.strictObject({}),
    run: async ({ sql, tenantId, actor }): Promise<Seen<SavedView[]>> => {
      const ownId = actor.kind === 'person' ? actor.personId : null
      const masking = await maskingFor(sql, actor)
      const views = await readViews(sql, { tenantId, ownId, withShared: true })
      const told = await masking.told(views.map(({ search }) => search.q))
      const answer = views.map((view, n) => {
        const isOwn = view.owner.id === ownId
        if (!isOwn && !masking.isMasked) masking.shows([view.name, ...shownInQuery(view.search.q)])
        return viewFor(view, { isOwn, told: isOwn ? 'nothing' : told[n] }, masking)
      })
      // Where it stood among the names would tell how its own begins.
      return { answer: [...answer.filter(hasName), ...answer.filter((view) => !hasName(view)).sort(byId)], masking }
    },
  }),
)

const hasName = ({ name }: SavedView) => name !== null
const byId = (a: SavedView, b: SavedView) => (a.id < b.id ? -1 : 1)

type Reading = { isOwn: boolean; told: Told | undefined }

function viewFor(
  { id, name, isShared, owner, search }: StoredView,
  { isOwn, told }: Reading,
  masking: Masking,
): SavedView {
  return {
    id,
    name: told === 'nothing' ? name : null,
    isShared,
    isOwn,
    ownerName: isOwn ? owner.name : masking.name('person', owner.id, owner.name),
    search: told === 'hidden' ? null : search,
  }
}
