import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { base64urlEncode, hexEncode } from '#lib/bytes.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { type Command, commandNonce, signCommand } from '#protocol/device/commands.ts'
import { accessTokenHash, verifyDpopProof } from '#protocol/device/dpop.ts'
import { DeviceProtocolError } from '#protocol/device/error.ts'
import { generateKeyPair, importSealKey, importSignKey, importVerifyKey, keyThumbprint } from '#protocol/device/keys.ts'
import {
  type EventLine,
  enrollRequestSchema,
  eventLineSchema,
  type FactsRequest,
  factsRequestSchema,
  forwardRequestSchema,
  type Release,
  releaseRequestSchema,
} from '#protocol/device/messages.ts'
import { signPolicyBundle } from '#protocol/device/policy-bundle.ts'
import { DEVICE_PROBLEMS, type DeviceProblemCode } from '#protocol/device/problem-codes.ts'
import { type Receipt, verifyReceipt } from '#protocol/device/receipts.ts'
import {
  importContentKey,
  makeContentKey,
  RELEASE_CHUNK_BYTES,
  releaseChunkCount,
  sealRelease,
  sealReleaseChunk,
} from '#protocol/device/release.ts'
import { sealFile } from '#protocol/device/seal.ts'
import { formatDeviceToken } from '#protocol/device/token.ts'
import { defaultPolicy, type PolicyDocument } from '#protocol/policy/document.ts'
import { evaluate } from '#protocol/policy/evaluate.ts'
import { makeCertificates } from './certificates.ts'

type PublicKeys = ReturnType<typeof enrollRequestSchema.parse>['keys']

/** One enrolled device as this side sees it. */
export type KnownDevice = {
  id: string
  enrollmentId: string
  keys: PublicKeys
  thumbprint: string
  token: string
  share: Uint8Array | null
  revoked: boolean
  /** Bytes of each line by number. */
  lines: Map<number, string>
  waiting: Map<string, { command: Command; jws: string }>
  receipts: Receipt[]
  stream: ServerResponse | null
  facts: FactsRequest[]
}

class Problem extends Error {
  readonly code: DeviceProblemCode
  readonly headers: Record<string, string>

