import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Cidr } from '../../lib/client-address.ts'
import type { DeviceApi } from './device-api.d.mts'

export const CLIENT_ADDRESS_HEADER: 'x-gatehouse-client-ip'

export function createDoor(options: {
  url: string
  trustedProxies: readonly Cidr[]
  isDev?: boolean
  deviceApi?: DeviceApi
}): {
  /** Answers the request and returns false, or prepares it for the console and returns true. */
  admit(request: IncomingMessage, response: ServerResponse): boolean
}
