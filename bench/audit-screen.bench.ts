/**
 * The log's screen in a real browser while 10,000 results are scrolled through by wheel: what blocks the page, how many rows it
 * holds and how many frames a second it draws, against a plain page of as many lines that has them all and runs nothing.
 */

import { loadavg } from 'node:os'
import { type Browser, chromium, type Page } from '@playwright/test'
import { cookieNames } from '#server/http/cookie-names.ts'
import { openSession } from '#server/identity/commands.ts'
import { closeRuntime } from '#server/kernel/runtime.ts'
import { type Instance, startInstance } from '../e2e/support/instance.ts'
import { provideChromium } from '../scripts/lib/browser.mjs'
import '#server/http/wiring.ts'
import { loadLog } from './log-load.ts'
import { enough } from './page-load.ts'
import { foundOrganisation } from './place.ts'
import { median, report } from './report.ts'

const RUNS = enough('BENCH_RUNS', 3)
const RESULTS = enough('BENCH_RESULTS', 10_000)
const EVENTS = Math.max(enough('BENCH_EVENTS', 12_000), RESULTS + 2_000)
/** A wheel that is turned fast: so far at a time, so often. */
const [NOTCH_PX, NOTCH_MS] = [480, 24]
const LINE_PX = 30

type Scrolled = {
  /** Lengths of what blocked the page for more than 50 ms, which is what browsers report. */
  longMs: number[]
  mostRows: number
  framesPerSecond: number
  /** What the page's own thread did, for each thousand rows that went by. */
  busyMs: number
  results: number
}

/** The log's screen of somebody signed in, without the way through the sign-in page. */
async function openLog(browser: Browser, { consoleUrl }: Instance, token: string): Promise<Page> {
  const context = await browser.newContext({ baseURL: consoleUrl, viewport: { width: 1_440, height: 900 } })
  const name = (await cookieNames()).session
  await context.addCookies([{ name, value: token, domain: 'localhost', path: '/', secure: true, httpOnly: true }])
  const page = await context.newPage()
  await page.goto('/audit')
  await page.getByRole('listbox', { name: /events? from/ }).waitFor()
  return page
}

/** Turns the wheel until so many rows went by; what is measured is measured by the page itself. */
async function scrollThrough(page: Page, rows: number): Promise<Scrolled> {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Performance.enable')
  const busySeconds = async () => {
    const { metrics } = await cdp.send('Performance.getMetrics')
    return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0
  }
  await page.evaluate(watch)
  const busyBefore = await busySeconds()
  await page.mouse.move(800, 600)
  const giveUpAt = Date.now() + 120_000
  for (let at = 0; at < rows; at = await page.evaluate(() => seen().last)) {
    if (Date.now() > giveUpAt) throw new Error(`after two minutes the list is at row ${at}`)
    await page.mouse.wheel(0, NOTCH_PX)
    await page.waitForTimeout(NOTCH_MS)
  }
  const busyMs = ((await busySeconds()) - busyBefore) * 1_000
  const { longMs, mostRows, frames, sinceMs, last } = await page.evaluate(() => seen())
  await cdp.detach()
  return {
    longMs,
    mostRows,
    framesPerSecond: frames / (sinceMs / 1_000),
    busyMs: busyMs / (last / 1_000),
    results: last,
  }
}

declare function seen(): { longMs: number[]; mostRows: number; frames: number; sinceMs: number; last: number }

/** Runs in the page: counts frames and rows, and hears of long tasks. */
function watch() {
  const longMs: number[] = []
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longMs.push(duration)
  }).observe({ entryTypes: ['longtask'] })
  const startedMs = performance.now()
  let [frames, mostRows, last] = [0, 0, 0]
  const look = () => {
    frames++
    const drawn = document.querySelectorAll('[data-row]')
    mostRows = Math.max(mostRows, drawn.length)
    const index = drawn.item(drawn.length - 1)?.getAttribute('data-index')
    last = Math.max(last, Number(index ?? window.scrollY / 30))
    requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
  Object.assign(window, {
    seen: () => ({ longMs, mostRows, frames, sinceMs: performance.now() - startedMs, last }),
  })
}

type TraceEvent = { name: string; ph: string; pid: number; tid: number; tdur?: number; args: { name?: string } }

/** The longest task of the page's thread by the processor's time, which others on the machine cannot lengthen. */
function longestTaskMs(trace: Buffer): number {
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: TraceEvent[] } // written by the browser
  const ofPages = traceEvents.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
  const threads = new Set(ofPages.map(({ pid, tid }) => `${pid} ${tid}`))
  const tasks = traceEvents.filter(({ ph, pid, tid }) => ph === 'X' && threads.has(`${pid} ${tid}`))
  return tasks.reduce((longest, { tdur = 0 }) => Math.max(longest, tdur / 1_000), 0)
}

/** The plainest list there is: all of its rows in the page, nothing to ask for. */
const PLAIN = `<!doctype html><title>Plain</title><style>p{height:${LINE_PX}px;margin:0}</style>${'<p>2026-11-23 10:00:00 somebody file.view Board deck.pdf allowed'.repeat(RESULTS + 1_000)}`

const instance = await startInstance({ env: { LOG_LEVEL: 'warn' } })
const executablePath = provideChromium()
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
try {
  Object.assign(process.env, { GATEHOUSE_DATA_DIR: instance.dataDir, NODE_ENV: 'production', LOG_LEVEL: 'warn' })
  const owner = await foundOrganisation('Bench')
  await loadLog(owner.tenantId, EVENTS)
  const { token } = await openSession({
    tenantId: owner.tenantId,
    personId: owner.personId,
    client: { address: '127.0.0.1', userAgent: 'bench' },
    method: 'password',
  })
  const ours: Scrolled[] = []
  const plain: Scrolled[] = []
  let longestMs = 0
  // The first time through compiles, here and in the server, and is traced, which costs time: it tells the longest task alone.
  for (let n = -1; n < RUNS; n++) {
    const page = await openLog(browser, instance, token)
    if (n < 0) await browser.startTracing(page, { categories: ['toplevel'] })
    const scrolled = await scrollThrough(page, RESULTS)
    if (n < 0) longestMs = longestTaskMs(await browser.stopTracing())
    await page.setContent(PLAIN)
    const baseline = await scrollThrough(page, RESULTS)
    await page.context().close()
    if (n < 0) continue
    ours.push(scrolled)
    plain.push(baseline)
  }
  const long = ours.flatMap(({ longMs }) => longMs)
  const busy = (of: readonly Scrolled[]) => `${median(of.map(({ busyMs }) => busyMs)).toFixed(0)} ms`
  report({
    name: 'audit-screen',
    unit: 'frames/s while scrolling',
    runs: ours.map(({ framesPerSecond }, n) => ({ ours: framesPerSecond, baseline: plain[n]?.framesPerSecond ?? 0 })),
    notes: {
      what: `the log's list scrolled by wheel through ${Math.min(...ours.map(({ results }) => results))} results (ours) against a plain page of as many lines (baseline)`,
      'long tasks (over 50 ms)': long.length === 0 ? 'none' : `${long.length}: ${long.map(Math.round).join(', ')} ms`,
      'longest task by processor time': `${longestMs.toFixed(0)} ms`,
      'load of the machine': (loadavg()[0] ?? 0).toFixed(1),
      'rows in the page at most': Math.max(...ours.map(({ mostRows }) => mostRows)),
      'page thread busy per 1,000 results': `${busy(ours)}, plain ${busy(plain)}`,
    },
  })
} finally {
  await browser.close()
  await closeRuntime()
  await instance.stop()
}
