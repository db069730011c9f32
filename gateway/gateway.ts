import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { resolveOrigin } from '#lib/client-address.ts'
import type { Env } from '#server/kernel/env.ts'
import type { ConsoleClient } from './console-client.ts'
import type { Access, AuthenticatedDevice, Authenticator } from './device-auth.ts'
import { type ConnectionTls, type PresenceRecorder, tlsOf } from './presence.ts'
import type { RateLimit } from './rate-limits.ts'
import type { CommandStreams } from './streams.ts'
import type { ProxiedAddress } from './tls/proxy-door.ts'

/** What every route is given. */
export type Gateway = {
  app: FastifyInstance
  env: Pick<Env, 'trustedProxies'>
  auth: Authenticator
  presence: PresenceRecorder
  streams: CommandStreams
  limits: { enroll: RateLimit; refusedEnroll: RateLimit }
  /** Set where a proxy speaks the PROXY protocol before TLS. */
  proxied: ProxiedAddress | undefined
  /** The client of a request that came by way of the console. */
  viaConsole: (message: IncomingMessage) => ConsoleClient | undefined
}

/** Told to every device with every answer, so that it fetches a policy as soon as there is a newer one. */
export const POLICY_VERSION_HEADER = 'gatehouse-policy-version'

type Handler = (call: { device: AuthenticatedDevice; request: FastifyRequest; reply: FastifyReply }) => Promise<unknown>
type Route = { method: 'GET' | 'POST'; url: string; access: Access; bodyLimit?: number }

/** A route below `/device/v1` for authenticated devices. Who asks is settled before a byte of the body is read. */
export function deviceRoute(
  gateway: Gateway,
  { method, url, access, bodyLimit = 64 * 1024 }: Route,
  handler: Handler,
): void {
  const devices = new WeakMap<FastifyRequest, AuthenticatedDevice>()
  gateway.app.route({
    method,
    url: `/device/v1${url}`,
    bodyLimit,
    exposeHeadRoute: false,
    onRequest: async (request, reply) => {
      const device = await gateway.auth.device(request, addressOf(gateway, request.raw), access)
      devices.set(request, device)
      reply.header(POLICY_VERSION_HEADER, String(device.policyVersion))
      gateway.presence.seen(device.actor, connectionOf(gateway, request.raw))
    },
    handler: async (request, reply) => {
      const device = devices.get(request)
      if (!device) throw new Error('a device route ran without a device')
      return handler({ device, request, reply })
    },
  })
}

/** How the device's own connection was negotiated: by way of the console it ends there. */
export function connectionOf({ viaConsole }: Pick<Gateway, 'viaConsole'>, message: IncomingMessage): ConnectionTls {
  return viaConsole(message)?.tls ?? tlsOf(message.socket)
}

/** The client's address: what the console or a trusted proxy says, else the peer's. */
export function addressOf(
  { env, proxied, viaConsole }: Pick<Gateway, 'env' | 'proxied' | 'viaConsole'>,
  message: IncomingMessage,
): string {
  const client = viaConsole(message)
  if (client) return client.address
  const { socket, headers } = message
  const peer = proxied?.(socket) ?? socket.remoteAddress
  const forwardedFor = Array.isArray(headers['x-forwarded-for'])
    ? headers['x-forwarded-for'].join(',')
    : headers['x-forwarded-for']
  return resolveOrigin({ peer, forwardedFor }, env.trustedProxies).address
}