  constructor(code: DeviceProblemCode, headers: Record<string, string> = {}, detail: string = code) {
    super(detail)
    this.code = code
    this.headers = headers
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/**
 * The other side of the device protocol, in memory, over real TLS: what docs/reference/device-protocol.md promises and no
 * more. Tests reach into its state.
 */
export async function startGateway(options: { port?: number } = {}) {
  const certificates = await makeCertificates()
  const tenant = await generateKeyPair()
  const tenantId = uuidv7()
  const tenantKey = await importSignKey(tenant.privateJwk)
  const kid = await keyThumbprint(tenant.publicJwk)
  const state = {
    tenantId,
    codes: new Set(['CODE-1', 'CODE-2']),
    devices: new Map<string, KnownDevice>(),
    files: new Map<string, { name: string; content: Uint8Array; labels: string[] }>(),
    policy: { id: uuidv7(), version: 1, document: defaultPolicy() },
    leaseSeconds: 3600,
    /** Answers every request with this instead. */
    failing: null as null | { code: DeviceProblemCode; retryAfter?: string },
    /** Milliseconds that this side's clock is ahead of the machine's. */
    clockAheadMs: 0,
    nonces: new Set<string>(),
    jtis: new Set<string>(),
    maxEventBytes: 8 * 1024 * 1024,
    /** Does everything but answer this many requests to events. */
    loseEventAnswers: 0,
    streams: true,
    requests: [] as string[],
    fileReleases: 0,
    releases: new Map<string, { deviceId: string; release: Release }>(),
    /** Answers as many chunks of releases, then breaks the connection of every other. */
    chunksLeft: Number.POSITIVE_INFINITY,
    chunksSent: 0,
    /** Addresses of the organisation's people. */
    people: new Set<string>(),
    forwards: [] as { fileId: string; to: string; reason?: string | undefined }[],
  }

  const now = () => Date.now() + state.clockAheadMs

  async function prove(request: IncomingMessage, device: KnownDevice | null): Promise<string> {
    const proof = String(request.headers.dpop ?? '')
    try {
      const verified = await verifyDpopProof({
        proof,
        method: String(request.method),
        url: `${url}${request.url}`,
        nowMs: now(),
        accessTokenHash: device ? await accessTokenHash(device.token) : undefined,
        keyThumbprint: device?.thumbprint,
        isNonceValid: (nonce) => state.nonces.has(nonce),
      })
      if (state.jtis.has(verified.jti)) throw new Problem('invalid_dpop_proof')
      state.jtis.add(verified.jti)
      return verified.thumbprint
    } catch (error) {
      if (!(error instanceof DeviceProtocolError)) throw error
      if (error.code !== 'use_dpop_nonce') throw new Problem('invalid_dpop_proof')
      const nonce = base64urlEncode(crypto.getRandomValues(new Uint8Array(12)))
      state.nonces.add(nonce)
      throw new Problem('use_dpop_nonce', { 'dpop-nonce': nonce })
    }
  }

  async function enrolled(request: IncomingMessage): Promise<KnownDevice> {
    const token = String(request.headers.authorization ?? '').replace(/^DPoP /, '')
    const device = [...state.devices.values()].find((known) => known.token === token)
    if (!device) throw new Problem('invalid_token')
    await prove(request, device)
    return device
  }

  async function enroll(request: IncomingMessage) {
    const body = enrollRequestSchema.parse(JSON.parse(await bodyOf(request)))
    const thumbprint = await prove(request, null)
    if (thumbprint !== (await keyThumbprint(body.keys.sign))) throw new Problem('invalid_dpop_proof')
    if (!state.codes.delete(body.code)) throw new Problem('enrollment_code_invalid')
    const [id, secret] = [uuidv7(), base64urlEncode(crypto.getRandomValues(new Uint8Array(32)))]
    const device: KnownDevice = {
      id,
      enrollmentId: uuidv7(),
      keys: body.keys,
      thumbprint,
      token: formatDeviceToken({ tenantId, deviceId: id, secret }),
      share: crypto.getRandomValues(new Uint8Array(32)),
      revoked: false,
      lines: new Map(),
      waiting: new Map(),
      receipts: [],
      stream: null,
      facts: [],
    }
    state.devices.set(id, device)
    return {
      deviceId: id,
      enrollmentId: device.enrollmentId,
      tenantId,
      status: 'active',
      token: device.token,
      serverKeys: { keys: [{ ...tenant.publicJwk, kid }] },
      policyVersion: state.policy.version,
    }
  }

  function takeLine(device: KnownDevice, line: string): 'fresh' | 'duplicate' {
    const event = eventLineSchema.parse(JSON.parse(line))
    const before = device.lines.get(event.seq)
    if (before !== undefined && before !== line) {
      device.revoked = true
      throw new Problem('clone_suspected')
    }
    device.lines.set(event.seq, line)
    return before === undefined ? 'fresh' : 'duplicate'
  }

  async function takeEvents(device: KnownDevice, request: IncomingMessage, response: ServerResponse) {
    const body = await bodyOf(request)
    if (Buffer.byteLength(body) > state.maxEventBytes) throw new Problem('payload_too_large')
    const lines = body.split('\n').filter((line) => line !== '')
    const taken = lines.map((line) => takeLine(device, line))
    if (state.loseEventAnswers > 0) {
      state.loseEventAnswers -= 1
      response.destroy()
    }
    const last = lines.at(-1)
    const acceptedThrough = last === undefined ? 0 : eventLineSchema.parse(JSON.parse(last)).seq
    return { acceptedThrough, duplicates: taken.filter((kind) => kind === 'duplicate').length, rejected: [] }
  }

  function stream(device: KnownDevice, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.write(': hello\n\n')
    for (const { command, jws } of device.waiting.values()) {
      response.write(`id: ${command.id}\nevent: command\ndata: ${jws}\n\n`)
    }
    device.stream = response
    response.on('close', () => {
      if (device.stream === response) device.stream = null
    })
  }

  async function takeReceipt(device: KnownDevice, commandId: string, request: IncomingMessage) {
    const jws = await bodyOf(request)
    const waiting = device.waiting.get(commandId)
    if (!waiting) {
      if (device.receipts.some((receipt) => receipt.commandId === commandId)) return { state: 'known' }
      throw new Problem('not_found')
    }
    const { nonce } = waiting.command
    const key = await importVerifyKey(device.keys.sign)
    device.receipts.push(await verifyReceipt(jws, key, { commandId, deviceId: device.id, nonce }))
    device.waiting.delete(commandId)
    return { state: 'taken' }
  }

  async function sealed(device: KnownDevice, fileId: string): Promise<string> {
    const file = state.files.get(fileId)
    if (!file) throw new Problem('not_found')
    state.fileReleases += 1
    const { id: deviceId, enrollmentId } = device
    return sealFile(file.content, await importSealKey(device.keys.seal), { tenantId, deviceId, enrollmentId, fileId })
  }

  async function release(device: KnownDevice, fileId: string, request: IncomingMessage): Promise<string> {
    releaseRequestSchema.parse(JSON.parse(await bodyOf(request)))
    const file = state.files.get(fileId)
    if (!file) throw new Problem('not_found')
    state.fileReleases += 1
    const { id: policyId, version } = state.policy
    const made: Release = {
      releaseId: uuidv7(),
      fileId,
      name: file.name,
      mediaType: 'text/plain',
      labels: file.labels,
      kind: 'original',
      sizeBytes: file.content.length,
      sha256: hexEncode(new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(file.content)))),
      chunkBytes: RELEASE_CHUNK_BYTES,
      chunkCount: releaseChunkCount(file.content.length),
      contentKey: base64urlEncode(makeContentKey()),
      watermark: null,
      policy: { id: policyId, version, rule: 'data.view' },
      expiresAt: new Date(now() + 3_600_000).toISOString(),
    }
    state.releases.set(made.releaseId, { deviceId: device.id, release: made })
    const { id: deviceId, enrollmentId } = device
    return sealRelease(made, await importSealKey(device.keys.seal), { tenantId, deviceId, enrollmentId })
  }

