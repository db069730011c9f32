import type { IncomingMessage, ServerResponse } from 'node:http'

export interface DeviceApi {
  /** Whether a path belongs to the device API. */
  serves(url: string | undefined): boolean
  /** Hands a request on to the gateway of this machine, as the client at `address` made it; both bodies stream. */
  forward(request: IncomingMessage, response: ServerResponse, address: string): void
}

export function createDeviceApi(env: {
  host: string
  gatewayPort: number
  gatewayUrl: string
  dataDir: string
  tls?: { certFile: string } | undefined
}): DeviceApi
