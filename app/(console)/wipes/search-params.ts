import { type PageParams, pickParams } from '#lib/search-params.ts'
import { WIPE_STATES } from '#server/devices/schema.ts'

/** The URL state of the list of erases. */
export function wipeParams(params: PageParams) {
  return pickParams(params, { state: [...WIPE_STATES, 'open'], device: null, cursor: null })
}