  async function sendChunk(device: KnownDevice, path: string, response: ServerResponse): Promise<void> {
    const [, , releaseId = '', , number = ''] = path.split('/')
    const known = state.releases.get(releaseId)
    const file = known && state.files.get(known.release.fileId)
    if (!file || known.deviceId !== device.id) throw new Problem('not_found')
    if (state.chunksLeft <= 0) {
      response.destroy()
      return
    }
    state.chunksLeft -= 1
    state.chunksSent += 1
    const { fileId, chunkCount, contentKey } = known.release
    const n = Number(number)
    const place = { tenantId, deviceId: device.id, enrollmentId: device.enrollmentId, fileId, releaseId, number: n }
    const plain = file.content.subarray(n * RELEASE_CHUNK_BYTES, (n + 1) * RELEASE_CHUNK_BYTES)
    const key = await importContentKey(contentKey)
    const sealed = await sealReleaseChunk(key, plain, { ...place, isLast: n + 1 === chunkCount })
    response.writeHead(200, { 'content-type': 'application/octet-stream', date: httpDate() })
    response.end(sealed)
  }

  async function forward(fileId: string, request: IncomingMessage): Promise<object> {
    const { to, reason } = forwardRequestSchema.parse(JSON.parse(await bodyOf(request)))
    const file = state.files.get(fileId)
    if (!file) throw new Problem('not_found')
    const { id, version, document } = state.policy
    const asked = { action: 'file.forward', platform: 'linux', capabilities: { preventCapture: false } } as const
    const { outcome, rule } = evaluate(document, { ...asked, recipient: to, reason })
    if (outcome === 'denied')
      throw new Problem('policy_denied', {}, `The policy forbids it (${rule}, version ${version}).`)
    state.forwards.push({ fileId, to, reason })
    return { fileId: state.people.has(to) ? uuidv7() : null, name: file.name, to, policy: { id, version, rule } }
  }

