import { percentile } from './log-hand.ts'

type Api = (path: string) => Promise<Record<string, unknown>>

const PATH = 'events?q=action%3Afile.view&limit=50'

/**
 * Page 1,000 of a search against its page 1. By turns, each as often the first of a turn: what else the machine does meets both. Page 1
 * is measured twice, as if it were two: what that differs by is no difference. A page costs what most of its calls take, so medians
 * are compared; 95th percentiles of so few calls are told beside them.
 */
export async function comparePages(api: Api, turns: number): Promise<string> {
  const cursor = await cursorOf(api, 1_000)
  const first = { path: PATH, taken: [] as number[] }
  const thousandth = { path: `${PATH}&cursor=${cursor}`, taken: [] as number[] }
  const again = { path: PATH, taken: [] as number[] }
  const pages = [first, thousandth, again]
  for (let turn = -5; turn < turns; turn++) {
    for (let n = 0; n < pages.length; n++) {
      const page = pages[(n + turn + pages.length * turns) % pages.length]
      const startedMs = performance.now()
      await api(page?.path ?? PATH)
      if (turn >= 0) page?.taken.push(performance.now() - startedMs)
    }
  }
  const against = (share: number) => {
    const [of1, of1000, ofAgain] = [first, thousandth, again].map(({ taken }) => percentile(taken, share))
    const ratio = (ms = 0) => (ms / (of1 ?? 1)).toFixed(2)
    return `${ratio(of1000)} (${of1000?.toFixed(2)} / ${of1?.toFixed(2)} ms; page 1 against itself ${ratio(ofAgain)})`
  }
  const sizes = [await sizeOf(api, first.path), await sizeOf(api, thousandth.path)].join(' and ')
  return `medians ${against(0.5)}, p95 ${against(0.95)}, ${turns} calls of each by turns, pages of ${sizes}`
}

/** What leads to a page. */
async function cursorOf(api: Api, page: number): Promise<string> {
  let cursor = ''
  for (let n = 1; n < page; n++) {
    const { nextCursor } = await api(cursor ? `${PATH}&cursor=${cursor}` : PATH)
    if (typeof nextCursor !== 'string') throw new Error(`the log has only ${n} pages`)
    cursor = nextCursor
  }
  return cursor
}

async function sizeOf(api: Api, path: string): Promise<string> {
  const page = await api(path)
  const rows = Array.isArray(page.items) ? page.items.length : 0
  return `${rows} rows in ${Buffer.byteLength(JSON.stringify(page))} bytes`
}
