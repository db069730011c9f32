import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Env } from '#server/kernel/env.ts'
import { createLog } from '#server/kernel/log.ts'
import { buildGateway, type GatewayOptions } from '../app.ts'

export type StartedGateway = {
  app: FastifyInstance
  url: string
  port: number
  /** PEM of the CA to trust. */
  ca: string
  caFile: string
  stop: () => Promise<void>
}

/** One address makes all requests of a test: its limits would be the test's. */
const NO_LIMITS = { burst: 1e9, perSecond: 1e9 }
const ROOMY = { device: NO_LIMITS, failures: NO_LIMITS, enroll: NO_LIMITS, refusedEnroll: NO_LIMITS }

type Options = { env?: Partial<Env>; rates?: GatewayOptions['rates']; port?: number; logLevel?: string }

/** The real gateway on a free port of the loopback, over TLS, with the data directory of the test. */
export async function startGateway(
  dataDir: string,
  { env, rates, port = 0, logLevel = 'fatal' }: Options = {},
): Promise<StartedGateway> {
  const gatewayPort = port || (await freePort())
  const url = `https://localhost:${gatewayPort}`
  const base = {
    dataDir,
    gatewayUrl: url,
    url: 'http://localhost:3000',
    host: '127.0.0.1',
    gatewayPort,
    trustedProxies: [],
  }
  const log = createLog('gateway', { level: logLevel })
  const app = await buildGateway({ env: { ...base, ...env }, log, rates: { ...ROOMY, ...rates } })
  await app.listen({ host: '127.0.0.1', port: gatewayPort })
  const caFile = join(dataDir, 'ca.pem')
  const ca = env?.tls ? '' : readFileSync(caFile, 'utf8')
  return { app, url, port: gatewayPort, ca, caFile, stop: () => app.close().then(() => undefined) }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