  async function policyJws(): Promise<string> {
    const { id: policyId, version, document } = state.policy
    const publishedAt = new Date(now()).toISOString()
    return signPolicyBundle({ tenantId, policyId, version, publishedAt, document }, tenantKey, kid)
  }

  function fileList() {
    const items = [...state.files].map(([id, { name, content, labels }]) => ({
      id,
      name,
      mediaType: 'text/plain',
      sizeBytes: content.length,
      labels,
      publishedAt: '2026-01-01T00:00:00.000Z',
    }))
    return { items, nextCursor: null }
  }

  /** An object is answered as JSON, a string as application/jose, undefined was answered already. */
  async function route(request: IncomingMessage, response: ServerResponse): Promise<object | string | undefined> {
    const path = String(request.url)
      .replace(/^\/device\/v1/, '')
      .replace(/\?.*/, '')
    const what = `${request.method} ${path.replace(/[0-9a-f-]{36}/, ':id')}`
    state.requests.push(what)
    if (state.failing) {
      const { code, retryAfter } = state.failing
      throw new Problem(code, retryAfter === undefined ? {} : { 'retry-after': retryAfter })
    }
    if (what === 'POST /enroll') return enroll(request)
    const device = await enrolled(request)
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
    if (what === 'GET /policy') return policyJws()
    if (what === 'POST /unlock') {
      if (!device.share) throw new Problem('device_revoked')
      const share = base64urlEncode(device.share)
      return { share, leaseSeconds: state.leaseSeconds, policyVersion: state.policy.version }
    }
    if (what === 'POST /events') return takeEvents(device, request, response)
    if (what === 'GET /files') return fileList()
    if (what === 'GET /files/:id') return sealed(device, id)
    if (what === 'POST /files/:id/releases') return release(device, id, request)
    if (what === 'POST /files/:id/forward') return forward(id, request)
    if (/^GET \/releases\/:id\/chunks\/\d+$/.test(what)) return (await sendChunk(device, path, response)) as undefined
    throw new Problem('not_found')
  }

  function refuse(response: ServerResponse, error: unknown): void {
    if (response.destroyed || response.headersSent) return
    const code = error instanceof Problem ? error.code : 'invalid'
    const headers = error instanceof Problem ? error.headers : {}
    const status = DEVICE_PROBLEMS[code]
    response.writeHead(status, { 'content-type': 'application/problem+json', ...headers, date: httpDate() })
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

  const httpDate = () => new Date(now()).toUTCString()

  const server: Server = createServer({ key: certificates.key, cert: certificates.cert, minVersion: 'TLSv1.2' })
  server.on('request', (request, response) => {
    route(request, response).then(
      (answer) => {
        if (answer === undefined || response.destroyed) return
        const type = typeof answer === 'string' ? 'application/jose' : 'application/json'
        const status = /\/(enroll|releases|forward)$/.test(String(request.url)) ? 201 : 200
        response.writeHead(status, { 'content-type': type, date: httpDate() })
        response.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
      },
      (error: unknown) => refuse(response, error),
    )
  })
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`

  /** Signs a command and hands it to the device at once where it listens. */
  async function command(device: KnownDevice, type: string, change: Partial<Command> = {}, key = tenantKey) {
    const made: Command = {
      id: uuidv7(),
      tenantId,
      deviceId: device.id,
      enrollmentId: device.enrollmentId,
      type,
      args: type === 'wipe' ? { wipeId: uuidv7(), scope: 'organisation-data' } : {},
      issuedAt: new Date(now()).toISOString(),
      expiresAt: new Date(now() + 86_400_000).toISOString(),
      nonce: commandNonce(),
      ...change,
    }
    const jws = await signCommand(made, key, kid)
    push(device, made, jws)
    return { command: made, jws }
  }

  function push(device: KnownDevice, made: Command, jws: string): void {
    device.waiting.set(made.id, { command: made, jws })
    device.stream?.write(`id: ${made.id}\nevent: command\ndata: ${jws}\n\n`)
  }

  return {
    url,
    ca: certificates.ca,
    state,
    command,
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
