import { type PageParams, pickParams } from '#lib/search-params.ts'
import { COMPLETENESS, DEVICE_SORTS, DEVICE_STATUSES, PLATFORMS, SILENT_DAYS } from '#server/devices/schema.ts'

/** The URL state of the list of devices; what it does not know is left out. */
export function deviceParams(params: PageParams) {
  const allowed = {
    q: null,
    cursor: null,
    person: null,
    appVersion: null,
    policyVersion: null,
    status: DEVICE_STATUSES,
    platform: PLATFORMS,
    missing: ['true'],
    silent: ['true'],
    completeness: COMPLETENESS,
    sort: DEVICE_SORTS,
  }
  const { missing, silent, policyVersion, ...same } = pickParams(params, allowed)
  // The same measure as the Overview's.
  const silentSince = new Date(Math.floor(Date.now() / 60_000) * 60_000 - SILENT_DAYS * 86_400_000).toISOString()
  return {
    ...same,
    ...(policyVersion && /^\d{1,9}$/.test(policyVersion) ? { policyVersion } : {}),
    ...(missing ? { missing: true } : {}),
    ...(silent ? { silentSince } : {}),
  }
}

/** The list's own part of a page's query string, to keep it while a detail stands beside it. */
export function listQuery(params: PageParams): string {
  const kept = pickParams(params, {
    q: null,
    cursor: null,
    person: null,
    appVersion: null,
    policyVersion: null,
    status: null,
    platform: null,
    missing: null,
    silent: null,
    completeness: null,
    sort: null,
  })
  const query = new URLSearchParams(kept).toString()
  return query ? `?${query}` : ''
}
