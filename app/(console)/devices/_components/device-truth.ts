import { captureMechanism } from '#protocol/policy/platforms.ts'
import type { DeviceView } from '#server/devices/schema.ts'

/** A key of the messages `devices.capture`: what this device can do about screenshots, by what it states and its platform can. */
export function captureKey({
  platform,
  osVersion,
  capabilities,
}: Pick<DeviceView, 'platform' | 'osVersion' | 'capabilities'>) {
  if (platform === 'browser') return capabilities.detectCapture ? 'browser' : 'none'
  if (capabilities.preventCapture && captureMechanism(platform, osVersion)) return 'prevents'
  return capabilities.preventCapture || capabilities.detectCapture ? 'detects' : 'none'
}

/** A key of the messages `devices.keys`: where the device's private keys lie. */
export function keysKey({ channel, capabilities }: Pick<DeviceView, 'channel' | 'capabilities'>) {
  return channel === 'browser' ? 'browser' : capabilities.keyStore
}

/** A key of the messages `devices.channel`. */
export function channelKey({ channel }: Pick<DeviceView, 'channel'>) {
  return channel === 'agent' || channel === 'browser' ? channel : 'import'
}
