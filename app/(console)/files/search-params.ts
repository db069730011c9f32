import { type PageParams, pickParams } from '#lib/search-params.ts'
import { FILE_SORTS, FILE_STATUSES } from '#server/content/schema.ts'

/** The URL state of the list of files. */
export function filesParams(params: PageParams) {
  return pickParams(params, {
    q: null,
    label: null,
    person: null,
    cursor: null,
    status: FILE_STATUSES,
    sort: FILE_SORTS,
  })
}
