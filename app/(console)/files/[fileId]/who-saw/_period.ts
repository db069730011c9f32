import type { PageParams } from '#lib/search-params.ts'
import { parseRfc3339 } from '#lib/time.ts'
import { momentOf } from '../../../audit/_zoned-time.ts'

export type Period = { from?: string; to?: string; isWrong: boolean }

/** The period of the URL: RFC 3339, or the clock on the wall of the reader's zone as the form sends it. */
export function periodOf(params: PageParams, timeZone: string): Period {
  const [from, to] = [momentIn(params.from, timeZone), momentIn(params.to, timeZone)]
  const isWrong = from === null || to === null || (from !== undefined && to !== undefined && from >= to)
  if (isWrong) return { isWrong }
  return { ...(from && { from }), ...(to && { to }), isWrong }
}

const WALL = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/

/**
 * The address of the same period in moments, where the form sent the clock on the wall: read in another zone, by somebody else or
 * after a change of it, that would be another question. Null where nothing is to be changed.
 */
export function fixedHref(path: string, params: PageParams, { from, to, isWrong }: Period): string | null {
  const isWall = [params.from, params.to].some((value) => WALL.test(textOf(value)))
  if (!isWall || isWrong) return null
  return `${path}?${new URLSearchParams({ ...(from && { from }), ...(to && { to }) })}`
}

function textOf(value: PageParams[string]): string {
  return ((Array.isArray(value) ? value[0] : value) ?? '').trim()
}

function momentIn(value: PageParams[string], timeZone: string): string | null | undefined {
  const text = textOf(value)
  if (text === '') return undefined
  return (WALL.test(text) ? momentOf(text, timeZone) : parseRfc3339(text))?.toISOString() ?? null
}
