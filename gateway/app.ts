import type { Server } from 'node:https'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { isEnrollmentCurrent, markCommandsDelivered, waitingCommands } from '#server/devices/commands.ts'
import { newRequestId } from '#server/http/problem.ts'
import { now } from '#server/kernel/clock.ts'
import type { Env } from '#server/kernel/env.ts'
import { AppError } from '#server/kernel/errors.ts'
import { derivedKey } from '#server/kernel/keys.ts'
import { listenForChanges } from '#server/kernel/notify.ts'
import { consoleClients } from './console-client.ts'
import { createAuthenticator } from './device-auth.ts'
import type { Gateway } from './gateway.ts'
import { LoadGuard } from './load.ts'
import { createNonces } from './nonces.ts'
import { PresenceRecorder } from './presence.ts'
import { sendProblem } from './problems.ts'
import { DEFAULT_RATES, type GatewayRates, RateLimit } from './rate-limits.ts'
import { commandRoutes } from './routes/commands.ts'
import { enrollRoute } from './routes/enroll.ts'
import { eventsRoute } from './routes/events.ts'
import { fileRoutes } from './routes/files.ts'
import { healthRoutes } from './routes/health.ts'
import { logRoutes } from './routes/log.ts'
import { personRoutes } from './routes/person.ts'
import { stateRoutes } from './routes/state.ts'
import { CommandStreams } from './streams.ts'
import { givenCertificate, keepCertificateFresh, ownCertificate } from './tls/certificate.ts'
import { requireProxyHeader } from './tls/proxy-door.ts'
import { tlsSettings } from './tls/settings.ts'

export type GatewayOptions = {
  env: Pick<
    Env,
    'dataDir' | 'gatewayUrl' | 'url' | 'host' | 'gatewayPort' | 'tls' | 'trustedProxies' | 'gatewayProxyProtocol'
  >
  log: Logger
  rates?: Partial<GatewayRates>
}

const HANDSHAKE_TIMEOUT_MS = 10_000
const HEADERS_TIMEOUT_MS = 20_000
const REQUEST_TIMEOUT_MS = 120_000
/** Longer than the devices' own pause between requests. */
const KEEP_ALIVE_MS = 75_000
/** Streams and polls are told to go; what is still at work after this is cut. */
const CLOSE_GRACE_MS = 1_000

/** The whole gateway, ready to listen; `close` ends it in order. */
export async function buildGateway({ env, log, rates }: GatewayOptions): Promise<FastifyInstance> {
  const source = env.tls ? givenCertificate(env.tls) : ownCertificate({ ...env, now })
  const app = await createApp({ ...tlsSettings(), ...(await source.current()) })
  // Fastify makes an https server of the options above.
  const server = app.server as unknown as Server
  const all = { ...DEFAULT_RATES, ...rates }
  const auth = createAuthenticator({
    nonces: createNonces(derivedKey('dpop-nonce')),
    origins: originsOf(env),
    limits: { device: new RateLimit(all.device), failures: new RateLimit(all.failures) },
  })
  const gateway: Gateway = {
    app,
    env,
    auth,
    presence: new PresenceRecorder(log),
    streams: new CommandStreams(
      { waiting: waitingCommands, delivered: markCommandsDelivered, isCurrent: isEnrollmentCurrent },
      log,
    ),
    limits: { enroll: new RateLimit(all.enroll), refusedEnroll: new RateLimit(all.refusedEnroll) },
    viaConsole: consoleClients(env.dataDir),
    proxied: env.gatewayProxyProtocol ? requireProxyHeader(server, env.trustedProxies) : undefined,
  }
  answerProblems(gateway, log)
  shedLoad(app)
  healthRoutes(app)
  for (const routes of [enrollRoute, stateRoutes, commandRoutes, eventsRoute, fileRoutes, personRoutes, logRoutes])
    routes(gateway)
  const stops = [keepCertificateFresh(server, source, log), listenForChanges(gateway.streams.onChange)]
  closeInOrder(gateway, server, stops)
  return app
}

async function createApp(https: object): Promise<FastifyInstance> {
  const app = Fastify({
    https: { ...https, handshakeTimeout: HANDSHAKE_TIMEOUT_MS },
    logger: false,
    bodyLimit: 64 * 1024,
    genReqId: newRequestId,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS, maxHeaderSize: 16 * 1024 },
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    routerOptions: { maxParamLength: 200 },
  } as Parameters<typeof Fastify>[0])
  app.addContentTypeParser('application/jose', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  // Read by its own route, line by line.
  app.addContentTypeParser('application/x-ndjson', (_request, payload, done) => done(null, payload))
  return app as unknown as FastifyInstance
}

/** Names under which this gateway is addressed; the console's own, too: `/workspace` reaches it through there. */
function originsOf({ gatewayUrl, url, gatewayPort }: GatewayOptions['env']): Set<string> {
  const local = ['localhost', '127.0.0.1', '[::1]'].map((host) => `https://${host}:${gatewayPort}`)
  return new Set([gatewayUrl, url, ...local].map((origin) => new URL(origin).origin))
}

function answerProblems({ app, auth }: Gateway, log: Logger): void {
  app.setErrorHandler((error, request, reply) => {
    if (error instanceof AppError && error.code === 'use_dpop_nonce') reply.header('dpop-nonce', auth.freshNonce())
    return sendProblem(error, request, reply, log)
  })
  app.setNotFoundHandler((request, reply) =>
    sendProblem(new AppError('not_found', { detail: 'There is nothing here.' }), request, reply, log),
  )
}

function shedLoad(app: FastifyInstance): void {
  const load = new LoadGuard()
  const isExempt = (url: string) => url === '/healthz' || url === '/readyz'
  app.addHook('onRequest', async (request, reply) => {
    if (isExempt(request.url)) return
    load.enter()
    // However it ends: answered, cut off, or a stream (which counts while it is being set up only).
    const leave = once(() => load.leave())
    reply.raw.once('close', leave)
    if (request.headers.accept?.includes('text/event-stream')) setImmediate(leave)
  })
  app.addHook('onClose', async () => load.close())
}

function once(run: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) run()
    isDone = true
  }
}

function closeInOrder({ app, streams, presence }: Gateway, server: Server, stops: readonly (() => void)[]): void {
  app.addHook('preClose', async () => {
    streams.close()
    for (const stop of stops) stop()
    setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS).unref()
  })
  app.addHook('onClose', async () => presence.close())
}
