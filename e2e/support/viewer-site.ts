import fs from 'node:fs'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { build } from 'esbuild'
import { ensureViewer } from '../../scripts/lib/build.mjs'
import { createDoor } from '../../scripts/lib/console-door.mjs'
import { ASSET_HEADERS, FRAME_HTML, isFrame } from '../../viewer/headers.ts'
import { ASSETS_PATH } from '../../viewer/protocol.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const TYPES: Record<string, string> = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
}

/** The viewer as the product serves it, behind the console's real door, and a page that embeds it; nothing else. */
export interface ViewerSite {
  url: string
  /** Everything asked for, in order. */
  requests: string[]
  /** Paths that answer 404. */
  missing: Set<string>
  close(): Promise<void>
}

export async function startViewerSite(): Promise<ViewerSite> {
  await ensureViewer()
  const script = await bundleParent()
  const requests: string[] = []
  const missing = new Set<string>()
  const server = http.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const url = `http://localhost:${port}`
  const door = createDoor({ url, trustedProxies: [] })
  server.on('request', (request, response) => {
    requests.push(`${request.method} ${request.headers.host}${request.url}`)
    if (!door.admit(request, response)) return
    send(response, missing.has(request.url ?? '') ? NOTHING : answerTo(request, script))
  })
  return {
    url,
    requests,
    missing,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** The page's side of the viewer, as components/viewer uses it. */
async function bundleParent(): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: `import { openViewer } from './viewer/parent.ts'
        import { warmViewer } from './viewer/spare.ts'
        Object.assign(window, { openViewer, warmViewer })`,
      resolveDir: ROOT,
    },
    bundle: true,
    write: false,
    format: 'iife',
    logLevel: 'error',
  })
  return outputFiles[0]?.text ?? ''
}

interface Answer {
  type: string
  body: string | Buffer
  status?: number
  headers?: Record<string, string>
}

const NOTHING: Answer = { type: 'text/plain', body: 'nothing here', status: 404 }

function answerTo(request: IncomingMessage, script: string): Answer {
  const where = new URL(request.url ?? '/', 'http://localhost').pathname
  const html = 'text/html; charset=utf-8'
  if (isFrame(request.url)) return { type: html, body: FRAME_HTML }
  if (where === '/') return { type: html, body: pageWith(script, nonceOf(request)) }
  const file = path.join(ROOT, 'public', path.normalize(where))
  const isAsset = where.startsWith(ASSETS_PATH) && fs.statSync(file, { throwIfNoEntry: false })?.isFile()
  if (!isAsset) return NOTHING
  const type = TYPES[path.extname(file)] ?? 'application/octet-stream'
  return { type, body: fs.readFileSync(file), headers: { ...ASSET_HEADERS, 'Cache-Control': 'public, max-age=0' } }
}

function send(response: ServerResponse, { type, body, status = 200, headers }: Answer): void {
  response.writeHead(status, { ...headers, 'Content-Type': type, 'X-Content-Type-Options': 'nosniff' })
  response.end(body)
}

function nonceOf({ headers }: IncomingMessage): string {
  return /'nonce-([^']+)'/.exec(String(headers['content-security-policy']))?.[1] ?? ''
}

function pageWith(script: string, nonce: string): string {
  return `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Page</title><link rel="icon" href="data:,">
<style>body{margin:0}#host,iframe{width:100%;height:680px;border:0;display:block}</style>
<main><h1>Page</h1><input id="field" aria-label="Field"><section id="host" aria-label="Document" tabindex="-1"></section></main><script nonce="${nonce}">${script}</script>`
}
