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

function momentIn(value: PageParams[string], timeZone: string): string | null | undefined {
  const text = (Array.isArray(value) ? value[0] : value)?.trim()
  if (!text) return undefined
  const wall = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/.test(text)
  return (wall ? momentOf(text, timeZone) : parseRfc3339(text))?.toISOString() ?? null
}
