import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { base64urlEncode } from '#lib/bytes.ts'
import { uuidv7 } from '#lib/uuid.ts'
import type { Command } from '#protocol/device/commands.ts'
import { type EventLine, eventLineSchema, factsRequestSchema } from '#protocol/device/messages.ts'
import { signPolicyBundle } from '#protocol/device/policy-bundle.ts'
import { DEVICE_PROBLEMS } from '#protocol/device/problem-codes.ts'
import type { PolicyDocument } from '#protocol/policy/document.ts'
import { makeCertificates } from './certificates.ts'
import { command, push, stream, takeReceipt } from './gateway/commands.ts'
import { fileList, forward, release, sealed, sendChunk } from './gateway/content.ts'
import { enroll, enrolled } from './gateway/enrol.ts'
import { takeEvents } from './gateway/events.ts'
import { bodyOf, httpDate, type KnownDevice, makeState, makeTenantKey, Problem, type Side } from './gateway/state.ts'

/**
 * The other side of the device protocol, in memory, over real TLS: what docs/reference/device-protocol.md promises and no
 * more. Tests reach into its state.
 */
export async function startGateway(options: { port?: number } = {}) {
  const certificates = await makeCertificates()
  const state = makeState()
  const key = await makeTenantKey()
  const url = () => `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const side: Side = { state, key, url, now: () => Date.now() + state.clockAheadMs }

  const server: Server = createServer({ key: certificates.key, cert: certificates.cert, minVersion: 'TLSv1.2' })
  server.on('request', (request, response) => {
    route(side, request, response).then(
      (answer) => {
        if (answer === undefined || response.destroyed) return
        const type = typeof answer === 'string' ? 'application/jose' : 'application/json'
        const status = /\/(enroll|releases|forward)$/.test(String(request.url)) ? 201 : 200
        response.writeHead(status, { 'content-type': type, date: httpDate(side) })
        response.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
      },
      (error: unknown) => refuse(side, response, error),
    )
  })
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: url(),
    ca: certificates.ca,
    state,
    /** Signs a command and hands it to the device at once where it listens. */
    command: (device: KnownDevice, type: string, change?: Partial<Command>, key?: CryptoKey) =>
      command(side, device, type, change, key),
    push,
    setPolicy(change: (document: PolicyDocument) => void) {
      const document = structuredClone(state.policy.document)
      change(document)
      state.policy = { ...state.policy, version: state.policy.version + 1, document }
    },
    addFile(name: string, content: Uint8Array, labels: string[] = []): string {
      const id = uuidv7()
      state.files.set(id, { name, content, labels })
      return id
    },
    device(): KnownDevice {
      const [device] = state.devices.values()
      if (!device) throw new Error('no device has enrolled')
      return device
    },
    events(device: KnownDevice): EventLine[] {
      return [...device.lines].sort(([a], [b]) => a - b).map(([, line]) => eventLineSchema.parse(JSON.parse(line)))
    },
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export type Gateway = Awaited<ReturnType<typeof startGateway>>

async function policyJws({ state, key, now }: Side): Promise<string> {
  const { id: policyId, version, document } = state.policy
  const publishedAt = new Date(now()).toISOString()
  return signPolicyBundle({ tenantId: state.tenantId, policyId, version, publishedAt, document }, key.sign, key.kid)
}

/** An object is answered as JSON, a string as application/jose, undefined was answered already. */
async function route(
  side: Side,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<object | string | undefined> {
  const { state } = side
  const path = String(request.url)
    .replace(/^\/device\/v1/, '')
    .replace(/\?.*/, '')
  const what = `${request.method} ${path.replace(/[0-9a-f-]{36}/, ':id')}`
  state.requests.push(what)
  if (state.failing) {
    const { code, retryAfter } = state.failing
    throw new Problem(code, retryAfter === undefined ? {} : { 'retry-after': retryAfter })
  }
  if (what === 'POST /enroll') return enroll(side, request)
  const device = await enrolled(side, request)
  const id = path.split('/')[2] ?? ''
  if (what === 'POST /commands/:id/receipt') return takeReceipt(device, id, request)
  if (what === 'GET /commands' && state.streams && request.headers.accept === 'text/event-stream') {
    return stream(device, response) as undefined
  }
  if (what === 'GET /commands') return { items: [...device.waiting.values()].map(({ jws }) => jws) }
  if (device.revoked) throw new Problem('device_revoked')
  if (what === 'POST /facts') {
    device.facts.push(factsRequestSchema.parse(JSON.parse(await bodyOf(request))))
    return { status: 'active', policyVersion: state.policy.version }
  }
  if (what === 'GET /policy') return policyJws(side)
  if (what === 'POST /unlock') {
    if (!device.share) throw new Problem('device_revoked')
    const share = base64urlEncode(device.share)
    return { share, leaseSeconds: state.leaseSeconds, policyVersion: state.policy.version }
  }
  if (what === 'POST /events') return takeEvents(side, device, request, response)
  if (what === 'GET /files') return fileList(side)
  if (what === 'GET /files/:id') return sealed(side, device, id)
  if (what === 'POST /files/:id/releases') return release(side, device, id, request)
  if (what === 'POST /files/:id/forward') return forward(side, id, request)
  if (/^GET \/releases\/:id\/chunks\/\d+$/.test(what))
    return (await sendChunk(side, device, path, response)) as undefined
  throw new Problem('not_found')
}

function refuse(side: Side, response: ServerResponse, error: unknown): void {
  if (response.destroyed || response.headersSent) return
  const code = error instanceof Problem ? error.code : 'invalid'
  const headers = error instanceof Problem ? error.headers : {}
  const status = DEVICE_PROBLEMS[code]
  response.writeHead(status, { 'content-type': 'application/problem+json', ...headers, date: httpDate(side) })
  response.end(
    JSON.stringify({
      title: code,
      status,
      code,
      detail: error instanceof Problem ? error.message : String(error),
      requestId: 'test',
    }),
  )
}
