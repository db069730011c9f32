import { randomUUID } from 'node:crypto'
import { appendFile, readFile, rename, rm } from 'node:fs/promises'

const BATCH = 500

/**
 * Keeps events on disk until Gatehouse says that they are durable. Each has an id of its own, so that sending again after a lost
 * answer is harmless.
 * @param {{url: string, apiKey: string, file: string, onRefused?: (line: object) => void}} options
 */
export function createOutbox({ url, apiKey, file, onRefused = (line) => console.error('refused', line) }) {
  let sending = Promise.resolve()

  async function read(path) {
    const text = await readFile(path, 'utf8').catch((error) => {
      if (error.code === 'ENOENT') return ''
      throw error
    })
    return text.split('\n').filter(Boolean)
  }

  /** What waits is set apart first: events that arrive meanwhile go into a new file. */
  async function takeWaiting() {
    const taken = `${file}.sending`
    if ((await read(taken)).length === 0) await rename(file, taken).catch(ignoreMissing)
    return { taken, lines: await read(taken) }
  }

  async function send() {
    const { taken, lines } = await takeWaiting()
    for (let at = 0; at < lines.length; at += BATCH) await post(lines.slice(at, at + BATCH))
    // Died here: everything is sent again, and Gatehouse counts duplicates.
    await rm(taken, { force: true })
  }

  async function post(lines) {
    const response = await fetch(`${url}/api/v1/audit/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/x-ndjson' },
      body: `${lines.join('\n')}\n`,
      signal: AbortSignal.timeout(20_000),
    })
    if (!response.ok) throw new Error(`Gatehouse answered ${response.status}: ${await response.text()}`)
    const { rejected } = await response.json()
    for (const line of rejected) onRefused({ ...line, event: lines[line.line - 1] })
  }

  return {
    /** Resolves when the event is on disk; sending goes on behind it. */
    async add(event) {
      await appendFile(file, `${JSON.stringify({ id: randomUUID(), at: new Date().toISOString(), ...event })}\n`)
    },
    /** Sends what waits; one at a time. Rejects when Gatehouse cannot be reached: call it again later. */
    flush() {
      sending = sending.catch(() => {}).then(send)
      return sending
    },
  }
}

function ignoreMissing(error) {
  if (error.code !== 'ENOENT') throw error
}
