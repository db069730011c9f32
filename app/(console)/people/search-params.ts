import { type PageParams, pickParams } from '#lib/search-params.ts'
import { PERSON_SORTS, PERSON_STATUSES, ROLES } from '#server/people/schema.ts'

/** The URL state of the list of people. What it does not know is left out: an old link still shows a list. */
export function peopleParams(params: PageParams) {
  return pickParams(params, { q: null, cursor: null, status: PERSON_STATUSES, role: ROLES, sort: PERSON_SORTS })
}
