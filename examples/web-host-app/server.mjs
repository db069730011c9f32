import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createOutbox } from './outbox.mjs'

const { GATEHOUSE_URL = 'http://localhost:3000', GATEHOUSE_API_KEY, PORT = '4000' } = process.env
if (!GATEHOUSE_API_KEY) {
  console.error('Set GATEHOUSE_API_KEY to an API key with the scope audit:write.')
  process.exit(1)
}

const RETRY_MS = 5_000
const PAGES = { '/': ['index.html', 'text/html'], '/capture.js': ['capture.js', 'text/javascript'] }
const MEANS = new Set(['printscreen', 'shortcut', 'print', 'copy', 'focus_lost'])
const ACTIONS = { print: 'file.print', copy: 'file.copy' }

const outbox = createOutbox({
  url: GATEHOUSE_URL,
  apiKey: GATEHOUSE_API_KEY,
  file: process.env.OUTBOX_FILE ?? join(tmpdir(), 'web-host-app.ndjson'),
})

/** What the page says is a hint: who it is comes from your own session, never from the request. */
function eventOf({ means, document, page }, request) {
  if (!MEANS.has(means) || typeof document !== 'string') return null
  return {
    action: ACTIONS[means] ?? 'screenshot.attempt',
    enforcement: 'detected',
    person: { email: personOf(request) },
    platform: { name: 'browser' },
    target: { type: 'document', id: document.slice(0, 128), name: 'Quarterly plan' },
    address: request.socket.remoteAddress?.replace(/^::ffff:/, ''),
    detail: { means, page: Number(page) || 1 },
  }
}

/** Your own sign-in stands here. */
function personOf() {
  return process.env.DEMO_PERSON ?? 'somebody@example.org'
}

async function report(request, response) {
  let body = ''
  for await (const chunk of request) {
    body += chunk
    if (body.length > 4_096) return response.writeHead(413).end()
  }
  const event = eventOf(JSON.parse(body), request)
  if (!event) return response.writeHead(400).end()
  await outbox.add(event)
  response.writeHead(204).end()
  flush()
}

function flush() {
  outbox.flush().catch((error) => {
    console.error(error.message)
    setTimeout(flush, RETRY_MS).unref()
  })
}

async function show(path, response) {
  const [file, type] = PAGES[path] ?? []
  if (!file) return response.writeHead(404).end()
  response.writeHead(200, { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-store' })
  response.end(await readFile(new URL(`./public/${file}`, import.meta.url)))
}

const server = createServer((request, response) => {
  const answer =
    request.method === 'POST' && request.url === '/report' ? report(request, response) : show(request.url, response)
  answer.catch((error) => {
    console.error(error)
    if (!response.headersSent) response.writeHead(400)
    response.end()
  })
})
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`http://localhost:${server.address().port}`)
  flush()
})
