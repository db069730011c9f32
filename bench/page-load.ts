import { Agent, get } from 'node:http'
import autocannon from 'autocannon'

const FIRST_BYTES = 200

export type Load = { perSecond: number; p50: number; p95: number; bytes: number }

/** A whole number from the environment, for shorter runs while working on a page. */
export function enough(name: string, usual: number): number {
  const given = Number(process.env[name])
  return Number.isInteger(given) && given > 0 ? given : usual
}

/** Documents a second with eight connections, then the time to the first byte with one connection and nothing else to do. */
export async function load(url: string, { cookie, seconds }: { cookie: string; seconds: number }): Promise<Load> {
  const page = await fetch(url, { headers: { cookie }, redirect: 'manual' })
  const html = await page.text()
  if (page.status !== 200 || !html.endsWith('</html>')) throw new Error(`${url} answered ${page.status}`)
  const { non2xx, errors, requests } = await autocannon({ url, connections: 8, duration: seconds, headers: { cookie } })
  if (non2xx + errors > 0) throw new Error(`${url}: ${non2xx} other answers, ${errors} errors`)
  return { perSecond: requests.average, ...(await firstByte(url, cookie)), bytes: html.length }
}

async function firstByte(url: string, cookie: string): Promise<Pick<Load, 'p50' | 'p95'>> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const times: number[] = []
  for (let n = 0; n < FIRST_BYTES; n++) times.push(await timeToFirstByte(url, cookie, agent))
  agent.destroy()
  times.sort((a, b) => a - b)
  const at = (share: number) => Number((times[Math.floor(times.length * share)] ?? 0).toFixed(1))
  return { p50: at(0.5), p95: at(0.95) }
}

function timeToFirstByte(url: string, cookie: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const askedMs = performance.now()
    let ms = 0
    get(url, { agent, headers: { cookie } }, (response) => {
      response.once('data', () => {
        ms = performance.now() - askedMs
      })
      response.once('end', () => resolve(ms))
    }).once('error', reject)
  })
}
